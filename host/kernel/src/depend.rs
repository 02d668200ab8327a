//! Which task waits for which: dependencies between the names of tasks, kept as instances end. Called by `apply` alone.
//!
//! Tasks of one name are a group, and dependencies go from task to group: their number follows the job's text, not the
//! product of the groups' sizes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Job, Outcome, Task, TaskSpec};

/// The tasks of one name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Tasks of it that have not ended.
    open: u32,
    /// One of it has ended other than finished.
    bad: bool,
    /// Tasks that depend on it, by index.
    dependents: Vec<u32>,
}

/// Computes what follows from dependencies and instances: who waits for whom, what is ready, what could be used.
pub(crate) fn relink(job: &mut Job) {
    job.groups.clear();
    job.doomed.clear();
    for task in &mut job.tasks {
        (task.waiting_for, task.parent_failed, task.group) = (0, false, None);
    }
    if job.tasks.iter().any(|t| !t.spec.depends_on.is_empty()) {
        link(job);
    }
    job.ready.clear();
    job.open_units = 0;
    for (index, task) in job.tasks.iter().enumerate() {
        if !task.spec.kind.is_ordinary() {
            continue;
        }
        let ready = task.waiting_for == 0 && !task.queued.is_empty() && !task.draft;
        let queued = if ready { task.queued_units() } else { 0 };
        job.open_units += task.runs.len() as u64 * u64::from(task.spec.max) + queued;
        if ready {
            job.ready.insert(index as u32);
        }
    }
}

fn link(job: &mut Job) {
    let specs: Vec<Arc<TaskSpec>> = job.tasks.iter().map(|t| t.spec.clone()).collect();
    let mut by_name: BTreeMap<&str, u32> = BTreeMap::new();
    for (task, spec) in job.tasks.iter_mut().zip(&specs) {
        task.group = (spec.kind.is_ordinary() && !spec.name.is_empty()).then(|| {
            *by_name.entry(&spec.name).or_insert_with(|| {
                job.groups.push(Group::default());
                job.groups.len() as u32 - 1
            })
        });
        if let Some(group) = task.group {
            let group = &mut job.groups[group as usize];
            group.open += u32::from(!task.is_ended());
            group.bad |= ended_badly(task);
        }
    }
    for (index, spec) in specs.iter().enumerate() {
        for name in &spec.depends_on {
            let Some(&group) = by_name.get(name.as_str()) else {
                continue;
            };
            let group = &mut job.groups[group as usize];
            let task = &mut job.tasks[index];
            group.dependents.push(index as u32);
            task.waiting_for += u32::from(group.open > 0);
            task.parent_failed |= group.bad;
        }
        doom(job, index as u32);
    }
}

fn ended_badly(task: &Task) -> bool {
    let good = |outcome: &Outcome| matches!(outcome, Outcome::Finished { .. });
    task.is_ended() && !task.outcomes.keys().all(good)
}

/// Notes that a task is to be failed, if a task that it depends on was and the job wants it so.
pub(crate) fn doom(job: &mut Job, index: u32) {
    let task = &job.tasks[index as usize];
    if job.spec.fail_dependent_tasks && task.parent_failed && !task.queued.is_empty() && !task.draft
    {
        job.doomed.insert(index);
    }
}

/// The last instance of a task has ended: those that wait for it may run, or fail with it.
pub(crate) fn task_ended(job: &mut Job, index: usize) {
    let task = &job.tasks[index];
    let Some(group) = task.group else { return };
    let bad = ended_badly(task);
    let group = &mut job.groups[group as usize];
    group.open -= 1;
    let done = group.open == 0;
    let turned_bad = bad && !group.bad;
    group.bad |= bad;
    if !done && !turned_bad {
        return;
    }
    let at = job.tasks[index].group.map_or(0, |g| g as usize);
    let dependents = std::mem::take(&mut job.groups[at].dependents);
    for &next in &dependents {
        let task = &mut job.tasks[next as usize];
        if done {
            task.waiting_for -= 1;
            if task.waiting_for == 0 && !task.queued.is_empty() && !task.draft {
                job.ready.insert(next);
                job.open_units += task.queued_units();
            }
        }
        if turned_bad {
            task.parent_failed = true;
            doom(job, next);
        }
    }
    job.groups[at].dependents = dependents;
}
