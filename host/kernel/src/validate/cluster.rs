//! Checks against the cluster: whether a job can ever run here, with what, and whether a node can join.

use std::collections::BTreeMap;

use super::Invalid;
use super::form::check_target;
use super::graph::{any_depends, levels};
use super::needs::check_needs;
use super::selection::{check_feasible, check_groups};
use crate::limits::{CORES_PER_NODE_MAX, NODES_MAX, UNITS_MAX};
use crate::{JobSpec, NodeSpec, State, TaskKind, TaskSpec, Unit};

/// What validation finds out on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Units to start with at least.
    pub min: u32,
    /// Units to be given at most.
    pub max: u32,
}

/// Checks against the cluster, and what minimum and maximum the job has. Done when a job is submitted.
///
/// What a job does not say itself comes from its tasks (`AutoCalculateMin`, `AutoCalculateMax`): at least the largest
/// minimum of a task; at most the sum of the maxima of those that can run at once, which are those of one level
/// of the dependency graph.
pub fn check_job(
    state: &State,
    spec: &JobSpec,
    tasks: &[impl AsRef<TaskSpec>],
) -> Result<Checked, Invalid> {
    let ordinary = || {
        tasks
            .iter()
            .map(AsRef::as_ref)
            .filter(|t| t.kind.is_ordinary())
    };
    let task_min = ordinary().map(|t| t.min).max().unwrap_or(1);
    let min = spec.min.unwrap_or(task_min);
    let max = match spec.max {
        Some(max) => max,
        None => (most_at_once(tasks)?.min(u64::from(UNITS_MAX)) as u32).max(min),
    };
    if spec.single_node && spec.unit == Unit::Node && min > 1 {
        return Err(Invalid::SingleNodeOfMany { min });
    }
    let limit = state.parameters().excluded_nodes_limit;
    if spec.excluded_nodes.len() > limit as usize {
        return Err(Invalid::TooManyExcluded {
            count: spec.excluded_nodes.len(),
            max: limit,
        });
    }
    check_feasible(state, spec, min)?;
    let needed = check_needs(state, spec, tasks)?;
    let min = min.max(needed);
    let max = max.max(min);
    check_target(spec.target, Some(min), Some(max))?;
    Ok(Checked { min, max })
}

/// Units that tasks could use which can run at once: those of one level.
fn most_at_once(tasks: &[impl AsRef<TaskSpec>]) -> Result<u64, Invalid> {
    let units = |task: &TaskSpec| match (task.kind, task.kind.instances()) {
        (TaskKind::Service, _) => u64::from(UNITS_MAX),
        (_, Some((first, last))) => u64::from(last - first + 1) * u64::from(task.max),
        (_, None) => 0,
    };
    let all = tasks.iter().map(AsRef::as_ref);
    if !any_depends(tasks) {
        return Ok(all.map(units).sum());
    }
    let mut at_once: BTreeMap<usize, u64> = BTreeMap::new();
    for (level, task) in levels(tasks)?.into_iter().zip(all) {
        *at_once.entry(level).or_default() += units(task);
    }
    Ok(at_once.values().copied().max().unwrap_or_default())
}

/// Whether a node can join the pool.
pub fn check_node(state: &State, spec: &NodeSpec) -> Result<(), Invalid> {
    let fail = |what: String| {
        Err(Invalid::Node {
            name: spec.name.clone(),
            what,
        })
    };
    match spec {
        s if s.name.is_empty() || s.name.len() > 255 => fail("a name has 1 to 255 bytes".into()),
        s if s
            .name
            .contains(|c: char| c.is_whitespace() || c.is_control() || c == ',') =>
        {
            fail("a name has no white space, comma or control character".into())
        }
        s if s.cores == 0 || s.cores > CORES_PER_NODE_MAX => fail(format!(
            "{} cores are not from 1 to {CORES_PER_NODE_MAX}",
            s.cores
        )),
        s if s.sockets == 0 || s.sockets > s.cores => fail(format!(
            "{} sockets are not from 1 to its {} cores",
            s.sockets, s.cores
        )),
        s if s.gpus > CORES_PER_NODE_MAX => fail(format!(
            "{} GPUs are more than {CORES_PER_NODE_MAX}",
            s.gpus
        )),
        s if state.node_by_name(&s.name).is_some() => {
            fail("there is a node of that name already".into())
        }
        _ if state.nodes.len() >= NODES_MAX => fail(format!(
            "the pool has {NODES_MAX} nodes, which is the limit"
        )),
        s => check_groups(&format!("node \"{}\"", s.name), &s.groups),
    }
}
