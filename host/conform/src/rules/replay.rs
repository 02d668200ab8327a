//! What comes of the same calls, or others that say the same, on a second instance.

use std::collections::BTreeMap;

use jobyard_kernel::{
    Changes, Column, ColumnValues, Decision, JobId, Mirror, Phase, Plan, State, waiting,
};

use super::{Examined, Verdict, at};
use crate::recording::{Pass, all_words, deeds, instant};
use crate::tested::Replay;
use crate::yard::{Calls, record};

/// A bit of `jobs.flags` that means nothing today.
const UNKNOWN_FLAG: u32 = 1 << 30;
/// A job that no case has.
const UNKNOWN_JOB: JobId = JobId(4_000_000_000);
/// How far an expected start may be from what a new instance says, as a part of the time that is left to it: a policy need not say
/// each small move.
const STALE_PART: f64 = 0.1;
/// New instances made for one case at the most.
const FRESH_MAX: usize = 16;

pub(super) fn same_calls_same_plans(examined: &Examined<'_>) -> Verdict {
    let again = |_: &Pass, changes: Changes| changes;
    compare(examined, again, |first, second| first == second)
}

pub(super) fn ignores_the_unknown(examined: &Examined<'_>) -> Verdict {
    let more = |_: &Pass, mut changes: Changes| {
        changes.removed_jobs.push(UNKNOWN_JOB);
        changes
            .jobs
            .iter_mut()
            .for_each(|job| job.flags |= UNKNOWN_FLAG);
        let texts = vec![String::from("unknown"); changes.jobs.len()];
        changes.columns.push(Column {
            name: "job.conformance-unknown".into(),
            values: ColumnValues::Texts(texts),
        });
        changes
    };
    compare(examined, more, |first, second| first == second)
}

/// Every call again on one other instance, changed or not; the answers must be alike.
fn compare(
    examined: &Examined<'_>,
    change: impl Fn(&Pass, Changes) -> Changes,
    alike: impl Fn(&Plan, &Plan) -> bool,
) -> Verdict {
    let Some(first) = examined.recording.passes.first() else {
        return Ok(());
    };
    let mut second = Replay::new(examined.tested, first)?;
    for pass in &examined.recording.passes {
        let plan = second.call(pass, change(pass, pass.changes.clone()))?;
        if !alike(&pass.plan, &plan) {
            return Err(differ(
                pass,
                "the first instance",
                &pass.plan,
                "the second",
                &plan,
            ));
        }
    }
    Ok(())
}

fn differ(pass: &Pass, one: &str, first: &Plan, two: &str, second: &Plan) -> String {
    let same = first
        .decisions
        .iter()
        .zip(&second.decisions)
        .take_while(|(a, b)| a == b);
    let from = same.count();
    let rest = |plan: &Plan| {
        let rest: Vec<&Decision> = plan.decisions.iter().skip(from).take(4).collect();
        let wake = plan.wake_at.map(|at| format!(", wake at {}", instant(at)));
        all_words(&rest) + &wake.unwrap_or_default()
    };
    let (now, first, second) = (at(pass.now), rest(first), rest(second));
    format!(
        "at {now}, from decision {} on, {one} says: {first}; {two}: {second}",
        from + 1
    )
}

pub(super) fn cuts_do_not_matter(examined: &Examined<'_>) -> Verdict {
    let Some(first) = examined.recording.passes.first() else {
        return Ok(());
    };
    let mut second = Replay::new(examined.tested, first)?;
    for pass in &examined.recording.passes {
        let (last, earlier) = match pass.pieces.split_last() {
            Some((last, earlier)) => (last.clone(), earlier),
            None => (Changes::default(), &[][..]),
        };
        // What it decides in between is as good as refused: it is told nothing of it.
        let mut decided = false;
        for piece in earlier {
            decided |= !deeds(&second.call(pass, piece.clone())?).is_empty();
        }
        let plan = second.call(pass, last)?;
        if !decided && deeds(&plan) != deeds(&pass.plan) {
            let (now, pieces) = (at(pass.now), pass.pieces.len());
            let (one, many) = (all_words(&deeds(&pass.plan)), all_words(&deeds(&plan)));
            return Err(format!(
                "at {now}, told in one call: {one}; told the same in {pieces}: {many}"
            ));
        }
    }
    Ok(())
}

