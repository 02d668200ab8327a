//! The threads of policies, one a seat: one pass in flight, changes gathered meanwhile.

use std::thread;
use std::time::Instant as Clock;

use jobyard_kernel::{Changes, Instant, Seat, Span};
use jobyard_plugin::PolicyInstance;
use jobyard_plugin::recovery::{PassOutcome, PolicyChoice, PolicySlot, SwapError};
use tokio::sync::mpsc;

use crate::BuildError;
use crate::core::{Decided, half_of};

/// What the loop asks of a policy.
pub(crate) enum Ask {
    /// One pass, with the cluster's parameters by name where they are others than before.
    Pass {
        number: u64,
        now: Instant,
        changes: Changes,
        parameters: Option<Vec<(String, String)>>,
    },
    /// Another policy, or other settings; the pass that comes with it counts.
    Swap {
        number: u64,
        now: Instant,
        everything: Changes,
        choice: Box<PolicyChoice>,
        parameters: Option<Vec<(String, String)>>,
    },
}

/// What a policy answered.
pub(crate) struct Answer {
    pub(crate) seat: Seat,
    /// The number of the pass.
    pub(crate) number: u64,
    pub(crate) decided: Box<Decided>,
    /// What the instance holds of memory, in bytes.
    pub(crate) memory_bytes: usize,
    /// For a swap: whether it was made.
    pub(crate) swap: Option<Result<(), SwapError>>,
}

/// The loop's end of one policy. Its answers come where those of all others do.
#[derive(Debug)]
pub(crate) struct Decider {
    asks: mpsc::Sender<Ask>,
}

impl Decider {
    pub(crate) fn start(
        seat: Seat,
        mut slot: PolicySlot,
        answers: mpsc::Sender<Answer>,
    ) -> Result<Self, BuildError> {
        let (asks, mut inbox) = mpsc::channel(1);
        let work = move || {
            while let Some(ask) = inbox.blocking_recv() {
                if answers.blocking_send(answer(seat, &mut slot, ask)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name(format!("jobyard-{seat}"))
            .spawn(work)
            .map_err(BuildError::Thread)?;
        Ok(Decider { asks })
    }

    /// Asks: there is room for one, and none is in flight. If its thread has ended, the answers say so.
    pub(crate) fn ask(&self, ask: Ask) {
        let _ = self.asks.try_send(ask);
    }
}

fn answer(seat: Seat, slot: &mut PolicySlot, ask: Ask) -> Answer {
    let (number, sent, began, (outcome, swap)) = match ask {
        Ask::Pass {
            number,
            now,
            changes,
            parameters,
        } => {
            let (sent, began) = (half_of(&changes), Clock::now());
            let told = parameters.map(|parameters| slot.follow(parameters, now));
            (number, sent, began, (pass(slot, told, now, changes), None))
        }
        Ask::Swap {
            number,
            now,
            everything,
            choice,
            parameters,
        } => {
            if let Some(parameters) = parameters {
                // What the old policy makes of them matters no more.
                drop(slot.follow(parameters, now));
            }
            // Everything is megabytes; jobs wait for both.
            let (sent, made) = thread::scope(|both| {
                let sent = both.spawn(|| half_of(&everything));
                let made = slot.made(&choice);
                // It does not panic.
                (sent.join().unwrap_or_default(), made)
            });
            let began = Clock::now();
            let swapped = swap(slot, *choice, made, now, everything);
            (number, sent, began, swapped)
        }
    };
    let took = Span(began.elapsed().as_micros() as u64);
    let fitting = |(name, value): &(String, String)| name == "arrivals" && value == "fitting";
    let active = slot.active();
    let failed = outcome.needs_snapshot;
    Answer {
        seat,
        number,
        memory_bytes: slot.memory_bytes(),
        swap,
        decided: Box::new(Decided {
            columns: slot.columns(),
            only_fitting_arrivals: slot.traits().iter().any(fitting),
            policy: active.plugin.name().to_string(),
            activation: active.number,
            component: active.plugin.digest_half(),
            sent,
            answered: match failed {
                true => [0; 16],
                false => half_of(&outcome.plan),
            },
            took,
            outcome,
        }),
    }
}

fn swap(
    slot: &mut PolicySlot,
    choice: PolicyChoice,
    made: Result<PolicyInstance, SwapError>,
    now: Instant,
    everything: Changes,
) -> (PassOutcome, Option<Result<(), SwapError>>) {
    match slot.swap_for(choice, made, now, everything) {
        Ok(outcome) => (outcome, Some(Ok(()))),
        // The old policy still decides, in a new instance that is to be told everything.
        Err(error) => {
            let outcome = PassOutcome {
                needs_snapshot: true,
                ..PassOutcome::default()
            };
            (outcome, Some(Err(error)))
        }
    }
}

/// A pass of a policy that was told the cluster's parameters before, or not.
fn pass(
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
