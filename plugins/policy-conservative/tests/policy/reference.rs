//! Against the rules, written down as plainly as possible: one pool of processors, every job of fixed size.

use std::collections::BTreeMap;

use jobyard_plugin_sdk::replay::{OnCluster, PROCESSORS, Scheduler, Traced, start_times, trace};
use jobyard_policy_conservative::Conservative;

/// The rules, plainly: for each job in order, the first instant from which on enough is free for long enough.
struct Rules {
    /// How many jobs get reservations.
    depth: usize,
    queue: Vec<(u32, Traced)>,
    /// Job, expected end, size.
    running: Vec<(u32, u32, u32)>,
}

impl Scheduler for Rules {
    fn submit(&mut self, job: u32, traced: Traced) {
        self.queue.push((job, traced));
    }

    fn end(&mut self, job: u32) {
        self.running.retain(|running| running.0 != job);
    }

    fn pass(&mut self, now: u32) -> Vec<u32> {
        // How many processors come free, or are taken, at an instant.
        let mut changes: BTreeMap<u32, i64> = BTreeMap::from([(now, i64::from(PROCESSORS))]);
        let mut take = |from: u32, until: u32, size: u32| {
            *changes.entry(from).or_default() -= i64::from(size);
            *changes.entry(until).or_default() += i64::from(size);
            let mut free = 0;
            let steps = changes.iter().map(|(at, change)| {
                free += change;
                (*at, free)
            });
            steps.collect::<Vec<_>>()
        };
        let mut steps = take(now, now, 0);
        for &(_, end, size) in &self.running {
            steps = take(now, end, size);
        }
        let mut started = Vec::new();
        // From the first on that waits.
        let mut looked_at = 0;
        for &(job, traced) in &self.queue {
            let size = i64::from(traced.size);
            let fits = |at: u32| {
                let first = steps.partition_point(|step| step.0 <= at) - 1;
                let until = at + traced.estimate;
                let during = steps[first..].iter().take_while(|step| step.0 < until);
                during.map(|step| step.1).all(|free| free >= size)
            };
            let at = steps.iter().map(|step| step.0).find(|&at| fits(at));
            let at = at.unwrap();
            looked_at += usize::from(looked_at > 0 || at > now);
            if at == now {
                started.push((job, traced));
            } else if looked_at > self.depth {
                continue;
            }
            steps = take(at, at + traced.estimate, traced.size);
        }
        for (job, traced) in &started {
            self.queue.retain(|(queued, _)| queued != job);
            self.running
                .push((*job, now + traced.estimate, traced.size));
        }
        started.into_iter().map(|(job, _)| job).collect()
    }
}

#[test]
fn starts_every_job_when_the_rules_say() {
    for (seed, depth, setting) in [(1, usize::MAX, "-1"), (2, 5, "5"), (3, 0, "0")] {
        let trace = trace(seed, 150);
        let mut rules = Rules {
            depth,
            queue: Vec::new(),
            running: Vec::new(),
        };
        let expected = start_times(&trace, &mut rules);
        let waited = expected.iter().zip(&trace);
        let waited = waited.filter(|(start, job)| **start > job.submit).count();
        assert!(waited > 60, "the trace is too easy: {waited} jobs waited");
        // One node, and the same processors spread over many: cores are cores.
        for nodes in [vec![PROCESSORS], vec![5; PROCESSORS as usize / 5]] {
            let mut policy = OnCluster::<Conservative>::new(&[("depth", setting)], &nodes);
            let started = start_times(&trace, &mut policy);
            for (job, (start, expected)) in started.iter().zip(&expected).enumerate() {
                let on = nodes.len();
                assert_eq!(start, expected, "job {job}, depth {setting}, {on} nodes");
            }
        }
    }
}

/// Where every job runs for just as long as it said, none starts later than it was first told.
#[test]
fn promises_are_kept() {
    let mut trace = trace(7, 300);
    trace.iter_mut().for_each(|job| job.run = job.estimate);
    let mut policy = Promises {
        policy: OnCluster::<Conservative>::new(&[("depth", "-1")], &[PROCESSORS]),
        promised: BTreeMap::new(),
    };
    let started = start_times(&trace, &mut policy);
    let mut kept = 0;
    for (job, start) in (0..).zip(&started) {
        if let Some(promised) = policy.promised.get(&job) {
            assert!(f64::from(*start) * 1e6 <= *promised, "job {job}");
            kept += 1;
        }
    }
    assert!(kept > 100, "{kept} promises");
}

/// The policy, and when it first said that each job would start.
struct Promises {
    policy: OnCluster<Conservative>,
    promised: BTreeMap<u32, f64>,
}

impl Scheduler for Promises {
    fn submit(&mut self, job: u32, traced: Traced) {
        self.policy.submit(job, traced);
    }

    fn end(&mut self, job: u32) {
        self.policy.end(job);
    }

    fn pass(&mut self, now: u32) -> Vec<u32> {
        let started = self.policy.pass(now);
        for &(job, at) in self.policy.reserved() {
            self.promised.entry(job).or_insert(at);
        }
        started
    }
}
