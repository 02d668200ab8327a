//! Tasks of a job that is there already: added, submitted, taken back to be edited, modified.
//!
//! In a job that is in the queue or runs, such a task is a draft until it is submitted: it does not run, others wait for it, and the
//! job does not wait for it: when the job ends, it is canceled with it.

use std::sync::Arc;

use super::Facts;
use crate::apply::index;
use crate::{
    Fact, Job, Outcome, Phase, Rejection, State, TaskId, TaskKind, TaskSpec, Then, validate,
};

pub(super) fn add_tasks(state: &State, job: &Job, tasks: &[Arc<TaskSpec>], submit: bool) -> Facts {
    let mut facts = Vec::new();
    let in_queue = match job.phase {
        Phase::Configuring => false,
        Phase::Queued | Phase::Running => true,
        Phase::Ended(Then::Failed | Then::Canceled) => {
            facts.push(Fact::JobConfigured { job: job.id });
            false
        }
        Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Ending(_)
        | Phase::Ended(Then::Finished | Then::Queued) => {
            return Err(Rejection::InvalidJobState {
                job: job.id,
                what: "given more tasks",
                state: job.state(),
                hint: "",
            });
        }
    };
    let fixed = |task: &TaskSpec| !task.kind.is_ordinary() || task.kind == TaskKind::Service;
    if in_queue && tasks.iter().any(|task| fixed(task)) {
        return Err(Rejection::TaskRule {
            job: job.id,
            what: "services, node prepare and node release tasks can be added only before it is submitted",
        });
    }
    if tasks.is_empty() {
        return Ok(facts);
    }
    let mut all = specs(job);
    all.extend(tasks.iter().cloned());
    validate::check_form(&job.spec, &all)?;
    facts.push(Fact::TasksAdded {
        job: job.id,
        first: TaskId(job.tasks.len() as u32 + 1),
        tasks: tasks.to_vec(),
    });
    if submit && in_queue {
        let first = job.tasks.len() as u32 + 1;
        let ids: Vec<_> = (first..first + tasks.len() as u32).map(TaskId).collect();
        facts.extend(submitted(state, job, &all, &ids)?);
    }
    Ok(facts)
}

pub(super) fn submit_task(state: &State, job: &Job, id: TaskId) -> Facts {
    let task = job.task(id).ok_or(Rejection::UnknownTask {
        job: job.id,
        task: id,
    })?;
    if !task.draft {
        return Err(Rejection::InvalidTaskState {
            job: job.id,
            task: id,
            what: "submitted",
            state: task.state(job.phase == Phase::Configuring),
        });
    }
    submitted(state, job, &specs(job), &[id])
}

/// What follows when these tasks may run too: a queued job is validated again, a running one must have room for each.
fn submitted(state: &State, job: &Job, all: &[Arc<TaskSpec>], ids: &[TaskId]) -> Facts {
    let submits = |id: usize| ids.iter().any(|&task| index(task) == id);
    let runs = |at: usize| submits(at) || job.tasks.get(at).is_some_and(|task| !task.draft);
    let tasks: Vec<_> = all
        .iter()
        .enumerate()
        .filter(|&(at, _)| runs(at))
        .map(|(_, spec)| spec.clone())
        .collect();
    let checked = validate::check_any_job(state, &job.spec, &tasks);
    let mut facts: Vec<Fact> = ids
        .iter()
        .map(|&task| Fact::TaskSubmitted { job: job.id, task })
        .collect();
    if job.phase == Phase::Queued {
        let checked = checked?;
        facts.push(Fact::JobValidated {
            job: job.id,
            min: checked.min,
            max: checked.max,
        });
        return Ok(facts);
    }
    for &task in ids {
        let needs = all[index(task)].min;
        if needs > job.min {
            return Err(Rejection::TaskAboveRunningJob {
                unit: job.spec.unit,
                job: job.id,
                task,
                needs,
                min: job.min,
            });
        }
        check_held(state, job, task, &all[index(task)])?;
    }
    // The minimum of a running job stays; what it may be given at most grows with its tasks.
    if let Ok(checked) = checked
        && job.spec.max.is_none()
        && checked.max > job.max
    {
        facts.push(Fact::MaximumChanged {
            job: job.id,
            max: checked.max,
        });
    }
    Ok(facts)
}

