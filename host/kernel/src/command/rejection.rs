//! Why a command was refused, each case in words.

use crate::{
    BadParameter, Execution, Invalid, JobId, JobState, NodeId, Part, Refusal, TaskId, TaskState,
    Unit,
};

/// Why a command was refused. Nothing changed.
///
/// As `&'static str` it is its code, the name of the case: programs rely on it, so a case is not renamed.
#[derive(Debug, Clone, PartialEq, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
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
    /// For administrators.
    #[error("{by} may not {what}: that is for administrators")]
    ForAdministrators {
        /// Who asked.
        by: String,
        /// For what.
        what: &'static str,
    },
    /// No such component is kept.
    #[error("there is no policy {0}: load it first")]
    UnknownPolicy(String),
    /// It never was, or is too long ago.
    #[error("there is no activation {0} to go back to")]
    UnknownActivation(u32),
    /// No node is in it, or all are.
    #[error("{0} are no part of the cluster: name groups that have nodes, or 1 to 99 %")]
    NoSuchPart(Part),
    /// More than is kept of a policy.
    #[error("the policy's {what} has {bytes} bytes, at most {max} are kept")]
    PolicyTooLong {
        /// What is too long.
        what: &'static str,
        /// How long.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// The name or the value does not fit (InvalidParameter).
    #[error("{0}")]
    Parameter(#[from] BadParameter),
    /// NoPermissionToUseProfile.
    #[error("{by} may not submit jobs with the template \"{template}\"")]
    TemplateForbidden {
        /// Who asked.
        by: String,
        /// The template.
        template: String,
    },
    /// The default template stays, and so does one that jobs still need.
    #[error("the template \"{template}\" cannot be removed: {why}")]
    TemplateStays {
        /// The template.
        template: String,
        /// Why it stays.
        why: String,
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
    /// Not in this state (TryToModifyInvalidProperty).
    #[error("the {property} of job {job} cannot be changed: it is {state}{hint}")]
    InvalidModify {
        /// Which.
        job: JobId,
        /// What was to be changed.
        property: &'static str,
        /// What the job is.
        state: JobState,
        /// The way out, where there is one.
        hint: &'static str,
    },
    /// JobDeletionForbidden.
    #[error("job {job} was submitted and cannot be deleted; cancel it, it goes by itself later")]
    JobDeletionForbidden {
        /// Which.
        job: JobId,
    },
    /// What was added or changed needs more than its running job is sure to have.
    #[error("task {task} needs at least {needs} {unit}, but job {job} runs with a minimum of {min}", unit = unit.plural())]
    TaskAboveRunningJob {
        /// What the job counts.
        unit: Unit,
        /// Which.
        job: JobId,
        /// The task.
        task: TaskId,
        /// Its minimum.
        needs: u32,
        /// The job's.
        min: u32,
    },
    /// Excluding these nodes would leave a running job below its minimum.
    #[error(
        "job {job} runs with a minimum of {min} {unit}; without these nodes it would have {units}",
        unit = unit.plural()
    )]
    ExcludesTooMuch {
        /// Which.
        job: JobId,
        /// What it counts.
        unit: Unit,
        /// Its minimum.
        min: u32,
        /// What it would keep.
        units: u32,
    },
    /// Node prepare and node release tasks are there from the start, what a task is does not change, and a job keeps one to run.
    #[error("job {job}: {what}")]
    TaskRule {
        /// Which.
        job: JobId,
        /// What was tried.
        what: &'static str,
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
    /// Instances of a service are replaced, not run again; only a service can be concluded.
    #[error("task {job}.{task} is {kind}, which cannot be {what}", kind = if *service { "a service" } else { "no service" })]
    ServiceRule {
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
        /// Whether it is one.
        service: bool,
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
    /// An answer to a question that is not open any more: counted, never applied.
    #[error("answer to question {0} of a filter is out of date")]
    StaleAnswer(u64),
    /// Another request has that key. The name is that of the header by which keys come.
    #[error("the key {key} is that of another request: a new one needs a new key")]
    IdempotencyKeyReused {
        /// The key.
        key: String,
    },
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
