//! What can be asked of the kernel, by whom, and how it says no.

use std::sync::Arc;

use crate::{
    Decision, Execution, FromNode, Invalid, JobId, JobSpec, JobState, NodeId, NodeSpec, NodeState,
    Parameters, Refusal, TaskId, TaskSpec, TaskState, Timestamp,
};

/// What a person may do, as HPC Pack's roles; a person with several has the union.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Owns jobs.
    User,
    /// Cancels, finishes and requeues any job.
    JobOperator,
    /// Does to any job what its owner may.
    JobAdministrator,
    /// Everything.
    Administrator,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Their name, as it stands in `owner`.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

impl Actor {
    /// An administrator of that name.
    pub fn administrator(name: impl Into<String>) -> Self {
        Actor {
            name: name.into(),
            role: Role::Administrator,
        }
    }

    /// A user of that name.
    pub fn user(name: impl Into<String>) -> Self {
        Actor {
            name: name.into(),
            role: Role::User,
        }
    }
}

/// A request to change the state. Imperative; what comes of it are events.
#[derive(Debug, Clone)]
pub enum Command {
    /// Set the cluster's parameters.
    SetParameters(Parameters),
    /// Add a node to the pool, online.
    AddNode(NodeSpec),
    /// Take a node offline, drain it, or bring it back.
    SetNodeState {
        /// Which.
        node: NodeId,
        /// What it shall be.
        state: NodeState,
    },
    /// Put a node into groups, and out of all others.
    SetNodeGroups {
        /// Which.
        node: NodeId,
        /// All that it shall be in.
        groups: Vec<String>,
    },
    /// Add a job; it gets the next id.
    AddJob {
        /// Who asks; becomes the owner unless an administrator names another.
        by: Actor,
        /// The job.
        spec: Arc<JobSpec>,
        /// Its tasks.
        tasks: Vec<Arc<TaskSpec>>,
    },
    /// Submit a job that is being configured.
    SubmitJob {
        /// Who asks.
        by: Actor,
        /// Which.
        job: JobId,
    },
    /// Take a job out of the queue, or an ended one up again, to edit it.
    ConfigureJob {
        /// Who asks.
        by: Actor,
        /// Which.
        job: JobId,
    },
    /// Cancel a job.
    CancelJob {
        /// Who asks.
        by: Actor,
        /// Which.
        job: JobId,
        /// At most 320 characters; becomes the job's error message.
        message: String,
        /// No grace period, no node release.
        forced: bool,
    },
    /// End a job as if it had finished.
    FinishJob {
        /// Who asks.
        by: Actor,
        /// Which.
        job: JobId,
        /// As for a cancel.
        message: String,
    },
    /// Queue a job again.
    RequeueJob {
        /// Who asks.
        by: Actor,
        /// Which.
        job: JobId,
    },
    /// Hold a job until a time, or clear its hold.
    HoldJob {
        /// Who asks.
        by: Actor,
        /// Which.
        job: JobId,
        /// In the future, at most a year; none: clear it.
        until: Option<Timestamp>,
    },
    /// Cancel a task or one instance of it.
    CancelTask {
        /// Who asks.
        by: Actor,
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
        /// One instance; none: the whole task.
        instance: Option<u32>,
        /// No grace period.
        forced: bool,
    },
    /// End a running task as if it had finished.
    FinishTask {
        /// Who asks.
        by: Actor,
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
        /// One instance; none: all that run.
        instance: Option<u32>,
    },
    /// Run a task again.
    RequeueTask {
        /// Who asks.
        by: Actor,
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
        /// One instance; none: all that run, failed or were canceled.
        instance: Option<u32>,
    },
    /// A policy proposes.
    Propose(Decision),
    /// A node reports.
    Report(FromNode),
    /// Time has passed: do what is due.
    Tick,
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// There is no such job.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// There is no such task.
    #[error("job {job} has no task {task}")]
    UnknownTask {
        /// The job.
        job: JobId,
        /// The task that was named.
        task: TaskId,
    },
    /// There is no such instance.
    #[error("task {job}.{task} has no instance {instance}")]
    UnknownInstance {
        /// The job.
        job: JobId,
        /// The task.
        task: TaskId,
        /// The instance that was named.
        instance: u32,
    },
    /// There is no such node.
    #[error("there is no node {0}")]
    UnknownNode(NodeId),
    /// Not theirs to do.
    #[error("{by} may not {what} job {job} of {owner}")]
    PermissionDenied {
        /// Who asked.
        by: String,
        /// For what.
        what: &'static str,
        /// Which job.
        job: JobId,
        /// Whose.
        owner: String,
    },
    /// Only an administrator makes command jobs or jobs for others.
    #[error("{by} may not add {what}")]
    MayNotAdd {
        /// Who asked.
        by: String,
        /// What.
        what: &'static str,
    },
    /// Not in this state (InvalidCancelJobState).
    #[error("job {job} cannot be canceled: it is {state}")]
    InvalidCancelJobState {
        /// Which.
        job: JobId,
        /// What it is.
        state: JobState,
    },
    /// Not in this state.
    #[error("job {job} cannot be {what}: it is {state}{hint}")]
    InvalidJobState {
        /// Which.
        job: JobId,
        /// What was asked.
        what: &'static str,
        /// What it is.
        state: JobState,
        /// The way out, where there is one.
        hint: &'static str,
    },
    /// Not in this state.
    #[error("task {job}.{task} cannot be {what}: it is {state}")]
    InvalidTaskState {
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
        /// What was asked.
        what: &'static str,
        /// What it is.
        state: TaskState,
    },
    /// Node prepare and node release tasks cannot be canceled, finished or requeued by themselves.
    #[error("task {job}.{task} is a node prepare or node release task, which cannot be {what}")]
    NotForNodeTasks {
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
        /// What was asked.
        what: &'static str,
    },
    /// `rerunnable = false` (TryToRequeueNonRerunnableTask).
    #[error("task {job}.{task} is not rerunnable")]
    NotRerunnable {
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
    },
    /// CancelMessageIsTooLong.
    #[error("the message has {chars} characters; at most {max} are kept")]
    MessageTooLong {
        /// Its length in Unicode scalar values.
        chars: usize,
        /// The limit.
        max: usize,
    },
    /// A hold in the past or more than a year ahead.
    #[error("a hold must end in the future and within a year")]
    InvalidHold,
    /// The job or node cannot be taken as it is.
    #[error("{0}")]
    Invalid(Invalid),
    /// All ids have been given out.
    #[error("no {0} ids are left")]
    NoIdsLeft(&'static str),
    /// A proposal cannot be carried out.
    #[error("{0}")]
    Refused(Refusal),
    /// A report about an attempt that is not the current one, or of a job that is gone: counted, never applied.
    #[error("report of {0} is out of date")]
    StaleReport(Execution),
}

impl From<Invalid> for Rejection {
    fn from(invalid: Invalid) -> Self {
        Rejection::Invalid(invalid)
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Rejection::Refused(refusal)
    }
}
