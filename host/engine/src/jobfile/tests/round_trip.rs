//! What is written reads back as what it was, in each language; changes; and the keys that all of this knows.

use jobyard_kernel::{
    GroupOp, JobId, JobKind, JobSpec, NodeProperty, OrderBy, Span, TaskKind, TaskSpec, Timestamp,
    Unit,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::fuzz::cases;
use crate::jobfile::keys::{JOB_KEYS, TASK_KEYS};
use crate::jobfile::{Format, JobChanges, JobFile, NotWritable, TaskChanges, parse_tasks};

const FORMATS: [Format; 3] = [Format::Toml, Format::Json, Format::HpcXml];

/// Text that every language can have.
fn text() -> impl Strategy<Value = String> {
    const CHARACTERS: &[char] = &[
        'a',
        'Z',
        '0',
        ' ',
        '"',
        '\'',
        '\\',
        '&',
        '<',
        '>',
        '=',
        '#',
        '[',
        '}',
        ',',
        '*',
        '\n',
        '\t',
        '\r',
        'é',
        '日',
        '\u{7f}',
        '\u{85}',
        '\u{1f600}',
    ];
    vec(select(CHARACTERS), 0..8).prop_map(|characters| characters.into_iter().collect())
}

/// A name that can stand in a list.
fn name() -> impl Strategy<Value = String> {
    "[a-zé][a-z0-9 ._-]{0,6}[a-z0-9]"
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::btree_map("[A-Z_][A-Z0-9 .é-]{0,5}[A-Z]", text(), 0..4)
        .prop_map(|pairs| pairs.into_iter().collect())
}

fn codes() -> impl Strategy<Value = Option<jobyard_kernel::ExitCodes>> {
    const SOME: &[&str] = &["0", "0,3,10..20", "min..-1,5..max", "-2147483648"];
    option::of(select(SOME).prop_map(|text| text.parse().unwrap()))
}

fn span(most: u64) -> impl Strategy<Value = Option<Span>> {
    option::of(prop_oneof![
        1..most,
        (1..(most / 1_000_000).max(2)).prop_map(|s| s * 1_000_000)
    ])
    .prop_map(|us| us.map(Span))
}

prop_compose! {
    fn selection()(
        requested in vec(name(), 0..3), excluded in vec(name(), 0..3), groups in vec(name(), 0..3),
        op in select(&[GroupOp::Intersect, GroupOp::Uniform, GroupOp::Union][..]),
        memory in option::of((1..5_000_000_u64, 0..10_u64)), cores in option::of((1..1_000_000_u32, 0..10_u32)),
        order in select(&[0, 1, 2, 3][..]),
        parents in proptest::collection::btree_set(1..1_000_u32, 0..4), runtime in span(1 << 50),
        hold in option::of(0..(1_u64 << 52)),
    ) -> JobSpec {
        let by = |property, fewest_first| OrderBy { property, fewest_first };
        let order = [
            vec![], vec![by(NodeProperty::Cores, true)], vec![by(NodeProperty::Memory, false)],
            vec![by(NodeProperty::Memory, true), by(NodeProperty::Cores, false)],
        ][order].clone();
        JobSpec {
            node_group_op: if groups.is_empty() { GroupOp::Intersect } else { op },
            requested_nodes: requested,
            excluded_nodes: excluded,
            node_groups: groups,
            memory_mb_min: memory.map(|(least, _)| least),
            memory_mb_max: memory.map(|(least, more)| least + more),
            cores_per_node_min: cores.map(|(least, _)| least.min(999_000)),
            cores_per_node_max: cores.filter(|(_, more)| *more > 5).map(|(least, more)| least.min(999_000) + more),
            order_by: order,
            parent_jobs: parents.into_iter().map(JobId).collect(),
            runtime,
            hold_until: hold.map(Timestamp),
            ..JobSpec::default()
        }
    }
}

prop_compose! {
    fn spec()(
        selection in selection(), name in text(), project in text(), owner in text(), template in text(),
        kind in select(&[JobKind::Batch, JobKind::Command][..]), priority in 0..4_001_u32,
        unit in select(&[Unit::Core, Unit::Socket, Unit::Node, Unit::Gpu][..]),
        range in option::of((1..9_u32, 0..9_u32)), auto_max in any::<bool>(),
        flags in any::<[bool; 9]>(), memory in option::of(1..5_000_000_u64), aims in any::<bool>(), email in name(), retries in 0..4_u32, codes in codes(), environment in pairs(), custom in pairs(),
    ) -> JobSpec {
        // Tasks below need up to 3.
        let range = range.map(|(min, more)| (min + 2, min + 2 + more));
        let [exclusive, single_node, can_preempt, can_grow, can_shrink, fail, dependent, starts, ends] = flags;
        let kind = if selection.parent_jobs.is_empty() && selection.node_group_op != GroupOp::Uniform {
            kind
        } else {
            JobKind::Batch
        };
        JobSpec {
            name, project, owner, template, kind, priority, unit,
            min: range.map(|(min, _)| min),
            max: range.filter(|_| !auto_max).map(|(_, max)| max),
            exclusive, single_node: single_node && unit != Unit::Node, can_preempt, can_grow, can_shrink,
            run_until_canceled: range.is_some() && !auto_max,
            fail_on_task_failure: fail,
            fail_dependent_tasks: dependent,
            task_retry_limit: retries,
            valid_exit_codes: codes,
            process_memory_mb: memory,
            target: range.map(|(min, _)| min).filter(|_| aims),
            notify_on_start: starts,
            notify_on_completion: ends,
            email,
            environment,
            custom_properties: custom,
            ..selection
        }
    }
}

prop_compose! {
    fn task()(
        command in "[a-z]{1,5}", more in text(), folder in text(), paths in any::<[Option<bool>; 3]>(), path in "/[a-z *]{1,9}",
        sweep in option::of((0..5_u32, 0..100_u32, 1..7_u32)), range in (1..3_u32, 0..2_u32), runtime in span(3_000_000),
        rerunnable in any::<bool>(), codes in codes(), failures in option::of(1..9_u32), environment in pairs(), custom in pairs(),
    ) -> TaskSpec {
        let path = |set: Option<bool>| set.map(|_| path.clone());
        TaskSpec {
            kind: sweep.map_or(TaskKind::Basic, |(start, more, increment)| TaskKind::Sweep {
                start, end: start + more, increment,
            }),
            command_line: format!("{command}{more}"),
            working_folder: folder,
            standard_input: path(paths[0]),
            standard_output: path(paths[1]),
            standard_error: path(paths[2]),
            min: range.0,
            max: range.0 + range.1,
            runtime,
            rerunnable,
            valid_exit_codes: codes,
            fail_job_on_failure_count: failures,
            environment,
            custom_properties: custom,
            ..TaskSpec::default()
        }
    }
}

prop_compose! {
    fn file()(mut spec in spec(), tasks in vec(task(), 1..4), prepare in any::<bool>(), release in any::<bool>(), depends in any::<bool>(),
        needs in 0..3, needed in name())
        -> JobFile {
        let mut tasks = tasks;
        if needs == 1 && spec.min.is_some() && spec.max.is_some() {
            let node = spec.requested_nodes.first().cloned().unwrap_or(needed);
            tasks[0].required_nodes = vec![node];
            spec.excluded_nodes.clear();
        } else if needs == 2 && spec.node_groups.is_empty() {
            tasks[0].node_group = Some(needed);
        }
        if depends && spec.kind == JobKind::Batch {
            for (index, task) in tasks.iter_mut().enumerate() {
                task.name = format!("t {index}");
                task.depends_on = (0..index).map(|n| format!("t {n}")).collect();
            }
        }
        // A task's limit is not above its job's.
        if let Some(limit) = spec.runtime.as_mut() {
            limit.0 += 3_000_000;
        }
        for (wanted, kind) in [(prepare, TaskKind::NodePrepare), (release, TaskKind::NodeRelease)] {
            if wanted {
                let command_line = "true".into();
                tasks.push(TaskSpec { kind, command_line, ..TaskSpec::default() });
            }
        }
        JobFile { spec, tasks }
    }
}

fn ungiven(mut file: JobFile) -> JobFile {
    file.spec.given.clear();
    file
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn a_job_reads_back_as_it_was_written(file in file()) {
        for format in FORMATS {
            let text = file.write(format).map_err(|e| TestCaseError::fail(format!("{format}: {e}")))?;
            let read = JobFile::parse("x", &text, format).unwrap();
            prop_assert_eq!(&ungiven(read.clone()), &file, "{}", text);
            // And through each of the others, with what its user gave: a range has two ends in TOML, which XML tells apart.
            for other in FORMATS {
                let again = JobFile::parse("x", &read.write(other).unwrap(), other).unwrap();
                let kept = read.spec.given.iter().all(|name| again.spec.given.contains(name));
                let same = other != format || again.spec.given == read.spec.given;
                prop_assert!(kept && same, "{} to {}: {:?}, {:?}", format, other, read.spec.given, again.spec.given);
            }
        }
    }

    #[test]
    fn all_keys_as_changes_make_one_job_of_another(mut from in spec(), to in spec()) {
        let file = JobFile { spec: to.clone(), tasks: vec![TaskSpec { command_line: "true".into(), ..TaskSpec::default() }] };
        let mut json: serde_json::Value = serde_json::from_str(&file.write(Format::Json).unwrap()).unwrap();
        let changes = json.as_object_mut().unwrap();
        changes.remove("task");
        let counts = ["cores", "sockets", "nodes", "gpus"];
        let counted = counts.iter().any(|key| changes.contains_key(*key));
        for key in JOB_KEYS.iter().filter(|key| !counts.contains(&key.name) || !counted) {
            changes.entry(key.name).or_insert(serde_json::Value::Null);
        }
        // Tables are merged: names that are to go are said.
        for (key, old) in [("environment", &from.environment), ("custom_properties", &from.custom_properties)] {
            if let Some(table) = changes.get_mut(key).and_then(|table| table.as_object_mut()) {
                for (name, _) in old {
                    table.entry(name).or_insert(serde_json::Value::Null);
                }
            }
        }
        JobChanges::parse("x", &json.to_string()).unwrap().apply(&mut from);
        from.given.clear();
        from.environment.sort();
        from.custom_properties.sort();
        prop_assert_eq!(from, to);
    }
}

#[test]
fn what_a_language_cannot_say_is_named() {
    let task = TaskSpec {
        command_line: "x".into(),
        ..TaskSpec::default()
    };
    let with = |spec, task| JobFile {
        spec,
        tasks: vec![task],
    };
    let plugin = TaskSpec {
        plugin: Some("scratch".into()),
        ..task.clone()
    };
    let error = with(JobSpec::default(), plugin).write(Format::HpcXml);
    assert!(
        matches!(error, Err(NotWritable::Plugin { .. })),
        "{error:?}"
    );
    let bell = JobSpec {
        name: "\u{7}".into(),
        ..JobSpec::default()
    };
    let error = with(bell.clone(), task.clone()).write(Format::HpcXml);
    assert!(
        matches!(error, Err(NotWritable::Character { .. })),
        "{error:?}"
    );
    for format in [Format::Toml, Format::Json] {
        let file = with(bell.clone(), task.clone());
        let text = file.write(format).unwrap();
        assert_eq!(JobFile::parse("x", &text, format).unwrap(), file);
    }
    let spaced = JobSpec {
        requested_nodes: vec!["a,b".into()],
        ..JobSpec::default()
    };
    let error = with(spaced, task).write(Format::HpcXml).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the job's requested_nodes would not read back from XML as it is; write the job as JSON"
    );
}

