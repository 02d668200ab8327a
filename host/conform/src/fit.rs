//! Whether a job would fit: what the kit knows of that by itself, from the kernel's state.

use std::collections::BTreeSet;

use jobyard_kernel::{Job, Node, State};

/// Whether a queued job is free to start and could run if nothing else ran on the nodes that take jobs.
pub(crate) fn is_possible(state: &State, job: &Job) -> bool {
    job.may_start() && holds(state, job, |node| job.spec.unit.of_node(&node.spec))
}

/// Whether a queued job is free to start and fits into what is free now.
pub(crate) fn fits_now(state: &State, job: &Job) -> bool {
    job.may_start() && holds(state, job, |node| state.free_units(job, node))
}

/// Whether the nodes that a job may have come to its minimum, in units of each.
fn holds(state: &State, job: &Job, units: impl Fn(&Node) -> u32) -> bool {
    let usable = |node: &&Node| node.takes_jobs() && state.is_candidate(job, node.id);
    let nodes: Vec<&Node> = state.nodes().filter(usable).collect();
    let enough = |nodes: &mut dyn Iterator<Item = &&Node>| {
        let units = nodes.map(|node| u64::from(units(node)));
        let most = match job.spec.single_node {
            true => units.max().unwrap_or(0),
            false => units.sum(),
        };
        most >= u64::from(job.min)
    };
    let set = state.sets().find(|(id, _)| *id == job.candidates);
    let uniform = set.and_then(|(_, set)| set.selector.uniform_groups());
    match uniform {
        None => enough(&mut nodes.iter()),
        Some(groups) => {
            let groups: BTreeSet<&String> = groups.iter().collect();
            let mut groups = groups.into_iter();
            groups.any(|group| {
                enough(&mut nodes.iter().filter(|node| node.spec.groups.contains(group)))
            })
        }
    }
}
