//! Recovery with real instances: new instance, last good policy, built-in policy.

use std::time::{Duration, Instant};

use jobyard_kernel::{Changes, Decision, JobId, Plan};
use jobyard_plugin::recovery::{FAULTS_MAX, PassOutcome, PolicyChoice, PolicySlot, Rung};
use jobyard_plugin::{FaultKind, Limits, World};

use crate::load;
use crate::wat::{Bytes, DATA, Policy};

/// Preempts the job of this number in each pass: a mark to know it by.
fn marked(job: u32) -> Policy {
    Policy::answering(Bytes::plan(1, None).decision(3, |bytes| bytes.u32(job)))
}

/// Answers well so many passes of an instance, then traps.
fn failing_after(job: u32, good_passes: u32) -> Policy {
    let mut policy = marked(job);
    policy.extra = "(global $calls (mut i32) (i32.const 0))".to_owned();
    policy.schedule = format!(
        "(if (i32.eq (global.get $calls) (i32.const {good_passes})) (then unreachable))
         (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         i32.const {DATA}"
    );
    policy
}

fn choice(name: &str, policy: &Policy) -> PolicyChoice {
    let plugin = load(name, &policy.build(), World::SchedulingPolicy);
    PolicyChoice {
        plugin,
        limits: Limits::for_world(World::SchedulingPolicy),
        settings: vec![],
        number: 0,
    }
}

fn slot(chosen: &Policy) -> PolicySlot {
    PolicySlot::new(choice("chosen", chosen), choice("built-in", &marked(99))).unwrap()
}

fn mark(plan: &Plan) -> u32 {
    match plan.decisions[..] {
        [
            Decision::Preempt {
                job: JobId(job), ..
            },
        ] => job,
        _ => panic!("{plan:?}"),
    }
}

fn pass(slot: &mut PolicySlot) -> PassOutcome {
    slot.schedule(1e15, Changes::default())
}

#[test]
fn a_fault_asks_for_a_snapshot_and_the_next_call_goes_on() {
    let mut slot = slot(&failing_after(1, 2));
    for _ in 0..5 {
        for _ in 0..2 {
            let good = pass(&mut slot);
            assert_eq!((mark(&good.plan), good.needs_snapshot), (1, false));
        }
        let bad = pass(&mut slot);
        assert_eq!((bad.plan, bad.needs_snapshot), (Plan::default(), true));
        assert_eq!(bad.faults[0].kind, FaultKind::Trap);
        assert_eq!(bad.switched, None);
    }
    assert_eq!(slot.rung(), Rung::Chosen);
}

#[test]
fn a_policy_that_only_faults_gives_way_to_the_built_in_one() {
    let mut slot = slot(&failing_after(1, 0));
    let mut snapshots = 0;
    let outcome = slot.schedule_with(1e15, Changes::default(), || {
        snapshots += 1;
        Changes::default()
    });
    assert_eq!((outcome.faults.len(), snapshots), (3, FAULTS_MAX));
    assert_eq!(mark(&outcome.plan), 99);
    assert!(!outcome.needs_snapshot);
    assert_eq!(
        outcome.switched.unwrap().to_string(),
        "policy chosen was given up after 3 faults in a row; the built-in policy built-in decides"
    );
    assert_eq!(slot.rung(), Rung::BuiltIn);
}

#[test]
fn a_chosen_policy_that_turns_bad_gives_way_to_the_last_good_one() {
    let mut slot = slot(&marked(1));
    assert_eq!(mark(&pass(&mut slot).plan), 1);
    // Well-behaved until the changes hold a removed job.
    let touchy = Policy {
        schedule: format!("(if (local.get 2) (then unreachable)) i32.const {DATA}"),
        ..marked(2)
    };
    let mut newer = PolicySlot::alone(choice("newer", &touchy), Vec::new()).unwrap();
    assert_eq!(mark(&pass(&mut newer).plan), 2);
    slot.succeed(newer);
    assert_eq!(
        (mark(&pass(&mut slot).plan), slot.rung()),
        (2, Rung::Chosen)
    );

    let poison = || Changes {
        removed_jobs: vec![JobId(7)],
        ..Changes::default()
    };
    let outcome = slot.schedule_with(1e15, poison(), poison);
    assert_eq!(outcome.faults.len(), 3);
    assert_eq!(mark(&outcome.plan), 1);
    assert_eq!(
        (slot.rung(), slot.active().plugin.name()),
        (Rung::LastGood, "chosen")
    );
}

#[test]
fn a_policy_that_fails_now_and_then_stays() {
    let mut slot = slot(&failing_after(1, 1));
    for _ in 0..10 {
        let outcome = slot.schedule_with(1e15, Changes::default(), Changes::default);
        assert_eq!(mark(&outcome.plan), 1);
    }
    assert_eq!(slot.rung(), Rung::Chosen);
}

#[test]
fn when_all_fail_the_built_in_policy_is_tried_again_later() {
    let bad = failing_after(1, 0);
    let mut slot = PolicySlot::new(choice("chosen", &bad), choice("built-in", &bad)).unwrap();
    let outcome = slot.schedule_with(1e15, Changes::default(), Changes::default);
    assert!(outcome.exhausted && outcome.needs_snapshot);
    assert_eq!(outcome.faults.len(), 6);
    assert_eq!(
        outcome.plan,
        Plan {
            decisions: vec![],
            wake_at: Some(1e15 + 60e6)
        }
    );
    let again = slot.schedule_with(1e15 + 60e6, Changes::default(), Changes::default);
    assert_eq!((again.faults.len(), again.exhausted), (3, true));
}

#[test]
fn a_policy_that_comes_to_decide_brings_its_instance_along() {
    let mut chosen = slot(&marked(1));
    let mut newcomer =
        PolicySlot::alone(choice("newer", &failing_after(2, 2)), Vec::new()).unwrap();
    assert_eq!(mark(&pass(&mut newcomer).plan), 2);
    chosen.succeed(newcomer);
    assert_eq!(mark(&pass(&mut chosen).plan), 2);
    // Its third pass, of which this slot has seen one.
    assert_eq!(pass(&mut chosen).faults.len(), 1);
    assert_eq!(chosen.active().plugin.name(), "newer");
}

#[test]
fn settings_that_are_refused_are_an_error() {
    let refusing = Policy {
        configure: format!("i32.const {DATA}"),
        data: Bytes::default()
            .u32(1)
            .u32(DATA + 16)
            .u32(2)
            .up_to(16)
            .text("no"),
        ..Policy::default()
    };
    let error = PolicySlot::alone(choice("picky", &refusing), Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "picky: settings refused: no");
}

#[test]
fn jobs_wait_once_for_a_policy_that_is_late() {
    let deadline = Duration::from_millis(600);
    // Endless where the changes hold a removed job.
    let late = Policy {
        schedule: format!(
            "(if (local.get 2) (then (loop $for_ever (br $for_ever)))) i32.const {DATA}"
        ),
        ..marked(1)
    };
    let late = PolicyChoice {
        limits: Limits {
            deadline,
            ..Limits::for_world(World::SchedulingPolicy)
        },
        ..choice("late", &late)
    };
    let mut slot = PolicySlot::new(late, choice("built-in", &marked(99))).unwrap();
    assert_eq!(mark(&pass(&mut slot).plan), 1);
    let poison = || Changes {
        removed_jobs: vec![JobId(7)],
        ..Changes::default()
    };
    let began = Instant::now();
    let outcome = slot.schedule_with(1e15, poison(), poison);
    let took = began.elapsed();
    assert_eq!(mark(&outcome.plan), 99, "the built-in one decides");
    let kinds: Vec<FaultKind> = outcome.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::Deadline; FAULTS_MAX as usize]);
    // Three deadlines would be 1.8 s.
    assert!(took < 2 * deadline, "{took:?}");
    assert_eq!(slot.rung(), Rung::BuiltIn);
}
