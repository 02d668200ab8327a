//! The ranked policy `ranked`: backfill, in the order that a ranker says.
//!
//! Composed with a ranker it is a scheduling policy: `jobyard policy compose ranked formula`. Jobs are tried in the order of their ranks,
//! the smallest first, within bands of equal priority or across them; equal ranks in the order of the queue. How jobs behind the first one
//! that waits are let past is that of the policy `backfill`, see [`jobyard_plugin_sdk::easy`], or conservative, see
//! [`jobyard_plugin_sdk::conservative`]. What the ranker is told is kept in `told`, the order of its ranks in `line`. The component is made
//! from [`Ranked`]; natively it is used by tests with rankers that are native too.

mod line;
mod ranked;
mod settings;
mod told;

pub use ranked::Ranked;
pub use settings::{Backfill, Settings};

jobyard_plugin_sdk::ranked_policy_component!(crate::Ranked<jobyard_plugin_sdk::ranker::Imported>);
