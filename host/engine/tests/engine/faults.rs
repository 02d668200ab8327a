//! Policies that fail, each in its way: jobs do not notice.

use std::time::Duration;

use jobyard::plugin::Limits;
use jobyard::plugin::World;
use jobyard::{Actor, Engine, EngineError, builtin};

use crate::wat::{Bytes, Policy};
use crate::{ends, named, node, task};

/// A policy that fails in every pass, and what it is.
fn bad_policies() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("traps", Policy::doing("unreachable").build()),
        (
            "loops",
            Policy::doing("(loop $again (br $again)) i32.const 0").build(),
        ),
        (
            "eats memory",
            Policy::doing(
                "(loop $again (drop (memory.grow (i32.const 100))) (br $again)) i32.const 0",
            )
            .build(),
        ),
        // A plan with more decisions than any plan may have.
        (
            "talks nonsense",
            Policy::answering(Bytes::plan(50_000_000, None)).build(),
        ),
    ]
}

fn limits() -> Limits {
    Limits {
        deadline: Duration::from_millis(50),
        ..Limits::for_world(World::SchedulingPolicy)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_policy_is_given_up_for_the_built_in_one_and_jobs_run() {
    for (what, component) in bad_policies() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::builder()
            .policy(what, component)
            .policy_limits(limits())
            .node(node(folder.path(), 2))
            .build()
            .await
            .unwrap();
        let ann = Actor::user("ann");
        let jobs = [
            engine
                .submit(&ann, named("a"), vec![task("true")])
                .await
                .unwrap(),
            engine
                .submit(&ann, named("b"), vec![task("true")])
                .await
                .unwrap(),
        ];
        for job in jobs {
            ends(&engine, job, "Finished").await;
        }
        let stats = engine.stats().await.unwrap();
        assert_eq!(stats.policy_faults, 3, "{what}: {stats:?}");
        assert_eq!(stats.policy, "backfill", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_decisions_are_refused_one_by_one_and_the_others_stand() {
    // `wait` (case 5) for a job that is not there; the built-in policies never say that.
    let plan = Bytes::plan(1, None).decision(5, |b| b.u32(77).u32(0).u32(0).u32(0));
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .policy("wrong", Policy::answering(plan).build())
        .node(node(folder.path(), 2))
        .build()
        .await
        .unwrap();
    let mut notices = engine.notices();
    let ann = Actor::user("ann");
    let job = engine
        .submit(&ann, named("a"), vec![task("true")])
        .await
        .unwrap();
    let refusal = loop {
        if let jobyard::Notice::ProposalRefused(refusal) = notices.next().await.unwrap().unwrap() {
            break refusal.to_string();
        }
    };
    assert_eq!(refusal, "there is no job 77");
    assert_eq!(engine.job(job).await.unwrap().state, "Queued");

    // A swap to a policy that works, on the live queue.
    let fifo = builtin::POLICY_FIFO;
    engine
        .swap_policy(fifo.name, fifo.bytes, Vec::new())
        .await
        .unwrap();
    ends(&engine, job, "Finished").await;
    assert_eq!(engine.stats().await.unwrap().policy, "policy-fifo");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_policy_is_not_swapped_in() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .node(node(folder.path(), 2))
        .build()
        .await
        .unwrap();
    let swap = |component: Vec<u8>, settings: Vec<(String, String)>| {
        let engine = engine.clone();
        async move {
            match engine.swap_policy("new", &component, settings).await {
                Err(EngineError::Swap(why)) => why,
                other => panic!("{other:?}"),
            }
        }
    };
    let why = swap(Policy::doing("unreachable").build(), Vec::new()).await;
    assert!(
        why.contains("first pass") && why.contains("unreachable"),
        "{why}"
    );
    let why = swap(b"nonsense".to_vec(), Vec::new()).await;
    assert!(why.contains("new"), "{why}");
    let bad = vec![("order".to_string(), "random".to_string())];
    let why = swap(builtin::POLICY_BACKFILL.bytes.to_vec(), bad).await;
    assert!(why.contains("random") && why.contains("fcfs"), "{why}");
    let job = engine
        .submit(&Actor::user("ann"), named("a"), vec![task("true")])
        .await
        .unwrap();
    ends(&engine, job, "Finished").await;
    assert_eq!(engine.stats().await.unwrap().policy, "backfill");
}
