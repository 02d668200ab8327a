//! A table of all that a job or node can be refused for, one row a case, and the refusals that no scenario can show.

mod needs;
mod parents;
mod rows;
mod templates;

use std::collections::BTreeSet;
use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Decision, Invalid, JobId, JobSpec, NodeProperty, NodeSpec, OrderBy, Refusal,
    Rejection, Span, State, TaskKind, TaskSpec, Timestamp, check_form, check_job, check_node,
    limits, step,
};

use parents::parents;
use rows::rows;

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
