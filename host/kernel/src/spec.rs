//! What a user asks for: jobs and tasks as submitted, nodes as configured. No state.

use serde::{Deserialize, Serialize};

use crate::{ExitCodes, JobId, Span, Timestamp};

/// What a job's minimum and maximum count.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Unit {
    /// Cores.
    #[default]
    Core = 0,
    /// Whole sockets.
    Socket = 1,
    /// Whole nodes.
    Node = 2,
    /// GPUs.
    Gpu = 3,
}

/// Who may do what with a job, and how it is started.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// An ordinary job in the queue.
    #[default]
    Batch,
    /// A command (admin) job: only an administrator may make or cancel it.
    Command,
}

/// A job as its user asks for it; its tasks are given beside it.
///
/// Properties and defaults are those of HPC Pack (job properties of the default template).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobSpec {
    /// For people; at most 80 characters.
    pub name: String,
    /// What the work is for; at most 80 characters.
    pub project: String,
    /// Whose job it is.
    pub owner: String,
    /// Batch or command.
    pub kind: JobKind,
    /// 0 to 4000; 2000 is normal.
    pub priority: u32,
    /// What `min` and `max` count.
    pub unit: Unit,
    /// The least that it starts with; computed from the tasks when none.
    pub min: Option<u32>,
    /// The most that it is given; computed from the tasks when none.
    pub max: Option<u32>,
    /// No other job on its nodes.
    pub exclusive: bool,
    /// All that it gets is on one node.
    pub single_node: bool,
    /// May be preempted.
    pub can_preempt: bool,
    /// May be given more while it runs.
    pub can_grow: bool,
    /// May give back what is above its minimum.
    pub can_shrink: bool,
    /// Keeps its allocation with no task left, until it is canceled or finished.
    pub run_until_canceled: bool,
    /// The first failed task fails the job at once.
    pub fail_on_task_failure: bool,
    /// Tasks that depend on a failed or canceled one fail too; otherwise they run.
    pub fail_dependent_tasks: bool,
    /// How often a task is tried again after a bad exit code (`TaskExecutionFailureRetryLimit`).
    pub task_retry_limit: u32,
    /// Success, for tasks that do not say it themselves.
    pub valid_exit_codes: Option<ExitCodes>,
    /// Wall-clock limit, which is also the estimate that policies get.
    pub runtime: Option<Span>,
    /// Do not start before.
    pub hold_until: Option<Timestamp>,
    /// Only these nodes; any when empty.
    pub requested_nodes: Vec<String>,
    /// Not these nodes.
    pub excluded_nodes: Vec<String>,
    /// For every task; a task's own entry wins, an empty value removes a name.
    pub environment: Vec<(String, String)>,
    /// The job template that it is made from; the default one's name when empty.
    pub template: String,
    /// Properties that its user gave although the value is what it would be anyway, by HPC Pack's names: a template's
    /// default does not replace those.
    pub given: Vec<String>,
    /// The user's own; names of at most 80 characters are told apart without regard to case, values have at most 1024.
    pub custom_properties: Vec<(String, String)>,
    /// Only nodes of these groups; of any when empty.
    pub node_groups: Vec<String>,
    /// How several groups are meant.
    pub node_group_op: GroupOp,
    /// Only nodes with so much memory at least, in MiB (`MinMemory`).
    pub memory_mb_min: Option<u64>,
    /// Only nodes with so much memory at most, in MiB (`MaxMemory`).
    pub memory_mb_max: Option<u64>,
    /// Only nodes with so many cores at least (`MinCoresPerNode`).
    pub cores_per_node_min: Option<u32>,
    /// Only nodes with so many cores at most (`MaxCoresPerNode`).
    pub cores_per_node_max: Option<u32>,
    /// Which of the nodes that would do it is to be given first; as the policy likes when empty.
    pub order_by: Vec<OrderBy>,
    /// Licences that it needs, as `feature:count,…` (`SoftwareLicense`); at most 160 characters. Carried for filters to read,
    /// not enforced. See [`crate::licence`].
    pub licences: String,
    /// Jobs that must have finished before (`ParentJobIds`).
    pub parent_jobs: Vec<JobId>,
    /// Only nodes with so much memory at least, in MiB: what one of its processes is thought to need (`EstimatedProcessMemory`).
    pub process_memory_mb: Option<u64>,
    /// No more than this is proposed for it, within its minimum and maximum (`TargetResourceCount`); as much as its tasks could use when none.
    pub target: Option<u32>,
    /// Somebody wants to hear that it started.
    pub notify_on_start: bool,
    /// Somebody wants to hear that it ended.
    pub notify_on_completion: bool,
    /// Who; at most 256 characters. Not used by the kernel.
    pub email: String,
    /// Percent done, as somebody said; computed when none.
    pub progress: Option<u32>,
    /// What somebody says of its progress; at most 80 characters.
    pub progress_message: String,
    /// The resource pool that it draws on, as its template says; the default one when empty. Nobody else sets it.
    pub pool: String,
}

