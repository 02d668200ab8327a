//! Checks of command jobs. They hold no cores, so whether there are enough is not asked; they need nodes, in whatever state.

use super::needs::check_needs;
use super::selection::check_names;
use super::{Checked, Invalid, check_job};
use crate::{JobKind, JobSpec, Selector, State, TaskSpec};

/// What a job comes to on this cluster, whatever kind of job it is.
pub(crate) fn check_any_job(
    state: &State,
    spec: &JobSpec,
    tasks: &[impl AsRef<TaskSpec>],
) -> Result<Checked, Invalid> {
    match spec.kind {
        JobKind::Batch => check_job(state, spec, tasks),
        JobKind::Command => check_command_job(state, spec, tasks),
    }
}

/// Whether a command job can start, and where: on the nodes that it allows, or on all.
fn check_command_job(
    state: &State,
    spec: &JobSpec,
    tasks: &[impl AsRef<TaskSpec>],
) -> Result<Checked, Invalid> {
    let mut numbered = (1..).zip(tasks.iter().map(AsRef::as_ref));
    if let Some((task, _)) = numbered.find(|(_, task)| !task.depends_on.is_empty()) {
        return Err(Invalid::CommandJobDependency { task });
    }
    if !state.parameters().disable_resource_validation {
        check_names(state, spec)?;
    }
    check_needs(state, spec, tasks)?;
    let selector = Selector::of(spec);
    match state.nodes().any(|node| selector.allows(&node.spec)) {
        true => Ok(Checked { min: 1, max: 1 }),
        false => Err(Invalid::CommandJobWithoutNode),
    }
}
