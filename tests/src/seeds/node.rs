//! Nodes as the protocol wants them, and as careless as it allows: see `ToNode` and `FromNode`.

use std::collections::{BTreeMap, BTreeSet};

use jobyard_kernel::{Assignment, Ending, Execution, FromNode, ToNode};

use super::Bug;

/// Where one attempt stands.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Waits for an older attempt of the same instance to end.
    Waiting(Box<Assignment>),
    Running(Box<Assignment>),
    Ended(Ending),
}

/// One node.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) attempts: BTreeMap<Execution, Attempt>,
    forgotten: BTreeSet<Execution>,
}

/// What a message made a node do.
#[derive(Debug)]
pub(super) enum Deed {
    Report(FromNode),
    /// It begins; it will end by itself some time.
    Begin(Execution),
    /// It is to end within so many milliseconds.
    StopWithin(Execution, u64),
}

impl Node {
    pub(super) fn take(&mut self, message: ToNode, bug: Option<Bug>) -> Vec<Deed> {
        match message {
            ToNode::Start(assignment) => self.start(assignment, bug),
            ToNode::Stop {
                execution,
                grace_ms,
            } => self.stop(execution, grace_ms, bug),
            ToNode::Forget(execution) => {
                if matches!(self.attempts.get(&execution), Some(Attempt::Ended(_))) {
                    self.attempts.remove(&execution);
                    if bug != Some(Bug::NodeBeginsAgain) {
                        self.forgotten.insert(execution);
                    }
                }
                Vec::new()
            }
        }
    }

    fn start(&mut self, assignment: Box<Assignment>, bug: Option<Bug>) -> Vec<Deed> {
        let execution = assignment.execution;
        match self.attempts.get(&execution) {
            Some(Attempt::Waiting(_)) => Vec::new(),
            Some(Attempt::Running(_)) => vec![Deed::Report(FromNode::Started { execution })],
            Some(Attempt::Ended(ending)) => vec![ended(execution, ending.clone())],
            None if self.forgotten.contains(&execution) => Vec::new(),
            None if self.lives(execution) && bug != Some(Bug::NodeBeginsAgain) => {
                let waiting = Attempt::Waiting(assignment);
                self.attempts.insert(execution, waiting);
                Vec::new()
            }
            None => {
                let running = Attempt::Running(assignment);
                self.attempts.insert(execution, running);
                let started = FromNode::Started { execution };
                vec![Deed::Begin(execution), Deed::Report(started)]
            }
        }
    }

    fn stop(&mut self, execution: Execution, grace_ms: u64, bug: Option<Bug>) -> Vec<Deed> {
        match self.attempts.get(&execution) {
            Some(Attempt::Running(_)) => vec![Deed::StopWithin(execution, grace_ms)],
            Some(Attempt::Ended(ending)) => vec![ended(execution, ending.clone())],
            None if self.forgotten.contains(&execution) => Vec::new(),
            None if bug == Some(Bug::NodeForgetsStops) => vec![ended(execution, Ending::Lost)],
            Some(Attempt::Waiting(_)) | None => {
                let lost = Attempt::Ended(Ending::Lost);
                self.attempts.insert(execution, lost);
                vec![ended(execution, Ending::Lost)]
            }
        }
    }

    /// An attempt has ended: its report, and what may begin now.
    pub(super) fn end(&mut self, execution: Execution, ending: Ending) -> Vec<Deed> {
        let Some(attempt @ Attempt::Running(_)) = self.attempts.get_mut(&execution) else {
            return Vec::new();
        };
        *attempt = Attempt::Ended(ending.clone());
        let mut deeds = vec![ended(execution, ending)];
        let waiting = self.attempts.iter().find(|(other, attempt)| {
            other.of() == execution.of() && matches!(attempt, Attempt::Waiting(_))
        });
        if let Some((&next, _)) = waiting
            && let Some(Attempt::Waiting(assignment)) = self.attempts.remove(&next)
        {
            deeds.extend(self.start(assignment, None));
        }
        deeds
    }

    /// The node process was killed and is back: all that ran is gone, which its successor finds out and says.
    pub(super) fn crash(&mut self) -> Vec<Deed> {
        let live: Vec<Execution> = self.live().collect();
        live.into_iter()
            .flat_map(|execution| self.end(execution, Ending::Lost))
            .collect()
    }

    /// The same, and its successor does not even know what there was: everything that it had, which is gone.
    pub(super) fn forget_everything(&mut self) -> Vec<Execution> {
        self.forgotten.clear();
        std::mem::take(&mut self.attempts).into_keys().collect()
    }

    /// What it has: what runs, and what has ended and was not forgotten.
    pub(super) fn holds(&self) -> Vec<Execution> {
        self.attempts.keys().copied().collect()
    }

    /// What nobody has confirmed, again.
    pub(super) fn unconfirmed(&self) -> Vec<FromNode> {
        let ended = self.attempts.iter().filter_map(|(&execution, attempt)| {
            let Attempt::Ended(ending) = attempt else {
                return None;
            };
            Some(report(execution, ending.clone()))
        });
        ended.collect()
    }

    pub(super) fn live(&self) -> impl Iterator<Item = Execution> {
        let live = self.attempts.iter();
        live.filter(|(_, attempt)| matches!(attempt, Attempt::Running(_)))
            .map(|(&execution, _)| execution)
    }

    fn lives(&self, execution: Execution) -> bool {
        self.live().any(|other| other.of() == execution.of())
    }
}

fn ended(execution: Execution, ending: Ending) -> Deed {
    Deed::Report(report(execution, ending))
}

fn report(execution: Execution, ending: Ending) -> FromNode {
    FromNode::Ended {
        execution,
        ending,
        output_tail: String::new(),
    }
}
