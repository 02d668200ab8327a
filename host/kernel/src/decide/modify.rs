//! What becomes of a job's own description: modified, cloned, deleted, purged. Its tasks are in `added.rs`.
//!
//! What may change when (reference 4.6): everything while the job is configured; a few properties while it is queued or runs; a
//! failed or canceled job is configured first, by the change itself; a finished one never changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Facts;
use super::cluster::template;
use super::nodes::leave_nodes;
use super::roles::{may_add, may_administer};
use crate::parents::purge;
use crate::{
    Actor, Fact, Job, JobId, JobKind, JobSpec, JobState, Phase, Rejection, Role, Selector, State,
    Then, Timestamp, validate,
};

pub(super) fn clone_job(state: &State, by: &Actor, job: &Job) -> Facts {
    let spec = JobSpec {
        owner: by.name.clone(),
        hold_until: None,
        progress: None,
        progress_message: String::new(),
        ..(*job.spec).clone()
    };
    let tasks: Vec<_> = job.tasks.iter().map(|task| task.spec.clone()).collect();
    super::jobs::add_job(state, by, &Arc::new(spec), &tasks)
}

pub(super) fn delete_job(job: &Job) -> Facts {
    match job.times.submitted {
        None if job.phase == Phase::Configuring => Ok(vec![Fact::JobDeleted { job: job.id }]),
        _ => Err(Rejection::JobDeletionForbidden { job: job.id }),
    }
}

pub(super) fn purge_job(state: &State, by: &Actor, id: JobId) -> Facts {
    may_administer(by, "purge jobs")?;
    let job = state.job(id).ok_or(Rejection::UnknownJob(id))?;
    match job.phase {
        Phase::Ended(_) => {
            let mut facts = Vec::new();
            purge(state, id, &mut BTreeSet::new(), &mut facts);
            Ok(facts)
        }
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Queued
        | Phase::Running
        | Phase::Ending(_) => Err(Rejection::InvalidJobState {
            job: id,
            what: "purged",
            state: job.state(),
            hint: "; only an ended job can",
        }),
    }
}

pub(super) fn purge_jobs(state: &State, by: &Actor, ended_before: Timestamp) -> Facts {
    may_administer(by, "purge jobs")?;
    let old = |job: &&Job| {
        matches!(job.phase, Phase::Ended(_)) && job.times.ended.is_some_and(|at| at < ended_before)
    };
    let mut facts = Vec::new();
    let mut ending = BTreeSet::new();
    for job in state.jobs().filter(old) {
        purge(state, job.id, &mut ending, &mut facts);
    }
    Ok(facts)
}

pub(super) fn modify_job(state: &State, by: &Actor, job: &Job, spec: &Arc<JobSpec>) -> Facts {
    let mut spec = spec.clone();
    if spec.owner.is_empty() {
        Arc::make_mut(&mut spec).owner = job.spec.owner.clone();
    }
    let refuse = |property, hint| {
        Err(Rejection::InvalidModify {
            job: job.id,
            property,
            state: job.state(),
            hint,
        })
    };
    if spec.template.is_empty() {
        Arc::make_mut(&mut spec).template = job.spec.template.clone();
    }
    if spec.pool != job.spec.pool {
        Arc::make_mut(&mut spec).pool = job.spec.pool.clone();
    }
    if spec.kind != job.spec.kind {
        return refuse("kind", "; a job is what it was added as");
    }
    if spec.owner != job.spec.owner {
        may_add(by, &spec)?;
    }
    let mut facts = Vec::new();
    match job.phase {
        Phase::Configuring => {}
        Phase::Queued => {
            if let Some(property) = fixed(&job.spec, &spec, Stage::Queued) {
                return refuse(property, "; configure it first");
            }
            validate::check_target(spec.target, Some(job.min), Some(job.max))?;
        }
        Phase::Running => {
            if let Some(property) = fixed(&job.spec, &spec, Stage::Running) {
                return refuse(property, "");
            }
            validate::check_target(spec.target, Some(job.min), Some(job.max))?;
            if spec.runtime != job.spec.runtime && job.backfilled {
                return refuse("run-time limit", " before a job that waits for its nodes");
            }
        }
        Phase::Ending(_) => {
            if let Some(property) = fixed(&job.spec, &spec, Stage::Ending) {
                return refuse(property, "");
            }
        }
        Phase::Ended(Then::Failed | Then::Canceled) => {
            facts.push(Fact::JobConfigured { job: job.id });
        }
        Phase::Ended(Then::Finished | Then::Queued) => return refuse("description", "; clone it"),
        Phase::Submitted | Phase::External(_) | Phase::Validating => {
            return refuse("description", "");
        }
    }
    if spec == job.spec {
        return Ok(facts);
    }
    let tasks: Vec<_> = job.tasks.iter().map(|task| task.spec.clone()).collect();
    let template = template(state, by, &spec)?;
    let in_queue = match job.phase {
        Phase::Configuring | Phase::Ended(_) => false,
        Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Queued
        | Phase::Running
        | Phase::Ending(_) => true,
    };
    let another = !spec.template.eq_ignore_ascii_case(&job.spec.template);
    if !template.rules.is_empty() && !in_queue {
        template.fill(Arc::make_mut(&mut spec), another);
    }
    if (another || !in_queue) && spec.pool != template.pool {
        Arc::make_mut(&mut spec).pool.clone_from(&template.pool);
    }
    validate::check_form(&spec, &tasks)?;
    // Past what the template allows, a job in the queue is raised by an administrator.
    if !(in_queue && by.is(Role::Administrator)) {
        template.allows(&spec)?;
    }
    if spec == job.spec {
        return Ok(facts);
    }
    let elsewhere = spec.excluded_nodes != job.spec.excluded_nodes;
    facts.push(Fact::JobModified {
        job: job.id,
        spec: spec.clone(),
    });
    if !elsewhere {
        return Ok(facts);
    }
    let stays = job.spec.kind == JobKind::Command;
    match job.phase {
        Phase::Queued | Phase::Running if stays => {
            return refuse("excluded nodes", "; it is a command job");
        }
        Phase::Queued => {
            let checked = validate::check_any_job(state, &spec, &tasks)?;
            facts.push(Fact::JobValidated {
                job: job.id,
                min: checked.min,
                max: checked.max,
            });
        }
        Phase::Running => {
            validate::check_any_job(state, &spec, &tasks)?;
            facts.extend(leave_excluded(state, job, &spec)?);
        }
        // Its nodes are on their way back already; excluded ones count when it is queued again.
        Phase::Ending(closing) if closing.then == Then::Queued => {
            validate::check_any_job(state, &spec, &tasks)?;
        }
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Ending(_)
        | Phase::Ended(_) => {}
    }
    Ok(facts)
}

