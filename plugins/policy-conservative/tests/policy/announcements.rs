//! What people are told: when each job that waits is expected to start, again when that has changed by much, taken back when it
//! no longer holds.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    policy::{NOT_ENOUGH_RESOURCE, REQUIRED_NODES_NOT_AVAILABLE},
    rows::JobRow,
};

use crate::{conservative, told};

#[test]
fn every_job_is_told_and_again_only_when_it_changes_by_a_tenth() {
    let mut cluster = Cluster::new(&[10]);
    let mut policy = conservative(&[]);
    for (id, cores, walltime) in [(1, 4, 100.0), (2, 5, 1000.0), (3, 8, 500.0), (4, 8, 50.0)] {
        cluster.set_job(JobRow::queued(id, cores, walltime));
    }
    assert_eq!(
        told(&mut policy, &mut cluster, 0.0),
        ["start 1", "start 2", "reserve 3 1000", "reserve 4 1500"]
    );
    // A little later than was said: no news. A new job is told.
    let later = JobRow {
        walltime: 1050.0,
        ..cluster.jobs()[&2].clone()
    };
    cluster.set_job(later);
    cluster.set_job(JobRow::queued(5, 10, 10.0));
    assert_eq!(told(&mut policy, &mut cluster, 10.0), ["reserve 5 1600"]);
    // It ends early, and all move forward.
    cluster.end(2);
    assert_eq!(
        told(&mut policy, &mut cluster, 20.0),
        ["reserve 3 100", "reserve 4 600", "reserve 5 650"]
    );
    cluster.end(1);
    assert_eq!(
        told(&mut policy, &mut cluster, 30.0),
        ["start 3", "reserve 4 530", "reserve 5 580"]
    );
}

#[test]
fn only_the_first_with_an_unknown_start_is_told_why() {
    let mut cluster = Cluster::new(&[10]);
    let mut policy = conservative(&[]);
    cluster.set_job(JobRow::queued(1, 4, f64::INFINITY));
    cluster.set_job(JobRow::queued(2, 8, 10.0));
    cluster.set_job(JobRow::queued(3, 9, 10.0));
    let wait = format!("wait 2 {NOT_ENOUGH_RESOURCE}");
    let told_first = told(&mut policy, &mut cluster, 0.0);
    assert_eq!(told_first, ["start 1".to_owned(), wait]);
    assert!(told(&mut policy, &mut cluster, 1.0).is_empty());
}

#[test]
fn beyond_the_depth_nothing_is_said() {
    let mut cluster = Cluster::new(&[4]);
    let mut policy = conservative(&[("depth", "1")]);
    for id in 1..=3 {
        cluster.set_job(JobRow::queued(id, 3, 100.0));
    }
    let single = JobRow {
        flags: 16,
        position: 1.5,
        ..JobRow::queued(9, 5, 10.0)
    };
    cluster.set_job(single);
    // What no open node could hold is told so, and delays nobody.
    let impossible = format!("wait 9 {REQUIRED_NODES_NOT_AVAILABLE}");
    assert_eq!(
        told(&mut policy, &mut cluster, 0.0),
        ["start 1".to_owned(), impossible, "reserve 2 100".to_owned()]
    );
    assert!(told(&mut policy, &mut cluster, 1.0).is_empty());
}
