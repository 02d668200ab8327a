//! The state of a job: its phase, its shares of nodes, and what its user sees of it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::depend::Group;
use crate::few::{FewMap, FewSet};
use crate::filter::{Activation, Screening};
use crate::{
    CoreSet, Execution, Invalid, JobId, JobSpec, NodeId, SetId, Share, Span, StopCause, Task,
    TaskId, TaskKind, Timestamp,
};

/// The fine state, with HPC Pack's names and numbers (flags, so that filters can combine them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u32)]
pub enum JobState {
    /// Being made or edited; not in the queue.
    Configuring = 0x001,
    /// Submitted; waits for validation.
    Submitted = 0x002,
    /// Being checked.
    Validating = 0x004,
    /// Submission filters look at it.
    ExternalValidation = 0x008,
    /// Waits for resources.
    Queued = 0x010,
    /// Has resources; tasks may run.
    Running = 0x020,
    /// Is about to be finished or failed; nodes are released.
    Finishing = 0x040,
    /// Ended, every task finished.
    Finished = 0x080,
    /// Ended, a task failed or the system did.
    Failed = 0x100,
    /// Ended by a cancel.
    Canceled = 0x200,
    /// Is about to be canceled or queued again: grace period, node release.
    Canceling = 0x400,
}

impl JobState {
    /// Every one.
    pub const ALL: [JobState; 11] = [
        JobState::Configuring,
        JobState::Submitted,
        JobState::Validating,
        JobState::ExternalValidation,
        JobState::Queued,
        JobState::Running,
        JobState::Finishing,
        JobState::Finished,
        JobState::Failed,
        JobState::Canceled,
        JobState::Canceling,
    ];
}

/// The six values of Compute Cluster Pack, with fixed numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u32)]
#[expect(
    missing_docs,
    reason = "the names are the documentation; see JobState for the fine ones"
)]
pub enum JobStatus {
    NotSubmitted = 0,
    Queued = 1,
    Running = 2,
    Finished = 3,
    Failed = 4,
    Cancelled = 5,
}

impl JobState {
    /// The coarse value (`semantics`: the table of `JobStatus`).
    pub fn status(self) -> JobStatus {
        match self {
            JobState::Configuring => JobStatus::NotSubmitted,
            JobState::Submitted
            | JobState::Validating
            | JobState::ExternalValidation
            | JobState::Queued => JobStatus::Queued,
            JobState::Running | JobState::Finishing | JobState::Canceling => JobStatus::Running,
            JobState::Finished => JobStatus::Finished,
            JobState::Failed => JobStatus::Failed,
            JobState::Canceled => JobStatus::Cancelled,
        }
    }

    /// Whether nothing more happens by itself: Finished, Failed or Canceled.
    pub fn is_ended(self) -> bool {
        match self.status() {
            JobStatus::Finished | JobStatus::Failed | JobStatus::Cancelled => true,
            JobStatus::NotSubmitted | JobStatus::Queued | JobStatus::Running => false,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            JobState::Configuring => "Configuring",
            JobState::Submitted => "Submitted",
            JobState::Validating => "Validating",
            JobState::ExternalValidation => "ExternalValidation",
            JobState::Queued => "Queued",
            JobState::Running => "Running",
            JobState::Finishing => "Finishing",
            JobState::Finished => "Finished",
            JobState::Failed => "Failed",
            JobState::Canceled => "Canceled",
            JobState::Canceling => "Canceling",
        })
    }
}

/// Where a job is in its life, with what belongs to that phase only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// Not in the queue.
    Configuring,
    /// Accepted, not yet validated.
    Submitted,
    /// Submission filters look at it.
    External(Box<Screening>),
    /// Submission filters let it pass; it is to be validated.
    Validating,
    /// In the queue.
    Queued,
    /// Has shares.
    Running,
    /// Tasks are stopped, nodes released; then it becomes what `then` says.
    Ending(Closing),
    /// Finished, Failed or Canceled.
    Ended(Then),
}

/// How a job is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// What it becomes.
    pub then: Then,
    /// Why what still runs is stopped.
    pub cause: StopCause,
    /// Between the request to end and the kill; none: what runs may run to its end.
    pub grace: Option<Span>,
    /// Whether node release tasks run.
    pub release: bool,
    /// Whether what runs has been told to end.
    pub told: bool,
}

