//! What can be said of a job before it is queued: is it well formed, can it ever run here?
//!
//! The rules are those of HPC Pack's validation (reference 6.5) as far as this kernel has what they are about.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::limits::{
    COMMAND_LINE_BYTES_MAX, CORES_PER_NODE_MAX, DEPENDENCIES_PER_TASK_MAX, DEPENDENCY_DEPTH_MAX,
    ENVIRONMENT_BYTES_MAX, NAME_CHARS_MAX, NODES_MAX, PATH_BYTES_MAX, PRIORITY_MAX,
    SWEEP_INSTANCES_MAX, TASKS_PER_JOB_MAX, UNITS_MAX,
};
use crate::{JobSpec, NodeId, NodeSpec, NodeState, State, TaskKind, TaskSpec, Unit};

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
    #[error("unit {unit} is not served yet; use core", unit = format!("{_0:?}").to_lowercase())]
    Unit(Unit),
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
    #[error("task {task} needs at least {task_min} cores, but the job asks for at most {job_max}")]
    TaskAboveJob {
        task: u32,
        task_min: u32,
        job_max: u32,
    },
    #[error(
        "task {task} needs at least {task_min} cores, but the job may start with {job_min}; raise its minimum"
    )]
    TaskMinAboveJobMin {
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
        "the job needs at least {min} cores, but there are {cores} on the {nodes} that it may run on"
    )]
    NotEnoughCores { min: u32, cores: u64, nodes: String },
    #[error("the job needs at least {min} cores on one node, but the largest has {largest}")]
    NoNodeLargeEnough { min: u32, largest: u32 },
    #[error("environment variable \"{name}\" is not a name: it is empty, or has '=' or NUL in it")]
    VariableName { name: String },
    #[error("node \"{name}\": {what}")]
    Node { name: String, what: String },
}

/// What validation finds out on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Units to start with at least.
    pub min: u32,
    /// Units to be given at most.
    pub max: u32,
    /// Where it may run; none: everywhere.
    pub candidates: Option<Vec<NodeId>>,
}

/// Checks that need no cluster: sizes, names, dependencies. Done when a job is added.
pub fn check_form(spec: &JobSpec, tasks: &[impl AsRef<TaskSpec>]) -> Result<(), Invalid> {
    let short = |what: &str, text: &str| match text.chars().count() {
        chars if chars > NAME_CHARS_MAX => Err(Invalid::TooLong {
            what: what.into(),
            chars,
            max: NAME_CHARS_MAX,
        }),
        _ if text.contains('\0') => Err(Invalid::Nul { what: what.into() }),
        _ => Ok(()),
    };
    short("the job's name", &spec.name)?;
    short("the project's name", &spec.project)?;
    short("the owner's name", &spec.owner)?;
    if spec.priority > PRIORITY_MAX {
        return Err(Invalid::Priority {
            priority: spec.priority,
        });
    }
    if spec.unit != Unit::Core {
        return Err(Invalid::Unit(spec.unit));
    }
    let (min, max) = (
        spec.min.unwrap_or(1),
        spec.max.unwrap_or(spec.min.unwrap_or(1).max(1)),
    );
    check_min_max("the job", min, max)?;
    if spec.runtime == Some(crate::Span::ZERO) {
        return Err(Invalid::ZeroRuntime);
    }
    if spec.run_until_canceled && (spec.min.is_none() || spec.max.is_none()) {
        return Err(Invalid::RunUntilCanceledAuto);
    }
    check_environment(&spec.environment)?;
    if tasks.len() > TASKS_PER_JOB_MAX {
        return Err(Invalid::TooManyTasks {
            count: tasks.len(),
            max: TASKS_PER_JOB_MAX,
        });
    }
    for (index, task) in tasks.iter().enumerate() {
        check_task(spec, index as u32 + 1, task.as_ref())?;
    }
    for (kind, name) in [
        (TaskKind::NodePrepare, "node prepare"),
        (TaskKind::NodeRelease, "node release"),
    ] {
        let count = tasks.iter().filter(|t| t.as_ref().kind == kind).count();
        if count > 1 {
            return Err(Invalid::TwoNodeTasks {
                kind: name.into(),
                count,
            });
        }
    }
    let ordinary = tasks.iter().any(|t| t.as_ref().kind.is_ordinary());
    if !tasks.is_empty() && !ordinary && !spec.run_until_canceled {
        return Err(Invalid::OnlyNodeTasks);
    }
    levels(tasks).map(drop)
}

