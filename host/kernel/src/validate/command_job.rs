//! Checks of command jobs. They hold no cores, so whether there are enough is not asked; they need nodes, in whatever state.

use super::{Checked, Invalid, check_job};
use crate::{JobKind, JobSpec, NodeId, State, TaskSpec};

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

/// Whether a command job can start, and where: on the nodes that it names, or on all.
fn check_command_job(
    state: &State,
    spec: &JobSpec,
    tasks: &[impl AsRef<TaskSpec>],
) -> Result<Checked, Invalid> {
    let mut numbered = (1..).zip(tasks.iter().map(AsRef::as_ref));
    if let Some((task, _)) = numbered.find(|(_, task)| !task.depends_on.is_empty()) {
        return Err(Invalid::CommandJobDependency { task });
    }
    let all = spec.requested_nodes.iter().chain(&spec.excluded_nodes);
    if let Some(name) = all
        .into_iter()
        .find(|name| state.node_by_name(name).is_none())
    {
        let known: Vec<_> = state
            .nodes()
            .map(|node| node.spec.name.as_str())
            .take(10)
            .collect();
        return Err(Invalid::UnknownNode {
            name: name.clone(),
            known: known.join(", "),
        });
    }
    let named = |names: &[String], name: &String| names.contains(name);
    let may_use = |name: &String| {
        (spec.requested_nodes.is_empty() || named(&spec.requested_nodes, name))
            && !named(&spec.excluded_nodes, name)
    };
    let nodes = state.nodes().filter(|node| may_use(&node.spec.name));
    let candidates: Vec<NodeId> = nodes.map(|node| node.id).collect();
    match candidates.is_empty() {
        true => Err(Invalid::CommandJobWithoutNode),
        false => Ok(Checked {
            min: 1,
            max: 1,
            candidates: Some(candidates),
        }),
    }
}
