//! What is taken from running jobs, as tables: who is preempted, how, and by how much; and what is given back unasked.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    policy::{
        Decision, JOB_CAN_GROW, JOB_CAN_PREEMPT, JOB_CAN_SHRINK, JOB_ENDING, JOB_RUNNING,
        JOB_SINGLE_NODE, Policy, Share,
    },
    rows::JobRow,
};

use crate::backfill;

/// Number, priority, cores (node, cores), minimum.
type Running<'a> = (u32, u32, &'a [(u32, u32)], u32);

fn running(&(id, priority, on, min): &Running<'_>) -> JobRow {
    let share = |&(node, cores): &(u32, u32)| Share {
        node,
        cores,
        gpus: 0,
    };
    let cores: u32 = on.iter().map(|(_, cores)| cores).sum();
    JobRow {
        state: JOB_RUNNING,
        priority,
        started: f64::from(id),
        flags: JOB_CAN_PREEMPT | JOB_CAN_SHRINK | JOB_CAN_GROW,
        min,
        demand: cores,
        shares: on.iter().map(share).collect(),
        ..JobRow::queued(id, cores, f64::INFINITY)
    }
}

/// Two nodes of four cores, full.
fn cluster(jobs: &[JobRow]) -> Cluster {
    let mut cluster = Cluster::new(&[4, 4]);
    for job in jobs {
        cluster.set_job(job.clone());
    }
    for row in cluster.nodes().clone().into_values() {
        cluster.set_node(row);
    }
    cluster
}

/// What is taken in one pass for a job of priority 3000: (job, how, cores).
fn taken(setting: &str, jobs: &[JobRow], head: JobRow) -> Vec<(u32, u32, u32)> {
    let mut cluster = cluster(jobs);
    cluster.set_job(JobRow {
        priority: 3000,
        ..head
    });
    let mut policy = backfill(&[("preemption", setting)]);
    let plan = policy.schedule(100.0, &cluster.changes());
    let taken = plan.decisions.iter().filter_map(|decision| match decision {
        Decision::Preempt(p) => Some((p.job, p.how, p.cores)),
        Decision::Start(_)
        | Decision::Grow(_)
        | Decision::Shrink(_)
        | Decision::Reserve(_)
        | Decision::Wait(_) => None,
    });
    taken.collect()
}

const FULL: &[Running<'_>] = &[
    (1, 2000, &[(0, 4)], 2),
    (2, 1000, &[(1, 2)], 2),
    (3, 1000, &[(1, 2)], 1),
];

