//! What is asked of nodes.

use super::Facts;
use crate::validate::check_groups;
use crate::{
    Execution, Fact, Job, NodeId, NodeState, Phase, Rejection, SharePhase, Span, State, StopCause,
    TaskId,
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
            facts.extend(leave_node(job, id, state.parameters.task_cancel_grace));
        }
    }
    Ok(facts)
}

/// A running job may no longer use a node: it gives the node back, and what runs there is stopped.
pub(super) fn leave_node(job: &Job, node: NodeId, grace: Span) -> Vec<Fact> {
    let mut facts = Vec::new();
    let share = job.shares.get(&node);
    let Some(share) = share.filter(|_| job.phase == Phase::Running) else {
        return facts;
    };
    match share.phase {
        SharePhase::Added | SharePhase::Ready => {
            facts.push(Fact::ShareClosed { job: job.id, node });
        }
        // The node is closed when its prepare task has ended badly, which being stopped is.
        SharePhase::Preparing(_) | SharePhase::Closing => {}
        SharePhase::Releasing(_) | SharePhase::Released => return facts,
    }
    let executions: Vec<Execution> = (1..)
        .zip(&job.tasks)
        .flat_map(|(task, t)| {
            t.runs
                .iter()
                .map(move |(&instance, run)| (task, instance, run))
        })
        .filter(|(_, _, run)| run.stop.is_none())
        .filter(|(_, _, run)| run.places.iter().any(|place| place.node == node))
        .map(|(task, instance, run)| Execution {
            job: job.id,
            task: TaskId(task),
            instance,
            attempt: run.attempt,
        })
        .collect();
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
