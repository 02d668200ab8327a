//! An engine on a data folder: what it acknowledged is there when it comes back, and when the disk fails it says so.

use std::time::Duration;

use jobyard::journal::{SqliteJournal, replay};
use jobyard::kernel::{Command, State};
use jobyard::{Actor, BuildError, Engine, EngineError, JobId, Notice, Parameters};

use crate::{ends, named, node, task};

/// The state when passes of which nothing came are noted too, which can take a second.
async fn settled(engine: &Engine) -> State {
    let mut before = engine.look(|state, _| state.clone()).await.unwrap();
    loop {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let now = engine.look(|state, _| state.clone()).await.unwrap();
        if now == before {
            return now;
        }
        before = now;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let (data, ann) = (folder.path().join("data"), Actor::user("ann"));
    let local = node(folder.path(), 2);
    let first = Engine::builder().data(&data).node(local.clone());
    let engine = first.build().await.unwrap();
    let done = engine
        .submit(&ann, named("done"), vec![task("true")])
        .await
        .unwrap();
    ends(&engine, done, "Finished").await;
    let parameters = Parameters {
        job_retry_count: 7,
        ..Parameters::default()
    };
    let set = Command::SetParameters(parameters.clone());
    engine.command(set).await.unwrap();
    let added = engine.add_job(&ann, named("added"), vec![task("true")]);
    let added = added.await.unwrap();
    let before = settled(&engine).await;

    let error = Engine::builder().data(&data).build().await.unwrap_err();
    assert!(matches!(error, BuildError::Journal(_)), "{error:?}");
    let pid = std::process::id().to_string();
    assert!(error.to_string().contains(&pid), "{error}");

    engine.shutdown(Duration::from_secs(5)).await;
    let engine = Engine::builder().data(&data).node(local).build().await;
    let engine = engine.unwrap();
    let after = engine.look(|state, _| state.clone()).await.unwrap();
    assert_eq!(after, before);
    assert_eq!(after.parameters(), &parameters);
    engine.submit_job(&ann, added).await.unwrap();
    ends(&engine, added, "Finished").await;
    engine.shutdown(Duration::from_secs(5)).await;
}

/// Callers learn why, those that come later too; and every job that was acknowledged is in the journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_the_engine_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    journal.limit_bytes(800_000).unwrap();
    let engine = Engine::builder().journal(journal).build().await.unwrap();
    let mut notices = engine.notices();
    let mut callers = Vec::new();
    for _ in 0..8 {
        let engine = engine.clone();
        callers.push(tokio::spawn(async move {
            let ann = Actor::user("ann");
            let mut acknowledged = Vec::new();
            loop {
                let job = engine.submit(&ann, named("big"), vec![task(&"x".repeat(2_000))]);
                match job.await {
                    Ok(job) => acknowledged.push(job),
                    Err(error) => return (acknowledged, error),
                }
            }
        }));
    }
    let mut acknowledged: Vec<JobId> = Vec::new();
    for caller in callers {
        let (jobs, error) = caller.await.unwrap();
        acknowledged.extend(jobs);
        assert!(matches!(error, EngineError::Journal(_)), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("no space left") && text.contains("journal.db"),
            "{text}"
        );
    }
    let later = engine.job(acknowledged[0]).await.unwrap_err();
    assert!(matches!(later, EngineError::Journal(_)), "{later:?}");
    loop {
        match notices.next().await {
            Some(Ok(Notice::Stopped(text))) => break assert!(text.contains("no space"), "{text}"),
            Some(_) => {}
            None => panic!("the engine has not said that it stopped"),
        }
    }
    drop(engine);
    let state = replay(&SqliteJournal::open(folder.path()).unwrap()).unwrap();
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    for job in acknowledged {
        let submitted = state.job(job).and_then(|job| job.times.submitted);
        assert!(submitted.is_some(), "job {job}");
    }
}
