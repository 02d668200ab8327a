//! Ended jobs leave memory and are there all the same.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jobyard::history::{Page, Query};
use jobyard::kernel::{Command, Span, Timestamp};
use jobyard::{Actor, Builder, Engine, EngineError, JobId, Parameters};

use crate::{ends, named, node, task};

const LIVE_MAX: usize = 4;

/// Runs twelve jobs, the last of which fails.
async fn twelve(builder: Builder, folder: &Path) -> (Engine, Vec<JobId>) {
    let engine = builder
        .ended_live(LIVE_MAX)
        .node(node(folder, 2))
        .build()
        .await
        .unwrap();
    let ann = Actor::user("ann");
    let mut jobs = Vec::new();
    for number in 1..=12 {
        let command = if number == 12 { "false" } else { "true" };
        let spec = named(&format!("job {}", number % 3));
        let job = engine.submit(&ann, spec, vec![task(command)]).await;
        jobs.push(job.unwrap());
    }
    for &job in &jobs {
        let ended = tokio::time::timeout(Duration::from_secs(30), engine.wait(job)).await;
        ended.expect("it ends in time").unwrap();
    }
    (engine, jobs)
}

async fn live(engine: &Engine) -> BTreeSet<JobId> {
    let look = engine.look(|state, _| state.jobs().map(|job| job.id).collect());
    look.await.unwrap()
}

async fn all(engine: &Engine, query: Query) -> Vec<JobId> {
    let Page { jobs, next } = engine.history(query).await.unwrap();
    assert_eq!(next, None);
    jobs.iter().map(|job| job.id).collect()
}

async fn leave_and_come_back(builder: Builder, folder: &Path) -> Engine {
    let (engine, jobs) = twelve(builder, folder).await;
    let ann = Actor::user("ann");
    let stay = live(&engine).await;
    assert!(stay.len() <= LIVE_MAX, "{stay:?}");
    let gone = all(&engine, Query::default()).await;
    let both: BTreeSet<JobId> = gone.iter().chain(&stay).copied().collect();
    assert!(both.iter().eq(&jobs), "{gone:?} and {stay:?}");
    let named = Query {
        name: Some("job 1".into()),
        ..Query::default()
    };
    let named = all(&engine, named).await;
    let fit = |job: &JobId| job.0 % 3 == 1;
    assert!(named.iter().all(fit) && !named.is_empty(), "{named:?}");

    // Seen, waited for and commanded as if nothing had happened.
    let first = *gone.last().unwrap();
    let view = engine.job(first).await.unwrap();
    assert_eq!((view.id, view.state.as_str()), (first.0, "Finished"));
    assert_eq!(view.counts.finished, 1);
    assert_eq!(engine.wait(first).await.unwrap(), view);
    let refused = engine.requeue_job(&Actor::user("bob"), first).await;
    let text = refused.unwrap_err().to_string();
    assert!(!text.contains("there is no job"), "{text}");
    let none = engine.requeue_job(&ann, JobId(99)).await.unwrap_err();
    assert!(none.to_string().contains("99"), "{none}");
    let none = engine.job(JobId(99)).await.unwrap_err();
    assert_eq!(none, EngineError::UnknownJob(JobId(99)));

    // A failed one is queued again, from history.
    let failed = JobId(12);
    while live(&engine).await.contains(&failed) {
        let spec = crate::named("another");
        let job = engine.submit(&ann, spec, vec![task("true")]).await.unwrap();
        ends(&engine, job, "Finished").await;
    }
    let requeue = Command::RequeueJob {
        by: ann.clone(),
        job: failed,
    };
    let answers = engine.commands(vec![requeue.clone(), requeue]).await;
    assert!(answers[0].is_ok(), "{answers:?}");
    ends(&engine, failed, "Failed").await;
    let requeued = engine.job(failed).await.unwrap().requeue_count;
    assert!(requeued >= 1, "{requeued}");
    engine
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let engine = leave_and_come_back(Engine::builder(), folder.path()).await;

    // Forgotten before its time: what is live and what is not.
    let purge = Command::PurgeJobs {
        by: Actor::administrator("root"),
        ended_before: Timestamp::MAX,
    };
    engine.command(purge).await.unwrap();
    engine.purge_history(Timestamp::MAX).await.unwrap();
    assert_eq!(live(&engine).await, BTreeSet::new());
    assert_eq!(all(&engine, Query::default()).await, []);
    engine.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_disk_and_until_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let engine = leave_and_come_back(Engine::builder().data(&data), folder.path()).await;
    let before = all(&engine, Query::default()).await;
    assert!(before.len() >= 8, "{before:?}");
    engine.shutdown(Duration::from_secs(5)).await;
    jobyard::journal::sqlite::verify(&data).unwrap();

    let short = Parameters {
        ttl_completed_jobs: Span::from_millis(1),
        ..Parameters::default()
    };
    let engine = Engine::builder().data(&data).parameters(short);
    let engine = engine.build().await.unwrap();
    let mut notices = engine.notices();
    while !all(&engine, Query::default()).await.is_empty() {
        assert!(notices.next().await.is_some(), "the engine has stopped");
    }
    engine.shutdown(Duration::from_secs(5)).await;
    jobyard::journal::sqlite::verify(&data).unwrap();
}
