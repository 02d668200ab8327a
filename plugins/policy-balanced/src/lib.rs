//! The scheduling policy `balanced`: HPC Pack's balanced mode. As many jobs as possible run with their minimum; what is left is divided
//! between them by priority, again and again.
//!
//! [`divide`] is the arithmetic, `pools` what each resource pool is owed, `rebalance` who is given more and who gives back.
//! The component is made from [`Balanced`]; natively it is used by tests.

mod divide;
mod policy;
mod pools;
mod rebalance;
mod settings;

pub use divide::{Claim, divide};
pub use policy::Balanced;
pub use settings::Settings;

jobyard_plugin_sdk::policy_component!(crate::Balanced);
