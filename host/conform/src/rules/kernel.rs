//! What the kernel refuses. Between a call and the carrying out of its plan nothing changes here, so each refusal is a fault of the
//! policy, but for what only the host knows: which cores of a job are idle, and which of its nodes are leaving it.

use jobyard_kernel::{Decision, JobId, NodeId, Refusal, Share, State};

use super::{Examined, Verdict, at};
use crate::recording::{Broken, words};

pub(super) fn no_fault(examined: &Examined<'_>) -> Verdict {
    match &examined.recording.broken {
        Some(Broken::Fault(fault)) => Err(fault.clone()),
        Some(Broken::Restless { .. } | Broken::Spinning { .. }) | None => Ok(()),
    }
}

pub(super) fn within_what_is_there(examined: &Examined<'_>) -> Verdict {
    refused(examined, Group::Capacity)
}

pub(super) fn as_asked_for(examined: &Examined<'_>) -> Verdict {
    refused(examined, Group::Request)
}

pub(super) fn starts_what_may_start(examined: &Examined<'_>) -> Verdict {
    refused(examined, Group::Queue)
}

pub(super) fn changes_what_runs(examined: &Examined<'_>) -> Verdict {
    refused(examined, Group::Running)
}

pub(super) fn words_that_hold(examined: &Examined<'_>) -> Verdict {
    refused(examined, Group::Words)
}

/// Which rule a refusal belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Capacity,
    Request,
    Queue,
    Running,
    Words,
}

fn group(refusal: &Refusal) -> Group {
    match refusal {
        Refusal::UnknownNode { .. }
        | Refusal::NodeNotUsable { .. }
        | Refusal::OtherPart { .. }
        | Refusal::NodeTwice { .. }
        | Refusal::EmptyShare { .. }
        | Refusal::CoresTaken { .. }
        | Refusal::GpusTaken { .. } => Group::Capacity,
        Refusal::NotACandidate { .. }
        | Refusal::Exclusive { .. }
        | Refusal::SingleNode { .. }
        | Refusal::NotUniform { .. }
        | Refusal::BelowMinimum { .. }
        | Refusal::AboveMaximum { .. }
        | Refusal::NotWhatTasksNeed { .. }
        | Refusal::NotWhole { .. } => Group::Request,
        Refusal::UnknownJob { .. }
        | Refusal::NotQueued { .. }
        | Refusal::Held { .. }
        | Refusal::ParentsNotFinished { .. }
        | Refusal::Activating { .. }
        | Refusal::QueueHeld { .. } => Group::Queue,
        Refusal::NotRunning { .. }
        | Refusal::NotAllowed { .. }
        | Refusal::NotHeld { .. }
        | Refusal::UnknownPreemption { .. }
        | Refusal::PreemptionOff { .. }
        | Refusal::NothingToPreemptFor { .. } => Group::Running,
        Refusal::BadTime { .. } | Refusal::TextTooLong { .. } => Group::Words,
    }
}

fn refused(examined: &Examined<'_>, wanted: Group) -> Verdict {
    for pass in examined.recording.calm() {
        for (decision, refusal) in &pass.refused {
            if group(refusal) == wanted && !only_the_host_knows(&pass.before, decision, refusal) {
                let (now, words) = (at(pass.now), words(decision));
                return Err(format!("at {now}, {words}: {refusal}"));
            }
        }
    }
    Ok(())
}

/// Whether a policy could not have known better.
fn only_the_host_knows(state: &State, decision: &Decision, refusal: &Refusal) -> bool {
    match (decision, refusal) {
        (Decision::Shrink { job, shares }, Refusal::NotHeld { node, .. }) => {
            holds(state, *job, *node, shares)
        }
        (Decision::Shrink { job, .. }, Refusal::BelowMinimum { .. }) => {
            is_leaving(state, *job, None)
        }
        (Decision::Grow { job, .. }, Refusal::NodeNotUsable { node, .. }) => {
            is_leaving(state, *job, Some(*node))
        }
        (Decision::Grow { job, .. }, Refusal::NotUniform { .. }) => is_leaving(state, *job, None),
        _ => false,
    }
}

/// Whether a job has so much of a node, idle or not.
fn holds(state: &State, job: JobId, node: NodeId, wanted: &[Share]) -> bool {
    let held = state.job(job).and_then(|job| job.shares.get(&node));
    let wanted = wanted.iter().find(|share| share.node == node);
    held.zip(wanted).is_some_and(|(held, wanted)| {
        wanted.cores > 0 && wanted.cores <= held.cores.len() && wanted.gpus <= held.gpus.len()
    })
}

/// Whether this node, or any, is leaving a job.
fn is_leaving(state: &State, job: JobId, node: Option<NodeId>) -> bool {
    let shares = state.job(job).map(|job| job.shares.iter());
    let mut leaving = shares
        .into_iter()
        .flatten()
        .filter(|(_, share)| share.phase.is_leaving());
    leaving.any(|(id, _)| node.is_none_or(|node| node == *id))
}
