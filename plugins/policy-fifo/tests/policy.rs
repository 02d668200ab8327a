//! The policy from outside: changes in, decisions out, carried out on a small cluster.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    policy::{JOB_CAN_GROW, NODE_CLOSED, Plan, Policy},
    rows::{JobRow, NodeRow},
};
use jobyard_policy_fifo::Fifo;

fn pass(policy: &mut Fifo, cluster: &mut Cluster, now: f64) -> Vec<u32> {
    let plan = policy.schedule(now, &cluster.changes());
    cluster.carry_out(now, &plan)
}

#[test]
fn a_job_that_does_not_fit_holds_up_all_behind_it() {
    let mut cluster = Cluster::new(&[4, 4]);
    for (id, cores) in [(1, 3), (2, 6), (3, 1), (4, 1)] {
        cluster.set_job(JobRow::queued(id, cores, 100.0));
    }
    let mut policy = Fifo::default();
    assert_eq!(pass(&mut policy, &mut cluster, 0.0), [1]);
    cluster.end(1);
    assert_eq!(pass(&mut policy, &mut cluster, 50.0), [2, 3, 4]);
    assert_eq!(pass(&mut policy, &mut cluster, 51.0), []);
}

#[test]
fn priority_goes_before_position() {
    let mut cluster = Cluster::new(&[2]);
    for (id, priority, position) in [(1, 2000, 5.0), (2, 2000, 4.0), (3, 3000, 9.0)] {
        cluster.set_job(JobRow {
            priority,
            position,
            ..JobRow::queued(id, 1, 100.0)
        });
    }
    assert_eq!(pass(&mut Fifo::default(), &mut cluster, 0.0), [3, 2]);
}

#[test]
fn a_job_that_no_open_node_could_hold_does_not_hold_up_the_others() {
    let mut cluster = Cluster::new(&[4, 8]);
    cluster.set_node(NodeRow {
        state: NODE_CLOSED,
        ..NodeRow::idle(1, 8)
    });
    cluster.set_job(JobRow::queued(1, 6, 100.0));
    cluster.set_job(JobRow::queued(2, 2, 100.0));
    let mut policy = Fifo::default();
    assert_eq!(pass(&mut policy, &mut cluster, 0.0), [2]);
    cluster.set_node(NodeRow::idle(1, 8));
    assert_eq!(pass(&mut policy, &mut cluster, 1.0), [1]);
}

#[test]
fn running_jobs_grow_first() {
    let mut cluster = Cluster::new(&[4]);
    let job = JobRow {
        max: 4,
        flags: JOB_CAN_GROW,
        ..JobRow::queued(1, 2, 100.0)
    };
    cluster.set_job(job);
    let mut policy = Fifo::default();
    assert_eq!(pass(&mut policy, &mut cluster, 0.0), [1]);
    cluster.set_job(JobRow::queued(2, 1, 100.0));
    let grown = JobRow {
        demand: 4,
        ..cluster.jobs()[&1].clone()
    };
    cluster.set_job(grown);
    assert_eq!(pass(&mut policy, &mut cluster, 1.0), []);
    assert_eq!(cluster.jobs()[&1].shares[0].cores, 4);
}

#[test]
fn refuses_unknown_settings_and_says_of_itself_what_the_host_may_skip() {
    let mut policy = Fifo::default();
    let traits = policy.configure(&[]).unwrap();
    assert!(traits.contains(&("arrivals".to_owned(), "fitting".to_owned())));
    let refused = policy.configure(&[("order".to_owned(), "sjbf".to_owned())]);
    assert_eq!(
        refused,
        Err(
            "unknown setting `order`: there are grow, shrink, preemption, packing, topology"
                .to_owned()
        )
    );
}

#[test]
fn says_nothing_when_nothing_can_start() {
    let mut cluster = Cluster::new(&[1]);
    cluster.set_job(JobRow::queued(1, 2, 1.0));
    let mut policy = Fifo::default();
    assert_eq!(policy.schedule(0.0, &cluster.changes()), Plan::default());
    assert_eq!(policy.schedule(1.0, &cluster.changes()), Plan::default());
}
