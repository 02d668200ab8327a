//! From jobs to what is drawn: step functions of time in equal buckets, and the distribution of the waits. Draws nothing.

use crate::metrics::JobTimes;

/// Buckets of a step function: few enough for a small file, more than a screen has columns to tell apart.
pub(crate) const BUCKETS: usize = 600;
/// Points of the distribution.
pub(super) const DISTRIBUTION_POINTS: usize = 400;

/// A step function over one bucket of time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Bucket {
    /// Its mean, weighted by time.
    pub(crate) mean: f64,
    /// The largest value that lasted.
    pub(crate) max: f64,
}

/// Time from the first submission to the last end, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TimeAxis {
    first_us: u64,
    length_us: u64,
}

impl TimeAxis {
    pub(crate) fn of(jobs: &[JobTimes]) -> Self {
        let first_us = jobs.iter().map(|job| job.submit_us).min().unwrap_or(0);
        let last_us = jobs.iter().map(|job| job.end_us).max().unwrap_or(0);
        Self {
            first_us,
            length_us: last_us.saturating_sub(first_us).max(1),
        }
    }

    /// How far along it a time is: 0 to just below 1.
    pub(crate) fn share(self, time_us: u64) -> f64 {
        let since = time_us.saturating_sub(self.first_us) as f64;
        (since / self.length_us as f64).min(1.0 - f64::EPSILON)
    }

    /// What of a job's time lies on it; none where nothing does.
    pub(crate) fn clip(self, job: &JobTimes) -> Option<JobTimes> {
        let (first, last) = (self.first_us, self.first_us + self.length_us);
        let clip = |time: u64| time.clamp(first, last);
        (job.submit_us < last && job.end_us > first).then(|| JobTimes {
            submit_us: clip(job.submit_us),
            start_us: clip(job.start_us),
            end_us: clip(job.end_us),
            ..*job
        })
    }

    /// How long it is in a unit that suits it, and that unit's name.
    pub(crate) fn length(self) -> (f64, &'static str) {
        match self.length_us as f64 / 1e6 {
            s if s < 600.0 => (s, "seconds"),
            s if s < 36_000.0 => (s / 60.0, "minutes"),
            s if s < 864_000.0 => (s / 3_600.0, "hours"),
            s => (s / 86_400.0, "days"),
        }
    }
}

/// How many jobs waited.
pub(crate) fn queue_length(jobs: &[JobTimes], axis: TimeAxis) -> Vec<Bucket> {
    step_function(
        axis,
        jobs.iter().map(|job| (job.submit_us, job.start_us, 1)),
    )
}

/// How many processors were busy.
pub(crate) fn busy_procs(jobs: &[JobTimes], axis: TimeAxis) -> Vec<Bucket> {
    step_function(
        axis,
        jobs.iter().map(|job| (job.start_us, job.end_us, job.procs)),
    )
}

/// The sum of spans `(from, to, height)`, each `height` high from `from` to just before `to`.
fn step_function(axis: TimeAxis, spans: impl Iterator<Item = (u64, u64, u32)>) -> Vec<Bucket> {
    let mut steps: Vec<(u64, i64)> = spans
        .filter(|(from, to, _)| from < to)
        .flat_map(|(from, to, height)| [(from, i64::from(height)), (to, -i64::from(height))])
        .collect();
    steps.sort_unstable_by_key(|(time, _)| *time);

    let width = axis.length_us as f64 / BUCKETS as f64;
    let mut buckets = vec![Bucket::default(); BUCKETS];
    let (mut height, mut since) = (0_i64, 0.0);
    for (time, step) in steps {
        let time = (time - axis.first_us) as f64;
        if time > since {
            add(&mut buckets, width, since, time, height as f64);
            since = time;
        }
        height += step;
    }
    buckets
}