fn check_task(job: &JobSpec, number: u32, task: &TaskSpec) -> Result<(), Invalid> {
    let what = |part: &str| format!("task {number}: the {part}");
    let chars = task.name.chars().count();
    if chars > NAME_CHARS_MAX {
        return Err(Invalid::TooLong {
            what: what("name"),
            chars,
            max: NAME_CHARS_MAX,
        });
    }
    if task.name.contains(',') {
        return Err(Invalid::CommaInName {
            task: number,
            name: task.name.clone(),
        });
    }
    let plugin = task.plugin.as_deref().unwrap_or("command");
    if task.command_line.trim().is_empty() && plugin == "command" && task.kind.is_ordinary() {
        return Err(Invalid::NoCommandLine { task: number });
    }
    let texts = [
        (
            "command line",
            Some(task.command_line.as_str()),
            COMMAND_LINE_BYTES_MAX,
        ),
        (
            "working folder",
            Some(task.working_folder.as_str()),
            PATH_BYTES_MAX,
        ),
        (
            "standard input",
            task.standard_input.as_deref(),
            PATH_BYTES_MAX,
        ),
        (
            "standard output",
            task.standard_output.as_deref(),
            PATH_BYTES_MAX,
        ),
        (
            "standard error",
            task.standard_error.as_deref(),
            PATH_BYTES_MAX,
        ),
    ];
    for (part, text, max) in texts {
        let text = text.unwrap_or_default();
        if text.len() > max {
            return Err(Invalid::TooBig {
                what: what(part),
                bytes: text.len(),
                max,
            });
        }
        if text.contains('\0') {
            return Err(Invalid::Nul { what: what(part) });
        }
    }
    check_min_max(&format!("task {number}"), task.min, task.max)?;
    check_environment(&task.environment)?;
    if let TaskKind::Sweep {
        start,
        end,
        increment,
    } = task.kind
    {
        if start > end || increment == 0 {
            return Err(Invalid::EmptySweep {
                task: number,
                start,
                end,
                increment,
            });
        }
        let instances = ((end - start) / increment).saturating_add(1);
        if instances > SWEEP_INSTANCES_MAX {
            return Err(Invalid::SweepTooLarge {
                task: number,
                instances,
            });
        }
    }
    if !task.kind.is_ordinary() {
        let no = |what: &str| {
            Err(Invalid::NotForNodeTask {
                task: number,
                what: what.into(),
            })
        };
        match task {
            t if !t.depends_on.is_empty() => no("dependencies")?,
            t if (t.min, t.max) != (1, 1) => no("minimum or maximum of its own")?,
            t if t.fail_job_on_failure_count.is_some() => no("failure count")?,
            _ => {}
        }
    }
    match (task.runtime, job.runtime) {
        (Some(crate::Span::ZERO), _) => return Err(Invalid::ZeroRuntime),
        (Some(limit), Some(job_limit)) if limit > job_limit => {
            return Err(Invalid::RuntimeAboveJob {
                task: number,
                limit,
                job_limit,
            });
        }
        _ => {}
    }
    if let Some(job_max) = job.max.filter(|&max| task.min > max) {
        return Err(Invalid::TaskAboveJob {
            task: number,
            task_min: task.min,
            job_max,
        });
    }
    if let Some(job_min) = job.min.filter(|&min| task.min > min) {
        return Err(Invalid::TaskMinAboveJobMin {
            task: number,
            task_min: task.min,
            job_min,
        });
    }
    Ok(())
}

fn check_min_max(what: &str, min: u32, max: u32) -> Result<(), Invalid> {
    match min >= 1 && min <= max && max <= UNITS_MAX {
        true => Ok(()),
        false => Err(Invalid::MinMax {
            what: what.into(),
            min,
            max,
        }),
    }
}

fn check_environment(variables: &[(String, String)]) -> Result<(), Invalid> {
    let bytes: usize = variables.iter().map(|(n, v)| n.len() + v.len() + 2).sum();
    if bytes > ENVIRONMENT_BYTES_MAX {
        return Err(Invalid::TooBig {
            what: "the environment".into(),
            bytes,
            max: ENVIRONMENT_BYTES_MAX,
        });
    }
    for (name, value) in variables {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Invalid::VariableName { name: name.clone() });
        }
        if value.contains('\0') {
            return Err(Invalid::Nul {
                what: format!("environment variable \"{name}\""),
            });
        }
    }
    Ok(())
}

