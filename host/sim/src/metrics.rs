//! From when jobs were submitted, started and ended to the numbers that papers on scheduling print.
//!
//! Pure arithmetic over finished jobs; it knows neither kernel nor policy. Sums are plain `f64` sums in the order of the
//! jobs in the trace, so that published results come out to the last digits that mean anything.

use serde::{Deserialize, Serialize};

use crate::{drive::Estimate, swf::Dropped};

/// τ of the bounded slowdown: a job counts as if it ran at least this long (Feitelson et al. 1997).
pub(crate) const BOUNDED_SLOWDOWN_TAU_S: f64 = 10.0;

/// What became of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobTimes {
    /// When it was submitted, in microseconds of the trace's clock.
    pub submit_us: u64,
    /// When it started.
    pub start_us: u64,
    /// When it ended.
    pub end_us: u64,
    /// Processors that it held from start to end.
    pub procs: u32,
    /// Its user, where the trace says it.
    pub user: Option<u32>,
}

impl JobTimes {
    /// How long it was queued, in seconds.
    pub fn wait_s(&self) -> f64 {
        seconds(self.start_us.saturating_sub(self.submit_us))
    }

    /// How long it ran, in seconds.
    pub fn run_s(&self) -> f64 {
        seconds(self.end_us.saturating_sub(self.start_us))
    }

    /// max(1, (wait + run) / max(10 s, run)).
    pub fn bounded_slowdown(&self) -> f64 {
        let run = self.run_s();
        ((self.wait_s() + run) / run.max(BOUNDED_SLOWDOWN_TAU_S)).max(1.0)
    }
}

/// Whole seconds come out exact: the quotient is rounded once.
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// What a simulation found: one JSON object, one row of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The policy, with its settings where it has some.
    pub policy: String,
    /// The trace's name.
    pub trace: String,
    /// What the policy was told of run times.
    pub estimate: Estimate,
    /// Jobs that were simulated: all of them started and ended.
    pub jobs: u64,
    /// Processors of the machine.
    pub procs: u32,
    /// Mean time from submission to start, in seconds.
    pub average_wait_s: f64,
    /// Median of the same: the middle one, or the mean of the two middle ones.
    pub median_wait_s: f64,
    /// 95th percentile of the same by nearest rank: the smallest wait that at least 95 % of the jobs do not exceed.
    pub p95_wait_s: f64,
    /// Longest time from submission to start, in seconds.
    pub maximum_wait_s: f64,
    /// Mean over all jobs of max(1, (wait + run) / max(10 s, run)).
    pub average_bounded_slowdown: f64,
    /// The largest of the same.
    pub maximum_bounded_slowdown: f64,
    /// Σ run × processors / (processors of the machine × [`Report::makespan_s`]): 0 to 1.
    pub utilisation: f64,
    /// From the first submission to the last end, in seconds.
    pub makespan_s: f64,
    /// The longest that the queue ever was, in jobs, after a pass of the policy.
    pub maximum_queue_length: u64,
    /// Users that the trace names.
    pub users: u64,
    /// Jain's fairness index over users, of the average bounded slowdown of each: (Σx)² / (n · Σx²). 1 when all users fare alike,
    /// 1/n when one bears everything. None when the trace names no users.
    pub user_fairness: Option<f64>,
    /// How often the policy was called.
    pub passes: u64,
    /// Proposals of the policy that the kernel refused.
    pub refused_proposals: u64,
    /// Jobs of the trace that the cleaning left out.
    pub dropped_lines: u64,
    /// The same, by reason.
    pub dropped: Dropped,
    /// Lines of the trace that are not jobs.
    pub bad_lines: u64,
    /// Jobs that stood in the file after one with a later submit time.
    pub out_of_order_lines: u64,
    /// Processor time of reading the trace and of the simulation with the policy in it, in seconds.
    pub cpu_s: f64,
    /// [`Report::jobs`] / [`Report::cpu_s`].
    pub jobs_per_cpu_s: f64,
}

/// The part of a [`Report`] that is computed from the jobs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Metrics {
    pub(crate) average_wait_s: f64,
    pub(crate) median_wait_s: f64,
    pub(crate) p95_wait_s: f64,
    pub(crate) maximum_wait_s: f64,
    pub(crate) average_bounded_slowdown: f64,
    pub(crate) maximum_bounded_slowdown: f64,
    pub(crate) utilisation: f64,
    pub(crate) makespan_s: f64,
    pub(crate) users: u64,
    pub(crate) user_fairness: Option<f64>,
}