/// What an ending job becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Then {
    /// Finished.
    Finished,
    /// Failed.
    Failed,
    /// Canceled.
    Canceled,
    /// Queued again; never the end.
    Queued,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its name for ever.
    pub id: JobId,
    /// As its user asked for it.
    pub spec: Arc<JobSpec>,
    /// Where it is in its life.
    pub phase: Phase,
    /// What went wrong, or what the one who ended it said.
    pub error: Option<Box<JobError>>,
    /// When it was added, submitted last, started last, ended last.
    pub times: Times,
    /// Times that it was queued again, by people and by the system.
    pub requeue_count: u32,
    /// Times that the system queued it again because of an error.
    pub auto_requeue_count: u32,
    /// Not to start before; stands until it is over or cleared.
    pub hold_until: Option<Timestamp>,
    /// Who set that.
    pub held_by: HeldBy,
    /// Place among equals; see `position` in `wit/policy.wit`.
    pub position: i64,
    /// Units: the least to start with, the most to be given. 0 before validation.
    pub min: u32,
    /// See `min`.
    pub max: u32,
    /// The nodes that it may run on.
    pub candidates: SetId,
    /// The nodes of which it must have something because of its tasks: none for most jobs.
    #[serde(default)]
    pub required: SetId,
    /// In the order added; task id − 1 is the index.
    pub tasks: Vec<Task>,
    /// What it holds.
    pub shares: FewMap<NodeId, JobShare>,
    /// Derived: the place of the account that its cores count for, as long as it holds some.
    #[serde(default)]
    pub(crate) account: Option<u32>,
    /// What it is to give back while it runs.
    #[serde(default)]
    pub giving_back: Option<GivingBack>,
    /// It could start or grow, were it not for activation filters.
    #[serde(default)]
    pub activation: Option<Box<Activation>>,
    /// It started before a job that was ahead of it in the queue and had a promise of when it would start.
    pub backfilled: bool,
    /// The policy's words on why it waits.
    pub waiting: Option<Waiting>,
    /// The policy's promise.
    pub reservation: Option<Reservation>,
    /// Derived: parents that have not finished, while it is queued.
    #[serde(default)]
    pub(crate) open_parents: BTreeSet<JobId>,
    /// Derived: tasks with queued instances whose dependencies have ended, by index.
    pub(crate) ready: FewSet<u32>,
    /// Derived: tasks to be failed because one that they depend on was (`FailDependentTasks`).
    pub(crate) doomed: FewSet<u32>,
    /// Instances of ordinary tasks, by state.
    pub counts: Counts,
    /// Derived: units that unfinished instances of tasks that may run could use at once.
    pub(crate) open_units: u64,
    /// Derived: a task failed whose failure fails the job at once.
    pub(crate) fails_now: bool,
    /// The first task that failed, to be the job's error should it fail; none when no instance has failed.
    pub(crate) first_failure: Option<Box<JobError>>,
    /// Why a node left, since the job started: the reason should it lose them all.
    pub(crate) node_trouble: Option<Box<JobError>>,
    /// Derived: the groups of tasks that others can depend on; empty when no task depends on another.
    pub(crate) groups: Vec<Group>,
    /// Derived: index of the node prepare task.
    pub(crate) node_prepare: Option<u32>,
    /// Derived: index of the node release task.
    pub(crate) node_release: Option<u32>,
    /// Derived: nodes in any phase but `Ready`.
    pub(crate) unsettled: FewSet<NodeId>,
    /// Derived: nodes in phase `Ready` with cores that no task runs on.
    pub(crate) idle: FewSet<NodeId>,
}

/// When things happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Added.
    pub created: Timestamp,
    /// Submitted last.
    pub submitted: Option<Timestamp>,
    /// Started last.
    pub started: Option<Timestamp>,
    /// Ended last.
    pub ended: Option<Timestamp>,
}

/// Instances of ordinary tasks by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Of tasks that are being configured by themselves, in a job that is in the queue or runs.
    pub configuring: u64,
    /// Not started, or to be run again.
    pub queued: u64,
    /// Dispatched or running.
    pub running: u64,
    /// Ended well.
    pub finished: u64,
    /// Ended badly.
    pub failed: u64,
    /// Never ran to an end.
    pub canceled: u64,
}

impl Counts {
    /// All instances.
    pub fn total(&self) -> u64 {
        self.configuring + self.queued + self.running + self.finished + self.failed + self.canceled
    }
}

/// What a job holds of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobShare {
    /// Its cores.
    pub cores: CoreSet,
    /// Those that no task runs on.
    pub free: CoreSet,
    /// Its GPUs.
    pub gpus: CoreSet,
    /// Those that no task was given; only tasks of a job that counts GPUs are given some of their own.
    #[serde(default)]
    pub free_gpus: CoreSet,
    /// Where the node is in the job's life.
    pub phase: SharePhase,
}

