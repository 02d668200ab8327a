//! Which nodes a job may run on, and in which order the site or its user would rather have them.
//!
//! A selector is what a job says of nodes; jobs that say the same share one candidate set, which follows the nodes and their
//! groups as they come and change. Used by validation and by `apply`, which keeps the sets.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::needs::Needed;
use crate::{GroupOp, JobSpec, Node, NodeId, NodeProperty, NodeSpec, OrderBy};

/// What a job says of the nodes that it may run on. All that it says must hold. Or what its tasks need of certain nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Selector {
    pub(crate) requested: BTreeSet<String>,
    pub(crate) excluded: BTreeSet<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) op: GroupOp,
    pub(crate) memory_mb: (Option<u64>, Option<u64>),
    pub(crate) cores: (Option<u32>, Option<u32>),
    pub(crate) order_by: Vec<OrderBy>,
    /// Of a set that a job must have something of.
    #[serde(default)]
    pub(crate) needed: Needed,
}

/// A node's place in the order of preference: the group that it is first found in, what the job sorts by, the site's order.
type Place = (usize, Vec<Reverse<u64>>, NodeId);

impl Selector {
    /// What a job says.
    pub fn of(spec: &JobSpec) -> Self {
        Selector {
            requested: spec.requested_nodes.iter().cloned().collect(),
            excluded: spec.excluded_nodes.iter().cloned().collect(),
            groups: spec.node_groups.clone(),
            op: spec.node_group_op,
            memory_mb: (
                spec.memory_mb_min.max(spec.process_memory_mb),
                spec.memory_mb_max,
            ),
            cores: (spec.cores_per_node_min, spec.cores_per_node_max),
            order_by: spec.order_by.clone(),
            needed: Needed::Nothing,
        }
    }

    /// Whether a job says nothing of nodes: it may run on any, in no order. Most do.
    pub fn is_not_needed(spec: &JobSpec) -> bool {
        spec.requested_nodes.is_empty()
            && spec.excluded_nodes.is_empty()
            && spec.node_groups.is_empty()
            && (spec.memory_mb_min, spec.memory_mb_max) == (None, None)
            && spec.process_memory_mb.is_none()
            && (spec.cores_per_node_min, spec.cores_per_node_max) == (None, None)
            && spec.order_by.is_empty()
    }

    /// Whether it allows a node. A node of which the memory is not known has none.
    pub fn allows(&self, spec: &NodeSpec) -> bool {
        let is_in = |group: &String| spec.groups.contains(group);
        let grouped = match self.op {
            GroupOp::Intersect => self.groups.iter().all(is_in),
            GroupOp::Union | GroupOp::Uniform => {
                self.groups.is_empty() || self.groups.iter().any(is_in)
            }
        };
        (self.requested.is_empty() || self.requested.contains(&spec.name))
            && !self.excluded.contains(&spec.name)
            && grouped
            && within(spec.memory_mb, self.memory_mb)
            && within(spec.cores, self.cores)
    }

    /// The groups that a job's nodes must have one of in common, in the order in which they are to be tried; none where nothing
    /// of the kind was asked for.
    pub fn uniform_groups(&self) -> Option<&[String]> {
        match self.op {
            GroupOp::Uniform if !self.groups.is_empty() => Some(&self.groups),
            GroupOp::Uniform | GroupOp::Intersect | GroupOp::Union => None,
        }
    }

    /// The groups whose nodes are parts of its own.
    pub(crate) fn parts(&self) -> &[String] {
        match self.least() {
            Some(_) => &self.groups,
            None => self.uniform_groups().unwrap_or(&[]),
        }
    }

    /// What it would be if the one group at this place were the only one that it names.
    pub(crate) fn part(&self, group: usize) -> Selector {
        Selector {
            groups: self.groups.get(group).cloned().into_iter().collect(),
            needed: Needed::Nothing,
            ..self.clone()
        }
    }

    /// The nodes that it allows, in the order of preference. Where each is needed, none as long as one is not there.
    pub(crate) fn nodes<'a>(&self, nodes: impl Iterator<Item = &'a Node>) -> Vec<NodeId> {
        let allowed = nodes.filter(|node| self.allows(&node.spec));
        let mut places: Vec<Place> = allowed.map(|node| self.place(node)).collect();
        if self.needed == Needed::Nodes && places.len() < self.requested.len() {
            return Vec::new();
        }
        places.sort_unstable();
        places.into_iter().map(|(_, _, id)| id).collect()
    }

    fn place(&self, node: &Node) -> Place {
        let spec = &node.spec;
        let of = |by: &OrderBy| {
            let much = match by.property {
                NodeProperty::Cores => u64::from(spec.cores),
                NodeProperty::Memory => spec.memory_mb,
            };
            Reverse(if by.fewest_first {
                u64::MAX - much
            } else {
                much
            })
        };
        let first_group = self.uniform_groups().map_or(0, |groups| {
            let found = groups.iter().position(|g| spec.groups.contains(g));
            found.unwrap_or(groups.len())
        });
        (first_group, self.order_by.iter().map(of).collect(), node.id)
    }
}

