//! The rules of EASY as tables: what runs, what waits, what starts.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    policy::{
        JOB_CAN_GROW, JOB_ENDING, JOB_EXCLUSIVE, JOB_RUNNING, JOB_SINGLE_NODE, NODE_CLOSED, Share,
    },
    rows::{JobRow, NodeRow},
};

use crate::{backfill, pass};

const INFINITY: f64 = f64::INFINITY;

/// A job that has run since 0 on nodes (node, cores).
fn running(id: u32, walltime: f64, on: &[(u32, u32)]) -> JobRow {
    let shares = on
        .iter()
        .map(|&(node, cores)| Share {
            node,
            cores,
            gpus: 0,
        })
        .collect();
    let cores = on.iter().map(|&(_, cores)| cores).sum();
    JobRow {
        state: JOB_RUNNING,
        shares,
        ..JobRow::queued(id, cores, walltime)
    }
}

fn cluster(nodes: &[u32], jobs: &[JobRow]) -> Cluster {
    let mut cluster = Cluster::new(nodes);
    for job in jobs {
        cluster.set_job(job.clone());
    }
    for (id, &cores) in (0..).zip(nodes) {
        cluster.set_node(NodeRow::idle(id, cores));
    }
    cluster
}

/// One row of [`one_pool`]: settings, running (cores, walltime), queued (cores, walltime), what starts at 10.
type Row = (
    &'static [(&'static str, &'static str)],
    &'static [(u32, f64)],
    &'static [(u32, f64)],
    &'static [u32],
);

/// Ten cores on one node, time 10. Running jobs are numbered from 1, queued ones from 11.
#[test]
fn one_pool() {
    let fcfs: &[(&str, &str)] = &[];
    let sjbf: &[(&str, &str)] = &[("order", "sjbf")];
    let rows: &[Row] = &[
        // From the head while jobs fit.
        (fcfs, &[], &[(4, 50.0), (6, 50.0), (1, 1.0)], &[11, 12]),
        // The head waits until 100: what ends by then may start, what ends one later may not.
        (
            fcfs,
            &[(6, 100.0)],
            &[(10, 50.0), (2, 90.0), (2, 91.0), (2, 89.0)],
            &[12, 14],
        ),
        // Extra: 10 - 7 = 3 cores are left beside the head, for as long as anybody likes, once.
        (
            fcfs,
            &[(6, 100.0)],
            &[(7, 50.0), (2, 999.0), (2, 999.0), (1, 999.0)],
            &[12, 14],
        ),
        (
            fcfs,
            &[(6, 100.0)],
            &[(7, 50.0), (4, 999.0), (3, 999.0)],
            &[13],
        ),
        // What ends by the shadow time does not use up what is extra.
        (
            fcfs,
            &[(6, 100.0)],
            &[(7, 50.0), (1, 90.0), (3, 999.0)],
            &[12, 13],
        ),
        // All that end at the shadow time are gone by then: extra is 3 + 3 + 4 - 5.
        (
            fcfs,
            &[(3, 100.0), (3, 100.0)],
            &[(5, 50.0), (4, 999.0)],
            &[12],
        ),
        (
            fcfs,
            &[(3, 100.0), (3, 101.0)],
            &[(5, 50.0), (4, 999.0), (2, 999.0)],
            &[13],
        ),
        // Started in this very pass, and it ends before what runs already.
        (
            fcfs,
            &[(4, 100.0)],
            &[(4, 30.0), (6, 50.0), (2, 30.0), (2, 31.0)],
            &[11, 13],
        ),
        // Nobody knows when the head can start: only jobs with a limit pass it, or what is extra even then.
        (
            fcfs,
            &[(6, INFINITY)],
            &[(9, 50.0), (2, INFINITY), (1, INFINITY), (3, 999.0)],
            &[13, 14],
        ),
        // A job without a limit never ends by a reservation.
        (
            fcfs,
            &[(6, 100.0)],
            &[(10, 50.0), (2, INFINITY), (2, 10.0)],
            &[13],
        ),
        // Overdue: what should have ended at 5 may end any moment, so nothing ends before it.
        (fcfs, &[(6, 5.0)], &[(8, 50.0), (2, 1.0), (2, 999.0)], &[12]),
        // Backfill in the order of estimates; ties in the order of the queue.
        (
            sjbf,
            &[(6, 100.0)],
            &[(10, 50.0), (2, 80.0), (2, 70.0), (2, 70.0), (2, 60.0)],
            &[15, 13],
        ),
        (
            fcfs,
            &[(6, 100.0)],
            &[(10, 50.0), (2, 80.0), (2, 70.0), (2, 70.0), (2, 60.0)],
            &[12, 13],
        ),
        // The head phase is in the order of the queue all the same.
        (
            sjbf,
            &[],
            &[(6, 80.0), (6, 10.0), (4, 70.0), (4, 60.0)],
            &[11, 14],
        ),
        // Lookahead counts jobs behind the head.
        (
            &[("lookahead", "0")],
            &[(6, 100.0)],
            &[(10, 50.0), (1, 1.0)],
            &[],
        ),
        (
            &[("lookahead", "1")],
            &[(6, 100.0)],
            &[(10, 50.0), (5, 1.0), (1, 1.0)],
            &[],
        ),
        (
            &[("lookahead", "2")],
            &[(6, 100.0)],
            &[(10, 50.0), (5, 1.0), (1, 1.0), (1, 1.0)],
            &[13],
        ),
        (
            &[("lookahead", "-1")],
            &[(6, 100.0)],
            &[(10, 50.0), (5, 1.0), (1, 1.0), (1, 1.0)],
            &[13, 14],
        ),
    ];
    for (i, (settings, run, queue, expected)) in rows.iter().enumerate() {
        let mut jobs: Vec<JobRow> = (1..)
            .zip(*run)
            .map(|(id, &(cores, time))| running(id, time, &[(0, cores)]))
            .collect();
        jobs.extend(
            (11..)
                .zip(*queue)
                .map(|(id, &(cores, time))| JobRow::queued(id, cores, time)),
        );
        let started = pass(&mut backfill(settings), &mut cluster(&[10], &jobs), 10.0);
        assert_eq!(started, *expected, "row {i}");
    }
}

