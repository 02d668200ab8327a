//! What the answers of job filters come to. Anything may stand in them: a guest wrote it, and it may come late.

use std::sync::Arc;

use super::Facts;
use crate::few::FewSet;
use crate::filter::{
    Activation, Change, Deferral, FilterAnswer, FilterFault, Screening, Stage, changed,
};
use crate::limits::{
    ACTIVATION_AGAIN_SECONDS, FILTER_CHANGES_MAX, FILTER_TEXT_BYTES_MAX, HOLD_SECONDS_MAX,
};
use crate::{
    Closing, Fact, FilterEnd, Job, JobError, NodeState, Phase, Rejection, Span, State, StopCause,
    TaskId, TaskSpec, Then, Timestamp, proposal, validate,
};

/// The answer to a question that is still open.
pub(super) fn answer(state: &State, question: u64, answer: &FilterAnswer, now: Timestamp) -> Facts {
    let stale = Rejection::StaleAnswer(question);
    if let Some(revert) = state.reverts.get(&question) {
        // A filter that fails at it is not asked again: it would fail again.
        let job = revert.job;
        return Ok(vec![Fact::RevertEnded { job, question }]);
    }
    let job = state.questions.get(&question).and_then(|&id| state.job(id));
    let job = job.ok_or(stale.clone())?;
    match (&job.phase, &job.activation) {
        (Phase::External(screening), _) => submission(job, screening, answer).ok_or(stale),
        (_, Some(activation)) => activated(state, job, activation, answer, now).ok_or(stale),
        (_, None) => Err(stale),
    }
}

// ---- submission: J5, J6 ----

fn submission(job: &Job, screening: &Screening, answer: &FilterAnswer) -> Option<Vec<Fact>> {
    let reject = |how, text: &str| {
        let error = JobError::SubmissionFilter {
            filter: screening.filter().into(),
            how,
            text: cut(text),
        };
        Some(vec![Fact::JobRejected { job: job.id, error }])
    };
    match answer {
        FilterAnswer::Accept(changes) => match with_changes(job, changes) {
            Ok(mut facts) => {
                facts.push(Fact::FilterPassed { job: job.id });
                Some(facts)
            }
            Err(text) => reject(FilterEnd::InvalidChange, &text),
        },
        FilterAnswer::Reject(text) => reject(FilterEnd::Rejected, text),
        FilterAnswer::Fault(FilterFault::Missing, text) => reject(FilterEnd::Missing, text),
        FilterAnswer::Fault(FilterFault::Late, text) => reject(FilterEnd::Late, text),
        FilterAnswer::Fault(FilterFault::Failed, text) => reject(FilterEnd::Failed, text),
        FilterAnswer::Start
        | FilterAnswer::HoldQueue(_)
        | FilterAnswer::Keep(_)
        | FilterAnswer::Hold(..)
        | FilterAnswer::Fail(_)
        | FilterAnswer::Reverted => None,
    }
}

/// What a filter's changes come to; what they would make of the job must be a job. Template and cluster are asked afterwards.
fn with_changes(job: &Job, changes: &[Change]) -> Result<Vec<Fact>, String> {
    if changes.len() > FILTER_CHANGES_MAX {
        let count = changes.len();
        return Err(format!(
            "{count} changes; at most {FILTER_CHANGES_MAX} are made"
        ));
    }
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let tasks: Vec<Arc<TaskSpec>> = job.tasks.iter().map(|task| task.spec.clone()).collect();
    let (spec, changed) = changed(&job.spec, &tasks, changes).map_err(|bad| bad.to_string())?;
    validate::check_form(&spec, &changed).map_err(|invalid| invalid.to_string())?;
    let mut facts = Vec::new();
    if spec != job.spec {
        facts.push(Fact::JobModified { job: job.id, spec });
    }
    let differ = (1..).map(TaskId).zip(tasks.iter().zip(changed));
    facts.extend(
        differ
            .filter(|(_, (old, new))| *old != new)
            .map(|(task, (_, spec))| Fact::TaskModified {
                job: job.id,
                task,
                spec,
            }),
    );
    Ok(facts)
}

// ---- activation: J9, J26 ----

