//! The keys of a JSON job file, as far as a schema can say what they may be: the reader says the rest. That all keys are here is tested.

use jobyard::kernel::limits::{SWEEP_INSTANCES_MAX, UNITS_MAX};
use serde_json::{Map, Value, json};

const TEXTS: [&str; 8] = [
    "name",
    "project",
    "owner",
    "template",
    "licences",
    "email",
    "progress_message",
    "hold_until",
];
const FLAGS: [&str; 10] = [
    "exclusive",
    "single_node",
    "can_preempt",
    "can_grow",
    "can_shrink",
    "run_until_canceled",
    "fail_on_task_failure",
    "fail_dependent_tasks",
    "notify_on_start",
    "notify_on_completion",
];
const RANGES: [&str; 4] = ["cores", "sockets", "nodes", "gpus"];
const NAMES: [&str; 3] = ["requested_nodes", "excluded_nodes", "node_groups"];
const TABLES: [&str; 2] = ["environment", "custom_properties"];
/// Each has a language of its own.
const OTHERS: [&str; 13] = [
    "kind",
    "priority",
    "task_retry_limit",
    "valid_exit_codes",
    "runtime",
    "node_group_op",
    "node_memory_mb",
    "node_cores",
    "order_by",
    "process_memory_mb",
    "target",
    "progress",
    "parent_jobs",
];
const TASK_TEXTS: [&str; 8] = [
    "name",
    "command",
    "plugin",
    "working_folder",
    "standard_input",
    "standard_output",
    "standard_error",
    "node_group",
];

/// A job, as a file has it.
pub(super) fn job() -> Value {
    let mut keys = job_keys();
    keys.insert("task".into(), json!({ "type": "array", "items": task() }));
    keys.insert("prepare".into(), node_task());
    keys.insert("release".into(), node_task());
    table(keys)
}

/// Keys of a job that are to be otherwise; null takes one back.
pub(super) fn job_changes() -> Value {
    table(job_keys().into_iter().map(or_null).collect())
}

/// Tasks for a job that there is.
pub(super) fn tasks() -> Value {
    let tasks = json!({ "type": "array", "items": task() });
    let keys = json!({ "task": tasks, "prepare": node_task(), "release": node_task() });
    json!({ "type": "object", "additionalProperties": false, "properties": keys })
}

/// Keys of a task that are to be otherwise.
pub(super) fn task_changes() -> Value {
    table(task_keys().into_iter().map(or_null).collect())
}

fn task() -> Value {
    table(task_keys())
}

fn node_task() -> Value {
    let mut keys = texts(&TASK_TEXTS[..7]);
    keys.insert("rerunnable".into(), flag());
    keys.extend(TABLES.iter().map(|key| ((*key).into(), variables())));
    keys.insert("runtime".into(), text());
    keys.insert("valid_exit_codes".into(), codes());
    table(keys)
}

fn job_keys() -> Map<String, Value> {
    let mut keys = texts(&TEXTS);
    keys.extend(FLAGS.iter().map(|key| ((*key).into(), flag())));
    keys.extend(RANGES.iter().map(|key| ((*key).into(), number_or_text())));
    keys.extend(NAMES.iter().map(|key| ((*key).into(), names())));
    keys.extend(TABLES.iter().map(|key| ((*key).into(), variables())));
    keys.extend(OTHERS.iter().map(|&key| (key.into(), other(key))));
    keys
}

fn task_keys() -> Map<String, Value> {
    let mut keys = texts(&TASK_TEXTS);
    for key in ["service", "rerunnable", "exclusive"] {
        keys.insert(key.into(), flag());
    }
    keys.extend(RANGES.iter().map(|key| ((*key).into(), number_or_text())));
    for key in ["after", "required_nodes"] {
        keys.insert(key.into(), names());
    }
    keys.extend(TABLES.iter().map(|key| ((*key).into(), variables())));
    keys.insert("sweep".into(), json!({ "type": ["string", "object"] }));
    keys.insert("runtime".into(), text());
    let failures = json!({ "type": "integer", "minimum": 1, "maximum": SWEEP_INSTANCES_MAX });
    keys.insert("fail_job_on_failure_count".into(), failures);
    keys.insert("valid_exit_codes".into(), codes());
    keys
}

fn other(key: &str) -> Value {
    let number = |least, most: u32| json!({ "type": "integer", "minimum": least, "maximum": most });
    match key {
        "kind" => json!({ "enum": ["batch", "command"] }),
        "valid_exit_codes" => codes(),
        "parent_jobs" => json!({ "type": ["integer", "string", "array"] }),
        "progress" => number(0, 100),
        "task_retry_limit" => number(0, SWEEP_INSTANCES_MAX),
        "target" => number(1, UNITS_MAX),
        "process_memory_mb" => number(1, u32::MAX),
        "order_by" | "node_group_op" | "runtime" => text(),
        _ => number_or_text(),
    }
}

fn texts(names: &[&str]) -> Map<String, Value> {
    let entry = |name: &&str| ((*name).into(), text());
    names.iter().map(entry).collect()
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// A list, or a text with commas.
fn names() -> Value {
    json!({ "type": ["array", "string"], "items": text() })
}

/// In changes, null takes one away.
fn variables() -> Value {
    let value = json!({ "type": ["string", "integer", "null"] });
    json!({ "type": "object", "additionalProperties": value })
}

/// Numbers, and ranges like `2-8`.
fn number_or_text() -> Value {
    json!({ "type": ["integer", "string"] })
}

fn codes() -> Value {
    json!({ "type": ["integer", "string", "array"] })
}

fn or_null((key, schema): (String, Value)) -> (String, Value) {
    (key, json!({ "anyOf": [schema, { "type": "null" }] }))
}

fn table(keys: Map<String, Value>) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": keys })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jobyard::jobfile::{Format, JobFile};

    use super::*;

    /// What the reader says of one key more, with the keys that it knows.
    fn error(value: &Value) -> String {
        let read = JobFile::parse("x", &value.to_string(), Format::Json);
        read.map(drop)
            .map_err(|error| error.to_string())
            .err()
            .unwrap_or_default()
    }

    #[test]
    fn the_schema_has_the_keys_that_the_reader_knows() {
        let inner = |key: &str| job()["properties"][key].clone();
        let task = inner("task")["items"].clone();
        let cases = [
            (job(), json!({ "nothing": 1 })),
            (task, json!({ "task": [{ "nothing": 1 }] })),
            (inner("prepare"), json!({ "prepare": { "nothing": 1 } })),
        ];
        for (schema, file) in cases {
            let error = error(&file);
            let (_, known) = error
                .split_once("known here: ")
                .expect("the reader names them");
            let known: BTreeSet<&str> = known.split(", ").collect();
            let keys = schema["properties"].as_object().expect("keys");
            let keys: BTreeSet<&str> = keys.keys().map(String::as_str).collect();
            assert_eq!(keys, known);
        }
    }
}
