//! Everything that changes is one of these. `State::apply` is the only reader that matters; a journal keeps them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::filter::Deferral;
use crate::{
    Activation, Canary, CancelCause, Closing, CoreSet, Execution, FailureCause, GivingBack, HeldBy,
    Invalid, Job, JobError, JobId, JobSpec, KeptAnswer, NodeId, NodeSpec, NodeState, Outcome,
    Parameters, PassRecord, PolicyFault, Reservation, Shadowing, Span, StopCause, StoredPolicy,
    TaskId, TaskSpec, Template, Timestamp, Waiting,
};

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When the kernel decided it.
    pub at: Timestamp,
    /// What happened.
    pub fact: Fact,
}

/// Part of one node, given to a job or to one of its tasks, with the cores that the kernel picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The node.
    pub node: NodeId,
    /// The cores.
    pub cores: CoreSet,
    /// The GPUs.
    pub gpus: CoreSet,
}

/// One instance sent to its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// Which attempt.
    pub execution: Execution,
    /// On what; the first node does the work. No cores for node prepare and node release; GPUs only where the job counts them.
    pub places: Vec<Grant>,
}

/// What somebody asked for about a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskRequest {
    /// That it is canceled.
    Cancel,
    /// That it ends as finished.
    Finish,
    /// That it runs again.
    Requeue,
    /// That a service starts no more instances.
    Conclude,
}

/// What the end of an attempt means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The instance has ended for good.
    Ended(Outcome),
    /// It is queued again.
    Again(Again),
}

/// Why an instance is queued again, which says what counts against its retry limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Again {
    /// After a bad exit code; counts.
    Failure,
    /// After an error of the system; counts.
    SystemError,
    /// After a preemption; does not count.
    Preemption,
    /// Somebody asked for it; does not count.
    Request,
}

