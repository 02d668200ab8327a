//! A job's properties by HPC Pack's names, with values of a few plain types: what job templates are written in.
//!
//! Not among them: what is of one job only and no template can know (owner, kind, parents, hold), and what templates have another
//! way to say (environment) or leave to users (custom properties).

use crate::{GroupOp, JobSpec, NodeProperty, OrderBy, Span, Unit};

use serde::{Deserialize, Serialize};

/// The value of a property. Tagged when written, since not every format of a journal says of itself what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number; lengths of time are in seconds.
    Number(u64),
    /// Text, or the name of a choice.
    Text(String),
    /// Several names.
    List(Vec<String>),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Flag(flag) => flag.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::Text(text) => write!(f, "\"{text}\""),
            Value::List(names) => write!(f, "\"{}\"", names.join(",")),
        }
    }
}

/// A property of a job.
pub struct Property {
    /// Its name, as HPC Pack writes it.
    pub name: &'static str,
    get: fn(&JobSpec) -> Option<Value>,
    /// None for a value that it does not take.
    set: fn(&mut JobSpec, &Value) -> Option<()>,
}

impl std::fmt::Debug for Property {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A property that is `$field` with the type of the variant.
macro_rules! property {
    ($name:literal, Flag, $field:ident) => {
        Property {
            name: $name,
            get: |job| Some(Value::Flag(job.$field)),
            set: |job, value| match value {
                Value::Flag(flag) => {
                    job.$field = *flag;
                    Some(())
                }
                Value::Number(_) | Value::Text(_) | Value::List(_) => None,
            },
        }
    };
    ($name:literal, Number, $field:ident) => {
        Property {
            name: $name,
            get: |job| Some(Value::Number(job.$field.into())),
            set: |job, value| {
                job.$field = value.number()?.try_into().ok()?;
                Some(())
            },
        }
    };
    ($name:literal, Units, $field:ident) => {
        Property {
            name: $name,
            get: |job| Some(Value::Number(job.$field?.into())),
            set: |job, value| {
                job.$field = Some(value.number()?.try_into().ok()?);
                Some(())
            },
        }
    };
    ($name:literal, Text, $field:ident) => {
        Property {
            name: $name,
            get: |job| (!job.$field.is_empty()).then(|| Value::Text(job.$field.clone())),
            set: |job, value| {
                job.$field = value.text()?.into();
                Some(())
            },
        }
    };
    ($name:literal, List, $field:ident) => {
        Property {
            name: $name,
            get: |job| (!job.$field.is_empty()).then(|| Value::List(job.$field.clone())),
            set: |job, value| {
                job.$field = value.list()?;
                Some(())
            },
        }
    };
}

/// All of them, by name.
pub const PROPERTIES: &[Property] = &[
    property!("CanGrow", Flag, can_grow),
    property!("CanPreempt", Flag, can_preempt),
    property!("CanShrink", Flag, can_shrink),
    property!("EmailAddress", Text, email),
    Property {
        name: "EstimatedProcessMemory",
        get: |job| job.process_memory_mb.map(Value::Number),
        set: |job, value| {
            job.process_memory_mb = Some(value.number()?);
            Some(())
        },
    },
    property!("ExcludedNodes", List, excluded_nodes),
    property!("FailDependentTasks", Flag, fail_dependent_tasks),
    property!("FailOnTaskFailure", Flag, fail_on_task_failure),
    property!("IsExclusive", Flag, exclusive),
    property!("MaxCoresPerNode", Units, cores_per_node_max),
    Property {
        name: "MaxMemory",
        get: |job| job.memory_mb_max.map(Value::Number),
        set: |job, value| {
            job.memory_mb_max = Some(value.number()?);
            Some(())
        },
    },
    property!("MaxUnits", Units, max),
    property!("MinCoresPerNode", Units, cores_per_node_min),
    Property {
        name: "MinMemory",
        get: |job| job.memory_mb_min.map(Value::Number),
        set: |job, value| {
            job.memory_mb_min = Some(value.number()?);
            Some(())
        },
    },
    property!("MinUnits", Units, min),
    property!("Name", Text, name),
    Property {
        name: "NodeGroupOp",
        get: |job| Some(Value::Text(format!("{:?}", job.node_group_op))),
        set: |job, value| {
            let ops = [GroupOp::Intersect, GroupOp::Uniform, GroupOp::Union];
            job.node_group_op = named(&ops, value.text()?)?;
            Some(())
        },
    },
    property!("NodeGroups", List, node_groups),
    property!("NotifyOnCompletion", Flag, notify_on_completion),
    property!("NotifyOnStart", Flag, notify_on_start),
    Property {
        name: "OrderBy",
        get: |job| {
            let all = || job.order_by.iter().map(order_text).collect();
            (!job.order_by.is_empty()).then(|| Value::List(all()))
        },
        set: |job, value| {
            let all: Option<Vec<OrderBy>> = value.list()?.iter().map(|part| order(part)).collect();
            job.order_by = all?;
            Some(())
        },
    },
    property!("Priority", Number, priority),
    property!("Project", Text, project),
    property!("RequestedNodes", List, requested_nodes),
    Property {
        name: "Runtime",
        get: |job| Some(Value::Number(job.runtime?.0 / 1_000_000)),
        set: |job, value| {
            job.runtime = Some(Span::from_secs(value.number()?));
            Some(())
        },
    },
    property!("RunUntilCanceled", Flag, run_until_canceled),
    property!("SingleNode", Flag, single_node),
    property!("SoftwareLicense", Text, licences),
    property!("TargetResourceCount", Units, target),
    property!("TaskExecutionFailureRetryLimit", Number, task_retry_limit),
    Property {
        name: "UnitType",
        get: |job| Some(Value::Text(format!("{:?}", job.unit))),
        set: |job, value| {
            let units = [Unit::Core, Unit::Socket, Unit::Node, Unit::Gpu];
            job.unit = named(&units, value.text()?)?;
            Some(())
        },
    },
    Property {
        name: "ValidExitCodes",
        get: |job| Some(Value::Text(job.valid_exit_codes.as_ref()?.to_string())),
        set: |job, value| {
            job.valid_exit_codes = Some(value.text()?.parse().ok()?);
            Some(())
        },
    },
];

/// A choice by its name, in any case.
fn named<T: std::fmt::Debug + Copy>(choices: &[T], text: &str) -> Option<T> {
    let is = |choice: &&T| format!("{choice:?}").eq_ignore_ascii_case(text);
    choices.iter().find(is).copied()
}

/// As HPC Pack writes it: `Cores`, or `-Memory` for the least of it first.
fn order_text(by: &OrderBy) -> String {
    format!(
        "{}{:?}",
        if by.fewest_first { "-" } else { "" },
        by.property
    )
}

fn order(part: &str) -> Option<OrderBy> {
    let part = part.trim();
    let name = part.strip_prefix(['-', '+']).unwrap_or(part);
    Some(OrderBy {
        property: named(&[NodeProperty::Cores, NodeProperty::Memory], name)?,
        fewest_first: part.starts_with('-'),
    })
}

impl Property {
    /// The one of that name, in any case.
    pub fn find(name: &str) -> Option<&'static Property> {
        let mut all = PROPERTIES.iter();
        all.find(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// Its value in a job; none where it has none.
    pub fn get(&self, job: &JobSpec) -> Option<Value> {
        (self.get)(job)
    }

    /// Sets it; false for a value that it does not take.
    #[must_use]
    pub fn set(&self, job: &mut JobSpec, value: &Value) -> bool {
        (self.set)(job, value).is_some()
    }

    /// Whether the job's user gave it: it is not what it would be anyway, or they said so by name.
    pub fn is_given(&self, job: &JobSpec) -> bool {
        let named = job.given.iter();
        self.get(job) != self.get(&JobSpec::default())
            || named
                .into_iter()
                .any(|name| name.eq_ignore_ascii_case(self.name))
    }
}

impl Value {
    fn number(&self) -> Option<u64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Flag(_) | Value::Text(_) | Value::List(_) => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Flag(_) | Value::Number(_) | Value::List(_) => None,
        }
    }

