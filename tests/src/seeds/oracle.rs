//! What must hold, by what the world saw: it knows nothing of how the host works, only what was durable, what was
//! told to callers and nodes, and what nodes did.

use std::collections::{BTreeMap, BTreeSet};

use jobyard_kernel::{
    Assignment, Command, Ending, Event, Execution, Fact, FromNode, JobId, JobState, Manner, NodeId,
    NodeState, Phase, Span, State, TaskKind, ToNode, WorkKind,
};

use super::promises::Promises;

/// An answer on its way to a caller.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) command: Command,
    /// What came of it.
    pub(super) events: Vec<Event>,
}

/// Remembers and compares.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    /// The state by the durable events, one by one.
    state: State,
    durable: Vec<Event>,
    /// Up to here answers have been matched with events.
    answered: usize,
    dispatched: BTreeSet<Execution>,
    stops: BTreeSet<Execution>,
    /// Jobs whose cancel was acknowledged, and that nobody has queued again.
    canceled: BTreeSet<JobId>,
    begun: BTreeSet<Execution>,
    told_to_stop: BTreeSet<Execution>,
    cores: BTreeMap<(String, u32), Execution>,
    /// Nodes where something of a job began, and whether its release was dispatched since.
    touched: BTreeMap<(JobId, NodeId), bool>,
    promises: Promises,
}

type Check = Result<(), String>;

