//! Traces of jobs of fixed size on one pool of processors, replayed to compare a policy with rules that are written down as
//! plainly as possible.
//!
//! The same loop as the simulator's: submissions first, in order, each with its pass; then ends.

use std::collections::BTreeMap;

use crate::{
    cluster::Cluster,
    histories::{Random, configured},
    policy::{Decision, Policy},
    rows::JobRow,
};

/// The size of the pool.
pub const PROCESSORS: u32 = 100;

/// A job of the trace: submitted, runs for, processors, estimate.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "all four are above")]
pub struct Traced {
    pub submit: u32,
    pub run: u32,
    pub size: u32,
    pub estimate: u32,
}

/// So many jobs, of which most have to wait.
pub fn trace(seed: u64, jobs: u32) -> Vec<Traced> {
    let mut random = Random(seed);
    let mut submit = 0;
    let mut job = |_| {
        submit += random.below(60);
        let estimate = [60, 300, 600, 3600][random.below(4) as usize];
        let size = if random.one_in(10) {
            1 + random.below(PROCESSORS)
        } else {
            1 << random.below(6)
        };
        // One in three ends just when it was expected to.
        let run = if random.one_in(3) {
            estimate
        } else {
            1 + random.below(estimate)
        };
        Traced {
            submit,
            run,
            size,
            estimate,
        }
    };
    (0..jobs).map(&mut job).collect()
}

/// A scheduler under test: told of a submission and of ends, asked what starts now.
pub trait Scheduler {
    /// A job, by its index in the trace, is in the queue.
    fn submit(&mut self, job: u32, traced: Traced);
    /// It has ended.
    fn end(&mut self, job: u32);
    /// The jobs that start now, in order.
    fn pass(&mut self, now: u32) -> Vec<u32>;
}

/// Runs a trace and answers when each job started.
pub fn start_times(trace: &[Traced], scheduler: &mut impl Scheduler) -> Vec<u32> {
    let mut started = vec![u32::MAX; trace.len()];
    // (end, order of start) -> job
    let mut ends: BTreeMap<(u32, usize), u32> = BTreeMap::new();
    let mut orders = 0;
    let mut next = 0;
    while next < trace.len() || !ends.is_empty() {
        let end = ends.keys().next().map_or(u32::MAX, |key| key.0);
        let now = trace.get(next).map_or(end, |job| job.submit.min(end));
        let mut early: Vec<u32> = Vec::new();
        for (&(_, _), &job) in ends.range((now, 0)..(now + 1, 0)) {
            // What ends as expected has given its processors back before the submissions of this instant.
            if started[job as usize] + trace[job as usize].estimate == now {
                scheduler.end(job);
                early.push(job);
            }
        }
        let mut run = |now: u32, scheduler: &mut dyn Scheduler, ends: &mut BTreeMap<_, _>| {
            for job in scheduler.pass(now) {
                started[job as usize] = now;
                ends.insert((now + trace[job as usize].run, orders), job);
                orders += 1;
            }
        };
        while let Some(job) = trace.get(next).filter(|job| job.submit == now) {
            scheduler.submit(next as u32, *job);
            run(now, scheduler, &mut ends);
            next += 1;
        }
        while let Some((&key, &job)) = ends.range((now, 0)..(now + 1, 0)).next() {
            ends.remove(&key);
            if !early.contains(&job) {
                scheduler.end(job);
            }
            run(now, scheduler, &mut ends);
        }
    }
    started
}

/// A policy on a cluster.
#[derive(Debug)]
pub struct OnCluster<P> {
    policy: P,
    cluster: Cluster,
    reserved: Vec<(u32, f64)>,
}

impl<P: Policy> OnCluster<P> {
    /// With settings, on nodes with so many cores each.
    pub fn new(settings: &[(&str, &str)], nodes: &[u32]) -> OnCluster<P> {
        OnCluster {
            policy: configured(settings),
            cluster: Cluster::new(nodes),
            reserved: Vec::new(),
        }
    }

    /// Jobs that the last pass reserved for, and when they are expected to start.
    pub fn reserved(&self) -> &[(u32, f64)] {
        &self.reserved
    }
}

impl<P: Policy> Scheduler for OnCluster<P> {
    fn submit(&mut self, job: u32, traced: Traced) {
        let walltime = f64::from(traced.estimate) * 1e6;
        self.cluster
            .set_job(JobRow::queued(job, traced.size, walltime));
    }

    fn end(&mut self, job: u32) {
        self.cluster.end(job);
    }

    fn pass(&mut self, now: u32) -> Vec<u32> {
        let now = f64::from(now) * 1e6;
        let plan = self.policy.schedule(now, &self.cluster.changes());
        let reserved = plan.decisions.iter().filter_map(|decision| match decision {
            Decision::Reserve(reservation) => Some((reservation.job, reservation.at)),
            Decision::Start(_)
            | Decision::Grow(_)
            | Decision::Shrink(_)
            | Decision::Preempt(_)
            | Decision::Wait(_) => None,
        });
        self.reserved = reserved.collect();
        self.cluster.carry_out(now, &plan)
    }
}