    fn list(&self) -> Option<Vec<String>> {
        match self {
            Value::List(names) => Some(names.clone()),
            Value::Text(name) => Some(vec![name.clone()]),
            Value::Flag(_) | Value::Number(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_property_takes_what_it_shows() {
        let job = JobSpec {
            name: "a".into(),
            project: "b".into(),
            min: Some(1),
            max: Some(2),
            runtime: Some(Span::from_secs(3)),
            requested_nodes: vec!["n1".into()],
            excluded_nodes: vec!["n2".into()],
            cores_per_node_min: Some(4),
            cores_per_node_max: Some(5),
            memory_mb_min: Some(6),
            memory_mb_max: Some(7),
            node_groups: vec!["fast".into()],
            node_group_op: GroupOp::Union,
            order_by: vec![
                order("-Memory").expect("an order"),
                order("Cores").expect("another"),
            ],
            licences: "cad:1".into(),
            email: "ann@example.org".into(),
            process_memory_mb: Some(8),
            target: Some(9),
            valid_exit_codes: "0..3".parse().ok(),
            ..JobSpec::default()
        };
        for property in PROPERTIES {
            let value = property.get(&job).unwrap_or_else(|| panic!("{property:?}"));
            let mut same = job.clone();
            assert!(property.set(&mut same, &value), "{property:?}");
            assert_eq!(same, job, "{property:?}");
            let wrong = match value {
                Value::Flag(_) | Value::Text(_) | Value::List(_) => Value::Number(1),
                Value::Number(_) => Value::Flag(true),
            };
            assert!(!property.set(&mut same, &wrong), "{property:?}");
        }
        assert!(PROPERTIES.is_sorted_by_key(|p| p.name.to_lowercase()));
    }
}