/// How deep each task stands in the graph of dependencies: 0 depends on nothing.
fn levels(tasks: &[impl AsRef<TaskSpec>]) -> Result<Vec<usize>, Invalid> {
    let mut levels = vec![0; tasks.len()];
    if tasks.iter().all(|t| t.as_ref().depends_on.is_empty()) {
        return Ok(levels);
    }
    // A name is a group: its tasks share their dependencies.
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for task in tasks
        .iter()
        .map(AsRef::as_ref)
        .filter(|t| !t.name.is_empty() && t.kind.is_ordinary())
    {
        let depends: BTreeSet<&str> = task.depends_on.iter().map(String::as_str).collect();
        match groups.get(task.name.as_str()) {
            Some(first) if *first != depends => {
                return Err(Invalid::GroupDiffers {
                    name: task.name.clone(),
                });
            }
            Some(_) => {}
            None => drop(groups.insert(&task.name, depends)),
        }
    }
    for (index, task) in tasks.iter().map(AsRef::as_ref).enumerate() {
        let number = index as u32 + 1;
        if task.depends_on.len() > DEPENDENCIES_PER_TASK_MAX {
            return Err(Invalid::TooManyDependencies {
                task: number,
                count: task.depends_on.len(),
            });
        }
        if !task.depends_on.is_empty() && task.name.is_empty() {
            return Err(Invalid::DependsWithoutName { task: number });
        }
        if let Some(name) = task
            .depends_on
            .iter()
            .find(|n| !groups.contains_key(n.as_str()))
        {
            return Err(Invalid::UnknownDependency {
                task: number,
                name: name.clone(),
            });
        }
    }
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for &name in groups.keys() {
        depth(name, &groups, &mut done)?;
    }
    for (level, task) in levels.iter_mut().zip(tasks.iter().map(AsRef::as_ref)) {
        *level = done.get(task.name.as_str()).copied().unwrap_or(0);
    }
    Ok(levels)
}

