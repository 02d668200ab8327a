//! The rules as tables: what runs, what waits, what starts.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    policy::{JOB_CAN_PREEMPT, JOB_EXCLUSIVE, JOB_RUNNING, JOB_SINGLE_NODE, Policy, Share},
    rows::{JobRow, NodeRow},
};

use crate::{conservative, told};

const INFINITY: f64 = f64::INFINITY;

/// A job that has run since 0 on nodes (node, cores).
fn running(id: u32, walltime: f64, on: &[(u32, u32)]) -> JobRow {
    let share = |&(node, cores): &(u32, u32)| Share {
        node,
        cores,
        gpus: 0,
    };
    let cores = on.iter().map(|&(_, cores)| cores).sum();
    JobRow {
        state: JOB_RUNNING,
        shares: on.iter().map(share).collect(),
        ..JobRow::queued(id, cores, walltime)
    }
}

fn cluster(nodes: &[u32], jobs: &[JobRow]) -> Cluster {
    let mut cluster = Cluster::new(nodes);
    jobs.iter().for_each(|job| cluster.set_job(job.clone()));
    for (id, &cores) in (0..).zip(nodes) {
        cluster.set_node(NodeRow::idle(id, cores));
    }
    cluster
}

/// What starts at 10, in order.
fn starts(settings: &[(&str, &str)], cluster: &mut Cluster) -> Vec<u32> {
    let plan = conservative(settings).schedule(10.0, &cluster.changes());
    cluster.carry_out(10.0, &plan)
}

/// One row of [`one_pool`]: depth, running (cores, walltime), queued (cores, walltime), what starts at 10.
type Row = (
    &'static str,
    &'static [(u32, f64)],
    &'static [(u32, f64)],
    &'static [u32],
);

/// Ten cores on one node, time 10. Running jobs are numbered from 1, queued ones from 11.
#[test]
fn one_pool() {
    let rows: &[Row] = &[
        // From the head while jobs fit.
        ("-1", &[], &[(4, 50.0), (6, 50.0), (1, 1.0)], &[11, 12]),
        // The head waits until 100: what ends by then may start, what ends one later may not.
        (
            "-1",
            &[(6, 100.0)],
            &[(10, 50.0), (2, 90.0), (2, 91.0), (2, 89.0)],
            &[12, 14],
        ),
        // Job 12 is promised the three cores beside the head, from 100 on: job 13 would be in its way. For EASY it would not.
        (
            "-1",
            &[(6, 100.0)],
            &[(7, 50.0), (5, 30.0), (3, 999.0), (3, 140.0), (3, 80.0)],
            &[13],
        ),
        (
            "-1",
            &[(6, 100.0)],
            &[(7, 50.0), (8, 30.0), (3, 999.0), (3, 140.0), (3, 80.0)],
            &[14],
        ),
        // With one reservation job 13 may run past the second.
        (
            "1",
            &[(6, 100.0)],
            &[(7, 50.0), (8, 30.0), (3, 999.0), (3, 140.0), (3, 80.0)],
            &[13],
        ),
        // With none whatever fits.
        ("0", &[(6, 100.0)], &[(7, 50.0), (4, 999.0)], &[12]),
        // Nobody knows when the head starts: jobs with an end go first, others do not.
        (
            "-1",
            &[(6, INFINITY)],
            &[(7, 50.0), (1, INFINITY), (2, 1e9)],
            &[13],
        ),
        (
            "1",
            &[(6, INFINITY)],
            &[(7, 50.0), (1, INFINITY), (2, 1e9)],
            &[13],
        ),
        // A job without an end behind a known reservation takes what is left over for ever.
        (
            "-1",
            &[(6, 100.0)],
            &[(7, 50.0), (4, INFINITY), (3, INFINITY)],
            &[13],
        ),
        // What is overdue may end any moment: the head has all of it and what is free.
        ("-1", &[(6, 5.0)], &[(9, 50.0), (4, 1.0), (1, 99.0)], &[13]),
    ];
    for (i, (depth, running_jobs, queued, expected)) in rows.iter().enumerate() {
        let mut cluster = cluster(&[10], &[]);
        for (id, &(cores, walltime)) in (1..).zip(*running_jobs) {
            cluster.set_job(running(id, walltime, &[(0, cores)]));
        }
        cluster.set_node(NodeRow::idle(0, 10));
        for (id, &(cores, walltime)) in (11..).zip(*queued) {
            cluster.set_job(JobRow::queued(id, cores, walltime));
        }
        let started = starts(&[("depth", depth)], &mut cluster);
        assert_eq!(started, *expected, "row {i}");
    }
}

