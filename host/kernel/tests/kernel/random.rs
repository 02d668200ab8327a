//! Random orders of people: sensible ones and nonsense. What policies and nodes send is in `proposals.rs` and `anything.rs`. For the model runs, the
//! journal's tests, and the seeded simulation of the whole host in `tests/src/seeds`, which take these files by their paths.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, GroupOp, JobId, JobKind, JobSpec, JobState, Manner, NodeId, NodeProperty,
    NodeSpec, NodeState, OrderBy, Parameters, PreemptionType, Role, Roles, Rule, Span, State,
    TaskId, TaskKind, TaskSpec, Template, Timestamp, Unit, Value,
};

use super::numbers::Numbers;
use super::random_policies;

/// Jobs that have not ended, at the most.
const LIVE_MAX: usize = 12;

/// What a person, or the host for one, may ask for.
pub(crate) fn order(state: &State, now: Timestamp, n: &mut Numbers) -> Command {
    match n.below(22) {
        0..5 if state.jobs().filter(|j| !j.state().is_ended()).count() < LIVE_MAX => {
            add_job(state, now, n)
        }
        0..7 => Command::SubmitJob {
            by: actor(n),
            job: job_in(state, n, JobState::Configuring),
        },
        7..11 => task_command(state, n),
        11..14 => job_command(state, now, n),
        14..20 => edit_command(state, now, n),
        20 if n.once_in(2) => cluster_command(n),
        21 if !n.once_in(3) => random_policies::order(state, n),
        _ => node_command(state, n),
    }
}

pub(crate) fn actor(n: &mut Numbers) -> Actor {
    let roles = match n.below(30) {
        0 => Role::User.into(),
        1 => Role::JobOperator.into(),
        2 => Role::JobAdministrator.into(),
        3 => Roles::NONE.with(Role::User).with(Role::JobOperator),
        _ => Role::Administrator.into(),
    };
    Actor::new(["ann", "bob"][n.below(2) as usize], roles)
}

/// The name of a job: one in this state if there is one, now and then of none.
pub(crate) fn job_in(state: &State, n: &mut Numbers, wanted: JobState) -> JobId {
    let ids: Vec<JobId> = state
        .jobs()
        .filter(|job| job.state() == wanted)
        .map(|job| job.id)
        .collect();
    match n.pick(&ids) {
        Some(&id) if !n.once_in(20) => id,
        _ => any_job(state, n),
    }
}

pub(crate) fn any_job(state: &State, n: &mut Numbers) -> JobId {
    let ids: Vec<JobId> = state.jobs().map(|job| job.id).collect();
    n.pick(&ids).copied().unwrap_or(JobId(7))
}