pub(super) fn fresh_like_long_lived(examined: &Examined<'_>) -> Verdict {
    let passes = &examined.recording.passes;
    // Evenly over the case, and the last ones.
    let every = passes.len().div_ceil(FRESH_MAX).max(1);
    for (index, pass) in passes.iter().enumerate() {
        if index == 0 || (index % every != 0 && index + 4 < passes.len()) {
            continue;
        }
        let mut fresh = Replay::new(examined.tested, pass)?;
        let plan = fresh.call(pass, Mirror::new().take(&pass.before))?;
        if deeds(&plan) != deeds(&pass.plan) {
            let now = at(pass.now);
            let (old, new) = (all_words(&deeds(&pass.plan)), all_words(&deeds(&plan)));
            return Err(format!(
                "at {now}, the long-lived instance: {old}; a new one: {new}"
            ));
        }
        if !pass.raced {
            same_words(pass, &plan)?;
        }
    }
    Ok(())
}

/// What stands of the jobs that wait, after all that the long-lived instance said and after what a new one says.
fn same_words(pass: &Pass, fresh: &Plan) -> Verdict {
    let now = pass.now.as_instant();
    let mut promised: BTreeMap<JobId, f64> = BTreeMap::new();
    let mut reasons: BTreeMap<JobId, (u32, &String)> = BTreeMap::new();
    for decision in &fresh.decisions {
        match decision {
            Decision::Reserve { job, at, .. } => drop(promised.insert(*job, *at)),
            Decision::Wait { job, reason, text } => drop(reasons.insert(*job, (*reason, text))),
            Decision::Start { .. }
            | Decision::Grow { .. }
            | Decision::Shrink { .. }
            | Decision::Preempt { .. } => {}
        }
    }
    let queued = pass
        .after
        .queue()
        .filter(|job| job.phase == Phase::Queued && was_told(&pass.before, job.id));
    for job in queued {
        // What was to be by now may be any moment: which moment was said first is no difference.
        let old = job.reservation.as_ref().map(|r| r.at.as_instant().max(now));
        let new = promised.get(&job.id).filter(|at| at.is_finite());
        let new = new.map(|at| at.max(now));
        let near = |old: f64, new: f64| (old - new).abs() <= STALE_PART * (new - now);
        let same = match (old, new) {
            (None, None) => true,
            (Some(old), Some(new)) => near(old, new),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !same {
            let say = |promise: Option<f64>| promise.map_or_else(|| "never".into(), instant);
            let (now, id, old, new) = (at(pass.now), job.id, say(old), say(new));
            return Err(format!(
                "at {now}, the start of job {id} is expected at {old} as stands from the long-lived instance, at {new} from a new one"
            ));
        }
        let old = job.waiting.as_ref().map(|w| (w.reason, &w.text));
        let new = reasons.get(&job.id).copied();
        // What was said cannot be taken back, only made as general as what the host finds by itself.
        let general = |(reason, text): (u32, &String)| {
            reason <= waiting::JOB_SUBMITTED_EARLIER && text.is_empty()
        };
        if old != new && !(new.is_none() && old.is_none_or(general)) {
            let say = |why: Option<(u32, &String)>| match why {
                Some((reason, text)) => format!("{reason} \"{text}\""),
                None => "nothing".into(),
            };
            let (now, id, old, new) = (at(pass.now), job.id, say(old), say(new));
            return Err(format!(
                "at {now}, why job {id} waits: {old} as stands from the long-lived instance, {new} from a new one"
            ));
        }
    }
    Ok(())
}

/// Whether a policy knew of a job: of one that is held it could take nothing back.
fn was_told(state: &State, job: JobId) -> bool {
    state
        .job(job)
        .is_some_and(|job| job.phase == Phase::Queued && job.may_start())
}

pub(super) fn fitting_arrivals(examined: &Examined<'_>) -> Verdict {
    let recording = examined.recording;
    let says = |traits: &[(String, String)]| {
        traits
            .iter()
            .any(|(n, v)| n == "arrivals" && v == "fitting")
    };
    let Some(first) = recording.passes.first() else {
        return Ok(());
    };
    if !says(Replay::new(examined.tested, first)?.instance.traits()) {
        return Ok(());
    }
    let always =
        record(examined.tested, &recording.case, Calls::Always).map_err(|e| e.to_string())?;
    let steps = recording.starts.iter().zip(&always.starts);
    let same = steps.take_while(|(a, b)| a == b).count();
    let say = |starts: &[(jobyard_kernel::Timestamp, JobId)]| match starts.get(same) {
        Some((now, job)) => format!("job {job} at {}", at(*now)),
        None => "no other job".into(),
    };
    match recording.starts == always.starts {
        true => Ok(()),
        false => Err(format!(
            "called for fitting arrivals only, {} starts next; called for all, {}",
            say(&recording.starts),
            say(&always.starts)
        )),
    }
}
