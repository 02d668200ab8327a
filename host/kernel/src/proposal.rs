//! A policy's proposals, checked one by one. Anything may stand in them: a guest wrote it.

use std::collections::BTreeSet;

use crate::few::FewSet;
use crate::limits::WAITING_TEXT_BYTES_MAX;
use crate::needs::{Need, Spare};
use crate::{
    Decision, Fact, Grant, Job, JobId, JobKind, JobShare, JobState, NodeId, Phase, Reservation,
    SchedulingMode, Share, SharePhase, State, Timestamp, Unit, Waiting, preempt, units,
};

/// Why a proposal was refused. The others of its plan stand.
#[derive(Debug, Clone, PartialEq, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
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
    #[error("job {job} waits for {parents} other jobs, of which job {first} is the first")]
    ParentsNotFinished {
        job: JobId,
        first: JobId,
        parents: usize,
    },
    #[error("job {job}: its activation filters have not let it pass")]
    Activating { job: JobId },
    #[error("job {job} waits for job {by}, for which an activation filter holds the queue")]
    QueueHeld { job: JobId, by: JobId },
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
    #[error(
        "job {job} takes its nodes from one of its groups; {nodes} nodes that have none of them in common were given"
    )]
    NotUniform { job: JobId, nodes: usize },
    #[error("job {job} would not have {units} {unit} of {what}, which its tasks need", unit = unit.plural())]
    NotWhatTasksNeed {
        job: JobId,
        units: u32,
        unit: Unit,
        what: String,
    },
    #[error("job {job} would have {units} {unit}, its minimum is {min}", unit = unit.plural())]
    BelowMinimum {
        job: JobId,
        unit: Unit,
        units: u64,
        min: u32,
    },
    #[error("job {job} would have {units} {unit}, its maximum is {max}", unit = unit.plural())]
    AboveMaximum {
        job: JobId,
        unit: Unit,
        units: u64,
        max: u32,
    },
    #[error("job {job} counts {unit}: no whole number of them has {cores} cores and {gpus} GPUs of node {node}", unit = unit.plural())]
    NotWhole {
        job: JobId,
        node: NodeId,
        unit: Unit,
        cores: u32,
        gpus: u32,
    },
    #[error("job {job} may not {what}")]
    NotAllowed { job: JobId, what: &'static str },
    #[error("job {job} does not hold {cores} cores of node {node}, or not idle ones")]
    NotHeld {
        job: JobId,
        node: NodeId,
        cores: u32,
    },
    #[error("job {job}: {at:?} is not a time from now on")]
    BadTime { job: JobId, at: f64 },
    #[error("job {job}: there is no preemption of kind {how}; there are 0, 1 and 2")]
    UnknownPreemption { job: JobId, how: u32 },
    #[error("job {job}: preemption of kind {how} is turned off ({parameter})")]
    PreemptionOff {
        job: JobId,
        how: u32,
        parameter: &'static str,
    },
    #[error("job {job}: node {node} is in the part of another policy")]
    OtherPart { job: JobId, node: NodeId },
    #[error(
        "job {job} is not to be preempted: no job of a higher priority waits, nor may one grow by it (GrowByPreemptionEnabled)"
    )]
    NothingToPreemptFor { job: JobId },
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
            | Refusal::ParentsNotFinished { job, .. }
            | Refusal::Activating { job }
            | Refusal::QueueHeld { job, .. }
            | Refusal::UnknownNode { job, .. }
            | Refusal::NodeNotUsable { job, .. }
            | Refusal::NotACandidate { job, .. }
            | Refusal::NodeTwice { job, .. }
            | Refusal::EmptyShare { job, .. }
            | Refusal::CoresTaken { job, .. }
            | Refusal::GpusTaken { job, .. }
            | Refusal::Exclusive { job, .. }
            | Refusal::SingleNode { job, .. }
            | Refusal::NotWhatTasksNeed { job, .. }
            | Refusal::BelowMinimum { job, .. }
            | Refusal::AboveMaximum { job, .. }
            | Refusal::NotWhole { job, .. }
            | Refusal::NotUniform { job, .. }
            | Refusal::NotAllowed { job, .. }
            | Refusal::NotHeld { job, .. }
            | Refusal::BadTime { job, .. }
            | Refusal::UnknownPreemption { job, .. }
            | Refusal::PreemptionOff { job, .. }
            | Refusal::OtherPart { job, .. }
            | Refusal::NothingToPreemptFor { job }
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
            if let Some(&first) = job.open_parents.first() {
                return Err(Refusal::ParentsNotFinished {
                    job: job.id,
                    first,
                    parents: job.open_parents.len(),
                });
            }
            if job.activation.as_ref().is_some_and(|a| !a.is_open()) {
                return Err(Refusal::Activating { job: job.id });
            }
            if let Some(by) = state.held_up_by(job) {
                return Err(Refusal::QueueHeld { job: job.id, by });
            }
            let (grants, job_id) = (grants(state, job, shares)?, job.id);
            let filters = state.activation_filters(&job.spec);
            match filters.is_empty() {
                true => Fact::JobStarted {
                    job: job_id,
                    grants,
                },
                false => Fact::ActivationBegun {
                    job: job_id,
                    grants,
                    filters,
                    backfill: state.is_ahead_of_a_promise(job),
                },
            }
        }
        Decision::Grow { job, shares } => {
            let job = running(state, *job)?;
            let bound = state.parameters.scheduling_mode == SchedulingMode::Queued;
            if bound && !state.parameters.automatic_growth {
                return Err(Refusal::NotAllowed {
                    job: job.id,
                    what: "grow: AutomaticGrowthEnabled is off",
                });
            }
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
            if job.activation.is_some() {
                return Err(Refusal::Activating { job: job.id });
            }
            let (grants, job_id) = (grants(state, job, shares)?, job.id);
            let filters = state.activation_filters(&job.spec);
            match filters.is_empty() {
                true => Fact::JobGrown {
                    job: job_id,
                    grants,
                },
                false => Fact::ActivationBegun {
                    job: job_id,
                    grants,
                    filters,
                    backfill: false,
                },
            }
        }
        Decision::Shrink { job, shares } => return shrink(state, running(state, *job)?, shares),
        Decision::Preempt { job, how, cores } => {
            return preempt::decide(state, running(state, *job)?, *how, *cores);
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
        | Phase::External(_)
        | Phase::Validating
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
        | Phase::External(_)
        | Phase::Validating
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
    let mut seen = FewSet::default();
    let unit = job.spec.unit;
    let mut units = u64::from(state.units_held(job));
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
        if !node.takes_jobs() {
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
        let (place, idle) = ((node_id, &node.spec), (&node.free, &node.free_gpus));
        let grant = units::pick(unit, place, idle, (cores, gpus)).ok_or(Refusal::NotWhole {
            job: id,
            node: node_id,
            unit,
            cores,
            gpus,
        })?;
        units += u64::from(unit.within(&node.spec, &grant.cores, &grant.gpus));
        grants.push(grant);
    }
    let nodes = job.shares.keys().filter(|n| !seen.contains(n)).count() + grants.len();
    if job.spec.single_node && nodes > 1 {
        return Err(Refusal::SingleNode { job: id, nodes });
    }
    if !is_uniform(state, job, &seen) {
        return Err(Refusal::NotUniform { job: id, nodes });
    }
    // A running job may have lost a node that a task needs.
    if matches!(job.phase, Phase::Queued)
        && let Some(need) = state.unmet(job, |node| state.units_granted(job, node, &grants))
    {
        return Err(lacks(job, need));
    }
    // A running job may be below its minimum when it lost a node: then any growth is welcome.
    if units < u64::from(job.min) && matches!(job.phase, Phase::Queued) {
        return Err(Refusal::BelowMinimum {
            job: id,
            unit,
            units,
            min: job.min,
        });
    }
    if units > u64::from(job.max) && !job.spec.exclusive {
        return Err(Refusal::AboveMaximum {
            job: id,
            unit,
            units,
            max: job.max,
        });
    }
    Ok(grants)
}