#[test]
fn a_job_takes_as_much_as_it_may() {
    // (min, max, walltime) of the job behind the head; what it gets. Free: 4, extra: 3 (head 7), shadow time 100.
    let rows = [
        (1, 8, 50.0, 4),  // ends by the shadow time: all that is free
        (1, 8, 999.0, 3), // does not: all that is extra
        (3, 3, 999.0, 3),
        (4, 8, 999.0, 0),
        (1, 2, 999.0, 2),
        (5, 8, 50.0, 0),
    ];
    for (min, max, walltime, expected) in rows {
        let job = JobRow {
            max,
            demand: max,
            ..JobRow::queued(3, min, walltime)
        };
        let jobs = [
            running(1, 100.0, &[(0, 6)]),
            JobRow::queued(2, 7, 50.0),
            job,
        ];
        let mut cluster = cluster(&[10], &jobs);
        pass(&mut backfill(&[]), &mut cluster, 10.0);
        let cores: u32 = cluster.jobs()[&3]
            .shares
            .iter()
            .map(|share| share.cores)
            .sum();
        assert_eq!(cores, expected, "{min}..{max} for {walltime}");
    }
}

#[test]
fn more_than_it_has_use_for_is_not_given() {
    let job = JobRow {
        max: 8,
        demand: 3,
        ..JobRow::queued(1, 2, 50.0)
    };
    let mut cluster = cluster(&[10], &[job]);
    pass(&mut backfill(&[]), &mut cluster, 0.0);
    assert_eq!(cluster.jobs()[&1].shares[0].cores, 3);
}

#[test]
fn running_jobs_grow_before_queued_ones_start_in_the_order_of_priority() {
    let growing = |id, priority| JobRow {
        flags: JOB_CAN_GROW,
        priority,
        max: 4,
        demand: 4,
        ..running(id, 100.0, &[(0, 2)])
    };
    let mut jobs = vec![
        growing(1, 1000),
        growing(2, 3000),
        JobRow::queued(3, 1, 10.0),
    ];
    jobs[0].min = 1;
    for (grow, free, expected) in [
        ("yes", 3, [3, 4, 0]),
        ("yes", 5, [4, 4, 1]),
        ("no", 3, [2, 2, 1]),
    ] {
        let mut cluster = cluster(&[4 + free], &jobs);
        pass(&mut backfill(&[("grow", grow)]), &mut cluster, 10.0);
        let cores = [1, 2, 3].map(|id| {
            cluster.jobs()[&id]
                .shares
                .iter()
                .map(|share| share.cores)
                .sum::<u32>()
        });
        assert_eq!(cores, expected, "grow={grow}, {free} free");
    }
    // Ending jobs and those that may not grow get nothing.
    jobs[0].state = JOB_ENDING;
    jobs[1].flags = 0;
    let mut cluster = cluster(&[8], &jobs);
    pass(&mut backfill(&[]), &mut cluster, 10.0);
    assert_eq!([1, 2].map(|id| cluster.jobs()[&id].shares[0].cores), [2, 2]);
}

#[test]
fn a_single_node_job_grows_where_it_is() {
    let job = JobRow {
        flags: JOB_CAN_GROW | JOB_SINGLE_NODE,
        max: 8,
        demand: 8,
        ..running(1, 100.0, &[(1, 2)])
    };
    let mut cluster = cluster(&[8, 4], &[job]);
    pass(&mut backfill(&[]), &mut cluster, 10.0);
    assert_eq!(
        cluster.jobs()[&1].shares,
        [Share {
            node: 1,
            cores: 4,
            gpus: 0
        }]
    );
}