/// Depth-first without recursion: a chain may be as long as there are tasks.
fn depth<'a>(
    name: &'a str,
    groups: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    done: &mut BTreeMap<&'a str, usize>,
) -> Result<(), Invalid> {
    let mut path: Vec<(&str, std::collections::btree_set::Iter<'_, &str>)> = Vec::new();
    let mut on_path: BTreeSet<&str> = BTreeSet::new();
    if !done.contains_key(name) {
        path.push((name, groups[name].iter()));
        on_path.insert(name);
    }
    while let Some((current, rest)) = path.last_mut() {
        let current = *current;
        match rest.next() {
            Some(&next) if on_path.contains(next) => {
                let from = path.iter().position(|(n, _)| *n == next).unwrap_or(0);
                let mut circle: Vec<String> =
                    path[from..].iter().map(|(n, _)| n.to_string()).collect();
                circle.push(next.to_string());
                return Err(Invalid::DependencyCycle { circle });
            }
            Some(&next) if done.contains_key(next) => {}
            Some(&next) => {
                path.push((next, groups[next].iter()));
                on_path.insert(next);
            }
            None => {
                let level = groups[current]
                    .iter()
                    .map(|n| done[n] + 1)
                    .max()
                    .unwrap_or(0);
                if level >= DEPENDENCY_DEPTH_MAX {
                    return Err(Invalid::DependenciesTooDeep { depth: level + 1 });
                }
                done.insert(current, level);
                on_path.remove(current);
                path.pop();
            }
        }
    }
    Ok(())
}

/// Checks against the cluster, and what minimum and maximum the job has. Done when a job is submitted.
///
/// What a job does not say itself comes from its tasks (`AutoCalculateMin`, `AutoCalculateMax`): at least the largest
/// minimum of a task; at most the sum of the maxima of those that can run at once, which are those of one level
/// of the dependency graph.
pub fn check_job(
    state: &State,
    spec: &JobSpec,
    tasks: &[impl AsRef<TaskSpec>],
) -> Result<Checked, Invalid> {
    let ordinary = || {
        tasks
            .iter()
            .map(AsRef::as_ref)
            .filter(|t| t.kind.is_ordinary())
    };
    let task_min = ordinary().map(|t| t.min).max().unwrap_or(1);
    let min = spec.min.unwrap_or(task_min);
    let max = match spec.max {
        Some(max) => max,
        None => {
            let mut at_once: BTreeMap<usize, u64> = BTreeMap::new();
            for (level, task) in levels(tasks)?
                .into_iter()
                .zip(tasks.iter().map(AsRef::as_ref))
            {
                if let Some((first, last)) = task.kind.instances() {
                    *at_once.entry(level).or_default() +=
                        u64::from(last - first + 1) * u64::from(task.max);
                }
            }
            let sum = at_once.values().copied().max().unwrap_or(1);
            (sum.min(u64::from(UNITS_MAX)) as u32).max(min)
        }
    };
    let candidates = candidates(state, spec)?;
    let nodes = state.nodes().filter(|n| {
        candidates
            .as_ref()
            .is_none_or(|c| c.binary_search(&n.id).is_ok())
    });
    let nodes = nodes.filter(|n| n.state != NodeState::Offline);
    let (mut cores, mut largest, mut count) = (0u64, 0, 0usize);
    for node in nodes {
        cores += u64::from(node.spec.cores);
        largest = largest.max(node.spec.cores);
        count += 1;
    }
    if u64::from(min) > cores {
        let nodes = if count == 1 {
            "node".to_string()
        } else {
            format!("{count} nodes")
        };
        return Err(Invalid::NotEnoughCores { min, cores, nodes });
    }
    if spec.single_node && min > largest {
        return Err(Invalid::NoNodeLargeEnough { min, largest });
    }
    Ok(Checked {
        min,
        max,
        candidates,
    })
}

fn candidates(state: &State, spec: &JobSpec) -> Result<Option<Vec<NodeId>>, Invalid> {
    let limit = state.parameters().excluded_nodes_limit;
    if spec.excluded_nodes.len() > limit as usize {
        return Err(Invalid::TooManyExcluded {
            count: spec.excluded_nodes.len(),
            max: limit,
        });
    }
    if spec.requested_nodes.is_empty() && spec.excluded_nodes.is_empty() {
        return Ok(None);
    }
    let ids: BTreeMap<&str, NodeId> = state
        .nodes()
        .map(|n| (n.spec.name.as_str(), n.id))
        .collect();
    let by_name = |name: &String| match ids.get(name.as_str()) {
        Some(&id) => Ok(id),
        None => {
            let mut known: Vec<&str> = state
                .nodes()
                .map(|n| n.spec.name.as_str())
                .take(10)
                .collect();
            if state.nodes().nth(10).is_some() {
                known.push("…");
            }
            Err(Invalid::UnknownNode {
                name: name.clone(),
                known: known.join(", "),
            })
        }
    };
    let requested = spec
        .requested_nodes
        .iter()
        .map(by_name)
        .collect::<Result<BTreeSet<_>, _>>()?;
    let excluded = spec
        .excluded_nodes
        .iter()
        .map(by_name)
        .collect::<Result<BTreeSet<_>, _>>()?;
    let all = state.nodes().map(|n| n.id);
    let wanted =
        |n: &NodeId| (requested.is_empty() || requested.contains(n)) && !excluded.contains(n);
    Ok(Some(all.filter(wanted).collect()))
}

/// Whether a node can join the pool.
pub fn check_node(state: &State, spec: &NodeSpec) -> Result<(), Invalid> {
    let fail = |what: String| {
        Err(Invalid::Node {
            name: spec.name.clone(),
            what,
        })
    };
    match spec {
        s if s.name.is_empty() || s.name.len() > 255 => fail("a name has 1 to 255 bytes".into()),
        s if s
            .name
            .contains(|c: char| c.is_whitespace() || c.is_control() || c == ',') =>
        {
            fail("a name has no white space, comma or control character".into())
        }
        s if s.cores == 0 || s.cores > CORES_PER_NODE_MAX => fail(format!(
            "{} cores are not from 1 to {CORES_PER_NODE_MAX}",
            s.cores
        )),
        s if s.sockets == 0 || s.sockets > s.cores => fail(format!(
            "{} sockets are not from 1 to its {} cores",
            s.sockets, s.cores
        )),
        s if s.gpus > CORES_PER_NODE_MAX => fail(format!(
            "{} GPUs are more than {CORES_PER_NODE_MAX}",
            s.gpus
        )),
        s if state.node_by_name(&s.name).is_some() => {
            fail("there is a node of that name already".into())
        }
        _ if state.nodes.len() >= NODES_MAX => fail(format!(
            "the pool has {NODES_MAX} nodes, which is the limit"
        )),
        _ => Ok(()),
    }
}