fn whole(id: u32, nodes: u32, walltime: f64) -> JobRow {
    JobRow {
        unit: 2,
        ..JobRow::queued(id, nodes, walltime)
    }
}

/// Three nodes of four cores; job 1 has node 0 until 100, job 2 half of node 1 until 50.
#[test]
fn node_by_node() {
    let busy = [running(1, 100.0, &[(0, 4)]), running(2, 50.0, &[(1, 2)])];
    let single = |id, cores, walltime| JobRow {
        flags: JOB_SINGLE_NODE,
        ..JobRow::queued(id, cores, walltime)
    };
    let exclusive = |id, cores, walltime| JobRow {
        flags: JOB_EXCLUSIVE,
        ..JobRow::queued(id, cores, walltime)
    };
    let on_node_1 = |id, cores, walltime| JobRow {
        candidates: 1,
        ..JobRow::queued(id, cores, walltime)
    };
    let rows: &[(&[JobRow], &[u32])] = &[
        // Two whole nodes at 50: nodes 1 and 2. What is over by then may use them.
        (&[whole(11, 2, 10.0), single(12, 4, 40.0)], &[12]),
        (&[whole(11, 2, 10.0), single(12, 4, 41.0)], &[]),
        // All three at 100, and two of them before that.
        (
            &[whole(11, 3, 10.0), whole(12, 2, 50.0), single(13, 3, 41.0)],
            &[],
        ),
        (
            &[whole(11, 3, 10.0), whole(12, 2, 50.0), single(13, 3, 40.0)],
            &[13],
        ),
        // Plain cores go where nobody is waited for: job 11 gets node 1 at 50.
        (&[on_node_1(11, 4, 10.0), JobRow::queued(12, 6, 999.0)], &[]),
        (
            &[on_node_1(11, 4, 10.0), JobRow::queued(12, 4, 999.0)],
            &[12],
        ),
        (
            &[on_node_1(11, 4, 10.0), JobRow::queued(12, 6, 40.0)],
            &[12],
        ),
        (&[on_node_1(11, 4, 10.0), exclusive(12, 3, 999.0)], &[12]),
    ];
    for (i, (queued, expected)) in rows.iter().enumerate() {
        let mut cluster = cluster(&[4, 4, 4], &busy);
        cluster.set_candidates(1, &[1]);
        queued.iter().for_each(|job| cluster.set_job(job.clone()));
        assert_eq!(starts(&[], &mut cluster), *expected, "row {i}");
    }
}

/// A job of variable size starts with as much as delays nobody, and is planned for with its minimum.
#[test]
fn variable_sizes() {
    let variable = |id, min, max, walltime| JobRow {
        max,
        demand: max,
        ..JobRow::queued(id, min, walltime)
    };
    let mut cluster = cluster(&[10], &[running(1, 100.0, &[(0, 6)])]);
    cluster.set_job(variable(11, 7, 10, 50.0));
    cluster.set_job(variable(12, 1, 4, 999.0));
    assert_eq!(starts(&[], &mut cluster), [12]);
    assert_eq!(cluster.jobs()[&12].shares[0].cores, 3);
}

/// What is taken from others is for the head: nothing else starts, and all are told as before.
#[test]
fn what_is_taken_is_for_the_head() {
    let busy = JobRow {
        flags: JOB_CAN_PREEMPT,
        priority: 1000,
        ..running(1, 100.0, &[(0, 6)])
    };
    let mut cluster = cluster(&[10], &[busy]);
    for (id, cores, walltime) in [(11, 7, 50.0), (12, 1, 10.0)] {
        cluster.set_job(JobRow::queued(id, cores, walltime));
    }
    let mut policy = conservative(&[("preemption", "immediate")]);
    assert_eq!(
        told(&mut policy, &mut cluster, 10.0),
        ["preempt 1", "reserve 11 100", "reserve 12 10"]
    );
    assert_eq!(
        told(&mut policy, &mut cluster, 11.0),
        ["start 11", "start 12", "reserve 1 61"]
    );
}
