//! Whole plans with anything in them, as a guest may answer: the state stays whole, and each proposal is carried out or refused.

use jobyard_kernel::{Decision, JobId, NodeId, Plan, Share, State, Timestamp, carry_out, step};
use proptest::prelude::*;

use crate::anything;
use crate::fuzz::cases;
use crate::numbers::Numbers;

/// A state in the middle of a random run, and its time.
fn state(seed: u64, steps: u32) -> (State, Timestamp) {
    let (mut state, mut now) = (State::new(), Timestamp(1_000_000));
    let mut n = Numbers::new(seed);
    for number in 1..=4 {
        let add = crate::random::node(number, 2 + n.below(6));
        let add = jobyard_kernel::Command::AddNode(add);
        step(&mut state, &add, now, &mut Vec::new()).expect("a node can be added");
    }
    for _ in 0..steps {
        let command = anything::command(&state, &Default::default(), now, &mut n);
        // Refusals are part of it.
        let _ = step(&mut state, &command, now, &mut Vec::new());
        now = Timestamp(now.0 + u64::from(n.below(500_000)));
    }
    (state, now)
}

/// Mostly small, so that it names something.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![12 => 0..8u32, 4 => 0..40u32, 1 => any::<u32>(), 1 => Just(u32::MAX)]
}

fn shares() -> impl Strategy<Value = Vec<Share>> {
    let share = (number(), number(), number()).prop_map(|(node, cores, gpus)| Share {
        node: NodeId(node),
        cores,
        gpus: if gpus < 6 { 0 } else { gpus },
    });
    proptest::collection::vec(share, 0..6)
}

fn instant() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        0.0..1e9,
        Just(f64::NAN),
        Just(-0.0),
        Just(f64::INFINITY)
    ]
}

fn decision() -> impl Strategy<Value = Decision> {
    let job = || number().prop_map(JobId);
    prop_oneof![
        (job(), shares()).prop_map(|(job, shares)| Decision::Start { job, shares }),
        (job(), shares()).prop_map(|(job, shares)| Decision::Grow { job, shares }),
        (job(), shares()).prop_map(|(job, shares)| Decision::Shrink { job, shares }),
        (job(), number(), number()).prop_map(|(job, how, cores)| Decision::Preempt {
            job,
            how,
            cores
        }),
        (job(), instant(), shares()).prop_map(|(job, at, shares)| Decision::Reserve {
            job,
            at,
            shares
        }),
        (job(), number(), ".{0,400}").prop_map(|(job, reason, text)| Decision::Wait {
            job,
            reason,
            text
        }),
    ]
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn whatever_a_policy_answers(
        (seed, steps) in (0..10_000u64, 20..200u32),
        decisions in proptest::collection::vec(decision(), 0..40),
    ) {
        let (mut live, now) = state(seed, steps);
        let before = live.clone();
        let count = decisions.len();
        let (plan, mut events) = (Plan { decisions, wake_at: None }, Vec::new());
        let refused = carry_out(&mut live, plan, now, &mut events);
        prop_assert!(refused.len() <= count);
        prop_assert_eq!(live.check(), Ok(()));
        let mut replay = before;
        events.iter().for_each(|event| replay.apply(event));
        prop_assert_eq!(replay, live);
        for (decision, refusal) in refused {
            // What is shown of it names the job, and fits a line.
            prop_assert!(refusal.to_string().len() < 200, "{:?}", decision);
            let _ = refusal.job();
        }
    }
}
