//! Against the published rules, written down as plainly as possible: one pool of processors, every job of fixed size.
//!
//! The same loop as the simulator's: submissions first, in order, each with its pass; then ends. The plain
//! rules below were themselves checked against published results for a real log.

use std::collections::BTreeMap;

use jobyard_plugin_sdk::{cluster::Cluster, rows::JobRow};

use crate::{Random, backfill, pass};

const PROCESSORS: u32 = 100;

/// A job of the trace: submitted, runs for, processors, estimate.
#[derive(Clone, Copy)]
struct Traced {
    submit: u32,
    run: u32,
    size: u32,
    estimate: u32,
}

fn trace(seed: u64, jobs: u32) -> Vec<Traced> {
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
trait Scheduler {
    fn submit(&mut self, job: u32, traced: Traced);
    fn end(&mut self, job: u32);
    fn pass(&mut self, now: u32) -> Vec<u32>;
}

/// Runs a trace and answers when each job started.
fn start_times(trace: &[Traced], scheduler: &mut impl Scheduler) -> Vec<u32> {
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

/// The rules, plainly.
struct Rules {
    shortest_first: bool,
    free: u32,
    queue: Vec<(u32, Traced)>,
    /// (job, expected end, size)
    running: Vec<(u32, u32, u32)>,
}

impl Rules {
    fn start(&mut self, now: u32, job: u32, traced: Traced) {
        self.free -= traced.size;
        self.running.push((job, now + traced.estimate, traced.size));
    }
}

impl Scheduler for Rules {
    fn submit(&mut self, job: u32, traced: Traced) {
        self.queue.push((job, traced));
    }

    fn end(&mut self, job: u32) {
        let at = self
            .running
            .iter()
            .position(|running| running.0 == job)
            .unwrap();
        self.free += self.running.remove(at).2;
    }

    fn pass(&mut self, now: u32) -> Vec<u32> {
        let mut started = Vec::new();
        while let Some(&(job, traced)) = self.queue.first().filter(|(_, job)| job.size <= self.free)
        {
            self.queue.remove(0);
            self.start(now, job, traced);
            started.push(job);
        }
        let Some(&(_, head)) = self.queue.first() else {
            return started;
        };
        let mut ends: Vec<(u32, u32)> = self
            .running
            .iter()
            .map(|&(_, end, size)| (end, size))
            .collect();
        ends.sort();
        let mut free_then = self.free;
        let mut shadow = now;
        for &(end, size) in &ends {
            if free_then >= head.size && end > shadow {
                break;
            }
            free_then += size;
            shadow = end;
        }
        let mut extra = free_then - head.size;
        let mut behind = self.queue[1..].to_vec();
        if self.shortest_first {
            behind.sort_by_key(|(_, job)| job.estimate);
        }
        for (job, traced) in behind {
            if traced.size > self.free {
                continue;
            }
            if now + traced.estimate > shadow {
                if traced.size > extra {
                    continue;
                }
                extra -= traced.size;
            }
            self.start(now, job, traced);
            self.queue.retain(|queued| queued.0 != job);
            started.push(job);
        }
        started
    }
}

/// The policy on a cluster of one or more nodes.
struct Policy {
    policy: jobyard_policy_backfill::Backfill,
    cluster: Cluster,
}

impl Scheduler for Policy {
    fn submit(&mut self, job: u32, traced: Traced) {
        self.cluster.set_job(JobRow::queued(
            job,
            traced.size,
            f64::from(traced.estimate) * 1e6,
        ));
    }

    fn end(&mut self, job: u32) {
        self.cluster.end(job);
    }

    fn pass(&mut self, now: u32) -> Vec<u32> {
        pass(&mut self.policy, &mut self.cluster, f64::from(now) * 1e6)
    }
}

#[test]
fn starts_every_job_when_the_rules_say() {
    for (seed, order) in [(1, "fcfs"), (2, "sjbf"), (3, "fcfs"), (4, "sjbf")] {
        let trace = trace(seed, 2_000);
        let mut rules = Rules {
            shortest_first: order == "sjbf",
            free: PROCESSORS,
            queue: Vec::new(),
            running: Vec::new(),
        };
        let expected = start_times(&trace, &mut rules);
        let waited = expected
            .iter()
            .zip(&trace)
            .filter(|(start, job)| **start > job.submit)
            .count();
        assert!(waited > 500, "the trace is too easy: {waited} jobs waited");
        // One node, and the same processors spread over many: cores are cores.
        for nodes in [vec![PROCESSORS], vec![5; 20]] {
            let policy = backfill(&[("order", order)]);
            let mut policy = Policy {
                policy,
                cluster: Cluster::new(&nodes),
            };
            let started = start_times(&trace, &mut policy);
            for (job, (start, expected)) in started.iter().zip(&expected).enumerate() {
                assert_eq!(start, expected, "job {job}, {order}, {} nodes", nodes.len());
            }
        }
    }
}
