//! What can be asked of the kernel, by whom, and how it says no.

mod actor;
mod rejection;

use std::sync::Arc;

use crate::filter::FilterAnswer;
use crate::{
    ActivationCause, Decision, FromNode, Guard, Job, JobId, JobSpec, KeptAnswer, NodeId, NodeSpec,
    NodeState, Parameters, Part, PassRecord, PolicyFault, PolicySetup, StoredPolicy, TaskId,
    TaskSpec, Template, Timestamp,
};

pub use actor::{Actor, Role, Roles};
pub use rejection::Rejection;

/// How a job is canceled, gentlest first; a stronger manner may be asked for while a gentler one is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// What runs may run to its end; nothing new starts. Nodes are released as they become idle.
    Graceful,
    /// What runs is told to end and killed after `TaskCancelGracePeriod`; nodes are released.
    Normal,
    /// No grace period, no node release.
    Forced,
}

/// A request to change the state. Imperative; what comes of it are events.
#[derive(Debug, Clone, strum::IntoStaticStr, strum::VariantNames)]
pub enum Command {
    /// Set all of the cluster's parameters. The host's own, at its start: nobody is asked for.
    SetParameters(Parameters),
    /// Set one of the cluster's parameters.
    SetParameter {
        /// Who asks: an administrator.
        by: Actor,
        /// HPC Pack's name of it, in any case.
        name: String,
        /// As people write it; none: its default.
        value: Option<String>,
    },
    /// Set a variable of the cluster's environment, which every task gets.
    SetEnvironment {
        /// Who asks: an administrator.
        by: Actor,
        /// Its name.
        name: String,
        /// None: it is not set any more.
        value: Option<String>,
    },
    /// Add a job template, or replace the one of that name.
    SetTemplate {
        /// Who asks: an administrator.
        by: Actor,
        /// All of it.
        template: Arc<Template>,
    },
    /// Take a job template away that no job needs.
    RemoveTemplate {
        /// Who asks: an administrator.
        by: Actor,
        /// Its name, in any case.
        name: String,
    },
    /// Add a node to the pool, online. The host's own, as nodes join: nobody is asked for.
    AddNode(NodeSpec),
    /// Take a node offline, drain it, or bring it back.
    SetNodeState {
        /// Who asks: an administrator.
        by: Actor,
        /// Which.
        node: NodeId,
        /// What it shall be.
        state: NodeState,
    },
    /// Note that a node can be reached, or that nobody has heard of it for too long. The host's own, as connections come and go:
    /// nobody is asked for.
    SetNodeReachable {
        /// Which.
        node: NodeId,
        /// Whether it can be.
        reachable: bool,
    },
    /// Put a node into groups, and out of all others.
    SetNodeGroups {
        /// Who asks: an administrator.
        by: Actor,
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
    /// Add a job and submit it: `AddJob` and `SubmitJob` in one.
    QueueJob {
        /// Who asks; as for `AddJob`.
        by: Actor,
        /// The job.
        spec: Arc<JobSpec>,
        /// Its tasks.
        tasks: Vec<Arc<TaskSpec>>,
    },
    /// Add a copy of a job, as it was asked for, for whoever asks. Hold, state, times and errors are not copied.
    CloneJob {
        /// Who asks; becomes the owner.
        by: Actor,
        /// Which.
        job: JobId,
    },
    /// Change what a job asks for. What may change in which state is in `decide/modify.rs`.
    ModifyJob {
        /// Who asks.
        by: Actor,
        /// Which.
        job: JobId,
        /// All of its properties, as they shall be; an empty owner or template keeps what is there.
        spec: Arc<JobSpec>,
    },
    /// Take a job away that was never submitted.
    DeleteJob {
        /// Who asks.
        by: Actor,
        /// Which.
        job: JobId,
    },
    /// Forget an ended job before its time.
    PurgeJob {
        /// Who asks: an administrator.
        by: Actor,
        /// Which.
        job: JobId,
    },
    /// Forget all jobs that ended before a time.
    PurgeJobs {
        /// Who asks: an administrator.
        by: Actor,
        /// Jobs that ended at this time or later stay.
        ended_before: Timestamp,
    },
    /// Add tasks to a job that has not finished. In a job that is in the queue or runs they wait to be submitted.
    AddTasks {
        /// Who asks.
        by: Actor,
        /// Whose they become.
        job: JobId,
        /// They get the next ids, in order.
        tasks: Vec<Arc<TaskSpec>>,
        /// Submit them at once, where the job is in the queue or runs.
        submit: bool,
    },
    /// Submit a task that is being configured in a job that is in the queue or runs.
    SubmitTask {
        /// Who asks.
        by: Actor,
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
    },
    /// Take a task of a queued or running job back to be edited: what of it is not finished runs only when it is submitted again.
    ConfigureTask {
        /// Who asks.
        by: Actor,
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
    },
    /// Change a task that is being configured.
    ModifyTask {
        /// Who asks.
        by: Actor,
        /// Whose.
        job: JobId,
        /// Which.
        task: TaskId,
        /// All of its properties, as they shall be.
        spec: Arc<TaskSpec>,
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
        /// With or without grace.
        how: Manner,
    },
    /// End a job as if it had finished.
    FinishJob {
        /// Who asks.
        by: Actor,
        /// Which.
        job: JobId,
        /// As for a cancel.
        message: String,
        /// What runs may run to its end; nothing new starts.
        graceful: bool,
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
        /// At most 320 characters; kept with the task.
        message: String,
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
        /// As for a cancel.
        message: String,
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
    /// Start no more instances of a service (`ServiceConclude`).
    ConcludeService {
        /// Who asks.
        by: Actor,
        /// Whose.
        job: JobId,
        /// The service.
        task: TaskId,
        /// Also stop those that run; otherwise they run to their end.
        stop: bool,
    },
    /// Keep a component: its bytes are in the journal's store by now.
    StorePolicy {
        /// Who asks: an administrator.
        by: Actor,
        /// What it is; `at` and `by` are filled in.
        policy: Arc<StoredPolicy>,
    },
    /// Put a policy in force. It has shown by now that it takes its settings and gets through a pass.
    ActivatePolicy {
        /// Who asks: an administrator.
        by: Actor,
        /// Which, and how.
        setup: PolicySetup,
        /// What kind of activation it is.
        cause: ActivationCause,
        /// In their words: at most 320 characters.
        why: String,
        /// When it is to be taken back by itself.
        guard: Option<Guard>,
    },
    /// Ask a policy beside the one in force, and do not heed it; none: no more.
    ShadowPolicy {
        /// Who asks: an administrator.
        by: Actor,
        /// Which, and how.
        setup: Option<PolicySetup>,
        /// In their words: at most 320 characters.
        why: String,
    },
    /// Let a policy decide for some of the nodes; none: no more.
    CanaryPolicy {
        /// Who asks: an administrator.
        by: Actor,
        /// Which, how, and for which nodes.
        trial: Option<(PolicySetup, Part)>,
        /// In their words: at most 320 characters.
        why: String,
    },
    /// Note a pass of a policy, when its plan has been carried out. The host's own: nobody is asked for.
    PolicyPassed(Arc<PassRecord>),
    /// Note that a call of a policy failed. The host's own: nobody is asked for.
    PolicyFaulted(Arc<PolicyFault>),
    /// Keep what a request with a key is answered, which has just been carried out. The host's own: nobody is asked for.
    KeepAnswer(Arc<KeptAnswer>),
    /// A policy proposes.
    Propose(Decision),
    /// A node reports.
    Report(FromNode),
    /// A filter answers, or cannot. The host's own.
    FilterAnswer {
        /// What it was asked.
        question: u64,
        /// What it said.
        answer: FilterAnswer,
    },
    /// Time has passed: do what is due.
    Tick,
    /// Let these leave the live state for history, as far as they have ended. The host's own, as are the next two.
    ArchiveJobs(Vec<JobId>),
    /// Bring a job back from history; nothing happens to one that is live.
    RecallJob(Arc<Job>),
    /// Let history forget jobs that ended before a time, which is cut to now.
    PurgeHistory {
        /// Earlier than this.
        ended_before: Timestamp,
    },
}
