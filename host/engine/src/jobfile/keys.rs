//! The keys of TOML and JSON job files, each with the fields that it stands for: how they are compared, copied and written.
//!
//! Reading is `model`'s; that both know the same keys is tested. Called by `changes` and `write`.

use jobyard_kernel::{
    GroupOp, JobKind, JobSpec, NodeProperty, OrderBy, Property, Span, TaskKind, TaskSpec,
    Timestamp, Unit,
};

use super::tree::{Entry, Node, Value};
use super::values::parse_span;
use crate::rfc3339;

/// Names and their values.
type Pairs = Vec<(String, String)>;

/// A key and the fields that it stands for.
pub(super) struct Key<S: 'static> {
    pub(super) name: &'static str,
    /// The job properties that it gives, by HPC Pack's names: templates have rules about those that the kernel knows by these.
    pub(super) properties: &'static [&'static str],
    pub(super) is_same: fn(&S, &S) -> bool,
    pub(super) copy: fn(&S, &mut S),
    /// As a file would have it; null where a file cannot say it.
    pub(super) show: fn(&S) -> Value,
    /// Where it is a table, which changes are merged into by name.
    pub(super) table: Option<fn(&mut S) -> &mut Pairs>,
}

macro_rules! key {
    ($name:literal, [$($property:literal),*], [$($field:ident),+], $show:expr) => {
        key!($name, [$($property),*], [$($field),+], $show, None)
    };
    ($name:literal, [$($property:literal),*], [$($field:ident),+], $show:expr, $table:expr) => {
        Key {
            name: $name,
            properties: &[$($property),*],
            is_same: |a, b| $(a.$field == b.$field)&&+,
            copy: |from, to| {
                $(to.$field.clone_from(&from.$field);)+
            },
            show: $show,
            table: $table,
        }
    };
}

macro_rules! units {
    ($name:literal) => {
        key!(
            $name,
            ["UnitType", "MinUnits", "MaxUnits"],
            [unit, min, max],
            |job| range(job.min, job.max)
        )
    };
}

/// Keys of the job, in the order in which they are written. The four of units are one entry, see [`unit_key`].
pub(super) const JOB_KEYS: &[Key<JobSpec>] = &[
    key!("name", ["Name"], [name], |job| text(&job.name)),
    key!("project", ["Project"], [project], |job| text(&job.project)),
    key!("owner", [], [owner], |job| text(&job.owner)),
    key!("template", [], [template], |job| text(&job.template)),
    key!("kind", [], [kind], |job| match job.kind {
        JobKind::Batch => text("batch"),
        JobKind::Command => text("command"),
    }),
    key!("priority", ["Priority"], [priority], |job| number(
        job.priority
    )),
    units!("cores"),
    units!("sockets"),
    units!("nodes"),
    units!("gpus"),
    key!("exclusive", ["IsExclusive"], [exclusive], |job| {
        Value::Truth(job.exclusive)
    }),
    key!("single_node", ["SingleNode"], [single_node], |job| {
        Value::Truth(job.single_node)
    }),
    key!("can_preempt", ["CanPreempt"], [can_preempt], |job| {
        Value::Truth(job.can_preempt)
    }),
    key!("can_grow", ["CanGrow"], [can_grow], |job| {
        Value::Truth(job.can_grow)
    }),
    key!("can_shrink", ["CanShrink"], [can_shrink], |job| {
        Value::Truth(job.can_shrink)
    }),
    key!(
        "run_until_canceled",
        ["RunUntilCanceled"],
        [run_until_canceled],
        |job| Value::Truth(job.run_until_canceled)
    ),
    key!(
        "fail_on_task_failure",
        ["FailOnTaskFailure"],
        [fail_on_task_failure],
        |job| Value::Truth(job.fail_on_task_failure)
    ),
    key!(
        "fail_dependent_tasks",
        ["FailDependentTasks"],
        [fail_dependent_tasks],
        |job| Value::Truth(job.fail_dependent_tasks)
    ),
    key!(
        "task_retry_limit",
        ["TaskExecutionFailureRetryLimit"],
        [task_retry_limit],
        |job| number(job.task_retry_limit)
    ),
    key!(
        "valid_exit_codes",
        ["ValidExitCodes"],
        [valid_exit_codes],
        |job| shown(job.valid_exit_codes.as_ref())
    ),
    key!("runtime", ["Runtime"], [runtime], |job| text(&span(
        job.runtime
    ))),
    key!("hold_until", ["HoldUntil"], [hold_until], |job| moment(
        job.hold_until
    )),
    key!(
        "requested_nodes",
        ["RequestedNodes"],
        [requested_nodes],
        |job| texts(&job.requested_nodes)
    ),
    key!(
        "excluded_nodes",
        ["ExcludedNodes"],
        [excluded_nodes],
        |job| texts(&job.excluded_nodes)
    ),
    key!("node_groups", ["NodeGroups"], [node_groups], |job| {
        texts(&job.node_groups)
    }),
    key!("node_group_op", ["NodeGroupOp"], [node_group_op], |job| {
        text(group_op(job.node_group_op))
    }),
    key!(
        "node_memory_mb",
        ["MinMemory", "MaxMemory"],
        [memory_mb_min, memory_mb_max],
        |job| range(job.memory_mb_min, job.memory_mb_max)
    ),
    key!(
        "node_cores",
        ["MinCoresPerNode", "MaxCoresPerNode"],
        [cores_per_node_min, cores_per_node_max],
        |job| range(job.cores_per_node_min, job.cores_per_node_max)
    ),
    key!("order_by", ["OrderBy"], [order_by], |job| text(&order_by(
        &job.order_by
    ))),
    key!("licences", ["SoftwareLicense"], [licences], |job| {
        text(&job.licences)
    }),
    key!(
        "process_memory_mb",
        ["EstimatedProcessMemory"],
        [process_memory_mb],
        |job| whole(job.process_memory_mb)
    ),
    key!("target", ["TargetResourceCount"], [target], |job| whole(
        job.target
    )),
    key!(
        "notify_on_start",
        ["NotifyOnStart"],
        [notify_on_start],
        |job| Value::Truth(job.notify_on_start)
    ),
    key!(
        "notify_on_completion",
        ["NotifyOnCompletion"],
        [notify_on_completion],
        |job| Value::Truth(job.notify_on_completion)
    ),
    key!("email", ["EmailAddress"], [email], |job| text(&job.email)),
    key!("progress", [], [progress], |job| whole(job.progress)),
    key!("progress_message", [], [progress_message], |job| text(
        &job.progress_message
    )),
    key!("parent_jobs", ["ParentJobIds"], [parent_jobs], |job| {
        let ids = job.parent_jobs.iter();
        list(ids.map(|id| number(id.0)))
    }),
    key!(
        "environment",
        ["EnvironmentVariables"],
        [environment],
        |job| table(&job.environment),
        Some(|job| &mut job.environment)
    ),
    key!(
        "custom_properties",
        ["CustomProperties"],
        [custom_properties],
        |job| table(&job.custom_properties),
        Some(|job| &mut job.custom_properties)
    ),
];

