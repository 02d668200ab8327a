//! Checks that need no cluster: sizes, names, what each kind of task may say.

use std::collections::BTreeSet;

use super::Invalid;
use super::graph::{any_depends, levels};
use super::needs::check_needs_form;
use super::selection::check_selection;
use crate::limits::{
    COMMAND_LINE_BYTES_MAX, CUSTOM_NAME_CHARS_MAX, CUSTOM_PROPERTIES_MAX, CUSTOM_VALUE_CHARS_MAX,
    EMAIL_CHARS_MAX, ENVIRONMENT_BYTES_MAX, NAME_CHARS_MAX, PATH_BYTES_MAX, PRIORITY_MAX,
    PROGRESS_MESSAGE_CHARS_MAX, SWEEP_INSTANCES_MAX, TASKS_PER_JOB_MAX, UNITS_MAX,
};
use crate::parents::check_parents_form;
use crate::{JobKind, JobSpec, PROPERTIES, Property, TaskKind, TaskSpec};

/// Checks that need no cluster: sizes, names, dependencies. Done when a job is added.
pub fn check_form(spec: &JobSpec, tasks: &[impl AsRef<TaskSpec>]) -> Result<(), Invalid> {
    let short = |what: &str, text: &str| {
        check_chars(what, text, NAME_CHARS_MAX)?;
        match text.contains('\0') {
            true => Err(Invalid::Nul { what: what.into() }),
            false => Ok(()),
        }
    };
    short("the job's name", &spec.name)?;
    short("the project's name", &spec.project)?;
    short("the owner's name", &spec.owner)?;
    if spec.priority > PRIORITY_MAX {
        return Err(Invalid::Priority {
            priority: spec.priority,
        });
    }
    let (min, max) = (
        spec.min.unwrap_or(1),
        spec.max.unwrap_or(spec.min.unwrap_or(1).max(1)),
    );
    check_min_max(&"the job", min, max)?;
    if spec.runtime == Some(crate::Span::ZERO) {
        return Err(Invalid::ZeroRuntime);
    }
    if spec.run_until_canceled && (spec.min.is_none() || spec.max.is_none()) {
        return Err(Invalid::RunUntilCanceledAuto);
    }
    check_target(spec.target, spec.min, spec.max)?;
    check_said(spec)?;
    check_environment(&spec.environment)?;
    check_selection(spec)?;
    check_parents_form(spec)?;
    short("the template's name", &spec.template)?;
    check_given(spec)?;
    check_custom(&spec.custom_properties)?;
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
    check_needs_form(spec, tasks)?;
    let works = || {
        let all = (1..).zip(tasks.iter().map(AsRef::as_ref));
        all.filter(|(_, t): &(u32, &TaskSpec)| t.kind.is_ordinary())
    };
    let service = works().find(|(_, t)| t.kind == TaskKind::Service);
    if let Some((task, _)) = service.filter(|_| works().nth(1).is_some()) {
        return Err(Invalid::ServiceNotAlone { task });
    }
    let ordinary = tasks.iter().any(|t| t.as_ref().kind.is_ordinary());
    if !tasks.is_empty() && !ordinary && !spec.run_until_canceled {
        return Err(Invalid::OnlyNodeTasks);
    }
    match any_depends(tasks) {
        true => levels(tasks).map(drop),
        false => Ok(()),
    }
}

