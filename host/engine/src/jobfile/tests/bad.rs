//! Bad files: each gets one line with the place, the value and what would be right.

use crate::jobfile::{Format, JobFile};

/// Each text is refused with just this message, after the file's name.
pub(super) fn check(name: &str, format: Format, rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        match JobFile::parse(name, text, format) {
            Ok(file) => panic!("taken, but should not be:\n{text}\n{file:?}"),
            Err(error) => assert_eq!(error.to_string(), format!("{name}:{expected}"), "{text}"),
        }
    }
}

#[test]
fn bad_toml() {
    check(
        "job.toml",
        Format::Toml,
        &[
            (
                "colour = 1",
                r#"1:1: unknown key "colour"; known here: name, project, owner, template, kind, priority, cores, sockets, nodes, gpus, exclusive, single_node, can_preempt, can_grow, can_shrink, run_until_canceled, fail_on_task_failure, fail_dependent_tasks, task_retry_limit, valid_exit_codes, runtime, hold_until, requested_nodes, excluded_nodes, environment, custom_properties, node_groups, node_group_op, node_memory_mb, node_cores, order_by, licences, process_memory_mb, target, notify_on_start, notify_on_completion, email, progress, progress_message, parent_jobs, prepare, release, task"#,
            ),
            (
                r#"comand = "x"
"#,
                r#"1:1: unknown key "comand"; "command" is a key of a task; write it below [[task]]"#,
            ),
            (
                "name = 5",
                "1:8: name: 5 is not a text; put it in quotation marks",
            ),
            (
                r#"name = "a
b""#,
                "2:3: not valid TOML: key with no value, expected `=`",
            ),
            (
                "name =",
                "1:7: not valid TOML: string values must be quoted, expected literal string",
            ),
            (
                r#"name = "x"
name = "y""#,
                r#"2:1: key "name" is given twice; remove one"#,
            ),
            (
                r#"exclusive = "yes"
"#,
                r#"1:13: exclusive: "yes" is not true or false"#,
            ),
            (
                "cores = 0",
                r#"1:9: cores: 0 is not a whole number from 1 to 1000000, or a range like "2-8" or "2-*""#,
            ),
            (
                "cores = -4",
                r#"1:9: cores: -4 is not a whole number from 1 to 1000000, or a range like "2-8" or "2-*""#,
            ),
            (
                "cores = 2.5",
                r#"1:9: cores: 2.5 is not a whole number from 1 to 1000000, or a range like "2-8" or "2-*""#,
            ),
            (
                r#"cores = "8-2""#,
                r#"1:9: cores: "8-2" starts above its end; write the smaller number first"#,
            ),
            (
                r#"cores = "a""#,
                r#"1:9: cores: "a" is not a number or range; write it like 4, 2-8, 2-* or *"#,
            ),
            (
                "cores = 99999999999999999999",
                r#"1:9: cores: 1e20 is not a whole number from 1 to 1000000, or a range like "2-8" or "2-*""#,
            ),
            (
                r#"cores = 2
nodes = 1
[[task]]
command="x""#,
                "2:9: nodes: cores are counted already; write only one of them",
            ),
            (
                r#"cores=2
[[task]]
command="x"
cores="2-*""#,
                r#"4:7: cores: a task must say its own numbers, without *; write it like 4 or "2-8""#,
            ),
            (
                r#"cores=2
[[task]]
command="x"
nodes=2"#,
                "4:7: nodes: the job counts cores; its tasks must count cores too",
            ),
            (
                "priority = 5000",
                "1:12: priority: 5000 is not a whole number from 0 to 4000",
            ),
            (
                r#"priority = "Normal+3000""#,
                r#"1:12: priority: "Normal+3000" is priority 5000, which is not from 0 to 4000"#,
            ),
            (
                r#"priority = "High""#,
                r#"1:12: priority: "High" is not a priority; write 0 to 4000, or Lowest, BelowNormal, Normal, AboveNormal or Highest, which may be followed by a number as in Normal+5"#,
            ),
            (
                "priority = 1.5",
                "1:12: priority: 1.5 is not a whole number from 0 to 4000",
            ),
            (
                "runtime = 90",
                r#"1:11: runtime: 90 has no unit; write "90s" or "90m""#,
            ),
            (
                r#"runtime = "abc""#,
                r#"1:11: runtime: "abc" is not a length of time; write it like 90s, 15m, 2h30m, 1d, like HPC Pack's [[days:]hours:]minutes, or infinite"#,
            ),
            (
                r#"runtime = "1h2h""#,
                r#"1:11: runtime: "1h2h" is not a length of time; write it like 90s, 15m, 2h30m, 1d, like HPC Pack's [[days:]hours:]minutes, or infinite"#,
            ),
            (
                r#"runtime="0s"
[[task]]
command="x""#,
                r#"1:9: runtime: "0s" leaves no time to run; write infinite for no limit"#,
            ),
            (
                r#"runtime = "9999999999999999d""#,
                r#"1:11: runtime: "9999999999999999d" is longer than 285 years; write infinite for no limit"#,
            ),
            (
                "hold_until = 2031-05-04",
                r#"1:14: hold_until: "2031-05-04" is not a date and time with a time zone; write it like 2031-05-04T18:30:00Z or 2031-05-04T18:30:00+02:00"#,
            ),
            (
                r#"hold_until = "tomorrow""#,
                r#"1:14: hold_until: "tomorrow" is not a date and time with a time zone; write it like 2031-05-04T18:30:00Z or 2031-05-04T18:30:00+02:00"#,
            ),
            (
                "hold_until = 1900-01-01T00:00:00Z",
                r#"1:14: hold_until: "1900-01-01T00:00:00Z" is not from 1970 to 2255"#,
            ),
            (
                r#"kind = "admin""#,
                r#"1:8: kind: "admin" is not a kind of job; write "batch" or "command""#,
            ),
            (
                r#"valid_exit_codes = "a""#,
                r#"1:20: valid_exit_codes: exit codes "a": "a" is neither a number nor a range like 0..10, min..-1 or 100..max"#,
            ),
            (
                "valid_exit_codes = []",
                "1:20: valid_exit_codes: the list is empty, so that no task could succeed; write [0]",
            ),
            (
                "valid_exit_codes = [1.5]",
                r#"1:20: valid_exit_codes: 1.5 is not an exit code or a range like "0..10""#,
            ),
            (
                "requested_nodes = 4",
                r#"1:19: requested_nodes: 4 is not a list of names; write it like ["a", "b"]"#,
            ),
            (
                "requested_nodes = [4]",
                "1:19: requested_nodes: 4 is not a name; put it in quotation marks",
            ),
            (
                "environment = 4",
                r#"1:15: environment: 4 is not a table of variables; write it like { KEY = "value" }"#,
            ),
            (
                "environment = { A = 1.5 }",
                r#"1:15: environment: 1.5 is not a value for "A"; put it in quotation marks"#,
            ),
            (
                "environment = { A = 1, A = 2 }",
                r#"1:24: key "A" is given twice; remove one"#,
            ),
            (
                r#"[environment]
"A=B" = "x"
[[task]]
command="x""#,
                r#"1:1: environment variable "A=B" is not a name: it is empty, or has '=' or NUL in it"#,
            ),
            (
                r#"[task]
command = "x""#,
                "1:1: task: a single table is not a list of tasks; write [[task]] in TOML, [{ … }] in JSON",
            ),
            ("task = 4", "1:8: task: 4 is not a list of tasks"),
            (
                "task = [4]",
                "1:9: task: 4 is not a table with a task's properties",
            ),
            (
                r#"[[tasks]]
command="x""#,
                r#"1:3: unknown key "tasks"; did you mean "task"?"#,
            ),
            (
                r#"[[task]]
name = "a""#,
                "1:1: task 1 needs a command line",
            ),
            (
                r#"[[task]]
command = "x"
[[task]]
name="b"
command = "y"
after=["a"]"#,
                r#"3:1: task 2 depends on "a", but no task has that name"#,
            ),
            (
                r#"[[task]]
name="a"
after="b"
command="x"
[[task]]
name="b"
after="a"
command="x""#,
                "1:1: tasks depend on each other in a circle: a -> b -> a",
            ),
            (
                r#"[[task]]
command = "x"
sweep = "5-1""#,
                r#"3:9: sweep: "5-1" has no instances; the end must not be below the start, and the increment at least 1"#,
            ),
            (
                r#"[[task]]
command = "x"
sweep = 5"#,
                r#"3:9: sweep: 5 is not a sweep; write it like "1-200" or "0-100:10""#,
            ),
            (
                r#"[[task]]
command = "x"
sweep = { start = 1 }"#,
                "3:9: sweep: end is missing; write { start = 1, end = 200 }",
            ),
            (
                r#"[[task]]
command = "x"
sweep = { start = 1, end = 2, inc = 2 }"#,
                r#"3:9: sweep: unknown key "inc"; a sweep has start, end and increment"#,
            ),
            (
                r#"[[task]]
command = "x"
sweep = "1-9000000""#,
                "1:1: task 1: the sweep has 9000000 instances; at most 1000000 are allowed",
            ),
            (
                r#"[[task]]
  command = "x"
  env = { A = "1" }"#,
                r#"3:3: unknown key "env"; did you mean "environment"?"#,
            ),
            (
                r#"[prepare]
name = "a""#,
                "1:1: prepare: has nothing to run; give it a command or a plugin",
            ),
            (
                r#"[prepare]
sweep = "1-2""#,
                r#"2:1: unknown key "sweep"; "sweep" is a key of a task; write it below [[task]]"#,
            ),
            (
                r#"[prepare]
command="x""#,
                "1:1: a job with only node prepare and node release tasks must run until canceled",
            ),
            (
                r#"name = "only""#,
                "1:1: the job has no task; give it one with a command, or let it run until canceled",
            ),
            (
                r#"[[task]]
command="x"
fail_job_on_failure_count=0"#,
                "3:27: fail_job_on_failure_count: 0 is not a whole number from 1 to 1000000",
            ),
            (
                "task_retry_limit = -1",
                "1:20: task_retry_limit: -1 is not a whole number from 0 to 1000000",
            ),
            (
                "run_until_canceled = true",
                "1:22: a job that runs until canceled must say its minimum and maximum",
            ),
            (
                "single_node = 1",
                "1:15: single_node: 1 is not true or false",
            ),
            (
                r#"name = "ü" ; x"#,
                "1:12: not valid TOML: unexpected key or value, expected newline, `#`",
            ),
            (
                r#"[[task]]
command = """x
y"""
after = ["a\nb"]
name="q""#,
                r#"1:1: task 1 depends on "a\nb", but no task has that name"#,
            ),
            (
                r#"[[task]]
name="long"
command = "x"
runtime="2h"
[x]"#,
                r#"5:2: unknown key "x"; known here: name, project, owner, template, kind, priority, cores, sockets, nodes, gpus, exclusive, single_node, can_preempt, can_grow, can_shrink, run_until_canceled, fail_on_task_failure, fail_dependent_tasks, task_retry_limit, valid_exit_codes, runtime, hold_until, requested_nodes, excluded_nodes, environment, custom_properties, node_groups, node_group_op, node_memory_mb, node_cores, order_by, licences, process_memory_mb, target, notify_on_start, notify_on_completion, email, progress, progress_message, parent_jobs, prepare, release, task"#,
            ),
            (
                "[[task]]\ncommand='x'\nname='s'\n[task.environment]\nA=true",
                r#"4:1: environment: true is not a value for "A"; put it in quotation marks"#,
            ),
        ],
    );
}

