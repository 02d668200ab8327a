//! The scheduling policy `conservative`: every job that waits has a reservation, given out in the order of the queue, and a
//! job starts out of turn only where that delays none of them.
//!
//! The algorithm is [`jobyard_plugin_sdk::conservative`]. The component is made from [`Conservative`]; natively it is used by
//! tests.

mod policy;
mod settings;

pub use policy::Conservative;
pub use settings::Settings;

jobyard_plugin_sdk::policy_component!(crate::Conservative);