fn rows(jobs: &[Running<'_>]) -> Vec<JobRow> {
    jobs.iter().map(running).collect()
}

#[test]
fn lowest_priority_first_then_the_last_to_start() {
    let head = |cores| JobRow::queued(9, cores, 10.0);
    let full = rows(FULL);
    // By grace: what is above the minimum, if it is enough.
    assert_eq!(taken("graceful", &full, head(1)), [(3, 0, 1)]);
    assert_eq!(taken("graceful", &full, head(3)), [(3, 0, 1), (1, 0, 2)]);
    assert_eq!(taken("graceful", &full, head(4)), []);
    // At once: part of a job where that is enough, else whole jobs, as few as will do.
    assert_eq!(taken("immediate", &full, head(1)), [(3, 2, 1)]);
    assert_eq!(taken("immediate", &full, head(2)), [(3, 1, 0)]);
    assert_eq!(taken("immediate", &full, head(4)), [(3, 1, 0), (2, 1, 0)]);
    assert_eq!(
        taken("immediate", &full, head(5)),
        [(3, 1, 0), (2, 1, 0), (1, 2, 1)]
    );
    assert_eq!(
        taken("immediate", &full, head(8)),
        [(3, 1, 0), (2, 1, 0), (1, 1, 0)]
    );
    assert_eq!(taken("none", &full, head(1)), []);
}

#[test]
fn only_from_lower_priorities_that_allow_it_and_never_in_vain() {
    let head = |cores| JobRow::queued(9, cores, 10.0);
    let mut jobs = rows(FULL);
    jobs[2].flags &= !JOB_CAN_PREEMPT;
    assert_eq!(taken("immediate", &jobs, head(2)), [(2, 1, 0)]);
    jobs[1].priority = 3000;
    assert_eq!(taken("immediate", &jobs, head(2)), [(1, 2, 2)]);
    assert_eq!(taken("immediate", &jobs, head(5)), []);
    // What is about to end is counted on first.
    let mut jobs = rows(FULL);
    jobs[1].state = JOB_ENDING;
    assert_eq!(taken("immediate", &jobs, head(2)), []);
    assert_eq!(taken("immediate", &jobs, head(3)), [(3, 2, 1)]);
}

#[test]
fn nodes_matter_where_the_job_is_choosy() {
    let single = JobRow {
        flags: JOB_SINGLE_NODE,
        ..JobRow::queued(9, 4, 10.0)
    };
    // The first two victims empty node 1; job 1 need not go.
    let taken_for_single = taken("immediate", &rows(FULL), single);
    assert_eq!(taken_for_single, [(3, 1, 0), (2, 1, 0)]);
    let whole = JobRow {
        unit: 2,
        ..JobRow::queued(9, 1, 10.0)
    };
    assert_eq!(
        taken("immediate", &rows(FULL), whole),
        [(3, 1, 0), (2, 1, 0)]
    );
}

/// What was taken goes to the job that it was taken for: neither backfilled nor given back to its former holder.
#[test]
fn what_is_taken_is_for_the_head() {
    for setting in ["graceful", "immediate"] {
        let mut cluster = cluster(&rows(&[(1, 1000, &[(0, 4), (1, 3)], 1)]));
        let mut job = cluster.jobs()[&1].clone();
        (job.max, job.demand) = (8, 8);
        cluster.set_job(job);
        for (id, priority, cores) in [(9, 3000, 4), (10, 1000, 1)] {
            cluster.set_job(JobRow {
                priority,
                ..JobRow::queued(id, cores, 10.0)
            });
        }
        let mut policy = backfill(&[("preemption", setting)]);
        let plan = policy.schedule(100.0, &cluster.changes());
        assert_eq!(cluster.carry_out(100.0, &plan), [], "{setting}");
        let plan = policy.schedule(101.0, &cluster.changes());
        assert_eq!(cluster.carry_out(101.0, &plan), [9], "{setting}");
    }
}

/// Shares (node, cores), demand, what is given back.
type Row<'a> = (&'a [(u32, u32)], u32, &'a [(u32, u32)]);

#[test]
fn jobs_give_back_what_they_have_no_use_for() {
    let rows: &[Row<'_>] = &[
        (&[(0, 4)], 4, &[]),
        (&[(0, 4)], 1, &[(0, 3)]),
        (&[(0, 4), (1, 2)], 4, &[(1, 2)]),
        (&[(0, 4), (1, 2)], 5, &[]),
        (&[(0, 2), (1, 4)], 1, &[(0, 2)]),
    ];
    for (shares, demand, expected) in rows {
        let job = JobRow {
            demand: *demand,
            ..running(&(1, 2000, shares, 1))
        };
        for (setting, on) in [("yes", true), ("no", false)] {
            let mut cluster = cluster(std::slice::from_ref(&job));
            let plan = backfill(&[("shrink", setting)]).schedule(100.0, &cluster.changes());
            let given: Vec<(u32, u32)> = plan.decisions.iter().flat_map(given).collect();
            assert_eq!(given, if on { expected.to_vec() } else { Vec::new() });
        }
    }
}

fn given(decision: &Decision) -> Vec<(u32, u32)> {
    match decision {
        Decision::Shrink(placement) => {
            let shares = placement.shares.iter();
            shares.map(|share| (share.node, share.cores)).collect()
        }
        Decision::Start(_)
        | Decision::Grow(_)
        | Decision::Preempt(_)
        | Decision::Reserve(_)
        | Decision::Wait(_) => Vec::new(),
    }
}
