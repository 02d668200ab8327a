//! Random commands for the model runs: sensible ones, nonsense, and what careless nodes and policies might send.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Decision, Ending, Execution, FromNode, GroupOp, Job, JobId, JobKind, JobSpec,
    JobState, Manner, Node, NodeId, NodeProperty, NodeSpec, NodeState, OrderBy, Parameters,
    PreemptionType, Role, Roles, Rule, Share, Span, State, TaskId, TaskKind, TaskSpec, Template,
    Timestamp, Unit, Value,
};

use crate::numbers::Numbers;

/// Any command at all.
pub(crate) fn command(state: &State, now: Timestamp, n: &mut Numbers) -> Command {
    match n.below(43) {
        0..5 if state.jobs().filter(|j| !j.state().is_ended()).count() < 12 => add_job(state, n),
        0..7 => Command::SubmitJob {
            by: actor(n),
            job: job_in(state, n, JobState::Configuring),
        },
        7..17 => Command::Propose(proposal(state, now, n)),
        17..29 => Command::Report(report(state, n)),
        29..33 => task_command(state, n),
        33..36 => job_command(state, now, n),
        36..40 => edit_command(state, now, n),
        40 if n.once_in(2) => cluster_command(n),
        40 => node_command(state, n),
        _ => Command::Tick,
    }
}

