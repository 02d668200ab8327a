//! Free cores over time: a step function with reservations in it.
//!
//! What a policy plans on that reserves for more than one job: it counts cores of one pool and knows no nodes; `timeline`
//! does. EASY needs one reservation only and has [`crate::shadow`]. Used by `conservative`.
//!
//! The steps lie in blocks that know the least and the most that is free in them, so that a search jumps over those that cannot hold a
//! job, and over those that surely can, and a long reservation is one number for each block.

use crate::policy::{Instant, Span};

/// Steps in a block at most. A full one is split in two.
const BLOCK_MAX: usize = 64;

/// Free cores from some time on, until the next step.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    from: Instant,
    /// Without what was taken of the whole block.
    free: u32,
}

/// Some neighbours, and what is true of all of them.
#[derive(Debug, Clone, PartialEq)]
struct Block {
    /// When the first of its steps begins.
    from: Instant,
    least: u32,
    most: u32,
    /// Taken of each step, and not yet from its own number.
    taken: u32,
    /// Strictly ascending by time; never empty.
    steps: Vec<Step>,
}

impl Block {
    fn new(steps: Vec<Step>) -> Block {
        let mut block = Block {
            from: steps[0].from,
            least: 0,
            most: 0,
            taken: 0,
            steps,
        };
        block.summarise();
        block
    }

    fn free(&self, step: usize) -> u32 {
        self.steps[step].free.saturating_sub(self.taken)
    }

    /// Index of the step that an instant lies in.
    fn step_at(&self, at: Instant) -> usize {
        let later = self.steps.partition_point(|step| step.from <= at);
        later.saturating_sub(1)
    }

    fn settle(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        for step in &mut self.steps {
            step.free = step.free.saturating_sub(taken);
        }
    }

    fn summarise(&mut self) {
        (self.least, self.most) = (u32::MAX, 0);
        for step in 0..self.steps.len() {
            self.least = self.least.min(self.free(step));
            self.most = self.most.max(self.free(step));
        }
    }
}

/// Free cores over time, from a first instant on and for ever.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Never empty.
    blocks: Vec<Block>,
}

impl Profile {
    /// `free` cores now, and more as running jobs give theirs back: their expected ends and cores, in any order. An end
    /// in the past counts as now, an infinite one never comes.
    pub fn new(now: Instant, free: u32, ends: impl IntoIterator<Item = (Instant, u32)>) -> Profile {
        let mut ends: Vec<(Instant, u32)> = ends.into_iter().collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut steps = vec![Step { from: now, free }];
        for (end, cores) in ends {
            if end == Instant::INFINITY {
                break;
            }
            let last = steps[steps.len() - 1];
            let free = last.free.saturating_add(cores);
            if end <= last.from {
                let at = steps.len() - 1;
                steps[at].free = free;
            } else {
                steps.push(Step { from: end, free });
            }
        }
        let blocks = steps.chunks(BLOCK_MAX / 2);
        Profile {
            blocks: blocks.map(|steps| Block::new(steps.to_vec())).collect(),
        }
    }

    /// Cores free at an instant; before the first one, as many as then.
    pub fn free_at(&self, at: Instant) -> u32 {
        let block = &self.blocks[self.block_at(at)];
        block.free(block.step_at(at))
    }

    /// The fewest cores that are free at any time from an instant on for so long.
    pub fn least_free(&self, at: Instant, span: Span) -> u32 {
        let until = at + span;
        let first = self.block_at(at);
        let mut least = u32::MAX;
        for (index, block) in self.blocks[first..].iter().enumerate() {
            let begin = if index == 0 { block.step_at(at) } else { 0 };
            if index > 0 && block.from >= until {
                break;
            }
            let last = block.steps[block.steps.len() - 1];
            if begin == 0 && last.from < until {
                least = least.min(block.least);
                continue;
            }
            for step in begin..block.steps.len() {
                if step > begin && block.steps[step].from >= until {
                    break;
                }
                least = least.min(block.free(step));
            }
        }
        least
    }

    /// The earliest instant, not before `from`, at which so many cores are free for so long; none if they never are.
    pub fn earliest(&self, cores: u32, span: Span, from: Instant) -> Option<Instant> {
        let from = from.max(self.blocks[0].from);
        let first = self.block_at(from);
        let mut start: Option<Instant> = None;
        for (index, block) in self.blocks[first..].iter().enumerate() {
            let begin = if index == 0 { block.step_at(from) } else { 0 };
            if start.is_some_and(|start| start + span <= block.from) {
                break;
            }
            if block.most < cores {
                start = None;
                continue;
            }
            if block.least >= cores {
                start = start.or(Some(block.steps[begin].from.max(from)));
                continue;
            }
            for step in begin..block.steps.len() {
                let begins = block.steps[step].from;
                if let Some(start) = start
                    && start + span <= begins
                {
                    return Some(start);
                }
                if block.free(step) < cores {
                    start = None;
                } else {
                    start = start.or(Some(begins.max(from)));
                }
            }
        }
        start
    }

    /// Takes cores from an instant on for so long. Where fewer are free, none are left.
    pub fn reserve(&mut self, cores: u32, at: Instant, span: Span) {
        let at = at.max(self.blocks[0].from);
        self.split(at);
        let until = at + span;
        if until < Instant::INFINITY {
            self.split(until);
        }
        let first = self.block_at(at);
        for block in &mut self.blocks[first..] {
            if block.from >= until {
                break;
            }
            let begin = block.steps.partition_point(|step| step.from < at);
            let end = block.steps.partition_point(|step| step.from < until);
            if begin == 0 && end == block.steps.len() {
                block.taken = block.taken.saturating_add(cores);
                block.least = block.least.saturating_sub(cores);
                block.most = block.most.saturating_sub(cores);
                continue;
            }
            block.settle();
            for step in &mut block.steps[begin..end] {
                step.free = step.free.saturating_sub(cores);
            }
            block.summarise();
        }
    }

