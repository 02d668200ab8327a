//! The policy itself, without a component around it.

use std::collections::BTreeMap;

use jobyard_plugin_sdk::{
    announce::Announcements,
    conservative::conservative,
    mirror::{Entry, Job, Mirror},
    pass::Pass,
    policy::{
        Changes, Decision, Instant, JOB_CAN_PREEMPT, JOB_ENDING, JOB_RUNNING, JobId, Plan, Policy,
        Preemption as Proposal, Share, Traits,
    },
    preempt::Preemption,
};

use crate::{
    pools::{Pools, PoolsOfJobs},
    rebalance::{Part, parts},
    settings::Settings,
};

/// `preemption.how`.
const GRACEFUL: u32 = 0;
const WHOLE_JOB: u32 = 1;
const BY_TASK: u32 = 2;

/// HPC Pack's balanced mode.
///
/// Decides from the mirror, the settings and the time only. Jobs start in any pass. Running jobs are given more and less in the passes
/// of the first tenth of each interval, counted from 1970: so a new instance knows as well as an old one whether it is time.
#[derive(Debug, Default)]
pub struct Balanced {
    settings: Settings,
    mirror: Mirror,
    pools: PoolsOfJobs,
    announcements: Announcements,
}

impl Policy for Balanced {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        self.settings = Settings::read(settings)?;
        self.mirror.set_packing(&self.settings.packing);
        Ok(self.settings.traits())
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.mirror.apply(changes);
        self.pools.apply(changes);
        let mut pass = Pass::new(&self.mirror, now);
        pass.least_only = true;
        if self.settings.shrink {
            pass.shrink();
        }
        let returned = returned(&pass.decisions);
        let cores = u64::from(pass.idle_cores());
        let mut pools = Pools::new(&self.pools, &self.settings.pools, cores);
        pools.count(&self.mirror, |job| Part::of(&self.mirror, job, 0).min);

        let turn = Turn {
            settings: &self.settings,
            mirror: &self.mirror,
            returned: &returned,
        };
        let order = turn.order(&pools);
        let waiting = turn.start(&mut pass, &mut pools, &order);
        let head = waiting.first().map(|head| self.mirror.job(head.slot));
        let missing = head.map_or(0, |head| turn.missing(&pass, head));
        // Whether what the first that waits needs can be taken, and which whole jobs that costs.
        let lenders = head.and_then(|head| turn.lenders(head, missing, &pools));
        let kept = match (&lenders, head) {
            (Some(_), Some(head)) => u64::from(head.min),
            _ => 0,
        };
        // What is taken is for the head, and so is what is free meanwhile.
        let waiting = waiting.iter().copied();
        let reserved = conservative(&mut pass, waiting, Some(1), lenders.is_none());
        let tick = (now / self.settings.interval).floor() * self.settings.interval;
        if now - tick < self.settings.interval / 10.0 {
            let free = u64::from(pass.free_cores) + returned.values().sum::<u64>();
            let parts = parts(
                (&self.mirror, &returned),
                &self.settings,
                &pools,
                free,
                kept,
            );
            match &lenders {
                Some(lenders) => turn.rebalance(&mut pass, &parts, Some(missing), lenders),
                None => turn.rebalance(&mut pass, &parts, None, &[]),
            }
        }
        self.announcements.update(&mut pass, &reserved);
        let is_unbalanced = lenders.is_some() || self.mirror.hungry().next().is_some();
        Plan {
            decisions: pass.decisions,
            wake_at: is_unbalanced.then_some(tick + self.settings.interval),
        }
    }
}

/// What one pass goes by.
#[derive(Clone, Copy)]
struct Turn<'a> {
    settings: &'a Settings,
    mirror: &'a Mirror,
    /// Cores that running jobs give back in this pass.
    returned: &'a BTreeMap<JobId, u64>,
}