/// The life of a node in a job: added, prepared, used, released, free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SharePhase {
    /// Given to the job; nothing runs there yet.
    Added,
    /// The node prepare task runs.
    Preparing(Execution),
    /// Tasks may run.
    Ready,
    /// No new tasks; when the last has ended it is released.
    Closing,
    /// The node release task runs.
    Releasing(Execution),
    /// Released; to be given back.
    Released,
}

impl SharePhase {
    /// Whether the node is on its way out: no new task goes there.
    pub fn is_leaving(self) -> bool {
        match self {
            SharePhase::Closing | SharePhase::Releasing(_) | SharePhase::Released => true,
            SharePhase::Added | SharePhase::Preparing(_) | SharePhase::Ready => false,
        }
    }
}

/// What a running job is to give back as its tasks end, for the sake of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivingBack {
    /// How many cores are still to be given back; the job never falls below its minimum for it.
    pub cores: u32,
    /// Whether the node release task runs on nodes that it leaves.
    pub release: bool,
}

/// Who holds a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum HeldBy {
    /// Its owner.
    #[default]
    User,
    /// Somebody else who may.
    Administrator,
    /// An activation filter, or its fault.
    ActivationFilter,
}

/// Why a job waits, in the codes of HPC Pack (`PendingReason`) or the policy's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// See [`crate::waiting`].
    pub reason: u32,
    /// For people.
    pub text: String,
}

/// When and where the policy expects a job to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// When.
    pub at: Timestamp,
    /// Where; empty when the policy did not say.
    pub shares: Vec<Share>,
}

/// Why a job failed or was ended. `Display` is the job's error message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum JobError {
    /// Somebody canceled it; their message, which may be empty.
    #[error("{message}")]
    CanceledByUser {
        /// Who.
        by: String,
        /// What they said.
        message: String,
    },
    /// Somebody finished it; their message, which may be empty.
    #[error("{message}")]
    FinishedByUser {
        /// Who.
        by: String,
        /// What they said.
        message: String,
    },
    /// It ran longer than its limit.
    #[error("the job ran longer than its limit of {limit}")]
    RuntimeExpired {
        /// The limit.
        limit: Span,
    },
    /// At least one task failed.
    #[error("task {task} failed: {text}")]
    TaskFailed {
        /// The first that failed: task, or task.instance.
        task: String,
        /// How.
        text: String,
    },
    /// It asks for what cannot be.
    #[error("{0}")]
    Invalid(Invalid),
    /// No node could be prepared.
    #[error("node {node} could not be prepared: {text}")]
    NodePrepareFailed {
        /// The last that was tried.
        node: String,
        /// What its prepare task said.
        text: String,
    },
    /// The system queued it again too often.
    #[error(
        "queued again {limit} times by the system, which is the limit (JobRetryCount); last: {last}"
    )]
    RequeueLimit {
        /// The limit.
        limit: u32,
        /// What went wrong last.
        last: String,
    },
    /// It lost every node that it had.
    #[error("the job lost its last node ({node})")]
    NodesLost {
        /// The last one.
        node: String,
    },
    /// It was preempted.
    #[error("preempted for a job of higher priority")]
    Preempted,
    /// A job that it waited for was forgotten without having finished.
    #[error("job {parent}, which it waited for, did not finish and is no longer there")]
    ParentDeleted {
        /// The one that is gone.
        parent: JobId,
    },
    /// It did not get past its submission filters. J6.
    #[error("submission filter \"{filter}\" {how}{colon}{text}", colon = if text.is_empty() { "" } else { ": " })]
    SubmissionFilter {
        /// Which.
        filter: String,
        /// What went wrong.
        how: FilterEnd,
        /// The filter's words, or what is known of its fault.
        text: String,
    },
    /// An activation filter did not let it start, for good. J26.
    #[error("activation filter \"{filter}\" failed the job{colon}{text}", colon = if text.is_empty() { "" } else { ": " })]
    ActivationFilter {
        /// Which.
        filter: String,
        /// Its words.
        text: String,
    },
}

/// How a submission filter ended a job. `Display` is what it did.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display,
)]
pub enum FilterEnd {
    /// It said no.
    #[strum(to_string = "rejected the job")]
    Rejected,
    /// It trapped, or answered nonsense.
    #[strum(to_string = "failed")]
    Failed,
    /// It ran longer than it may.
    #[strum(to_string = "ran longer than SubmissionFilterTimeout")]
    Late,
    /// There is none of that name.
    #[strum(to_string = "is not there")]
    Missing,
    /// What it would have made of the job is no job.
    #[strum(to_string = "would have changed the job to something impossible")]
    InvalidChange,
}