/// How several node groups of a job are meant.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum GroupOp {
    /// Nodes that are in all of them.
    #[default]
    Intersect = 0,
    /// All nodes from one of them: the first in the list that has enough.
    Uniform = 1,
    /// Nodes that are in any of them.
    Union = 2,
}

/// What nodes can be put in order by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeProperty {
    /// How many cores a node has.
    Cores,
    /// How much memory a node has.
    Memory,
}

/// One thing that a job's nodes are put in order by: the most of it first, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderBy {
    /// What is compared.
    pub property: NodeProperty,
    /// The other way round.
    pub fewest_first: bool,
}

impl Default for JobSpec {
    fn default() -> Self {
        JobSpec {
            name: String::new(),
            project: String::new(),
            owner: String::new(),
            kind: JobKind::Batch,
            priority: 2_000,
            unit: Unit::Core,
            min: None,
            max: None,
            exclusive: false,
            single_node: false,
            can_preempt: true,
            can_grow: true,
            can_shrink: true,
            run_until_canceled: false,
            fail_on_task_failure: false,
            fail_dependent_tasks: false,
            task_retry_limit: 0,
            valid_exit_codes: None,
            runtime: None,
            hold_until: None,
            requested_nodes: Vec::new(),
            excluded_nodes: Vec::new(),
            environment: Vec::new(),
            node_groups: Vec::new(),
            node_group_op: GroupOp::Intersect,
            memory_mb_min: None,
            memory_mb_max: None,
            cores_per_node_min: None,
            cores_per_node_max: None,
            order_by: Vec::new(),
            licences: String::new(),
            parent_jobs: Vec::new(),
            process_memory_mb: None,
            target: None,
            notify_on_start: false,
            notify_on_completion: false,
            email: String::new(),
            progress: None,
            progress_message: String::new(),
            pool: String::new(),
            template: String::new(),
            given: Vec::new(),
            custom_properties: Vec::new(),
        }
    }
}

/// What a task is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// One command.
    #[default]
    Basic,
    /// One command for each of the values `start`, `start + increment`, … up to `end`.
    Sweep {
        /// First value.
        start: u32,
        /// No value is above this one.
        end: u32,
        /// At least 1.
        increment: u32,
    },
    /// One command in as many instances as the job has room for: a new one starts whenever there is room, be it that one
    /// ended or that a node was added, until the service is concluded or the job ends.
    Service,
    /// Runs on each node that is added to the job, before any other task there.
    NodePrepare,
    /// Runs on each node that leaves the job.
    NodeRelease,
}

impl TaskKind {
    /// Whether the job's result depends on it: not for node prepare and node release.
    pub fn is_ordinary(self) -> bool {
        match self {
            TaskKind::Basic | TaskKind::Sweep { .. } | TaskKind::Service => true,
            TaskKind::NodePrepare | TaskKind::NodeRelease => false,
        }
    }

    /// First and last instance id: 0 to 0 for a basic task, from 1 for a sweep, none that are known from the start for services and
    /// node tasks.
    pub fn instances(self) -> Option<(u32, u32)> {
        match self {
            TaskKind::Basic => Some((0, 0)),
            TaskKind::Sweep {
                start,
                end,
                increment,
            } => Some((
                1,
                (end.checked_sub(start)? / increment.max(1)).saturating_add(1),
            )),
            TaskKind::Service | TaskKind::NodePrepare | TaskKind::NodeRelease => None,
        }
    }

    /// What `*` stands for in an instance: the sweep's value, or the instance id in services and node tasks.
    pub fn value(self, instance: u32) -> Option<u32> {
        match self {
            TaskKind::Basic => None,
            TaskKind::Sweep {
                start, increment, ..
            } => Some(start.saturating_add((instance.saturating_sub(1)).saturating_mul(increment))),
            TaskKind::Service | TaskKind::NodePrepare | TaskKind::NodeRelease => Some(instance),
        }
    }
}

