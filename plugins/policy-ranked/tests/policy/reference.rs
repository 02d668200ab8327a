//! Against the rules of EASY in the order of a rank, written down as plainly as possible: one pool of processors, every job of fixed size.

use jobyard_plugin_sdk::replay::{OnCluster, PROCESSORS, Scheduler, Traced, start_times, trace};
use jobyard_policy_ranked::Ranked;
use jobyard_ranker_formula::Formula;

/// The rules, plainly.
struct Rules {
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
        self.queue
            .sort_by_key(|(job, traced)| (traced.estimate, *job));
        let in_use: u32 = self.running.iter().map(|running| running.2).sum();
        let mut free = PROCESSORS - in_use;
        let mut started = Vec::new();
        let mut start = |running: &mut Vec<_>, job: u32, traced: Traced| {
            started.push(job);
            running.push((job, now + traced.estimate, traced.size));
        };
        let fits = self.queue.iter().take_while(|(_, traced)| {
            let fits = traced.size <= free;
            free -= if fits { traced.size } else { 0 };
            fits
        });
        let fits = fits.count();
        for (job, traced) in self.queue.drain(..fits) {
            start(&mut self.running, job, traced);
        }
        if let Some(&(_, head)) = self.queue.first() {
            let mut ends: Vec<(u32, u32)> = self.running.iter().map(|r| (r.1, r.2)).collect();
            ends.sort_unstable();
            let (mut by_then, mut shadow) = (free, now);
            for (end, size) in ends {
                if by_then >= head.size && end > shadow {
                    break;
                }
                by_then += size;
                shadow = end.max(now);
            }
            let mut extra = by_then - head.size;
            let mut behind = self.queue.split_off(1);
            behind.retain(|&(job, traced)| {
                let in_time = now + traced.estimate <= shadow;
                let starts = traced.size <= free && (in_time || traced.size <= extra);
                if starts {
                    free -= traced.size;
                    extra -= if in_time { 0 } else { traced.size };
                    start(&mut self.running, job, traced);
                }
                !starts
            });
            self.queue.append(&mut behind);
        }
        started
    }
}

#[test]
fn starts_every_job_when_the_rules_say() {
    for seed in [1, 2] {
        let trace = trace(seed, 200);
        let mut rules = Rules {
            queue: Vec::new(),
            running: Vec::new(),
        };
        let expected = start_times(&trace, &mut rules);
        let waited = expected.iter().zip(&trace);
        let waited = waited.filter(|(start, job)| **start > job.submit).count();
        assert!(waited > 60, "the trace is too easy: {waited} jobs waited");
        for nodes in [vec![PROCESSORS], vec![5; PROCESSORS as usize / 5]] {
            let settings = [("ranker.formula", "sjf")];
            let mut policy = OnCluster::<Ranked<Formula>>::new(&settings, &nodes);
            let started = start_times(&trace, &mut policy);
            for (job, (start, expected)) in started.iter().zip(&expected).enumerate() {
                assert_eq!(start, expected, "job {job} on {} nodes", nodes.len());
            }
        }
    }
}
