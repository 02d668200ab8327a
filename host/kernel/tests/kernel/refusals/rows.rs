//! What a job can be refused for by itself and by the cluster: one row a case.

use jobyard_kernel::{
    GroupOp, JobId, JobKind, JobSpec, NodeProperty, TaskKind, TaskSpec, Unit, limits,
};

use super::{
    Request, groups, job, most, named, of_kind, secs, sweep, task, with_job, with_task, with_tasks,
};

/// What is asked for, the case that it is refused with, and a part of the text.
pub(super) fn rows() -> Vec<(&'static str, &'static str, Request)> {
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
            "CustomName",
            "\"b\"",
            with_task(|t| t.custom_properties = [variable("B", "x"), variable("b", "y")].concat()),
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