/// A task as its user asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskSpec {
    /// What others depend on; at most 80 characters, no comma. Tasks of one name form a group.
    pub name: String,
    /// What the task is.
    pub kind: TaskKind,
    /// For a shell of the node. `*` becomes the sweep's value, see `sweep`.
    pub command_line: String,
    /// Which executor, prepare task or release task runs it, by the name that the nodes know; `command` if none.
    pub plugin: Option<String>,
    /// Absolute path; the node's default when empty.
    pub working_folder: String,
    /// File for standard input.
    pub standard_input: Option<String>,
    /// File for standard output; captured by the node when none.
    pub standard_output: Option<String>,
    /// File for standard error; captured by the node when none.
    pub standard_error: Option<String>,
    /// Units that it needs at least.
    pub min: u32,
    /// Units that it is given at most.
    pub max: u32,
    /// Names of tasks that must have ended before.
    pub depends_on: Vec<String>,
    /// Wall-clock limit of one attempt.
    pub runtime: Option<Span>,
    /// May be run again after an error of the system, a preemption, or by a person.
    pub rerunnable: bool,
    /// No other task of its job on its nodes while it runs; its job has them to itself too.
    pub exclusive: bool,
    /// Nodes that each instance is given something of, all of them; it does its work on the first (`RequiredNodes`).
    pub required_nodes: Vec<String>,
    /// Only on nodes of this group (`RequestedNodeGroup`).
    pub node_group: Option<String>,
    /// Success; the job's when none.
    pub valid_exit_codes: Option<ExitCodes>,
    /// The job fails at once when so many instances of this task have failed; never when none.
    pub fail_job_on_failure_count: Option<u32>,
    /// On top of the job's.
    pub environment: Vec<(String, String)>,
    /// The user's own, as a job's.
    pub custom_properties: Vec<(String, String)>,
}

impl Default for TaskSpec {
    fn default() -> Self {
        TaskSpec {
            name: String::new(),
            kind: TaskKind::Basic,
            command_line: String::new(),
            plugin: None,
            working_folder: String::new(),
            standard_input: None,
            standard_output: None,
            standard_error: None,
            min: 1,
            max: 1,
            depends_on: Vec::new(),
            runtime: None,
            rerunnable: true,
            exclusive: false,
            required_nodes: Vec::new(),
            node_group: None,
            valid_exit_codes: None,
            fail_job_on_failure_count: None,
            environment: Vec::new(),
            custom_properties: Vec::new(),
        }
    }
}

/// A node as the site configures it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Unique in the pool.
    pub name: String,
    /// Cores that jobs may have, numbered from 0.
    pub cores: u32,
    /// Sockets that the cores are spread over.
    pub sockets: u32,
    /// GPUs, numbered from 0.
    pub gpus: u32,
    /// Memory in MiB; 0 when not known.
    pub memory_mb: u64,
    /// Groups that it is in.
    #[serde(default)]
    pub groups: Vec<String>,
}

impl Default for NodeSpec {
    fn default() -> Self {
        NodeSpec {
            name: String::new(),
            cores: 1,
            sockets: 1,
            gpus: 0,
            memory_mb: 0,
            groups: Vec::new(),
        }
    }
}