fn actor(n: &mut Numbers) -> Actor {
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
fn job_in(state: &State, n: &mut Numbers, wanted: JobState) -> JobId {
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

fn any_job(state: &State, n: &mut Numbers) -> JobId {
    let ids: Vec<JobId> = state.jobs().map(|job| job.id).collect();
    n.pick(&ids).copied().unwrap_or(JobId(7))
}

fn add_job(state: &State, n: &mut Numbers) -> Command {
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
    let min = n.once_in(2).then(|| 1 + n.below(4));
    let max = min.filter(|_| !n.once_in(3)).map(|min| min + n.below(6));
    let groups = match n.below(8) {
        0 => vec!["odd".to_string()],
        1 => vec!["odd".to_string(), "even".to_string()],
        _ => Vec::new(),
    };
    let names = |n: &mut Numbers| -> Vec<String> {
        let count = if n.once_in(4) { 1 + n.below(2) } else { 0 };
        (0..count).map(|_| format!("n{}", 1 + n.below(3))).collect()
    };
    let spec = JobSpec {
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
            .then(|| Timestamp(u64::from(n.below(90)) * 1_000_000)),
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
    TaskSpec {
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
    let message = "because".to_string();
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
            match n.below(8) {
                0 => spec.priority = 1_000 + n.below(3) * 1_000,
                1 => spec.runtime = Some(Span::from_secs(20)),
                2..6 => {
                    let names = (0..n.below(2)).map(|_| format!("n{}", 1 + n.below(3)));
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
    match n.below(4) {
        0 => Command::RemoveTemplate { by, name },
        1 => Command::SetParameter {
            by,
            name: "TASKRETRYCOUNT".into(),
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
            let release = TaskSpec {
                command_line: "tidy".into(),
                ..TaskSpec::default()
            };
            let template = Template {
                name,
                rules: vec![rule],
                node_release: n.once_in(3).then_some(release),
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
        0 => Command::SetParameters(Parameters {
            node_release_timeout: Span::from_secs(u64::from(n.below(2)) * 15),
            ttl_completed_jobs: Span::from_secs(u64::from(n.below(3)) * 30),
            job_retry_count: n.below(4),
            disable_resource_validation: n.once_in(3),
            preemption: PreemptionType::Immediate,
            automatic_growth: !n.once_in(8),
            automatic_shrink: !n.once_in(8),
            task_retry_count: n.below(4),
            ..Parameters::default()
        }),
        1 => Command::AddNode(node(1 + n.below(5), 1 + n.below(6))),
        2 | 3 => Command::SetNodeGroups {
            by: actor(n),
            node: n.pick(&nodes).copied().unwrap_or(NodeId(9)),
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
            node: n.pick(&nodes).copied().unwrap_or(NodeId(9)),
            state: match n.below(4) {
                0 => NodeState::Offline,
                1 => NodeState::Draining,
                _ => NodeState::Online,
            },
        },
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

/// Mostly what a policy would propose, sometimes anything.
fn proposal(state: &State, now: Timestamp, n: &mut Numbers) -> Decision {
    let shares = |n: &mut Numbers| -> Vec<Share> {
        (0..n.below(3))
            .map(|_| Share {
                node: NodeId(n.below(5)),
                cores: n.below(4),
                gpus: n.below(2),
            })
            .collect()
    };
    let queued = job_in(state, n, JobState::Queued);
    let running = job_in(state, n, JobState::Running);
    match n.below(12) {
        0..5 => start(state, queued).unwrap_or(Decision::Start {
            job: queued,
            shares: shares(n),
        }),
        5 => Decision::Start {
            job: any_job(state, n),
            shares: shares(n),
        },
        6 => Decision::Grow {
            job: running,
            shares: more(state, running),
        },
        7 => Decision::Grow {
            job: running,
            shares: shares(n),
        },
        8 | 9 => Decision::Shrink {
            job: running,
            shares: held(state.job(running), n),
        },
        10 => match n.below(3) {
            0 => Decision::Preempt {
                job: running,
                how: [0, 0, 2, 2, 2, 1, 1, 3][n.below(8) as usize],
                cores: n.below(4),
            },
            1 => Decision::Reserve {
                job: queued,
                at: [now.as_instant() + 5e6, 0.0, f64::NAN, f64::INFINITY][n.below(4) as usize],
                shares: shares(n),
            },
            _ => Decision::Wait {
                job: queued,
                reason: n.below(3),
                text: "full".into(),
            },
        },
        _ => Decision::Shrink {
            job: running,
            shares: shares(n),
        },
    }
}

/// One unit more, on the first node that has one.
fn more(state: &State, id: JobId) -> Vec<Share> {
    let Some(job) = state.job(id) else {
        return Vec::new();
    };
    let usable = |node: &&Node| state.free_units(job, node) > 0 && state.is_candidate(job, node.id);
    let one = |node: &Node| units(job, node, 1);
    state.nodes().find(usable).map(one).into_iter().collect()
}

/// So many units of a node for a job.
fn units(job: &Job, node: &Node, units: u32) -> Share {
    let spec = &node.spec;
    let (cores, gpus) = match job.spec.unit {
        Unit::Core => (units, 0),
        Unit::Socket => (
            (units * spec.cores.div_ceil(spec.sockets)).min(node.free.len()),
            0,
        ),
        Unit::Node => (spec.cores, spec.gpus),
        Unit::Gpu => (units, units),
    };
    Share {
        node: node.id,
        cores,
        gpus,
    }
}

fn held(job: Option<&Job>, n: &mut Numbers) -> Vec<Share> {
    let shares: Vec<Share> = job.map_or_else(Vec::new, |job| {
        job.shares
            .iter()
            .map(|(&node, share)| Share {
                node,
                cores: share.cores.len(),
                gpus: share.gpus.len(),
            })
            .collect()
    });
    n.pick(&shares)
        .map(|share| {
            let cores = 1 + n.below(share.cores);
            Share {
                cores,
                gpus: share.gpus.min(cores),
                ..*share
            }
        })
        .into_iter()
        .collect()
}

/// A start that fits, for a job that could start now: nodes in order, as much of each as is free.
pub(crate) fn start(state: &State, id: JobId) -> Option<Decision> {
    let job = state
        .job(id)
        .filter(|job| job.state() == JobState::Queued && job.may_start())?;
    let set = state.sets().find(|(id, _)| *id == job.candidates);
    let groups = set.and_then(|(_, set)| set.selector.uniform_groups());
    match groups {
        None => start_on(state, job, &|_| true),
        Some(groups) => groups
            .iter()
            .find_map(|group| start_on(state, job, &|node| node.spec.groups.contains(group))),
    }
}

fn start_on(state: &State, job: &Job, allowed: &dyn Fn(&Node) -> bool) -> Option<Decision> {
    let (mut shares, mut got) = (Vec::new(), 0);
    for node in state.nodes().filter(|node| allowed(node)) {
        let usable = node.takes_jobs() && state.is_candidate(job, node.id);
        let fits = state.free_units(job, node).min(job.max - got);
        if !usable || fits == 0 || (job.spec.single_node && fits < job.min) {
            continue;
        }
        got += fits;
        shares.push(units(job, node, fits));
        if job.spec.single_node {
            break;
        }
    }
    let job_id = job.id;
    (got >= job.min).then_some(Decision::Start {
        job: job_id,
        shares,
    })
}

/// Attempts that are at a node now.
pub(crate) fn runs(state: &State) -> Vec<Execution> {
    let mut all = Vec::new();
    for job in state.jobs() {
        for (index, task) in job.tasks.iter().enumerate() {
            all.extend(task.runs.iter().map(|(&instance, run)| Execution {
                job: job.id,
                task: TaskId(index as u32 + 1),
                instance,
                attempt: run.attempt,
            }));
        }
    }
    all
}

/// A report about something that runs, now and then about an attempt that is long gone or never was.
fn report(state: &State, n: &mut Numbers) -> FromNode {
    let all = runs(state);
    let mut execution = n.pick(&all).copied().unwrap_or(Execution {
        job: JobId(1),
        task: TaskId(1),
        instance: 0,
        attempt: 1,
    });
    if n.once_in(12) {
        execution.attempt = execution.attempt.saturating_sub(1);
    }
    if n.once_in(3) {
        return FromNode::Started { execution };
    }
    let stopped = state
        .run(execution)
        .is_some_and(|(_, _, run)| run.stop.is_some());
    let ending = match n.below(10) {
        0 => Ending::Lost,
        1 => Ending::Failed {
            code: n.below(6),
            text: "no such program".into(),
        },
        2 | 3 => Ending::Exited { code: 3 },
        _ if stopped => Ending::Stopped {
            code: n.once_in(2).then_some(143),
        },
        4 if n.once_in(4) => Ending::Stopped { code: None },
        _ => Ending::Exited { code: 0 },
    };
    FromNode::Ended {
        execution,
        ending,
        output_tail: String::new(),
    }
}