    /// Index of the block that an instant lies in.
    fn block_at(&self, at: Instant) -> usize {
        let later = self.blocks.partition_point(|block| block.from <= at);
        later.saturating_sub(1)
    }

    /// Makes a step begin at an instant that is not before the first.
    fn split(&mut self, at: Instant) {
        let index = self.block_at(at);
        let block = &mut self.blocks[index];
        let step = block.step_at(at);
        if block.steps[step].from == at {
            return;
        }
        let free = block.steps[step].free;
        block.steps.insert(step + 1, Step { from: at, free });
        if block.steps.len() > BLOCK_MAX {
            block.settle();
            let tail = block.steps.split_off(BLOCK_MAX / 2);
            block.summarise();
            self.blocks.insert(index + 1, Block::new(tail));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_give_cores_back() {
        let profile = Profile::new(
            10.0,
            4,
            [
                (30.0, 2),
                (20.0, 1),
                (30.0, 1),
                (5.0, 1),
                (Instant::INFINITY, 100),
            ],
        );
        for (at, free) in [
            (0.0, 5),
            (10.0, 5),
            (19.0, 5),
            (20.0, 6),
            (30.0, 9),
            (1e9, 9),
        ] {
            assert_eq!(profile.free_at(at), free, "at {at}");
        }
    }

    #[test]
    fn earliest_start() {
        let mut profile = Profile::new(0.0, 4, [(10.0, 4), (20.0, 2)]);
        // (cores, span, from) -> start
        profile.reserve(3, 12.0, 5.0); // 12..17: 5 free
        let rows = [
            (4, 100.0, 0.0, Some(0.0)),
            (5, 1.0, 0.0, Some(10.0)),
            (5, 1e9, 0.0, Some(10.0)),
            (6, 2.0, 0.0, Some(10.0)),
            (6, 3.0, 0.0, Some(17.0)),
            (6, Span::INFINITY, 0.0, Some(17.0)),
            (8, 2.0, 11.0, Some(17.0)),
            (9, 1.0, 0.0, Some(20.0)),
            (10, 1.0, 40.0, Some(40.0)),
            (11, 1.0, 0.0, None),
        ];
        for (cores, span, from, start) in rows {
            assert_eq!(
                profile.earliest(cores, span, from),
                start,
                "{cores} for {span} from {from}"
            );
        }
        let least = |at, span| profile.least_free(at, span);
        assert_eq!([least(0.0, 10.0), least(0.0, 11.0)], [4, 4]);
        assert_eq!([least(10.0, 2.0), least(11.0, 9.0)], [8, 5]);
        assert_eq!([least(17.0, 3.0), least(17.0, Span::INFINITY)], [8, 8]);
        assert_eq!([least(20.0, 1.0), least(30.0, Span::INFINITY)], [10, 10]);
    }

    #[test]
    fn a_reservation_for_ever_leaves_the_past() {
        let mut profile = Profile::new(0.0, 4, []);
        profile.reserve(3, 10.0, Span::INFINITY);
        assert_eq!((profile.free_at(9.0), profile.free_at(10.0)), (4, 1));
        assert_eq!(profile.earliest(2, 10.0, 0.0), Some(0.0));
        assert_eq!(profile.earliest(2, 11.0, 0.0), None);
    }

    /// Thousands of reservations, against an array with a number for each second.
    #[test]
    fn blocks_change_nothing() {
        const HORIZON: usize = 4_000;
        let mut seed = 11u64;
        let mut random = |below: u64| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        let ends: Vec<(Instant, u32)> = (0..200)
            .map(|_| (random(900) as f64, random(3) as u32))
            .collect();
        let mut profile = Profile::new(0.0, 20, ends.iter().copied());
        let free_at = |at: usize| -> u32 {
            let ended = ends.iter().filter(|(end, _)| *end <= at as f64);
            20 + ended.map(|(_, cores)| cores).sum::<u32>()
        };
        let mut plain: Vec<u32> = (0..HORIZON).map(free_at).collect();
        for step in 0..3_000 {
            let cores = 1 + random(60) as u32;
            let span = 1 + random(40) as usize;
            let from = random(200) as usize;
            let fits = |at: &usize| plain[*at..*at + span].iter().all(|free| *free >= cores);
            let expected = (from..HORIZON - span).find(fits);
            let found = profile.earliest(cores, span as f64, from as f64);
            let found = found.filter(|at| *at < (HORIZON - span) as f64);
            assert_eq!(found, expected.map(|at| at as f64), "step {step}");
            let Some(at) = expected else { continue };
            let least = plain[at..at + span].iter().min().copied();
            let most = profile.least_free(at as f64, span as f64);
            assert_eq!(Some(most), least, "step {step}");
            profile.reserve(cores, at as f64, span as f64);
            plain[at..at + span]
                .iter_mut()
                .for_each(|free| *free -= cores);
        }
        assert!(profile.blocks.len() > 20, "{}", profile.blocks.len());
        for (at, free) in plain.iter().enumerate() {
            assert_eq!(profile.free_at(at as f64), *free, "at {at}");
        }
    }
}