impl Oracle {
    /// The journal has these too.
    pub(super) fn durable(&mut self, events: &[Event]) -> Check {
        for event in events {
            self.note(event)?;
            self.promises.durable(&self.state, event)?;
            let job = event.fact.job();
            let before = job.and_then(|job| self.state.job(job)).map(|j| j.state());
            self.state.apply(event);
            let after = job.and_then(|job| self.state.job(job)).map(|j| j.state());
            if let (Some(before), Some(after)) = (before, after)
                && before != after
                && !is_legal(before, after)
            {
                return Err(format!("a job went from {before} to {after}: {event:?}"));
            }
            self.durable.push(event.clone());
        }
        Ok(())
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most facts mean nothing to those outside"
    )]
    fn note(&mut self, event: &Event) -> Check {
        match &event.fact {
            Fact::Dispatched { job, works } => {
                for work in works {
                    self.dispatched.insert(work.execution);
                    let task = self
                        .state
                        .job(*job)
                        .and_then(|j| j.task(work.execution.task));
                    let is_release = task.is_some_and(|t| t.spec.kind == TaskKind::NodeRelease);
                    if is_release && let Some(place) = work.places.first() {
                        let touched = self.touched.entry((*job, place.node));
                        touched.and_modify(|r| *r = true);
                    }
                }
            }
            Fact::StopRequested { executions, .. } => self.stops.extend(executions),
            Fact::JobSubmitted { job, .. } | Fact::JobConfigured { job } => {
                self.canceled.remove(job);
            }
            Fact::SharesFreed { job, nodes } => {
                for &node in nodes {
                    self.freed(*job, node)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn freed(&mut self, id: JobId, node: NodeId) -> Check {
        let released = self.touched.remove(&(id, node)).unwrap_or(true);
        let Some(job) = self.state.job(id) else {
            return Ok(());
        };
        let has_one =
            job.node_task(TaskKind::NodeRelease).is_some() || self.promises.wants_release(id);
        let wanted = has_one
            && self.state.parameters().node_release_timeout > Span::ZERO
            && match &job.phase {
                Phase::Ending(closing) => closing.release,
                // Immediate preemption runs no release tasks (reference 8.3).
                Phase::Running => job.giving_back.is_none_or(|giving| giving.release),
                Phase::Configuring
                | Phase::Submitted
                | Phase::External(_)
                | Phase::Validating
                | Phase::Queued
                | Phase::Ended(_) => false,
            };
        let there = self
            .state
            .node(node)
            .is_some_and(|n| n.state != NodeState::Offline);
        if wanted && there && !released {
            return Err(format!("job {id} gave node {node} back without a release"));
        }
        Ok(())
    }

    /// A caller was answered.
    pub(super) fn answered(&mut self, answer: &Answer) -> Check {
        let (all, some) = (&self.durable[self.answered..], &answer.events);
        if !some.is_empty() {
            let found = all.windows(some.len()).position(|window| window == some);
            let Some(at) = found else {
                let command = &answer.command;
                return Err(format!("acknowledged and not durable: {command:?}"));
            };
            self.answered += at + some.len();
        }
        let later = &self.durable[self.answered..];
        self.promises
            .answered(&answer.command, &answer.events, later);
        // What runs may run to its end after a graceful one, also what is just on its way.
        if let Command::CancelJob { job, how, .. } = answer.command
            && how != Manner::Graceful
        {
            let state = self.state.job(job).map(|job| job.state());
            if matches!(state, Some(JobState::Canceling | JobState::Canceled)) {
                self.canceled.insert(job);
            }
        }
        Ok(())
    }

    /// A caller asks for this.
    pub(super) fn asked(&mut self, command: &Command) {
        self.promises.asked(command);
    }

    /// A host came back with this state.
    pub(super) fn recovered(&mut self, durable: u64, state: &State) -> Check {
        if durable < self.answered as u64 {
            return Err("what was acknowledged is no longer durable".into());
        }
        if *state != self.state {
            return Err("the state that came back is not that of the durable events".into());
        }
        Ok(())
    }

    /// The host sends a node something.
    pub(super) fn sent(&self, message: &ToNode) -> Check {
        match message {
            ToNode::Start(assignment) => {
                let execution = assignment.execution;
                if !self.dispatched.contains(&execution) {
                    return Err(format!("{execution} was sent before it was durable"));
                }
                if assignment.kind != WorkKind::Release && self.canceled.contains(&execution.job) {
                    return Err(format!("{execution} was sent after its job's cancel"));
                }
            }
            ToNode::Stop { execution, .. } => {
                // What a node still has although it is over, or its end is on its way to the journal, may be stopped at any time.
                let over =
                    self.state.run(*execution).is_none() || self.promises.has_ended(*execution);
                if !self.stops.contains(execution) && !over {
                    return Err(format!("{execution} was stopped before that was durable"));
                }
            }
            ToNode::Forget(_) => {}
        }
        Ok(())
    }

    /// A message has come to a node.
    pub(super) fn delivered(&mut self, message: &ToNode) {
        if let ToNode::Stop { execution, .. } = message {
            self.told_to_stop.insert(*execution);
        }
    }

    /// A node begins with an attempt while these are alive everywhere.
    pub(super) fn begins(
        &mut self,
        node: NodeId,
        assignment: &Assignment,
        live: impl Iterator<Item = Execution>,
    ) -> Check {
        let execution = assignment.execution;
        if !self.begun.insert(execution) {
            return Err(format!("{execution} began twice"));
        }
        if self.told_to_stop.contains(&execution) {
            return Err(format!("{execution} began after it was told to stop"));
        }
        let mut live = live.filter(|other| other.of() == execution.of() && *other != execution);
        if let Some(other) = live.next() {
            return Err(format!("{execution} began while {other} is alive"));
        }
        if assignment.kind == WorkKind::Execute {
            for share in &assignment.shares {
                for &core in &share.cores {
                    let key = (share.node.clone(), core);
                    if let Some(other) = self.cores.insert(key, execution) {
                        return Err(format!(
                            "core {core} of {} belongs to {other} and {execution}",
                            share.node
                        ));
                    }
                }
            }
        }
        if assignment.kind != WorkKind::Release {
            self.touched.insert((execution.job, node), false);
        }
        Ok(())
    }

    /// An attempt has ended on its node.
    pub(super) fn ends(&mut self, execution: Execution) {
        self.cores.retain(|_, holder| *holder != execution);
    }

    /// A node says so.
    pub(super) fn reported(&mut self, report: &FromNode) {
        if let FromNode::Ended {
            execution, ending, ..
        } = report
        {
            self.promises.ended(*execution, ending.clone());
        }
    }

    /// The process of a node was killed, and nothing is known any more of what it had. What nobody was told of may begin again.
    pub(super) fn gone(&mut self, execution: Execution) {
        self.ends(execution);
        self.promises.ended(execution, Ending::Lost);
        self.begun.remove(&execution);
    }

    /// The last durable event that the oracle has seen.
    pub(super) fn events(&self) -> u64 {
        self.durable.len() as u64
    }
}

/// The rows of the transition table, and what passes through a state within one command.
fn is_legal(from: JobState, to: JobState) -> bool {
    use JobState::{
        Canceled, Canceling, Configuring, ExternalValidation, Failed, Finished, Finishing, Queued,
        Running, Submitted, Validating,
    };
    match from {
        Configuring => matches!(to, Submitted | Canceling | Canceled),
        Submitted | Validating | ExternalValidation => {
            matches!(
                to,
                Validating
                    | ExternalValidation
                    | Queued
                    | Failed
                    | Canceling
                    | Canceled
                    | Configuring
            )
        }
        Queued => matches!(
            to,
            Running | Finishing | Finished | Failed | Canceling | Canceled | Configuring
        ),
        Running => matches!(
            to,
            Finishing | Canceling | Finished | Failed | Canceled | Queued
        ),
        Finishing => matches!(to, Finished | Failed | Canceling | Queued),
        Canceling => matches!(to, Canceled | Queued | Failed | Submitted),
        Failed | Canceled => matches!(to, Configuring | Submitted),
        Finished => false,
    }
}