fn lacks(job: &Job, need: Need<'_>) -> Refusal {
    Refusal::NotWhatTasksNeed {
        job: job.id,
        units: need.least,
        unit: job.spec.unit,
        what: need.to_string(),
    }
}

/// Whether a job that wants its nodes from one group would have them so. Nodes that are leaving it do not count.
pub(crate) fn is_uniform(state: &State, job: &Job, more: &FewSet<NodeId>) -> bool {
    let set = state.sets.get(&job.candidates);
    let Some(groups) = set.and_then(|set| set.selector.uniform_groups()) else {
        return true;
    };
    let kept = job.shares.iter().filter(|(_, s)| !s.phase.is_leaving());
    let nodes: BTreeSet<NodeId> = kept
        .map(|(&id, _)| id)
        .chain(more.iter().copied())
        .collect();
    let has = |id: &NodeId, group| {
        state
            .node(*id)
            .is_some_and(|n| n.spec.groups.contains(group))
    };
    groups
        .iter()
        .any(|group| nodes.iter().all(|id| has(id, group)))
}

/// A whole node leaves as soon as it is idle; part of one must be idle now. A node that is being prepared stays until
/// that is done.
fn shrink(state: &State, job: &Job, shares: &[Share]) -> Result<Vec<Fact>, Refusal> {
    let id = job.id;
    let bound = state.parameters.scheduling_mode == SchedulingMode::Queued;
    if bound && !state.parameters.automatic_shrink {
        return Err(Refusal::NotAllowed {
            job: id,
            what: "shrink: AutomaticShrinkEnabled is off",
        });
    }
    if !job.spec.can_shrink {
        return Err(Refusal::NotAllowed {
            job: id,
            what: "shrink",
        });
    }
    let unit = job.spec.unit;
    let mut kept = u64::from(state.units_kept(job));
    let mut spare = Spare::of(state, job);
    let mut facts = Vec::with_capacity(shares.len());
    let mut seen = BTreeSet::new();
    for &Share { node, cores, gpus } in shares {
        if !seen.insert(node) {
            return Err(Refusal::NodeTwice { job: id, node });
        }
        let not_held = Refusal::NotHeld {
            job: id,
            node,
            cores,
        };
        let share = job.shares.get(&node).ok_or(not_held.clone())?;
        // It leaves already: a policy that says so again says nothing new.
        if share.phase.is_leaving() {
            continue;
        }
        let part = match cores == share.cores.len() {
            true => None,
            false => Some(idle_part(state, job, (node, share), (cores, gpus))),
        };
        let units = match &part {
            None => state.units_of_share(job, node, share),
            Some(Ok((_, units))) => *units,
            // Too much is refused for that, idle or not.
            Some(Err(_)) => cores,
        };
        kept = kept.saturating_sub(u64::from(units));
        if kept < u64::from(job.min) {
            return Err(Refusal::BelowMinimum {
                job: id,
                unit,
                units: kept,
                min: job.min,
            });
        }
        if let Some(need) = state
            .needs(job)
            .into_iter()
            .find(|need| need.nodes.contains(&node))
            && units > spare.on(node)
        {
            return Err(lacks(job, need));
        }
        spare.give(node, units);
        if let SharePhase::Preparing(_) = share.phase {
            return Err(not_held);
        }
        facts.push(match part.transpose()? {
            None => Fact::ShareClosed { job: id, node },
            Some((grant, _)) => Fact::CoresReturned { job: id, grant },
        });
    }
    Ok(facts)
}

