//! A table of all that a job or node can be refused for, one row a case, and the refusals that no scenario can show.

mod needs;
mod parents;
mod templates;

use std::collections::BTreeSet;
use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Decision, GroupOp, Invalid, JobId, JobKind, JobSpec, NodeProperty, NodeSpec,
    OrderBy, Refusal, Rejection, Span, State, TaskKind, TaskSpec, Timestamp, Unit, check_form,
    check_job, check_node, limits, step,
};

use parents::parents;

/// Names the cases of an enum; a new case does not compile until it is listed here.
macro_rules! cases {
    ($($case:ident)*) => {
        fn case(invalid: &Invalid) -> &'static str {
            match invalid { $(Invalid::$case { .. } => stringify!($case),)* }
        }
        const CASES: &[&str] = &[$(stringify!($case)),*];
    };
}

cases! {
    TooLong TooBig Nul TooManyTasks Priority MinMax NoCommandLine CommaInName EmptySweep SweepTooLarge TaskAboveJob
    TaskMinAboveJobMin UnknownDependency DependsWithoutName TooManyDependencies DependencyCycle DependenciesTooDeep
    GroupDiffers NotForNodeTask TwoNodeTasks OnlyNodeTasks RunUntilCanceledAuto RuntimeAboveJob ZeroRuntime UnknownNode
    TooManyExcluded NotEnoughUnits NoNodeLargeEnough VariableName Node NoGroupLargeEnough SingleNodeOfMany UnknownNodeGroup
    GroupOpWithoutGroups UniformCommandJob TooManyNodeGroups NodeGroupName NodeFilter OrderBy Licence
    TooManyParents UnknownParent ParentNotSubmitted ParentGone ParentCycle CommandJobDepends NotForService ServiceNotAlone
    TaskMaxAboveJob CommandJobDependency CommandJobService CommandJobWithoutNode ReleaseDisabled ReleaseTooLong UnknownTemplate Template
    TemplateItself UnknownProperty TooManyCustom CustomName ExclusiveTask Target Progress ControlCharacter RequiredAuto RequiredNotRequested RequiredExcluded
    RequiredNotAvailable RequiredNotAllocated RequiredAboveMax RequiredAboveTask RequiredAboveMin SingleNodeRequires
    RequiredNotUniform TaskGroupInJobGroups TaskGroupWithRequired TaskGroupTooSmall TaskGroupsAboveMax
}

type Request = (JobSpec, Vec<TaskSpec>);

fn job() -> JobSpec {
    JobSpec::default()
}

fn task() -> TaskSpec {
    TaskSpec {
        command_line: "work".into(),
        ..TaskSpec::default()
    }
}

fn named(name: &str, depends_on: &[&str]) -> TaskSpec {
    TaskSpec {
        name: name.into(),
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        ..task()
    }
}

fn of_kind(kind: TaskKind) -> TaskSpec {
    TaskSpec { kind, ..task() }
}

fn secs(n: u64) -> Option<Span> {
    Some(Span::from_secs(n))
}

/// A job of one task.
fn with_job(change: impl FnOnce(&mut JobSpec)) -> Request {
    let mut spec = job();
    change(&mut spec);
    (spec, vec![task()])
}

/// The same, its task changed.
fn with_task(change: impl FnOnce(&mut TaskSpec)) -> Request {
    let mut task = task();
    change(&mut task);
    (job(), vec![task])
}

fn with_tasks(tasks: impl IntoIterator<Item = TaskSpec>) -> Request {
    (job(), tasks.into_iter().collect())
}

