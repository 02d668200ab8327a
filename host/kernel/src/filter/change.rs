//! What a submission filter changes of a job: by name, as it read it.

use std::sync::Arc;

use super::describe::{CUSTOM, ENVIRONMENT, FIXED, KNOWN};
use crate::{JobSpec, Property, TaskSpec, Value};

/// One property that a filter wants to be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// 0: the job's; otherwise that task's.
    pub task: u32,
    /// Its name.
    pub name: String,
    /// What it shall be.
    pub value: String,
}

/// Why a change cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadChange {
    /// There is none of that name.
    #[error("there is no property \"{name}\"")]
    Unknown {
        /// What the filter named.
        name: String,
    },
    /// Filters may look at it only.
    #[error("{name} cannot be changed")]
    Fixed {
        /// What the filter named.
        name: String,
    },
    /// It does not take that value.
    #[error("{name} cannot be \"{value}\"")]
    Value {
        /// What the filter named.
        name: String,
        /// What it wanted.
        value: String,
    },
    /// There is no such task.
    #[error("there is no task {task}")]
    NoTask {
        /// What the filter named.
        task: u32,
    },
    /// Of a task only the command line can be changed.
    #[error("of task {task} only the CommandLine can be changed, not {name}")]
    OfTask {
        /// The task.
        task: u32,
        /// What the filter named.
        name: String,
    },
}

/// A job with these changes made, in order: its description, and the tasks that differ by their place.
pub(crate) fn changed(
    spec: &Arc<JobSpec>,
    tasks: &[Arc<TaskSpec>],
    changes: &[Change],
) -> Result<(Arc<JobSpec>, Vec<Arc<TaskSpec>>), BadChange> {
    let (mut spec, mut tasks) = (spec.clone(), tasks.to_vec());
    for change in changes {
        match change.task {
            0 => change_job(Arc::make_mut(&mut spec), change)?,
            task => {
                let place = tasks.get_mut(task as usize - 1);
                let place = place.ok_or(BadChange::NoTask { task })?;
                change_task(Arc::make_mut(place), change)?;
            }
        }
    }
    Ok((spec, tasks))
}

fn change_job(spec: &mut JobSpec, change: &Change) -> Result<(), BadChange> {
    let (name, value) = (change.name.as_str(), change.value.as_str());
    if let Some(property) = Property::find(name) {
        let bad = || BadChange::Value {
            name: property.name.into(),
            value: value.into(),
        };
        let set = readings(value).iter().any(|v| property.set(spec, v));
        return set.then_some(()).ok_or_else(bad);
    }
    // Custom properties are told apart without regard to case.
    if let Some(custom) = prefix(name, CUSTOM) {
        put(&mut spec.custom_properties, custom, value, |a, b| {
            a.eq_ignore_ascii_case(b)
        });
        return Ok(());
    }
    if let Some(variable) = prefix(name, ENVIRONMENT) {
        put(&mut spec.environment, variable, value, |a, b| a == b);
        return Ok(());
    }
    let mut fixed = FIXED
        .iter()
        .map(|(name, _)| *name)
        .chain(KNOWN.iter().copied());
    Err(match fixed.find(|known| known.eq_ignore_ascii_case(name)) {
        Some(known) => BadChange::Fixed { name: known.into() },
        None => BadChange::Unknown { name: name.into() },
    })
}

fn change_task(spec: &mut TaskSpec, change: &Change) -> Result<(), BadChange> {
    match change.name.eq_ignore_ascii_case("CommandLine") {
        true => {
            spec.command_line.clone_from(&change.value);
            Ok(())
        }
        false => Err(BadChange::OfTask {
            task: change.task,
            name: change.name.clone(),
        }),
    }
}

/// What a text may mean; a property takes the first that it can.
fn readings(text: &str) -> Vec<Value> {
    let names = text.split(',').map(str::trim);
    let names = names.filter(|name| !name.is_empty()).map(str::to_string);
    let flag = match text {
        "true" => Some(Value::Flag(true)),
        "false" => Some(Value::Flag(false)),
        _ => None,
    };
    let number = text.parse().ok().map(Value::Number);
    let all = [
        flag,
        number,
        Some(Value::List(names.collect())),
        Some(Value::Text(text.into())),
    ];
    all.into_iter().flatten().collect()
}

fn prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Sets one of several names; an empty value takes it away.
fn put(
    pairs: &mut Vec<(String, String)>,
    name: &str,
    value: &str,
    same: impl Fn(&str, &str) -> bool,
) {
    let known = pairs.iter_mut().find(|(known, _)| same(known, name));
    match (known, value.is_empty()) {
        (Some((_, old)), false) => *old = value.into(),
        (None, false) => pairs.push((name.into(), value.into())),
        (_, true) => pairs.retain(|(known, _)| !same(known, name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, value: &str) -> Change {
        Change {
            task: 0,
            name: name.into(),
            value: value.into(),
        }
    }

    #[test]
    fn values_are_read_as_the_property_takes_them() {
        let spec = Arc::new(JobSpec {
            custom_properties: vec![("Kind".into(), "x".into())],
            ..JobSpec::default()
        });
        let changes = [
            change("priority", "3000"),
            change("IsExclusive", "true"),
            change("name", "true"),
            change("Project", "12"),
            change("ExcludedNodes", "n1, n2"),
            change("RequestedNodes", ""),
            change("UnitType", "node"),
            change("custom.KIND", ""),
            change("Custom.other", "1"),
            change("environment.A", "b"),
        ];
        let (after, _) = changed(&spec, &[], &changes).expect("each takes its value");
        let expected = JobSpec {
            priority: 3_000,
            exclusive: true,
            name: "true".into(),
            project: "12".into(),
            excluded_nodes: vec!["n1".into(), "n2".into()],
            unit: crate::Unit::Node,
            custom_properties: vec![("other".into(), "1".into())],
            environment: vec![("A".into(), "b".into())],
            ..JobSpec::default()
        };
        assert_eq!(*after, expected);
    }

    #[test]
    fn what_cannot_be_changed_is_named() {
        let task = Arc::new(TaskSpec::default());
        let wrong = |task: u32, name: &str, value: &str| {
            let change = Change {
                task,
                ..change(name, value)
            };
            let tasks = [Arc::new(TaskSpec::default())];
            let spec = Arc::new(JobSpec::default());
            changed(&spec, &tasks, &[change]).map_err(|bad| bad.to_string())
        };
        for (number, name, value, part) in [
            (0, "Colour", "red", "no property \"Colour\""),
            (0, "owner", "root", "Owner cannot be changed"),
            (0, "State", "Running", "State cannot be changed"),
            (0, "Priority", "high", "Priority cannot be \"high\""),
            (0, "Priority", "-1", "Priority cannot be"),
            (0, "MinUnits", "4294967296", "MinUnits cannot be"),
            (2, "CommandLine", "x", "no task 2"),
            (1, "Runtime", "5", "not Runtime"),
        ] {
            let error = wrong(number, name, value).expect_err(name);
            assert!(error.contains(part), "{error}");
        }
        let (_, tasks) = wrong(1, "commandline", "other").expect("that can be changed");
        assert_eq!(tasks[0].command_line, "other");
        assert_ne!(tasks[0], task);
    }
}
