//! What is asked of one task or instance: cancel, finish, requeue.

use super::Facts;
use crate::apply::index;
use crate::{
    CancelCause, Execution, Fact, Job, Phase, Rejection, Span, StopCause, Task, TaskId, TaskState,
};

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
pub(super) fn cancel_task(job: &Job, id: TaskId, instance: Option<u32>, grace: Span) -> Facts {
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

pub(super) fn finish_task(job: &Job, id: TaskId, instance: Option<u32>, grace: Span) -> Facts {
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
pub(super) fn requeue_task(job: &Job, id: TaskId, instance: Option<u32>, grace: Span) -> Facts {
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
