//! Who gains and who loses: waits of the same jobs in two runs, by user and by size.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Basis, SAME_WITHIN_S, USERS_LISTED_MAX};
use crate::metrics::JobTimes;

/// The largest job of each class of sizes but the last, in cores.
const CLASSES: [u32; 5] = [1, 4, 16, 64, 256];

/// A run against the first one. A change below 0 is a gain: the wait is shorter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changes {
    /// Mean over all compared jobs of the change of the wait, in seconds.
    pub mean_wait_change_s: f64,
    /// Jobs that waited less.
    pub jobs_better: u64,
    /// Jobs that waited longer.
    pub jobs_worse: u64,
    /// Jobs that waited as long.
    pub jobs_same: u64,
    /// Users whose jobs waited less on average.
    pub users_better: u64,
    /// Users whose jobs waited longer on average.
    pub users_worse: u64,
    /// Users, the largest gain first; where there are too many, as many from either end.
    pub users: Vec<UserChange>,
    /// Jobs by size, small ones first; classes without a job are left out.
    pub sizes: Vec<ClassChange>,
}

/// What became of one user's jobs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UserChange {
    /// The user.
    pub user: String,
    /// Compared jobs.
    pub jobs: u64,
    /// Their mean wait in this run, in seconds.
    pub mean_wait_s: f64,
    /// Mean change of the wait, in seconds.
    pub mean_wait_change_s: f64,
}

/// What became of jobs of one size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassChange {
    /// The smallest of the class, in cores.
    pub cores_min: u32,
    /// The largest of the class; none for no limit.
    pub cores_max: Option<u32>,
    /// Compared jobs.
    pub jobs: u64,
    /// Their mean wait in this run, in seconds.
    pub mean_wait_s: f64,
    /// Mean change of the wait, in seconds.
    pub mean_wait_change_s: f64,
}

/// Sums of a group of jobs.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    jobs: u64,
    wait_s: f64,
    change_s: f64,
}

impl Sum {
    fn add(&mut self, wait_s: f64, change_s: f64) {
        self.jobs += 1;
        self.wait_s += wait_s;
        self.change_s += change_s;
    }

    fn mean(self, sum: f64) -> f64 {
        sum / self.jobs.max(1) as f64
    }
}

/// Both are the compared jobs, in one order.
pub(super) fn changes(basis: &Basis, first: &[JobTimes], run: &[JobTimes]) -> Changes {
    let mut all = Sum::default();
    let mut users: BTreeMap<u32, Sum> = BTreeMap::new();
    let mut classes = [Sum::default(); CLASSES.len() + 1];
    let (mut better, mut worse) = (0, 0);
    for (before, now) in first.iter().zip(run) {
        let (wait_s, change_s) = (now.wait_s(), now.wait_s() - before.wait_s());
        all.add(wait_s, change_s);
        better += u64::from(change_s <= -SAME_WITHIN_S);
        worse += u64::from(change_s >= SAME_WITHIN_S);
        if let Some(user) = now.user {
            users.entry(user).or_default().add(wait_s, change_s);
        }
        classes[CLASSES.partition_point(|&max| max < now.procs)].add(wait_s, change_s);
    }
    let mut users: Vec<UserChange> = users
        .into_iter()
        .map(|(user, sum)| UserChange {
            user: basis.user(user),
            jobs: sum.jobs,
            mean_wait_s: sum.mean(sum.wait_s),
            mean_wait_change_s: sum.mean(sum.change_s),
        })
        .collect();
    users.sort_by(|a, b| a.mean_wait_change_s.total_cmp(&b.mean_wait_change_s));
    let (gains, losses) = (-SAME_WITHIN_S, SAME_WITHIN_S);
    let users_better = users.iter().filter(|user| user.mean_wait_change_s <= gains);
    let users_better = users_better.count() as u64;
    let users_worse = users
        .iter()
        .filter(|user| user.mean_wait_change_s >= losses);
    let users_worse = users_worse.count() as u64;
    if users.len() > USERS_LISTED_MAX {
        let half = USERS_LISTED_MAX / 2;
        users.drain(half..users.len() - (USERS_LISTED_MAX - half));
    }
    Changes {
        mean_wait_change_s: all.mean(all.change_s),
        jobs_better: better,
        jobs_worse: worse,
        jobs_same: all.jobs - better - worse,
        users_better,
        users_worse,
        users,
        sizes: sizes(&classes),
    }
}

fn sizes(classes: &[Sum]) -> Vec<ClassChange> {
    let some = classes.iter().enumerate().filter(|(_, sum)| sum.jobs > 0);
    let class = |(at, sum): (usize, &Sum)| ClassChange {
        cores_min: at.checked_sub(1).map_or(1, |below| CLASSES[below] + 1),
        cores_max: CLASSES.get(at).copied(),
        jobs: sum.jobs,
        mean_wait_s: sum.mean(sum.wait_s),
        mean_wait_change_s: sum.mean(sum.change_s),
    };
    some.map(class).collect()
}
