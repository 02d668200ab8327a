//! The rules as tables: what runs, what waits, what is given and taken at which time.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    policy::{JOB_CAN_GROW, JOB_CAN_PREEMPT, JOB_CAN_SHRINK, JOB_RUNNING, JOB_SINGLE_NODE, Share},
    rows::{JobRow, NodeRow},
};

use crate::{SECOND, decided};

/// Number, priority, minimum, what it has use for, what it holds (0: it is queued).
type Job = (u32, u32, u32, u32, u32);

fn row(&(id, priority, min, demand, held): &Job) -> JobRow {
    let share = Share {
        node: 0,
        cores: held,
        gpus: 0,
    };
    let queued = JobRow {
        flags: JOB_CAN_GROW | JOB_CAN_PREEMPT | JOB_CAN_SHRINK,
        priority,
        max: demand.max(held),
        demand,
        ..JobRow::queued(id, min, 1000.0 * SECOND)
    };
    match held {
        0 => queued,
        _ => JobRow {
            state: JOB_RUNNING,
            started: f64::from(id) * SECOND,
            shares: vec![share],
            ..queued
        },
    }
}

/// One node.
fn cluster(cores: u32, jobs: &[Job]) -> Cluster {
    let mut cluster = Cluster::new(&[cores]);
    jobs.iter().for_each(|job| cluster.set_job(row(job)));
    cluster.set_node(NodeRow::idle(0, cores));
    cluster
}

/// The time at which running jobs are given more and less, and one at which they are not.
const TICK: f64 = 50.0 * SECOND;
const BETWEEN: f64 = 53.0 * SECOND;

