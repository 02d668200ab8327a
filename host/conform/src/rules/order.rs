//! Who goes first.

use std::collections::BTreeSet;

use jobyard_kernel::{Decision, Job, JobId, Span, State, Timestamp};

use super::{Examined, Verdict, at};
use crate::case::{Case, JobLine, Step};
use crate::fit;
use crate::recording::Pass;
use crate::yard::BEGIN;

pub(super) fn in_queue_order(examined: &Examined<'_>) -> Verdict {
    for pass in examined.recording.calm() {
        let started = started(pass);
        let mut waits: Option<JobId> = None;
        for job in pass.before.queue() {
            match (started.contains(&job.id), waits) {
                (true, Some(first)) => {
                    let (now, id) = (at(pass.now), job.id);
                    return Err(format!(
                        "at {now}, job {id} starts and job {first} waits, which stands before it and could run"
                    ));
                }
                (false, None) if fit::is_possible(&pass.before, job) => waits = Some(job.id),
                (true, None) | (false, _) => {}
            }
        }
    }
    Ok(())
}

/// The jobs that a pass started.
fn started(pass: &Pass) -> BTreeSet<JobId> {
    let refused = |decision: &Decision| pass.refused.iter().any(|(refused, _)| refused == decision);
    let starts = pass
        .plan
        .decisions
        .iter()
        .filter_map(|decision| match decision {
            Decision::Start { job, .. } if !refused(decision) => Some(*job),
            Decision::Start { .. }
            | Decision::Grow { .. }
            | Decision::Shrink { .. }
            | Decision::Preempt { .. }
            | Decision::Reserve { .. }
            | Decision::Wait { .. } => None,
        });
    starts.collect()
}

pub(super) fn head_starts(examined: &Examined<'_>) -> Verdict {
    let recording = examined.recording;
    let head = |state: &State| {
        state
            .queue()
            .find(|job| fit::is_possible(state, job))
            .map(|job: &Job| job.id)
    };
    for (index, pass) in recording.passes.iter().enumerate() {
        let next = recording.passes.get(index + 1);
        // Before the last pass of an instant there is more to be decided.
        if pass.raced
            || next.is_some_and(|next| next.now == pass.now)
            || (next.is_none() && recording.broken.is_some())
        {
            continue;
        }
        let state = &pass.after;
        let Some(job) = head(state).and_then(|id| state.job(id)) else {
            continue;
        };
        if fit::fits_now(state, job) {
            let (now, id) = (at(pass.now), job.id);
            return Err(format!(
                "at {now}, job {id} is the first of the queue and would fit, and does not start"
            ));
        }
    }
    Ok(())
}

/// When each job comes, as lines of the case say.
pub(super) fn arrivals(case: &Case) -> Vec<(Timestamp, &JobLine)> {
    let mut now = BEGIN;
    let mut arrivals = Vec::new();
    for step in &case.steps {
        match step {
            Step::At(at) => now = BEGIN + at.since(Timestamp(0)),
            Step::Job(job) => arrivals.push((now, job)),
            Step::Meanwhile
            | Step::Node(_)
            | Step::ToJob(..)
            | Step::ToNode(..)
            | Step::Parameter(..) => {}
        }
    }
    arrivals
}

/// Whether jobs of one priority and fixed size come and end as their limits say, and nothing else happens.
pub(super) fn is_rigid(case: &Case) -> bool {
    let first = case.jobs().next().map(|job| job.priority);
    case.is_undisturbed()
        && case.jobs().all(|job| {
            let in_time = job
                .runs
                .zip(job.walltime)
                .is_some_and(|(runs, limit)| runs <= limit);
            in_time
                && Some(job.priority) == first
                && job.units.0 == job.units.1
                && job.tasks.is_none()
                && job.parents.is_empty()
                && [job.hold, job.prepare, job.release] == [None; 3]
        })
}

pub(super) fn no_starvation(examined: &Examined<'_>) -> Verdict {
    let recording = examined.recording;
    let case = &recording.case;
    if !is_rigid(case) || recording.cut || recording.broken.is_some() {
        return Ok(());
    }
    let longest = case
        .jobs()
        .filter_map(|job| job.walltime)
        .max()
        .unwrap_or(Span::ZERO);
    let end = recording.passes.last().map_or(BEGIN, |pass| pass.now);
    for ((came, _), number) in arrivals(case).into_iter().zip(1..) {
        let id = JobId(number);
        let start = recording
            .starts
            .iter()
            .find(|(_, job)| *job == id)
            .map(|(at, _)| *at);
        let before = recording
            .passes
            .iter()
            .find(|pass| pass.now >= came && pass.before.job(id).is_some());
        let Some(state) = before.map(|pass| &pass.before) else {
            continue;
        };
        let Some(job) = state.job(id).filter(|job| job.min > 0) else {
            continue;
        };
        if start.is_none() && !fit::is_possible(state, job) {
            continue;
        }
        let ahead = state
            .jobs()
            .filter(|other| other.id < id && !other.state().is_ended())
            .count() as u64;
        let bound = came + Span(longest.0.saturating_mul(2 * (ahead + 1)));
        let late = start.map_or(end > bound, |start| start > bound);
        if late {
            let when = start.map_or_else(|| "never".into(), at);
            let (came, bound) = (at(came), at(bound));
            return Err(format!(
                "job {id} came at {came} with {ahead} before it, should start by {bound} and does at {when}"
            ));
        }
    }
    Ok(())
}