impl Metrics {
    /// Of at least one job, on a machine of `procs` processors.
    pub(crate) fn of(jobs: &[JobTimes], procs: u32) -> Self {
        let count = jobs.len() as f64;
        let (mut wait_sum, mut slowdown_sum, mut maximum_slowdown, mut area) =
            (0.0, 0.0, 0.0_f64, 0.0);
        let (mut first_submit, mut last_end) = (u64::MAX, 0);
        let mut waits = Vec::with_capacity(jobs.len());
        for job in jobs {
            let (wait, slowdown) = (job.wait_s(), job.bounded_slowdown());
            wait_sum += wait;
            slowdown_sum += slowdown;
            maximum_slowdown = maximum_slowdown.max(slowdown);
            area += job.run_s() * f64::from(job.procs);
            first_submit = first_submit.min(job.submit_us);
            last_end = last_end.max(job.end_us);
            waits.push(wait);
        }
        waits.sort_unstable_by(f64::total_cmp);
        let makespan_s = seconds(last_end.saturating_sub(first_submit));
        let users = slowdowns_of_users(jobs);
        Self {
            average_wait_s: wait_sum / count,
            median_wait_s: median(&waits),
            p95_wait_s: percentile(&waits, 95),
            maximum_wait_s: waits.last().copied().unwrap_or(0.0),
            average_bounded_slowdown: slowdown_sum / count,
            maximum_bounded_slowdown: maximum_slowdown,
            utilisation: area / (f64::from(procs) * makespan_s),
            makespan_s,
            users: users.len() as u64,
            user_fairness: jain_index(&users),
        }
    }
}

/// The middle one, or the mean of the two middle ones; of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// By nearest rank: the value at rank ⌈percent/100 · n⌉, from 1; of sorted values.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

/// The average bounded slowdown of each user that the trace names, by the user's number.
fn slowdowns_of_users(jobs: &[JobTimes]) -> Vec<f64> {
    let mut by_user: Vec<(u32, f64)> = jobs
        .iter()
        .filter_map(|job| Some((job.user?, job.bounded_slowdown())))
        .collect();
    by_user.sort_by_key(|(user, _)| *user);
    by_user
        .chunk_by(|a, b| a.0 == b.0)
        .map(|jobs| jobs.iter().map(|(_, slowdown)| slowdown).sum::<f64>() / jobs.len() as f64)
        .collect()
}

fn jain_index(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    (squares > 0.0).then(|| sum * sum / (values.len() as f64 * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(submit: u64, start: u64, end: u64, procs: u32, user: u32) -> JobTimes {
        let us = 1_000_000;
        JobTimes {
            submit_us: submit * us,
            start_us: start * us,
            end_us: end * us,
            procs,
            user: (user > 0).then_some(user),
        }
    }

    #[test]
    fn bounded_slowdown_has_a_floor_of_one_and_a_tau_of_ten_seconds() {
        // submit, start, end -> bounded slowdown
        let table = [
            ((0, 0, 100), 1.0),
            ((0, 100, 200), 2.0),
            ((0, 0, 1), 1.0),
            ((0, 5, 6), 1.0),
            ((0, 99, 100), 10.0),
            ((0, 90, 100), 10.0),
            ((7, 7 + 89, 7 + 100), 100.0 / 11.0),
        ];
        for ((submit, start, end), expected) in table {
            assert_eq!(
                job(submit, start, end, 1, 0).bounded_slowdown(),
                expected,
                "{submit} {start} {end}"
            );
        }
    }

    #[test]
    fn medians_and_percentiles() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let table: &[(&[f64], f64, f64)] = &[
            (&[3.0], 3.0, 3.0),
            (&[1.0, 4.0], 2.5, 4.0),
            (&[1.0, 2.0, 9.0], 2.0, 9.0),
            (&[1.0, 2.0, 3.0, 9.0], 2.5, 9.0),
            (&hundred, 50.5, 95.0),
            (&hundred[..20], 10.5, 19.0),
            (&hundred[..21], 11.0, 20.0),
        ];
        for (values, expected_median, expected_p95) in table {
            assert_eq!(median(values), *expected_median, "{values:?}");
            assert_eq!(percentile(values, 95), *expected_p95, "{values:?}");
        }
    }

    #[test]
    fn metrics_of_a_small_day() {
        // Two users; the machine has 4 processors; 100 s to 300 s.
        let jobs = [
            job(100, 100, 200, 4, 1),
            job(100, 200, 300, 2, 2),
            job(150, 200, 250, 1, 2),
        ];
        let metrics = Metrics::of(&jobs, 4);
        assert_eq!(metrics.average_wait_s, 50.0);
        assert_eq!(metrics.median_wait_s, 50.0);
        assert_eq!(metrics.p95_wait_s, 100.0);
        assert_eq!(metrics.maximum_wait_s, 100.0);
        assert_eq!(metrics.average_bounded_slowdown, (1.0 + 2.0 + 2.0) / 3.0);
        assert_eq!(metrics.maximum_bounded_slowdown, 2.0);
        assert_eq!(metrics.makespan_s, 200.0);
        assert_eq!(metrics.utilisation, (400.0 + 200.0 + 50.0) / 800.0);
        assert_eq!(metrics.users, 2);
        assert_eq!(metrics.user_fairness, Some(9.0 / 10.0));
    }

    #[test]
    fn fairness_is_one_for_equals_and_one_nth_for_a_scapegoat() {
        assert_eq!(jain_index(&[2.0, 2.0, 2.0]), Some(1.0));
        assert_eq!(jain_index(&[1.0, 0.0, 0.0, 0.0]), Some(0.25));
        assert_eq!(jain_index(&[]), None);
        assert_eq!(Metrics::of(&[job(0, 0, 1, 1, 0)], 1).user_fairness, None);
    }
}
