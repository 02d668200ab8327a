//! The ends that are to come, by time; at equal times in the order in which the jobs were started.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Running jobs by their end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// End in microseconds, the how manieth start it was, index of the job.
    heap: BinaryHeap<Reverse<(u64, u32, u32)>>,
    starts: u32,
}

impl Ends {
    /// Adds a job that has just started.
    pub(super) fn push(&mut self, end_us: u64, job: usize) {
        // A trace has at most 500,000 jobs, and each starts once.
        self.heap.push(Reverse((end_us, self.starts, job as u32)));
        self.starts += 1;
    }

    /// The first end.
    pub(super) fn first(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((end_us, ..))| *end_us)
    }

    /// Takes out the jobs that end at `now`, in the order in which they were started.
    pub(super) fn take_due(&mut self, now: u64, due: &mut Vec<usize>) {
        due.clear();
        while self.first() == Some(now) {
            due.extend(self.heap.pop().map(|Reverse((_, _, job))| job as usize));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_come_by_time_and_then_by_start() {
        let mut ends = Ends::default();
        for (end, job) in [(50, 9), (30, 4), (50, 2), (30, 7), (40, 1)] {
            ends.push(end, job);
        }
        let mut due = vec![99];
        let mut order = Vec::new();
        while let Some(now) = ends.first() {
            ends.take_due(now, &mut due);
            order.push((now, due.clone()));
        }
        assert_eq!(order, [(30, vec![4, 7]), (40, vec![1]), (50, vec![9, 2])]);
        assert_eq!(ends.len(), 0);
    }
}
