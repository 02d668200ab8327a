//! The values of the TOML and JSON model: each type says which shapes it takes and what is right where another is found.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a shape of value that a type does not name is refused, one that is new too"
)]

use jobyard_kernel::limits::{PRIORITY_MAX, SWEEP_INSTANCES_MAX, UNITS_MAX};
use jobyard_kernel::{ExitCodes, GroupOp, JobId, JobKind, OrderBy, Span, TaskKind, Timestamp};
use serde::Deserialize;

use super::error::quoted;
use super::tree::{Entry, Node, Value};
use super::values::{
    UnitRange, parse_group_op, parse_hold_until, parse_job_ids, parse_memory_range, parse_order_by,
    parse_priority, parse_range, parse_span, parse_sweep,
};

/// A type of the model from what [`Value`] shapes it takes.
macro_rules! model_value {
    ($(#[$doc:meta])* $name:ident($inner:ty) = $read:expr) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(try_from = "Value")]
        pub(super) struct $name(pub(super) $inner);

        impl TryFrom<Value> for $name {
            type Error = String;
            fn try_from(value: Value) -> Result<Self, String> {
                let read: fn(Value) -> Result<$inner, String> = $read;
                read(value).map($name)
            }
        }
    };
}

model_value! {
    /// A text.
    Text(String) = |value| match value {
        Value::Text(text) => Ok(text),
        other => Err(format!("{other} is not a text; put it in quotation marks")),
    }
}

model_value! {
    /// Yes or no.
    Flag(bool) = |value| match value {
        Value::Truth(truth) => Ok(truth),
        other => Err(format!("{other} is not true or false")),
    }
}

model_value! {
    /// How often.
    Count(u32) = |value| count(&value, 0, SWEEP_INSTANCES_MAX)
}

model_value! {
    /// Memory in MiB.
    Mebibytes(u64) = |value| count(&value, 1, u32::MAX).map(u64::from)
}

model_value! {
    /// How many units.
    Target(u32) = |value| count(&value, 1, UNITS_MAX)
}

model_value! {
    /// How much of it is done.
    Percent(u32) = |value| count(&value, 0, 100)
}

model_value! {
    /// How many failures; at least one.
    Failures(u32) = |value| count(&value, 1, SWEEP_INSTANCES_MAX)
}

model_value! {
    /// What nodes are put in order by.
    Order(Vec<OrderBy>) = |value| match value {
        Value::Text(text) => parse_order_by(&text).map_err(|e| e.to_string()),
        other => Err(format!("{other} is not an order of nodes; write it like \"cores,-memory\"")),
    }
}

model_value! {
    /// How node groups are joined.
    Join(GroupOp) = |value| match value {
        Value::Text(text) => parse_group_op(&text).map_err(|e| e.to_string()),
        other => Err(format!("{other} is not a way to join node groups; write \"intersect\", \"uniform\" or \"union\"")),
    }
}

model_value! {
    /// Numbers of jobs: one, a list, or a text with commas between them.
    Jobs(Vec<JobId>) = |value| {
        let id = |value: &Value| count(value, 1, u32::MAX).map(JobId);
        match value {
            Value::Text(text) => parse_job_ids(&text).map_err(|e| e.to_string()),
            Value::List(items) => items.iter().map(|item| id(&item.value)).collect(),
            single => id(&single).map(|id| vec![id]),
        }
    }
}

model_value! {
    /// `batch` or `command`.
    Kind(JobKind) = |value| match value {
        Value::Text(text) if text == "batch" => Ok(JobKind::Batch),
        Value::Text(text) if text == "command" => Ok(JobKind::Command),
        other => Err(format!("{other} is not a kind of job; write \"batch\" or \"command\"")),
    }
}

model_value! {
    /// A number or a band's name.
    Priority(u32) = |value| match value {
        Value::Text(text) => parse_priority(&text).map_err(|e| e.to_string()),
        other => count(&other, 0, PRIORITY_MAX),
    }
}

model_value! {
    /// A number, or a text with a range.
    Range(UnitRange) = |value| match value {
        Value::Text(text) => parse_range(&text).map_err(|e| e.to_string()),
        other => {
            let number = count(&other, 1, UNITS_MAX)
                .map_err(|e| format!("{e}, or a range like \"2-8\" or \"2-*\""))?;
            Ok(UnitRange { min: Some(number), max: Some(number) })
        }
    }
}

model_value! {
    /// Memory in MiB: a number, or a text with a range.
    Memory(UnitRange) = |value| match value {
        Value::Text(text) => parse_memory_range(&text).map_err(|e| e.to_string()),
        other => {
            let number = count(&other, 1, u32::MAX)
                .map_err(|e| format!("{e}, or a range like \"4096-*\""))?;
            Ok(UnitRange { min: Some(number), max: Some(number) })
        }
    }
}

model_value! {
    /// A length of time with its unit; none for no limit.
    Limit(Option<Span>) = |value| match value {
        Value::Text(text) => positive_span(&text),
        Value::Whole(number @ 1..) => Err(format!("{number} has no unit; write \"{number}s\" or \"{number}m\"")),
        other => Err(format!("{other} is not a length of time; write it like \"90s\" or \"2h30m\"")),
    }
}

model_value! {
    /// A moment: RFC 3339 as a text, or a date and time of TOML.
    Moment(Timestamp) = |value| match value {
        Value::Text(text) | Value::Time(text) => parse_hold_until(&text).map_err(|e| e.to_string()),
        other => Err(format!("{other} is not a date and time; write it like \"2031-05-04T18:30:00Z\"")),
    }
}

model_value! {
    /// Exit codes: a number, a list of numbers and ranges, or a text as HPC Pack has it.
    Codes(ExitCodes) = |value| {
        let text = |value: &Value| match value {
            Value::Whole(number) => Ok(number.to_string()),
            Value::Text(text) => Ok(text.clone()),
            other => Err(format!("{other} is not an exit code or a range like \"0..10\"")),
        };
        let all = match &value {
            Value::List(items) if items.is_empty() => {
                Err("the list is empty, so that no task could succeed; write [0]".into())
            }
            Value::List(items) => items
                .iter()
                .map(|item| text(&item.value))
                .collect::<Result<Vec<_>, _>>()
                .map(|parts| parts.join(",")),
            single => text(single),
        };
        all?.parse().map_err(|e| format!("{e}"))
    }
}

model_value! {
    /// Names: a list, or a text with commas between them.
    Names(Vec<String>) = |value| match value {
        Value::Text(text) => Ok(names(&text)),
        Value::List(items) => items
            .into_iter()
            .map(|item| match item.value {
                Value::Text(name) => Ok(name),
                other => Err(format!("{other} is not a name; put it in quotation marks")),
            })
            .collect(),
        other => Err(format!("{other} is not a list of names; write it like [\"a\", \"b\"]")),
    }
}

model_value! {
    /// Environment variables.
    Variables(Vec<(String, String)>) = |value| match value {
        Value::Table(entries) => entries
            .into_iter()
            .map(|Entry { key, node, .. }| match node.value {
                Value::Text(text) => Ok((key, text)),
                Value::Whole(number) => Ok((key, number.to_string())),
                other => Err(format!("{other} is not a value for {}; put it in quotation marks", quoted(&key))),
            })
            .collect(),
        other => Err(format!("{other} is not a table of variables; write it like {{ KEY = \"value\" }}")),
    }
}

model_value! {
    /// A sweep: a text, or a table with `start`, `end` and maybe `increment`.
    Sweep(TaskKind) = |value| match value {
        Value::Text(text) => parse_sweep(&text).map_err(|e| e.to_string()),
        Value::Table(entries) => sweep_table(&entries),
        other => Err(format!("{other} is not a sweep; write it like \"1-200\" or \"0-100:10\"")),
    }
}

fn sweep_table(entries: &[Entry]) -> Result<TaskKind, String> {
    let (mut start, mut end, mut increment) = (None, None, 1);
    for Entry {
        key,
        node: Node { value, .. },
        ..
    } in entries
    {
        let number = |least| count(value, least, u32::MAX).map_err(|e| format!("{key}: {e}"));
        match key.as_str() {
            "start" => start = Some(number(0)?),
            "end" => end = Some(number(0)?),
            "increment" => increment = number(1)?,
            other => {
                let other = quoted(other);
                return Err(format!(
                    "unknown key {other}; a sweep has start, end and increment"
                ));
            }
        }
    }
    match (start, end) {
        (Some(start), Some(end)) if start <= end => Ok(TaskKind::Sweep {
            start,
            end,
            increment,
        }),
        (Some(start), Some(end)) => Err(format!("the end {end} is below the start {start}")),
        (None, _) => Err("start is missing; write { start = 1, end = 200 }".into()),
        (_, None) => Err("end is missing; write { start = 1, end = 200 }".into()),
    }
}

fn count(value: &Value, least: u32, most: u32) -> Result<u32, String> {
    let whole = match value {
        Value::Whole(number) => u32::try_from(*number).ok(),
        _ => None,
    };
    match whole.filter(|n| (least..=most).contains(n)) {
        Some(number) => Ok(number),
        None => Err(format!(
            "{value} is not a whole number from {least} to {most}"
        )),
    }
}

/// A run-time limit; none for no limit.
pub(super) fn positive_span(text: &str) -> Result<Option<Span>, String> {
    match parse_span(text) {
        Ok(Some(Span::ZERO)) => Err(format!(
            "{} leaves no time to run; write infinite for no limit",
            quoted(text)
        )),
        Ok(span) => Ok(span),
        Err(error) => Err(error.to_string()),
    }
}

/// The names in a text with commas between them.
pub(super) fn names(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim).filter(|n| !n.is_empty());
    names.map(String::from).collect()
}
