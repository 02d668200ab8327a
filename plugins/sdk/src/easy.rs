//! EASY backfill: jobs behind the first one that waits (the *head*) start where that does not make it late.
//!
//! Mu'alem and Feitelson (2001), as for `conservative`; in the order by estimate (EASY-SJBF) Tsafrir, Etsion and Feitelson (2007). The
//! head's reservation is in [`crate::shadow`]. In which order jobs are tried, and how many, is the policy's.

use crate::{
    mirror::{Entry, Queue, Rank},
    pass::{Misfits, Pass},
    shadow::Shadow,
};

/// Starts jobs behind the head, in the order of `candidates`, that do not make it late. Looks at no more than `lookahead` of them, or
/// at all without a number. `is_behind` says which stand behind the head: those before it have started or cannot, and are left out.
pub fn backfill<R: Rank>(
    pass: &mut Pass<'_>,
    is_behind: impl Fn(&Entry<R>) -> bool,
    shadow: &mut Shadow<'_>,
    candidates: &Queue<R>,
    lookahead: Option<usize>,
) {
    let looks_at_all = lookahead.is_none();
    let mut lookahead = lookahead.unwrap_or(usize::MAX);
    let mut too_long = Misfits::default();
    for block in candidates.blocks() {
        if pass.free_cores == 0 || lookahead == 0 {
            return;
        }
        // A number of jobs to look at counts those that are jumped over too, so look at them one by one.
        let nothing_starts = block.cores_min > pass.free_cores
            || (pass.now + block.walltime_min > shadow.at
                && shadow.extra().is_some_and(|extra| block.cores_min > extra));
        if nothing_starts && looks_at_all {
            continue;
        }
        for entry in block.entries() {
            // The head, and what stands before it: has started, or cannot.
            if !is_behind(entry) {
                continue;
            }
            if lookahead == 0 {
                return;
            }
            lookahead -= 1;
            if entry.cores <= pass.free_cores {
                try_start(pass, entry, shadow, &mut too_long);
            }
        }
    }
}

/// Starts one job if it fits now and either ends by the shadow time or takes only what is extra.
///
/// A job whose end is not known never ends by the shadow time, whenever that is.
fn try_start<R>(
    pass: &mut Pass<'_>,
    entry: &Entry<R>,
    shadow: &mut Shadow<'_>,
    too_long: &mut Misfits,
) {
    let ends_in_time = entry.walltime.is_finite() && pass.now + entry.walltime <= shadow.at;
    let extra = shadow.extra();
    if !ends_in_time && extra.is_some_and(|extra| entry.cores > extra) {
        return;
    }
    let job = pass.mirror.job(entry.slot);
    if ends_in_time {
        if let Some(shares) = pass.fit(job, job.demand) {
            pass.start(job, shares);
        }
        return;
    }
    if too_long.knows(job) {
        return;
    }
    // As much as is extra, where that is a number of cores; else all or the least.
    let most = match extra {
        Some(extra) if job.shape.is_plain() => job.demand.min(extra),
        _ => job.demand,
    };
    for most in [most, job.min] {
        let Some(shares) = pass.fit(job, most) else {
            return;
        };
        if shadow.take(job.shape, &shares) {
            pass.start(job, shares);
            return;
        }
        if most == job.min {
            break;
        }
    }
    too_long.add(job);
}