fn add_job(state: &State, now: Timestamp, n: &mut Numbers) -> Command {
    let mut tasks = Vec::new();
    if n.once_in(8) {
        tasks.push(Arc::new(TaskSpec {
            kind: TaskKind::Service,
            name: String::new(),
            depends_on: Vec::new(),
            ..task(n)
        }));
    } else {
        for _ in 0..n.below(5) {
            tasks.push(Arc::new(task(n)));
        }
    }
    for kind in [TaskKind::NodePrepare, TaskKind::NodeRelease] {
        if n.once_in(3) {
            let command_line = "treat".into();
            let runtime = n.once_in(4).then(|| Span::from_secs(3));
            tasks.push(Arc::new(TaskSpec {
                kind,
                command_line,
                runtime,
                ..TaskSpec::default()
            }));
        }
    }
    let mut min = n.once_in(2).then(|| 1 + n.below(4));
    let mut max = min.filter(|_| !n.once_in(3)).map(|min| min + n.below(6));
    if tasks.iter().any(|task| !task.required_nodes.is_empty()) && !n.once_in(6) {
        let least = min.unwrap_or(2).max(2);
        (min, max) = (Some(least), Some(max.unwrap_or(4).max(least)));
    }
    let grouped = tasks.iter().any(|task| task.node_group.is_some());
    let groups = match n.below(if grouped { 40 } else { 8 }) {
        0 => vec!["odd".to_string()],
        1 => vec!["odd".to_string(), "even".to_string()],
        _ => Vec::new(),
    };
    let names = |n: &mut Numbers| -> Vec<String> {
        let count = if n.once_in(4) { 1 + n.below(2) } else { 0 };
        (0..count).map(|_| format!("n{}", 1 + n.below(3))).collect()
    };
    let mut spec = JobSpec {
        owner: ["", "ann", "bob"][n.below(3) as usize].into(),
        kind: if n.once_in(15) {
            JobKind::Command
        } else {
            JobKind::Batch
        },
        priority: [2_000, 1_000, 4_000][n.below(3) as usize],
        min,
        max,
        exclusive: n.once_in(6),
        single_node: n.once_in(8),
        can_preempt: !n.once_in(4),
        can_grow: !n.once_in(4),
        can_shrink: !n.once_in(4),
        run_until_canceled: n.once_in(8),
        fail_on_task_failure: n.once_in(6),
        fail_dependent_tasks: n.once_in(2),
        task_retry_limit: n.below(3),
        runtime: n
            .once_in(3)
            .then(|| Span::from_secs(10 + u64::from(n.below(30)))),
        hold_until: n
            .once_in(10)
            .then(|| now + Span::from_secs(u64::from(n.below(90)))),
        requested_nodes: names(n),
        excluded_nodes: names(n),
        unit: [Unit::Socket, Unit::Node, Unit::Gpu, Unit::Core][n.below(10).min(3) as usize],
        node_groups: groups.clone(),
        node_group_op: match groups.is_empty() {
            true => GroupOp::Intersect,
            false => [GroupOp::Intersect, GroupOp::Uniform, GroupOp::Union][n.below(3) as usize],
        },
        parent_jobs: match n.once_in(3) {
            true => (0..=n.below(2)).map(|_| any_job(state, n)).collect(),
            false => Vec::new(),
        },
        target: n.once_in(12).then(|| 1 + n.below(4)),
        notify_on_start: n.once_in(4),
        notify_on_completion: n.once_in(4),
        process_memory_mb: n.once_in(20).then_some(2_048),
        licences: ["", "mesh:2"][usize::from(n.once_in(10))].into(),
        memory_mb_min: n.once_in(10).then_some(2_048),
        cores_per_node_max: n.once_in(10).then_some(4),
        order_by: match n.once_in(6) {
            true => vec![OrderBy {
                property: NodeProperty::Cores,
                fewest_first: n.once_in(2),
            }],
            false => Vec::new(),
        },
        template: ["", "small"][usize::from(n.once_in(8))].into(),
        ..JobSpec::default()
    };
    spec.project = ["", "genome"][usize::from(spec.priority == 1_000)].into();
    if spec.exclusive {
        spec.custom_properties = vec![("Site".into(), "north".into())];
        // Only templates say this.
        spec.pool = "mine".into();
    }
    let (by, spec) = (actor(n), Arc::new(spec));
    match n.once_in(4) {
        true => Command::QueueJob { by, spec, tasks },
        false => Command::AddJob { by, spec, tasks },
    }
}

fn task(n: &mut Numbers) -> TaskSpec {
    // Names are groups, and `b` may depend on `a`, `c` on both, now and then in a circle.
    let (name, depends_on): (&str, &[&str]) = match n.below(8) {
        0 | 1 => ("a", &[]),
        2 => ("b", &["a"]),
        3 => ("c", &["a", "b"]),
        4 if n.once_in(4) => ("a", &["c"]),
        _ => ("", &[]),
    };
    let min = 1 + n.below(5) / 3;
    let (required_nodes, node_group) = match n.below(28) {
        0 => (vec!["n1".to_string()], None),
        1 => (vec!["n2".to_string(), "n1".to_string()], None),
        2 => (Vec::new(), Some("odd".to_string())),
        3 => (Vec::new(), Some("even".to_string())),
        _ => (Vec::new(), None),
    };
    TaskSpec {
        required_nodes,
        node_group,
        name: name.into(),
        kind: match n.below(2) {
            0 => TaskKind::Basic,
            _ => TaskKind::Sweep {
                start: n.below(3),
                end: 1 + n.below(9),
                increment: 1 + n.below(2),
            },
        },
        command_line: "work".into(),
        min,
        max: min + n.below(3),
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        runtime: n.once_in(4).then(|| Span::from_secs(5)),
        rerunnable: !n.once_in(4),
        fail_job_on_failure_count: n.once_in(5).then(|| 1 + n.below(3)),
        ..TaskSpec::default()
    }
}

