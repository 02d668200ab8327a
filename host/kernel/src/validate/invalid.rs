//! Why a job or node cannot be taken, each case in words.

use serde::{Deserialize, Serialize};

use crate::limits::{
    CUSTOM_PROPERTIES_MAX, DEPENDENCIES_PER_TASK_MAX, DEPENDENCY_DEPTH_MAX, NODE_GROUP_CHARS_MAX,
    NODE_GROUPS_MAX, ORDER_BY_MAX, PARENT_JOBS_MAX, PRIORITY_MAX, SWEEP_INSTANCES_MAX, UNITS_MAX,
};
use crate::{GroupOp, JobId, Then, Unit};

/// Why a job or node cannot be taken as it is. `task` counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its case means")]
pub enum Invalid {
    #[error("{what} has {chars} characters; at most {max} are allowed")]
    TooLong {
        what: String,
        chars: usize,
        max: usize,
    },
    #[error("{what} has {bytes} bytes; at most {max} are allowed")]
    TooBig {
        what: String,
        bytes: usize,
        max: usize,
    },
    #[error("{what} contains a NUL character")]
    Nul { what: String },
    #[error("the job has {count} tasks; at most {max} are allowed")]
    TooManyTasks { count: usize, max: usize },
    #[error("priority {priority} is not from 0 to {PRIORITY_MAX}")]
    Priority { priority: u32 },
    #[error(
        "{what}: minimum {min} and maximum {max} must be from 1 to {UNITS_MAX}, the minimum not above the maximum"
    )]
    MinMax { what: String, min: u32, max: u32 },
    #[error("task {task} needs a command line")]
    NoCommandLine { task: u32 },
    #[error("task {task}: the name \"{name}\" has a comma, which separates names in lists")]
    CommaInName { task: u32, name: String },
    #[error(
        "task {task}: a sweep from {start} to {end} by {increment} has no instances; the end must not be below the start, and the increment at least 1"
    )]
    EmptySweep {
        task: u32,
        start: u32,
        end: u32,
        increment: u32,
    },
    #[error(
        "task {task}: the sweep has {instances} instances; at most {SWEEP_INSTANCES_MAX} are allowed"
    )]
    SweepTooLarge { task: u32, instances: u32 },
    #[error("task {task} needs at least {task_min} {unit}, but the job asks for at most {job_max}", unit = unit.plural())]
    TaskAboveJob {
        unit: Unit,
        task: u32,
        task_min: u32,
        job_max: u32,
    },
    #[error(
        "task {task} needs at least {task_min} {unit}, but the job may start with {job_min}; raise its minimum",
        unit = unit.plural()
    )]
    TaskMinAboveJobMin {
        unit: Unit,
        task: u32,
        task_min: u32,
        job_min: u32,
    },
    #[error("task {task} depends on \"{name}\", but no task has that name")]
    UnknownDependency { task: u32, name: String },
    #[error("task {task} depends on others, so it needs a name of its own")]
    DependsWithoutName { task: u32 },
    #[error(
        "task {task} depends on {count} names; at most {DEPENDENCIES_PER_TASK_MAX} are allowed"
    )]
    TooManyDependencies { task: u32, count: usize },
    #[error("tasks depend on each other in a circle: {}", circle.join(" -> "))]
    DependencyCycle { circle: Vec<String> },
    #[error(
        "dependencies between tasks are {depth} deep; at most {DEPENDENCY_DEPTH_MAX} are allowed"
    )]
    DependenciesTooDeep { depth: usize },
    #[error("tasks named \"{name}\" depend on different tasks; tasks of one name form one group")]
    GroupDiffers { name: String },
    #[error("task {task}: a node prepare or node release task has no {what}")]
    NotForNodeTask { task: u32, what: String },
    #[error("the job has {count} {kind} tasks; it may have one")]
    TwoNodeTasks { kind: String, count: usize },
    #[error("a job with only node prepare and node release tasks must run until canceled")]
    OnlyNodeTasks,
    #[error("task {task} is a service, which has no {what}")]
    NotForService { task: u32, what: String },
    #[error(
        "task {task} is a service: beside it a job has only node prepare and node release tasks"
    )]
    ServiceNotAlone { task: u32 },
    #[error("a job that runs until canceled must say its minimum and maximum")]
    RunUntilCanceledAuto,
    #[error("task {task}: its run-time limit of {limit} is above the job's of {job_limit}")]
    RuntimeAboveJob {
        task: u32,
        limit: crate::Span,
        job_limit: crate::Span,
    },
    #[error("a run-time limit must be above zero")]
    ZeroRuntime,
    #[error("there is no node named \"{name}\"; there are: {known}")]
    UnknownNode { name: String, known: String },
    #[error("{count} nodes are excluded; at most {max} may be (ExcludedNodesLimit)")]
    TooManyExcluded { count: usize, max: u32 },
    #[error(
        "the job needs at least {min} {unit}, but there are {units} on the {nodes} that it may run on",
        unit = unit.plural()
    )]
    NotEnoughUnits {
        unit: Unit,
        min: u32,
        units: u64,
        nodes: String,
    },
    #[error("the job needs at least {min} {unit} on one node, but the largest has {largest}", unit = unit.plural())]
    NoNodeLargeEnough { unit: Unit, min: u32, largest: u32 },
    #[error("the job needs at least {min} {unit} of one node group, but the largest that it names has {largest}", unit = unit.plural())]
    NoGroupLargeEnough { unit: Unit, min: u32, largest: u64 },
    #[error("a job on a single node cannot have a minimum of {min} nodes")]
    SingleNodeOfMany { min: u32 },
    #[error("there is no node group named \"{name}\"; there are: {known}")]
    UnknownNodeGroup { name: String, known: String },
    #[error("node groups are to be joined as {op:?}, but none is named")]
    GroupOpWithoutGroups { op: GroupOp },
    #[error("a command job cannot take its nodes from one node group (Uniform)")]
    UniformCommandJob,
    #[error("{what} has {count} node groups; at most {NODE_GROUPS_MAX} are allowed")]
    TooManyNodeGroups { what: String, count: usize },
    #[error(
        "node group \"{name}\" is not a name of 1 to {NODE_GROUP_CHARS_MAX} characters without a comma"
    )]
    NodeGroupName { name: String },
    #[error("{what} per node: the least of {least} is above the most of {most}")]
    NodeFilter { what: String, least: u64, most: u64 },
    #[error(
        "nodes are put in order by {count} things; at most {ORDER_BY_MAX} different ones are allowed"
    )]
    OrderBy { count: usize },
    #[error("the job waits for {count} others; at most {PARENT_JOBS_MAX} are allowed")]
    TooManyParents { count: usize },
    #[error("the job waits for job {parent}, which is not there")]
    UnknownParent { parent: JobId },
    #[error("the job waits for job {parent}, which is not submitted")]
    ParentNotSubmitted { parent: JobId },
    #[error("the job waits for job {parent}, which {} and is no longer in the scheduler; without it the job can be submitted", ended(*how))]
    ParentGone {
        parent: JobId,
        #[serde(default)]
        how: Option<Then>,
    },
    #[error("jobs wait for each other in a circle: {}", ids(circle))]
    ParentCycle { circle: Vec<JobId> },
    #[error("a command job cannot wait for other jobs")]
    CommandJobDepends,
    #[error("licence \"{part}\" {what}")]
    Licence { part: String, what: String },
    #[error("environment variable \"{name}\" is not a name: it is empty, or has '=' or NUL in it")]
    VariableName { name: String },
    #[error("task {task} asks for at most {task_max} {unit}, but the job asks for at most {job_max}", unit = unit.plural())]
    TaskMaxAboveJob {
        #[serde(default)]
        unit: Unit,
        task: u32,
        task_max: u32,
        job_max: u32,
    },
    #[error(
        "task {task} is exclusive, which needs a job that is exclusive too and says its minimum and maximum"
    )]
    ExclusiveTask { task: u32 },
    #[error(
        "task {task} requires nodes, which needs a job that says its minimum and maximum itself"
    )]
    RequiredAuto { task: u32 },
    #[error("task {task} requires node {node}, which the job does not request")]
    RequiredNotRequested { task: u32, node: String },
    #[error("task {task} requires node {node}, which the job excludes")]
    RequiredExcluded { task: u32, node: String },
    #[error(
        "task {task} requires node {node}, which is offline, has none of what the job counts, or is not one that the job may run on"
    )]
    RequiredNotAvailable { task: u32, node: String },
    #[error("task {task} requires node {node}, which its running job does not have")]
    RequiredNotAllocated { task: u32, node: String },
    #[error("task {task} requires {count} nodes, but the job asks for at most {max} {unit}", unit = unit.plural())]
    RequiredAboveMax {
        unit: Unit,
        task: u32,
        count: usize,
        max: u32,
    },
    #[error("task {task} requires {count} nodes, but asks for at most {max} {unit}; raise its maximum", unit = unit.plural())]
    RequiredAboveTask {
        unit: Unit,
        task: u32,
        count: usize,
        max: u32,
    },
    #[error("the tasks require {count} nodes, but the job may start with {min} {unit}; raise its minimum", unit = unit.plural())]
    RequiredAboveMin { unit: Unit, count: usize, min: u32 },
    #[error("a job on a single node has tasks that require {count} nodes")]
    SingleNodeRequires { count: usize },
    #[error("none of the job's node groups has all nodes that its tasks require")]
    RequiredNotUniform,
    #[error("task {task} asks for a node group, which goes with no node groups of the job")]
    TaskGroupInJobGroups { task: u32 },
    #[error("task {task} asks for a node group, which goes with no required nodes in its job")]
    TaskGroupWithRequired { task: u32 },
    #[error("task {task} needs at least {min} {unit} of node group \"{group}\", of which the job may have {units}", unit = unit.plural())]
    TaskGroupTooSmall {
        unit: Unit,
        task: u32,
        group: String,
        min: u32,
        units: u64,
    },
    #[error("the tasks need {units} {unit} of different node groups, but the job asks for at most {max}", unit = unit.plural())]
    TaskGroupsAboveMax { unit: Unit, units: u32, max: u32 },
    #[error("a target of {target} is not between the minimum of {min} and the maximum of {max}")]
    Target { target: u32, min: u32, max: u32 },
    #[error("{percent} percent are not from 0 to 100")]
    Progress { percent: u32 },
    #[error("{what} has a control character")]
    ControlCharacter { what: String },
    #[error("task {task} depends on others, which tasks of a command job cannot")]
    CommandJobDependency { task: u32 },
    #[error(
        "task {task} is a service, which a command job cannot have: it holds nothing to run as many as fit"
    )]
    CommandJobService { task: u32 },
    #[error("no node is left that the command job could run on")]
    CommandJobWithoutNode,
    #[error(
        "task {task} is a node release task, and those are turned off (NodeReleaseTaskTimeout is 0)"
    )]
    ReleaseDisabled { task: u32 },
    #[error(
        "task {task}: a node release may take {timeout} (NodeReleaseTaskTimeout), its limit is {limit}"
    )]
    ReleaseTooLong {
        task: u32,
        limit: crate::Span,
        timeout: crate::Span,
    },
    #[error("there is no job template named \"{name}\"; there are: {known}")]
    UnknownTemplate { name: String, known: String },
    #[error("{what} (job template \"{template}\")")]
    Template { template: String, what: String },
    #[error("job template \"{template}\": {what}")]
    TemplateItself { template: String, what: String },
    #[error("there is no property \"{name}\"; there are: {known}")]
    UnknownProperty { name: String, known: String },
    #[error("the job has {count} custom properties; at most {CUSTOM_PROPERTIES_MAX} are allowed")]
    TooManyCustom { count: usize },
    #[error("custom property \"{name}\": the name is empty, or there is one of that name already")]
    CustomName { name: String },
    #[error("node \"{name}\": {what}")]
    Node { name: String, what: String },
}

