//! The threads of policies, one a seat: one pass in flight, changes gathered meanwhile.

use std::thread;
use std::time::Instant as Clock;

use jobyard_kernel::{Changes, Instant, Seat, Span};
use jobyard_plugin::recovery::{PassOutcome, PolicySlot};
use tokio::sync::mpsc;

use crate::BuildError;
use crate::core::{Decided, PolicyQuestion, half_of};

/// What the loop asks of a policy.
pub(crate) enum Ask {
    /// One pass.
    Pass(Pass),
    /// Another policy takes its place, which has had its first pass. No answer.
    Succeed(Box<PolicySlot>),
}

/// What a policy is asked.
pub(crate) struct Pass {
    pub(crate) number: u64,
    pub(crate) now: Instant,
    pub(crate) changes: Changes,
    /// The cluster's parameters by name, where they are others than before.
    pub(crate) parameters: Option<Vec<(String, String)>>,
}

impl Pass {
    pub(crate) fn of(question: PolicyQuestion, parameters: Option<Vec<(String, String)>>) -> Self {
        Pass {
            number: question.number,
            now: question.now.as_instant(),
            changes: question.changes,
            parameters,
        }
    }
}

/// What a policy answered.
pub(crate) struct Answer {
    pub(crate) seat: Seat,
    /// The number of the pass.
    pub(crate) number: u64,
    pub(crate) decided: Box<Decided>,
    /// What the instance holds of memory, in bytes.
    pub(crate) memory_bytes: usize,
}

/// The loop's end of one policy. Its answers come where those of all others do.
#[derive(Debug)]
pub(crate) struct Decider {
    asks: mpsc::UnboundedSender<Ask>,
}

impl Decider {
    pub(crate) fn start(
        seat: Seat,
        mut slot: PolicySlot,
        answers: mpsc::Sender<Answer>,
    ) -> Result<Self, BuildError> {
        let (asks, mut inbox) = mpsc::unbounded_channel();
        let work = move || {
            while let Some(ask) = inbox.blocking_recv() {
                match ask {
                    Ask::Succeed(newcomer) => slot.succeed(*newcomer),
                    Ask::Pass(pass) => {
                        if answers
                            .blocking_send(answer(seat, &mut slot, pass))
                            .is_err()
                        {
                            return;
                        }
                    }
                }
            }
        };
        thread::Builder::new()
            .name(format!("jobyard-{seat}"))
            .spawn(work)
            .map_err(BuildError::Thread)?;
        Ok(Decider { asks })
    }

    /// Asks; no more than one pass is in flight. If its thread has ended, the answers say so.
    pub(crate) fn ask(&self, ask: Ask) {
        let _ = self.asks.send(ask);
    }
}

pub(crate) fn answer(seat: Seat, slot: &mut PolicySlot, pass: Pass) -> Answer {
    let Pass {
        number,
        now,
        changes,
        parameters,
    } = pass;
    let (sent, began) = (half_of(&changes), Clock::now());
    let told = parameters.map(|parameters| slot.follow(parameters, now));
    let outcome = told_pass(slot, told, now, changes);
    let took = Span(began.elapsed().as_micros() as u64);
    let fitting = |(name, value): &(String, String)| name == "arrivals" && value == "fitting";
    let active = slot.active();
    Answer {
        seat,
        number,
        memory_bytes: slot.memory_bytes(),
        decided: Box::new(Decided {
            columns: slot.columns(),
            only_fitting_arrivals: slot.traits().iter().any(fitting),
            policy: active.plugin.name().to_string(),
            activation: active.number,
            component: active.plugin.digest_half(),
            sent,
            answered: match outcome.needs_snapshot {
                true => [0; 16],
                false => half_of(&outcome.plan),
            },
            took,
            outcome,
        }),
    }
}

/// A pass of a policy that was told the cluster's parameters before, or not.
fn told_pass(
    slot: &mut PolicySlot,
    told: Option<PassOutcome>,
    now: Instant,
    changes: Changes,
) -> PassOutcome {
    match told {
        None => slot.schedule(now, changes),
        // The instance that these changes were for is gone.
        Some(told) if told.needs_snapshot => told,
        Some(mut told) => {
            let mut outcome = slot.schedule(now, changes);
            told.faults.append(&mut outcome.faults);
            told.log.append(&mut outcome.log);
            PassOutcome {
                faults: told.faults,
                log: told.log,
                ..outcome
            }
        }
    }
}