/// A running job has, and keeps, what a task needs of certain nodes.
fn check_held(state: &State, job: &Job, task: TaskId, spec: &TaskSpec) -> Result<(), Rejection> {
    let held = |node: &crate::Node| {
        let share = job.shares.get(&node.id);
        let stays = share.filter(|share| !share.phase.is_leaving());
        stays.map_or(0, |share| state.units_of_share(job, node.id, share))
    };
    let command = job.spec.kind == crate::JobKind::Command;
    for name in &spec.required_nodes {
        let node = state.node_by_name(name);
        let there = node.is_some_and(|n| held(n) > 0 || command && job.shares.contains_key(&n.id));
        if !there {
            let (task, node) = (task.0, name.clone());
            return Err(crate::Invalid::RequiredNotAllocated { task, node }.into());
        }
    }
    if let Some(group) = spec.node_group.as_ref().filter(|_| !command) {
        let nodes = state.nodes().filter(|n| n.spec.groups.contains(group));
        let units: u64 = nodes.map(|node| u64::from(held(node))).sum();
        if units < u64::from(spec.min) {
            return Err(crate::Invalid::TaskGroupTooSmall {
                unit: job.spec.unit,
                task: task.0,
                group: group.clone(),
                min: spec.min,
                units,
            }
            .into());
        }
    }
    Ok(())
}

/// From Queued, Failed and Canceled, as long as nothing of it runs; not where everything of it has finished.
pub(super) fn configure_task(job: &Job, id: TaskId) -> Facts {
    let task = job.task(id).ok_or(Rejection::UnknownTask {
        job: job.id,
        task: id,
    })?;
    if !task.spec.kind.is_ordinary() {
        return Err(Rejection::NotForNodeTasks {
            job: job.id,
            task: id,
            what: "configured",
        });
    }
    if task.spec.kind == TaskKind::Service {
        return Err(Rejection::ServiceRule {
            job: job.id,
            task: id,
            service: true,
            what: "configured by itself",
        });
    }
    let in_queue = match job.phase {
        Phase::Queued | Phase::Running => true,
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Ending(_)
        | Phase::Ended(_) => false,
    };
    let finished = |outcome: &Outcome| matches!(outcome, Outcome::Finished { .. });
    let others = job.counts.queued + job.counts.running - task.queued.len().min(job.counts.queued);
    if in_queue && !task.draft && others == 0 && !job.spec.run_until_canceled {
        return Err(Rejection::TaskRule {
            job: job.id,
            what: "it has nothing else to run, and would end; configure the job instead",
        });
    }
    let nothing_left = task.queued.is_empty() && task.outcomes.keys().all(finished);
    match in_queue && task.runs.is_empty() && !nothing_left && !task.draft {
        true => Ok(vec![Fact::TaskConfigured {
            job: job.id,
            task: id,
        }]),
        false => Err(Rejection::InvalidTaskState {
            job: job.id,
            task: id,
            what: "configured",
            state: task.state(job.phase == Phase::Configuring),
        }),
    }
}

/// A task that is being configured, with its job or by itself. What it is does not change, and a sweep that has run keeps
/// its instances: an instance stands for one piece of work for ever.
pub(super) fn modify_task(job: &Job, id: TaskId, spec: &Arc<TaskSpec>) -> Facts {
    let task = job.task(id).ok_or(Rejection::UnknownTask {
        job: job.id,
        task: id,
    })?;
    if job.phase != Phase::Configuring && !task.draft {
        return Err(Rejection::InvalidTaskState {
            job: job.id,
            task: id,
            what: "modified",
            state: task.state(false),
        });
    }
    let refuse = |what| Err(Rejection::TaskRule { job: job.id, what });
    if std::mem::discriminant(&task.spec.kind) != std::mem::discriminant(&spec.kind) {
        return refuse("a task is of the kind that it was added as");
    }
    if task.spec.kind != spec.kind && task.has_run() {
        return refuse("a sweep that has run keeps its start, end and increment; add another task");
    }
    let mut all = specs(job);
    all[index(id)] = spec.clone();
    validate::check_form(&job.spec, &all)?;
    let modified = Fact::TaskModified {
        job: job.id,
        task: id,
        spec: spec.clone(),
    };
    Ok(match task.spec == *spec {
        true => Vec::new(),
        false => vec![modified],
    })
}

fn specs(job: &Job) -> Vec<Arc<TaskSpec>> {
    job.tasks.iter().map(|task| task.spec.clone()).collect()
}
