//! The ranker `multifactor`: a weighted sum of age, size, fair share, priority and deadline, each from 0 to 1.
//!
//! The shape of Slurm's multifactor priority plugin, of Maui before it; the deadline is added. `docs/policies/multifactor.md` has the
//! formula. The component is made from [`Multifactor`]; natively it is used by tests.

mod factors;
mod settings;

pub use factors::Multifactor;
pub use settings::Settings;

jobyard_plugin_sdk::ranker_component!(crate::Multifactor);
