//! What can be said of a job before it is queued: is it well formed, can it ever run here?
//!
//! The rules are those of HPC Pack's validation (reference 6.5) as far as this kernel has what they are about.

mod cluster;
mod command_job;
mod form;
mod graph;
mod invalid;
mod needs;
mod release;
mod selection;
mod template;

pub use cluster::{Checked, check_job, check_node};
pub(crate) use command_job::check_any_job;
pub use form::check_form;
pub(crate) use form::{check_environment, check_target};
pub use invalid::Invalid;
pub(crate) use release::check_release;
pub(crate) use selection::check_groups;
pub(crate) use template::{check_allowed, check_template, unknown_template};
