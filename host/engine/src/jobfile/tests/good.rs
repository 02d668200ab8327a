//! Good files: everything that can be said, and the ways to say it.

use jobyard_kernel::{
    GroupOp, JobId, JobKind, JobSpec, NodeProperty, OrderBy, Span, TaskKind, TaskSpec, Timestamp,
    Unit,
};

use crate::jobfile::{Format, JobFile};

pub(super) const EVERYTHING_TOML: &str = r#"
name = "all"
project = "tests"
owner = "ann"
kind = "batch"
priority = "AboveNormal+7"
cores = "2-8"
exclusive = true
single_node = true
can_preempt = false
can_grow = false
can_shrink = false
run_until_canceled = true
fail_on_task_failure = true
fail_dependent_tasks = true
task_retry_limit = 3
valid_exit_codes = [0, 3, "10..20"]
runtime = "1d2h"
hold_until = 2031-05-04T20:30:00+02:00
requested_nodes = ["n1", "n2"]
excluded_nodes = "n3, n4"
environment = { Z = "1", A = "x y", N = 4 }

[prepare]
name = "before"
command = "mkdir x"

[release]
plugin = "scratch"
runtime = "10s"

[[task]]
name = "one"
sweep = { start = 10, end = 20, increment = 5 }
command = "echo *"
plugin = "special"
working_folder = "/tmp"
standard_input = "in-*"
standard_output = "out-*"
standard_error = "err-*"
cores = "1-2"
runtime = "1:30"
rerunnable = false
exclusive = true
required_nodes = ["n1"]
valid_exit_codes = 4
fail_job_on_failure_count = 2
environment = { B = "" }
custom_properties = { Kind = "x" }

[[task]]
name = "two"
command = "true"
cores = 2
after = ["one"]
"#;

pub(super) const EVERYTHING_XML: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<j:Job xmlns:j="http://schemas.microsoft.com/HPCS2008R2/scheduler/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="a b" Version="3.000" Id="7" State="Finished" CreateTime="5/4/2011 1:00:00 PM" ErrorCode="0"
  Name="all" Project="tests" Owner="ann" JobType="Batch" Priority="AboveNormal" ExpandedPriority="3007" UnitType="Core"
  MinCores="2" MaxCores="8" MinNodes="1" MaxNodes="1" IsExclusive="true" SingleNode="1" CanPreempt="false"
  RunUntilCanceled="true" FailOnTaskFailure="True" FailDependentTasks="true" TaskExecutionFailureRetryLimit="3"
  ValidExitCodes="0,3,10..20" Runtime="93600" HoldUntil="2031-05-04T18:30:00" RequestedNodes="n1,n2"
  ExcludedNodes="n3, n4" JobTemplate="Default" NodeGroups="">
  <!-- comment --><?note?>
  <j:Dependencies><j:Parent GroupId="2"><j:Child GroupId="3"/></j:Parent></j:Dependencies>
  <j:EnvironmentVariables>
    <j:Variable><j:Name>Z</j:Name><j:Value>1 &amp; &#50;</j:Value></j:Variable>
    <j:Variable><j:Name>C</j:Name><j:Value><![CDATA[<x>]]></j:Value></j:Variable>
    <j:Variable><j:Name>E</j:Name><j:Value/></j:Variable>
  </j:EnvironmentVariables>
  <j:CustomProperties><j:Term><j:Name>a</j:Name><j:Value>b</j:Value></j:Term></j:CustomProperties>
  <j:Tasks>
    <j:Task Type="NodePrep" CommandLine="mkdir x" Name="before" MinCores="1" MaxCores="1" GroupId="0"/>
    <j:Task Name="one" Type="ParametricSweep" StartValue="10" EndValue="20" IncrementValue="5"
      CommandLine="echo &quot;*&quot;" WorkDirectory="/tmp" StdInFilePath="in-*" StdOutFilePath="out-*" StdErrFilePath="err-*"
      MinCores="1" MaxCores="2" Runtime="1h30m" IsRerunnable="false" IsExclusive="true" RequiredNodes="n1" ValidExitCodes="4" FailJobOnFailureCount="2" GroupId="2">
      <j:EnvironmentVariables><j:Variable><j:Name>B</j:Name><j:Value></j:Value></j:Variable></j:EnvironmentVariables>
      <j:CustomProperties><j:Term><j:Name>Kind</j:Name><j:Value>x</j:Value></j:Term></j:CustomProperties>
    </j:Task>
    <j:Task CommandLine="true" MinCores="2" GroupId="3" FailJobOnFailure="false" FailJobOnFailureCount="1"/>
  </j:Tasks>