/// Adds a constant stretch to the buckets that it touches.
fn add(buckets: &mut [Bucket], width: f64, from: f64, to: f64, height: f64) {
    let first = ((from / width) as usize).min(buckets.len() - 1);
    for (index, bucket) in buckets.iter_mut().enumerate().skip(first) {
        let left = index as f64 * width;
        let overlap = to.min(left + width) - from.max(left);
        if overlap > 0.0 {
            bucket.mean += height * overlap / width;
            bucket.max = bucket.max.max(height);
        }
        if left + width >= to {
            break;
        }
    }
}

/// Of the waits in seconds, sorted: `(wait, share of the jobs that waited no longer)`, from 1 s on in equal steps of the logarithm.
pub(super) fn wait_distribution(sorted: &[f64], longest_s: f64) -> Vec<(f64, f64)> {
    let steps = DISTRIBUTION_POINTS - 1;
    (0..=steps)
        .map(|step| {
            let wait = if step == steps {
                longest_s
            } else {
                longest_s.powf(step as f64 / steps as f64)
            };
            let no_longer = sorted.partition_point(|other| *other <= wait);
            (wait, no_longer as f64 / sorted.len().max(1) as f64)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(submit: u64, start: u64, end: u64, procs: u32) -> JobTimes {
        JobTimes {
            submit_us: submit,
            start_us: start,
            end_us: end,
            procs,
            user: None,
        }
    }

    #[test]
    fn buckets_hold_means_and_maxima() {
        // 600 buckets of 2 µs each, from 100.
        let jobs = [
            job(100, 103, 110, 4),
            job(100, 110, 1300, 2),
            job(101, 101, 102, 3),
        ];
        let axis = TimeAxis::of(&jobs);
        assert_eq!(
            axis,
            TimeAxis {
                first_us: 100,
                length_us: 1200
            }
        );
        let queue = queue_length(&jobs, axis);
        assert_eq!(
            queue[0],
            Bucket {
                mean: 2.0,
                max: 2.0
            }
        );
        assert_eq!(
            queue[1],
            Bucket {
                mean: 1.5,
                max: 2.0
            }
        );
        assert_eq!(
            queue[4],
            Bucket {
                mean: 1.0,
                max: 1.0
            }
        );
        assert_eq!(queue[5], Bucket::default());
        let busy = busy_procs(&jobs, axis);
        assert_eq!(
            busy[0],
            Bucket {
                mean: 1.5,
                max: 3.0
            }
        );
        assert_eq!(
            busy[1],
            Bucket {
                mean: 2.0,
                max: 4.0
            }
        );
        assert_eq!(
            busy[5],
            Bucket {
                mean: 2.0,
                max: 2.0
            }
        );
        assert_eq!(
            busy[599],
            Bucket {
                mean: 2.0,
                max: 2.0
            }
        );
    }

    #[test]
    fn the_area_under_the_busy_processors_is_the_work() {
        let jobs: Vec<_> = (0..500_u64)
            .map(|n| {
                job(
                    n * 7,
                    n * 7 + n % 13,
                    n * 7 + n % 13 + 1 + n * 31 % 997,
                    1 + n as u32 % 5,
                )
            })
            .collect();
        let axis = TimeAxis::of(&jobs);
        let width = axis.length_us as f64 / BUCKETS as f64;
        let area: f64 = busy_procs(&jobs, axis)
            .iter()
            .map(|bucket| bucket.mean * width)
            .sum();
        let work: u64 = jobs
            .iter()
            .map(|job| (job.end_us - job.start_us) * u64::from(job.procs))
            .sum();
        assert!((area / work as f64 - 1.0).abs() < 1e-9, "{area} {work}");
    }

    #[test]
    fn the_distribution_rises_to_one() {
        let points = wait_distribution(&[0.0, 0.5, 10.0, 1000.0], 1000.0);
        assert_eq!(points.len(), DISTRIBUTION_POINTS);
        assert_eq!(points[0], (1.0, 0.5));
        assert_eq!(points[DISTRIBUTION_POINTS - 1], (1000.0, 1.0));
        assert!(
            points
                .windows(2)
                .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1)
        );
    }
}