pub(super) fn check_task(job: &JobSpec, number: u32, task: &TaskSpec) -> Result<(), Invalid> {
    let what = |part: &str| format!("task {number}: the {part}");
    check_chars(
        format_args!("task {number}: the name"),
        &task.name,
        NAME_CHARS_MAX,
    )?;
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
    check_min_max(&format_args!("task {number}"), task.min, task.max)?;
    check_environment(&task.environment)?;
    check_custom(&task.custom_properties)?;
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
    if task.kind == TaskKind::Service && job.kind == JobKind::Command {
        return Err(Invalid::CommandJobService { task: number });
    }
    if task.kind == TaskKind::Service && !task.depends_on.is_empty() {
        return Err(Invalid::NotForService {
            task: number,
            what: "dependencies".into(),
        });
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
            t if t.exclusive => no("nodes to itself")?,
            t if !t.required_nodes.is_empty() => no("required nodes")?,
            t if t.node_group.is_some() => no("node group of its own")?,
            _ => {}
        }
    }
    let sized = job.min.is_some() && job.max.is_some();
    if task.exclusive && !(job.exclusive && sized) {
        return Err(Invalid::ExclusiveTask { task: number });
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
            unit: job.unit,
            task: number,
            task_min: task.min,
            job_max,
        });
    }
    if let Some(job_max) = job.max.filter(|&max| task.max > max) {
        return Err(Invalid::TaskMaxAboveJob {
            unit: job.unit,
            task: number,
            task_max: task.max,
            job_max,
        });
    }
    if let Some(job_min) = job.min.filter(|&min| task.min > min) {
        return Err(Invalid::TaskMinAboveJobMin {
            unit: job.unit,
            task: number,
            task_min: task.min,
            job_min,
        });
    }
    Ok(())
}

/// 0 is none; otherwise it is between the minimum and the maximum, where those are known.
pub(crate) fn check_target(
    target: Option<u32>,
    min: Option<u32>,
    max: Option<u32>,
) -> Result<(), Invalid> {
    let Some(target) = target else {
        return Ok(());
    };
    let (least, most) = (min.unwrap_or(1), max.unwrap_or(UNITS_MAX));
    match (least..=most).contains(&target) {
        true => Ok(()),
        false => Err(Invalid::Target {
            target,
            min: least,
            max: most,
        }),
    }
}

/// What people are to be told, and say.
fn check_said(spec: &JobSpec) -> Result<(), Invalid> {
    for (what, text, max) in [
        ("the address", &spec.email, EMAIL_CHARS_MAX),
        (
            "the progress message",
            &spec.progress_message,
            PROGRESS_MESSAGE_CHARS_MAX,
        ),
    ] {
        check_chars(what, text, max)?;
        if text.contains(char::is_control) {
            return Err(Invalid::ControlCharacter { what: what.into() });
        }
    }
    match spec.progress {
        Some(percent) if percent > 100 => Err(Invalid::Progress { percent }),
        _ => Ok(()),
    }
}

fn check_given(spec: &JobSpec) -> Result<(), Invalid> {
    match spec
        .given
        .iter()
        .find(|name| Property::find(name).is_none())
    {
        None => Ok(()),
        Some(name) => {
            let known: Vec<_> = PROPERTIES.iter().map(|property| property.name).collect();
            Err(Invalid::UnknownProperty {
                name: name.clone(),
                known: known.join(", "),
            })
        }
    }
}

/// Custom properties: names told apart without regard to case.
fn check_custom(properties: &[(String, String)]) -> Result<(), Invalid> {
    if properties.len() > CUSTOM_PROPERTIES_MAX {
        return Err(Invalid::TooManyCustom {
            count: properties.len(),
        });
    }
    let mut seen = BTreeSet::new();
    for (name, value) in properties {
        for (what, text, max) in [
            ("the name of a custom property", name, CUSTOM_NAME_CHARS_MAX),
            ("a custom property", value, CUSTOM_VALUE_CHARS_MAX),
        ] {
            check_chars(what, text, max)?;
        }
        if name.is_empty() || !seen.insert(name.to_lowercase()) {
            return Err(Invalid::CustomName { name: name.clone() });
        }
    }
    Ok(())
}

/// Characters are counted only where there are more bytes than that: a text has no more characters than bytes.
pub(super) fn check_chars(
    what: impl std::fmt::Display,
    text: &str,
    max: usize,
) -> Result<(), Invalid> {
    if text.len() <= max {
        return Ok(());
    }
    match text.chars().count() {
        chars if chars > max => Err(Invalid::TooLong {
            what: what.to_string(),
            chars,
            max,
        }),
        _ => Ok(()),
    }
}

fn check_min_max(what: &dyn std::fmt::Display, min: u32, max: u32) -> Result<(), Invalid> {
    match min >= 1 && min <= max && max <= UNITS_MAX {
        true => Ok(()),
        false => Err(Invalid::MinMax {
            what: what.to_string(),
            min,
            max,
        }),
    }
}

pub(crate) fn check_environment(variables: &[(String, String)]) -> Result<(), Invalid> {
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
