//! What more idle nodes change.
//!
//! Why is it not for all policies that no fewer jobs start? Because of backfilling: with more nodes the first job that waits may start sooner, so that what would have
//! been let past it no longer ends in time. And a larger job may start where several small ones did. So only what
//! is sure for everybody holds for everybody: one job alone. Strict order has no such anomaly, as long as all that
//! jobs ask for is cores of any node, and each could run on the nodes that there were.

use jobyard_kernel::{JobId, Timestamp};

use super::{Examined, Verdict};
use crate::case::{Case, NodeLine, Step};
use crate::fit;
use crate::recording::{Pass, Recording};
use crate::yard::{Calls, record};

pub(super) fn lone_job(examined: &Examined<'_>) -> Verdict {
    let Some(pass) = first_of_last(examined.recording) else {
        return Ok(());
    };
    match pass.before.queue().count() {
        1 => fewer(examined, pass),
        _ => Ok(()),
    }
}

pub(super) fn monotone(examined: &Examined<'_>) -> Verdict {
    let Some(pass) = first_of_last(examined.recording) else {
        return Ok(());
    };
    let comparable = examined.recording.case.jobs().all(|job| job.is_plain())
        && pass
            .before
            .queue()
            .all(|job| fit::is_possible(&pass.before, job));
    match comparable {
        true => fewer(examined, pass),
        false => Ok(()),
    }
}

/// The first pass of the last instant that the case names, in which nothing is there before but the nodes' work.
fn first_of_last(recording: &Recording) -> Option<&Pass> {
    let last = last_instant(&recording.case);
    let now = crate::yard::BEGIN + last.since(Timestamp(0));
    recording
        .passes
        .iter()
        .find(|pass| pass.now == now && !pass.raced)
}

fn last_instant(case: &Case) -> Timestamp {
    let last = case.steps.iter().rev().find_map(|step| match step {
        Step::At(at) => Some(*at),
        Step::Meanwhile
        | Step::Node(_)
        | Step::Job(_)
        | Step::ToJob(..)
        | Step::ToNode(..)
        | Step::Parameter(..) => None,
    });
    last.unwrap_or_default()
}

/// Whether fewer jobs start when nodes are added at that instant: one like the first, and one of a single core.
fn fewer(examined: &Examined<'_>, pass: &Pass) -> Verdict {
    let case = &examined.recording.case;
    let Some(first) = case.nodes().next() else {
        return Ok(());
    };
    let like_first = NodeLine {
        name: "more1".into(),
        ..first.clone()
    };
    let mut groups = first.groups.clone();
    groups.truncate(1);
    let small = NodeLine {
        groups,
        ..NodeLine::new("more2", 1)
    };
    for more in [
        vec![like_first.clone()],
        vec![small.clone()],
        vec![like_first, small],
    ] {
        let mut larger = case.clone();
        let at = larger
            .steps
            .iter()
            .rposition(|step| matches!(step, Step::At(_)));
        let at = at.map_or(0, |at| at + 1);
        larger
            .steps
            .splice(at..at, more.iter().cloned().map(Step::Node));
        let other = record(examined.tested, &larger, Calls::AsItSays).map_err(|e| e.to_string())?;
        let other_pass = first_of_last(&other);
        let (few, many) = (
            starts(examined.recording, pass),
            other_pass.map_or_else(Vec::new, |p| starts(&other, p)),
        );
        if many.len() < few.len() {
            let nodes: Vec<String> = more.iter().map(ToString::to_string).collect();
            let (few, many, nodes) = (list(&few), list(&many), nodes.join(", "));
            return Err(format!(
                "in the last instant's first pass {few} start; with {nodes} more, {many}"
            ));
        }
    }
    Ok(())
}

/// The jobs that started in that pass.
fn starts(recording: &Recording, pass: &Pass) -> Vec<JobId> {
    let started = |job: &&(Timestamp, JobId)| {
        let was_queued = |id: JobId| pass.before.queue().any(|job| job.id == id);
        let is_queued = |id: JobId| pass.after.queue().any(|job| job.id == id);
        job.0 == pass.now && was_queued(job.1) && !is_queued(job.1)
    };
    recording
        .starts
        .iter()
        .filter(started)
        .map(|(_, job)| *job)
        .collect()
}

fn list(jobs: &[JobId]) -> String {
    match jobs {
        [] => "no jobs".into(),
        [one] => format!("job {one}"),
        some => {
            let numbers: Vec<String> = some.iter().map(ToString::to_string).collect();
            format!("jobs {}", numbers.join(", "))
        }
    }
}
