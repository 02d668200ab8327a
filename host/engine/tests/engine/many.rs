//! Many jobs in one call, one answer each.

use std::sync::Arc;
use std::time::Duration;

use jobyard::kernel::{Command, JobStatus, Rejection, State};
use jobyard::{Actor, Engine, EngineError, JobFilter, JobId, Manner, TaskId};

use crate::{named, node, task};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_answer_each() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .node(node(folder.path(), 1))
        .build()
        .await
        .unwrap();
    let ann = Actor::user("ann");
    let (mut bad, mut held) = (named("bad"), named("held"));
    bad.priority = 5_000;
    held.hold_until = Some(jobyard::kernel::Timestamp::MAX);
    let tasks = || vec![task("true")];
    let new = [(named("a"), tasks()), (bad, tasks()), (held, tasks())];
    let added = engine.add_jobs(&ann, new.clone()).await;
    assert!(
        matches!(added[1], Err(EngineError::Rejected(Rejection::Invalid(_)))),
        "{added:?}"
    );
    let (a, held) = (JobId(1), JobId(2));
    assert_eq!((&added[0], &added[2]), (&Ok(a), &Ok(held)));
    let missing = JobId(9);
    let submitted = engine.submit_jobs(&ann, [a, missing, held]).await;
    let unknown = Err(EngineError::Rejected(Rejection::UnknownJob(missing)));
    assert_eq!(submitted, [Ok(()), unknown.clone(), Ok(())]);
    let queued = engine.queue_jobs(&ann, new).await;
    assert!(queued[1].is_err() && queued[2].is_ok(), "{queued:?}");
    engine.wait(a).await.unwrap();
    let b = queued[0].clone().unwrap();
    engine.wait(b).await.unwrap();

    let list = async |status: &[JobStatus], after, limit| {
        let filter = JobFilter {
            status: status.to_vec(),
            owner: Some("ann".into()),
            after,
            limit,
        };
        let jobs = engine.list_jobs(filter).await.unwrap();
        jobs.iter()
            .map(|job| (job.id, job.status))
            .collect::<Vec<_>>()
    };
    let finished = [(a.0, 3), (b.0, 3)];
    assert_eq!(list(&[JobStatus::Finished], None, None).await, finished);
    assert_eq!(list(&[], Some(a), Some(1)).await, [(held.0, 1)]);

    let canceled = engine
        .cancel_jobs(&ann, [held, missing, a], "enough", Manner::Graceful)
        .await;
    assert_eq!(canceled[..2], [Ok(()), unknown]);
    assert!(canceled[2].is_err(), "it has finished");
    let view = engine.job(held).await.unwrap();
    assert_eq!((view.status, view.error_message.as_str()), (5, "enough"));
    engine.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_cloned_changed_and_given_more_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .node(node(folder.path(), 1))
        .build()
        .await
        .unwrap();
    let ann = Actor::user("ann");
    let mut spec = named("first");
    spec.hold_until = Some(jobyard::kernel::Timestamp::MAX);
    let first = engine
        .submit(&ann, spec.clone(), vec![task("true")])
        .await
        .unwrap();
    let more = vec![task("true"), task("true")];
    let ids = engine.add_tasks(&ann, first, more, true).await.unwrap();
    assert_eq!(ids, [TaskId(2), TaskId(3)]);
    spec.name = "urgent".into();
    spec.priority = 4_000;
    engine.modify_job(&ann, first, spec.clone()).await.unwrap();
    let second = engine.clone_job(&ann, first).await.unwrap();
    engine.configure_job(&ann, first).await.unwrap();
    engine.delete_job(&ann, first).await.unwrap_err();
    engine.submit_job(&ann, second).await.unwrap();
    let view = engine.wait(second).await.unwrap();
    assert_eq!((view.name.as_str(), view.priority), ("urgent", 4_000));
    assert_eq!(view.counts.finished, 3);
    let third = engine.clone_job(&ann, second).await.unwrap();
    engine.delete_job(&ann, third).await.unwrap();
    engine.shutdown(Duration::ZERO).await;
}

/// Each change is made of the job as it is by then: none undoes another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_at_once_all_count() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder().node(node(folder.path(), 1));
    let engine = engine.build().await.unwrap();
    let ann = Actor::user("ann");
    let job = engine.add_job(&ann, named("a"), vec![task("true")]);
    let job = job.await.unwrap();
    let change = |number: u32| {
        let (engine, by) = (engine.clone(), ann.clone());
        tokio::spawn(async move {
            let make = move |state: &State| {
                let mut spec = state
                    .job(job)
                    .ok_or(Rejection::UnknownJob(job))?
                    .spec
                    .clone();
                let properties = &mut Arc::make_mut(&mut spec).custom_properties;
                properties.push((format!("p{number}"), String::new()));
                let by = by.clone();
                Ok(Command::ModifyJob { by, job, spec })
            };
            engine.command_of(make).await.map(drop)
        })
    };
    let changes: Vec<_> = (0..50).map(change).collect();
    for change in changes {
        change.await.unwrap().unwrap();
    }
    let count = move |state: &State, _: &_| state.job(job).map(|j| j.spec.custom_properties.len());
    assert_eq!(engine.look(count).await.unwrap(), Some(50));
    let missing = |_: &State| Err(Rejection::UnknownJob(JobId(9)));
    let refused = engine.command_of(missing).await.unwrap_err();
    assert_eq!(
        refused,
        EngineError::Rejected(Rejection::UnknownJob(JobId(9)))
    );

    // Who waits when the engine stops is told so.
    let waits = tokio::spawn({
        let engine = engine.clone();
        async move { engine.wait(job).await }
    });
    engine.shutdown(Duration::from_secs(5)).await;
    assert_eq!(waits.await.unwrap().unwrap_err(), EngineError::Stopped);
}