#[test]
fn the_tables_of_keys_are_those_of_the_model() {
    let known = |text: &str| -> Vec<String> {
        let error = JobFile::parse("x", text, Format::Json)
            .unwrap_err()
            .to_string();
        let (_, keys) = error.split_once("known here: ").unwrap();
        let keys = keys.split(", ").map(String::from);
        keys.filter(|key| !["task", "prepare", "release"].contains(&key.as_str()))
            .collect()
    };
    let mut model = known(r#"{"qqqqqqqqqqqq": 1}"#);
    model.sort();
    let mut ours: Vec<_> = JOB_KEYS.iter().map(|key| key.name.to_string()).collect();
    ours.sort();
    assert_eq!(ours, model);
    let mut model = known(r#"{"task": [{"qqqqqqqqqqqq": 1}]}"#);
    model.sort();
    let mut ours: Vec<_> = TASK_KEYS.iter().map(|key| key.name.to_string()).collect();
    ours.sort();
    assert_eq!(ours, model);
}

#[test]
fn changes_merge_tables_and_take_values_back() {
    let mut spec = JobSpec {
        priority: 3_000,
        environment: vec![("A".into(), "1".into()), ("B".into(), "2".into())],
        name: "old".into(),
        ..JobSpec::default()
    };
    let text =
        r#"{"priority": null, "can_grow": true, "environment": {"A": null, "B": "3", "C": "4"}}"#;
    JobChanges::parse("x", text).unwrap().apply(&mut spec);
    let environment = spec.environment.iter().map(|(n, v)| format!("{n}={v}"));
    assert_eq!(environment.collect::<Vec<_>>(), ["B=3", "C=4"]);
    assert_eq!((spec.priority, spec.name.as_str()), (2_000, "old"));
    assert_eq!(spec.given, ["CanGrow"]);
    JobChanges::parse("x", r#"{"can_grow": null}"#)
        .unwrap()
        .apply(&mut spec);
    assert_eq!(spec.given, [] as [&str; 0]);

    let mut task = TaskSpec::default();
    let text = r#"{"command": "b", "sockets": "1-2"}"#;
    TaskChanges::parse("x", text, Unit::Socket)
        .unwrap()
        .apply(&mut task);
    assert_eq!(
        (task.command_line.as_str(), task.min, task.max),
        ("b", 1, 2)
    );
}

#[test]
fn bad_changes_are_refused_by_name_and_place() {
    for (text, expected) in [
        (
            r#"{"priorit": 1}"#,
            r#"x:1:2: unknown key "priorit"; did you mean "priority"?"#,
        ),
        (
            r#"{"priority": 5000}"#,
            "x:1:14: priority: 5000 is not a whole number from 0 to 4000",
        ),
        (
            r#"{"task": []}"#,
            "x:1:2: task: tasks are changed, and added, by themselves",
        ),
        (
            "[]",
            r#"x:1:1: the changes: a list is not a table of changes; write { "priority": 3000 }"#,
        ),
    ] {
        let error = JobChanges::parse("x", text).unwrap_err().to_string();
        assert_eq!(error, expected);
    }
}

#[test]
fn tasks_are_read_by_themselves() {
    let commands = |text: &str, format| {
        let tasks = parse_tasks("x", text, format, Unit::Core).map_err(|e| e.to_string());
        tasks.map(|tasks| {
            tasks
                .into_iter()
                .map(|t| t.command_line)
                .collect::<Vec<_>>()
                .join(",")
        })
    };
    let one = |text: &str| Ok(text.to_string());
    assert_eq!(commands(r#"{"command": "a"}"#, Format::Json), one("a"));
    assert_eq!(
        commands(r#"[{"command": "a"}, {"command": "b"}]"#, Format::Json),
        one("a,b")
    );
    let toml = "[[task]]\ncommand = 'a'\n[prepare]\ncommand = 'p'";
    assert_eq!(commands(toml, Format::Toml), one("a,p"));
    assert_eq!(
        commands("<Task CommandLine='a'/>", Format::HpcXml),
        one("a")
    );
    let tasks = "<Tasks><Task CommandLine='a'/><Task CommandLine='b'/></Tasks>";
    assert_eq!(commands(tasks, Format::HpcXml), one("a,b"));
    let refused = commands("name = 'x'\n[[task]]\ncommand = 'a'", Format::Toml).unwrap_err();
    assert!(
        refused.starts_with("x:1:1: name: the job is there already"),
        "{refused}"
    );
}

#[test]
fn the_documentation_has_every_key() {
    let text = include_str!("../../../../../docs/job-files.md");
    let (job, task) = text.split_once("## Tasks").unwrap();
    for (part, keys) in [
        (job, JOB_KEYS.iter().map(|key| key.name).collect::<Vec<_>>()),
        (task, TASK_KEYS.iter().map(|key| key.name).collect()),
    ] {
        for key in keys {
            assert!(part.contains(&format!("`{key}`")), "{key}");
        }
    }
}
