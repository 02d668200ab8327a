//! What people ask for.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Job, JobId, JobSpec, JobState, Manner, NodeId, NodeState, Span, State, TaskId,
    TaskKind, TaskSpec, Timestamp,
};

use super::numbers::Numbers;

/// Live jobs at the most.
const JOBS_MAX: usize = 10;

/// A command, sensible for the most part.
pub(super) fn command(state: &State, now: Timestamp, n: &mut Numbers) -> Command {
    let by = Actor::administrator("root");
    let message = "because".to_owned();
    let live = state.jobs().filter(|job| !job.state().is_ended()).count();
    match n.below(20) {
        0..7 if live < JOBS_MAX => add(n),
        0..11 => match job(state, n, |job| job.state() == JobState::Configuring) {
            Some(job) => Command::SubmitJob { by, job },
            None if live < JOBS_MAX => add(n),
            None => Command::Tick,
        },
        11 => {
            let Some(job) = job(state, n, |job| !job.state().is_ended()) else {
                return Command::Tick;
            };
            let how = [Manner::Graceful, Manner::Normal, Manner::Forced];
            let how = n.pick(&how).unwrap_or(Manner::Normal);
            Command::CancelJob {
                by,
                job,
                message,
                how,
            }
        }
        12 => match job(state, n, |job| job.state() == JobState::Running) {
            Some(job) => Command::FinishJob {
                by,
                job,
                message,
                graceful: n.once_in(3),
            },
            None => Command::Tick,
        },
        13 | 14 => match job(state, n, |job| {
            let state = job.state();
            matches!(
                state,
                JobState::Running | JobState::Failed | JobState::Canceled
            )
        }) {
            Some(job) => Command::RequeueJob { by, job },
            None => Command::Tick,
        },
        15 => match job(state, n, |job| !job.state().is_ended()) {
            Some(job) => Command::HoldJob {
                by,
                job,
                until: (!n.once_in(3)).then(|| now + n.millis(20_000)),
            },
            None => Command::Tick,
        },
        16 | 17 => match job(state, n, |job| job.state() == JobState::Running) {
            Some(job) => task_command(by, job, n),
            None => Command::Tick,
        },
        _ => {
            let nodes: Vec<NodeId> = state.nodes().map(|node| node.id).collect();
            let states = [NodeState::Offline, NodeState::Draining, NodeState::Online];
            match (n.pick(&nodes), n.pick(&states)) {
                (Some(node), Some(state)) => Command::SetNodeState { by, node, state },
                _ => Command::Tick,
            }
        }
    }
}

fn task_command(by: Actor, job: JobId, n: &mut Numbers) -> Command {
    let task = TaskId(1 + n.below(3) as u32);
    let instance = n.once_in(2).then(|| n.below(4) as u32);
    if n.once_in(2) {
        Command::RequeueTask {
            by,
            job,
            task,
            instance,
        }
    } else {
        Command::CancelTask {
            by,
            job,
            task,
            instance,
            message: String::new(),
            forced: n.once_in(2),
        }
    }
}

fn job(state: &State, n: &mut Numbers, is: impl Fn(&Job) -> bool) -> Option<JobId> {
    let jobs: Vec<JobId> = state
        .jobs()
        .filter(|job| is(job))
        .map(|job| job.id)
        .collect();
    n.pick(&jobs)
}

fn add(n: &mut Numbers) -> Command {
    let mut tasks: Vec<TaskSpec> = (0..1 + n.below(3)).map(|_| task(n)).collect();
    for kind in [TaskKind::NodePrepare, TaskKind::NodeRelease] {
        if n.once_in(3) {
            tasks.push(TaskSpec {
                kind,
                command_line: "treat".into(),
                ..TaskSpec::default()
            });
        }
    }
    let min = 1 + n.below(4) as u32;
    let spec = JobSpec {
        priority: [1_000, 2_000, 4_000][n.below(3) as usize],
        min: Some(min),
        max: Some(min + n.below(4) as u32),
        exclusive: n.once_in(8),
        fail_on_task_failure: n.once_in(6),
        task_retry_limit: n.below(3) as u32,
        runtime: n.once_in(2).then(|| Span::from_secs(10 + n.below(60))),
        ..JobSpec::default()
    };
    Command::AddJob {
        by: Actor::administrator("root"),
        spec: Arc::new(spec),
        tasks: tasks.into_iter().map(Arc::new).collect(),
    }
}

fn task(n: &mut Numbers) -> TaskSpec {
    let kind = match n.below(2) {
        0 => TaskKind::Basic,
        _ => TaskKind::Sweep {
            start: 1,
            end: 1 + n.below(6) as u32,
            increment: 1,
        },
    };
    TaskSpec {
        name: ["", "a", "b"][n.below(3) as usize].into(),
        kind,
        command_line: "work".into(),
        runtime: n.once_in(4).then(|| Span::from_secs(5)),
        rerunnable: !n.once_in(4),
        ..TaskSpec::default()
    }
}
