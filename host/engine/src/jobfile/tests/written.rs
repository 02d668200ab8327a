//! Jobs that are written to a file and read again are the same jobs, in each language; and files that are made to hurt.

use jobyard_kernel::{JobSpec, Span, TaskKind, TaskSpec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::fuzz::cases;
use crate::jobfile::{Format, JobFile};

/// Characters that people write, and some that languages want escaped.
const TEXT: &str = "[ -~äßλ漢🦀]{0,30}";
const COMMAND: &str = "[!-~λ][ -~äλ漢🦀]{0,40}[!-~]";

/// A job as the kernel takes it. Only what all three languages can say.
fn job() -> impl Strategy<Value = JobSpec> {
    let flags = proptest::array::uniform8(any::<bool>());
    let numbers = (0..=4_000u32, 5..10u32, 10..1_000u32, 0..5u32);
    let texts = (TEXT, TEXT, proptest::option::of(1..1_000_000u64));
    let lists = (
        proptest::collection::vec("n[0-9]{1,4}", 0..4),
        proptest::collection::btree_map("[A-Z_]{1,8}", TEXT, 0..4),
        proptest::option::of(Just("0,3,10..20")),
    );
    (flags, numbers, texts, lists).prop_map(|(flags, numbers, texts, lists)| JobSpec {
        name: texts.0.trim().into(),
        project: texts.1.trim().into(),
        runtime: texts.2.map(Span::from_secs),
        priority: numbers.0,
        min: Some(numbers.1),
        max: Some(numbers.2),
        task_retry_limit: numbers.3,
        exclusive: flags[0],
        single_node: flags[1],
        can_preempt: flags[2],
        run_until_canceled: flags[3],
        fail_on_task_failure: flags[4],
        fail_dependent_tasks: flags[5],
        can_grow: flags[6],
        can_shrink: flags[7],
        requested_nodes: lists.0,
        environment: lists.1.into_iter().collect(),
        valid_exit_codes: lists
            .2
            .map(|codes| codes.parse().expect("they are exit codes")),
        ..JobSpec::default()
    })
}

fn task() -> impl Strategy<Value = TaskSpec> {
    let sweep =
        (0..100u32, 100..1_000u32, 1..9u32).prop_map(|(start, end, increment)| TaskKind::Sweep {
            start,
            end,
            increment,
        });
    let kind = prop_oneof![Just(TaskKind::Basic), sweep];
    let paths = proptest::array::uniform4("(/[a-z ]{0,8}[a-z]){0,3}");
    let numbers = (
        1..5u32,
        5..10u32,
        proptest::option::of(1..9u32),
        any::<bool>(),
    );
    let environment = proptest::collection::btree_map("[A-Z_]{1,8}", TEXT, 0..3);
    (kind, COMMAND, paths, numbers, environment).prop_map(
        |(kind, command_line, paths, numbers, environment)| {
            let [working_folder, input, output, error] = paths;
            let file = |path: String| Some(path).filter(|path| !path.is_empty());
            TaskSpec {
                kind,
                command_line,
                working_folder,
                standard_input: file(input),
                standard_output: file(output),
                standard_error: file(error),
                min: numbers.0,
                max: numbers.1,
                fail_job_on_failure_count: numbers.2,
                rerunnable: numbers.3,
                environment: environment.into_iter().collect(),
                ..TaskSpec::default()
            }
        },
    )
}

/// Tasks with names of their own, each of which may wait for those before it.
fn tasks() -> impl Strategy<Value = Vec<TaskSpec>> {
    proptest::collection::vec((task(), any::<u8>()), 1..5).prop_map(|tasks| {
        let each = tasks.into_iter().enumerate();
        let named = each.map(|(index, (task, after))| TaskSpec {
            name: format!("t{index}"),
            depends_on: (0..index)
                .filter(|before| after >> before & 1 == 1)
                .map(|before| format!("t{before}"))
                .collect(),
            ..task
        });
        named.collect()
    })
}

fn variables(all: &[(String, String)]) -> Value {
    let all = all.iter().map(|(name, value)| (name.clone(), json!(value)));
    Value::Object(all.collect())
}

/// What the kernel has, with the keys of a file; what is not given is left out.
fn tree(spec: &JobSpec, tasks: &[TaskSpec]) -> Value {
    let mut all = Map::new();
    let mut set = |key: &str, value: Value| all.insert(key.into(), value);
    set("name", json!(spec.name));
    set("project", json!(spec.project));
    set("priority", json!(spec.priority));
    let (min, max) = (spec.min.unwrap_or(1), spec.max.unwrap_or(1));
    set("cores", json!(format!("{min}-{max}")));
    for (key, value) in [
        ("exclusive", spec.exclusive),
        ("single_node", spec.single_node),
        ("can_preempt", spec.can_preempt),
        ("can_grow", spec.can_grow),
        ("can_shrink", spec.can_shrink),
        ("run_until_canceled", spec.run_until_canceled),
        ("fail_on_task_failure", spec.fail_on_task_failure),
        ("fail_dependent_tasks", spec.fail_dependent_tasks),
    ] {
        set(key, json!(value));
    }
    set("task_retry_limit", json!(spec.task_retry_limit));
    set("requested_nodes", json!(spec.requested_nodes));
    set("environment", variables(&spec.environment));
    if let Some(runtime) = spec.runtime {
        set("runtime", json!(format!("{}s", runtime.as_secs_f64())));
    }
    if let Some(codes) = &spec.valid_exit_codes {
        set("valid_exit_codes", json!(codes.to_string()));
    }
    set("task", tasks.iter().map(task_tree).collect());
    Value::Object(all)
}

fn task_tree(task: &TaskSpec) -> Value {
    let mut all = Map::new();
    let mut set = |key: &str, value: Value| all.insert(key.into(), value);
    set("name", json!(task.name));
    set("command", json!(task.command_line));
    set("working_folder", json!(task.working_folder));
    for (key, file) in [
        ("standard_input", &task.standard_input),
        ("standard_output", &task.standard_output),
        ("standard_error", &task.standard_error),
    ] {
        if let Some(file) = file {
            set(key, json!(file));
        }
    }
    set("cores", json!(format!("{}-{}", task.min, task.max)));
    set("after", json!(task.depends_on));
    set("rerunnable", json!(task.rerunnable));
    set("environment", variables(&task.environment));
    if let Some(count) = task.fail_job_on_failure_count {
        set("fail_job_on_failure_count", json!(count));
    }
    if let TaskKind::Sweep {
        start,
        end,
        increment,
    } = task.kind
    {
        let sweep = json!({ "start": start, "end": end, "increment": increment });
        set("sweep", sweep);
    }
    Value::Object(all)
}

/// The same as job XML.
fn xml(spec: &JobSpec, tasks: &[TaskSpec]) -> String {
    let mut text = "<Job".to_string();
    let (min, max) = (spec.min.unwrap_or(1), spec.max.unwrap_or(1));
    attribute(&mut text, "Name", &spec.name);
    attribute(&mut text, "Project", &spec.project);
    attribute(&mut text, "ExpandedPriority", &spec.priority);
    attribute(&mut text, "MinCores", &min);
    attribute(&mut text, "MaxCores", &max);
    attribute(&mut text, "IsExclusive", &spec.exclusive);
    attribute(&mut text, "SingleNode", &spec.single_node);
    attribute(&mut text, "CanPreempt", &spec.can_preempt);
    attribute(&mut text, "RunUntilCanceled", &spec.run_until_canceled);
    attribute(&mut text, "FailOnTaskFailure", &spec.fail_on_task_failure);
    attribute(&mut text, "FailDependentTasks", &spec.fail_dependent_tasks);
    let retries = &spec.task_retry_limit;
    attribute(&mut text, "TaskExecutionFailureRetryLimit", retries);
    attribute(&mut text, "RequestedNodes", &spec.requested_nodes.join(","));
    if let Some(runtime) = spec.runtime {
        attribute(&mut text, "Runtime", &runtime.as_secs_f64());
    }
    if let Some(codes) = &spec.valid_exit_codes {
        attribute(&mut text, "ValidExitCodes", codes);
    }
    text.push('>');
    xml_variables(&mut text, &spec.environment);
    text.push_str("<Tasks>");
    for task in tasks {
        text.push_str("<Task");
        attribute(&mut text, "Name", &task.name);
        attribute(&mut text, "CommandLine", &task.command_line);
        attribute(&mut text, "WorkDirectory", &task.working_folder);
        attribute(&mut text, "MinCores", &task.min);
        attribute(&mut text, "MaxCores", &task.max);
        attribute(&mut text, "IsRerunnable", &task.rerunnable);
        attribute(&mut text, "DependsOn", &task.depends_on.join(","));
        for (name, file) in [
            ("StdInFilePath", &task.standard_input),
            ("StdOutFilePath", &task.standard_output),
            ("StdErrFilePath", &task.standard_error),
        ] {
            if let Some(file) = file {
                attribute(&mut text, name, file);
            }
        }
        if let Some(count) = task.fail_job_on_failure_count {
            attribute(&mut text, "FailJobOnFailureCount", &count);
        }
        if let TaskKind::Sweep {
            start,
            end,
            increment,
        } = task.kind
        {
            attribute(&mut text, "Type", &"ParametricSweep");
            attribute(&mut text, "StartValue", &start);
            attribute(&mut text, "EndValue", &end);
            attribute(&mut text, "IncrementValue", &increment);
        }
        text.push('>');
        xml_variables(&mut text, &task.environment);
        text.push_str("</Task>");
    }
    text.push_str("</Tasks></Job>");
    text
}

fn attribute(text: &mut String, name: &str, value: &dyn ToString) {
    let value = value.to_string();
    text.push_str(&format!(
        " {name}=\"{}\"",
        quick_xml::escape::escape(&*value)
    ));
}

fn xml_variables(text: &mut String, all: &[(String, String)]) {
    text.push_str("<EnvironmentVariables>");
    for (name, value) in all {
        let value = quick_xml::escape::escape(&**value);
        let variable = format!("<Variable><Name>{name}</Name><Value>{value}</Value></Variable>");
        text.push_str(&variable);
    }
    text.push_str("</EnvironmentVariables>");
}

fn read(format: Format, text: &str) -> Result<JobFile, TestCaseError> {
    let read = JobFile::parse("written", text, format);
    read.map_err(|error| TestCaseError::fail(format!("{error} in {text}")))
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn what_is_written_is_read((spec, tasks) in (job(), tasks())) {
        let written = JobFile { spec: spec.clone(), tasks: tasks.clone() };
        let tree = tree(&spec, &tasks);
        let json = serde_json::to_string(&tree).expect("it is JSON");
        prop_assert_eq!(&read(Format::Json, &json)?, &written);
        let toml = toml::to_string(&tree).expect("it is TOML");
        prop_assert_eq!(&read(Format::Toml, &toml)?, &written);
        let mut read = read(Format::HpcXml, &xml(&spec, &tasks))?;
        // What HPC Pack's files have no word for.
        (read.spec.can_grow, read.spec.can_shrink) = (spec.can_grow, spec.can_shrink);
        prop_assert_eq!(&read, &written);
    }
}

/// Each is refused in one line that says where, before it takes all of the stack or the memory.
#[test]
fn files_that_are_made_to_hurt() {
    let deep =
        |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let lots = |what: &str| what.repeat(200_000);
    let laughs: String = (1..9)
        .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
        .collect();
    let files = [
        (Format::Json, deep("[", "]")),
        (Format::Json, deep("{\"a\":", "}")),
        (Format::Json, format!("{{\"priority\": {}}}", lots("9"))),
        (Format::Json, format!("{{\"priority\": 1e{}}}", lots("9"))),
        (
            Format::Json,
            format!("{{\"name\": \"{}\"}}", lots("\\u0041")),
        ),
        (Format::Toml, format!("a = {}", deep("[", "]"))),
        (Format::Toml, format!("a = {}", deep("{ a = ", "}"))),
        (Format::Toml, format!("a{} = 1", lots(".a"))),
        (Format::Toml, format!("[a{}]", lots(".a"))),
        (Format::Toml, lots("[[task]]\n")),
        (Format::Toml, format!("priority = {}", lots("9"))),
        (
            Format::Toml,
            format!("environment = {{ {} }}", lots("A = 1, ")),
        ),
        (Format::HpcXml, deep("<Job>", "</Job>")),
        (Format::HpcXml, deep("<a xmlns=\"b\">", "</a>")),
        (Format::HpcXml, format!("<Job {}/>", lots("A=\"1\" "))),
        (Format::HpcXml, format!("<Job Priority=\"{}\"/>", lots("9"))),
        (Format::HpcXml, lots("<")),
        (Format::HpcXml, lots("<!--")),
        (
            Format::HpcXml,
            format!("<!DOCTYPE Job [<!ENTITY l0 \"ha\">{laughs}]><Job Name=\"&l8;\"/>"),
        ),
        (
            Format::HpcXml,
            "<!DOCTYPE Job SYSTEM \"file:///etc/passwd\"><Job/>".into(),
        ),
        (
            Format::HpcXml,
            "<!DOCTYPE Job [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Job Name=\"&x;\"/>".into(),
        ),
        (Format::HpcXml, "<Job Name=\"&x;\"/>".into()),
    ];
    for (format, text) in files {
        let start: String = text.chars().take(40).collect();
        let Err(error) = JobFile::parse("hurts", &text, format) else {
            panic!("{format}: {start} is taken for a job");
        };
        let message = error.to_string();
        assert!(
            message.starts_with("hurts:"),
            "{format}: {start}: {message}"
        );
        assert!(
            message.len() < 500,
            "{format}: {start}: {} bytes",
            message.len()
        );
        assert!(!message.contains('\n'), "{message}");
        assert!(!message.contains("root:"), "{message}");
    }
}
