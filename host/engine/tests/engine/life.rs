//! Jobs through the handle: submit, look, cancel, requeue, hold, many at once.

use std::time::{SystemTime, UNIX_EPOCH};

use jobyard::kernel::{Command, Execution, JobState, Span, TaskId, Timestamp};
use jobyard::{Actor, Engine, EngineError, JobId, JobSpec, Manner, Notice};

use crate::{ends, named, node, task};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_and_its_events_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .node(node(folder.path(), 2))
        .build()
        .await
        .unwrap();
    let mut notices = engine.notices();
    let ann = Actor::user("ann");
    let job = engine
        .submit(&ann, named("hello"), vec![task("echo hello")])
        .await
        .unwrap();
    let view = ends(&engine, job, "Finished").await;
    assert_eq!((view.id, view.status, view.owner.as_str()), (1, 3, "ann"));

    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|last| last != "JobEnded") {
        if let Notice::Event(event) = notices.next().await.unwrap().unwrap()
            && event.fact.job().is_some()
        {
            let text = format!("{:?}", event.fact);
            kinds.push(text.split([' ', '{', '(']).next().unwrap().to_string());
        }
    }
    let expected = [
        "JobAdded",
        "JobSubmitted",
        "JobValidated",
        "JobStarted",
        "Dispatched",
        "WorkStarted",
        "WorkEnded",
        "JobEnding",
        "SharesFreed",
        "JobEnded",
    ];
    assert_eq!(kinds, expected);
    let execution = Execution {
        job,
        task: TaskId(1),
        instance: 0,
        attempt: 1,
    };
    let (out, err) = engine.output_files("n1", execution).unwrap();
    assert_eq!(std::fs::read_to_string(out).unwrap(), "hello\n");
    assert!(!err.exists(), "an empty file is not kept");
    engine.shutdown(std::time::Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_node_makes_jobs_wait_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .node(node(folder.path(), 1))
        .build()
        .await
        .unwrap();
    let ann = Actor::user("ann");
    let hog = engine
        .submit(
            &ann,
            named("hog"),
            vec![task("while test ! -e go; do sleep 0.01; done")],
        )
        .await
        .unwrap();
    let next = engine
        .submit(&ann, named("next"), vec![task("true")])
        .await
        .unwrap();
    let waiting = engine.job(next).await.unwrap();
    assert_eq!(waiting.state, "Queued");
    let why = waiting.waiting.expect("a queued job says why it waits");
    assert!(!why.text.is_empty(), "{why:?}");

    // Many commands, one answer each, in order; a refused one does not stop the others.
    let cancel = |job, by: &Actor| Command::CancelJob {
        by: by.clone(),
        job,
        message: "no more".into(),
        how: Manner::Normal,
    };
    let answers = engine
        .commands(vec![
            cancel(next, &Actor::user("bob")),
            cancel(JobId(99), &ann),
            cancel(next, &ann),
        ])
        .await;
    let texts: Vec<String> = answers
        .iter()
        .map(|a| a.as_ref().map_or_else(ToString::to_string, |_| "ok".into()))
        .collect();
    assert_eq!(
        texts,
        [
            "bob may not cancel job 2 of ann",
            "there is no job 99",
            "ok"
        ]
    );
    let view = ends(&engine, next, "Canceled").await;
    assert_eq!((view.status, view.error_message.as_str()), (5, "no more"));

    engine.requeue_job(&ann, next).await.unwrap();
    std::fs::write(folder.path().join("go"), "").unwrap();
    ends(&engine, hog, "Finished").await;
    assert_eq!(ends(&engine, next, "Finished").await.requeue_count, 1);
    let finished = engine.requeue_job(&ann, next).await.unwrap_err();
    assert_eq!(
        finished.to_string(),
        "job 2 cannot be queued again: it is Finished; clone it"
    );
    assert!(matches!(finished, EngineError::Rejected(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_and_holds_end_by_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .node(node(folder.path(), 2))
        .build()
        .await
        .unwrap();
    let ann = Actor::user("ann");
    let limited = JobSpec {
        runtime: Some(Span::from_millis(200)),
        ..named("limited")
    };
    let limited = engine
        .submit(&ann, limited, vec![task("exec sleep 60")])
        .await
        .unwrap();
    let view = ends(&engine, limited, "Canceled").await;
    assert_eq!(view.tasks[0].state, "Failed");
    assert!(
        view.error_message
            .contains("longer than its limit of 0.20s"),
        "{}",
        view.error_message
    );

    let from_now = |seconds| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(now.as_micros() as u64) + Span::from_secs(seconds)
    };
    let hour = JobSpec {
        hold_until: Some(from_now(3600)),
        ..named("held")
    };
    let held = engine.submit(&ann, hour, vec![task("true")]).await.unwrap();
    // What comes behind it runs.
    let behind = engine
        .submit(&ann, named("behind"), vec![task("true")])
        .await
        .unwrap();
    ends(&engine, behind, "Finished").await;
    assert_eq!(engine.job_state(held).await.unwrap(), JobState::Queued);
    // On a machine that stands still meanwhile the time is over before it is asked for, which is refused.
    let mut tries = 0;
    let until = loop {
        let until = from_now(2);
        match engine.hold_job(&ann, held, Some(until)).await {
            Ok(()) => break until,
            Err(error) => assert!(tries < 5, "{error}"),
        }
        tries += 1;
    };
    let started = ends(&engine, held, "Finished").await.started.unwrap();
    assert!(
        started >= jobyard::rfc3339(until),
        "{started} is before the hold was over"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_jobs_at_once_all_end() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .node(node(folder.path(), 4))
        .build()
        .await
        .unwrap();
    let ann = Actor::user("ann");
    let add = || Command::AddJob {
        by: ann.clone(),
        spec: named("many").into(),
        tasks: vec![task("true").into()],
    };
    let added = engine.commands((0..200).map(|_| add()).collect()).await;
    let ids: Vec<JobId> = added
        .into_iter()
        .map(|a| a.unwrap()[0].fact.job().unwrap())
        .collect();
    let submit = |&job: &JobId| Command::SubmitJob {
        by: ann.clone(),
        job,
    };
    let submitted = engine.commands(ids.iter().map(submit).collect()).await;
    assert!(submitted.iter().all(Result::is_ok));
    for &job in &ids {
        ends(&engine, job, "Finished").await;
    }
    let stats = engine.stats().await.unwrap();
    assert_eq!(
        (
            stats.policy_faults,
            stats.proposals_refused,
            stats.stale_reports
        ),
        (0, 0, 0),
        "{stats:?}"
    );
    engine
        .look(|state, _| state.check())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_to_hear_of_a_job_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .node(node(folder.path(), 2))
        .build()
        .await
        .unwrap();
    let mut notices = engine.notices();
    let spec = JobSpec {
        notify_on_start: true,
        notify_on_completion: true,
        email: "ann@example.org".into(),
        ..named("hello")
    };
    let ann = Actor::user("ann");
    // Nobody wants to hear of this one.
    engine
        .submit(&ann, named("quiet"), vec![task("true")])
        .await
        .unwrap();
    let job = engine
        .submit(&ann, spec, vec![task("exit 3")])
        .await
        .unwrap();
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Notice::Notification(one) = notices.next().await.unwrap().unwrap() {
            assert_eq!((one.job, one.email.as_str()), (job, "ann@example.org"));
            told.push(one.to_string());
        }
    }
    let expected = [
        "job 2 hello of ann is Running",
        "job 2 hello of ann is Failed: task 1 failed: exit code 3",
    ];
    assert_eq!(told, expected);
    let view = ends(&engine, job, "Failed").await;
    assert_eq!((view.progress, view.notify_on_start), (100, true));
    engine.shutdown(std::time::Duration::from_secs(1)).await;
}
