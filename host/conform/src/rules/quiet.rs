//! What a policy does when nothing happens: it comes to rest, does not leave an idle cluster idle, and does not grow.

use jobyard_kernel::{Job, Phase, State, Timestamp};

use super::{Examined, Verdict, at};
use crate::fit;
use crate::recording::Broken;

/// Wishes to be called, while nothing else happens, that are too many within [`SPAN_US`].
const WAKES_MAX: usize = 100;
/// A minute.
const SPAN_US: u64 = 60_000_000;

/// Passes at one instant at the most: each job may start, grow and shrink a few times, and that is all.
pub(crate) fn passes_max(state: &State) -> usize {
    20 + 4 * (state.job_count() + state.nodes().count())
}

/// Whether so many idle wishes came too close together.
pub(crate) fn spinning(wakes: &[Timestamp]) -> Option<Broken> {
    let recent = &wakes[wakes.len().checked_sub(WAKES_MAX)?..];
    let (&since, &until) = (recent.first()?, recent.last()?);
    (until.since(since).0 < SPAN_US).then_some(Broken::Spinning {
        since,
        until,
        passes: WAKES_MAX,
    })
}

pub(super) fn settles(examined: &Examined<'_>) -> Verdict {
    match examined.recording.broken {
        Some(Broken::Restless { at: now, passes }) => Err(format!(
            "at {}, each of {passes} passes changed something once more",
            at(now)
        )),
        Some(Broken::Fault(_) | Broken::Spinning { .. }) | None => Ok(()),
    }
}

pub(super) fn wake_at_rests(examined: &Examined<'_>) -> Verdict {
    match examined.recording.broken {
        Some(Broken::Spinning {
            since,
            until,
            passes,
        }) => Err(format!(
            "from {} to {} it asked for {passes} passes while nothing changed",
            at(since),
            at(until)
        )),
        Some(Broken::Fault(_) | Broken::Restless { .. }) | None => Ok(()),
    }
}

pub(super) fn idle_cluster_works(examined: &Examined<'_>) -> Verdict {
    let recording = examined.recording;
    if recording.broken.is_some() || recording.cut {
        return Ok(());
    }
    let state = &recording.end;
    let busy = |job: &Job| matches!(job.phase, Phase::Running | Phase::Ending(_));
    let mut free = state.queue().filter(|job| job.may_start()).peekable();
    let Some(first) = free.peek().map(|job| job.id) else {
        return Ok(());
    };
    match !state.jobs().any(busy) && free.all(|job| fit::is_possible(state, job)) {
        true => Err(format!(
            "nothing runs any more, and job {first} is never started though the idle nodes could hold it and every other"
        )),
        false => Ok(()),
    }
}

pub(super) fn memory_stays(examined: &Examined<'_>) -> Verdict {
    let passes = &examined.recording.passes;
    let bytes: Vec<usize> = passes.iter().filter_map(|pass| pass.memory_bytes).collect();
    // Of native code nothing is known, and a few passes say nothing.
    if bytes.len() < 400 {
        return Ok(());
    }
    let most = |quarter: usize| {
        let (from, to) = (bytes.len() * quarter / 4, bytes.len() * (quarter + 1) / 4);
        bytes[from..to].iter().copied().max().unwrap_or(0)
    };
    let [first, second, third, last] = [0, 1, 2, 3].map(most);
    match first < second && second < third && third < last {
        true => Err(format!(
            "in the quarters of {} passes it held up to {first}, {second}, {third} and {last} bytes",
            bytes.len()
        )),
        false => Ok(()),
    }
}
