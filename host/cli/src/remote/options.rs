//! Options that say what a job or a task is to be: each is a key of a job file, with the value as a file would have it.
//!
//! What they mean is in `jobyard::jobfile`; here is only how they are written on a command line, HPC Pack's spellings included.

use std::fmt::Display;

use clap::Args;
use jobyard::jobfile::{
    parse_group_op, parse_hold_until, parse_job_ids, parse_memory_range, parse_order_by,
    parse_priority, parse_range, parse_span, parse_sweep,
};
use jobyard::kernel::ExitCodes;
use serde_json::{Map, Value};

/// What a job is to be.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The job")]
pub(crate) struct JobOptions {
    /// For people; at most 80 characters
    #[arg(long, alias = "jobname", value_name = "TEXT")]
    name: Option<String>,
    /// The job template that it is made from
    #[arg(long, alias = "jobtemplate", value_name = "NAME")]
    template: Option<String>,
    /// What the work is for
    #[arg(long, alias = "projectname", value_name = "TEXT")]
    project: Option<String>,
    /// Whose it is: for administrators
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// 0 to 4000, or Lowest, BelowNormal, Normal, AboveNormal, Highest
    #[arg(long, value_name = "PRIORITY", value_parser = priority)]
    priority: Option<String>,
    /// How many cores, as 4, 2-8 or 2-*; a single task is given them all
    #[arg(long, alias = "numcores", value_name = "MIN-MAX", value_parser = range, group = "units")]
    cores: Option<String>,
    /// Or how many sockets
    #[arg(long, alias = "numsockets", value_name = "MIN-MAX", value_parser = range, group = "units")]
    sockets: Option<String>,
    /// Or how many nodes
    #[arg(long, alias = "numnodes", value_name = "MIN-MAX", value_parser = range, group = "units")]
    nodes: Option<String>,
    /// Or how many GPUs
    #[arg(long, alias = "numgpus", value_name = "MIN-MAX", value_parser = range, group = "units")]
    gpus: Option<String>,
    /// No other job on its nodes
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    exclusive: Option<bool>,
    /// All on one node
    #[arg(long, alias = "singlenode", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    single_node: Option<bool>,
    /// Only these nodes
    #[arg(
        long,
        alias = "requestednodes",
        alias = "askednodes",
        value_name = "NODE,…"
    )]
    requested_nodes: Option<String>,
    /// Not these nodes
    #[arg(long, alias = "excludednodes", value_name = "NODE,…")]
    excluded_nodes: Option<String>,
    /// Only nodes of these groups
    #[arg(long, alias = "nodegroup", value_name = "GROUP,…")]
    node_groups: Option<String>,
    /// How several groups are meant: intersect, uniform or union
    #[arg(long, alias = "nodegroupop", value_name = "OP", value_parser = group_op)]
    node_group_op: Option<String>,
    /// Only nodes with so much memory in MiB, as 4096-*
    #[arg(long, alias = "memorypernode", value_name = "MIN-MAX", value_parser = memory)]
    node_memory: Option<String>,
    /// Only nodes with so many cores, as 8-*
    #[arg(long, alias = "corespernode", value_name = "MIN-MAX", value_parser = range)]
    node_cores: Option<String>,
    /// Which nodes first: cores, memory or both; with a minus the least first
    #[arg(long, alias = "orderby", value_name = "ORDER", value_parser = order_by, allow_hyphen_values = true)]
    order_by: Option<String>,
    /// Wall-clock limit, as 90s or 2h30m, or infinite
    #[arg(long, value_name = "TIME", value_parser = span)]
    runtime: Option<String>,
    /// Not to start before, as 2027-01-31T08:00:00Z
    #[arg(long, alias = "holduntil", value_name = "TIME", value_parser = moment)]
    hold_until: Option<String>,
    /// Jobs that must have finished before
    #[arg(long, alias = "parentjobids", value_name = "JOB,…", value_parser = jobs)]
    parent_jobs: Option<String>,
    /// Licences that it needs, as feature:count,…
    #[arg(long, alias = "license", value_name = "LICENCES")]
    licences: Option<String>,
    /// Only nodes with so much memory in MiB: what a process of it needs
    #[arg(long, alias = "estimatedprocessmemory", value_name = "MIB")]
    process_memory: Option<u32>,
    /// No more cores, or what else it counts, than this are proposed for it
    #[arg(long, alias = "targetresourcecount", value_name = "N")]
    target: Option<u32>,
    /// Tell the address when it starts
    #[arg(long, alias = "notifyonstart", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    notify_on_start: Option<bool>,
    /// Tell the address when it has ended
    #[arg(long, alias = "notifyoncompletion", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    notify_on_completion: Option<bool>,
    /// Whom to tell
    #[arg(long, alias = "emailaddress", value_name = "ADDRESS")]
    email: Option<String>,
    /// Percent done, in place of the share of instances that have ended
    #[arg(long, value_name = "PERCENT")]
    progress: Option<u32>,
    /// What there is to say of its progress; at most 80 characters
    #[arg(long, alias = "progressmsg", value_name = "TEXT")]
    progress_message: Option<String>,
    /// Keeps what it was given with no task left
    #[arg(long, alias = "rununtilcanceled", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    run_until_canceled: Option<bool>,
    /// The first failed task fails the job at once
    #[arg(long, alias = "failontaskfailure", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    fail_on_task_failure: Option<bool>,
    /// Tasks fail with those that they depend on
    #[arg(long, alias = "faildependenttasks", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    fail_dependent_tasks: Option<bool>,
    /// How often a task is tried again after a bad exit code
    #[arg(long, alias = "taskexecutionfailureretrylimit", value_name = "N")]
    task_retry_limit: Option<u32>,
    /// Exit codes that mean success, as 0,3,10..20
    #[arg(long, alias = "validexitcodes", value_name = "CODES", value_parser = codes, allow_hyphen_values = true)]
    valid_exit_codes: Option<String>,
    /// May be preempted
    #[arg(long, alias = "preemptable", alias = "can-preempt", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    preemptable: Option<bool>,
    /// May be given more while it runs
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    can_grow: Option<bool>,
    /// May give back what is above its minimum
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    can_shrink: Option<bool>,
    /// A variable for all of its tasks; may be given again
    #[arg(long = "job-env", alias = "jobenv", value_name = "NAME=VALUE", value_parser = pair)]
    job_environment: Vec<(String, String)>,
    /// A property of your own; may be given again
    #[arg(long = "custom", alias = "customproperties", value_name = "NAME=VALUE", value_parser = pair)]
    custom_properties: Vec<(String, String)>,
}

