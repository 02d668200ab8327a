//! What a job can be refused for that waits for others.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Invalid, JobId, JobSpec, Manner, Timestamp, check_parents, step,
};

use super::{cluster, job, task};

/// What is wrong with jobs that others wait for: 1 is configured, 2 canceled, 3 canceled and gone, 4 waits for 5.
pub(super) fn parents() -> Vec<(&'static str, Invalid)> {
    let mut state = cluster();
    let by = Actor::administrator("root");
    let mut act = |now: u64, command: Command| {
        step(&mut state, &command, Timestamp(now), &mut Vec::new()).expect("a good command");
    };
    for parent in [None, None, None, Some(5), None] {
        act(
            0,
            Command::AddJob {
                by: by.clone(),
                spec: Arc::new(JobSpec {
                    parent_jobs: parent.map(JobId).into_iter().collect(),
                    ..job()
                }),
                tasks: vec![Arc::new(task())],
            },
        );
    }
    let cancel = |job| Command::CancelJob {
        by: by.clone(),
        job: JobId(job),
        message: String::new(),
        how: Manner::Normal,
    };
    act(0, cancel(3));
    act(500_000_000_000, Command::Tick);
    act(500_000_000_000, cancel(2));
    for job in [5, 4] {
        act(
            500_000_000_000,
            Command::SubmitJob {
                by: by.clone(),
                job: JobId(job),
            },
        );
    }
    let check = |id, parent| {
        let spec = JobSpec {
            parent_jobs: vec![JobId(parent)],
            ..job()
        };
        check_parents(&state, JobId(id), &spec)
    };
    assert_eq!(check(6, 2), Ok(()), "it may be queued again");
    assert_eq!(check(6, 4), Ok(()));
    let wrong = |id, parent| check(id, parent).expect_err("a bad parent");
    let circle = wrong(5, 4);
    assert!(circle.to_string().contains("5 -> 4 -> 5"), "{circle}");
    vec![
        ("UnknownParent", wrong(6, 7)),
        ("ParentNotSubmitted", wrong(6, 1)),
        ("ParentGone", wrong(6, 3)),
        ("ParentCycle", circle),
        ("ParentCycle", wrong(4, 4)),
    ]
}
