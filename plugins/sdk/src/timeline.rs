//! What is free on each node over time, with reservations in it.
//!
//! What a policy plans on when it matters which node a job is on: [`crate::profile`] is the same for a pool of cores. Used
//! by `conservative`.

use std::collections::BTreeSet;

use crate::{
    keys::{instant, key, minor, ordered},
    mirror::{Job, Mirror},
    pack::{Free, Shape},
    pass::Pass,
    policy::{Instant, SetId, Share, Span},
};

/// What is free of a node from some time on, until the next step.
#[derive(Debug, Clone, Copy)]
struct Step {
    from: Instant,
    free: Free,
}

/// Free nodes over time, from the time of a pass on and for ever.
#[derive(Debug)]
pub(crate) struct Timeline<'a> {
    mirror: &'a Mirror,
    /// Beside `mirror.nodes()`: strictly ascending by time, never empty.
    nodes: Vec<Vec<Step>>,
    /// When a step begins, and of which node: all but the first ones.
    moments: BTreeSet<u128>,
}

impl<'a> Timeline<'a> {
    /// What is free now, and more as jobs give theirs back: the running ones, and those that were placed in this pass.
    pub(crate) fn new(pass: &Pass<'a>) -> Timeline<'a> {
        let first = |free: &Free| {
            vec![Step {
                from: pass.now,
                free: *free,
            }]
        };
        let mut timeline = Timeline {
            mirror: pass.mirror,
            nodes: pass.free.iter().map(first).collect(),
            moments: BTreeSet::new(),
        };
        for (end, shape, shares) in pass.ends() {
            timeline.give_back(end.max(pass.now), shape, shares);
        }
        timeline
    }

    /// Adds what is free for good from an instant on that is not before any step.
    fn give_back(&mut self, end: Instant, shape: Shape, shares: &[Share]) {
        for share in shares {
            let Some(at) = self.mirror.position(share.node) else {
                continue;
            };
            let node = &self.mirror.nodes()[at];
            if !node.usable {
                continue;
            }
            let steps = &mut self.nodes[at];
            let mut last = steps[steps.len() - 1];
            last.free.give(shape, share, node);
            if end <= last.from {
                let index = steps.len() - 1;
                steps[index] = last;
            } else {
                last.from = end;
                steps.push(last);
                self.moments.insert(key(ordered(end), at as u32));
            }
        }
    }

    /// What is free of a node all the time from an instant on until another.
    fn free(&self, at: usize, from: Instant, until: Instant) -> Free {
        let steps = &self.nodes[at];
        let later = steps.partition_point(|step| step.from <= from);
        let mut free = steps[later.saturating_sub(1)].free;
        for step in &steps[later..] {
            if step.from >= until {
                break;
            }
            free = free.least(step.free);
        }
        free
    }

    /// What is free of each node of a set for so long; nothing of the others.
    pub(crate) fn free_of(&self, set: SetId, from: Instant, span: Span) -> Vec<Free> {
        let mut free = vec![Free::default(); self.nodes.len()];
        for &at in self.mirror.candidates(set) {
            free[at as usize] = self.free(at as usize, from, from + span);
        }
        free
    }

    /// The earliest instant, not before `from`, at which a job finds its minimum on the nodes of a set for all of its run time; none
    /// if it never does.
    pub(crate) fn earliest(&self, job: &Job, set: SetId, from: Instant) -> Option<Instant> {
        let nodes = self.mirror.nodes();
        let span = job.walltime;
        let mut room = Room {
            units: vec![None; nodes.len()],
            total: 0,
            large_enough: 0,
            least: job.min,
        };
        for &at in self.mirror.candidates(set) {
            let free = self.free(at as usize, from, from + span);
            room.units[at as usize] = Some(0);
            room.set(at as usize, job.shape.units_on(&nodes[at as usize], free));
        }
        // Steps on which the job would begin, and steps that begin before it ends: only they make a difference.
        let mut opening = self
            .moments
            .range(key(ordered(from), u32::MAX)..)
            .peekable();
        let end = key(ordered(from + span), 0);
        let mut closing = self.moments.range(end..).peekable();
        let mut start = from;
        while !room.suffices(job.shape) {
            start = instant((*opening.peek()? >> 32) as u64);
            let until = start + span;
            let mut look_at = |moment: u128| {
                let at = minor(moment) as usize;
                if room.units[at].is_some() {
                    let free = self.free(at, start, until);
                    room.set(at, job.shape.units_on(&nodes[at], free));
                }
            };
            while let Some(moment) = opening.next_if(|at| **at <= key(ordered(start), u32::MAX)) {
                look_at(*moment);
            }
            while let Some(moment) = closing.next_if(|at| **at < key(ordered(until), 0)) {
                look_at(*moment);
            }
        }
        Some(start)
    }

    /// Takes shares from an instant on for so long.
    pub(crate) fn reserve(&mut self, shape: Shape, shares: &[Share], from: Instant, span: Span) {
        for share in shares {
            let Some(at) = self.mirror.position(share.node) else {
                continue;
            };
            let begin = self.split(at, from);
            let until = from + span;
            let end = if until == Instant::INFINITY {
                self.nodes[at].len()
            } else {
                self.split(at, until)
            };
            for step in &mut self.nodes[at][begin..end] {
                step.free.take(shape, share, &self.mirror.nodes()[at]);
            }
        }
    }

    /// Makes a step of a node begin at an instant that is not before the first, and answers its index.
    fn split(&mut self, node: usize, at: Instant) -> usize {
        let steps = &mut self.nodes[node];
        let step = steps.partition_point(|step| step.from <= at) - 1;
        if steps[step].from == at {
            return step;
        }
        let free = steps[step].free;
        steps.insert(step + 1, Step { from: at, free });
        self.moments.insert(key(ordered(at), node as u32));
        step + 1
    }
}

/// What a job would find at some time.
struct Room {
    /// Of each node, in the job's units; none where it may not run.
    units: Vec<Option<u32>>,
    total: u64,
    /// Nodes that have room for all of it.
    large_enough: u32,
    least: u32,
}

impl Room {
    fn set(&mut self, at: usize, units: u32) {
        let before = self.units[at].replace(units).unwrap_or(0);
        self.total = self.total - u64::from(before) + u64::from(units);
        self.large_enough -= u32::from(before >= self.least);
        self.large_enough += u32::from(units >= self.least);
    }