fn activated(
    state: &State,
    job: &Job,
    activation: &Activation,
    answer: &FilterAnswer,
    now: Timestamp,
) -> Option<Vec<Fact>> {
    let grows = job.phase == Phase::Running;
    let soon = now + Span::from_secs(ACTIVATION_AGAIN_SECONDS);
    let defer = |how, until, text: &str| {
        // For a running job HPC Pack knows two answers: what is not yes leaves it as it is.
        let how = if grows { Deferral::NotGrown } else { how };
        Fact::ActivationDeferred {
            job: job.id,
            how,
            until,
            said: cut(text),
        }
    };
    Some(vec![match answer {
        FilterAnswer::Start => passed(state, job, activation),
        FilterAnswer::HoldQueue(text) => defer(Deferral::QueueHeld, soon, text),
        FilterAnswer::Keep(text) => defer(Deferral::Kept, soon, text),
        FilterAnswer::Hold(..) if grows => defer(Deferral::NotGrown, soon, ""),
        FilterAnswer::Hold(until, text) => {
            let until = until.filter(|at| is_hold(*at, now));
            defer(
                Deferral::Held,
                until.unwrap_or(default_hold(state, now)),
                text,
            )
        }
        FilterAnswer::Fail(text) if grows => defer(Deferral::NotGrown, soon, text),
        FilterAnswer::Fail(text) => failed(job, activation, text),
        FilterAnswer::Fault(_, text) => defer(Deferral::Held, default_hold(state, now), text),
        FilterAnswer::Accept(_) | FilterAnswer::Reject(_) | FilterAnswer::Reverted => return None,
    }])
}

fn is_hold(at: Timestamp, now: Timestamp) -> bool {
    at > now && at.since(now) <= Span::from_secs(HOLD_SECONDS_MAX)
}

/// Not at once, whatever the parameter says: the filter would be asked without end.
fn default_hold(state: &State, now: Timestamp) -> Timestamp {
    let least = Span::from_secs(ACTIVATION_AGAIN_SECONDS);
    now + state.parameters.default_hold.max(least)
}

fn failed(job: &Job, activation: &Activation, text: &str) -> Fact {
    let error = JobError::ActivationFilter {
        filter: activation.asked().unwrap_or_default().into(),
        text: cut(text),
    };
    let closing = Closing {
        then: Then::Failed,
        cause: StopCause::JobFailed,
        grace: Some(Span::ZERO),
        release: true,
        told: false,
    };
    Fact::JobEnding {
        job: job.id,
        closing,
        error: Some(error),
    }
}

/// One more filter has said yes: the next is asked, or the job gets what is kept for it, if that can still be.
fn passed(state: &State, job: &Job, activation: &Activation) -> Fact {
    let at = match activation.stage {
        Stage::Asked { filter, .. } => filter,
        Stage::Kept { .. } | Stage::Waiting { .. } | Stage::Held => 0,
    };
    let (id, grants) = (job.id, activation.grants.clone());
    if !still_fits(state, job, activation) {
        return Fact::ActivationDropped { job: id };
    }
    if (at as usize + 1) < activation.filters.len() {
        let filter = at + 1;
        return Fact::ActivationAsked { job: id, filter };
    }
    match job.phase == Phase::Running {
        true => Fact::JobGrown { job: id, grants },
        false => Fact::JobStarted { job: id, grants },
    }
}

/// Whether what was to be given can still be: nodes, groups, limits and others of the queue may have changed since it was proposed.
fn still_fits(state: &State, job: &Job, activation: &Activation) -> bool {
    let usable = |node| {
        let online = state
            .node(node)
            .is_some_and(|n| n.state == NodeState::Online);
        let share = job.shares.get(&node);
        online && state.is_candidate(job, node) && !share.is_some_and(|s| s.phase.is_leaving())
    };
    let nodes: FewSet<_> = activation.grants.iter().map(|grant| grant.node).collect();
    let units = state.units_held(job) + state.units_of_grants(job, &activation.grants);
    let allowed = match job.phase == Phase::Running {
        true => !job.is_draining() && state.parameters.automatic_growth && job.spec.can_grow,
        false => job.may_start() && state.held_up_by(job).is_none(),
    };
    allowed
        && nodes.iter().all(|&node| usable(node))
        && (units <= job.max || job.spec.exclusive)
        && proposal::is_uniform(state, job, &nodes)
        && (job.phase == Phase::Running || {
            let units = |node| state.units_granted(job, node, &activation.grants);
            state.unmet(job, units).is_none()
        })
}

/// What is due of an activation by itself.
pub(super) fn due(job: &Job) -> Option<Fact> {
    let activation = job.activation.as_ref()?;
    let job = job.id;
    match activation.stage {
        Stage::Kept { .. } => Some(Fact::ActivationAsked { job, filter: 0 }),
        Stage::Waiting { .. } if activation.blocks => Some(Fact::ActivationDue { job }),
        Stage::Waiting { .. } => Some(Fact::ActivationDropped { job }),
        Stage::Asked { .. } | Stage::Held => None,
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(FILTER_TEXT_BYTES_MAX)].to_string()
}