impl JobError {
    /// HPC Pack's number, where it has one for this.
    pub fn code(&self) -> u32 {
        match self {
            JobError::CanceledByUser { .. } | JobError::FinishedByUser { .. } => 0x8004_0201,
            JobError::RuntimeExpired { .. } => 0x8004_09D5,
            JobError::TaskFailed { .. } => 0x8004_09DC,
            JobError::Invalid(invalid) => invalid.code(),
            JobError::NodePrepareFailed { .. } => 0x8004_09E8,
            JobError::RequeueLimit { .. } => 0x8004_0610,
            JobError::NodesLost { .. } => 0x8004_09DB,
            JobError::Preempted => 0x8004_09DE,
            JobError::ParentDeleted { .. } => 0x8004_05F8,
            JobError::SubmissionFilter { how, .. } => match how {
                FilterEnd::Rejected | FilterEnd::Failed => 0x8004_0642,
                FilterEnd::Missing => 0x8004_0643,
                FilterEnd::Late => 0x8004_0654,
                FilterEnd::InvalidChange => 0x8004_0655,
            },
            JobError::ActivationFilter { .. } => 0x8004_09EA,
        }
    }
}

impl Job {
    /// The fine state.
    pub fn state(&self) -> JobState {
        match &self.phase {
            Phase::Configuring => JobState::Configuring,
            Phase::Submitted => JobState::Submitted,
            Phase::External(_) => JobState::ExternalValidation,
            Phase::Validating => JobState::Validating,
            Phase::Queued => JobState::Queued,
            Phase::Running => JobState::Running,
            Phase::Ending(Closing {
                then: Then::Finished | Then::Failed,
                ..
            }) => JobState::Finishing,
            Phase::Ending(Closing {
                then: Then::Canceled | Then::Queued,
                ..
            }) => JobState::Canceling,
            Phase::Ended(Then::Finished) => JobState::Finished,
            Phase::Ended(Then::Failed) => JobState::Failed,
            Phase::Ended(Then::Canceled) => JobState::Canceled,
            Phase::Ended(Then::Queued) => unreachable!("a queued job has not ended"),
        }
    }

    /// The coarse state.
    pub fn status(&self) -> JobStatus {
        self.state().status()
    }

    /// The text of its error, empty if there is none: for a canceled job exactly what the caller said.
    pub fn error_message(&self) -> String {
        self.error
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// A task by id.
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get((id.0 as usize).checked_sub(1)?)
    }

    /// The node prepare or node release task, if it has one.
    pub fn node_task(&self, kind: TaskKind) -> Option<&Task> {
        let index = match kind {
            TaskKind::NodePrepare => self.node_prepare,
            TaskKind::NodeRelease => self.node_release,
            TaskKind::Basic | TaskKind::Sweep { .. } | TaskKind::Service => None,
        };
        self.tasks.get(index? as usize)
    }

    /// Cores that it holds.
    pub fn cores(&self) -> u32 {
        self.shares.values().map(|s| s.cores.len()).sum()
    }

    /// Whether it is queued and not to start yet.
    pub fn is_held(&self) -> bool {
        self.hold_until.is_some()
    }

    /// The jobs that a queued job waits for: its parents that have not finished.
    pub fn open_parents(&self) -> &BTreeSet<JobId> {
        &self.open_parents
    }

    /// Whether a queued job may be started as far as it is concerned: it is not held, and its parents have finished.
    pub fn may_start(&self) -> bool {
        !self.is_held() && self.open_parents.is_empty()
    }

    /// Runs, and is to go back into the queue when its running tasks have ended (`HoldUntil` on a running job).
    pub fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Running) && self.is_held()
    }

    /// Units that its unfinished tasks could use at once, within its minimum and maximum, and no more than it aims at.
    pub fn demand(&self) -> u32 {
        let open = self.open_units.min(u64::from(u32::MAX)) as u32;
        let most = self.spec.target.unwrap_or(self.max);
        open.min(most).clamp(self.min.min(self.max), self.max)
    }

    /// Percent done: what somebody said, else the share of instances that have ended.
    pub fn progress(&self) -> u32 {
        let counts = &self.counts;
        let ended = counts.finished + counts.failed + counts.canceled;
        let share = match counts.total() {
            0 if self.phase == Phase::Ended(Then::Finished) => 100,
            0 => 0,
            // A part of 100.
            total => (ended * 100 / total) as u32,
        };
        self.spec.progress.unwrap_or(share)
    }
}