/// What happened. The order within one job is its history.
#[derive(
    Debug, Clone, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames,
)]
pub enum Fact {
    /// The cluster's parameters were set.
    ParametersSet(Box<Parameters>),
    /// A job template was added or replaced.
    TemplateSet(Arc<Template>),
    /// A job template was taken away.
    TemplateRemoved {
        /// Its name, in lower case.
        name: String,
    },
    /// A node joined the pool.
    NodeAdded {
        /// Its name for ever.
        node: NodeId,
        /// As the site configured it.
        spec: NodeSpec,
    },
    /// A node was taken offline, drained or brought back.
    NodeStateChanged {
        /// Which.
        node: NodeId,
        /// What it is now.
        state: NodeState,
    },
    /// A node was not heard of for too long, or can be reached again.
    NodeReachable {
        /// Which.
        node: NodeId,
        /// Whether it can be.
        reachable: bool,
    },
    /// A node is in these groups now.
    NodeGroupsSet {
        /// Which.
        node: NodeId,
        /// All of them.
        groups: Vec<String>,
    },
    /// A job was added. J2.
    JobAdded {
        /// Its name for ever.
        job: JobId,
        /// As its user asked for it.
        spec: Arc<JobSpec>,
        /// Its tasks, in order.
        tasks: Vec<Arc<TaskSpec>>,
    },
    /// A job went back to be edited. J21, J22.
    JobConfigured {
        /// Which.
        job: JobId,
    },
    /// What a job asks for was changed.
    JobModified {
        /// Which.
        job: JobId,
        /// As it is asked for now.
        spec: Arc<JobSpec>,
    },
    /// What a job is given at most was changed while it runs, with its tasks.
    MaximumChanged {
        /// Which.
        job: JobId,
        /// Units.
        max: u32,
    },
    /// A job that was never submitted was taken away. J27.
    JobDeleted {
        /// Which.
        job: JobId,
    },
    /// Tasks were added to a job. T1.
    TasksAdded {
        /// Which.
        job: JobId,
        /// The id of the first; the others follow.
        first: TaskId,
        /// In order.
        tasks: Vec<Arc<TaskSpec>>,
    },
    /// A task that was being configured is queued. T3.
    TaskSubmitted {
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
    },
    /// A task went back to be edited: what of it is not finished.
    TaskConfigured {
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
    },
    /// What a task asks for was changed.
    TaskModified {
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
        /// As it is asked for now.
        spec: Arc<TaskSpec>,
    },
    /// A job was submitted. J3, J24: what may run again is queued again.
    JobSubmitted {
        /// Which.
        job: JobId,
        /// Whether it goes before others of its priority: a job that is queued again does.
        first: bool,
    },
    /// Checks passed; the job is in the queue. J7.
    JobValidated {
        /// Which.
        job: JobId,
        /// Units that it starts with at least.
        min: u32,
        /// Units that it is given at most.
        max: u32,
    },
    /// One of the jobs that a queued job waits for has finished.
    ParentFinished {
        /// The one that waits.
        job: JobId,
        /// The one that has finished.
        parent: JobId,
    },
    /// Submission filters look at a job, the first of them now. J4.
    ScreeningBegun {
        /// Which.
        job: JobId,
        /// Those that are asked, in order.
        filters: Vec<String>,
    },
    /// A submission filter lets a job pass; the next one is asked, or it is validated. J5.
    FilterPassed {
        /// Which.
        job: JobId,
    },
    /// A job did not get past its submission filters; it has failed. J6.
    JobRejected {
        /// Which.
        job: JobId,
        /// Why.
        error: JobError,
    },
    /// A filter has taken back that it passed a job, or failed at it.
    RevertEnded {
        /// Which job; it may be gone.
        job: JobId,
        /// The question by which the filter was told.
        question: u64,
    },
    /// Activation filters are asked whether a job may start, or grow, with what the policy proposed. Nobody else is given that meanwhile.
    ActivationBegun {
        /// Which.
        job: JobId,
        /// What it would be given.
        grants: Vec<Grant>,
        /// Those that are asked, in order.
        filters: Vec<String>,
        /// It would start before a job that is ahead of it in the queue.
        backfill: bool,
    },
    /// The next activation filter is asked, or the first one again.
    ActivationAsked {
        /// Which job.
        job: JobId,
        /// Which filter, from 0.
        filter: u32,
    },
    /// An activation filter does not let a job start or grow, for now.
    ActivationDeferred {
        /// Which.
        job: JobId,
        /// What that means.
        how: Deferral,
        /// When it is asked again, or may be.
        until: Timestamp,
        /// Its words, or what is known of its fault.
        said: String,
    },
    /// A job that holds the queue up may be proposed for again.
    ActivationDue {
        /// Which.
        job: JobId,
    },
    /// What a job was to be given can no longer be, or is asked for no more: it is free again.
    ActivationDropped {
        /// Which.
        job: JobId,
    },
    /// A check failed; the job has failed. J8.
    JobInvalid {
        /// Which.
        job: JobId,
        /// What is wrong.
        error: Invalid,
    },
    /// A hold was set, changed or, with none, cleared or over.
    HoldSet {
        /// Which.
        job: JobId,
        /// Not to start before.
        until: Option<Timestamp>,
        /// Who says so.
        by: HeldBy,
    },
    /// The policy said why a job waits.
    WaitExplained {
        /// Which.
        job: JobId,
        /// Its words.
        waiting: Waiting,
    },
    /// The policy said when a job is expected to start, or took it back.
    Reserved {
        /// Which.
        job: JobId,
        /// When and where.
        reservation: Option<Reservation>,
    },
    /// A job was given resources and runs. J9.
    JobStarted {
        /// Which.
        job: JobId,
        /// What it was given.
        grants: Vec<Grant>,
    },
    /// A running job was given more.
    JobGrown {
        /// Which.
        job: JobId,
        /// What it was given.
        grants: Vec<Grant>,
    },
    /// A running job gave back idle cores of a node that it keeps.
    CoresReturned {
        /// Which.
        job: JobId,
        /// What it gave back.
        grant: Grant,
    },
    /// A node is to leave a running job as soon as no task of it runs there.
    ShareClosed {
        /// Which.
        job: JobId,
        /// The node.
        node: NodeId,
    },
    /// Somebody asked for something to be done to a task; what comes of it follows.
    TaskRequested {
        /// Whose.
        job: JobId,
        /// Which task.
        task: TaskId,
        /// One instance, or the whole task.
        instance: Option<u32>,
        /// What they asked for.
        request: TaskRequest,
        /// Who.
        by: String,
        /// What they said; may be empty.
        message: String,
    },
    /// A running job is to give back so many cores as they become idle, or no longer is. T13.
    JobPreempted {
        /// Which.
        job: JobId,
        /// What; none: it keeps what it has.
        giving_back: Option<GivingBack>,
    },
    /// Instances were sent to their nodes. T4.
    Dispatched {
        /// Whose.
        job: JobId,
        /// Which, and on what.
        works: Vec<Dispatch>,
    },
    /// A node has begun with an instance.
    WorkStarted {
        /// Which.
        execution: Execution,
    },
    /// An attempt has ended, and nothing of it is left on its node. T5–T8, T10, T12–T14.
    WorkEnded {
        /// Which.
        execution: Execution,
        /// What that means.
        verdict: Verdict,
        /// The exit code, where there was one.
        code: Option<i32>,
        /// The node's words when it could not be done.
        error: Option<String>,
    },
    /// Running instances are to end.
    StopRequested {
        /// Whose.
        job: JobId,
        /// Which.
        executions: Vec<Execution>,
        /// Why.
        cause: StopCause,
        /// Between the request and the kill.
        grace: Span,
    },
    /// Queued instances will not run. T9.
    InstancesCanceled {
        /// Whose.
        job: JobId,
        /// Which task.
        task: TaskId,
        /// One, or all that are queued.
        instance: Option<u32>,
        /// Why.
        cause: CancelCause,
    },
    /// Queued instances have failed without running. T18.
    InstancesFailed {
        /// Whose.
        job: JobId,
        /// Which task.
        task: TaskId,
        /// Why.
        cause: FailureCause,
    },
    /// Ended instances are to run again. T16.
    TaskRequeued {
        /// Whose.
        job: JobId,
        /// Which task.
        task: TaskId,
        /// One, or all that failed or were canceled.
        instance: Option<u32>,
    },
    /// A job is being ended: what is queued is canceled, what runs is to end, nodes are released.
    JobEnding {
        /// Which.
        job: JobId,
        /// How, and what it becomes.
        closing: Closing,
        /// Why.
        error: Option<JobError>,
    },
    /// Nodes were given back: others may have them.
    SharesFreed {
        /// By whom.
        job: JobId,
        /// Which.
        nodes: Vec<NodeId>,
    },
    /// A job has become what its ending said.
    JobEnded {
        /// Which.
        job: JobId,
    },
    /// A job was forgotten, after its time (`TTLCompletedJobs`). J28.
    JobPurged {
        /// Which.
        job: JobId,
    },
    /// An ended job left the live state for history, which keeps it as it was.
    JobArchived {
        /// All of it.
        job: Arc<Job>,
    },
    /// A job of history is live again: somebody wants something of it.
    JobRecalled {
        /// As history kept it.
        job: Arc<Job>,
    },
    /// History forgot the jobs that had ended before (`TTLCompletedJobs`). J28 for those that are not live.
    HistoryPurged {
        /// Earlier than this.
        ended_before: Timestamp,
    },
    /// A component is kept, or has another name or manifest.
    PolicyStored(Arc<StoredPolicy>),
    /// A policy came into force.
    PolicyActivated(Arc<Activation>),
    /// A policy is asked beside the one in force from now on, or none is.
    ShadowSet(Option<Arc<Shadowing>>),
    /// A policy decides for some of the nodes from now on, or none does.
    CanarySet(Option<Arc<Canary>>),
    /// A policy was asked; what came of its plan are the events before this one.
    PolicyPassed(Arc<PassRecord>),
    /// A call of a policy failed.
    PolicyFaulted(Arc<PolicyFault>),
    /// A request with a key was answered: the events before this one are what came of it. Older answers are forgotten, beyond the limits.
    AnswerKept(Arc<KeptAnswer>),
}

