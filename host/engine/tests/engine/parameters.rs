//! Cluster parameters reach the policy that decides, as they are set.

use jobyard::kernel::{Command, JobState};
use jobyard::{Actor, Engine, JobSpec};

use crate::{ends, named, node, task};

fn set(name: &str, value: &str) -> Command {
    Command::SetParameter {
        by: Actor::administrator("root"),
        name: name.into(),
        value: Some(value.into()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_preempted_changes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .node(node(folder.path(), 1))
        .build()
        .await
        .unwrap();
    let ann = Actor::user("ann");
    // It runs when it is queued again, and then ends at once.
    let low = task("test -e again || { touch again; sleep 60; }");
    let low_job = JobSpec {
        priority: 1_000,
        ..named("low")
    };
    let low = engine.submit(&ann, low_job, vec![low]).await.unwrap();
    let high_job = JobSpec {
        priority: 3_000,
        ..named("high")
    };
    let mut events = engine.notices();
    loop {
        if engine.job_state(low).await.unwrap() == JobState::Running
            && folder.path().join("again").exists()
        {
            break;
        }
        tokio::time::timeout(std::time::Duration::from_millis(50), events.next())
            .await
            .ok();
    }
    // By grace nothing can be taken of one core: the job waits.
    let high = engine
        .submit(&ann, high_job, vec![task("true")])
        .await
        .unwrap();
    let waits = engine.job(high).await.unwrap();
    assert_eq!(waits.state, "Queued");
    let answers = engine
        .commands(vec![set("PreemptionType", "Immediate")])
        .await;
    answers.into_iter().for_each(|answer| drop(answer.unwrap()));
    ends(&engine, high, "Finished").await;
    let low = ends(&engine, low, "Finished").await;
    assert_eq!(low.requeue_count, 1);
    let stats = engine.stats().await.unwrap();
    assert_eq!(stats.proposals_refused, 0);
    engine.shutdown(std::time::Duration::from_secs(1)).await;
}

/// A setting of the policy's own may ask for less, not for more: else the kernel would refuse it in each pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_does_not_go_beyond_its_parameter() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .node(node(folder.path(), 1))
        .setting("preemption", "immediate")
        .build()
        .await
        .unwrap();
    let ann = Actor::user("ann");
    let low_job = JobSpec {
        priority: 1_000,
        ..named("low")
    };
    let line = "while test ! -e go; do sleep 0.01; done";
    let low = engine
        .submit(&ann, low_job, vec![task(line)])
        .await
        .unwrap();
    let high = engine
        .submit(&ann, named("high"), vec![task("true")])
        .await
        .unwrap();
    assert_eq!(engine.job(high).await.unwrap().state, "Queued");
    std::fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(ends(&engine, low, "Finished").await.requeue_count, 0);
    ends(&engine, high, "Finished").await;
    let stats = engine.stats().await.unwrap();
    assert_eq!(stats.proposals_refused, 0);
    engine.shutdown(std::time::Duration::from_secs(1)).await;
}
