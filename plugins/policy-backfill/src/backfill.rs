//! The policy itself, without a component around it.

use std::cmp::Ordering;

use jobyard_plugin_sdk::{
    mirror::{Entry, Mirror, Order, queue_order},
    parameters::Parameters,
    pass::{Misfits, Pass},
    policy::{Changes, Instant, Plan, Policy, Traits},
    preempt::{Preemption, preempt},
    shadow::Shadow,
};

use crate::{
    announce::Announcements,
    settings::{BackfillOrder, Settings},
};

/// EASY backfill.
///
/// Decides from the mirror, the settings and the time only. What it has announced before changes what it
/// announces again, never what it starts.
#[derive(Debug, Default)]
pub struct Backfill {
    settings: Settings,
    mirror: Mirror,
    announcements: Announcements,
}

impl Policy for Backfill {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        self.settings = Settings::read(settings)?;
        self.mirror
            .keep_shortest(self.settings.order == BackfillOrder::Sjbf);
        let preempts = self.settings.preemption != Preemption::None;
        self.mirror.keep_ranks(preempts);
        let mut traits = Parameters::followed(true);
        if self.settings.order == BackfillOrder::Fcfs {
            traits.push(("arrivals".to_owned(), "fitting".to_owned()));
        }
        Ok(traits)
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.mirror.apply(changes);
        let mut pass = Pass::new(&self.mirror, now);
        if self.settings.shrink {
            pass.shrink();
        }
        match (self.settings.grow, self.settings.preemption) {
            (false, _) => {}
            (true, Preemption::None) => pass.grow(),
            (true, Preemption::Graceful | Preemption::WholeJobs | Preemption::Immediate) => {
                pass.grow_unless_waited_for();
            }
        }
        let head = pass.start_in_order();
        let reserved = head.map(|head| {
            let mut shadow = Shadow::find(&pass, self.mirror.job(head.slot));
            let at = shadow.at;
            let job = self.mirror.job(head.slot);
            // What is taken from others is for the head.
            if !preempt(&mut pass, job, self.settings.preemption) {
                backfill(&mut pass, head, &mut shadow, &self.settings);
            }
            (head, at)
        });
        self.announcements.update(&mut pass, reserved);
        Plan {
            decisions: pass.decisions,
            wake_at: None,
        }
    }
}

/// Starts jobs behind the head that do not make it late.
fn backfill(pass: &mut Pass<'_>, head: &Entry, shadow: &mut Shadow<'_>, settings: &Settings) {
    let mirror = pass.mirror;
    let candidates = match settings.order {
        BackfillOrder::Fcfs => mirror.queue(),
        BackfillOrder::Sjbf => mirror.shortest().unwrap_or(mirror.queue()),
    };
    debug_assert!(
        settings.order == BackfillOrder::Fcfs || mirror.shortest().is_some(),
        "{:?}",
        Order::Shortest
    );
    let mut lookahead = settings.lookahead.unwrap_or(usize::MAX);
    let mut too_long = Misfits::default();
    for block in candidates.blocks() {
        if pass.free_cores == 0 || lookahead == 0 {
            return;
        }
        // A number of jobs to look at counts those that are jumped over too, so look at them one by one.
        let nothing_starts = block.cores_min > pass.free_cores
            || (pass.now + block.walltime_min > shadow.at
                && shadow.extra().is_some_and(|extra| block.cores_min > extra));
        if nothing_starts && settings.lookahead.is_none() {
            continue;
        }
        for entry in block.entries() {
            // The head, and what stands before it: has started, or cannot.
            if queue_order(entry, head) != Ordering::Greater {
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
fn try_start(pass: &mut Pass<'_>, entry: &Entry, shadow: &mut Shadow<'_>, too_long: &mut Misfits) {
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