/// Settings, cores, jobs, what is done at the tick.
type Row<'a> = (&'a [(&'a str, &'a str)], u32, &'a [Job], &'a [&'a str]);

#[test]
fn starts_and_parts() {
    let even: &[(&str, &str)] = &[("bias", "none")];
    let rows: &[Row<'_>] = &[
        // All start with their minimum, also where there is room for more.
        (
            even,
            10,
            &[(1, 2000, 2, 8, 0), (2, 2000, 2, 8, 0), (3, 1000, 2, 2, 0)],
            &["start 1 by 2", "start 2 by 2", "start 3 by 2"],
        ),
        // Five cores above the minima: 3 and 2, the first in the queue has the odd one.
        (
            even,
            10,
            &[(1, 2000, 2, 8, 2), (2, 2000, 3, 8, 3)],
            &["grow 1 by 3", "grow 2 by 2"],
        ),
        // By priority: twice as much for each 1,000, or ten times. 9 cores above the minima.
        (
            &[],
            11,
            &[(1, 3000, 1, 99, 1), (2, 2000, 1, 99, 1)],
            &["grow 1 by 6", "grow 2 by 3"],
        ),
        (
            &[("bias", "high")],
            13,
            &[(1, 3000, 1, 99, 1), (2, 2000, 1, 99, 1)],
            &["grow 1 by 10", "grow 2 by 1"],
        ),
        // Who has use for less leaves it to others.
        (
            even,
            10,
            &[(1, 2000, 1, 2, 1), (2, 2000, 1, 99, 1)],
            &["grow 1 by 1", "grow 2 by 7"],
        ),
        // What one holds above its part goes to the other.
        (
            even,
            10,
            &[(1, 2000, 1, 9, 9), (2, 2000, 1, 9, 1)],
            &["preempt 1 how 2 by 4"],
        ),
        (
            &[("bias", "none"), ("preemption", "graceful")],
            10,
            &[(1, 2000, 1, 9, 9), (2, 2000, 1, 9, 1)],
            &["preempt 1 how 0 by 4"],
        ),
        (
            &[("preemption", "none")],
            10,
            &[(1, 2000, 1, 9, 9), (2, 2000, 1, 9, 1)],
            &[],
        ),
        // What it has no use for it gives back, and nobody has to be stopped for that.
        (
            even,
            10,
            &[(1, 2000, 1, 3, 9), (2, 2000, 1, 9, 1)],
            &["shrink 1 by 6"],
        ),
        // For one that waits, of higher or of lower priority: just what it lacks.
        (
            &[],
            10,
            &[(1, 4000, 2, 9, 9), (2, 1000, 4, 4, 0)],
            &["preempt 1 how 2 by 3"],
        ),
        // Minima are not touched: it waits, and what is behind it may be let past.
        (
            &[],
            10,
            &[(1, 2000, 8, 9, 8), (2, 2000, 4, 4, 0)],
            &["grow 1 by 1"],
        ),
    ];
    for (i, (settings, cores, jobs, expected)) in rows.iter().enumerate() {
        let (decisions, _) = decided(settings, &cluster(*cores, jobs), &[], TICK);
        assert_eq!(decisions, *expected, "row {i}");
    }
}

#[test]
fn running_jobs_change_at_intervals_only() {
    let jobs = [(1, 2000, 1, 9, 8), (2, 2000, 1, 9, 1), (3, 2000, 1, 1, 0)];
    let cluster = cluster(10, &jobs);
    let none: &[(&str, &str)] = &[("bias", "none")];
    let (between, plan) = decided(none, &cluster, &[], BETWEEN);
    assert_eq!(between, ["start 3 by 1"]);
    assert_eq!(plan.wake_at, Some(60.0 * SECOND));
    let (at_tick, plan) = decided(none, &cluster, &[], TICK);
    assert_eq!(at_tick, ["start 3 by 1", "preempt 1 how 2 by 3"]);
    assert_eq!(plan.wake_at, Some(60.0 * SECOND));
    let (later, _) = decided(&[("interval", "53s")], &cluster, &[], BETWEEN);
    assert_eq!(later.len(), 2);
    // Nobody wants anything: it need not be called.
    let content = super::rules::cluster(10, &[(1, 2000, 1, 4, 4)]);
    assert_eq!(decided(&[], &content, &[], TICK).1.wake_at, None);
}

/// While something is taken for the first that waits, what is free is kept for it; else others are let past.
#[test]
fn behind_one_that_waits() {
    let small = (3, 2000, 1, 1, 0);
    let helped = cluster(10, &[(1, 2000, 1, 9, 8), (2, 2000, 4, 4, 0), small]);
    assert_eq!(decided(&[], &helped, &[], BETWEEN).0, [] as [&str; 0]);
    assert_eq!(decided(&[], &helped, &[], TICK).0, ["preempt 1 how 2 by 2"]);
    let mut not = cluster(10, &[(1, 2000, 8, 8, 8), (2, 2000, 4, 4, 0), small]);
    not.set_job(JobRow {
        walltime: 10.0 * SECOND,
        ..row(&small)
    });
    assert_eq!(decided(&[], &not, &[], TICK).0, ["start 3 by 1"]);
    // Cores do not help one that needs them on one node: it waits for its reservation.
    not.set_job(JobRow {
        flags: JOB_SINGLE_NODE,
        position: 0.0,
        ..row(&(4, 2000, 4, 4, 0))
    });
    assert_eq!(decided(&[], &not, &[], TICK).0, ["start 3 by 1"]);
}

/// In queued mode its parameters bind.
#[test]
fn the_clusters_mode_says_what_binds() {
    let jobs = cluster(10, &[(1, 2000, 1, 9, 8), (2, 2000, 1, 9, 1)]);
    let graceful = [("SchedulingMode", "Queued"), ("PreemptionType", "Graceful")];
    let settings = [&graceful[..], &[("bias", "none")]].concat();
    assert_eq!(
        decided(&settings, &jobs, &[], TICK).0,
        ["grow 2 by 1", "preempt 1 how 0 by 3"]
    );
    let off = [
        ("SchedulingMode", "Queued"),
        ("AutomaticGrowthEnabled", "false"),
    ];
    assert_eq!(decided(&off, &jobs, &[], TICK).0, [] as [&str; 0]);
}

#[test]
fn pools() {
    let two = [("pools", "physics=60,chemistry=40"), ("bias", "none")];
    let of = [
        (1, "physics"),
        (2, "chemistry"),
        (3, "chemistry"),
        (4, "physics"),
    ];
    // Each is owed its part of what is above the minima; nobody else wants it.
    let both = cluster(10, &[(1, 2000, 1, 9, 1), (2, 2000, 1, 9, 1)]);
    assert_eq!(
        decided(&two, &both, &of, TICK).0,
        ["grow 1 by 5", "grow 2 by 3"]
    );
    // What physics has no use for is lent, and comes back.
    let lent = cluster(10, &[(1, 2000, 1, 2, 1), (2, 2000, 1, 9, 1)]);
    assert_eq!(
        decided(&two, &lent, &of, TICK).0,
        ["grow 1 by 1", "grow 2 by 7"]
    );
    let back = cluster(10, &[(1, 2000, 1, 9, 1), (2, 2000, 1, 9, 9)]);
    assert_eq!(decided(&two, &back, &of, TICK).0, ["preempt 2 how 2 by 5"]);
    // Who is owed what it needs goes first, whatever was submitted before.
    let waiting = cluster(
        10,
        &[(2, 2000, 4, 4, 4), (3, 2000, 4, 4, 0), (4, 1000, 4, 4, 0)],
    );
    assert_eq!(decided(&two, &waiting, &of, BETWEEN).0, ["start 4 by 4"]);
    // Whole jobs are taken where their pool has more than it is owed; the last to start.
    let whole = cluster(
        10,
        &[(2, 2000, 5, 5, 5), (3, 2000, 5, 5, 5), (4, 1000, 5, 5, 0)],
    );
    assert_eq!(decided(&two, &whole, &of, TICK).0, ["preempt 3 how 1 by 0"]);
    let graceful = [&two[..], &[("preemption", "graceful")]].concat();
    assert_eq!(decided(&graceful, &whole, &of, TICK).0, [] as [&str; 0]);
    // Not for one whose pool has what it is owed.
    let not_owed = cluster(
        10,
        &[(2, 2000, 5, 5, 5), (1, 2000, 5, 5, 5), (4, 1000, 5, 5, 0)],
    );
    assert_eq!(decided(&two, &not_owed, &of, TICK).0, [] as [&str; 0]);
    // Without pools all are alike.
    let off = [&two[..], &[("EnablePools", "false")]].concat();
    assert_eq!(decided(&off, &back, &of, TICK).0, ["preempt 2 how 2 by 4"]);
}