impl<'a> Turn<'a> {
    /// Queued jobs in the order in which they are served: first those whose pool is owed what they need.
    fn order(self, pools: &Pools<'_>) -> Vec<&'a Entry> {
        let queue = self.mirror.queue().iter();
        if self.settings.pools.is_empty() {
            return queue.collect();
        }
        let mut minima = pools.minima.clone();
        let (mut owed, others): (Vec<&'a Entry>, Vec<&'a Entry>) = queue.partition(|entry| {
            let pool = pools.of(self.mirror.job(entry.slot).id);
            let with_it = minima[pool] + u64::from(entry.cores);
            let is_owed = with_it <= pools.guaranteed[pool];
            if is_owed {
                minima[pool] = with_it;
            }
            is_owed
        });
        owed.extend(others);
        owed
    }

    /// Starts jobs with their minimum until one does not fit, and answers that one and all behind it.
    fn start<'b>(
        self,
        pass: &mut Pass<'a>,
        pools: &mut Pools<'_>,
        order: &'b [&'a Entry],
    ) -> &'b [&'a Entry] {
        for (at, entry) in order.iter().enumerate() {
            let job = self.mirror.job(entry.slot);
            if let Some(shares) = pass.fit(job, job.min) {
                let cores: u64 = shares.iter().map(|share| u64::from(share.cores)).sum();
                let pool = pools.of(job.id);
                pools.minima[pool] += cores;
                pass.start(job, shares);
            } else if pass.is_possible(job) {
                return &order[at..];
            } else {
                pass.passed_over.push(entry.slot);
            }
        }
        &[]
    }

    /// Cores that a job needs beside those that are free or about to be.
    fn missing(self, pass: &Pass<'_>, job: &Job) -> u64 {
        let ending = self.mirror.running().filter(|job| job.state == JOB_ENDING);
        let ending: u64 = ending.map(|ending| self.useful(ending)).sum();
        let coming = ending + self.returned.values().sum::<u64>();
        u64::from(job.min).saturating_sub(u64::from(pass.free_cores) + coming)
    }

    fn part(self, job: &'a Job) -> Part<'a> {
        let returned = self.returned.get(&job.id).copied();
        Part::of(self.mirror, job, returned.unwrap_or(0))
    }

    /// Cores of a job on nodes that take jobs.
    fn useful(self, job: &Job) -> u64 {
        let usable = |share: &&Share| {
            let at = self.mirror.position(share.node);
            at.is_some_and(|at| self.mirror.nodes()[at].usable)
        };
        let shares = job.shares.iter().filter(usable);
        shares.map(|share| u64::from(share.cores)).sum()
    }

    /// Which whole jobs are taken so that the first that waits can start; none if it cannot be helped.
    ///
    /// What others hold above their minima is always to be had. Whole jobs are, where its pool is owed what it needs, of pools that hold more than
    /// they are owed: what was lent comes back. The lowest priority goes first, among equals the last to start. Of a job that wants more
    /// than cores anywhere nobody knows whether cores would help it: it waits for its reservation.
    fn lenders(self, head: &Job, missing: u64, pools: &Pools<'_>) -> Option<Vec<&'a Job>> {
        let is_simple = head.shape.is_plain() && head.set == 0;
        if !is_simple || self.settings.preemption == Preemption::None {
            return None;
        }
        let may = |job: &&Job| job.state == JOB_RUNNING && job.flags & JOB_CAN_PREEMPT != 0;
        let mut victims: Vec<Part<'_>> = (self.mirror.running().filter(may))
            .filter(|job| {
                let cores = job.shares.iter().map(|share| u64::from(share.cores));
                self.useful(job) == cores.sum::<u64>()
            })
            .map(|job| self.part(job))
            .collect();
        let mut found: u64 = victims.iter().map(Part::can_lose).sum();
        if found >= missing {
            return Some(Vec::new());
        }
        let own = pools.of(head.id);
        let is_owed = pools.minima[own] + u64::from(head.min) <= pools.guaranteed[own];
        if !is_owed || self.settings.preemption != Preemption::Immediate {
            return None;
        }
        victims.sort_by(|a, b| {
            let (a, b) = (a.job, b.job);
            (a.priority.cmp(&b.priority))
                .then(b.started.total_cmp(&a.started))
                .then(b.id.cmp(&a.id))
        });
        let mut minima = pools.minima.clone();
        let mut lenders = Vec::new();
        for part in victims {
            let pool = pools.of(part.job.id);
            if found < missing && minima[pool] >= pools.guaranteed[pool] + part.min {
                minima[pool] -= part.min;
                found += part.min;
                lenders.push(part.job);
            }
        }
        (found >= missing).then_some(lenders)
    }

    /// Gives jobs below their part what is free, in the order of the queue, and takes what is missing then from those above theirs.
    fn rebalance(
        self,
        pass: &mut Pass<'a>,
        parts: &[Part<'a>],
        for_head: Option<u64>,
        lenders: &[&Job],
    ) {
        let mut missing = 0;
        for part in parts {
            let wanted = part.target.saturating_sub(part.held) / part.unit;
            if wanted == 0 || !self.settings.grow {
                continue;
            }
            // What is free now is the head's where something is taken for it.
            let given = match for_head {
                None => pass.grow_by(part.job, wanted as u32),
                Some(_) => 0,
            };
            missing += (wanted - u64::from(given)) * part.unit;
        }
        // What is on its way goes to them first.
        let coming: u64 = match for_head {
            None => self.returned.values().sum(),
            Some(_) => 0,
        };
        missing = missing.saturating_sub(coming) + for_head.unwrap_or(0);
        let whole = |job: &Job| lenders.iter().any(|lender| lender.id == job.id);
        for job in lenders {
            missing = missing.saturating_sub(Part::of(self.mirror, job, 0).held);
            pass.decisions.push(take(job, WHOLE_JOB, 0));
        }
        let how = match self.settings.preemption {
            Preemption::None => return,
            Preemption::Graceful | Preemption::WholeJobs => GRACEFUL,
            Preemption::Immediate => BY_TASK,
        };
        // The lowest priority first, among equals the last in the queue.
        for part in parts.iter().rev().filter(|part| !whole(part.job)) {
            let cores = part.over().min(missing);
            if cores > 0 {
                missing -= cores;
                pass.decisions.push(take(part.job, how, cores as u32));
            }
        }
    }
}

/// Cores that the jobs of a plan give back.
fn returned(plan: &[Decision]) -> BTreeMap<JobId, u64> {
    let mut returned = BTreeMap::new();
    for decision in plan {
        if let Decision::Shrink(placement) = decision {
            let cores = placement.shares.iter().map(|share| u64::from(share.cores));
            returned.insert(placement.job, cores.sum());
        }
    }
    returned
}

fn take(job: &Job, how: u32, cores: u32) -> Decision {
    Decision::Preempt(Proposal {
        job: job.id,
        how,
        cores,
    })
}
