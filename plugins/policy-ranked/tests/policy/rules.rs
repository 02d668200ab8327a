//! What goes first: rank, priority, the order of the queue; and what may start before it.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    histories::configured,
    policy::{Decision, Policy},
    rows::JobRow,
};
use jobyard_policy_ranked::Ranked;
use jobyard_ranker_formula::Formula;

type ByFormula = Ranked<Formula>;

/// One pass, carried out: the jobs that were started, in order.
fn pass<P: Policy>(policy: &mut P, cluster: &mut Cluster, now: f64) -> Vec<u32> {
    let plan = policy.schedule(now, &cluster.changes());
    cluster.carry_out(now, &plan)
}

/// Jobs of one core on a node of four: number, priority, estimate.
fn four_cores(jobs: &[(u32, u32, f64)]) -> Cluster {
    let mut cluster = Cluster::new(&[4]);
    for &(id, priority, walltime) in jobs {
        cluster.set_job(JobRow {
            priority,
            ..JobRow::queued(id, 1, walltime)
        });
    }
    cluster
}

#[test]
fn rank_within_bands_or_across_them() {
    let jobs = [
        (1, 2000, 30.0),
        (2, 2000, 10.0),
        (3, 3000, 90.0),
        (4, 1000, 5.0),
    ];
    for (priority, order) in [("first", [3, 2, 1, 4]), ("ignored", [4, 2, 1, 3])] {
        let settings = [("ranker.formula", "sjf"), ("priority", priority)];
        let mut policy: ByFormula = configured(&settings);
        assert_eq!(pass(&mut policy, &mut four_cores(&jobs), 0.0), order);
    }
}

#[test]
fn equal_ranks_go_in_the_order_of_the_queue() {
    let jobs = [(1, 1000, 30.0), (2, 2000, 30.0), (3, 2000, 30.0)];
    let settings = [("ranker.formula", "sjf"), ("priority", "ignored")];
    let mut policy: ByFormula = configured(&settings);
    assert_eq!(pass(&mut policy, &mut four_cores(&jobs), 0.0), [2, 3, 1]);
}

/// Job 1 runs until 100 on three of four cores; the head needs all four.
#[test]
fn what_is_let_past_the_head_is_a_setting() {
    for (backfill, started) in [("none", &[][..]), ("easy", &[4]), ("conservative", &[4])] {
        let settings = [("ranker.formula", "sjf"), ("backfill", backfill)];
        let mut policy: ByFormula = configured(&settings);
        let mut cluster = Cluster::new(&[4]);
        cluster.set_job(JobRow::queued(1, 3, 100.0));
        assert_eq!(pass(&mut policy, &mut cluster, 0.0), [1]);
        cluster.set_job(JobRow::queued(2, 4, 10.0)); // the head
        cluster.set_job(JobRow::queued(3, 1, 200.0)); // would make it late
        cluster.set_job(JobRow::queued(4, 1, 90.0));
        let plan = policy.schedule(0.0, &cluster.changes());
        let promised = plan.decisions.iter().any(|decision| {
            matches!(decision, Decision::Reserve(reservation) if (reservation.job, reservation.at) == (2, 100.0))
        });
        assert!(promised, "{backfill}: {plan:?}");
        assert_eq!(cluster.carry_out(0.0, &plan), started, "{backfill}");
    }
}

#[test]
fn a_change_of_settings_ranks_anew() {
    let mut cluster = Cluster::new(&[1]);
    cluster.set_job(JobRow::queued(1, 1, 50.0));
    cluster.set_job(JobRow::queued(2, 1, 90.0));
    cluster.set_job(JobRow::queued(3, 1, 10.0));
    let mut policy: ByFormula = configured(&[]);
    assert_eq!(pass(&mut policy, &mut cluster, 0.0), [1]);
    let set = |policy: &mut ByFormula, name: &str, value: &str| {
        policy.configure(&[(name.to_owned(), value.to_owned())])
    };
    set(&mut policy, "ranker.formula", "sjf").unwrap();
    // What cannot be read leaves in force what was.
    let error = set(&mut policy, "ranker.formula", "lifo").unwrap_err();
    assert!(
        error.starts_with("ranker: setting `formula`: `lifo` is not"),
        "{error}"
    );
    let error = set(&mut policy, "formula", "fcfs").unwrap_err();
    assert!(
        error.starts_with("unknown setting `formula`: there are backfill"),
        "{error}"
    );
    cluster.end(1);
    assert_eq!(pass(&mut policy, &mut cluster, 20.0), [3]);
}
