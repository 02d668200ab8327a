//! `decide`: what a command comes to, or why it is refused. Changes nothing.
//!
//! Each function asks in a fixed order and returns the first reason: does it exist, may they, is the state right.

use std::sync::Arc;

use crate::apply::index;
use crate::limits::{CANCEL_MESSAGE_CHARS_MAX, HOLD_SECONDS_MAX};
use crate::{
    Actor, CancelCause, Closing, Command, Execution, Fact, Job, JobError, JobId, JobKind, JobSpec,
    JobState, NodeId, NodeState, Phase, Rejection, Role, SharePhase, Span, State, StopCause, Task,
    TaskId, TaskSpec, TaskState, Then, Timer, Timestamp, proposal, report, validate,
};

type Facts = Result<Vec<Fact>, Rejection>;

/// What a command comes to at this moment, or why it is refused.
///
/// A pure function of the state, the command and the time. What the rules make of its result without being
/// asked is [`crate::follow`]; [`crate::step`] does both.
pub fn decide(state: &State, command: &Command, now: Timestamp) -> Facts {
    match command {
        Command::SetParameters(parameters) => Ok(vec![Fact::ParametersSet(parameters.clone())]),
        Command::AddNode(spec) => {
            validate::check_node(state, spec)?;
            let node = state
                .last_node
                .checked_add(1)
                .ok_or(Rejection::NoIdsLeft("node"))?;
            Ok(vec![Fact::NodeAdded {
                node: NodeId(node),
                spec: spec.clone(),
            }])
        }
        Command::SetNodeState {
            node,
            state: wanted,
        } => set_node_state(state, *node, *wanted),
        Command::AddJob { by, spec, tasks } => add_job(state, by, spec, tasks),
        Command::SubmitJob { by, job } => {
            submit_job(may(state, by, *job, "submit", Right::Modify)?)
        }
        Command::ConfigureJob { by, job } => {
            configure_job(may(state, by, *job, "configure", Right::Modify)?)
        }
        Command::CancelJob {
            by,
            job,
            message,
            forced,
        } => cancel_job(state, by, *job, message, *forced),
        Command::FinishJob { by, job, message } => {
            check_message(message)?;
            finish_job(
                state,
                by,
                may(state, by, *job, "finish", Right::Operate)?,
                message,
            )
        }
        Command::RequeueJob { by, job } => {
            requeue_job(state, may(state, by, *job, "requeue", Right::Operate)?)
        }
        Command::HoldJob { by, job, until } => {
            hold_job(may(state, by, *job, "hold", Right::Modify)?, *until, now)
        }
        Command::CancelTask {
            by,
            job,
            task,
            instance,
            forced,
        } => {
            let job = may(state, by, *job, "cancel a task of", Right::Operate)?;
            let grace = if *forced {
                Span::ZERO
            } else {
                state.parameters.task_cancel_grace
            };
            cancel_task(job, *task, *instance, grace)
        }
        Command::FinishTask {
            by,
            job,
            task,
            instance,
        } => {
            let job = may(state, by, *job, "finish a task of", Right::Operate)?;
            finish_task(job, *task, *instance, state.parameters.task_cancel_grace)
        }
        Command::RequeueTask {
            by,
            job,
            task,
            instance,
        } => {
            let job = may(state, by, *job, "requeue a task of", Right::Operate)?;
            requeue_task(job, *task, *instance, state.parameters.task_cancel_grace)
        }
        Command::Propose(decision) => Ok(proposal::decide(state, decision, now)?),
        Command::Report(report) => report::decide(state, report),
        Command::Tick => Ok(due(state, now)),
    }
}