#[test]
fn bad_json() {
    check(
        "job.json",
        Format::Json,
        &[
            ("{", "1:1: not valid JSON: EOF while parsing an object"),
            (
                "[]",
                "1:1: the file: a list is not a table with the job's properties",
            ),
            (
                "5",
                "1:1: the file: 5 is not a table with the job's properties",
            ),
            ("{} x", "1:4: not valid JSON: trailing characters"),
            (
                r#"{"name": 5}"#,
                "1:10: name: 5 is not a text; put it in quotation marks",
            ),
            (
                r#"{
  "colour" : 5}"#,
                r#"2:3: unknown key "colour"; known here: name, project, owner, template, kind, priority, cores, sockets, nodes, gpus, exclusive, single_node, can_preempt, can_grow, can_shrink, run_until_canceled, fail_on_task_failure, fail_dependent_tasks, task_retry_limit, valid_exit_codes, runtime, hold_until, requested_nodes, excluded_nodes, environment, custom_properties, node_groups, node_group_op, node_memory_mb, node_cores, order_by, licences, process_memory_mb, target, notify_on_start, notify_on_completion, email, progress, progress_message, parent_jobs, prepare, release, task"#,
            ),
            (
                r#"{"name": "a", "name": "b"}"#,
                r#"1:15: key "name" is given twice; remove one"#,
            ),
            (
                r#"{"runtime": null, "cores": [1]}"#,
                r#"1:28: cores: a list is not a whole number from 1 to 1000000, or a range like "2-8" or "2-*""#,
            ),
            (
                r#"{"task": [{"command": "x"}, {"command": "x",
 "cores": -1}]}"#,
                r#"2:11: cores: -1 is not a whole number from 1 to 1000000, or a range like "2-8" or "2-*""#,
            ),
            (
                r#"{"name": "\ud800"}"#,
                "1:17: not valid JSON: unexpected end of hex escape",
            ),
            (
                r#"{"task": {"command": "x"}}"#,
                "1:10: task: a single table is not a list of tasks; write [[task]] in TOML, [{ … }] in JSON",
            ),
            (
                r#"{"task": [{"command": "x"}, {"name": "b"}]}"#,
                "1:29: task 2 needs a command line",
            ),
            (
                r#"{"cores": 1e400}"#,
                "1:15: not valid JSON: number out of range",
            ),
            (
                r#"{"cores": 1.0}"#,
                r#"1:11: cores: 1.0 is not a whole number from 1 to 1000000, or a range like "2-8" or "2-*""#,
            ),
            ("{'a': 1}", "1:2: not valid JSON: key must be a string"),
            (r#"{"name": "x",}"#, "1:14: not valid JSON: trailing comma"),
            (
                r#"{"prepare": []}"#,
                "1:13: prepare: a list is not a table with a node task's properties",
            ),
            ("nul", "1:3: not valid JSON: EOF while parsing a value"),
        ],
    );
}