impl Fact {
    /// The job that it is about, if it is about one.
    pub fn job(&self) -> Option<JobId> {
        match self {
            Fact::ParametersSet(_)
            | Fact::TemplateSet(_)
            | Fact::TemplateRemoved { .. }
            | Fact::NodeAdded { .. }
            | Fact::NodeStateChanged { .. }
            | Fact::NodeReachable { .. }
            | Fact::NodeGroupsSet { .. }
            | Fact::HistoryPurged { .. }
            | Fact::PolicyStored(_)
            | Fact::PolicyActivated(_)
            | Fact::ShadowSet(_)
            | Fact::CanarySet(_)
            | Fact::PolicyPassed(_)
            | Fact::PolicyFaulted(_)
            | Fact::AnswerKept(_) => None,
            Fact::JobAdded { job, .. }
            | Fact::JobConfigured { job }
            | Fact::JobSubmitted { job, .. }
            | Fact::JobValidated { job, .. }
            | Fact::JobInvalid { job, .. }
            | Fact::ScreeningBegun { job, .. }
            | Fact::FilterPassed { job }
            | Fact::JobRejected { job, .. }
            | Fact::RevertEnded { job, .. }
            | Fact::ActivationBegun { job, .. }
            | Fact::ActivationAsked { job, .. }
            | Fact::ActivationDeferred { job, .. }
            | Fact::ActivationDue { job }
            | Fact::ActivationDropped { job }
            | Fact::HoldSet { job, .. }
            | Fact::WaitExplained { job, .. }
            | Fact::Reserved { job, .. }
            | Fact::JobStarted { job, .. }
            | Fact::JobGrown { job, .. }
            | Fact::CoresReturned { job, .. }
            | Fact::ShareClosed { job, .. }
            | Fact::TaskRequested { job, .. }
            | Fact::JobModified { job, .. }
            | Fact::MaximumChanged { job, .. }
            | Fact::JobDeleted { job }
            | Fact::TasksAdded { job, .. }
            | Fact::TaskSubmitted { job, .. }
            | Fact::TaskConfigured { job, .. }
            | Fact::TaskModified { job, .. }
            | Fact::Dispatched { job, .. }
            | Fact::StopRequested { job, .. }
            | Fact::InstancesCanceled { job, .. }
            | Fact::InstancesFailed { job, .. }
            | Fact::TaskRequeued { job, .. }
            | Fact::JobEnding { job, .. }
            | Fact::SharesFreed { job, .. }
            | Fact::JobEnded { job }
            | Fact::ParentFinished { job, .. }
            | Fact::JobPreempted { job, .. }
            | Fact::JobPurged { job } => Some(*job),
            Fact::JobArchived { job } | Fact::JobRecalled { job } => Some(job.id),
            Fact::WorkStarted { execution } | Fact::WorkEnded { execution, .. } => {
                Some(execution.job)
            }
        }
    }
}