fn job_command(state: &State, now: Timestamp, n: &mut Numbers) -> Command {
    let by = actor(n);
    let message = "because".repeat(if n.once_in(20) { 50 } else { 1 });
    let any = [JobState::Running, JobState::Queued, JobState::Canceling];
    let wanted = any[n.below(3) as usize];
    match n.below(7) {
        0 => Command::CancelJob {
            by,
            job: job_in(state, n, wanted),
            message,
            how: [Manner::Graceful, Manner::Normal, Manner::Forced][n.below(3) as usize],
        },
        1 => Command::FinishJob {
            by,
            job: job_in(state, n, wanted),
            message,
            graceful: n.once_in(3),
        },
        2 => Command::RequeueJob {
            by,
            job: job_in(state, n, JobState::Running),
        },
        3 => Command::RequeueJob {
            by,
            job: job_in(state, n, JobState::Failed),
        },
        4 => Command::RequeueJob {
            by,
            job: job_in(state, n, JobState::Canceled),
        },
        5 => Command::ConfigureJob {
            by,
            job: job_in(state, n, wanted),
        },
        _ => Command::HoldJob {
            by,
            job: job_in(state, n, wanted),
            until: (!n.once_in(3)).then(|| now + Span::from_secs(u64::from(n.below(20)))),
        },
    }
}

/// What a person changes of a job, or adds to it.
fn edit_command(state: &State, now: Timestamp, n: &mut Numbers) -> Command {
    let by = actor(n);
    let wanted = [
        JobState::Running,
        JobState::Queued,
        JobState::Configuring,
        JobState::Failed,
    ][n.below(4) as usize];
    let job = job_in(state, n, wanted);
    let id = TaskId(1 + n.below(6));
    let drafts: Vec<TaskId> = state.job(job).map_or_else(Vec::new, |job| {
        let ids = (1..).map(TaskId).zip(&job.tasks);
        ids.filter(|(_, task)| task.draft)
            .map(|(id, _)| id)
            .collect()
    });
    let draft = n.pick(&drafts).copied().unwrap_or(id);
    match n.below(12) {
        0 => Command::CloneJob { by, job },
        1 => Command::DeleteJob { by, job },
        2 => Command::PurgeJob { by, job },
        3 if n.once_in(4) => Command::PurgeJobs {
            by,
            ended_before: now,
        },
        3 | 4 => Command::ConfigureTask { by, job, task: id },
        5 | 6 => Command::SubmitTask {
            by,
            job,
            task: draft,
        },
        7 | 8 => Command::AddTasks {
            by,
            job,
            tasks: (0..1 + n.below(2)).map(|_| Arc::new(task(n))).collect(),
            submit: n.once_in(2),
        },
        9 => {
            let old = state.job(job).and_then(|job| job.task(draft));
            let mut spec = task(n);
            spec.kind = old.map_or(spec.kind, |task| match (task.spec.kind, spec.kind) {
                (TaskKind::Sweep { .. }, TaskKind::Sweep { .. }) => spec.kind,
                (kind, _) => kind,
            });
            Command::ModifyTask {
                by,
                job,
                task: draft,
                spec: Arc::new(spec),
            }
        }
        _ => {
            let old = state.job(job).map(|job| (*job.spec).clone());
            let mut spec = old.unwrap_or_default();
            match n.below(10) {
                8 => spec.progress = n.once_in(2).then(|| n.below(120)),
                9 => spec.target = n.once_in(2).then(|| 1 + n.below(4)),
                0 => {
                    spec.priority = 1_000 + n.below(3) * 1_000;
                    spec.project = format!("p{}", spec.priority / 1_000);
                }
                1 => {
                    spec.runtime = Some(Span::from_secs(20));
                    spec.owner = "bob".into();
                }
                2..6 => {
                    let names = (0..n.below(4)).map(|_| format!("n{}", 1 + n.below(3)));
                    spec.excluded_nodes = names.collect();
                }
                6 => spec.run_until_canceled = n.once_in(2),
                _ => (spec.min, spec.max) = (Some(1 + n.below(2)), Some(3 + n.below(3))),
            }
            let spec = Arc::new(spec);
            Command::ModifyJob { by, job, spec }
        }
    }
}

fn task_command(state: &State, n: &mut Numbers) -> Command {
    let by = actor(n);
    let job = job_in(state, n, JobState::Running);
    let task = TaskId(n.below(16).div_ceil(4));
    let instance = n.once_in(2).then(|| n.below(4));
    match n.below(4) {
        3 => Command::ConcludeService {
            by,
            job,
            task,
            stop: n.once_in(2),
        },
        0 => Command::CancelTask {
            by,
            job,
            task,
            instance,
            message: ["", "not needed"][n.below(2) as usize].into(),
            forced: n.once_in(2),
        },
        1 => Command::FinishTask {
            by,
            job,
            task,
            instance,
            message: String::new(),
        },
        _ => Command::RequeueTask {
            by,
            job,
            task,
            instance,
        },
    }
}