#[test]
fn an_empty_file_is_named_without_a_place() {
    for text in ["", " \n\t\n", "\u{feff}"] {
        let error = JobFile::parse("job.toml", text, Format::Toml).unwrap_err();
        let expected = "job.toml: the file is empty; a job needs at least one task with a command";
        assert_eq!(error.to_string(), expected, "{text:?}");
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let json = format!("{{\"name\":{}", "[".repeat(1_000_000));
    let toml = format!("name = {}", "[".repeat(100_000));
    let xml = "<Job>".repeat(100_000);
    for (format, text, expected) in [
        (Format::Json, json, "recursion limit exceeded"),
        (Format::Toml, toml, "cannot recurse further"),
        (Format::HpcXml, xml, "nested more than 16 deep"),
    ] {
        let error = JobFile::parse("job", &text, format)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_element_with_too_many_attributes_is_refused() {
    let attributes: String = (0..100_000).map(|n| format!(" a{n}='1'")).collect();
    let text = format!("<Job{attributes}/>");
    let error = JobFile::parse("job.xml", &text, Format::HpcXml).unwrap_err();
    assert_eq!(
        error.to_string(),
        "job.xml:1:1: an element has more than 256 attributes"
    );
}

#[test]
fn messages_are_one_line_of_limited_length() {
    let long = "x".repeat(1_000_000);
    let lines = "a\\nb".repeat(1_000);
    for text in [
        format!("runtime = \"{long}\""),
        format!("{long} = 1"),
        format!("\"{lines}\" = 1"),
        format!("[[task]]\ncommand = \"x\"\nname = \"n\"\nafter = \"{lines}\""),
    ] {
        let error = JobFile::parse("two\nlines.toml", &text, Format::Toml)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("two\\nlines.toml:"), "{error}");
        assert!(
            !error.contains('\n') && error.chars().count() < 1_100,
            "{error}"
        );
    }
}
