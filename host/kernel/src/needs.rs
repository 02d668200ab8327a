//! What a job must have of certain nodes because of its tasks: nodes that a task requires, node groups that a task asks for.
//!
//! A job starts with all of it, and gives none of it back while it runs. What it comes to is a candidate set of its own
//! (`job.required` in `wit/policy.wit`), so policies know it too. Where tasks are put is `place`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{GroupOp, Job, NodeId, Selector, State, Task, TaskSpec};

/// What of a set a job must have.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
pub(crate) enum Needed {
    /// It is one to choose from.
    #[default]
    Nothing,
    /// A unit of each node.
    Nodes,
    /// So many units of each of the groups, in their order.
    Groups(Vec<u32>),
}

impl Selector {
    /// What these tasks need of certain nodes; none where they need nothing of the kind.
    pub(crate) fn needed_by<'a>(tasks: impl Iterator<Item = &'a TaskSpec>) -> Option<Selector> {
        let mut nodes: BTreeSet<&str> = BTreeSet::new();
        let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
        for task in tasks {
            nodes.extend(task.required_nodes.iter().map(String::as_str));
            if let Some(group) = &task.node_group {
                let least = groups.entry(group).or_default();
                *least = task.min.max(*least);
            }
        }
        // Validation keeps the two apart.
        match (nodes.is_empty(), groups.is_empty()) {
            (true, true) => None,
            (false, _) => Some(Selector {
                requested: nodes.into_iter().map(String::from).collect(),
                needed: Needed::Nodes,
                ..Selector::default()
            }),
            (true, false) => Some(Selector {
                needed: Needed::Groups(groups.values().copied().collect()),
                groups: groups.into_keys().map(String::from).collect(),
                op: GroupOp::Union,
                ..Selector::default()
            }),
        }
    }

    /// Of each part how many units a job must have, where that is what it is about.
    pub(crate) fn least(&self) -> Option<&[u32]> {
        match &self.needed {
            Needed::Groups(least) => Some(least),
            Needed::Nothing | Needed::Nodes => None,
        }
    }
}

impl TaskSpec {
    /// Whether it must have something of certain nodes. Most take what their job has.
    pub(crate) fn needs_certain_nodes(&self) -> bool {
        !self.required_nodes.is_empty() || self.node_group.is_some()
    }
}

/// What the tasks of a job need that may still run.
pub(crate) fn needed_by(job: &Job) -> Option<Selector> {
    let open = |task: &&Task| task.spec.kind.is_ordinary() && !task.draft && !task.is_ended();
    let needs = |task: &&Task| task.spec.needs_certain_nodes();
    let mut tasks = job.tasks.iter().filter(needs).filter(open).peekable();
    tasks.peek()?;
    Selector::needed_by(tasks.map(|task| &*task.spec))
}

/// One thing that a job needs of certain nodes.
#[derive(Debug)]
pub struct Need<'a> {
    /// The node, or the group.
    pub name: &'a str,
    /// Whether it is a node.
    pub is_node: bool,
    /// The node, or those of the group; none when they are not there.
    pub nodes: Vec<NodeId>,
    /// Units of them together.
    pub least: u32,
}

/// As what a job would lack: `node n1`, `node group "gpu"`.
impl fmt::Display for Need<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_node {
            true => write!(f, "node {}", self.name),
            false => write!(f, "node group \"{}\"", self.name),
        }
    }
}

impl State {
    /// What a job needs of certain nodes because of its tasks: at its start, and as long as it runs.
    pub fn needs(&self, job: &Job) -> Vec<Need<'_>> {
        let Some(set) = self.sets.get(&job.required) else {
            return Vec::new();
        };
        let selector = &set.selector;
        match &selector.needed {
            Needed::Nothing => Vec::new(),
            Needed::Nodes => (selector.requested.iter())
                .map(|name| Need {
                    name,
                    is_node: true,
                    nodes: self.node_by_name(name).map(|n| n.id).into_iter().collect(),
                    least: 1,
                })
                .collect(),
            Needed::Groups(least) => (selector.groups.iter().zip(least))
                .map(|(name, &least)| {
                    let in_it = |id: &&NodeId| {
                        let node = self.node(**id);
                        node.is_some_and(|n| n.spec.groups.contains(name))
                    };
                    Need {
                        name,
                        is_node: false,
                        nodes: set.nodes.iter().filter(in_it).copied().collect(),
                        least,
                    }
                })
                .collect(),
        }
    }

    /// The first need of a job that is not met by so many units of each node.
    pub(crate) fn unmet(&self, job: &Job, units: impl Fn(NodeId) -> u32) -> Option<Need<'_>> {
        let mut needs = self.needs(job).into_iter();
        needs.find(|need| {
            let had: u64 = need.nodes.iter().map(|&node| u64::from(units(node))).sum();
            had < u64::from(need.least)
        })
    }

    /// Whether all that a job still needs is among what it was found to need.
    pub(crate) fn covers_needs(&self, job: &Job) -> bool {
        let Some(wanted) = needed_by(job) else {
            return true;
        };
        let Some(set) = self.sets.get(&job.required) else {
            return false;
        };
        match (&wanted.needed, &set.selector.needed) {
            (Needed::Nodes, Needed::Nodes) => wanted.requested.is_subset(&set.selector.requested),
            (Needed::Groups(wanted_least), Needed::Groups(least)) => {
                let least_of = |group| {
                    let at = set.selector.groups.iter().position(|g| g == group);
                    at.map_or(0, |at| least[at])
                };
                let mut each = wanted.groups.iter().zip(wanted_least);
                each.all(|(group, &wanted)| least_of(group) >= wanted)
            }
            _ => false,
        }
    }
}

/// What a running job may give away of its nodes without lacking what its tasks need.
pub(crate) struct Spare {
    /// The nodes of each need, and the units that it holds of them beyond that.
    needs: Vec<(Vec<NodeId>, u32)>,
}

impl Spare {
    /// What it keeps counts, not the nodes that are leaving it.
    pub(crate) fn of(state: &State, job: &Job) -> Spare {
        let held = |node: &NodeId| {
            let share = job.shares.get(node).filter(|s| !s.phase.is_leaving());
            share.map_or(0, |share| state.units_of_share(job, *node, share))
        };
        let over = |need: Need<'_>| {
            let held: u32 = need.nodes.iter().map(held).sum();
            (need.nodes, held.saturating_sub(need.least))
        };
        Spare {
            needs: state.needs(job).into_iter().map(over).collect(),
        }
    }

    /// How many units of a node may go.
    pub(crate) fn on(&self, node: NodeId) -> u32 {
        let about = self.needs.iter().filter(|(nodes, _)| nodes.contains(&node));
        about.map(|&(_, spare)| spare).min().unwrap_or(u32::MAX)
    }

    /// So many go.
    pub(crate) fn give(&mut self, node: NodeId, units: u32) {
        let about = self.needs.iter_mut();
        for (_, spare) in about.filter(|(nodes, _)| nodes.contains(&node)) {
            *spare = spare.saturating_sub(units);
        }
    }
}