fn within<T: PartialOrd>(value: T, (least, most): (Option<T>, Option<T>)) -> bool {
    least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, State, Timestamp, step};

    /// Name, cores, memory, groups.
    const NODES: [(&str, u32, u64, &[&str]); 4] = [
        ("n1", 4, 1_000, &["old"]),
        ("n2", 8, 4_000, &["fast", "old"]),
        ("n3", 16, 4_000, &["fast"]),
        ("n4", 16, 8_000, &["gpu"]),
    ];

    fn names(change: impl Fn(&mut JobSpec)) -> Vec<u32> {
        let mut state = State::new();
        for (name, cores, memory_mb, groups) in NODES {
            let add = Command::AddNode(NodeSpec {
                name: name.into(),
                cores,
                memory_mb,
                groups: groups.iter().map(ToString::to_string).collect(),
                ..NodeSpec::default()
            });
            step(&mut state, &add, Timestamp(0), &mut Vec::new()).expect("a good node");
        }
        let mut spec = JobSpec::default();
        change(&mut spec);
        let chosen = Selector::of(&spec).nodes(state.nodes());
        chosen.into_iter().map(|id| id.0).collect()
    }

    fn groups(groups: &[&str], op: GroupOp) -> Vec<u32> {
        names(|spec| {
            spec.node_groups = groups.iter().map(ToString::to_string).collect();
            spec.node_group_op = op;
        })
    }

    #[test]
    fn groups_are_joined_in_three_ways() {
        let both = ["gpu", "fast"];
        assert_eq!(groups(&[], GroupOp::Union), [1, 2, 3, 4]);
        assert_eq!(groups(&["old", "fast"], GroupOp::Intersect), [2]);
        assert!(groups(&both, GroupOp::Intersect).is_empty());
        assert_eq!(groups(&both, GroupOp::Union), [2, 3, 4]);
        assert_eq!(groups(&both, GroupOp::Uniform), [4, 2, 3]);
    }

    #[test]
    fn filters_and_order() {
        assert_eq!(names(|s| s.memory_mb_min = Some(4_000)), [2, 3, 4]);
        assert_eq!(names(|s| s.memory_mb_max = Some(4_000)), [1, 2, 3]);
        assert_eq!(names(|s| s.cores_per_node_min = Some(9)), [3, 4]);
        assert_eq!(names(|s| s.cores_per_node_max = Some(8)), [1, 2]);
        let by = |property, fewest_first| OrderBy {
            property,
            fewest_first,
        };
        let cores = by(NodeProperty::Cores, false);
        let memory = by(NodeProperty::Memory, true);
        assert_eq!(names(|s| s.order_by = vec![cores]), [3, 4, 2, 1]);
        assert_eq!(names(|s| s.order_by = vec![memory]), [1, 2, 3, 4]);
        let two = vec![
            by(NodeProperty::Memory, false),
            by(NodeProperty::Cores, true),
        ];
        assert_eq!(names(|s| s.order_by.clone_from(&two)), [4, 2, 3, 1]);
    }

    #[test]
    fn nothing_said_is_anything() {
        let op = GroupOp::Union;
        let mut spec = JobSpec {
            node_group_op: op,
            ..JobSpec::default()
        };
        let nothing = Selector {
            op,
            ..Selector::default()
        };
        let is_said = |spec: &JobSpec| {
            let said = !Selector::is_not_needed(spec);
            assert_eq!(said, Selector::of(spec) != nothing);
            said
        };
        assert!(!is_said(&spec));
        let sayings: [fn(&mut JobSpec); 9] = [
            |s| s.requested_nodes = vec!["n1".into()],
            |s| s.excluded_nodes = vec!["n1".into()],
            |s| s.node_groups = vec!["old".into()],
            |s| s.memory_mb_min = Some(1),
            |s| s.memory_mb_max = Some(1),
            |s| s.process_memory_mb = Some(1),
            |s| s.cores_per_node_min = Some(1),
            |s| s.cores_per_node_max = Some(1),
            |s| {
                s.order_by = vec![OrderBy {
                    property: NodeProperty::Cores,
                    fewest_first: false,
                }];
            },
        ];
        for say in sayings {
            let before = spec.clone();
            say(&mut spec);
            assert!(is_said(&spec), "{spec:?}");
            spec = before;
        }
    }
}
