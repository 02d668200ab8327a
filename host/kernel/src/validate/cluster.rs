//! Checks against the cluster: whether a job can ever run here, with what, and whether a node can join.

use std::collections::{BTreeMap, BTreeSet};

use super::Invalid;
use super::graph::levels;
use crate::limits::{CORES_PER_NODE_MAX, NODES_MAX, UNITS_MAX};
use crate::{JobSpec, NodeId, NodeSpec, NodeState, State, TaskSpec};

/// What validation finds out on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Units to start with at least.
    pub min: u32,
    /// Units to be given at most.
    pub max: u32,
    /// Where it may run; none: everywhere.
    pub candidates: Option<Vec<NodeId>>,
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
        None => {
            let mut at_once: BTreeMap<usize, u64> = BTreeMap::new();
            for (level, task) in levels(tasks)?
                .into_iter()
                .zip(tasks.iter().map(AsRef::as_ref))
            {
                if let Some((first, last)) = task.kind.instances() {
                    *at_once.entry(level).or_default() +=
                        u64::from(last - first + 1) * u64::from(task.max);
                }
            }
            let sum = at_once.values().copied().max().unwrap_or(1);
            (sum.min(u64::from(UNITS_MAX)) as u32).max(min)
        }
    };
    let candidates = candidates(state, spec)?;
    let nodes = state.nodes().filter(|n| {
        candidates
            .as_ref()
            .is_none_or(|c| c.binary_search(&n.id).is_ok())
    });
    let nodes = nodes.filter(|n| n.state != NodeState::Offline);
    let (mut cores, mut largest, mut count) = (0u64, 0, 0usize);
    for node in nodes {
        cores += u64::from(node.spec.cores);
        largest = largest.max(node.spec.cores);
        count += 1;
    }
    if u64::from(min) > cores {
        let nodes = if count == 1 {
            "node".to_string()
        } else {
            format!("{count} nodes")
        };
        return Err(Invalid::NotEnoughCores { min, cores, nodes });
    }
    if spec.single_node && min > largest {
        return Err(Invalid::NoNodeLargeEnough { min, largest });
    }
    Ok(Checked {
        min,
        max,
        candidates,
    })
}

fn candidates(state: &State, spec: &JobSpec) -> Result<Option<Vec<NodeId>>, Invalid> {
    let limit = state.parameters().excluded_nodes_limit;
    if spec.excluded_nodes.len() > limit as usize {
        return Err(Invalid::TooManyExcluded {
            count: spec.excluded_nodes.len(),
            max: limit,
        });
    }
    if spec.requested_nodes.is_empty() && spec.excluded_nodes.is_empty() {
        return Ok(None);
    }
    let ids: BTreeMap<&str, NodeId> = state
        .nodes()
        .map(|n| (n.spec.name.as_str(), n.id))
        .collect();
    let by_name = |name: &String| match ids.get(name.as_str()) {
        Some(&id) => Ok(id),
        None => {
            let mut known: Vec<&str> = state
                .nodes()
                .map(|n| n.spec.name.as_str())
                .take(10)
                .collect();
            if state.nodes().nth(10).is_some() {
                known.push("…");
            }
            Err(Invalid::UnknownNode {
                name: name.clone(),
                known: known.join(", "),
            })
        }
    };
    let requested = spec
        .requested_nodes
        .iter()
        .map(by_name)
        .collect::<Result<BTreeSet<_>, _>>()?;
    let excluded = spec
        .excluded_nodes
        .iter()
        .map(by_name)
        .collect::<Result<BTreeSet<_>, _>>()?;
    let all = state.nodes().map(|n| n.id);
    let wanted =
        |n: &NodeId| (requested.is_empty() || requested.contains(n)) && !excluded.contains(n);
    Ok(Some(all.filter(wanted).collect()))
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
        _ => Ok(()),
    }
}
