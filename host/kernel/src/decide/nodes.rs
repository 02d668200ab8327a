//! What is asked of nodes.

use std::collections::BTreeSet;

use super::Facts;
use crate::validate::check_groups;
use crate::{
    Execution, Fact, Job, NodeId, NodeState, Phase, Rejection, Run, SharePhase, Span, State,
    StopCause, Task, TaskId, TaskKind,
};

/// A node that goes offline leaves its jobs: what runs there may end, nothing new starts there. Draining keeps both.
pub(super) fn set_node_state(state: &State, id: NodeId, wanted: NodeState) -> Facts {
    let node = state.node(id).ok_or(Rejection::UnknownNode(id))?;
    if node.state == wanted {
        return Ok(Vec::new());
    }
    let mut facts = vec![Fact::NodeStateChanged {
        node: id,
        state: wanted,
    }];
    if wanted != NodeState::Offline {
        return Ok(facts);
    }
    for job in node.jobs.iter().filter_map(|&job| state.job(job)) {
        let Some(share) = job.shares.get(&id).filter(|_| job.phase == Phase::Running) else {
            continue;
        };
        match share.phase {
            SharePhase::Added | SharePhase::Ready => {
                facts.push(Fact::ShareClosed {
                    job: job.id,
                    node: id,
                });
            }
            // The node is closed when the prepare task has ended.
            SharePhase::Preparing(execution) => {
                facts.push(Fact::StopRequested {
                    job: job.id,
                    executions: vec![execution],
                    cause: StopCause::SystemError,
                    grace: state.parameters.task_cancel_grace,
                });
            }
            SharePhase::Closing | SharePhase::Releasing(_) | SharePhase::Released => {}
        }
    }
    Ok(facts)
}

/// A node that cannot be reached takes no jobs. What runs there is left alone: it may go on, and a second attempt of it elsewhere would be
/// one too many. When the node is there again it says what became of it; an administrator who knows better takes it offline.
pub(super) fn set_node_reachable(state: &State, id: NodeId, reachable: bool) -> Facts {
    let node = state.node(id).ok_or(Rejection::UnknownNode(id))?;
    Ok(match node.unreachable == reachable {
        true => vec![Fact::NodeReachable {
            node: id,
            reachable,
        }],
        false => Vec::new(),
    })
}

/// A node that is in other groups than before may no longer be one that a job may run on: it leaves the job, and what runs there
/// is stopped and queued again if it may be (T15).
pub(super) fn set_node_groups(state: &State, id: NodeId, groups: &[String]) -> Facts {
    let node = state.node(id).ok_or(Rejection::UnknownNode(id))?;
    check_groups(&format!("node \"{}\"", node.spec.name), groups)?;
    if node.spec.groups == groups {
        return Ok(Vec::new());
    }
    let mut facts = vec![Fact::NodeGroupsSet {
        node: id,
        groups: groups.to_vec(),
    }];
    let mut spec = node.spec.clone();
    spec.groups = groups.to_vec();
    for job in node.jobs.iter().filter_map(|&job| state.job(job)) {
        let selector = state.sets.get(&job.candidates).map(|set| &set.selector);
        if selector.is_some_and(|selector| !selector.allows(&spec)) {
            let left = BTreeSet::from([id]);
            facts.extend(leave_nodes(job, &left, state.parameters.task_cancel_grace));
        } else {
            facts.extend(stop_outsiders(state, job, id, groups));
        }
    }
    Ok(facts)
}

/// Tasks that asked for a group which a node has left may not run there any more, though their job may.
fn stop_outsiders(state: &State, job: &Job, node: NodeId, groups: &[String]) -> Option<Fact> {
    let outside = |task: &Task| {
        let group = task.spec.node_group.as_ref();
        group.is_some_and(|group| !groups.contains(group))
    };
    let mut executions = Vec::new();
    for (task, t) in (1..).zip(&job.tasks).filter(|(_, task)| outside(task)) {
        let there = |run: &Run| run.places.iter().any(|place| place.node == node);
        let runs = t.runs.iter().filter(|(_, r)| there(r) && r.stop.is_none());
        executions.extend(runs.map(|(&instance, run)| Execution {
            job: job.id,
            task: TaskId(task),
            instance,
            attempt: run.attempt,
        }));
    }
    let stops = job.phase == Phase::Running && !executions.is_empty();
    stops.then(|| Fact::StopRequested {
        job: job.id,
        executions,
        cause: StopCause::NodeNotUsable,
        grace: state.parameters.task_cancel_grace,
    })
}

/// A running job may not use some nodes any more: what runs there is stopped and runs elsewhere.
pub(super) fn leave_nodes(job: &Job, left: &BTreeSet<NodeId>, grace: Span) -> Vec<Fact> {
    if job.phase != Phase::Running {
        return Vec::new();
    }
    let closes = |node: &&NodeId| {
        let share = job.shares.get(node);
        share.is_some_and(|share| match share.phase {
            SharePhase::Added | SharePhase::Ready => true,
            // A node that is being prepared is closed when that has ended.
            SharePhase::Preparing(_)
            | SharePhase::Closing
            | SharePhase::Releasing(_)
            | SharePhase::Released => false,
        })
    };
    let closed = left.iter().filter(closes);
    let mut facts: Vec<Fact> = closed
        .map(|&node| Fact::ShareClosed { job: job.id, node })
        .collect();
    let mut executions = Vec::new();
    for (index, task) in job.tasks.iter().enumerate() {
        // A release goes on: it is how the node leaves.
        if task.spec.kind == TaskKind::NodeRelease {
            continue;
        }
        for (&instance, run) in &task.runs {
            let there = run.places.iter().any(|place| left.contains(&place.node));
            if there && run.stop.is_none() {
                executions.push(Execution {
                    job: job.id,
                    task: TaskId(index as u32 + 1),
                    instance,
                    attempt: run.attempt,
                });
            }
        }
    }
    if !executions.is_empty() {
        facts.push(Fact::StopRequested {
            job: job.id,
            executions,
            cause: StopCause::NodeNotUsable,
            grace,
        });
    }
    facts
}
