//! A policy that is to come into force. It has its first pass, on everything, on a thread of its own, while the one in force goes on
//! deciding; then it takes its place, between two of its passes.
//!
//! Driven by the loop (`run.rs`). What it is told, and that the seat changes hands, is in `core/passes.rs`.

use std::collections::VecDeque;
use std::thread;

use jobyard_kernel::{Command, Parameter, Parameters};
use jobyard_plugin::recovery::{PolicySlot, SwapError};
use tokio::sync::{mpsc, oneshot};

use crate::EngineError;
use crate::core::PolicyQuestion;
use crate::pass::{Answer, Pass, answer};

/// A policy that is to come into force; the answer is the number of its activation.
pub(crate) struct Swap {
    /// It has taken its settings, and had no pass.
    pub(crate) slot: PolicySlot,
    /// `ActivatePolicy`.
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<u32, EngineError>>,
}

/// One that has had its first pass.
pub(crate) struct Newcomer {
    pub(crate) swap: Swap,
    pub(crate) answer: Answer,
    /// The cluster's parameters as it was told them.
    pub(crate) told: Parameters,
}

impl Newcomer {
    /// Why it cannot come into force.
    pub(crate) fn failed(&self) -> Option<EngineError> {
        let fault = self.answer.decided.outcome.faults.first()?;
        let failed = SwapError::FirstPass(fault.clone());
        Some(EngineError::Swap(failed.to_string()))
    }
}

/// Policies that are to come into force, one after the other. As many as callers that wait.
pub(crate) struct Swaps {
    waiting: VecDeque<Swap>,
    /// One has its first pass, or has had it and has not taken its place.
    is_at_it: bool,
    ready: Option<Box<Newcomer>>,
    ended: (mpsc::Sender<Ended>, mpsc::Receiver<Ended>),
}

/// How a first pass has ended; none: its thread panicked.
type Ended = Option<Box<Newcomer>>;

/// Says how it has ended when it is dropped, which a panic does too.
struct Word {
    to: mpsc::Sender<Ended>,
    ended: Ended,
}

impl Drop for Word {
    fn drop(&mut self) {
        // An error means that the engine has stopped.
        let _ = self.to.blocking_send(self.ended.take());
    }
}

impl Swaps {
    pub(crate) fn new() -> Self {
        Swaps {
            waiting: VecDeque::new(),
            is_at_it: false,
            ready: None,
            ended: mpsc::channel(1),
        }
    }

    pub(crate) fn push(&mut self, swap: Swap) {
        self.waiting.push_back(swap);
    }

    /// The next one, where no other is at it.
    pub(crate) fn next(&mut self) -> Option<Swap> {
        match self.is_at_it {
            false => self.waiting.pop_front(),
            true => None,
        }
    }

    /// Asks it, on a thread of its own; false where there is none to be had, and its caller learns that nothing came of it.
    pub(crate) fn ask(
        &mut self,
        mut swap: Swap,
        question: PolicyQuestion,
        told: Parameters,
    ) -> bool {
        let to = self.ended.0.clone();
        let work = move || {
            let mut word = Word { to, ended: None };
            let (seat, parameters) = (question.seat, Parameter::all(&told));
            let pass = Pass::of(question, Some(parameters));
            let answer = answer(seat, &mut swap.slot, pass);
            word.ended = Some(Box::new(Newcomer { swap, answer, told }));
        };
        let thread = thread::Builder::new().name("jobyard-newcomer".into());
        self.is_at_it = thread.spawn(work).is_ok();
        self.is_at_it
    }

    /// Waits for a first pass to end.
    pub(crate) async fn ended(&mut self) -> Ended {
        self.ended.1.recv().await.flatten()
    }

    /// Nothing came of it.
    pub(crate) fn has_failed(&mut self) {
        self.is_at_it = false;
    }

    /// It has: it takes its place when the policy in force has answered.
    pub(crate) fn has_passed(&mut self, newcomer: Box<Newcomer>) {
        self.ready = Some(newcomer);
    }

    /// One that has had its first pass, to take its place now.
    pub(crate) fn take(&mut self) -> Option<Box<Newcomer>> {
        let newcomer = self.ready.take()?;
        self.is_at_it = false;
        Some(newcomer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_first_pass_that_panics_is_heard_of_and_the_next_one_may_begin() {
        let mut swaps = Swaps::new();
        swaps.is_at_it = true;
        let to = swaps.ended.0.clone();
        let thread = thread::spawn(move || {
            let _word = Word { to, ended: None };
            panic!("as a host function might");
        });
        assert!(swaps.ended().await.is_none());
        assert!(thread.join().is_err());
        swaps.has_failed();
        assert!(!swaps.is_at_it && swaps.next().is_none());
    }
}
