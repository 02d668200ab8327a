//! What people ask for: anything (`random.rs` of the kernel's tests); in the end, what helps all jobs to their end. And what a host
//! makes of it that mistakes one thing for another.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, GroupOp, Job, JobId, JobSpec, JobState, KeptAnswer, Manner, NodeSpec,
    NodeState, Parameters, RequestKey, SetId, Span, State, TaskKind, TaskSpec, Timestamp, Unit,
};

use super::numbers::Numbers;
use super::{Bug, filters, random};

/// A command, sensible for the most part.
pub(super) fn command(state: &State, now: Timestamp, n: &mut Numbers) -> Command {
    match n.below(120) {
        0 | 1 => Command::PurgeHistory {
            ended_before: now - Span::from_secs(u64::from(n.below(30))),
        },
        2..6 => filters::programs(n),
        6 => keep_answer(n),
        _ => random::order(state, now, n),
    }
}

/// What a request with a key was answered; now and then the key is one that there is.
fn keep_answer(n: &mut Numbers) -> Command {
    let key = format!("key-{}", n.below(20));
    Command::KeepAnswer(Arc::new(KeptAnswer {
        by: "ann".into(),
        key: RequestKey::new(&key).expect("a key"),
        digest: [0; 16],
        text: format!("{}", n.below(1_000)),
    }))
}

/// Something that is wanted of a job of history, which is live again by now.
pub(super) fn about_an_old_job(job: JobId, n: &mut Numbers) -> Command {
    let by = root();
    match n.below(3) {
        0 => Command::CloneJob { by, job },
        1 => Command::ConfigureJob { by, job },
        _ => Command::RequeueJob { by, job },
    }
}

/// A cluster in which every job that is not choosy about nodes can run.
pub(super) fn set_right(state: &State) -> Vec<Command> {
    let parameters = Parameters {
        ttl_completed_jobs: Span::from_secs(1_000_000),
        ..Parameters::default()
    };
    let no_canary = Command::CanaryPolicy {
        by: root(),
        trial: None,
        why: String::new(),
    };
    let mut commands = vec![Command::SetParameters(parameters), no_canary];
    commands.extend((1..=2).map(|number| {
        Command::AddNode(NodeSpec {
            name: format!("large{number}"),
            cores: 40,
            sockets: 10,
            gpus: 40,
            memory_mb: 8_192,
            groups: vec!["odd".into(), "even".into()],
        })
    }));
    commands.extend(state.nodes().map(|node| Command::SetNodeState {
        by: root(),
        node: node.id,
        state: NodeState::Online,
    }));
    commands
}

/// What people do about jobs that do not come to their end by themselves. `late`: those that are choosy have waited long enough.
pub(super) fn see_to_it(state: &State, late: bool) -> Vec<Command> {
    let live = state.jobs().filter(|job| !job.state().is_ended());
    live.filter_map(|job| see_to_job(state, job, late))
        .collect()
}

fn see_to_job(state: &State, job: &Job, late: bool) -> Option<Command> {
    let by = root();
    let id = job.id;
    if job.is_held() && job.state() != JobState::Configuring {
        let until = None;
        return Some(Command::HoldJob { by, job: id, until });
    }
    let counts = job.counts;
    let serves = job.tasks.iter().any(|t| t.spec.kind == TaskKind::Service);
    let idles = counts.running == 0 && (counts.queued == 0 || counts.configuring > 0);
    let open = serves || idles || job.spec.run_until_canceled;
    if job.state() == JobState::Running && open {
        return Some(Command::FinishJob {
            by,
            job: id,
            message: "enough".into(),
            graceful: false,
        });
    }
    let sets = (job.candidates, job.required);
    let choosy = sets != (SetId(0), SetId(0)) || job.spec.unit != Unit::Core;
    let in_vain = job.open_parents().iter().any(|&parent| {
        let state = state.job(parent).map(Job::state);
        state.is_none_or(|state| state.is_ended() || state == JobState::Configuring)
    });
    (job.state() == JobState::Queued && (in_vain || (choosy && late))).then(|| Command::CancelJob {
        by,
        job: id,
        message: "it waits in vain".into(),
        how: Manner::Normal,
    })
}

fn root() -> Actor {
    Actor::administrator("root")
}

/// What a host with that bug takes a command for.
pub(super) fn mistaken(mut command: Command, bug: Option<Bug>) -> Command {
    if let Command::AddJob { spec, tasks, .. } | Command::QueueJob { spec, tasks, .. } =
        &mut command
    {
        mistaken_job(Arc::make_mut(spec), bug);
        if bug == Some(Bug::ReleaseIsForgotten) {
            tasks.retain(|task| task.kind != TaskKind::NodeRelease);
        }
        for task in tasks {
            if bug == Some(Bug::ServiceIsATask) && task.kind == TaskKind::Service {
                *task = Arc::new(TaskSpec {
                    kind: TaskKind::Basic,
                    ..(**task).clone()
                });
            }
        }
    } else if let Command::ModifyJob { spec, .. } = &mut command {
        mistaken_job(Arc::make_mut(spec), bug);
    } else if let Command::HoldJob { until, .. } = &mut command
        && bug == Some(Bug::HoldIsForgotten)
    {
        *until = None;
    } else if let Command::SetNodeState { state, .. } = &mut command
        && bug == Some(Bug::DrainingIsForgotten)
    {
        *state = NodeState::Online;
    }
    command
}

fn mistaken_job(spec: &mut JobSpec, bug: Option<Bug>) {
    if bug == Some(Bug::GroupOperatorsAreSwapped) && !spec.node_groups.is_empty() {
        spec.node_group_op = match spec.node_group_op {
            GroupOp::Intersect => GroupOp::Union,
            GroupOp::Uniform | GroupOp::Union => GroupOp::Intersect,
        };
    }
    if bug == Some(Bug::ParentsAreForgotten) {
        spec.parent_jobs.clear();
    }
    if bug == Some(Bug::ExcludedNodesAreForgotten) {
        spec.excluded_nodes.clear();
    }
}
