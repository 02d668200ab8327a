//! Rows about nodes that tasks require, and node groups that they ask for.

use jobyard_kernel::{GroupOp, JobSpec, TaskKind, TaskSpec};

use super::{Request, groups, job, of_kind, task};

/// A job of one to two cores with these tasks.
fn sized(tasks: Vec<TaskSpec>, change: impl FnOnce(&mut JobSpec)) -> Request {
    let mut spec = JobSpec {
        min: Some(1),
        max: Some(2),
        ..job()
    };
    change(&mut spec);
    (spec, tasks)
}

fn requires(names: &[&str]) -> TaskSpec {
    TaskSpec {
        required_nodes: groups(names),
        max: 1,
        ..task()
    }
}

fn large(names: &[&str], max: u32) -> TaskSpec {
    TaskSpec {
        max,
        ..requires(names)
    }
}

fn in_group(name: &str, min: u32) -> TaskSpec {
    TaskSpec {
        node_group: Some(name.into()),
        min,
        max: min,
        ..task()
    }
}

/// As the rows of the whole table: on nodes n1 and n2 of two cores, in the groups left and right.
pub(super) fn rows() -> Vec<(&'static str, &'static str, Request)> {
    let prepare = of_kind(TaskKind::NodePrepare);
    vec![
        (
            "RequiredAuto",
            "task 2 requires nodes",
            (job(), vec![task(), requires(&["n1"])]),
        ),
        (
            "RequiredNotRequested",
            "task 1 requires node n2",
            sized(vec![requires(&["n2"])], |j| {
                j.requested_nodes = groups(&["n1"])
            }),
        ),
        (
            "RequiredExcluded",
            "requires node n2, which the job excludes",
            sized(vec![requires(&["n2"])], |j| {
                j.excluded_nodes = groups(&["n2"])
            }),
        ),
        (
            "RequiredAboveMax",
            "requires 3 nodes, but the job asks for at most 2 cores",
            sized(vec![large(&["n1", "n2", "n3"], 2)], |_| {}),
        ),
        (
            "RequiredAboveTask",
            "requires 2 nodes, but asks for at most 1 cores",
            sized(vec![requires(&["n1", "n2"])], |j| j.min = Some(2)),
        ),
        (
            "RequiredAboveMin",
            "require 2 nodes, but the job may start with 1 cores",
            sized(vec![requires(&["n1"]), requires(&["n2"])], |_| {}),
        ),
        (
            "SingleNodeRequires",
            "2 nodes",
            sized(vec![requires(&["n1"]), requires(&["n2"])], |j| {
                (j.single_node, j.min) = (true, Some(2));
            }),
        ),
        (
            "UnknownNode",
            "\"n3\"; there are: n1, n2",
            sized(vec![requires(&["n3"])], |_| {}),
        ),
        (
            "RequiredNotAvailable",
            "requires node n2",
            sized(vec![requires(&["n2"])], |j| {
                j.node_groups = groups(&["left"])
            }),
        ),
        (
            "RequiredNotUniform",
            "all nodes that its tasks require",
            sized(vec![requires(&["n1"]), requires(&["n2"])], |j| {
                j.node_groups = groups(&["left", "right"]);
                (j.node_group_op, j.min) = (GroupOp::Uniform, Some(2));
            }),
        ),
        (
            "NotForNodeTask",
            "required nodes",
            sized(
                vec![TaskSpec {
                    required_nodes: groups(&["n1"]),
                    ..prepare.clone()
                }],
                |j| j.run_until_canceled = true,
            ),
        ),
        (
            "NotForNodeTask",
            "node group",
            sized(
                vec![TaskSpec {
                    node_group: Some("left".into()),
                    ..prepare
                }],
                |j| j.run_until_canceled = true,
            ),
        ),
        (
            "TaskGroupInJobGroups",
            "task 1 asks for a node group",
            sized(vec![in_group("left", 1)], |j| {
                j.node_groups = groups(&["left"])
            }),
        ),
        (
            "TaskGroupWithRequired",
            "task 2",
            sized(vec![requires(&["n1"]), in_group("left", 1)], |_| {}),
        ),
        (
            "NodeGroupName",
            "\"a,b\"",
            sized(vec![in_group("a,b", 1)], |_| {}),
        ),
        (
            "UnknownNodeGroup",
            "\"up\"; there are: left, right",
            sized(vec![in_group("up", 1)], |_| {}),
        ),
        (
            "TaskGroupTooSmall",
            "3 cores of node group \"left\", of which the job may have 2",
            sized(vec![in_group("left", 3)], |j| {
                (j.min, j.max) = (Some(3), Some(4))
            }),
        ),
        (
            "TaskGroupsAboveMax",
            "need 2 cores of different node groups",
            sized(vec![in_group("left", 1), in_group("right", 1)], |j| {
                j.max = Some(1)
            }),
        ),
        (
            "NoNodeLargeEnough",
            "on one node",
            sized(vec![in_group("left", 1), in_group("right", 1)], |j| {
                j.single_node = true;
            }),
        ),
    ]
}