/// A node that goes offline leaves its jobs: what runs there may end, nothing new starts there. Draining keeps both.
fn set_node_state(state: &State, id: NodeId, wanted: NodeState) -> Facts {
    let node = state.node(id).ok_or(Rejection::UnknownNode(id))?;
    if node.state == wanted {
        return Ok(Vec::new());
    }
    let mut facts = vec![Fact::NodeStateChanged {
        node: id,
        state: wanted,
    }];
    if wanted != NodeState::Offline {
        return Ok(facts);
    }
    for job in node.jobs.iter().filter_map(|&job| state.job(job)) {
        let Some(share) = job.shares.get(&id).filter(|_| job.phase == Phase::Running) else {
            continue;
        };
        match share.phase {
            SharePhase::Added | SharePhase::Ready => {
                facts.push(Fact::ShareClosed {
                    job: job.id,
                    node: id,
                });
            }
            // The node is closed when the prepare task has ended.
            SharePhase::Preparing(execution) => {
                facts.push(Fact::StopRequested {
                    job: job.id,
                    executions: vec![execution],
                    cause: StopCause::SystemError,
                    grace: state.parameters.task_cancel_grace,
                });
            }
            SharePhase::Closing | SharePhase::Releasing(_) | SharePhase::Released => {}
        }
    }
    Ok(facts)
}

// ---- who may ----

/// What somebody wants to do to a job, as the permission matrix groups it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    /// Submit, edit, hold: the owner, job administrators, administrators.
    Modify,
    /// Cancel, finish, requeue: operators too.
    Operate,
}

fn may<'a>(
    state: &'a State,
    by: &Actor,
    job: JobId,
    what: &'static str,
    right: Right,
) -> Result<&'a Job, Rejection> {
    let job = state.job(job).ok_or(Rejection::UnknownJob(job))?;
    let allowed = match by.role {
        Role::Administrator => true,
        _ if job.spec.kind == JobKind::Command => false,
        Role::JobAdministrator => true,
        Role::JobOperator => right == Right::Operate || job.spec.owner == by.name,
        Role::User => job.spec.owner == by.name,
    };
    match allowed {
        true => Ok(job),
        false => Err(Rejection::PermissionDenied {
            by: by.name.clone(),
            what,
            job: job.id,
            owner: job.spec.owner.clone(),
        }),
    }
}

// ---- jobs ----

fn add_job(state: &State, by: &Actor, spec: &Arc<JobSpec>, tasks: &[Arc<TaskSpec>]) -> Facts {
    let deny = |what| {
        Err(Rejection::MayNotAdd {
            by: by.name.clone(),
            what,
        })
    };
    match by.role {
        Role::Administrator => {}
        Role::JobOperator => return deny("jobs"),
        Role::User | Role::JobAdministrator if spec.kind == JobKind::Command => {
            return deny("command jobs");
        }
        Role::User if !spec.owner.is_empty() && spec.owner != by.name => {
            return deny("jobs of others");
        }
        Role::User | Role::JobAdministrator => {}
    }
    validate::check_form(spec, tasks)?;
    let job = state
        .last_job
        .checked_add(1)
        .ok_or(Rejection::NoIdsLeft("job"))?;
    let mut spec = spec.clone();
    if spec.owner.is_empty() {
        Arc::make_mut(&mut spec).owner = by.name.clone();
    }
    Ok(vec![Fact::JobAdded {
        job: JobId(job),
        spec,
        tasks: tasks.to_vec(),
    }])
}

fn wrong_state(job: &Job, what: &'static str, hint: &'static str) -> Rejection {
    Rejection::InvalidJobState {
        job: job.id,
        what,
        state: job.state(),
        hint,
    }
}

fn submit_job(job: &Job) -> Facts {
    match job.phase {
        Phase::Configuring => Ok(vec![Fact::JobSubmitted {
            job: job.id,
            first: false,
        }]),
        Phase::Submitted | Phase::Queued | Phase::Running | Phase::Ending(_) | Phase::Ended(_) => {
            Err(wrong_state(
                job,
                "submitted",
                "; only a job that is being configured can",
            ))
        }
    }
}

