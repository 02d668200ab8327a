//! What is asked of a job as a whole: add, submit, configure, cancel, finish, requeue, hold.

use std::sync::Arc;

use super::Facts;
use super::cluster::template;
use super::roles::{Right, may, may_add};
use crate::limits::{CANCEL_MESSAGE_CHARS_MAX, HOLD_SECONDS_MAX};
use crate::{
    Actor, Closing, Fact, HeldBy, Job, JobError, JobId, JobSpec, JobState, Manner, Phase,
    Rejection, Span, State, StopCause, TaskKind, TaskSpec, Template, Then, Timestamp, validate,
};

pub(super) fn add_job(
    state: &State,
    by: &Actor,
    spec: &Arc<JobSpec>,
    tasks: &[Arc<TaskSpec>],
) -> Facts {
    may_add(by, spec)?;
    let template = template(state, by, spec)?;
    let (mut spec, mut tasks) = (spec.clone(), tasks.to_vec());
    fill(template, &mut spec, &mut tasks);
    validate::check_form(&spec, &tasks)?;
    template.allows(&spec)?;
    let job = state
        .last_job
        .checked_add(1)
        .ok_or(Rejection::NoIdsLeft("job"))?;
    if spec.owner.is_empty() {
        Arc::make_mut(&mut spec).owner = by.name.clone();
    }
    // With room for what `queue_job` adds.
    let mut facts = Vec::with_capacity(2);
    facts.push(Fact::JobAdded {
        job: JobId(job),
        spec,
        tasks,
    });
    Ok(facts)
}

pub(super) fn queue_job(
    state: &State,
    by: &Actor,
    spec: &Arc<JobSpec>,
    tasks: &[Arc<TaskSpec>],
) -> Facts {
    let mut facts = add_job(state, by, spec, tasks)?;
    let added = facts.first().and_then(Fact::job);
    facts.extend(added.map(|job| Fact::JobSubmitted { job, first: false }));
    Ok(facts)
}

/// What a template gives to a job: values, its pool, and node tasks where it has none.
fn fill(template: &Template, spec: &mut Arc<JobSpec>, tasks: &mut Vec<Arc<TaskSpec>>) {
    if !template.rules.is_empty() {
        template.fill(Arc::make_mut(spec), true);
    }
    if spec.pool != template.pool {
        Arc::make_mut(spec).pool.clone_from(&template.pool);
    }
    for (kind, task) in [
        (TaskKind::NodePrepare, &template.node_prepare),
        (TaskKind::NodeRelease, &template.node_release),
    ] {
        if let Some(task) = task
            && !tasks.is_empty()
            && tasks.iter().all(|task| task.kind != kind)
        {
            let spec = TaskSpec {
                kind,
                ..task.clone()
            };
            tasks.push(Arc::new(spec));
        }
    }
}

fn wrong_state(job: &Job, what: &'static str, hint: &'static str) -> Rejection {
    Rejection::InvalidJobState {
        job: job.id,
        what,
        state: job.state(),
        hint,
    }
}

pub(super) fn submit_job(job: &Job) -> Facts {
    match job.phase {
        Phase::Configuring => Ok(vec![Fact::JobSubmitted {
            job: job.id,
            first: false,
        }]),
        Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Queued
        | Phase::Running
        | Phase::Ending(_)
        | Phase::Ended(_) => Err(wrong_state(
            job,
            "submitted",
            "; only a job that is being configured can",
        )),
    }
}

pub(super) fn check_message(message: &str) -> Result<(), Rejection> {
    match message.chars().count() {
        chars if chars > CANCEL_MESSAGE_CHARS_MAX => Err(Rejection::MessageTooLong {
            chars,
            max: CANCEL_MESSAGE_CHARS_MAX,
        }),
        _ => Ok(()),
    }
}

/// `IScheduler::CancelJob_2`; the message is checked first, since a longer one changes nothing.
pub(super) fn cancel_job(
    state: &State,
    by: &Actor,
    id: JobId,
    message: &str,
    how: Manner,
) -> Facts {
    check_message(message)?;
    let job = may(state, by, id, "cancel", Right::Operate)?;
    let error = Some(JobError::CanceledByUser {
        by: by.name.clone(),
        message: message.into(),
    });
    let closing = Closing {
        then: Then::Canceled,
        cause: StopCause::JobCanceled,
        grace: grace(state, how),
        release: how != Manner::Forced,
        told: false,
    };
    let ending = Ok(vec![Fact::JobEnding {
        job: id,
        closing,
        error,
    }]);
    match &job.phase {
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Queued
        | Phase::Running => ending,
        // On its way back into the queue: any cancel still counts.
        Phase::Ending(Closing {
            then: Then::Queued, ..
        }) => ending,
        // Escalation: what was asked for gently is done at once.
        Phase::Ending(closing) if how > manner(closing) => ending,
        Phase::Ending(_) | Phase::Ended(_) => Err(Rejection::InvalidCancelJobState {
            job: id,
            state: job.state(),
        }),
    }
}

/// How a job is being ended already.
fn manner(closing: &Closing) -> Manner {
    match (closing.grace, closing.release) {
        (_, false) => Manner::Forced,
        (Some(_), true) => Manner::Normal,
        (None, true) => Manner::Graceful,
    }
}

fn grace(state: &State, how: Manner) -> Option<Span> {
    match how {
        Manner::Graceful => None,
        Manner::Normal => Some(state.parameters.task_cancel_grace),
        Manner::Forced => Some(Span::ZERO),
    }
}

/// From Queued and Running; what was finished gracefully can be finished at once.
pub(super) fn finish_job(
    state: &State,
    by: &Actor,
    job: &Job,
    message: &str,
    graceful: bool,
) -> Facts {
    let how = if graceful {
        Manner::Graceful
    } else {
        Manner::Normal
    };
    let closing = Closing {
        then: Then::Finished,
        cause: StopCause::JobFinished,
        grace: grace(state, how),
        release: true,
        told: false,
    };
    let error = Some(JobError::FinishedByUser {
        by: by.name.clone(),
        message: message.into(),
    });
    let ending = Ok(vec![Fact::JobEnding {
        job: job.id,
        closing,
        error,
    }]);
    match &job.phase {
        Phase::Queued | Phase::Running => ending,
        Phase::Ending(closing) if closing.then == Then::Finished && how > manner(closing) => ending,
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Ending(_)
        | Phase::Ended(_) => Err(wrong_state(
            job,
            "finished",
            "; only a queued or running job can",
        )),
    }
}

/// From Running, Failed and Canceled.
pub(super) fn requeue_job(state: &State, job: &Job) -> Facts {
    match job.state() {
        JobState::Running => {
            let closing = Closing {
                then: Then::Queued,
                cause: StopCause::JobRequeued,
                grace: Some(state.parameters.task_cancel_grace),
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

pub(super) fn hold_job(by: &Actor, job: &Job, until: Option<Timestamp>, now: Timestamp) -> Facts {
    match job.phase {
        Phase::Queued | Phase::Running => {}
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Ending(_)
        | Phase::Ended(_) => {
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
    let change = Fact::HoldSet {
        job: job.id,
        until,
        by: match job.spec.owner == by.name {
            true => HeldBy::User,
            false => HeldBy::Administrator,
        },
    };
    Ok(if job.hold_until == until {
        Vec::new()
    } else {
        vec![change]
    })
}