/// Templates and parameters.
fn cluster_command(n: &mut Numbers) -> Command {
    let by = actor(n);
    let name = ["Default", "small", "spare", "spare"][n.below(4) as usize].to_string();
    match n.below(5) {
        0 => Command::RemoveTemplate { by, name },
        4 => Command::SetEnvironment {
            by,
            name: ["SITE", "LANG", "no name="][n.below(3) as usize].into(),
            value: n.once_in(2).then(|| "here".into()),
        },
        1 => Command::SetParameter {
            by,
            name: ["TASKRETRYCOUNT", "unheard of"][usize::from(n.once_in(8))].into(),
            value: n.once_in(2).then(|| n.below(4).to_string()),
        },
        _ => {
            let rule = Rule {
                property: ["MaxUnits", "Priority", "FailOnTaskFailure"][n.below(3) as usize].into(),
                ..Rule::default()
            };
            let rule = match rule.property.as_str() {
                "MaxUnits" => Rule {
                    max: Some(6),
                    ..rule
                },
                "Priority" => Rule {
                    default: Some(Value::Number(1_000)),
                    read_only: n.once_in(2),
                    ..rule
                },
                _ => Rule {
                    default: Some(Value::Flag(true)),
                    ..rule
                },
            };
            let rule_pool = if rule.read_only { "night" } else { "" };
            let release = TaskSpec {
                command_line: "tidy".into(),
                ..TaskSpec::default()
            };
            let template = Template {
                name,
                rules: vec![rule],
                pool: rule_pool.into(),
                node_release: n.once_in(3).then_some(release),
                users: n.once_in(4).then(|| vec!["bob".into()]),
                ..Template::default()
            };
            Command::SetTemplate {
                by,
                template: Arc::new(template),
            }
        }
    }
}

fn node_command(state: &State, n: &mut Numbers) -> Command {
    let nodes: Vec<NodeId> = state.nodes().map(|node| node.id).collect();
    match n.below(8) {
        0 => Command::SetParameters(with_shares(Parameters {
            node_release_timeout: Span::from_secs(u64::from(n.below(2)) * 15),
            ttl_completed_jobs: Span::from_secs(u64::from(n.below(3)) * 30),
            job_retry_count: n.below(4),
            disable_resource_validation: n.once_in(3),
            preemption: match n.below(6) {
                0 => PreemptionType::None,
                1 => PreemptionType::Graceful,
                _ => PreemptionType::Immediate,
            },
            automatic_growth: !n.once_in(8),
            automatic_shrink: !n.once_in(8),
            grow_by_preemption: n.once_in(2),
            task_retry_count: n.below(4),
            ..Parameters::default()
        })),
        1 => Command::AddNode(node(1 + n.below(5), 1 + n.below(6))),
        2 | 3 => Command::SetNodeGroups {
            by: actor(n),
            node: some_node(&nodes, n),
            groups: [&[][..], &["odd"], &["even"], &["odd", "even"]][n.below(4) as usize]
                .iter()
                .map(ToString::to_string)
                .collect(),
        },
        4 => Command::SetNodeReachable {
            node: n.pick(&nodes).copied().unwrap_or(NodeId(9)),
            reachable: !n.once_in(3),
        },
        _ => Command::SetNodeState {
            by: actor(n),
            node: some_node(&nodes, n),
            state: match n.below(4) {
                0 => NodeState::Offline,
                1 => NodeState::Draining,
                _ => NodeState::Online,
            },
        },
    }
}

/// Parameters that only policies heed, different ones with different others.
fn with_shares(parameters: Parameters) -> Parameters {
    let retries = u64::from(parameters.task_retry_count);
    Parameters {
        pools: retries > 1,
        fair_share_half_life: Span::from_secs(1 + 3 * retries),
        ..parameters
    }
}

/// One that is there, now and then one that never was.
fn some_node(nodes: &[NodeId], n: &mut Numbers) -> NodeId {
    match n.pick(nodes) {
        Some(&node) if !n.once_in(20) => node,
        _ => NodeId(99),
    }
}

/// A node of the test pool.
pub(crate) fn node(number: u32, cores: u32) -> NodeSpec {
    NodeSpec {
        name: format!("n{number}"),
        cores,
        sockets: if cores.is_multiple_of(2) { 2 } else { 1 },
        gpus: number % 3,
        memory_mb: 1_024 * u64::from(number),
        groups: vec![["even", "odd"][(number % 2) as usize].to_string()],
    }
}
