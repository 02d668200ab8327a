//! A ranked policy and a ranker become one policy, or it is said why not.

use jobyard_kernel::{Changes, Decision, JobId, JobRow};
use jobyard_plugin::{ComposeError, Limits, Part, World, compose};

use crate::built_in::{bytes, first_call};
use crate::load;
use crate::wat::{Policy, component};

fn composed(policy: &[u8], ranker: &[u8]) -> Result<Vec<u8>, ComposeError> {
    let part = |name, bytes| Part { name, bytes };
    compose(part("order", policy), part("site", ranker))
}

fn refusal(policy: &[u8], ranker: &[u8]) -> String {
    let error = composed(policy, ranker).expect_err("they must be refused");
    let error = error.to_string();
    assert!(!error.contains('\n'), "more than one line: {error}");
    error
}

/// Two jobs that do not fit together: the first in the queue is long, the second short.
fn long_and_short() -> Changes {
    let mut changes = first_call([3, 3]);
    let walltimes = [900e6, 60e6];
    for (job, walltime) in changes.jobs.iter_mut().zip(walltimes) {
        *job = JobRow { walltime, ..*job };
    }
    changes
}

#[test]
fn the_same_two_give_the_same_policy_which_decides_by_the_ranker() {
    let (policy, ranker) = (bytes("policy-ranked"), bytes("ranker-formula"));
    let whole = composed(&policy, &ranker).unwrap();
    assert_eq!(composed(&policy, &ranker).unwrap(), whole);
    assert!(whole.len() < policy.len() + ranker.len() + 10_000);
    let plugin = load("order+site", &whole, World::SchedulingPolicy);
    for (formula, first) in [("fcfs", 1), ("sjf", 2)] {
        let settings = [("ranker.formula".to_owned(), formula.to_owned())];
        let limits = Limits::for_world(World::SchedulingPolicy);
        let mut policy = plugin.policy(limits, &settings).unwrap();
        let plan = policy.schedule(2e15, long_and_short()).unwrap();
        let started = plan.decisions.iter().find_map(|decision| match decision {
            Decision::Start { job, .. } => Some(*job),
            Decision::Grow { .. }
            | Decision::Shrink { .. }
            | Decision::Preempt { .. }
            | Decision::Reserve { .. }
            | Decision::Wait { .. } => None,
        });
        assert_eq!(started, Some(JobId(first)), "{formula}");
    }
    let error = plugin
        .policy(
            Limits::for_world(World::SchedulingPolicy),
            &[("ranker.formula".to_owned(), "f9".to_owned())],
        )
        .expect_err("no such formula");
    assert!(
        error
            .to_string()
            .contains("ranker: setting `formula`: `f9`"),
        "{error}"
    );
}

#[test]
fn what_is_not_its_half_is_named() {
    let (ranked, ranker) = (bytes("policy-ranked"), bytes("ranker-formula"));
    let whole = bytes("policy-fifo");
    assert_eq!(
        refusal(&whole, &ranker),
        "order: wanted a ranked-policy, which exports jobyard:plugin/policy@0.1.0; it is a scheduling-policy, \
         which asks no ranker"
    );
    assert_eq!(
        refusal(&ranker, &ranked),
        "order: wanted a ranked-policy, which exports jobyard:plugin/policy@0.1.0; it is a job-ranker"
    );
    let error = refusal(&ranked, &whole);
    assert!(
        error.starts_with(
            "site: wanted a job-ranker, which exports jobyard:plugin/ranker@0.1.0; it is a"
        ),
        "{error}"
    );
    let executor = bytes("executor-command");
    let error = refusal(&ranked, &executor);
    assert!(error.ends_with("it is a task-executor"), "{error}");
    // One that was composed before is whole.
    let again = composed(&ranked, &ranker).unwrap();
    assert!(refusal(&again, &ranker).ends_with("which asks no ranker"));
}

#[test]
fn what_is_no_component_or_damaged_is_named() {
    let (ranked, ranker) = (bytes("policy-ranked"), bytes("ranker-formula"));
    assert_eq!(
        refusal(b"", &ranker),
        "order: the file is empty; a WebAssembly component is wanted"
    );
    assert!(
        refusal(&ranked, b"\0asm\x01\0\0\0").starts_with("site: this is a core WebAssembly module")
    );
    for end in (8..ranker.len()).step_by(ranker.len() / 40) {
        let error = refusal(&ranked, &ranker[..end]);
        assert!(error.starts_with("site: "), "{end}: {error}");
    }
}

#[test]
fn versions_and_types_must_fit() {
    let ranked = bytes("policy-ranked");
    let ranker = |version: &str, answer: &str| {
        component(&format!(
            r#"(component
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                    (func (export "rank") (param f64) (result {answer}) unreachable))
                (core instance $i (instantiate $m))
                (func $rank (param "now" f64) (result {answer}) (canon lift (core func $i "rank")))
                (instance $ranker (export "rank" (func $rank)))
                (export "jobyard:plugin/ranker@{version}" (instance $ranker)))"#
        ))
    };
    assert_eq!(
        refusal(&ranked, &ranker("0.2.0", "f64")),
        "site: exports jobyard:plugin/ranker@0.2.0, and this host serves version 0.1.0 of the world job-ranker: \
         rebuild it against jobyard:plugin@0.1.0"
    );
    let error = refusal(&ranked, &ranker("0.1.0", "f64"));
    assert!(
        error.starts_with("order and site do not fit together (mismatched instantiation argument"),
        "{error}"
    );
    let imports =
        r#"(import "wasi:cli/environment@0.2.6" (instance (export "get" (func (result u64)))))"#;
    let greedy = Policy {
        imports,
        ..Policy::default()
    };
    let error = refusal(&greedy.build(), &bytes("ranker-formula"));
    assert!(
        error.contains("imports wasi:cli/environment@0.2.6, which a ranked-policy is not given"),
        "{error}"
    );
}
