//! What an engine tells those who listen, and what it counts.

use std::sync::Arc;

use jobyard_kernel::{Event, Execution, Refusal};
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

/// What an engine counts since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// The policy that decides.
    pub policy: String,
    /// Calls of the policy.
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
