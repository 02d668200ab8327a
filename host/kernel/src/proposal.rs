//! A policy's proposals, checked one by one. Anything may stand in them: a guest wrote it.

use crate::limits::WAITING_TEXT_BYTES_MAX;
use crate::{
    Closing, Decision, Fact, Grant, Job, JobError, JobId, JobKind, JobState, NodeId, NodeState,
    Phase, Reservation, Share, SharePhase, Span, State, StopCause, Then, Timestamp, Waiting,
};

/// Why a proposal was refused. The others of its plan stand.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its case means")]
pub enum Refusal {
    #[error("there is no job {job}")]
    UnknownJob { job: JobId },
    #[error("job {job} is not queued but {state}")]
    NotQueued { job: JobId, state: JobState },
    #[error("job {job} is not running but {state}")]
    NotRunning { job: JobId, state: JobState },
    #[error("job {job} is held")]
    Held { job: JobId },
    #[error("job {job}: there is no node {node}")]
    UnknownNode { job: JobId, node: NodeId },
    #[error("job {job}: node {node} takes no jobs")]
    NodeNotUsable { job: JobId, node: NodeId },
    #[error("job {job}: node {node} is not one that it may run on")]
    NotACandidate { job: JobId, node: NodeId },
    #[error("job {job}: node {node} is named twice")]
    NodeTwice { job: JobId, node: NodeId },
    #[error("job {job}: a share of node {node} has no cores")]
    EmptyShare { job: JobId, node: NodeId },
    #[error("job {job}: {wanted} cores of node {node} were asked for, {free} are free")]
    CoresTaken {
        job: JobId,
        node: NodeId,
        wanted: u32,
        free: u32,
    },
    #[error("job {job}: {wanted} GPUs of node {node} were asked for, {free} are free")]
    GpusTaken {
        job: JobId,
        node: NodeId,
        wanted: u32,
        free: u32,
    },
    #[error("job {job}: node {node} is shared, and one of its jobs wants it for itself")]
    Exclusive { job: JobId, node: NodeId },
    #[error("job {job} runs on a single node, {nodes} were given")]
    SingleNode { job: JobId, nodes: usize },
    #[error("job {job} would have {units} cores, its minimum is {min}")]
    BelowMinimum { job: JobId, units: u64, min: u32 },
    #[error("job {job} would have {units} cores, its maximum is {max}")]
    AboveMaximum { job: JobId, units: u64, max: u32 },
    #[error("job {job} may not {what}")]
    NotAllowed { job: JobId, what: &'static str },
    #[error("job {job} does not hold {cores} cores of node {node}, or not idle ones")]
    NotHeld {
        job: JobId,
        node: NodeId,
        cores: u32,
    },
    #[error("job {job}: {at} is not a time from now on")]
    BadTime { job: JobId, at: f64 },
    #[error("job {job}: preemption of kind {how} is not served by this host; 1 is")]
    UnknownPreemption { job: JobId, how: u32 },
    #[error("job {job}: the text has {bytes} bytes, at most {WAITING_TEXT_BYTES_MAX} are kept")]
    TextTooLong { job: JobId, bytes: usize },
}

impl Refusal {
    /// Which job the proposal was about.
    pub fn job(&self) -> JobId {
        match *self {
            Refusal::UnknownJob { job }
            | Refusal::NotQueued { job, .. }
            | Refusal::NotRunning { job, .. }
            | Refusal::Held { job }
            | Refusal::UnknownNode { job, .. }
            | Refusal::NodeNotUsable { job, .. }
            | Refusal::NotACandidate { job, .. }
            | Refusal::NodeTwice { job, .. }
            | Refusal::EmptyShare { job, .. }
            | Refusal::CoresTaken { job, .. }
            | Refusal::GpusTaken { job, .. }
            | Refusal::Exclusive { job, .. }
            | Refusal::SingleNode { job, .. }
            | Refusal::BelowMinimum { job, .. }
            | Refusal::AboveMaximum { job, .. }
            | Refusal::NotAllowed { job, .. }
            | Refusal::NotHeld { job, .. }
            | Refusal::BadTime { job, .. }
            | Refusal::UnknownPreemption { job, .. }
            | Refusal::TextTooLong { job, .. } => job,
        }
    }
}

/// What a proposal comes to, or why not.
pub(crate) fn decide(
    state: &State,
    decision: &Decision,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let fact = match decision {
        Decision::Start { job, shares } => {
            let job = queued(state, *job)?;
            if job.is_held() {
                return Err(Refusal::Held { job: job.id });
            }
            Fact::JobStarted {
                job: job.id,
                grants: grants(state, job, shares)?,
            }
        }
        Decision::Grow { job, shares } => {
            let job = running(state, *job)?;
            if !job.spec.can_grow || job.is_draining() {
                return Err(Refusal::NotAllowed {
                    job: job.id,
                    what: "grow",
                });
            }
            if shares.is_empty() {
                return Ok(Vec::new());
            }
            if let Some(s) = shares.iter().find(|s| is_leaving(job, s.node)) {
                return Err(Refusal::NodeNotUsable {
                    job: job.id,
                    node: s.node,
                });
            }
            Fact::JobGrown {
                job: job.id,
                grants: grants(state, job, shares)?,
            }
        }
        Decision::Shrink { job, shares } => return shrink(running(state, *job)?, shares),
        Decision::Preempt { job, how, .. } => {
            let job = running(state, *job)?;
            if !job.spec.can_preempt {
                return Err(Refusal::NotAllowed {
                    job: job.id,
                    what: "be preempted",
                });
            }
            if *how != 1 {
                return Err(Refusal::UnknownPreemption {
                    job: job.id,
                    how: *how,
                });
            }
            let closing = Closing {
                then: Then::Queued,
                cause: StopCause::Preempted,
                grace: Some(Span::ZERO),
                release: false,
                told: false,
            };
            Fact::JobEnding {
                job: job.id,
                closing,
                error: Some(JobError::Preempted),
            }
        }
        Decision::Reserve { job, at, shares } => {
            let job = queued(state, *job)?;
            let reservation = match *at {
                at if at == f64::INFINITY => None,
                at if at >= now.as_instant() && at <= Timestamp::MAX.as_instant() => {
                    Some(Reservation {
                        at: Timestamp(at as u64),
                        shares: shares.clone(),
                    })
                }
                at => return Err(Refusal::BadTime { job: job.id, at }),
            };
            if let Some(share) = shares.iter().find(|s| state.node(s.node).is_none()) {
                return Err(Refusal::UnknownNode {
                    job: job.id,
                    node: share.node,
                });
            }
            if job.reservation == reservation {
                return Ok(Vec::new());
            }
            Fact::Reserved {
                job: job.id,
                reservation,
            }
        }
        Decision::Wait { job, reason, text } => {
            let job = queued(state, *job)?;
            if text.len() > WAITING_TEXT_BYTES_MAX {
                return Err(Refusal::TextTooLong {
                    job: job.id,
                    bytes: text.len(),
                });
            }
            let waiting = Waiting {
                reason: *reason,
                text: text.clone(),
            };
            if job.waiting.as_ref() == Some(&waiting) {
                return Ok(Vec::new());
            }
            Fact::WaitExplained {
                job: job.id,
                waiting,
            }
        }
    };
    Ok(vec![fact])
}

/// A job that a policy has a say in: command jobs start by themselves and hold nothing.
fn scheduled(state: &State, id: JobId) -> Result<&Job, Refusal> {
    let job = state.job(id).ok_or(Refusal::UnknownJob { job: id })?;
    match job.spec.kind {
        JobKind::Batch => Ok(job),
        JobKind::Command => Err(Refusal::NotAllowed {
            job: id,
            what: "be scheduled: it is a command job",
        }),
    }
}

fn queued(state: &State, id: JobId) -> Result<&Job, Refusal> {
    let job = scheduled(state, id)?;
    match job.phase {
        Phase::Queued => Ok(job),
        Phase::Configuring
        | Phase::Submitted
        | Phase::Running
        | Phase::Ending(_)
        | Phase::Ended(_) => Err(Refusal::NotQueued {
            job: id,
            state: job.state(),
        }),
    }
}

fn running(state: &State, id: JobId) -> Result<&Job, Refusal> {
    let job = scheduled(state, id)?;
    match job.phase {
        Phase::Running => Ok(job),
        Phase::Configuring
        | Phase::Submitted
        | Phase::Queued
        | Phase::Ending(_)
        | Phase::Ended(_) => Err(Refusal::NotRunning {
            job: id,
            state: job.state(),
        }),
    }
}

fn is_leaving(job: &Job, node: NodeId) -> bool {
    job.shares
        .get(&node)
        .is_some_and(|share| share.phase.is_leaving())
}

/// What a job would get, with its cores picked: the lowest that are free.
fn grants(state: &State, job: &Job, shares: &[Share]) -> Result<Vec<Grant>, Refusal> {
    let id = job.id;
    let mut grants: Vec<Grant> = Vec::with_capacity(shares.len());
    let mut seen = std::collections::BTreeSet::new();
    let mut units = u64::from(job.cores());
    for &Share {
        node: node_id,
        cores,
        gpus,
    } in shares
    {
        let node = state.node(node_id).ok_or(Refusal::UnknownNode {
            job: id,
            node: node_id,
        })?;
        if !seen.insert(node_id) {
            return Err(Refusal::NodeTwice {
                job: id,
                node: node_id,
            });
        }
        if cores == 0 {
            return Err(Refusal::EmptyShare {
                job: id,
                node: node_id,
            });
        }
        if node.state != NodeState::Online {
            return Err(Refusal::NodeNotUsable {
                job: id,
                node: node_id,
            });
        }
        if !state.is_candidate(job, node_id) {
            return Err(Refusal::NotACandidate {
                job: id,
                node: node_id,
            });
        }
        let others = node.jobs.iter().any(|&other| other != id);
        if node.exclusive.is_some_and(|other| other != id) || (job.spec.exclusive && others) {
            return Err(Refusal::Exclusive {
                job: id,
                node: node_id,
            });
        }
        let free = node.free.len();
        if cores > free {
            return Err(Refusal::CoresTaken {
                job: id,
                node: node_id,
                wanted: cores,
                free,
            });
        }
        let free = node.free_gpus.len();
        if gpus > free {
            return Err(Refusal::GpusTaken {
                job: id,
                node: node_id,
                wanted: gpus,
                free,
            });
        }
        units += u64::from(cores);
        grants.push(Grant {
            node: node_id,
            cores: node.free.clone().take_lowest(cores),
            gpus: node.free_gpus.clone().take_lowest(gpus),
        });
    }
    let nodes = job.shares.keys().filter(|n| !seen.contains(n)).count() + grants.len();
    if job.spec.single_node && nodes > 1 {
        return Err(Refusal::SingleNode { job: id, nodes });
    }
    // A running job may be below its minimum when it lost a node: then any growth is welcome.
    if units < u64::from(job.min) && job.phase == Phase::Queued {
        return Err(Refusal::BelowMinimum {
            job: id,
            units,
            min: job.min,
        });
    }
    if units > u64::from(job.max) && !job.spec.exclusive {
        return Err(Refusal::AboveMaximum {
            job: id,
            units,
            max: job.max,
        });
    }
    Ok(grants)
}

/// A whole node leaves as soon as it is idle; part of one must be idle now. A node that is being prepared stays until
/// that is done.
fn shrink(job: &Job, shares: &[Share]) -> Result<Vec<Fact>, Refusal> {
    let id = job.id;
    if !job.spec.can_shrink {
        return Err(Refusal::NotAllowed {
            job: id,
            what: "shrink",
        });
    }
    let mut units = u64::from(job.staying_cores());
    let mut facts = Vec::with_capacity(shares.len());
    let mut seen = std::collections::BTreeSet::new();
    for &Share { node, cores, gpus } in shares {
        if !seen.insert(node) {
            return Err(Refusal::NodeTwice { job: id, node });
        }
        let not_held = Refusal::NotHeld {
            job: id,
            node,
            cores,
        };
        let share = job
            .shares
            .get(&node)
            .filter(|_| !is_leaving(job, node))
            .ok_or(not_held.clone())?;
        units = units.saturating_sub(u64::from(cores));
        if units < u64::from(job.min) {
            return Err(Refusal::BelowMinimum {
                job: id,
                units,
                min: job.min,
            });
        }
        if let SharePhase::Preparing(_) = share.phase {
            return Err(not_held);
        }
        if cores == share.cores.len() {
            facts.push(Fact::ShareClosed { job: id, node });
            continue;
        }
        if cores == 0 || cores > share.free.len() || gpus > share.gpus.len() {
            return Err(not_held);
        }
        let grant = Grant {
            node,
            cores: share.free.clone().take_lowest(cores),
            gpus: share.gpus.clone().take_lowest(gpus),
        };
        facts.push(Fact::CoresReturned { job: id, grant });
    }
    Ok(facts)
}
