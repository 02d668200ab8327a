//! Free cores over time: a step function with reservations in it.
//!
//! What a backfilling policy plans on that reserves for more than one job (conservative backfill, advance reservations): it
//! counts cores of one pool and knows no nodes. EASY needs one reservation only and has [`crate::shadow`].

use crate::policy::{Instant, Span};

/// Free cores from some time on, until the next step.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    from: Instant,
    free: u32,
}

/// Free cores over time, from a first instant on and for ever.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Strictly ascending by time; never empty.
    steps: Vec<Step>,
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
        Profile { steps }
    }

    /// Cores free at an instant; before the first one, as many as then.
    pub fn free_at(&self, at: Instant) -> u32 {
        self.steps[self.step_at(at)].free
    }

    /// The earliest instant, not before `from`, at which so many cores are free for so long; none if they never are.
    pub fn earliest(&self, cores: u32, span: Span, from: Instant) -> Option<Instant> {
        let from = from.max(self.steps[0].from);
        let mut start: Option<Instant> = None;
        for step in &self.steps[self.step_at(from)..] {
            if let Some(start) = start
                && start + span <= step.from
            {
                break;
            }
            if step.free < cores {
                start = None;
            } else {
                start = start.or(Some(step.from.max(from)));
            }
        }
        start
    }

    /// Takes cores from an instant on for so long. Where fewer are free, none are left.
    pub fn reserve(&mut self, cores: u32, at: Instant, span: Span) {
        let at = at.max(self.steps[0].from);
        let first = self.split(at);
        let end = if span == Span::INFINITY {
            self.steps.len()
        } else {
            self.split(at + span)
        };
        for step in &mut self.steps[first..end] {
            step.free = step.free.saturating_sub(cores);
        }
    }

    /// Index of the step that an instant lies in.
    fn step_at(&self, at: Instant) -> usize {
        self.steps
            .partition_point(|step| step.from <= at)
            .saturating_sub(1)
    }

    /// Makes a step begin at an instant, and answers its index.
    fn split(&mut self, at: Instant) -> usize {
        let step = self.step_at(at);
        if self.steps[step].from == at {
            return step;
        }
        let free = self.steps[step].free;
        self.steps.insert(step + 1, Step { from: at, free });
        step + 1
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
    }

    #[test]
    fn a_reservation_for_ever_leaves_the_past() {
        let mut profile = Profile::new(0.0, 4, []);
        profile.reserve(3, 10.0, Span::INFINITY);
        assert_eq!((profile.free_at(9.0), profile.free_at(10.0)), (4, 1));
        assert_eq!(profile.earliest(2, 10.0, 0.0), Some(0.0));
        assert_eq!(profile.earliest(2, 11.0, 0.0), None);
    }
}
