//! Preemption: what a policy may take from a running job, which tasks that costs, and how the job gives it back.
//!
//! The policy says of which job and how much; the kernel keeps the job at its minimum and picks tasks, the last to be
//! sent first. Used by `proposal` and `follow`.

use crate::needs::Spare;
use crate::{
    Closing, Execution, Fact, GivingBack, Job, JobError, NodeId, Phase, PreemptionType, Refusal,
    Run, SchedulingMode, Span, State, StopCause, TaskId, Then, Unit, units::Room,
};

/// What a proposal to preempt comes to, or why not. `how` and `cores` are as in `wit/policy.wit`.
pub(crate) fn decide(state: &State, job: &Job, how: u32, cores: u32) -> Result<Vec<Fact>, Refusal> {
    if !job.spec.can_preempt {
        return Err(Refusal::NotAllowed {
            job: job.id,
            what: "be preempted",
        });
    }
    allowed(state, job, how)?;
    let takes = how == 1 || cores > 0;
    // In balanced mode what is above the minimum of a job is lent, whatever its priority.
    let bound = state.parameters.scheduling_mode == SchedulingMode::Queued;
    if takes && bound && !is_wanted(state, job) {
        return Err(Refusal::NothingToPreemptFor { job: job.id });
    }
    match how {
        0 => Ok(owe(state, job, cores, true)?.into_iter().collect()),
        1 => Ok(vec![whole_job(job)]),
        _ => {
            let owed = owe(state, job, cores, false)?;
            let mut stopped = None;
            if let Some(Fact::JobPreempted {
                giving_back: Some(giving),
                ..
            }) = &owed
            {
                stopped = stop_tasks(state, job, giving.cores);
            }
            Ok(owed.into_iter().chain(stopped).collect())
        }
    }
}

/// Whether somebody of a higher priority could use what is taken: a job that waits or, where `GrowByPreemptionEnabled` says so, one
/// that runs and could use more.
fn is_wanted(state: &State, job: &Job) -> bool {
    let above = |other: &Job| other.spec.priority > job.spec.priority;
    let mut ahead = state.queue().take_while(|other| above(other));
    if ahead.any(Job::may_start) {
        return true;
    }
    let grows = |other: &Job| {
        let may = other.spec.can_grow && !other.is_draining() && other.phase == Phase::Running;
        may && above(other) && other.demand() > state.units_kept(other)
    };
    let on = state.parameters.grow_by_preemption && state.parameters.automatic_growth;
    let mut running = state.nodes().flat_map(|node| &node.jobs);
    on && running.any(|&id| state.job(id).is_some_and(grows))
}

fn allowed(state: &State, job: &Job, how: u32) -> Result<(), Refusal> {
    let mode = state.parameters.scheduling_mode;
    let (kind, parameter) = match mode {
        SchedulingMode::Queued => (state.parameters.preemption, "PreemptionType"),
        SchedulingMode::Balanced => {
            let kind = state.parameters.preemption_balanced;
            (kind, "PreemptionBalancedMode")
        }
    };
    let by_task = state.parameters.task_immediate_preemption || mode == SchedulingMode::Balanced;
    let off = |parameter| {
        Err(Refusal::PreemptionOff {
            job: job.id,
            how,
            parameter,
        })
    };
    match how {
        0 if kind < PreemptionType::Graceful => off(parameter),
        1 | 2 if kind < PreemptionType::Immediate => off(parameter),
        2 if !by_task => off("TaskImmediatePreemptionEnabled"),
        0..=2 => Ok(()),
        how => Err(Refusal::UnknownPreemption { job: job.id, how }),
    }
}

/// All that it runs is stopped at once, and it is queued again. No release tasks (reference 8.3).
fn whole_job(job: &Job) -> Fact {
    Fact::JobEnding {
        job: job.id,
        closing: Closing {
            then: Then::Queued,
            cause: StopCause::Preempted,
            grace: Some(Span::ZERO),
            release: false,
            told: false,
        },
        error: Some(JobError::Preempted),
    }
}

/// That a job owes so many cores; none where it does already. With 0 it owes nothing any more. Nodes that are leaving it are on
/// their way back, and count towards what it owes.
fn owe(state: &State, job: &Job, cores: u32, release: bool) -> Result<Option<Fact>, Refusal> {
    let leaving = job.shares.values().filter(|s| s.phase.is_leaving());
    let leaving: u32 = leaving.map(|share| share.cores.len()).sum();
    if cores > 0 && cores <= leaving {
        return Ok(None);
    }
    let cores = cores.saturating_sub(leaving);
    let (unit, kept) = (job.spec.unit, state.units_kept(job));
    let units = match unit {
        Unit::Core => cores,
        // How many cores a unit has differs from node to node: one at least can be had.
        Unit::Socket | Unit::Node | Unit::Gpu => cores.min(1),
    };
    if u64::from(kept) < u64::from(job.min) + u64::from(units) && cores > 0 {
        return Err(Refusal::BelowMinimum {
            job: job.id,
            unit,
            units: u64::from(kept.saturating_sub(units)),
            min: job.min,
        });
    }
    let giving_back = (cores > 0).then_some(GivingBack { cores, release });
    let fact = Fact::JobPreempted {
        job: job.id,
        giving_back,
    };
    Ok((job.giving_back != giving_back).then_some(fact))
}