/// What a task is to be.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The task")]
pub(crate) struct TaskOptions {
    /// What other tasks depend on
    #[arg(long, value_name = "NAME")]
    task_name: Option<String>,
    /// Once for each value, as 1-200 or 0-100:10; * in the command is the value
    #[arg(long, alias = "parametric", value_name = "START-END[:STEP]", value_parser = sweep)]
    sweep: Option<String>,
    /// As many instances as the job has room for
    #[arg(long, conflicts_with = "sweep")]
    service: bool,
    /// How many cores, or what else the job counts, as 4 or 2-8
    #[arg(long, value_name = "MIN-MAX", value_parser = range)]
    task_cores: Option<String>,
    /// Nodes that it is given something of, all of them
    #[arg(long, alias = "requirednodes", value_name = "NODE,…")]
    required_nodes: Option<String>,
    /// Only on nodes of this group
    #[arg(long, alias = "requestednodegroup", value_name = "GROUP")]
    task_node_group: Option<String>,
    /// Tasks that must have ended before
    #[arg(long, alias = "depend", value_name = "NAME,…")]
    after: Option<String>,
    /// File for standard input
    #[arg(long, value_name = "FILE")]
    stdin: Option<String>,
    /// File for standard output
    #[arg(long, value_name = "FILE")]
    stdout: Option<String>,
    /// File for standard error
    #[arg(long, value_name = "FILE")]
    stderr: Option<String>,
    /// Wall-clock limit of one attempt
    #[arg(long, value_name = "TIME", value_parser = span)]
    task_runtime: Option<String>,
    /// May be run again
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    rerunnable: Option<bool>,
    /// Exit codes that mean success, in place of the job's
    #[arg(long, value_name = "CODES", value_parser = codes, allow_hyphen_values = true)]
    task_exit_codes: Option<String>,
    /// Fail the job when so many instances of the task have failed
    #[arg(long, alias = "failjobonfailurecount", value_name = "N")]
    fail_job_on_failure_count: Option<u32>,
    /// A variable; may be given again
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    task_environment: Vec<(String, String)>,
}

/// Keys that are set by `Option`s, in one list.
macro_rules! put {
    ($keys:ident, $from:ident: $($key:literal = $field:ident),+ $(,)?) => {
        $(if let Some(value) = &$from.$field {
            $keys.insert($key.into(), Value::from(value.clone()));
        })+
    };
}

