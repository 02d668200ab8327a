//! What an engine tells those who listen, and what it counts.

use std::fmt;
use std::sync::Arc;

use jobyard_kernel::{Event, Execution, Fact, JobId, JobState, Refusal, Span, State, Then};
use jobyard_plugin::recovery::Switched;
use jobyard_plugin::{Fault, LogLine};
use tokio::sync::broadcast;

/// Notices that wait for a listener; one that falls further behind is told how many it lost.
pub(crate) const NOTICES_MAX: usize = 65_536;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Notice {
    /// An event, durable.
    Event(Arc<Event>),
    /// A job started or ended of which somebody wants to hear it (`NotifyOnStart`, `NotifyOnCompletion`). Whoever embeds the engine
    /// may send a mail; the engine does not.
    Notification(Box<Notification>),
    /// The end of what an attempt wrote to captured output: at most 4 KiB.
    Output {
        /// Which attempt.
        execution: Execution,
        /// What it wrote last.
        tail: String,
    },
    /// A policy's call failed; jobs do not notice.
    PolicyFault(Arc<Fault>),
    /// A policy was given up for another.
    PolicySwitched(Switched),
    /// The guard of the policy in force had something to say: what came of it, for people.
    PolicyGuarded(String),
    /// A policy logged something.
    PolicyLog(LogLine),
    /// A filter's call failed; what that means for the job is in its events.
    FilterFault(Arc<Fault>),
    /// A filter logged something.
    FilterLog {
        /// Which.
        filter: Arc<str>,
        /// What.
        line: LogLine,
    },
    /// The kernel refused a proposal.
    ProposalRefused(Refusal),
    /// The journal failed and the engine has stopped.
    Stopped(String),
    /// The way to a node process came up, or is down, which work there does not notice.
    NodeLink {
        /// The node.
        node: String,
        /// What happened, for people.
        text: String,
    },
    /// A snapshot could not be kept: nothing is lost, but the next restart takes longer.
    SnapshotFailed(String),
}

/// That a job started or ended, for somebody who wants to hear it. `Display` is a line for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Who wants to hear it; may be empty.
    pub email: String,
    /// The job.
    pub job: JobId,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: String,
    /// Running when it started; else what it ended as.
    pub state: JobState,
    /// Why it failed or was canceled; else empty.
    pub error: String,
}

impl Notification {
    /// What somebody is to hear of an event, after it: of each start, and of the end for good.
    pub(crate) fn of(state: &State, event: &Event) -> Option<Notification> {
        let started = matches!(event.fact, Fact::JobStarted { .. });
        let ended = matches!(
            event.fact,
            Fact::JobEnded { .. } | Fact::JobInvalid { .. } | Fact::JobRejected { .. }
        );
        if !started && !ended {
            return None;
        }
        let job = state.job(event.fact.job()?)?;
        let wanted = match started {
            true => job.spec.notify_on_start,
            false => job.spec.notify_on_completion && job.state().is_ended(),
        };
        wanted.then(|| Notification {
            email: job.spec.email.clone(),
            job: job.id,
            name: job.spec.name.clone(),
            owner: job.spec.owner.clone(),
            // It may have ended by the time that its start is told.
            state: if started {
                JobState::Running
            } else {
                job.state()
            },
            error: if started {
                String::new()
            } else {
                job.error_message()
            },
        })
    }
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |before: &str, text: &str| match text.is_empty() {
            true => String::new(),
            false => format!("{before}{text}"),
        };
        let (name, error) = (part(" ", &self.name), part(": ", &self.error));
        let owner = part(" of ", &self.owner);
        write!(f, "job {}{name}{owner} is {}{error}", self.job, self.state)
    }
}

/// What an engine counts since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// The policy that decides.
    pub policy: String,
    /// Calls of the policy, and of those that were to come into force.
    pub passes: u64,
    /// Calls that failed.
    pub policy_faults: u64,
    /// Proposals that the kernel refused.
    pub proposals_refused: u64,
    /// Reports of attempts that are not current: ignored.
    pub stale_reports: u64,
    /// Answers of filters to questions that were not open any more: ignored.
    pub stale_answers: u64,
    /// Calls of filters that failed.
    pub filter_faults: u64,
    /// How long the passes of the policy in force took.
    pub pass_time: Span,
    /// The number of the last event that is durable: of those that ever happened.
    pub durable_events: u64,
    /// Jobs that were submitted.
    pub jobs_submitted: u64,
    /// Starts of jobs.
    pub jobs_started: u64,
    /// Jobs that have finished.
    pub jobs_finished: u64,
    /// Jobs that have failed, those that were not valid too.
    pub jobs_failed: u64,
    /// Jobs that were canceled.
    pub jobs_canceled: u64,
    /// Attempts that were sent to a node.
    pub attempts_dispatched: u64,
    /// Attempts that have ended.
    pub attempts_ended: u64,
}

impl Stats {
    /// Counts an event that has been applied to `state`.
    pub(crate) fn note(&mut self, state: &State, event: &Event) {
        let fact = &event.fact;
        let count = |is: bool| u64::from(is);
        self.jobs_submitted += count(matches!(fact, Fact::JobSubmitted { .. }));
        self.jobs_started += count(matches!(fact, Fact::JobStarted { .. }));
        self.attempts_ended += count(matches!(fact, Fact::WorkEnded { .. }));
        let invalid = matches!(fact, Fact::JobInvalid { .. } | Fact::JobRejected { .. });
        self.jobs_failed += count(invalid);
        if let Fact::Dispatched { works, .. } = fact {
            self.attempts_dispatched += works.len() as u64;
        }
        if let Fact::JobEnded { job } = fact {
            match state.ended_as(*job) {
                Some(Then::Finished) => self.jobs_finished += 1,
                Some(Then::Failed) => self.jobs_failed += 1,
                Some(Then::Canceled) => self.jobs_canceled += 1,
                // It is in the queue again.
                Some(Then::Queued) | None => {}
            }
        }
    }
}

/// Receives notices from the moment it was made.
#[derive(Debug)]
pub struct Notices(pub(crate) broadcast::Receiver<Notice>);

/// A listener fell behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{lost} notices were lost: the listener was too slow")]
pub struct Lagged {
    /// How many it did not get.
    pub lost: u64,
}

impl Notices {
    /// The next notice; none when the engine has stopped. After an error the next ones follow.
    ///
    /// # Errors
    /// When more than 65,536 notices waited and the oldest were dropped.
    pub async fn next(&mut self) -> Option<Result<Notice, Lagged>> {
        match self.0.recv().await {
            Ok(notice) => Some(Ok(notice)),
            Err(broadcast::error::RecvError::Lagged(lost)) => Some(Err(Lagged { lost })),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
