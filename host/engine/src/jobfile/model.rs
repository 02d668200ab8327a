//! The model of TOML and JSON job files: which keys there are, and what they make of a job.
//!
//! A key means what the field of the same name means in [`JobSpec`] and [`TaskSpec`]; where the two names differ,
//! the key is the shorter word that people look for (`command`, `after`, `cores`).

use std::fmt;

use jobyard_kernel::{JobSpec, TaskKind, TaskSpec, Unit};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::error::Fault;
use super::keys::{JOB_KEYS, given, unit_key};
use super::model_values::{
    Codes, Count, Failures, Flag, Jobs, Join, Kind, Limit, Mebibytes, Memory, Moment, Names, Order,
    Percent, Priority, Range, Sweep, Target, Text, Variables,
};
use super::tree::{Entry, Node, Value, from_tree};
use super::values::UnitRange;
use super::{Draft, JobFile};

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table with the job's properties"
)]
struct Job {
    name: Option<Text>,
    project: Option<Text>,
    owner: Option<Text>,
    template: Option<Text>,
    kind: Option<Kind>,
    priority: Option<Priority>,
    cores: Option<Range>,
    sockets: Option<Range>,
    nodes: Option<Range>,
    gpus: Option<Range>,
    exclusive: Option<Flag>,
    single_node: Option<Flag>,
    can_preempt: Option<Flag>,
    can_grow: Option<Flag>,
    can_shrink: Option<Flag>,
    run_until_canceled: Option<Flag>,
    fail_on_task_failure: Option<Flag>,
    fail_dependent_tasks: Option<Flag>,
    task_retry_limit: Option<Count>,
    valid_exit_codes: Option<Codes>,
    runtime: Option<Limit>,
    hold_until: Option<Moment>,
    requested_nodes: Option<Names>,
    excluded_nodes: Option<Names>,
    environment: Option<Variables>,
    custom_properties: Option<Variables>,
    node_groups: Option<Names>,
    node_group_op: Option<Join>,
    node_memory_mb: Option<Memory>,
    node_cores: Option<Range>,
    order_by: Option<Order>,
    licences: Option<Text>,
    process_memory_mb: Option<Mebibytes>,
    target: Option<Target>,
    notify_on_start: Option<Flag>,
    notify_on_completion: Option<Flag>,
    email: Option<Text>,
    progress: Option<Percent>,
    progress_message: Option<Text>,
    parent_jobs: Option<Jobs>,
    prepare: Option<NodeTask>,
    release: Option<NodeTask>,
    task: Tasks,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table with a task's properties"
)]
struct Task {
    name: Option<Text>,
    sweep: Option<Sweep>,
    service: Option<Flag>,
    command: Option<Text>,
    plugin: Option<Text>,
    working_folder: Option<Text>,
    standard_input: Option<Text>,
    standard_output: Option<Text>,
    standard_error: Option<Text>,
    cores: Option<Range>,
    sockets: Option<Range>,
    nodes: Option<Range>,
    gpus: Option<Range>,
    after: Option<Names>,
    runtime: Option<Limit>,
    rerunnable: Option<Flag>,
    exclusive: Option<Flag>,
    required_nodes: Option<Names>,
    node_group: Option<Text>,
    valid_exit_codes: Option<Codes>,
    fail_job_on_failure_count: Option<Failures>,
    environment: Option<Variables>,
    custom_properties: Option<Variables>,
}

/// Node prepare or node release: a task that no other depends on, with one core.
#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table with a node task's properties"
)]
struct NodeTask {
    name: Option<Text>,
    command: Option<Text>,
    plugin: Option<Text>,
    working_folder: Option<Text>,
    standard_input: Option<Text>,
    standard_output: Option<Text>,
    standard_error: Option<Text>,
    runtime: Option<Limit>,
    rerunnable: Option<Flag>,
    valid_exit_codes: Option<Codes>,
    environment: Option<Variables>,
    custom_properties: Option<Variables>,
}

#[derive(Debug, Default)]
struct Tasks(Vec<Task>);