impl JobOptions {
    /// The keys of a job file that were given.
    pub(crate) fn keys(&self) -> Map<String, Value> {
        let mut keys = Map::new();
        put!(keys, self:
            "name" = name, "template" = template, "project" = project, "owner" = owner, "priority" = priority,
            "cores" = cores, "sockets" = sockets, "nodes" = nodes, "gpus" = gpus,
            "exclusive" = exclusive, "single_node" = single_node,
            "requested_nodes" = requested_nodes, "excluded_nodes" = excluded_nodes,
            "node_groups" = node_groups, "node_group_op" = node_group_op,
            "node_memory_mb" = node_memory, "node_cores" = node_cores, "order_by" = order_by,
            "runtime" = runtime, "hold_until" = hold_until, "parent_jobs" = parent_jobs, "licences" = licences,
            "run_until_canceled" = run_until_canceled, "fail_on_task_failure" = fail_on_task_failure,
            "fail_dependent_tasks" = fail_dependent_tasks, "task_retry_limit" = task_retry_limit,
            "valid_exit_codes" = valid_exit_codes, "can_preempt" = preemptable,
            "can_grow" = can_grow, "can_shrink" = can_shrink,
            "process_memory_mb" = process_memory, "target" = target,
            "notify_on_start" = notify_on_start, "notify_on_completion" = notify_on_completion,
            "email" = email, "progress" = progress, "progress_message" = progress_message,
        );
        put_table(&mut keys, "environment", &self.job_environment);
        put_table(&mut keys, "custom_properties", &self.custom_properties);
        keys
    }

    /// What a single task is given of what the job is: all of it, where that is a number or a range of numbers.
    pub(crate) fn for_one_task(&self) -> Option<(&'static str, String)> {
        let units = [
            ("cores", &self.cores),
            ("sockets", &self.sockets),
            ("nodes", &self.nodes),
            ("gpus", &self.gpus),
        ];
        let given = units
            .into_iter()
            .find_map(|(key, range)| Some((key, range.clone()?)));
        given.filter(|(_, range)| !range.contains('*'))
    }

    /// What the job counts, by the key that counts it.
    pub(crate) fn unit(&self) -> Option<&'static str> {
        let keys = self.keys();
        let units = ["cores", "sockets", "nodes", "gpus"];
        units.into_iter().find(|&key| keys.contains_key(key))
    }
}

impl TaskOptions {
    /// The keys of a task in a job file that were given, where the job counts this.
    pub(crate) fn keys(&self, unit: &str) -> Map<String, Value> {
        let mut keys = Map::new();
        put!(keys, self:
            "name" = task_name, "sweep" = sweep, "after" = after,
            "required_nodes" = required_nodes, "node_group" = task_node_group,
            "standard_input" = stdin, "standard_output" = stdout, "standard_error" = stderr,
            "runtime" = task_runtime, "rerunnable" = rerunnable, "valid_exit_codes" = task_exit_codes,
            "fail_job_on_failure_count" = fail_job_on_failure_count,
        );
        if self.service {
            keys.insert("service".into(), true.into());
        }
        if let Some(range) = &self.task_cores {
            keys.insert(unit.into(), range.clone().into());
        }
        put_table(&mut keys, "environment", &self.task_environment);
        keys
    }

    /// Whether it is one instance that says nothing of what it needs.
    pub(crate) fn takes_all(&self) -> bool {
        self.sweep.is_none() && !self.service && self.task_cores.is_none()
    }
}

fn put_table(keys: &mut Map<String, Value>, key: &str, pairs: &[(String, String)]) {
    if pairs.is_empty() {
        return;
    }
    let table = pairs
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.clone())));
    keys.insert(key.into(), Value::Object(table.collect()));
}

/// The text as it is, when it can be read.
fn checked<T, E: Display>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<String, String> {
    match parse(text) {
        Ok(_) => Ok(text.into()),
        Err(error) => Err(error.to_string()),
    }
}

fn priority(text: &str) -> Result<String, String> {
    checked(text, parse_priority)
}

fn range(text: &str) -> Result<String, String> {
    checked(text, parse_range)
}

fn memory(text: &str) -> Result<String, String> {
    checked(text, parse_memory_range)
}

fn group_op(text: &str) -> Result<String, String> {
    checked(text, parse_group_op)
}

fn order_by(text: &str) -> Result<String, String> {
    checked(text, parse_order_by)
}

fn span(text: &str) -> Result<String, String> {
    checked(text, parse_span)
}

pub(super) fn moment(text: &str) -> Result<String, String> {
    checked(text, parse_hold_until)
}

fn jobs(text: &str) -> Result<String, String> {
    checked(text, parse_job_ids)
}

fn codes(text: &str) -> Result<String, String> {
    checked(text, str::parse::<ExitCodes>)
}

fn sweep(text: &str) -> Result<String, String> {
    checked(text, parse_sweep)
}

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        Some(_) | None => Err("write it as NAME=VALUE".into()),
    }
}