/// HPC Pack's numbers of validation errors count from here.
const VALIDATION: u32 = 0x8004_05E8;

impl Invalid {
    /// HPC Pack's number, where it has one for this (reference 1.6); else the first of its validation errors.
    pub fn code(&self) -> u32 {
        let number = match self {
            Invalid::UnknownParent { .. } | Invalid::ParentGone { .. } => 16,
            Invalid::ParentNotSubmitted { .. } => 17,
            Invalid::RunUntilCanceledAuto => 29,
            Invalid::NotEnoughUnits { .. } => 35,
            Invalid::NoCommandLine { .. } => 40,
            Invalid::TaskMinAboveJobMin { .. } | Invalid::TaskAboveJob { .. } => 46,
            Invalid::TaskMaxAboveJob { .. } => 47,
            Invalid::ExclusiveTask { .. } => 49,
            Invalid::RequiredNotRequested { .. } => 50,
            Invalid::RuntimeAboveJob { .. } => 51,
            Invalid::RequiredNotAvailable { .. } => 52,
            Invalid::RequiredAboveMax { .. } => 53,
            Invalid::RequiredAuto { .. } => 55,
            Invalid::MinMax { min: 0, .. } => 58,
            Invalid::MinMax { .. } => 34,
            Invalid::GroupDiffers { .. } => 60,
            Invalid::DependencyCycle { .. } => 61,
            Invalid::UnknownDependency { .. } => 63,
            Invalid::DependsWithoutName { .. } => 64,
            Invalid::DependenciesTooDeep { .. } => 65,
            Invalid::EmptySweep { increment: 0, .. } => 93,
            Invalid::EmptySweep { .. } => 94,
            Invalid::TwoNodeTasks { kind, .. } if kind == "node prepare" => 95,
            Invalid::TwoNodeTasks { .. } => 96,
            Invalid::OnlyNodeTasks => 97,
            Invalid::NotForNodeTask { .. } | Invalid::NotForService { .. } => 98,
            Invalid::ReleaseDisabled { .. } => 99,
            Invalid::ReleaseTooLong { .. } => 100,
            Invalid::SweepTooLarge { .. } => 102,
            Invalid::Target { target, max, .. } if target > max => 103,
            Invalid::Target { .. } => 104,
            Invalid::ServiceNotAlone { .. } => 105,
            Invalid::NodeFilter { .. } => 106,
            Invalid::RequiredNotAllocated { .. } => 107,
            Invalid::CommandJobDependency { .. } => 110,
            Invalid::NoGroupLargeEnough { .. } => 112,
            Invalid::RequiredNotUniform => 113,
            Invalid::UniformCommandJob => 114,
            Invalid::GroupOpWithoutGroups { .. } => 115,
            Invalid::SingleNodeRequires { .. } => 130,
            Invalid::SingleNodeOfMany { .. } => 131,
            Invalid::NoNodeLargeEnough { .. } => 132,
            Invalid::RequiredAboveMin { .. } | Invalid::RequiredAboveTask { .. } => 140,
            Invalid::TaskGroupTooSmall { .. } => 141,
            Invalid::TaskGroupWithRequired { .. } => 142,
            Invalid::TaskGroupInJobGroups { .. } => 143,
            Invalid::TooLong { .. }
            | Invalid::TooBig { .. }
            | Invalid::Nul { .. }
            | Invalid::Progress { .. }
            | Invalid::ControlCharacter { .. }
            | Invalid::TooManyTasks { .. }
            | Invalid::Priority { .. }
            | Invalid::CommaInName { .. }
            | Invalid::TooManyDependencies { .. }
            | Invalid::ZeroRuntime
            | Invalid::UnknownNode { .. }
            | Invalid::TooManyExcluded { .. }
            | Invalid::RequiredExcluded { .. }
            | Invalid::TaskGroupsAboveMax { .. }
            | Invalid::UnknownNodeGroup { .. }
            | Invalid::TooManyNodeGroups { .. }
            | Invalid::NodeGroupName { .. }
            | Invalid::OrderBy { .. }
            | Invalid::TooManyParents { .. }
            | Invalid::ParentCycle { .. }
            | Invalid::CommandJobDepends
            | Invalid::Licence { .. }
            | Invalid::VariableName { .. }
            | Invalid::CommandJobService { .. }
            | Invalid::CommandJobWithoutNode
            | Invalid::UnknownTemplate { .. }
            | Invalid::Template { .. }
            | Invalid::TemplateItself { .. }
            | Invalid::UnknownProperty { .. }
            | Invalid::TooManyCustom { .. }
            | Invalid::CustomName { .. }
            | Invalid::Node { .. } => 0,
        };
        VALIDATION + number
    }
}

fn ended(how: Option<Then>) -> &'static str {
    match how {
        Some(Then::Failed) => "failed",
        Some(Then::Canceled) => "was canceled",
        Some(Then::Finished | Then::Queued) | None => "did not finish",
    }
}

fn ids(jobs: &[JobId]) -> String {
    let ids: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    ids.join(" -> ")
}