/// Keys of a task.
pub(super) const TASK_KEYS: &[Key<TaskSpec>] = &[
    key!("name", [], [name], |task| text(&task.name)),
    key!("sweep", [], [kind], |task| match task.kind {
        TaskKind::Sweep {
            start,
            end,
            increment,
        } => text(&sweep(start, end, increment)),
        TaskKind::Basic | TaskKind::Service | TaskKind::NodePrepare | TaskKind::NodeRelease =>
            Value::Null,
    }),
    key!("service", [], [kind], |task| match task.kind {
        TaskKind::Service => Value::Truth(true),
        TaskKind::Basic
        | TaskKind::Sweep { .. }
        | TaskKind::NodePrepare
        | TaskKind::NodeRelease => Value::Null,
    }),
    key!("command", [], [command_line], |task| text(
        &task.command_line
    )),
    key!("plugin", [], [plugin], |task| shown(task.plugin.as_ref())),
    key!("working_folder", [], [working_folder], |task| text(
        &task.working_folder
    )),
    key!("standard_input", [], [standard_input], |task| shown(
        task.standard_input.as_ref()
    )),
    key!("standard_output", [], [standard_output], |task| shown(
        task.standard_output.as_ref()
    )),
    key!("standard_error", [], [standard_error], |task| shown(
        task.standard_error.as_ref()
    )),
    key!("cores", [], [min, max], |task| range(
        Some(task.min),
        Some(task.max)
    )),
    key!("sockets", [], [min, max], |task| range(
        Some(task.min),
        Some(task.max)
    )),
    key!("nodes", [], [min, max], |task| range(
        Some(task.min),
        Some(task.max)
    )),
    key!("gpus", [], [min, max], |task| range(
        Some(task.min),
        Some(task.max)
    )),
    key!("after", [], [depends_on], |task| texts(&task.depends_on)),
    key!("runtime", [], [runtime], |task| text(&span(task.runtime))),
    key!("exclusive", [], [exclusive], |task| Value::Truth(
        task.exclusive
    )),
    key!("required_nodes", [], [required_nodes], |task| texts(
        &task.required_nodes
    )),
    key!("node_group", [], [node_group], |task| shown(
        task.node_group.as_ref()
    )),
    key!("rerunnable", [], [rerunnable], |task| Value::Truth(
        task.rerunnable
    )),
    key!("valid_exit_codes", [], [valid_exit_codes], |task| shown(
        task.valid_exit_codes.as_ref()
    )),
    key!(
        "fail_job_on_failure_count",
        [],
        [fail_job_on_failure_count],
        |task| match task.fail_job_on_failure_count {
            Some(count) => number(count),
            None => Value::Null,
        }
    ),
    key!(
        "environment",
        [],
        [environment],
        |task| table(&task.environment),
        Some(|task| &mut task.environment)
    ),
    key!(
        "custom_properties",
        [],
        [custom_properties],
        |task| table(&task.custom_properties),
        Some(|task| &mut task.custom_properties)
    ),
];

