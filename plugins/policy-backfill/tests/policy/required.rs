//! Jobs that must have something of certain nodes.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    policy::{Decision, JOB_CAN_PREEMPT, JOB_CAN_SHRINK, JOB_RUNNING, Policy, Share},
    rows::{JobRow, NodeRow},
};

use crate::{backfill, pass};

fn share(node: u32, cores: u32) -> Share {
    let gpus = 0;
    Share { node, cores, gpus }
}

fn running(id: u32, on: &[(u32, u32)], walltime: f64) -> JobRow {
    let shares: Vec<Share> = on.iter().map(|&(node, cores)| share(node, cores)).collect();
    let cores = shares.iter().map(|share| share.cores).sum();
    JobRow {
        state: JOB_RUNNING,
        shares,
        ..JobRow::queued(id, cores, walltime)
    }
}

/// Three nodes of four cores with these jobs; set 1 is node 0, set 2 nodes 0 and 2.
fn cluster(jobs: &[JobRow]) -> Cluster {
    let mut cluster = Cluster::new(&[4, 4, 4]);
    cluster.set_candidates(1, &[0]);
    cluster.set_candidates(2, &[2, 0]);
    jobs.iter().for_each(|job| cluster.set_job(job.clone()));
    for row in cluster.nodes().clone().into_values() {
        cluster.set_node(NodeRow { ..row });
    }
    cluster
}

fn requiring(id: u32, set: u32, cores: u32) -> JobRow {
    JobRow {
        required: set,
        ..JobRow::queued(id, cores, 50.0)
    }
}

#[test]
fn a_job_starts_on_the_nodes_that_it_must_have() {
    let mut cluster = cluster(&[requiring(1, 2, 3), requiring(2, 1, 1), requiring(3, 1, 2)]);
    assert_eq!(pass(&mut backfill(&[]), &mut cluster, 0.0), [1, 2, 3]);
    let shares = |id| cluster.jobs()[&id].shares.clone();
    assert_eq!(shares(1), [share(2, 2), share(0, 1)]);
    assert_eq!(shares(2), [share(0, 1)]);
    assert_eq!(shares(3), [share(0, 2)]);
}

#[test]
fn it_waits_for_them_and_others_pass() {
    let long = JobRow::queued(3, 8, f64::INFINITY);
    let mut cluster = cluster(&[running(1, &[(0, 4)], 100.0), requiring(2, 1, 1), long]);
    let plan = backfill(&[]).schedule(10.0, &cluster.changes());
    let reserved = plan.decisions.iter().find_map(|decision| match decision {
        Decision::Reserve(reservation) => Some((reservation.job, reservation.at)),
        Decision::Start(_)
        | Decision::Grow(_)
        | Decision::Shrink(_)
        | Decision::Preempt(_)
        | Decision::Wait(_) => None,
    });
    assert_eq!(reserved, Some((2, 100.0)));
    assert_eq!(
        cluster.carry_out(10.0, &plan),
        [3],
        "it leaves node 0 alone"
    );
}

#[test]
fn what_it_will_have_is_not_taken() {
    // The one free core of node 0 will be the only one there, though there will be many elsewhere.
    let mut cluster = cluster(&[
        running(1, &[(0, 3)], f64::INFINITY),
        running(5, &[(1, 4)], 100.0),
        running(6, &[(2, 4)], 100.0),
        requiring(2, 1, 5),
        JobRow::queued(3, 1, f64::INFINITY),
        JobRow::queued(4, 1, 20.0),
    ]);
    assert_eq!(pass(&mut backfill(&[]), &mut cluster, 10.0), [4]);
}

#[test]
fn only_who_is_there_is_preempted() {
    let victim = |job: JobRow, priority| JobRow {
        priority,
        flags: JOB_CAN_PREEMPT,
        ..job
    };
    let mut cluster = cluster(&[
        victim(running(1, &[(0, 4)], 100.0), 1500),
        victim(running(2, &[(1, 4)], 100.0), 1000),
        victim(running(3, &[(2, 4)], 100.0), 1000),
        JobRow {
            priority: 3000,
            ..requiring(4, 1, 1)
        },
    ]);
    let plan = backfill(&[("preemption", "whole-jobs")]).schedule(10.0, &cluster.changes());
    let taken = plan.decisions.iter().filter_map(|decision| match decision {
        Decision::Preempt(preemption) => Some(preemption.job),
        Decision::Start(_)
        | Decision::Grow(_)
        | Decision::Shrink(_)
        | Decision::Reserve(_)
        | Decision::Wait(_) => None,
    });
    assert_eq!(taken.collect::<Vec<_>>(), [1]);
}

#[test]
fn they_are_not_given_back() {
    let wasteful = JobRow {
        flags: JOB_CAN_SHRINK,
        min: 1,
        demand: 1,
        required: 1,
        ..running(1, &[(0, 1), (1, 1), (2, 1)], 100.0)
    };
    let mut cluster = cluster(&[wasteful]);
    let plan = backfill(&[]).schedule(10.0, &cluster.changes());
    let given = plan.decisions.iter().find_map(|decision| match decision {
        Decision::Shrink(placement) => Some(placement.shares.clone()),
        Decision::Start(_)
        | Decision::Grow(_)
        | Decision::Preempt(_)
        | Decision::Reserve(_)
        | Decision::Wait(_) => None,
    });
    assert_eq!(given, Some(vec![share(1, 1), share(2, 1)]));
}