/// What holds for the whole cluster. Names and defaults are HPC Pack's cluster parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// The name that tasks see as `CCP_CLUSTER_NAME`.
    pub cluster_name: String,
    /// `TaskCancelGracePeriod`: between the request to end and the kill.
    pub task_cancel_grace: Span,
    /// `NodeReleaseTaskTimeout`: how long a node release may take; 0 turns releases off.
    pub node_release_timeout: Span,
    /// `JobRetryCount`: how often the system queues a job again by itself.
    pub job_retry_count: u32,
    /// `TaskRetryCount`: how often the system queues a task again after an error that is not the task's.
    pub task_retry_count: u32,
    /// `ExcludedNodesLimit`.
    pub excluded_nodes_limit: u32,
    /// `TTLCompletedJobs`: how long an ended job stays; 0: not at all.
    pub ttl_completed_jobs: Span,
    /// `AffinityType`: whether tasks are pinned to their cores.
    pub affinity: Affinity,
    /// `DefaultHoldDuration`: how long an activation filter holds a job that it, or its fault, keeps from starting.
    pub default_hold: Span,
    /// For every task of every job, under what the job's template, the job and the task say. An empty value removes a name.
    pub environment: Vec<(String, String)>,
    /// `DisableResourceValidation`: whether jobs may wait for nodes and groups that are not there yet.
    pub disable_resource_validation: bool,
    /// `SchedulingMode`: which of the parameters below bind policies.
    pub scheduling_mode: SchedulingMode,
    /// `PreemptionType`: in queued mode, what a policy may take from running jobs at most.
    pub preemption: PreemptionType,
    /// `PreemptionBalancedMode`: the same in balanced mode. Never none: what is above the minimum of a job is lent.
    pub preemption_balanced: PreemptionType,
    /// `TaskImmediatePreemptionEnabled`: with immediate preemption, whether single tasks may be stopped.
    pub task_immediate_preemption: bool,
    /// `AutomaticGrowthEnabled`: in queued mode, whether running jobs may be given more.
    pub automatic_growth: bool,
    /// `AutomaticShrinkEnabled`: in queued mode, whether running jobs may give back what they do not use.
    pub automatic_shrink: bool,
    /// `GrowByPreemptionEnabled`: whether something may be taken from running jobs for running ones of a higher priority to grow.
    pub grow_by_preemption: bool,
    /// `PriorityBias`: in balanced mode, how much more jobs of higher priority get of what is above the minimum of all. For
    /// policies that follow it, as are the next two; the kernel has no use for them.
    pub priority_bias: PriorityBias,
    /// `PriorityBiasLevel`: how many times as much for each 1,000 of priority; 0: as `PriorityBias` says.
    pub priority_bias_level: u32,
    /// `RebalancingInterval`: in balanced mode, how often running jobs are given more and less.
    pub rebalancing_interval: Span,
    /// `SubmissionFilterProgram`: the filters of every job that is submitted, by name, in the order in which they are asked.
    pub submission_filters: Vec<String>,
    /// `SubmissionFilterTimeout`: how long one call of a submission filter may take.
    pub submission_filter_timeout: Span,
    /// `ActivationFilterProgram`: the filters of every job that is to start or to grow, likewise.
    pub activation_filters: Vec<String>,
    /// `ActivationFilterTimeout`: how long one call of an activation filter may take.
    pub activation_filter_timeout: Span,
    /// `BackfillLookahead`: how many jobs behind the first that waits a policy looks at; below 0 all, 0 none. For policies that
    /// follow it; the kernel has no use for it.
    pub backfill_lookahead: i32,
    /// `HeartbeatInterval`: how often a node should be heard of.
    pub heartbeat_interval: Span,
    /// `InactivityCount`: after how many of those without a connection a node counts as unreachable.
    pub inactivity_count: u32,
    /// `EnablePools`: whether jobs draw on the resource pools that their templates name; otherwise all on the default one.
    pub pools: bool,
    /// `FairShareHalfLife`, which HPC Pack does not have: after this time what an account has used counts half.
    pub fair_share_half_life: Span,
}

impl Parameters {
    /// How long a node may be without a connection before it counts as unreachable.
    pub fn unreachable_after(&self) -> Span {
        Span(
            self.heartbeat_interval
                .0
                .saturating_mul(u64::from(self.inactivity_count)),
        )
    }
}

/// What a policy goes for, and so which parameters bind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SchedulingMode {
    /// The first jobs are to end soon. `PreemptionType`, `AutomaticGrowthEnabled` and `AutomaticShrinkEnabled` bind.
    #[default]
    Queued,
    /// As many jobs as possible are to run. `PreemptionBalancedMode` binds, those three do not.
    Balanced,
}

/// How much the priority of a job counts in balanced mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PriorityBias {
    /// Not at all.
    None,
    /// Twice as much for each 1,000.
    #[default]
    Medium,
    /// Ten times as much for each 1,000.
    High,
}

/// What a policy may take from running jobs at most.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum PreemptionType {
    /// Nothing.
    None,
    /// What is left when a task ends.
    #[default]
    Graceful,
    /// Tasks are stopped.
    Immediate,
}

/// Which jobs' tasks are pinned to the cores they were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Affinity {
    /// All.
    AllJobs,
    /// All but exclusive ones, which have the node to themselves.
    #[default]
    NonExclusiveJobs,
    /// None.
    NoJobs,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            cluster_name: "jobyard".into(),
            task_cancel_grace: Span::from_secs(15),
            node_release_timeout: Span::from_secs(15),
            job_retry_count: 3,
            task_retry_count: 3,
            excluded_nodes_limit: 10,
            ttl_completed_jobs: Span::from_secs(5 * 86_400),
            affinity: Affinity::default(),
            disable_resource_validation: false,
            scheduling_mode: SchedulingMode::default(),
            preemption: PreemptionType::default(),
            preemption_balanced: PreemptionType::Immediate,
            task_immediate_preemption: true,
            automatic_growth: true,
            automatic_shrink: true,
            grow_by_preemption: false,
            priority_bias: PriorityBias::default(),
            priority_bias_level: 0,
            rebalancing_interval: Span::from_secs(10),
            backfill_lookahead: 1_000,
            heartbeat_interval: Span::from_secs(30),
            inactivity_count: 3,
            pools: false,
            fair_share_half_life: Span::from_secs(7 * 86_400),
            default_hold: Span::from_secs(900),
            environment: Vec::new(),
            submission_filters: Vec::new(),
            submission_filter_timeout: Span::from_secs(15),
            activation_filters: Vec::new(),
            activation_filter_timeout: Span::from_secs(15),
        }
    }
}