impl<'de> Deserialize<'de> for Tasks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tasks, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Tasks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of tasks")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tasks, A::Error> {
                let mut tasks = Vec::new();
                while let Some(task) = items.next_element()? {
                    tasks.push(task);
                }
                Ok(Tasks(tasks))
            }

            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Tasks, A::Error> {
                Err(de::Error::custom(
                    "a single table is not a list of tasks; write [[task]] in TOML, [{ … }] in JSON",
                ))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// Reads the job's own properties, and which of them are given.
pub(super) fn read_job(tree: &Node) -> Result<JobSpec, Fault> {
    let mut spec = JobSpec::default();
    set_job(&mut spec, from_tree(tree)?, tree)?;
    Ok(spec)
}

/// Reads one task of a job that counts this unit.
pub(super) fn read_task(tree: &Node, unit: Unit) -> Result<TaskSpec, Fault> {
    task_spec(from_tree(tree)?, tree, Some(unit))
}

/// Reads tasks for a job that counts this unit: one task, a list of them, or a job file that has nothing but tasks.
pub(super) fn read_tasks(tree: &Node, unit: Unit) -> Result<Vec<TaskSpec>, Fault> {
    if matches!(tree.value, Value::List(_)) {
        let tasks = tree.items().iter().map(|task| read_task(task, unit));
        return tasks.collect();
    }
    const PARTS: [&str; 3] = ["task", "prepare", "release"];
    let is_part = |entry: &&Entry| PARTS.contains(&entry.key.as_str());
    if !tree.entries().iter().any(|entry| is_part(&entry)) {
        return read_task(tree, unit).map(|task| vec![task]);
    }
    if let Some(other) = tree.entries().iter().find(|entry| !is_part(entry)) {
        let what = "the job is there already: beside [[task]], [prepare] and [release] there can be nothing";
        return Err(Fault::value(other.key_at, &other.key, what));
    }
    read_whole(tree, Some(unit)).map(|draft| draft.file.tasks)
}

/// Reads the tree of a TOML or JSON file.
pub(super) fn read(tree: &Node) -> Result<Draft, Fault> {
    read_whole(tree, None)
}

/// Of a job that is there already, it is known what it counts.
fn read_whole(tree: &Node, known: Option<Unit>) -> Result<Draft, Fault> {
    let mut job: Job = from_tree(tree)?;
    let tasks = std::mem::take(&mut job.task).0;
    let mut draft = Draft {
        file: JobFile {
            spec: JobSpec::default(),
            tasks: Vec::with_capacity(tasks.len() + 2),
        },
        job_at: tree.at,
        tasks_at: Vec::with_capacity(tasks.len() + 2),
        places: tree
            .entries()
            .iter()
            .map(|e| (e.key.clone(), e.node.at))
            .collect(),
    };
    let items = tree.entry("task").map_or(&[][..], |e| e.node.items());
    let (prepare, release) = (job.prepare.take(), job.release.take());
    let job_unit = set_job(&mut draft.file.spec, job, tree)?.or(known);
    draft.file.spec.given = given(&draft.file.spec, named(tree));
    for (task, node) in tasks.into_iter().zip(items) {
        draft.file.tasks.push(task_spec(task, node, job_unit)?);
        draft.tasks_at.push(node.at);
    }
    for (task, key, kind) in [
        (prepare, "prepare", TaskKind::NodePrepare),
        (release, "release", TaskKind::NodeRelease),
    ] {
        if let Some(task) = task {
            let at = tree.entry(key).map_or(tree.at, |entry| entry.node.at);
            if task.command.is_none() && task.plugin.is_none() {
                return Err(Fault::value(
                    at,
                    key,
                    "has nothing to run; give it a command or a plugin",
                ));
            }
            draft.file.tasks.push(node_task_spec(task, kind));
            draft.tasks_at.push(at);
        }
    }
    Ok(draft)
}

/// The job properties that a file gives, by HPC Pack's names.
fn named(tree: &Node) -> impl Iterator<Item = &'static str> {
    let set = tree
        .entries()
        .iter()
        .filter(|e| e.node.value != Value::Null);
    let keys = set.filter_map(|entry| JOB_KEYS.iter().find(|key| key.name == entry.key));
    keys.flat_map(|key| key.properties).copied()
}

/// Sets what the file says and leaves the rest.
macro_rules! set {
    ($spec:expr, $model:expr, $($key:ident),+ $(,)?) => {
        $(if let Some(value) = $model.$key {
            $spec.$key = value.0.into();
        })+
    };
}