/// From Queued, Failed and Canceled; a Finished job cannot change.
fn configure_job(job: &Job) -> Facts {
    match job.state() {
        JobState::Queued | JobState::Failed | JobState::Canceled => {
            Ok(vec![Fact::JobConfigured { job: job.id }])
        }
        JobState::Finished => Err(wrong_state(job, "configured", "; clone it")),
        JobState::Configuring
        | JobState::Submitted
        | JobState::Validating
        | JobState::ExternalValidation
        | JobState::Running
        | JobState::Finishing
        | JobState::Canceling => Err(wrong_state(job, "configured", "; cancel it first")),
    }
}

fn check_message(message: &str) -> Result<(), Rejection> {
    match message.chars().count() {
        chars if chars > CANCEL_MESSAGE_CHARS_MAX => Err(Rejection::MessageTooLong {
            chars,
            max: CANCEL_MESSAGE_CHARS_MAX,
        }),
        _ => Ok(()),
    }
}

/// `IScheduler::CancelJob_2`; the message is checked first, since a longer one changes nothing.
fn cancel_job(state: &State, by: &Actor, id: JobId, message: &str, forced: bool) -> Facts {
    check_message(message)?;
    let job = may(state, by, id, "cancel", Right::Operate)?;
    let error = Some(JobError::CanceledByUser {
        by: by.name.clone(),
        message: message.into(),
    });
    let grace = if forced {
        Span::ZERO
    } else {
        state.parameters.task_cancel_grace
    };
    let closing = Closing {
        then: Then::Canceled,
        cause: StopCause::JobCanceled,
        grace,
        release: !forced,
        told: false,
    };
    let ending = Ok(vec![Fact::JobEnding {
        job: id,
        closing,
        error,
    }]);
    match &job.phase {
        Phase::Configuring | Phase::Submitted | Phase::Queued | Phase::Running => ending,
        // On its way back into the queue: an ordinary cancel still counts.
        Phase::Ending(Closing {
            then: Then::Queued, ..
        }) => ending,
        // Escalation: what was asked for gently is done at once.
        Phase::Ending(Closing {
            then: Then::Finished | Then::Failed | Then::Canceled,
            release,
            ..
        }) if forced && *release => ending,
        Phase::Ending(_) | Phase::Ended(_) => Err(Rejection::InvalidCancelJobState {
            job: id,
            state: job.state(),
        }),
    }
}

fn finish_job(state: &State, by: &Actor, job: &Job, message: &str) -> Facts {
    match job.phase {
        Phase::Queued | Phase::Running => {
            let closing = Closing {
                then: Then::Finished,
                cause: StopCause::JobFinished,
                grace: state.parameters.task_cancel_grace,
                release: true,
                told: false,
            };
            let error = Some(JobError::FinishedByUser {
                by: by.name.clone(),
                message: message.into(),
            });
            Ok(vec![Fact::JobEnding {
                job: job.id,
                closing,
                error,
            }])
        }
        Phase::Configuring | Phase::Submitted | Phase::Ending(_) | Phase::Ended(_) => Err(
            wrong_state(job, "finished", "; only a queued or running job can"),
        ),
    }
}

/// From Running, Failed and Canceled.
fn requeue_job(state: &State, job: &Job) -> Facts {
    match job.state() {
        JobState::Running => {
            let closing = Closing {
                then: Then::Queued,
                cause: StopCause::JobRequeued,
                grace: state.parameters.task_cancel_grace,
                release: true,
                told: false,
            };
            Ok(vec![Fact::JobEnding {
                job: job.id,
                closing,
                error: None,
            }])
        }
        JobState::Failed | JobState::Canceled => Ok(vec![
            Fact::JobConfigured { job: job.id },
            Fact::JobSubmitted {
                job: job.id,
                first: true,
            },
        ]),
        JobState::Finished => Err(wrong_state(job, "queued again", "; clone it")),
        JobState::Configuring
        | JobState::Submitted
        | JobState::Validating
        | JobState::ExternalValidation
        | JobState::Queued
        | JobState::Finishing
        | JobState::Canceling => Err(wrong_state(
            job,
            "queued again",
            "; only a running, failed or canceled job can",
        )),
    }
}