/// Where a job is, as far as it matters for what may change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    Running,
    Ending,
}

/// A property that differs and may not change at this stage.
fn fixed(old: &JobSpec, new: &JobSpec, stage: Stage) -> Option<&'static str> {
    let mut rest = new.clone();
    // At every stage.
    rest.excluded_nodes.clone_from(&old.excluded_nodes);
    if stage != Stage::Ending {
        rest.owner.clone_from(&old.owner);
        rest.name.clone_from(&old.name);
        rest.project.clone_from(&old.project);
        rest.environment.clone_from(&old.environment);
        rest.custom_properties.clone_from(&old.custom_properties);
        rest.given.clone_from(&old.given);
        rest.priority = old.priority;
        rest.runtime = old.runtime;
        rest.hold_until = old.hold_until;
        rest.target = old.target;
        rest.notify_on_start = old.notify_on_start;
        rest.notify_on_completion = old.notify_on_completion;
        rest.email.clone_from(&old.email);
        rest.progress = old.progress;
        rest.progress_message.clone_from(&old.progress_message);
    }
    if stage == Stage::Running {
        rest.template.clone_from(&old.template);
        rest.run_until_canceled = old.run_until_canceled;
    }
    if rest == *old {
        return None;
    }
    let named = [
        ("unit", rest.unit != old.unit),
        ("minimum", rest.min != old.min),
        ("maximum", rest.max != old.max),
        (
            "requested nodes",
            rest.requested_nodes != old.requested_nodes,
        ),
        (
            "run-until-canceled",
            rest.run_until_canceled != old.run_until_canceled,
        ),
        ("template", rest.template != old.template),
        ("name", rest.name != old.name),
        ("priority", rest.priority != old.priority),
        ("run-time limit", rest.runtime != old.runtime),
    ];
    let differs = named.iter().find(|(_, differs)| *differs);
    Some(differs.map_or("description", |(name, _)| name))
}

/// A running job leaves the nodes that it may not use any more, unless too little would be left.
fn leave_excluded(state: &State, job: &Job, spec: &JobSpec) -> Facts {
    let selector = Selector::of(spec);
    let may_use = |node| {
        let node = state.node(node);
        node.is_some_and(|node| selector.allows(&node.spec))
    };
    let mut left = BTreeSet::new();
    let mut kept = 0;
    for (&node, share) in &job.shares {
        match share.phase.is_leaving() {
            true => {}
            false if may_use(node) => kept += state.units_of_share(job, node, share),
            false => drop(left.insert(node)),
        }
    }
    if !left.is_empty() && kept < job.min {
        return Err(Rejection::ExcludesTooMuch {
            job: job.id,
            unit: job.spec.unit,
            min: job.min,
            units: kept,
        });
    }
    Ok(leave_nodes(job, &left, state.parameters.task_cancel_grace))
}

/// From Queued, Failed and Canceled; a Finished job cannot change.
pub(super) fn configure_job(job: &Job) -> Facts {
    let wrong = |hint| {
        Err(Rejection::InvalidJobState {
            job: job.id,
            what: "configured",
            state: job.state(),
            hint,
        })
    };
    match job.state() {
        JobState::Queued | JobState::Failed | JobState::Canceled => {
            Ok(vec![Fact::JobConfigured { job: job.id }])
        }
        JobState::Finished => wrong("; clone it"),
        JobState::Configuring
        | JobState::Submitted
        | JobState::Validating
        | JobState::ExternalValidation
        | JobState::Running
        | JobState::Finishing
        | JobState::Canceling => wrong("; cancel it first"),
    }
}
