use super::*;
use crate::rows::{JobRow, NodeRow};

fn ids<'a>(jobs: impl Iterator<Item = &'a Job>) -> Vec<u32> {
    jobs.map(|job| job.id).collect()
}

fn queued(mirror: &Mirror) -> Vec<u32> {
    ids(mirror.queue().iter().map(|entry| mirror.job(entry.slot)))
}

fn running(id: u32, walltime: f64, cores: u32) -> JobRow {
    let shares = vec![Share {
        node: 5,
        cores,
        gpus: 0,
    }];
    JobRow {
        state: JOB_RUNNING,
        started: 100.0,
        shares,
        ..JobRow::queued(id, 1, walltime)
    }
}

#[test]
fn keeps_the_queue_in_order_and_running_jobs_by_expected_end() {
    let mut mirror = Mirror::default();
    let mut changes = Changes::default();
    changes.nodes.push(NodeRow::idle(5, 8));
    for (id, priority, position) in [(1, 2000, 1.0), (2, 3000, 2.0), (3, 2000, 0.5)] {
        changes.push_job(&JobRow {
            priority,
            position,
            ..JobRow::queued(id, 1, 10.0)
        });
    }
    changes.push_job(&running(4, f64::INFINITY, 1));
    changes.push_job(&running(6, 50.0, 1));
    changes.push_job(&running(5, 50.0, 1));
    changes.push_job(&JobRow {
        state: JOB_ENDING,
        ..running(7, 900.0, 1)
    });
    mirror.apply(&changes);
    assert_eq!(queued(&mirror), [2, 3, 1]);
    assert_eq!(ids(mirror.running()), [7, 5, 6, 4]);

    // A row replaces all of a job; removals come first, also of jobs that were never seen.
    let mut changes = Changes {
        removed_jobs: vec![2, 7, 99],
        ..Changes::default()
    };
    changes.push_job(&JobRow {
        priority: 4000,
        ..JobRow::queued(1, 1, 10.0)
    });
    changes.push_job(&running(3, 10.0, 2));
    mirror.apply(&changes);
    assert_eq!(queued(&mirror), [1]);
    assert_eq!(ids(mirror.running()), [3, 5, 6, 4]);
    assert_eq!(mirror.find(2), None);
    assert_eq!(mirror.find(3).map(|job| mirror.held(job)), Some(2));
}

#[test]
fn knows_who_could_grow() {
    let mut mirror = Mirror::default();
    let mut changes = Changes::default();
    changes.nodes.push(NodeRow {
        sockets: 2,
        ..NodeRow::idle(5, 8)
    });
    let growing = |id, row| JobRow {
        flags: JOB_CAN_GROW,
        max: 4,
        demand: 4,
        id,
        ..row
    };
    changes.push_job(&growing(1, running(1, 50.0, 2)));
    changes.push_job(&JobRow {
        priority: 3000,
        ..growing(2, running(2, 50.0, 1))
    });
    changes.push_job(&growing(3, running(3, 50.0, 4))); // has what it needs
    changes.push_job(&JobRow {
        flags: 0,
        ..growing(4, running(4, 50.0, 1))
    });
    changes.push_job(&JobRow {
        state: JOB_ENDING,
        ..growing(5, running(5, 50.0, 1))
    });
    // Two sockets of four cores; with four sockets it would hold four.
    changes.push_job(&JobRow {
        unit: 1,
        ..growing(6, running(6, 50.0, 8))
    });
    mirror.apply(&changes);
    assert_eq!(ids(mirror.hungry()), [2, 1, 6]);

    let mut changes = Changes::default();
    changes.nodes.push(NodeRow {
        sockets: 4,
        ..NodeRow::idle(5, 8)
    });
    mirror.apply(&changes);
    assert_eq!(ids(mirror.hungry()), [2, 1]);
}

#[test]
fn candidate_sets_follow_their_nodes() {
    let mut mirror = Mirror::default();
    let mut changes = Changes::default();
    for id in [3, 5, 9] {
        changes.nodes.push(NodeRow::idle(id, 8));
    }
    changes.push_set(1, &[9, 4, 3, 9]); // 4 is not there yet, 9 is named twice
    mirror.apply(&changes);
    let nodes = |mirror: &Mirror, set| -> Vec<u32> {
        mirror
            .candidates(set)
            .iter()
            .map(|&at| mirror.nodes()[at as usize].id)
            .collect()
    };
    assert_eq!(nodes(&mirror, 0), [3, 5, 9]);
    assert_eq!(nodes(&mirror, 1), [9, 3]);
    assert!(nodes(&mirror, 2).is_empty());

    let mut changes = Changes::default();
    changes.nodes.push(NodeRow {
        state: NODE_GONE,
        ..NodeRow::idle(3, 0)
    });
    changes.nodes.push(NodeRow::idle(4, 8));
    mirror.apply(&changes);
    assert_eq!(nodes(&mirror, 0), [4, 5, 9]);
    assert_eq!(nodes(&mirror, 1), [9, 4]);
    assert_eq!(
        [3, 4, 5, 9].map(|id| mirror.position(id)),
        [None, Some(0), Some(1), Some(2)]
    );

    let mut changes = Changes::default();
    changes.push_set(1, &[]);
    mirror.apply(&changes);
    assert!(nodes(&mirror, 1).is_empty());
}

#[test]
fn a_set_of_parts_is_a_choice() {
    let mut mirror = Mirror::default();
    let mut changes = Changes::default();
    for id in [1, 2, 3] {
        changes.nodes.push(NodeRow::idle(id, 8));
    }
    changes.push_set(4, &[1, 2, 3]);
    changes.push_set(7, &[3, 2, 1]);
    changes.push_part(8, 7, &[3]);
    changes.push_part(9, 7, &[2, 1]);
    mirror.apply(&changes);
    assert_eq!(mirror.choices(0), [0]);
    assert_eq!(mirror.choices(4), [4]);
    assert_eq!(mirror.choices(7), [8, 9]);
    assert_eq!(mirror.candidates(9), [1, 0]);

    // Told again, with nothing in the first part and all in the second.
    let mut changes = Changes::default();
    changes.push_set(7, &[3, 2, 1]);
    changes.push_part(8, 7, &[]);
    changes.push_part(9, 7, &[3, 2, 1]);
    mirror.apply(&changes);
    assert_eq!(mirror.choices(7), [8, 9]);
    assert!(mirror.candidates(8).is_empty());
    assert_eq!(mirror.candidates(9), [2, 1, 0]);

    // Gone, its parts with it.
    let mut changes = Changes::default();
    for id in [8, 9, 7] {
        changes.push_set(id, &[]);
    }
    mirror.apply(&changes);
    assert!(mirror.choices(7).is_empty() && mirror.sets.len() == 1);
}

#[test]
#[should_panic(expected = "changes.shares is shorter than changes.allocations say")]
fn shares_that_are_missing_are_named() {
    let mut changes = Changes::default();
    changes.push_job(&running(1, 1.0, 1));
    changes.shares.clear();
    Mirror::default().apply(&changes);
}