    fn suffices(&self, shape: Shape) -> bool {
        if shape.single_node {
            self.large_enough > 0
        } else {
            self.total >= u64::from(self.least)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        histories::Random,
        mirror::Mirror,
        policy::{Changes, JOB_EXCLUSIVE, JOB_RUNNING, JOB_SINGLE_NODE},
        rows::{JobRow, NodeRow},
    };

    fn share(node: u32, cores: u32) -> Share {
        Share {
            node,
            cores,
            gpus: 0,
        }
    }

    /// Two nodes of four cores: job 1 has all of node 0 until 100, job 2 half of node 1 until 50.
    fn mirror() -> Mirror {
        let mut changes = Changes::default();
        for (id, free_cores) in [(0, 0), (1, 2)] {
            changes.nodes.push(NodeRow {
                free_cores,
                ..NodeRow::idle(id, 4)
            });
        }
        for (id, walltime, share) in [(1, 100.0, share(0, 4)), (2, 50.0, share(1, 2))] {
            changes.push_job(&JobRow {
                state: JOB_RUNNING,
                shares: vec![share],
                ..JobRow::queued(id, share.cores, walltime)
            });
        }
        changes.push_set(1, &[1]);
        let mut mirror = Mirror::default();
        mirror.apply(&changes);
        mirror
    }

    fn job(min: u32, walltime: f64, unit: u32, flags: u32) -> Job {
        let mut changes = Changes::default();
        changes.push_job(&JobRow {
            unit,
            flags,
            ..JobRow::queued(9, min, walltime)
        });
        let mut mirror = Mirror::default();
        mirror.apply(&changes);
        mirror.find(9).cloned().unwrap()
    }

    #[test]
    fn the_earliest_start_by_node() {
        let mirror = mirror();
        let mut timeline = Timeline::new(&Pass::new(&mirror, 10.0));
        let core = Shape::new(0, 0);
        // Three cores of node 1 are promised from 60 on, for 20.
        timeline.reserve(core, &[share(1, 3)], 60.0, 20.0);
        // Minimum, run time, unit, flags, set; start.
        let rows = [
            ((2, 5.0, 0, 0), 0, Some(10.0)),
            ((2, 50.0, 0, 0), 0, Some(10.0)),
            ((2, 51.0, 0, 0), 0, Some(80.0)),
            ((3, 10.0, 0, 0), 0, Some(50.0)),
            ((3, 11.0, 0, 0), 0, Some(80.0)),
            ((5, 5.0, 0, 0), 0, Some(100.0)),
            ((8, 5.0, 0, 0), 0, Some(100.0)),
            ((9, 5.0, 0, 0), 0, None),
            ((1, f64::INFINITY, 0, 0), 0, Some(10.0)),
            ((2, f64::INFINITY, 0, 0), 1, Some(80.0)),
            // Whole nodes: node 1 between the two, or for good after the second.
            ((1, 10.0, 2, 0), 0, Some(50.0)),
            ((1, 11.0, 2, 0), 0, Some(80.0)),
            ((2, 1.0, 2, 0), 0, Some(100.0)),
            ((2, 1.0, 2, 0), 1, None),
            ((4, 11.0, 0, JOB_SINGLE_NODE), 0, Some(80.0)),
            ((5, 1.0, 0, JOB_SINGLE_NODE), 0, None),
        ];
        for ((min, walltime, unit, flags), set, expected) in rows {
            let job = job(min, walltime, unit, flags);
            let start = timeline.earliest(&job, set, 10.0);
            assert_eq!(start, expected, "{min} for {walltime}, {:?}", job.shape);
        }
        let cores = |from, span| timeline.free_of(0, from, span).map_cores();
        assert_eq!(cores(10.0, 50.0), [0, 2]);
        assert_eq!(cores(60.0, 1.0), [0, 1]);
        assert_eq!(cores(80.0, f64::INFINITY), [0, 4]);
        assert_eq!(timeline.free_of(1, 100.0, 1.0).map_cores(), [0, 4]);
    }

    /// Hundreds of reservations of all shapes, against an array with what is free of each node at each second.
    #[test]
    fn as_second_by_second() {
        const HORIZON: usize = 600;
        let mut random = Random(3);
        let mut changes = Changes::default();
        for id in 0..5 {
            changes.nodes.push(NodeRow {
                gpus: id % 3,
                free_gpus: id % 3,
                ..NodeRow::idle(id, 4 + id % 2 * 4)
            });
        }
        changes.push_set(1, &[4, 1, 2]);
        let mut mirror = Mirror::default();
        mirror.apply(&changes);
        let pass = Pass::new(&mirror, 0.0);
        let mut timeline = Timeline::new(&pass);
        let mut plain = vec![pass.free.clone(); HORIZON];
        let mut reserved = 0;
        for step in 0..400 {
            let (unit, set) = (random.below(4), random.below(2));
            let flags = [0, 0, 0, JOB_SINGLE_NODE, JOB_EXCLUSIVE][random.below(5) as usize];
            let span = 1 + random.below(30) as usize;
            let from = random.below(50) as usize;
            let job = job(1 + random.below(9), span as f64, unit, flags);
            let free = |at: usize| {
                let mut free = vec![Free::default(); 5];
                for &node in mirror.candidates(set) {
                    let during = plain[at..at + span].iter().map(|free| free[node as usize]);
                    free[node as usize] = during.reduce(Free::least).unwrap();
                }
                free
            };
            let shares = |at: usize| pass.pack(&job, set, (job.min, job.min), &free(at));
            let expected = (from..HORIZON - span).find(|&at| shares(at).is_some());
            let found = timeline.earliest(&job, set, from as f64);
            let found = found.filter(|at| *at < (HORIZON - span) as f64);
            assert_eq!(found, expected.map(|at| at as f64), "step {step}: {job:?}");
            let Some(at) = expected else { continue };
            assert_eq!(timeline.free_of(set, at as f64, span as f64), free(at));
            let shares = shares(at).unwrap();
            for share in &shares {
                let node = &mirror.nodes()[share.node as usize];
                let during = plain[at..at + span].iter_mut();
                during.for_each(|free| free[share.node as usize].take(job.shape, share, node));
            }
            timeline.reserve(job.shape, &shares, at as f64, span as f64);
            reserved += 1;
        }
        assert!(reserved > 100, "{reserved}");
    }

    trait Cores {
        fn map_cores(&self) -> Vec<u32>;
    }

    impl Cores for Vec<Free> {
        fn map_cores(&self) -> Vec<u32> {
            self.iter().map(|free| free.cores).collect()
        }
    }
}