fn hold_job(job: &Job, until: Option<Timestamp>, now: Timestamp) -> Facts {
    match job.phase {
        Phase::Queued | Phase::Running => {}
        Phase::Configuring | Phase::Submitted | Phase::Ending(_) | Phase::Ended(_) => {
            return Err(wrong_state(
                job,
                "held",
                "; only a queued or running job can",
            ));
        }
    }
    if until.is_some_and(|at| at <= now || at.since(now) > Span::from_secs(HOLD_SECONDS_MAX)) {
        return Err(Rejection::InvalidHold);
    }
    let change = Fact::HoldSet { job: job.id, until };
    Ok(if job.hold_until == until {
        Vec::new()
    } else {
        vec![change]
    })
}

// ---- tasks ----

/// The task and the instances that are meant, or why not.
fn find<'a>(
    job: &'a Job,
    id: TaskId,
    instance: Option<u32>,
    what: &'static str,
) -> Result<&'a Task, Rejection> {
    let task = job.task(id).ok_or(Rejection::UnknownTask {
        job: job.id,
        task: id,
    })?;
    if !task.spec.kind.is_ordinary() {
        return Err(Rejection::NotForNodeTasks {
            job: job.id,
            task: id,
            what,
        });
    }
    match instance {
        Some(n) if !task.has(n) => Err(Rejection::UnknownInstance {
            job: job.id,
            task: id,
            instance: n,
        }),
        _ => Ok(task),
    }
}

fn wrong_task_state(job: &Job, id: TaskId, instance: Option<u32>, what: &'static str) -> Rejection {
    let configuring = job.phase == Phase::Configuring;
    let task = &job.tasks[index(id)];
    let state = instance
        .and_then(|n| task.instance_state(n, configuring))
        .unwrap_or_else(|| task.state(configuring));
    Rejection::InvalidTaskState {
        job: job.id,
        task: id,
        what,
        state,
    }
}

/// Runs of a task that a stop would reach: one or all, less those that are stopped as fast already.
fn stoppable(job: &Job, id: TaskId, instance: Option<u32>, grace: Span) -> Vec<Execution> {
    let runs = job.tasks[index(id)].runs.iter();
    runs.filter(|(n, run)| {
        instance.is_none_or(|one| one == **n) && run.stop.is_none_or(|stop| stop.grace > grace)
    })
    .map(|(&n, run)| Execution {
        job: job.id,
        task: id,
        instance: n,
        attempt: run.attempt,
    })
    .collect()
}

/// Running instances end Failed, waiting ones Canceled, and stay so when the job is queued again.
fn cancel_task(job: &Job, id: TaskId, instance: Option<u32>, grace: Span) -> Facts {
    let task = find(job, id, instance, "canceled")?;
    let mut facts = Vec::new();
    if !matches!(job.phase, Phase::Ended(_)) {
        if task.queued.first().is_some() && instance.is_none_or(|n| task.queued.contains(n)) {
            let cause = CancelCause::Explicit;
            facts.push(Fact::InstancesCanceled {
                job: job.id,
                task: id,
                instance,
                cause,
            });
        }
        let executions = stoppable(job, id, instance, grace);
        if !executions.is_empty() {
            let cause = StopCause::TaskCanceled;
            facts.push(Fact::StopRequested {
                job: job.id,
                executions,
                cause,
                grace,
            });
        }
    }
    match facts.is_empty() {
        true => Err(wrong_task_state(job, id, instance, "canceled")),
        false => Ok(facts),
    }
}