fn set_job(spec: &mut JobSpec, job: Job, tree: &Node) -> Result<Option<Unit>, Fault> {
    let range = one_range(tree, [job.cores, job.sockets, job.nodes, job.gpus])?;
    if let Some((_, unit, UnitRange { min, max })) = range {
        (spec.unit, spec.min, spec.max) = (unit, min, max);
    }
    set!(
        spec,
        job,
        name,
        project,
        owner,
        template,
        kind,
        priority,
        exclusive,
        single_node,
        can_preempt,
        can_grow,
        can_shrink,
        run_until_canceled,
        fail_on_task_failure,
        fail_dependent_tasks,
        task_retry_limit,
        valid_exit_codes,
        runtime,
        hold_until,
        requested_nodes,
        excluded_nodes,
        environment,
        custom_properties,
        node_groups,
        node_group_op,
        order_by,
        licences,
        process_memory_mb,
        target,
        notify_on_start,
        notify_on_completion,
        email,
        progress,
        progress_message,
        parent_jobs,
    );
    if let Some(Memory(UnitRange { min, max })) = job.node_memory_mb {
        (spec.memory_mb_min, spec.memory_mb_max) = (min.map(u64::from), max.map(u64::from));
    }
    if let Some(Range(UnitRange { min, max })) = job.node_cores {
        (spec.cores_per_node_min, spec.cores_per_node_max) = (min, max);
    }
    Ok(range.map(|(_, unit, _)| unit))
}

fn task_spec(task: Task, node: &Node, job_unit: Option<Unit>) -> Result<TaskSpec, Fault> {
    let mut spec = TaskSpec::default();
    match one_range(node, [task.cores, task.sockets, task.nodes, task.gpus])? {
        None => {}
        Some((at, unit, _)) if unit != job_unit.unwrap_or_default() => {
            let job = unit_key(job_unit.unwrap_or_default());
            let what = format!("the job counts {job}; its tasks must count {job} too");
            return Err(Fault::value(at, unit_key(unit), what));
        }
        Some((
            _,
            _,
            UnitRange {
                min: Some(min),
                max: Some(max),
            },
        )) => {
            (spec.min, spec.max) = (min, max);
        }
        Some((at, unit, _)) => {
            let what = "a task must say its own numbers, without *; write it like 4 or \"2-8\"";
            return Err(Fault::value(at, unit_key(unit), what));
        }
    }
    set!(
        spec,
        task,
        name,
        plugin,
        working_folder,
        standard_input,
        standard_output,
        standard_error,
        runtime,
        rerunnable,
        exclusive,
        required_nodes,
        valid_exit_codes,
        fail_job_on_failure_count,
        environment,
        custom_properties,
    );
    spec.command_line = task.command.map(|c| c.0).unwrap_or_default();
    spec.node_group = task
        .node_group
        .map(|group| group.0)
        .filter(|g| !g.is_empty());
    spec.depends_on = task.after.map(|names| names.0).unwrap_or_default();
    spec.kind = match (task.sweep, task.service) {
        (Some(_), Some(Flag(true))) => {
            let at = node.entry("service").map_or(node.at, |e| e.node.at);
            let what = "a sweep is not a service; remove one of the two";
            return Err(Fault::value(at, "service", what));
        }
        (Some(sweep), _) => sweep.0,
        (None, Some(Flag(true))) => TaskKind::Service,
        (None, Some(Flag(false)) | None) => TaskKind::Basic,
    };
    Ok(spec)
}

fn node_task_spec(task: NodeTask, kind: TaskKind) -> TaskSpec {
    let mut spec = TaskSpec {
        kind,
        ..TaskSpec::default()
    };
    set!(
        spec,
        task,
        name,
        plugin,
        working_folder,
        standard_input,
        standard_output,
        standard_error,
        runtime,
        rerunnable,
        valid_exit_codes,
        environment,
        custom_properties,
    );
    spec.command_line = task.command.map(|c| c.0).unwrap_or_default();
    spec
}

/// The one of the four ranges that is given, with its place and unit.
fn one_range(
    node: &Node,
    ranges: [Option<Range>; 4],
) -> Result<Option<(usize, Unit, UnitRange)>, Fault> {
    let units = [Unit::Core, Unit::Socket, Unit::Node, Unit::Gpu];
    let mut found = None;
    for (unit, range) in units.into_iter().zip(ranges) {
        let Some(Range(range)) = range else { continue };
        let at = node.entry(unit_key(unit)).map_or(node.at, |e| e.node.at);
        if let Some((_, first, _)) = found {
            let what = format!(
                "{} are counted already; write only one of them",
                unit_key(first)
            );
            return Err(Fault::value(at, unit_key(unit), what));
        }
        found = Some((at, unit, range));
    }
    Ok(found)
}