/// Whether a key counts units, and then which.
pub(super) fn unit_of(key: &str) -> Option<Unit> {
    let units = [Unit::Core, Unit::Socket, Unit::Node, Unit::Gpu];
    units.into_iter().find(|&unit| unit_key(unit) == key)
}

/// The key that counts a unit.
pub(super) fn unit_key(unit: Unit) -> &'static str {
    match unit {
        Unit::Core => "cores",
        Unit::Socket => "sockets",
        Unit::Node => "nodes",
        Unit::Gpu => "gpus",
    }
}

/// Of these properties those that a template could have a rule about, and whose value is what it would be anyway: what
/// stands in [`JobSpec::given`].
pub(super) fn given<'a>(spec: &JobSpec, named: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let default = JobSpec::default();
    let mut given: Vec<String> = Vec::new();
    for property in named.into_iter().filter_map(Property::find) {
        let name = property.name.to_string();
        if property.get(spec) == property.get(&default) && !given.contains(&name) {
            given.push(name);
        }
    }
    given.sort_unstable();
    given
}

/// A length of time that reads back as just this one.
pub(super) fn span(span: Option<Span>) -> String {
    let Some(span) = span else {
        return "infinite".into();
    };
    let short = span.to_string();
    match parse_span(&short) {
        Ok(Some(same)) if same == span => short,
        Ok(_) | Err(_) => seconds(span),
    }
}

/// A length of time in seconds, with its unit.
pub(super) fn seconds(span: Span) -> String {
    match (span.0 / 1_000_000, span.0 % 1_000_000) {
        (whole, 0) => format!("{whole}s"),
        (whole, rest) => {
            let digits = format!("{rest:06}");
            format!("{whole}.{}s", digits.trim_end_matches('0'))
        }
    }
}

pub(super) fn sweep(start: u32, end: u32, increment: u32) -> String {
    match increment {
        1 => format!("{start}-{end}"),
        _ => format!("{start}-{end}:{increment}"),
    }
}

pub(super) fn group_op(op: GroupOp) -> &'static str {
    match op {
        GroupOp::Intersect => "intersect",
        GroupOp::Uniform => "uniform",
        GroupOp::Union => "union",
    }
}

pub(super) fn order_by(order: &[OrderBy]) -> String {
    let one = |by: &OrderBy| {
        let name = match by.property {
            NodeProperty::Cores => "cores",
            NodeProperty::Memory => "memory",
        };
        let sign = if by.fewest_first { "-" } else { "" };
        format!("{sign}{name}")
    };
    order.iter().map(one).collect::<Vec<_>>().join(",")
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn shown(value: Option<&impl ToString>) -> Value {
    value.map_or(Value::Null, |value| Value::Text(value.to_string()))
}

fn number(number: u32) -> Value {
    Value::Whole(number.into())
}

/// Null where there is none.
fn whole(number: Option<impl TryInto<i64>>) -> Value {
    let whole = number.and_then(|number| number.try_into().ok());
    whole.map_or(Value::Null, Value::Whole)
}

fn moment(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::Text(rfc3339(at)))
}

fn list(items: impl Iterator<Item = Value>) -> Value {
    let node = |value| Node { at: 0, value };
    Value::List(items.map(node).collect())
}

fn texts(names: &[String]) -> Value {
    list(names.iter().map(|name| text(name)))
}

fn table(pairs: &[(String, String)]) -> Value {
    let mut entries: Vec<Entry> = Vec::new();
    for (key, value) in pairs {
        // Of two of one name the last counts.
        entries.retain(|entry| entry.key != *key);
        entries.push(entry(key, text(value)));
    }
    Value::Table(entries)
}

/// An entry of a table that is in no file.
pub(super) fn entry(key: &str, value: Value) -> Entry {
    Entry {
        key_at: 0,
        key: key.into(),
        node: Node { at: 0, value },
    }
}

/// `4`, `2-8`, `2-*`, `*-8` or `*`.
fn range<N: ToString + PartialEq>(min: Option<N>, max: Option<N>) -> Value {
    let end = |end: &Option<N>| end.as_ref().map_or("*".into(), ToString::to_string);
    match min == max {
        true => Value::Text(end(&min)),
        false => Value::Text(format!("{}-{}", end(&min), end(&max))),
    }
}
