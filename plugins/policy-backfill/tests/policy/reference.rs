//! Against the published rules, written down as plainly as possible: one pool of processors, every job of fixed size.
//!
//! The plain rules below were themselves checked against published results for a real log.

use jobyard_plugin_sdk::replay::{OnCluster, PROCESSORS, Scheduler, Traced, start_times, trace};
use jobyard_policy_backfill::Backfill;

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
            let mut policy = OnCluster::<Backfill>::new(&[("order", order)], &nodes);
            let started = start_times(&trace, &mut policy);
            for (job, (start, expected)) in started.iter().zip(&expected).enumerate() {
                assert_eq!(start, expected, "job {job}, {order}, {} nodes", nodes.len());
            }
        }
    }
}
