//! The policy's thread: one pass in flight, changes gathered meanwhile.

use std::thread;

use jobyard_kernel::{Changes, Instant};
use jobyard_plugin::recovery::{PassOutcome, PolicyChoice, PolicySlot, SwapError};
use tokio::sync::mpsc;

use crate::BuildError;
use crate::core::Decided;

/// What the loop asks of the policy.
pub(crate) enum Ask {
    /// One pass, with the cluster's parameters by name where they are others than before.
    Pass {
        now: Instant,
        changes: Changes,
        parameters: Option<Vec<(String, String)>>,
    },
    /// Another policy, or other settings; the pass that comes with it counts.
    Swap {
        now: Instant,
        everything: Changes,
        choice: Box<PolicyChoice>,
        parameters: Option<Vec<(String, String)>>,
    },
}

/// What the policy answered.
pub(crate) struct Answer {
    pub(crate) decided: Decided,
    /// For a swap: whether it was made.
    pub(crate) swap: Option<Result<(), SwapError>>,
}

/// The loop's end of the policy.
#[derive(Debug)]
pub(crate) struct Decider {
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) answers: mpsc::Receiver<Answer>,
}

impl Decider {
    pub(crate) fn start(mut slot: PolicySlot) -> Result<Self, BuildError> {
        let (asks, mut inbox) = mpsc::channel(1);
        let (outbox, answers) = mpsc::channel(1);
        let work = move || {
            while let Some(ask) = inbox.blocking_recv() {
                let (outcome, swap) = match ask {
                    Ask::Pass {
                        now,
                        changes,
                        parameters,
                    } => {
                        let told = parameters.map(|parameters| slot.follow(parameters, now));
                        (pass(&mut slot, told, now, changes), None)
                    }
                    Ask::Swap {
                        now,
                        everything,
                        choice,
                        parameters,
                    } => {
                        if let Some(parameters) = parameters {
                            // What the old policy makes of them matters no more.
                            drop(slot.follow(parameters, now));
                        }
                        match slot.swap(*choice, now, everything) {
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
                };
                let fitting =
                    |(name, value): &(String, String)| name == "arrivals" && value == "fitting";
                let decided = Decided {
                    outcome,
                    only_fitting_arrivals: slot.traits().iter().any(fitting),
                    policy: slot.active().plugin.name().to_string(),
                };
                let answer = Answer { decided, swap };
                if outbox.blocking_send(answer).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("jobyard-policy".into())
            .spawn(work)
            .map_err(BuildError::Thread)?;
        Ok(Decider { asks, answers })
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