fn finish_task(job: &Job, id: TaskId, instance: Option<u32>, grace: Span) -> Facts {
    find(job, id, instance, "finished")?;
    let executions = stoppable(job, id, instance, grace);
    match executions.is_empty() || job.phase != Phase::Running {
        true => Err(wrong_task_state(job, id, instance, "finished")),
        false => Ok(vec![Fact::StopRequested {
            job: job.id,
            executions,
            cause: StopCause::TaskFinished,
            grace,
        }]),
    }
}

/// In a running job: what runs is stopped and, like what failed or was canceled, queued again.
fn requeue_task(job: &Job, id: TaskId, instance: Option<u32>, grace: Span) -> Facts {
    let task = find(job, id, instance, "queued again")?;
    if !task.spec.rerunnable {
        return Err(Rejection::NotRerunnable {
            job: job.id,
            task: id,
        });
    }
    let mut facts = Vec::new();
    if job.phase == Phase::Running {
        let bad = |state| state == TaskState::Failed || state == TaskState::Canceled;
        let ended = match instance {
            Some(n) => task.outcome(n).is_some_and(|o| bad(o.state())),
            None => task.outcomes.keys().any(|o| bad(o.state())),
        };
        if ended {
            facts.push(Fact::TaskRequeued {
                job: job.id,
                task: id,
                instance,
            });
        }
        let executions = stoppable(job, id, instance, grace);
        if !executions.is_empty() {
            let cause = StopCause::TaskRequeued;
            facts.push(Fact::StopRequested {
                job: job.id,
                executions,
                cause,
                grace,
            });
        }
    }
    match facts.is_empty() {
        true => Err(wrong_task_state(job, id, instance, "queued again")),
        false => Ok(facts),
    }
}

// ---- time ----

/// What is due by now, oldest first; each timer goes with what it causes.
fn due(state: &State, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut ending = std::collections::BTreeSet::new();
    for &(_, timer) in state.timers.range(..=(now, Timer::Purge(JobId(u32::MAX)))) {
        match timer {
            Timer::JobRuntime(id) => {
                let job = &state.jobs[&id];
                let closing = Closing {
                    then: Then::Canceled,
                    cause: StopCause::JobRuntimeExpired,
                    grace: state.parameters.task_cancel_grace,
                    release: true,
                    told: false,
                };
                let limit = job.spec.runtime.unwrap_or_default();
                let error = Some(JobError::RuntimeExpired { limit });
                facts.push(Fact::JobEnding {
                    job: id,
                    closing,
                    error,
                });
                ending.insert(id);
            }
            // All that its job runs is stopped in any case.
            Timer::TaskRuntime(execution) if ending.contains(&execution.job) => {}
            Timer::TaskRuntime(execution) => facts.push(Fact::StopRequested {
                job: execution.job,
                executions: vec![execution],
                cause: StopCause::RuntimeExpired,
                grace: state.parameters.task_cancel_grace,
            }),
            Timer::Hold(job) if !ending.contains(&job) => {
                facts.push(Fact::HoldSet { job, until: None });
            }
            Timer::Hold(_) => {}
            Timer::Purge(job) => facts.push(Fact::JobPurged { job }),
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeSpec;

    #[test]
    fn ids_run_out_before_they_are_used_again() {
        let state = State {
            last_job: u32::MAX,
            last_node: u32::MAX,
            ..State::new()
        };
        let job = Command::AddJob {
            by: Actor::administrator("root"),
            spec: Arc::default(),
            tasks: Vec::new(),
        };
        let refused = decide(&state, &job, Timestamp(0));
        assert_eq!(refused, Err(Rejection::NoIdsLeft("job")));
        let node = Command::AddNode(NodeSpec {
            name: "n1".into(),
            cores: 1,
            sockets: 1,
            gpus: 0,
            memory_mb: 0,
        });
        let refused = decide(&state, &node, Timestamp(0));
        assert_eq!(refused, Err(Rejection::NoIdsLeft("node")));
    }
}
