//! Every limit of the kernel, by name and with its unit. Sources are named where a limit is HPC Pack's.

/// Unicode scalar values of a cancel or finish message (`IScheduler::CancelJob`).
pub const CANCEL_MESSAGE_CHARS_MAX: usize = 320;
/// Unicode scalar values of the name of a job, task, project or owner.
pub const NAME_CHARS_MAX: usize = 80;
/// Unicode scalar values of the cluster's name.
pub const CLUSTER_NAME_CHARS_MAX: usize = 80;
/// Unicode scalar values of the name of a custom property.
pub const CUSTOM_NAME_CHARS_MAX: usize = 80;
/// Unicode scalar values of a custom property.
pub const CUSTOM_VALUE_CHARS_MAX: usize = 1_024;
/// Custom properties of one job.
pub const CUSTOM_PROPERTIES_MAX: usize = 1_000;
/// Unicode scalar values of the address that notifications are for (`EmailAddress`).
pub const EMAIL_CHARS_MAX: usize = 256;
/// Unicode scalar values of what is said of a job's progress (`ProgressMessage`).
pub const PROGRESS_MESSAGE_CHARS_MAX: usize = 80;
/// Job templates.
pub const TEMPLATES_MAX: usize = 1_000;
/// Rules, and names in a list, of one template.
pub const TEMPLATE_RULES_MAX: usize = 1_000;
/// Bytes of a command line. HPC Pack has 480; that is too short for the paths of today.
pub const COMMAND_LINE_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a path.
pub const PATH_BYTES_MAX: usize = 4_096;
/// Bytes of all names and values of one environment. HPC Pack has 2,048; shells pass more.
pub const ENVIRONMENT_BYTES_MAX: usize = 64 * 1024;
/// Instances of one sweep.
pub const SWEEP_INSTANCES_MAX: u32 = 1_000_000;
/// Instances that one service may come to.
pub const SERVICE_INSTANCES_MAX: u32 = 1_000_000;
/// Tasks of one job.
pub const TASKS_PER_JOB_MAX: usize = 100_000;
/// Names that one task may depend on.
pub const DEPENDENCIES_PER_TASK_MAX: usize = 1_000;
/// Longest chain of dependencies between tasks.
pub const DEPENDENCY_DEPTH_MAX: usize = 1_000;
/// Unicode scalar values of a job's licences (`SoftwareLicense`).
pub const LICENCES_CHARS_MAX: usize = 160;
/// Unicode scalar values of the name of a node group.
pub const NODE_GROUP_CHARS_MAX: usize = 64;
/// Node groups of one job or one node.
pub const NODE_GROUPS_MAX: usize = 100;
/// Properties that one job's nodes are put in order by (`OrderBy`).
pub const ORDER_BY_MAX: usize = 2;
/// Jobs that one job may wait for (`ParentJobIds`).
pub const PARENT_JOBS_MAX: usize = 1_000;
/// Cores (or other units) that a job may ask for.
pub const UNITS_MAX: u32 = 1_000_000;
/// Highest expanded priority.
pub const PRIORITY_MAX: u32 = 4_000;
/// How far ahead a job may be held: a year.
pub const HOLD_SECONDS_MAX: u64 = 366 * 86_400;
/// Instances dispatched by one event.
pub const DISPATCH_BATCH_MAX: usize = 4_096;
/// Nodes in the pool.
pub const NODES_MAX: usize = 100_000;
/// Cores of one node.
pub const CORES_PER_NODE_MAX: u32 = 1_000_000;
/// Bytes of a node's words about an attempt that went wrong; longer ones are cut.
pub const ERROR_TEXT_BYTES_MAX: usize = 4_096;
/// Filters of one job template, or of the cluster, for submission and for activation each.
pub const FILTERS_MAX: usize = 32;
/// Properties that a submission filter may change of one job.
pub const FILTER_CHANGES_MAX: usize = 10_000;
/// Bytes of a filter's words about a job; longer ones are cut.
pub const FILTER_TEXT_BYTES_MAX: usize = 1_024;
/// Seconds after which an activation filter that did not let a job start or grow is asked about it again.
pub const ACTIVATION_AGAIN_SECONDS: u64 = 5;
/// Seconds that one call of a filter may take at the most.
pub const FILTER_TIMEOUT_SECONDS_MAX: u64 = 120;
/// Bytes of a policy's own words about a job.
pub const WAITING_TEXT_BYTES_MAX: usize = 1_024;
/// Accounts (a project and an owner) that are remembered, beside those that hold cores.
pub const ACCOUNTS_MAX: usize = 10_000;
/// Core-seconds below which what an account has used is forgotten, once it holds nothing.
pub const ACCOUNT_CORE_SECONDS_MIN: f64 = 1.0;
/// Unicode scalar values of the name of a resource pool.
pub const POOL_CHARS_MAX: usize = 64;
/// `PriorityBiasLevel` at the most: with it the highest priority still counts as a whole number of 64 bits.
pub const PRIORITY_BIAS_LEVEL_MAX: u32 = 1_000;
/// Policy components that the host keeps.
pub const POLICIES_MAX: usize = 1_000;
/// Activations of policies that can be gone back to; older ones are in the journal only.
pub const ACTIVATIONS_MAX: usize = 1_000;
/// Characters of the key of a request that may come twice.
pub const REQUEST_KEY_CHARS_MAX: usize = 255;
/// Answers to requests with a key that are kept; the oldest make room.
pub const ANSWERS_KEPT_MAX: usize = 100_000;
/// Bytes of all of them; the oldest make room.
pub const ANSWERS_BYTES_MAX: usize = 128 * 1024 * 1024;
/// How long an answer is kept at the most: a day.
pub const ANSWERS_KEPT_SECONDS: u64 = 86_400;
/// Bytes of a policy's manifest.
pub const POLICY_MANIFEST_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all of a policy's settings, names and values.
pub const POLICY_SETTINGS_BYTES_MAX: usize = 64 * 1024;