</j:Job>
"#;

fn job() -> JobSpec {
    JobSpec {
        name: "all".into(),
        project: "tests".into(),
        owner: "ann".into(),
        kind: JobKind::Batch,
        priority: 3_007,
        min: Some(2),
        max: Some(8),
        exclusive: true,
        single_node: true,
        can_preempt: false,
        can_grow: false,
        can_shrink: false,
        run_until_canceled: true,
        fail_on_task_failure: true,
        fail_dependent_tasks: true,
        task_retry_limit: 3,
        valid_exit_codes: Some("0,3,10..20".parse().unwrap()),
        runtime: Some(Span::from_secs(93_600)),
        hold_until: Some(Timestamp(1_935_685_800_000_000)),
        requested_nodes: vec!["n1".into(), "n2".into()],
        excluded_nodes: vec!["n3".into(), "n4".into()],
        environment: pairs(&[("Z", "1"), ("A", "x y"), ("N", "4")]),
        // What it counts is said, and is what it would be anyway.
        given: vec!["UnitType".into()],
        ..JobSpec::default()
    }
}

fn first_task() -> TaskSpec {
    TaskSpec {
        name: "one".into(),
        kind: TaskKind::Sweep {
            start: 10,
            end: 20,
            increment: 5,
        },
        command_line: "echo *".into(),
        plugin: Some("special".into()),
        working_folder: "/tmp".into(),
        standard_input: Some("in-*".into()),
        standard_output: Some("out-*".into()),
        standard_error: Some("err-*".into()),
        min: 1,
        max: 2,
        depends_on: Vec::new(),
        runtime: Some(Span::from_secs(5_400)),
        rerunnable: false,
        exclusive: true,
        required_nodes: vec!["n1".into()],
        node_group: None,
        valid_exit_codes: Some("4".parse().unwrap()),
        fail_job_on_failure_count: Some(2),
        environment: pairs(&[("B", "")]),
        custom_properties: pairs(&[("Kind", "x")]),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    pairs.iter().map(owned).collect()
}

fn read(format: Format, text: &str) -> JobFile {
    JobFile::parse("job", text, format).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn everything_that_toml_can_say() {
    let file = read(Format::Toml, EVERYTHING_TOML);
    assert_eq!(file.spec, job());
    let [one, two, prepare, release] = &file.tasks[..] else {
        panic!("{:?}", file.tasks);
    };
    assert_eq!(*one, first_task());
    let expected = TaskSpec {
        name: "two".into(),
        command_line: "true".into(),
        min: 2,
        max: 2,
        depends_on: vec!["one".into()],
        ..TaskSpec::default()
    };
    assert_eq!(*two, expected);
    let expected = TaskSpec {
        name: "before".into(),
        kind: TaskKind::NodePrepare,
        command_line: "mkdir x".into(),
        ..TaskSpec::default()
    };
    assert_eq!(*prepare, expected);
    let expected = TaskSpec {
        kind: TaskKind::NodeRelease,
        plugin: Some("scratch".into()),
        runtime: Some(Span::from_secs(10)),
        ..TaskSpec::default()
    };
    assert_eq!(*release, expected);
}

/// JSON has the same keys: the TOML text, written as JSON, is the same job.
#[test]
fn json_says_the_same() {
    let mut value: serde_json::Value = toml::from_str(EVERYTHING_TOML).unwrap();
    value["hold_until"] = "2031-05-04T20:30:00+02:00".into();
    let json = serde_json::to_string_pretty(&value).unwrap();
    let (mut json, mut toml) = (
        read(Format::Json, &json),
        read(Format::Toml, EVERYTHING_TOML),
    );
    // serde_json sorted them.
    json.spec.environment.sort();
    toml.spec.environment.sort();
    assert_eq!(json, toml);
    let nothing_said = r#"{"runtime": null, "task": [{"command": "x", "cores": null}]}"#;
    assert_eq!(read(Format::Json, nothing_said).spec, JobSpec::default());
}

#[test]
fn everything_that_hpc_pack_can_say() {
    let file = read(Format::HpcXml, EVERYTHING_XML);
    let expected = JobSpec {
        environment: pairs(&[("Z", "1 & 2"), ("C", "<x>"), ("E", "")]),
        custom_properties: pairs(&[("a", "b")]),
        template: "Default".into(),
        can_grow: true,
        can_shrink: true,
        ..job()
    };
    assert_eq!(file.spec, expected);
    let [prepare, one, two] = &file.tasks[..] else {
        panic!("{:?}", file.tasks);
    };
    assert_eq!(prepare.kind, TaskKind::NodePrepare);
    let expected = TaskSpec {
        command_line: "echo \"*\"".into(),
        plugin: None,
        ..first_task()
    };
    assert_eq!(*one, expected);
    // It depends on another, so it was given a name.
    let expected = TaskSpec {
        name: "group 3".into(),
        command_line: "true".into(),
        min: 2,
        max: 2,
        depends_on: vec!["one".into()],
        ..TaskSpec::default()
    };
    assert_eq!(*two, expected);
}

#[test]
fn hpc_pack_ways_to_say_minimum_and_maximum() {
    for (attributes, min, max) in [
        ("", None, None),
        ("MinCores='2' MaxCores='4'", Some(2), Some(4)),
        ("MinCores='2'", Some(2), None),
        (
            "MinCores='2' MaxCores='4' AutoCalculateMin='true' AutoCalculateMax='true'",
            None,
            None,
        ),
        (
            "MinCores='2' MaxCores='4' AutoCalculateMax='true'",
            Some(2),
            None,
        ),
        (
            "AutoCalculateMin='false' AutoCalculateMax='false'",
            Some(1),
            Some(1),
        ),
        ("UnitType='Core' MinNodes='3' MaxSockets='3'", None, None),
    ] {
        let text = format!("<Job {attributes}><Tasks><Task CommandLine='x'/></Tasks></Job>");
        let spec = read(Format::HpcXml, &text).spec;
        assert_eq!((spec.min, spec.max), (min, max), "{attributes}");
    }
}

#[test]
fn hpc_pack_ways_to_say_nothing() {
    let text = r#"<Job Priority="" ExpandedPriority="2100" HoldUntil="0001-01-01T00:00:00" HasRuntime="false" Runtime="5"
        NodeGroupOp="intersect" NotifyOnStart="False" TargetResourceCount="0">
        <Tasks><Task CommandLine="x" DependsOn="" FailJobOnFailureCount="0" EndValue="1" Type=""/></Tasks></Job>"#;
    let file = read(Format::HpcXml, text);
    let expected = JobSpec {
        priority: 2_100,
        given: [
            "NodeGroupOp",
            "NotifyOnStart",
            "Runtime",
            "TargetResourceCount",
        ]
        .map(String::from)
        .to_vec(),
        ..JobSpec::default()
    };
    assert_eq!(file.spec, expected);
    let expected = TaskSpec {
        command_line: "x".into(),
        ..TaskSpec::default()
    };
    assert_eq!(file.tasks, [expected]);
}

#[test]
fn ways_to_write_names_and_codes() {
    let text = "cores = '*'\nvalid_exit_codes = 'min..-1'\nruntime = 'infinite'\npriority = 7\n[[task]]\ncommand = 'x'\nname = 'a'\n[[task]]\ncommand = 'x'\nname = 'b'\nafter = 'a'";
    let file = read(Format::Toml, text);
    assert_eq!(
        (file.spec.min, file.spec.max, file.spec.runtime),
        (None, None, None)
    );
    assert_eq!(file.spec.priority, 7);
    assert!(file.spec.valid_exit_codes.unwrap().contains(-5));
    assert_eq!(file.tasks[1].depends_on, ["a"]);
    // A byte order mark, and the line ends of Windows.
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(read(Format::Toml, &windows).tasks, file.tasks);
}

#[test]
fn units_nodes_services_and_parents() {
    let toml = r#"
sockets = "2-8"
node_groups = ["fast", "old"]
node_group_op = "uniform"
node_memory_mb = "2000-*"
node_cores = "4-16"
order_by = "cores,-memory"
licences = "solver:2,mesh:*"
parent_jobs = [3, 17]
[[task]]
command = "serve"
service = true
sockets = 2
"#;
    let xml = r#"<Job UnitType="Socket" MinSockets="2" MaxSockets="8" MinCores="1" MaxCores="1" NodeGroups="fast,old"
        NodeGroupOp="Uniform" MinMemory="2000" MaxMemory="0" MinCoresPerNode="4" MaxCoresPerNode="16" OrderBy="Cores,-Memory"
        SoftwareLicense="solver:2,mesh:*" ParentJobIds="3,17">
        <Tasks><Task Type="Service" CommandLine="serve" MinSockets="2" MaxSockets="2" MinCores="1"/></Tasks></Job>"#;
    let order = |property, fewest_first| OrderBy {
        property,
        fewest_first,
    };
    let expected = JobSpec {
        unit: Unit::Socket,
        min: Some(2),
        max: Some(8),
        node_groups: vec!["fast".into(), "old".into()],
        node_group_op: GroupOp::Uniform,
        // Said, and nothing: there is no maximum.
        given: ["MaxMemory".to_string()].into(),
        memory_mb_min: Some(2_000),
        cores_per_node_min: Some(4),
        cores_per_node_max: Some(16),
        order_by: vec![
            order(NodeProperty::Cores, false),
            order(NodeProperty::Memory, true),
        ],
        licences: "solver:2,mesh:*".into(),
        parent_jobs: vec![JobId(3), JobId(17)],
        ..JobSpec::default()
    };
    let task = TaskSpec {
        kind: TaskKind::Service,
        command_line: "serve".into(),
        min: 2,
        max: 2,
        ..TaskSpec::default()
    };
    for (format, text) in [(Format::Toml, toml), (Format::HpcXml, xml)] {
        let file = read(format, text);
        assert_eq!(file.spec, expected);
        assert_eq!(file.tasks, std::slice::from_ref(&task));
    }
}

/// Every name of the attribute lists is taken: none is only in the list.
#[test]
fn known_attributes_are_not_unknown() {
    use crate::jobfile::hpc_attributes::{JOB, TASK};
    for (known, job) in [(&JOB, true), (&TASK, false)] {
        for name in known.read.iter().chain(known.ignored) {
            let text = match job {
                true => format!("<Job {name}=''><Tasks><Task CommandLine='x'/></Tasks></Job>"),
                false if *name == "CommandLine" => continue,
                false => format!("<Job><Tasks><Task CommandLine='x' {name}=''/></Tasks></Job>"),
            };
            let ok = JobFile::parse("job.xml", &text, Format::HpcXml);
            assert!(ok.is_ok(), "{name}: {ok:?}");
        }
    }
}