/// Part of a node that a job gives back and goes on with the rest: idle, and whole units. With how many units it is.
fn idle_part(
    state: &State,
    job: &Job,
    (id, share): (NodeId, &JobShare),
    (cores, gpus): (u32, u32),
) -> Result<(Grant, u32), Refusal> {
    let not_held = Refusal::NotHeld {
        job: job.id,
        node: id,
        cores,
    };
    let node = state.node(id).ok_or(not_held.clone())?;
    // A GPU that stays keeps a core.
    let left = share.free.len().saturating_sub(cores);
    let bare = job.spec.unit == Unit::Gpu && share.free_gpus.len().saturating_sub(gpus) > left;
    // Of sockets `pick` sees whether so many are idle: the last one of a node may have fewer cores.
    let too_many = cores > share.free.len() && job.spec.unit != Unit::Socket;
    if cores == 0 || too_many || gpus > share.free_gpus.len() || bare {
        return Err(not_held);
    }
    let (unit, spec) = (job.spec.unit, &node.spec);
    let not_whole = Refusal::NotWhole {
        job: job.id,
        node: id,
        unit,
        cores,
        gpus,
    };
    let idle = (&share.free, &share.free_gpus);
    let grant = units::pick(unit, (id, spec), idle, (cores, gpus)).ok_or(not_whole)?;
    let units = unit.within(spec, &grant.cores, &grant.gpus);
    Ok((grant, units))
}