/// Two nodes of four cores. The reservation is by node where the head is choosy.
#[test]
fn the_shadow_time_is_by_node() {
    let on_two = |jobs: &[JobRow], expected: &[u32], what: &str| {
        let started = pass(&mut backfill(&[]), &mut cluster(&[4, 4], jobs), 10.0);
        assert_eq!(started, expected, "{what}");
    };
    // 3 + 3 cores run until 50 and 100; four free cores on one node are there from 50.
    let busy = [running(1, 50.0, &[(0, 3)]), running(2, 100.0, &[(1, 3)])];
    let with = |jobs: &[JobRow]| [&busy[..], jobs].concat();
    let single = JobRow {
        flags: JOB_SINGLE_NODE,
        ..JobRow::queued(11, 4, 20.0)
    };
    let filler = |id, walltime| JobRow::queued(id, 1, walltime);
    // Both may start: one on each node until 40; not beyond 50, for then no node would be empty at 50 …
    on_two(
        &with(&[single.clone(), filler(12, 40.0), filler(13, 41.0)]),
        &[12, 13],
        "the second one is packed onto the other node",
    );
    on_two(
        &with(&[single.clone(), filler(12, 41.0), filler(13, 40.0)]),
        &[13],
        "the first would be packed onto node 0, in the way",
    );
    let exclusive = JobRow {
        flags: JOB_EXCLUSIVE,
        ..JobRow::queued(11, 5, 20.0)
    };
    on_two(
        &with(&[exclusive, filler(12, 90.0), filler(13, 91.0)]),
        &[12],
        "both nodes are idle from 100",
    );
    let whole = JobRow {
        unit: 2,
        ..JobRow::queued(11, 1, 20.0)
    };
    on_two(
        &with(&[whole, filler(12, 40.0), filler(13, 60.0)]),
        &[12, 13],
        "one node from 50",
    );
}

#[test]
fn a_head_with_candidates_is_not_disturbed_elsewhere() {
    let head = JobRow {
        candidates: 7,
        ..JobRow::queued(11, 4, 20.0)
    };
    let jobs = [
        running(1, 100.0, &[(0, 2)]),
        head,
        JobRow {
            candidates: 8,
            ..JobRow::queued(12, 4, 999.0)
        }, // elsewhere, for as long as it likes
        JobRow {
            candidates: 7,
            ..JobRow::queued(13, 1, 999.0)
        }, // in the way
        JobRow {
            candidates: 7,
            ..JobRow::queued(14, 1, 90.0)
        },
    ];
    let mut cluster = cluster(&[4, 4], &jobs);
    cluster.set_candidates(7, &[0]);
    cluster.set_candidates(8, &[1, 0]);
    assert_eq!(pass(&mut backfill(&[]), &mut cluster, 10.0), [12, 14]);
}

#[test]
fn cores_of_a_closed_node_do_not_come_back() {
    // Node 0 is closed: what ends there at 20 is of no use to the head, which waits until 100.
    let jobs = [
        running(1, 20.0, &[(0, 4)]),
        running(2, 100.0, &[(1, 3)]),
        JobRow::queued(11, 4, 20.0),
        JobRow::queued(12, 1, 90.0),
    ];
    let mut cluster = cluster(&[4, 4], &jobs);
    cluster.set_node(NodeRow {
        state: NODE_CLOSED,
        ..NodeRow::idle(0, 4)
    });
    assert_eq!(pass(&mut backfill(&[]), &mut cluster, 10.0), [12]);
}

#[test]
fn a_job_that_no_open_node_could_hold_is_passed_over() {
    let jobs = [
        running(1, 100.0, &[(0, 2)]),
        JobRow {
            flags: JOB_SINGLE_NODE,
            ..JobRow::queued(11, 5, 20.0)
        },
        JobRow {
            candidates: 9,
            ..JobRow::queued(12, 1, 20.0)
        }, // a set without nodes
        JobRow::queued(13, 7, 20.0), // the head
        JobRow::queued(14, 1, 90.0),
    ];
    let mut cluster = cluster(&[4, 4], &jobs);
    cluster.set_candidates(9, &[]);
    assert_eq!(pass(&mut backfill(&[]), &mut cluster, 10.0), [14]);
}

#[test]
fn settings_may_change_between_passes() {
    use jobyard_plugin_sdk::policy::Policy;
    let queue = [(10, 50.0), (2, 80.0), (2, 70.0), (2, 60.0)];
    let mut jobs = vec![running(1, 100.0, &[(0, 8)])];
    jobs.extend(
        (11..)
            .zip(queue)
            .map(|(id, (cores, time))| JobRow::queued(id, cores, time)),
    );
    let mut policy = backfill(&[]);
    let mut cluster = cluster(&[10], &jobs);
    let plan = policy.schedule(10.0, &cluster.changes());
    assert_eq!(cluster.clone().carry_out(10.0, &plan), [12]);
    let sjbf = [("order".to_owned(), "sjbf".to_owned())];
    let traits = policy.configure(&sjbf).unwrap();
    assert!(
        traits.iter().all(|(name, _)| name != "arrivals"),
        "{traits:?}"
    );
    assert!(
        policy
            .configure(&[("order".to_owned(), "x".to_owned())])
            .is_err()
    );
    assert_eq!(pass(&mut policy, &mut cluster, 10.0), [14]);
}