/// Stops as few tasks as are needed to free so many cores beside those that are idle: those that were sent last.
fn stop_tasks(state: &State, job: &Job, cores: u32) -> Option<Fact> {
    let mut needed = Spare::of(state, job);
    // What of a node may go, and does.
    let mut goes = |node: NodeId, cores: u32| {
        let spare = needed.on(node);
        let (units, cores) = match job.spec.unit {
            Unit::Core => (cores.min(spare), cores.min(spare)),
            // One at least that it may do without.
            Unit::Socket | Unit::Node | Unit::Gpu if spare > 0 => (1, cores),
            Unit::Socket | Unit::Node | Unit::Gpu => (0, 0),
        };
        needed.give(node, units);
        cores
    };
    let mut idle = 0;
    for &node in job.idle.iter() {
        idle += goes(node, job.shares[&node].free.len());
    }
    let mut missing = cores.saturating_sub(idle);
    let mut runs: Vec<(Execution, &Run)> = Vec::new();
    for (task, t) in (1..)
        .zip(&job.tasks)
        .filter(|(_, t)| t.spec.kind.is_ordinary())
    {
        let execution = |(&instance, run): (&u32, _)| {
            let run: &Run = run;
            let execution = Execution {
                job: job.id,
                task: TaskId(task),
                instance,
                attempt: run.attempt,
            };
            (execution, run)
        };
        runs.extend(t.runs.iter().map(execution));
    }
    let mut cores_of = |run: &Run| -> u32 {
        let places = run.places.iter();
        places
            .map(|place| goes(place.node, place.cores.len()))
            .sum()
    };
    // What ends anyway need not be stopped.
    let ending = runs.iter().filter(|(_, run)| run.stop.is_some());
    let coming: u32 = ending.map(|(_, run)| cores_of(run)).sum();
    missing = missing.saturating_sub(coming);
    runs.retain(|(_, run)| run.stop.is_none() && stays(job, run));
    runs.sort_by_key(|(execution, run)| std::cmp::Reverse((run.dispatched, *execution)));
    let mut chosen = Vec::new();
    let mut freed = 0;
    for (execution, run) in runs {
        if freed >= missing {
            break;
        }
        let cores = cores_of(run);
        // Its tasks need what this one runs on.
        if cores > 0 {
            freed += cores;
            chosen.push((execution, cores));
        }
    }
    // The last ones chosen may have made earlier ones unnecessary.
    chosen.retain(|&(_, cores)| {
        let needed = freed - cores < missing;
        if !needed {
            freed -= cores;
        }
        needed
    });
    let executions: Vec<Execution> = chosen.into_iter().map(|(execution, _)| execution).collect();
    (!executions.is_empty()).then_some(Fact::StopRequested {
        job: job.id,
        executions,
        cause: StopCause::Preempted,
        grace: Span::ZERO,
    })
}

/// Whether a run is on nodes that the job keeps.
fn stays(job: &Job, run: &Run) -> bool {
    let kept = |node: &NodeId| job.shares.get(node).is_some_and(|s| !s.phase.is_leaving());
    run.places.iter().all(|place| kept(&place.node))
}

/// What a job that owes cores gives back now: nodes that are wholly idle first, then parts, never below its minimum.
pub(crate) fn give_back(state: &State, job: &Job, facts: &mut Vec<Fact>) {
    let Some(giving) = job.giving_back else {
        return;
    };
    let mut needed = Spare::of(state, job);
    let mut spare = state.units_kept(job).saturating_sub(job.min);
    let kept = || {
        job.shares
            .iter()
            .filter(|(_, share)| !share.phase.is_leaving())
    };
    if spare == 0 || kept().all(|(&node, _)| needed.on(node) == 0) {
        // It lost nodes meanwhile, or its tasks need those: it needs what it has.
        return facts.push(Fact::JobPreempted {
            job: job.id,
            giving_back: None,
        });
    }
    let mut cores = giving.cores;
    let mut left = Vec::new();
    let shares = || job.idle.iter().map(|node| (*node, &job.shares[node]));
    for (node, share) in shares().filter(|(_, share)| share.free == share.cores) {
        let units = state.units_of_share(job, node, share);
        let fits = share.cores.len() <= cores || job.spec.unit == Unit::Node;
        if cores > 0 && fits && units <= spare.min(needed.on(node)) {
            spare -= units;
            needed.give(node, units);
            cores = cores.saturating_sub(share.cores.len());
            left.push(node);
        }
    }
    let whole = left.len();
    for (id, share) in shares() {
        if left[..whole].contains(&id) {
            continue;
        }
        let Some(node) = state.node(id).filter(|_| cores > 0 && spare > 0) else {
            continue;
        };
        let mut room = Room::of_share(job.spec.unit, node, share);
        let mut parts = Vec::new();
        // Unit by unit where a unit has more than a core.
        let step = if job.spec.unit == Unit::Core {
            cores
        } else {
            1
        };
        while cores > 0 && spare.min(needed.on(id)) > 0 && room.units() > 0 {
            let units = room.units().min(step).min(spare).min(needed.on(id));
            let grant = room.take(units);
            spare -= units;
            needed.give(id, units);
            cores = cores.saturating_sub(grant.cores.len());
            parts.push(grant);
        }
        // All of an idle node: then it leaves as a whole.
        if share.free == share.cores && room.units() == 0 {
            left.push(id);
            continue;
        }
        facts.extend(
            parts
                .into_iter()
                .map(|grant| Fact::CoresReturned { job: job.id, grant }),
        );
    }
    match giving.release {
        true => facts.extend(
            left.into_iter()
                .map(|node| Fact::ShareClosed { job: job.id, node }),
        ),
        false if left.is_empty() => {}
        false => facts.push(Fact::SharesFreed {
            job: job.id,
            nodes: left,
        }),
    }
}