fn groups(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn most(property: NodeProperty) -> OrderBy {
    OrderBy {
        property,
        fewest_first: false,
    }
}

fn sweep(start: u32, end: u32, increment: u32) -> TaskKind {
    TaskKind::Sweep {
        start,
        end,
        increment,
    }
}

/// What is asked for, the case that it is refused with, and a part of the text.
fn rows() -> Vec<(&'static str, &'static str, Request)> {
    let long = || "é".repeat(limits::NAME_CHARS_MAX + 1);
    let variable = |name: &str, value: &str| vec![(name.to_string(), value.to_string())];
    let chain = (0..=limits::DEPENDENCY_DEPTH_MAX).map(|i| match i {
        0 => named("0", &[]),
        i => named(&i.to_string(), &[&(i - 1).to_string()]),
    });
    let many: Vec<String> = (0..=limits::DEPENDENCIES_PER_TASK_MAX)
        .map(|i| i.to_string())
        .collect();
    vec![
        ("TooLong", "81 characters", with_job(|j| j.name = long())),
        ("TooLong", "81 characters", with_job(|j| j.project = long())),
        ("TooLong", "81 characters", with_job(|j| j.owner = long())),
        (
            "TooLong",
            "task 1: the name",
            with_task(|t| t.name = long()),
        ),
        (
            "TooBig",
            "command line",
            with_task(|t| {
                t.command_line = "x".repeat(limits::COMMAND_LINE_BYTES_MAX + 1);
            }),
        ),
        (
            "TooBig",
            "working folder",
            with_task(|t| {
                t.working_folder = "x".repeat(limits::PATH_BYTES_MAX + 1);
            }),
        ),
        (
            "TooBig",
            "standard error",
            with_task(|t| {
                t.standard_error = Some("x".repeat(limits::PATH_BYTES_MAX + 1));
            }),
        ),
        (
            "TooBig",
            "environment",
            with_job(|j| {
                j.environment = variable("A", &"x".repeat(limits::ENVIRONMENT_BYTES_MAX));
            }),
        ),
        ("Nul", "name", with_job(|j| j.name = "a\0".into())),
        (
            "Nul",
            "command line",
            with_task(|t| t.command_line = "a\0".into()),
        ),
        (
            "Nul",
            "variable \"A\"",
            with_task(|t| t.environment = variable("A", "\0")),
        ),
        (
            "TooManyTasks",
            "100001 tasks",
            with_tasks(std::iter::repeat_n(task(), limits::TASKS_PER_JOB_MAX + 1)),
        ),
        ("Priority", "4001", with_job(|j| j.priority = 4_001)),
        (
            "MinMax",
            "minimum 3 and maximum 2",
            with_job(|j| (j.min, j.max) = (Some(3), Some(2))),
        ),
        ("MinMax", "minimum 0", with_job(|j| j.min = Some(0))),
        (
            "MinMax",
            "task 1: minimum 1 and maximum 0",
            with_task(|t| t.max = 0),
        ),
        (
            "MinMax",
            "maximum 1000001",
            with_job(|j| j.max = Some(limits::UNITS_MAX + 1)),
        ),
        (
            "NoCommandLine",
            "task 1",
            with_task(|t| t.command_line = "  ".into()),
        ),
        (
            "CommaInName",
            "\"a,b\"",
            with_task(|t| t.name = "a,b".into()),
        ),
        (
            "EmptySweep",
            "from 2 to 1",
            with_tasks([of_kind(sweep(2, 1, 1))]),
        ),
        ("EmptySweep", "by 0", with_tasks([of_kind(sweep(1, 2, 0))])),
        (
            "SweepTooLarge",
            "1000001",
            with_tasks([of_kind(sweep(0, 1_000_000, 1))]),
        ),
        (
            "SweepTooLarge",
            "4294967295",
            with_tasks([of_kind(sweep(0, u32::MAX, 1))]),
        ),
        (
            "TaskAboveJob",
            "at most 2",
            (
                JobSpec {
                    max: Some(2),
                    ..job()
                },
                vec![TaskSpec {
                    min: 3,
                    max: 3,
                    ..task()
                }],
            ),
        ),
        (
            "ExclusiveTask",
            "a job that is exclusive too",
            with_task(|t| t.exclusive = true),
        ),
        ("ExclusiveTask", "says its minimum and maximum", {
            let (job, task) = with_task(|t| t.exclusive = true);
            (
                JobSpec {
                    exclusive: true,
                    ..job
                },
                task,
            )
        }),
        (
            "NotForNodeTask",
            "nodes to itself",
            with_tasks([TaskSpec {
                exclusive: true,
                ..of_kind(TaskKind::NodePrepare)
            }]),
        ),
        (
            "TaskMaxAboveJob",
            "at most 2",
            (
                JobSpec {
                    max: Some(2),
                    ..job()
                },
                vec![TaskSpec { max: 3, ..task() }],
            ),
        ),
        (
            "TaskMinAboveJobMin",
            "may start with 2",
            (
                JobSpec {
                    min: Some(2),
                    max: Some(4),
                    ..job()
                },
                vec![TaskSpec {
                    min: 3,
                    max: 3,
                    ..task()
                }],
            ),
        ),
        (
            "UnknownDependency",
            "\"b\"",
            with_tasks([named("a", &["b"])]),
        ),
        (
            "UnknownDependency",
            "\"p\"",
            with_tasks([
                TaskSpec {
                    name: "p".into(),
                    ..of_kind(TaskKind::NodePrepare)
                },
                named("a", &["p"]),
            ]),
        ),
        (
            "DependsWithoutName",
            "task 2",
            with_tasks([named("a", &[]), named("", &["a"])]),
        ),
        (
            "TooManyDependencies",
            "1001 names",
            with_tasks([named(
                "a",
                &many.iter().map(String::as_str).collect::<Vec<_>>(),
            )]),
        ),
        (
            "DependencyCycle",
            "a -> b -> a",
            with_tasks([named("a", &["b"]), named("b", &["a"])]),
        ),
        ("DependenciesTooDeep", "1001 deep", with_tasks(chain)),
        (
            "GroupDiffers",
            "\"b\"",
            with_tasks([named("a", &[]), named("b", &["a"]), named("b", &[])]),
        ),
        (
            "NotForNodeTask",
            "dependencies",
            with_tasks([
                named("a", &[]),
                TaskSpec {
                    kind: TaskKind::NodeRelease,
                    ..named("r", &["a"])
                },
            ]),
        ),
        (
            "NotForNodeTask",
            "failure count",
            with_tasks([
                task(),
                TaskSpec {
                    fail_job_on_failure_count: Some(1),
                    ..of_kind(TaskKind::NodePrepare)
                },
            ]),
        ),
        (
            "TwoNodeTasks",
            "2 node release",
            with_tasks([
                task(),
                of_kind(TaskKind::NodeRelease),
                of_kind(TaskKind::NodeRelease),
            ]),
        ),
        (
            "OnlyNodeTasks",
            "until canceled",
            with_tasks([of_kind(TaskKind::NodePrepare)]),
        ),
        (
            "RunUntilCanceledAuto",
            "minimum and maximum",
            with_job(|j| {
                (j.run_until_canceled, j.min) = (true, Some(1));
            }),
        ),
        (
            "RuntimeAboveJob",
            "limit of 3s is above the job's of 2s",
            (
                JobSpec {
                    runtime: secs(2),
                    ..job()
                },
                vec![TaskSpec {
                    runtime: secs(3),
                    ..task()
                }],
            ),
        ),
        (
            "ZeroRuntime",
            "above zero",
            with_job(|j| j.runtime = secs(0)),
        ),
        (
            "ZeroRuntime",
            "above zero",
            with_task(|t| t.runtime = secs(0)),
        ),
        (
            "UnknownNode",
            "there are: n1, n2",
            with_job(|j| j.requested_nodes = vec!["n9".into()]),
        ),
        (
            "UnknownNode",
            "\"n8\"",
            with_job(|j| j.excluded_nodes = vec!["n8".into()]),
        ),
        (
            "TooManyExcluded",
            "11 nodes",
            with_job(|j| {
                j.excluded_nodes = (0..11).map(|i| format!("n{i}")).collect();
            }),
        ),
        (
            "NotEnoughUnits",
            "there are 4 on the 2 nodes",
            with_job(|j| j.min = Some(5)),
        ),
        (
            "NotEnoughUnits",
            "there are 0 on the 0 nodes",
            with_job(|j| {
                j.excluded_nodes = vec!["n1".into(), "n2".into()];
            }),
        ),
        (
            "NoNodeLargeEnough",
            "the largest has 2",
            with_job(|j| {
                (j.single_node, j.min) = (true, Some(3));
            }),
        ),
        (
            "NotEnoughUnits",
            "3 nodes, but there are 2",
            with_job(|j| (j.unit, j.min) = (Unit::Node, Some(3))),
        ),
        (
            "NotEnoughUnits",
            "1 GPUs, but there are 0 on the 2 nodes",
            with_job(|j| j.unit = Unit::Gpu),
        ),
        (
            "NotEnoughUnits",
            "on the 0 nodes",
            with_job(|j| j.memory_mb_min = Some(4_000)),
        ),
        (
            "TaskAboveJob",
            "3 sockets",
            (
                JobSpec {
                    unit: Unit::Socket,
                    max: Some(2),
                    ..job()
                },
                vec![TaskSpec {
                    min: 3,
                    max: 3,
                    ..task()
                }],
            ),
        ),
        (
            "NoGroupLargeEnough",
            "the largest that it names has 2",
            with_job(|j| {
                (j.min, j.node_group_op) = (Some(3), GroupOp::Uniform);
                j.node_groups = groups(&["left", "right"]);
            }),
        ),
        // Its minimum comes from its task, and no parameter makes two nodes one.
        ("SingleNodeOfMany", "2 nodes", {
            let (job, tasks) = with_task(|t| (t.min, t.max) = (2, 2));
            let unit = Unit::Node;
            let single_node = true;
            let job = JobSpec {
                unit,
                single_node,
                ..job
            };
            (job, tasks)
        }),
        (
            "SingleNodeOfMany",
            "minimum of 2 nodes",
            with_job(|j| (j.unit, j.min, j.single_node) = (Unit::Node, Some(2), true)),
        ),
        (
            "UnknownNodeGroup",
            "there are: left, right",
            with_job(|j| j.node_groups = groups(&["left", "middle"])),
        ),
        (
            "GroupOpWithoutGroups",
            "Union",
            with_job(|j| j.node_group_op = GroupOp::Union),
        ),
        (
            "UniformCommandJob",
            "command job",
            with_job(|j| {
                (j.kind, j.node_group_op) = (JobKind::Command, GroupOp::Uniform);
                j.node_groups = groups(&["left"]);
            }),
        ),
        (
            "TooManyNodeGroups",
            "101 node groups",
            with_job(|j| j.node_groups = vec!["left".into(); limits::NODE_GROUPS_MAX + 1]),
        ),
        (
            "NodeGroupName",
            "\"a,b\"",
            with_job(|j| j.node_groups = groups(&["a,b"])),
        ),
        (
            "NodeGroupName",
            "1 to 64 characters",
            with_job(|j| j.node_groups = groups(&[" "])),
        ),
        (
            "NodeFilter",
            "memory in MiB per node: the least of 2",
            with_job(|j| (j.memory_mb_min, j.memory_mb_max) = (Some(2), Some(1))),
        ),
        (
            "NodeFilter",
            "cores per node",
            with_job(|j| (j.cores_per_node_min, j.cores_per_node_max) = (Some(2), Some(1))),
        ),
        (
            "OrderBy",
            "2 things",
            with_job(|j| j.order_by = vec![most(NodeProperty::Cores), most(NodeProperty::Cores)]),
        ),
        (
            "TooLong",
            "list of licences has 161",
            with_job(|j| j.licences = "x".repeat(limits::LICENCES_CHARS_MAX + 1)),
        ),
        (
            "NotForService",
            "dependencies",
            with_tasks([TaskSpec {
                kind: TaskKind::Service,
                ..named("a", &["a"])
            }]),
        ),
        (
            "ServiceNotAlone",
            "task 2",
            with_tasks([task(), of_kind(TaskKind::Service)]),
        ),
        (
            "TooManyParents",
            "1001 others",
            with_job(|j| j.parent_jobs = vec![JobId(1); limits::PARENT_JOBS_MAX + 1]),
        ),
        (
            "CommandJobDepends",
            "other jobs",
            with_job(|j| (j.kind, j.parent_jobs) = (JobKind::Command, vec![JobId(1)])),
        ),
        (
            "CommandJobService",
            "task 1",
            (
                JobSpec {
                    kind: JobKind::Command,
                    ..job()
                },
                vec![of_kind(TaskKind::Service)],
            ),
        ),
        (
            "Licence",
            "\"a\" has no count",
            with_job(|j| j.licences = "a".into()),
        ),
        (
            "VariableName",
            "\"A=B\"",
            with_task(|t| t.environment = variable("A=B", "x")),
        ),
        (
            "TooLong",
            "name of a custom property has 81",
            with_job(|j| {
                j.custom_properties = variable(&"é".repeat(limits::CUSTOM_NAME_CHARS_MAX + 1), "x");
            }),
        ),
        (
            "TooLong",
            "custom property has 1025",
            with_job(|j| {
                j.custom_properties =
                    variable("A", &"é".repeat(limits::CUSTOM_VALUE_CHARS_MAX + 1));
            }),
        ),
        (
            "CustomName",
            "\"a\"",
            with_job(|j| {
                j.custom_properties = [variable("A", "x"), variable("a", "y")].concat();
            }),
        ),
        (
            "TooManyCustom",
            "1001",
            with_job(|j| {
                let all = 0..=limits::CUSTOM_PROPERTIES_MAX;
                j.custom_properties = all.map(|n| (n.to_string(), String::new())).collect();
            }),
        ),
        (
            "Target",
            "9 is not between the minimum of 1 and the maximum of 8",
            with_job(|j| (j.max, j.target) = (Some(8), Some(9))),
        ),
        (
            "Target",
            "1 is not between the minimum of 2",
            with_job(|j| (j.min, j.target) = (Some(2), Some(1))),
        ),
        (
            "Target",
            "the maximum of 1",
            with_job(|j| j.target = Some(2)),
        ),
        (
            "Progress",
            "101 percent",
            with_job(|j| j.progress = Some(101)),
        ),
        (
            "TooLong",
            "the progress message has 81",
            with_job(|j| j.progress_message = long()),
        ),
        (
            "TooLong",
            "the address has 257",
            with_job(|j| j.email = "é".repeat(limits::EMAIL_CHARS_MAX + 1)),
        ),
        (
            "ControlCharacter",
            "the address",
            with_job(|j| j.email = "ann\nbob".into()),
        ),
        (
            "UnknownProperty",
            "there are: CanGrow,",
            with_job(|j| j.given = vec!["Colour".into()]),
        ),
        (
            "TooLong",
            "template's name",
            with_job(|j| j.template = long()),
        ),
        (
            "VariableName",
            "\"\"",
            with_job(|j| j.environment = variable("", "x")),
        ),
    ]
}

fn node(name: &str, cores: u32) -> NodeSpec {
    NodeSpec {
        name: name.into(),
        cores,
        sockets: 1,
        gpus: 0,
        memory_mb: 0,
        groups: Vec::new(),
    }
}

/// Two nodes of two cores.
fn cluster() -> State {
    let mut state = State::new();
    for (name, group) in [("n1", "left"), ("n2", "right")] {
        let add = Command::AddNode(NodeSpec {
            groups: groups(&[group]),
            ..node(name, 2)
        });
        step(&mut state, &add, Timestamp(0), &mut Vec::new()).expect("the node is good");
    }
    state
}

#[test]
fn each_thing_wrong_with_a_job_is_named() {
    let state = cluster();
    let mut seen = BTreeSet::new();
    for (expected, part, (spec, tasks)) in rows().into_iter().chain(needs::rows()) {
        let tasks: Vec<Arc<TaskSpec>> = tasks.into_iter().map(Arc::new).collect();
        let checked =
            check_form(&spec, &tasks).and_then(|()| check_job(&state, &spec, &tasks).map(drop));
        let invalid = checked.expect_err(expected);
        assert_eq!(case(&invalid), expected, "{invalid}");
        let text = invalid.to_string();
        assert!(text.contains(part), "{expected}: {text}");
        assert!(text.len() < 600, "{expected}: {text}");
        seen.insert(expected);
    }
    for (expected, invalid) in parents() {
        assert_eq!(case(&invalid), expected, "{invalid}");
        seen.insert(expected);
    }
    // Of templates and node releases, which scenarios show.
    seen.extend(["UnknownTemplate", "Template", "TemplateItself"]);
    seen.extend([
        "ReleaseDisabled",
        "ReleaseTooLong",
        "CommandJobDependency",
        "CommandJobWithoutNode",
        "RequiredNotAllocated",
    ]);
    let invalid = check_node(&state, &node("n1", 1)).expect_err("the name is taken");
    seen.insert(case(&invalid));
    let missing: Vec<_> = CASES.iter().filter(|c| !seen.contains(*c)).collect();
    assert!(missing.is_empty(), "no row shows {missing:?}");
}

/// HPC Pack's numbers, where it has them.
#[test]
fn what_is_wrong_has_hpc_packs_number() {
    let state = cluster();
    for (expected, _, (spec, tasks)) in rows().into_iter().chain(needs::rows()) {
        let tasks: Vec<Arc<TaskSpec>> = tasks.into_iter().map(Arc::new).collect();
        let checked =
            check_form(&spec, &tasks).and_then(|()| check_job(&state, &spec, &tasks).map(drop));
        let invalid = checked.expect_err(expected);
        let text = invalid.to_string();
        let number = match expected {
            "RunUntilCanceledAuto" => 29,
            "MinMax" if text.contains("minimum 0") => 58,
            "MinMax" => 34,
            "NotEnoughUnits" => 35,
            "NoCommandLine" => 40,
            "TaskMinAboveJobMin" | "TaskAboveJob" => 46,
            "TaskMaxAboveJob" => 47,
            "ExclusiveTask" => 49,
            "RequiredNotRequested" => 50,
            "RuntimeAboveJob" => 51,
            "RequiredNotAvailable" => 52,
            "RequiredAboveMax" => 53,
            "RequiredAuto" => 55,
            "GroupDiffers" => 60,
            "DependencyCycle" => 61,
            "UnknownDependency" => 63,
            "DependsWithoutName" => 64,
            "DependenciesTooDeep" => 65,
            "EmptySweep" if text.contains("by 0 has") => 93,
            "EmptySweep" => 94,
            "TwoNodeTasks" if text.contains("prepare") => 95,
            "TwoNodeTasks" => 96,
            "OnlyNodeTasks" => 97,
            "NotForNodeTask" | "NotForService" => 98,
            "SweepTooLarge" => 102,
            "Target" if text.contains("target of 1 ") => 104,
            "Target" => 103,
            "ServiceNotAlone" => 105,
            "NodeFilter" => 106,
            "NoGroupLargeEnough" => 112,
            "RequiredNotUniform" => 113,
            "UniformCommandJob" => 114,
            "GroupOpWithoutGroups" => 115,
            "SingleNodeRequires" => 130,
            "SingleNodeOfMany" => 131,
            "NoNodeLargeEnough" => 132,
            "RequiredAboveMin" | "RequiredAboveTask" => 140,
            "TaskGroupTooSmall" => 141,
            "TaskGroupWithRequired" => 142,
            "TaskGroupInJobGroups" => 143,
            _ => 0,
        };
        assert_eq!(invalid.code(), 0x8004_05E8 + number, "{invalid}");
    }
    let of_parents: Vec<u32> = parents()
        .iter()
        .map(|(_, invalid)| invalid.code())
        .collect();
    assert_eq!(of_parents[..3], [0x8004_05F8, 0x8004_05F9, 0x8004_05F8]);
}

#[test]
fn the_limits_themselves_are_allowed() {
    let state = cluster();
    let good = [
        with_job(|j| j.name = "é".repeat(limits::NAME_CHARS_MAX)),
        with_job(|j| j.priority = limits::PRIORITY_MAX),
        with_job(|j| j.progress = Some(100)),
        with_job(|j| j.email = "é".repeat(limits::EMAIL_CHARS_MAX)),
        with_job(|j| (j.max, j.target) = (Some(8), Some(8))),
        with_job(|j| {
            let name = "é".repeat(limits::CUSTOM_NAME_CHARS_MAX);
            let value = "é".repeat(limits::CUSTOM_VALUE_CHARS_MAX);
            j.custom_properties = vec![(name, value)];
        }),
        with_job(|j| (j.min, j.max) = (Some(1), Some(limits::UNITS_MAX))),
        with_tasks([of_kind(sweep(1, limits::SWEEP_INSTANCES_MAX, 1))]),
        with_tasks([of_kind(sweep(u32::MAX, u32::MAX, u32::MAX))]),
        with_tasks(std::iter::repeat_n(task(), 10_000)),
        with_tasks([]),
    ];
    for (spec, tasks) in good {
        let tasks: Vec<Arc<TaskSpec>> = tasks.into_iter().map(Arc::new).collect();
        check_form(&spec, &tasks).expect("within the limits");
        check_job(&state, &spec, &tasks).expect("within the cluster");
    }
}

#[test]
fn a_policys_words_have_a_limit() {
    let mut state = cluster();
    let by = Actor::administrator("root");
    let (spec, job) = (Arc::new(job()), JobId(1));
    let tasks = vec![Arc::new(task())];
    let now = Timestamp(0);
    let add = Command::AddJob {
        by: by.clone(),
        spec,
        tasks,
    };
    for command in [add, Command::SubmitJob { by, job }] {
        step(&mut state, &command, now, &mut Vec::new()).expect("the job is good");
    }
    let wait = |bytes: usize| {
        Command::Propose(Decision::Wait {
            job,
            reason: 1,
            text: "x".repeat(bytes),
        })
    };
    let max = limits::WAITING_TEXT_BYTES_MAX;
    step(&mut state, &wait(max), now, &mut Vec::new()).expect("within the limit");
    let refused = step(&mut state, &wait(max + 1), now, &mut Vec::new());
    let bytes = max + 1;
    assert_eq!(
        refused,
        Err(Rejection::Refused(Refusal::TextTooLong { job, bytes }))
    );
}
