//! The policy from outside: HPC Pack's defaults, and growth by preemption.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    histories::{configured, fresh_instances_decide_alike},
    policy::{Decision, JOB_CAN_GROW, JOB_CAN_PREEMPT, JOB_ENDING, JOB_RUNNING, Policy, Share},
    rows::{JobRow, NodeRow},
};
use jobyard_policy_queued::Queued;

/// Number, priority, cores, minimum, what it has use for: running on the one node.
fn running(id: u32, priority: u32, cores: u32, min: u32, demand: u32) -> JobRow {
    let share = Share {
        node: 0,
        cores,
        gpus: 0,
    };
    JobRow {
        state: JOB_RUNNING,
        flags: JOB_CAN_GROW | JOB_CAN_PREEMPT,
        priority,
        started: f64::from(id),
        min,
        max: demand,
        demand,
        shares: vec![share],
        ..JobRow::queued(id, cores, 100.0)
    }
}

/// Ten cores.
fn cluster(jobs: &[JobRow]) -> Cluster {
    let mut cluster = Cluster::new(&[10]);
    jobs.iter().for_each(|job| cluster.set_job(job.clone()));
    cluster.set_node(NodeRow::idle(0, 10));
    cluster
}

/// What one pass of a new instance does, in short; cores of preempted jobs, none for a whole job.
fn plan(settings: &[(&str, &str)], cluster: &mut Cluster) -> Vec<String> {
    let plan = configured::<Queued>(settings).schedule(50.0, &cluster.snapshot());
    cluster.carry_out(50.0, &plan);
    let short = plan.decisions.iter().filter_map(|decision| match decision {
        Decision::Start(placement) => Some(format!("start {}", placement.job)),
        Decision::Grow(placement) => {
            let cores: u32 = placement.shares.iter().map(|share| share.cores).sum();
            Some(format!("grow {} by {cores}", placement.job))
        }
        Decision::Preempt(p) => Some(format!("preempt {} how {} {}", p.job, p.how, p.cores)),
        Decision::Shrink(_) | Decision::Reserve(_) | Decision::Wait(_) => None,
    });
    short.collect()
}

#[test]
fn hpc_packs_defaults_without_parameters() {
    let mut cluster = cluster(&[running(1, 1000, 10, 4, 10)]);
    cluster.set_job(JobRow::queued(9, 6, 10.0));
    // Gracefully, and what is taken is for the first that waits.
    assert_eq!(plan(&[], &mut cluster), ["preempt 1 how 0 6"]);
    assert_eq!(plan(&[], &mut cluster), ["start 9"]);
}

/// Parameters, what one pass does.
type Row<'a> = ([(&'a str, &'a str); 3], &'a [&'a str]);

#[test]
fn growth_by_preemption() {
    let by = |kind: &'static str, tasks: &'static str| {
        [
            ("PreemptionType", kind),
            ("TaskImmediatePreemptionEnabled", tasks),
            ("GrowByPreemptionEnabled", "true"),
        ]
    };
    // Job 1 has 2 cores and use for 7; jobs 2 and 3 are below it, job 4 is not.
    let jobs = [
        running(1, 3000, 2, 1, 7),
        running(2, 2000, 3, 1, 3),
        running(3, 1000, 2, 1, 2),
        running(4, 3000, 2, 1, 2),
    ];
    let rows: &[Row<'_>] = &[
        // One core is free. Then job 3 and job 2 give what they have above their minimum: 3 of the 4 that are missing.
        (
            by("Graceful", "true"),
            &["grow 1 by 1", "preempt 3 how 0 1", "preempt 2 how 0 2"],
        ),
        (
            by("Immediate", "true"),
            &["grow 1 by 1", "preempt 3 how 1 0", "preempt 2 how 2 2"],
        ),
        (
            by("Immediate", "false"),
            &["grow 1 by 1", "preempt 3 how 1 0"],
        ),
        (by("None", "true"), &["grow 1 by 1"]),
        (
            [
                ("PreemptionType", "Immediate"),
                ("TaskImmediatePreemptionEnabled", "true"),
                ("GrowByPreemptionEnabled", "false"),
            ],
            &["grow 1 by 1"],
        ),
    ];
    for (settings, expected) in rows {
        assert_eq!(
            plan(settings, &mut cluster(&jobs)),
            *expected,
            "{settings:?}"
        );
    }
    // What is about to come free is waited for.
    let mut ending = jobs.clone();
    ending[3].state = JOB_ENDING;
    let taken = plan(&by("Graceful", "true"), &mut cluster(&ending));
    assert_eq!(
        taken,
        ["grow 1 by 1", "preempt 3 how 0 1", "preempt 2 how 0 1"]
    );
    // Not for the sake of a job of lower priority than one that waits.
    let mut waited_for = cluster(&jobs);
    waited_for.set_job(JobRow {
        priority: 4000,
        ..JobRow::queued(9, 2, 10.0)
    });
    let taken = plan(&by("Graceful", "true"), &mut waited_for);
    assert_eq!(taken, ["preempt 3 how 0 1"]);
}

#[test]
fn a_fresh_instance_decides_as_a_long_lived_one() {
    let grow: &[(&str, &str)] = &[
        ("PreemptionType", "Immediate"),
        ("GrowByPreemptionEnabled", "true"),
    ];
    let settings: &[&[(&str, &str)]] = &[
        grow,
        &[("packing", "spread")],
        &[("packing", "memory"), ("GrowByPreemptionEnabled", "true")],
        &[("packing", "groups"), ("topology", "a,b")],
    ];
    let seen = fresh_instances_decide_alike::<Queued>(60, settings);
    assert!(seen.starts > 1_000 && seen.grows > 30, "{seen:?}");
    assert!(seen.preemptions > 100, "{seen:?}");
}
