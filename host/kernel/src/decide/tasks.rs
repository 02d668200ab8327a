//! What is asked of one task or instance: cancel, finish, requeue.

use super::Facts;
use crate::apply::index;
use crate::{
    Actor, CancelCause, Execution, Fact, Job, JobKind, Phase, Rejection, Span, State, StopCause,
    Task, TaskId, TaskKind, TaskRequest, TaskState,
};

/// The task, or the one instance of it, that somebody means; it need not be there.
#[derive(Clone, Copy)]
pub(super) struct Which<'a> {
    job: &'a Job,
    task: TaskId,
    instance: Option<u32>,
}

impl<'a> Which<'a> {
    pub(super) fn new(job: &'a Job, task: TaskId, instance: Option<u32>) -> Self {
        Which {
            job,
            task,
            instance,
        }
    }

    /// The task, or why it cannot be meant.
    fn find(self, what: &'static str) -> Result<&'a Task, Rejection> {
        let (job, id) = (self.job.id, self.task);
        let task = self
            .job
            .task(id)
            .ok_or(Rejection::UnknownTask { job, task: id })?;
        if !task.spec.kind.is_ordinary() {
            return Err(Rejection::NotForNodeTasks {
                job,
                task: id,
                what,
            });
        }
        match self.instance {
            Some(n) if !task.has(n) => Err(Rejection::UnknownInstance {
                job,
                task: id,
                instance: n,
            }),
            _ => Ok(task),
        }
    }

    fn wrong_state(self, what: &'static str) -> Rejection {
        let configuring = self.job.phase == Phase::Configuring;
        let task = &self.job.tasks[index(self.task)];
        let state = self
            .instance
            .and_then(|n| task.instance_state(n, configuring))
            .unwrap_or_else(|| task.state(configuring));
        Rejection::InvalidTaskState {
            job: self.job.id,
            task: self.task,
            what,
            state,
        }
    }

    /// Runs that a stop would reach: one or all, less those that are stopped as fast already.
    fn stop(self, cause: StopCause, grace: Span) -> Option<Fact> {
        let runs = self.job.tasks[index(self.task)].runs.iter();
        let executions: Vec<Execution> = runs
            .filter(|(n, run)| {
                self.instance.is_none_or(|one| one == **n)
                    && run.stop.is_none_or(|stop| stop.grace > grace)
            })
            .map(|(&n, run)| Execution {
                job: self.job.id,
                task: self.task,
                instance: n,
                attempt: run.attempt,
            })
            .collect();
        (!executions.is_empty()).then_some(Fact::StopRequested {
            job: self.job.id,
            executions,
            cause,
            grace,
        })
    }

    /// Whether the task is a service as it should be, or should not be.
    fn service_rule(self, what: &'static str, should: bool) -> Result<(), Rejection> {
        let service = self.job.tasks[index(self.task)].spec.kind == TaskKind::Service;
        match service == should {
            true => Ok(()),
            false => Err(Rejection::ServiceRule {
                job: self.job.id,
                task: self.task,
                service,
                what,
            }),
        }
    }

    /// A service as a whole starts no more instances.
    fn conclude(self) -> Option<Fact> {
        let task = &self.job.tasks[index(self.task)];
        let open = task.spec.kind == TaskKind::Service && !task.queued.is_empty();
        (open && self.instance.is_none()).then_some(Fact::InstancesCanceled {
            job: self.job.id,
            task: self.task,
            instance: None,
            cause: CancelCause::ServiceConcluded,
        })
    }

    /// That somebody asked, and with it what comes of it; a refusal if nothing does.
    fn asked(
        self,
        by: &Actor,
        request: TaskRequest,
        message: &str,
        what: &'static str,
        effects: impl IntoIterator<Item = Fact>,
    ) -> Facts {
        let asked = Fact::TaskRequested {
            job: self.job.id,
            task: self.task,
            instance: self.instance,
            request,
            by: by.name.clone(),
            message: message.into(),
        };
        let mut facts = vec![asked];
        facts.extend(effects);
        match facts.len() {
            1 => Err(self.wrong_state(what)),
            _ => Ok(facts),
        }
    }
}

/// Running instances end Failed, waiting ones Canceled, and stay so when the job is queued again.
pub(super) fn cancel_task(
    state: &State,
    which: Which<'_>,
    by: &Actor,
    message: &str,
    forced: bool,
) -> Facts {
    let task = which.find("canceled")?;
    let ended = matches!(which.job.phase, Phase::Ended(_));
    let queued = which
        .instance
        .map_or(!task.queued.is_empty(), |n| task.queued.contains(n));
    let canceled = Fact::InstancesCanceled {
        job: which.job.id,
        task: which.task,
        instance: which.instance,
        cause: CancelCause::Explicit,
    };
    let canceled = (queued && !ended).then_some(canceled);
    let grace = match forced {
        true => Span::ZERO,
        false => state.parameters.task_cancel_grace,
    };
    let stopped = which.stop(StopCause::TaskCanceled, grace);
    let effects = canceled.into_iter().chain(stopped);
    which.asked(by, TaskRequest::Cancel, message, "canceled", effects)
}

/// What runs is stopped with grace and counts as finished.
pub(super) fn finish_task(state: &State, which: Which<'_>, by: &Actor, message: &str) -> Facts {
    which.find("finished")?;
    // While the job is being ended, its own word to what runs stands.
    let runs = match &which.job.phase {
        Phase::Running => true,
        Phase::Ending(closing) => closing.grace.is_none(),
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Queued
        | Phase::Ended(_) => false,
    };
    let concluded = runs.then(|| which.conclude()).flatten();
    let stopped = runs
        .then(|| which.stop(StopCause::TaskFinished, state.parameters.task_cancel_grace))
        .flatten();
    let effects = concluded.into_iter().chain(stopped);
    which.asked(by, TaskRequest::Finish, message, "finished", effects)
}

/// What runs is stopped and, like what failed or was canceled, queued again. Not in a job that has ended or is ending.
pub(super) fn requeue_task(state: &State, which: Which<'_>, by: &Actor) -> Facts {
    let task = which.find("queued again")?;
    which.service_rule("queued again", false)?;
    if !task.spec.rerunnable || which.job.spec.kind == JobKind::Command {
        return Err(Rejection::NotRerunnable {
            job: which.job.id,
            task: which.task,
        });
    }
    let goes_on = match which.job.phase {
        Phase::Configuring | Phase::Queued | Phase::Running => true,
        Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Ending(_)
        | Phase::Ended(_) => false,
    };
    let bad = |state| state == TaskState::Failed || state == TaskState::Canceled;
    let ended = match which.instance {
        Some(n) => task.outcome(n).is_some_and(|o| bad(o.state())),
        None => task.outcomes.keys().any(|o| bad(o.state())),
    };
    let requeued = Fact::TaskRequeued {
        job: which.job.id,
        task: which.task,
        instance: which.instance,
    };
    let requeued = (ended && goes_on).then_some(requeued);
    let stopped = goes_on
        .then(|| which.stop(StopCause::TaskRequeued, state.parameters.task_cancel_grace))
        .flatten();
    let effects = requeued.into_iter().chain(stopped);
    which.asked(by, TaskRequest::Requeue, "", "queued again", effects)
}

/// A service of a job that is queued or runs starts no more instances.
pub(super) fn conclude_service(state: &State, which: Which<'_>, by: &Actor, stop: bool) -> Facts {
    which.find("concluded")?;
    which.service_rule("concluded", true)?;
    let goes_on = match which.job.phase {
        Phase::Queued | Phase::Running => true,
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Ending(_)
        | Phase::Ended(_) => false,
    };
    let concluded = goes_on.then(|| which.conclude()).flatten();
    let grace = state.parameters.task_cancel_grace;
    let stopped = (goes_on && stop).then(|| which.stop(StopCause::ServiceConcluded, grace));
    let effects = concluded.into_iter().chain(stopped.flatten());
    which.asked(by, TaskRequest::Conclude, "", "concluded", effects)
}
