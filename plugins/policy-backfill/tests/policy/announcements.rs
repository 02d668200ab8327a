//! What people are told: said when it is new, once, and taken back.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    policy::{
        Decision, JOB_SINGLE_NODE, JOB_SUBMITTED_EARLIER, NODE_CLOSED, NOT_ENOUGH_RESOURCE, Policy,
        REQUIRED_NODES_NOT_AVAILABLE,
    },
    rows::{JobRow, NodeRow},
};
use jobyard_policy_backfill::Backfill;

use crate::backfill;

/// One pass, carried out: the decisions, in short.
fn told(policy: &mut Backfill, cluster: &mut Cluster, now: f64) -> Vec<String> {
    let plan = policy.schedule(now, &cluster.changes());
    cluster.carry_out(now, &plan);
    let short = plan.decisions.iter().map(|decision| match decision {
        Decision::Start(placement) => format!("start {}", placement.job),
        Decision::Reserve(reservation) => format!("reserve {} {}", reservation.job, reservation.at),
        Decision::Wait(waiting) => format!("wait {} {}", waiting.job, waiting.reason),
        Decision::Grow(_) | Decision::Shrink(_) | Decision::Preempt(_) => format!("{decision:?}"),
    });
    short.collect()
}

#[test]
fn the_head_is_told_when_it_will_start_and_again_only_when_that_changes() {
    let mut cluster = Cluster::new(&[10]);
    let mut policy = backfill(&[]);
    for (id, cores, walltime) in [(1, 4, 100.0), (2, 4, 200.0), (3, 8, 50.0)] {
        cluster.set_job(JobRow::queued(id, cores, walltime));
    }
    assert_eq!(
        told(&mut policy, &mut cluster, 0.0),
        ["start 1", "start 2", "reserve 3 200"]
    );
    assert!(told(&mut policy, &mut cluster, 10.0).is_empty());
    // It ends early: no news for the head.
    cluster.end(1);
    assert!(told(&mut policy, &mut cluster, 20.0).is_empty());
    // A more important job takes its place: its reservation is taken back.
    cluster.set_job(JobRow {
        priority: 4000,
        ..JobRow::queued(4, 7, 10.0)
    });
    assert_eq!(
        told(&mut policy, &mut cluster, 30.0),
        ["reserve 4 200", "reserve 3 inf"]
    );
    // Overdue: any moment now. A time in the past says just that, and nothing new is said every pass.
    assert!(told(&mut policy, &mut cluster, 250.0).is_empty());
    assert!(told(&mut policy, &mut cluster, 260.0).is_empty());
    cluster.end(2);
    assert_eq!(
        told(&mut policy, &mut cluster, 270.0),
        ["start 4", "reserve 3 280"]
    );
}

#[test]
fn a_head_behind_jobs_without_limit_is_told_why() {
    let mut cluster = Cluster::new(&[10]);
    let mut policy = backfill(&[]);
    cluster.set_job(JobRow::queued(1, 4, f64::INFINITY));
    cluster.set_job(JobRow::queued(2, 8, 10.0));
    let wait = format!("wait 2 {NOT_ENOUGH_RESOURCE}");
    assert_eq!(
        told(&mut policy, &mut cluster, 0.0),
        ["start 1".to_owned(), wait]
    );
    assert!(told(&mut policy, &mut cluster, 1.0).is_empty());
    // It was given a limit meanwhile.
    let limited = JobRow {
        walltime: 30.0,
        ..cluster.jobs()[&1].clone()
    };
    cluster.set_job(limited);
    // That nobody knows when is no longer so.
    let no_more = format!("wait 2 {NOT_ENOUGH_RESOURCE}");
    assert_eq!(
        told(&mut policy, &mut cluster, 2.0),
        ["reserve 2 30".to_owned(), no_more]
    );
}

#[test]
fn what_was_said_of_a_head_that_has_become_impossible_is_made_general() {
    let mut cluster = Cluster::new(&[4, 8]);
    let mut policy = backfill(&[]);
    cluster.set_job(JobRow::queued(1, 4, f64::INFINITY));
    cluster.set_job(JobRow::queued(2, 9, 10.0));
    let wait = format!("wait 2 {NOT_ENOUGH_RESOURCE}");
    assert_eq!(
        told(&mut policy, &mut cluster, 0.0),
        ["start 1".to_owned(), wait.clone()]
    );
    cluster.set_node(NodeRow {
        state: NODE_CLOSED,
        ..NodeRow::idle(1, 8)
    });
    assert_eq!(told(&mut policy, &mut cluster, 1.0), [wait]);
    assert!(told(&mut policy, &mut cluster, 2.0).is_empty());
}

#[test]
fn a_job_that_no_open_node_could_hold_is_told_so_and_told_otherwise() {
    let mut cluster = Cluster::new(&[4, 8]);
    let mut policy = backfill(&[]);
    cluster.set_node(NodeRow {
        state: NODE_CLOSED,
        ..NodeRow::idle(1, 8)
    });
    cluster.set_job(JobRow::queued(1, 3, 100.0));
    cluster.set_job(JobRow::queued(2, 4, 100.0));
    let single = JobRow {
        flags: JOB_SINGLE_NODE,
        ..JobRow::queued(3, 6, 100.0)
    };
    cluster.set_job(single);
    let impossible = format!("wait 3 {REQUIRED_NODES_NOT_AVAILABLE}");
    assert_eq!(
        told(&mut policy, &mut cluster, 0.0),
        ["start 1", "reserve 2 100"]
    );
    // Before it is its turn, nothing is said of job 3; then it is passed over.
    cluster.end(1);
    assert_eq!(
        told(&mut policy, &mut cluster, 1.0),
        ["start 2".to_owned(), impossible]
    );
    assert!(told(&mut policy, &mut cluster, 2.0).is_empty());
    // The node is back, but another job is first now.
    cluster.set_job(JobRow {
        position: 0.0,
        ..JobRow::queued(4, 12, 9.0)
    });
    cluster.set_node(NodeRow::idle(1, 8));
    assert_eq!(
        told(&mut policy, &mut cluster, 3.0),
        [
            "reserve 4 101".to_owned(),
            format!("wait 3 {JOB_SUBMITTED_EARLIER}")
        ]
    );
    // Said and gone: nothing to take back.
    cluster.end(4);
    assert_eq!(told(&mut policy, &mut cluster, 4.0), ["start 3"]);
}

#[test]
fn what_the_host_sees_for_itself_is_not_said() {
    let mut cluster = Cluster::new(&[4, 8]);
    let mut policy = backfill(&[]);
    cluster.set_job(JobRow::queued(1, 6, 100.0));
    cluster.set_job(JobRow::queued(2, 9, 100.0));
    assert_eq!(
        told(&mut policy, &mut cluster, 0.0),
        ["start 1", "reserve 2 100"]
    );
    // Too few cores in all: the reservation is void, the reason is the host's to find.
    cluster.set_node(NodeRow {
        state: NODE_CLOSED,
        ..NodeRow::idle(0, 4)
    });
    assert_eq!(told(&mut policy, &mut cluster, 1.0), ["reserve 2 inf"]);
    assert!(told(&mut policy, &mut cluster, 2.0).is_empty());
}
