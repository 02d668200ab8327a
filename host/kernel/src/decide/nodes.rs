//! What is asked of nodes.

use super::Facts;
use crate::{Fact, NodeId, NodeState, Phase, Rejection, SharePhase, State, StopCause};

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
