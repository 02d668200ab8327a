//! How instances of a task move between queued and ended, and what of it the job remembers. Called by `apply` alone.

use crate::depend::task_ended;
use crate::{
    CancelCause, Counts, Job, JobError, Outcome, RangeSet, Task, TaskKind, TaskState, Tries,
};

pub(crate) fn count_outcome(counts: &mut Counts, outcome: Outcome, n: u64) {
    match outcome {
        Outcome::Finished { .. } => counts.finished += n,
        Outcome::Failed { .. } => counts.failed += n,
        Outcome::Canceled { .. } => counts.canceled += n,
    }
}

/// Where instances of a task that are to run are counted.
fn waiting<'a>(counts: &'a mut Counts, task: &Task) -> &'a mut u64 {
    match task.draft {
        true => &mut counts.configuring,
        false => &mut counts.queued,
    }
}

/// Takes a task out of what may run, or puts it there. Call `relink` afterwards.
pub(crate) fn set_draft(job: &mut Job, index: usize, draft: bool) {
    let task = &mut job.tasks[index];
    let waiting_instances = task.queued.len();
    *waiting(&mut job.counts, task) -= waiting_instances;
    task.draft = draft && waiting_instances > 0;
    *waiting(&mut job.counts, task) += waiting_instances;
}

fn uncount_outcome(counts: &mut Counts, outcome: Outcome, n: u64) {
    match outcome {
        Outcome::Finished { .. } => counts.finished -= n,
        Outcome::Failed { .. } => counts.failed -= n,
        Outcome::Canceled { .. } => counts.canceled -= n,
    }
}

/// Ends instances that are queued: one, or all of a task.
pub(crate) fn conclude_queued(
    job: &mut Job,
    index: usize,
    instance: Option<u32>,
    outcome: Outcome,
) {
    let task = &mut job.tasks[index];
    if task.queued.is_empty() || !task.spec.kind.is_ordinary() {
        return;
    }
    let open = task.queued_units();
    let gone = match instance {
        None => std::mem::take(&mut task.queued),
        Some(one) => {
            assert!(task.queued.remove(one), "a canceled instance was queued");
            RangeSet::span(one, one)
        }
    };
    let next = instance.is_some() && task.make_next();
    if task.waiting_for == 0 && !task.draft {
        job.open_units -= open - task.queued_units();
    }
    *waiting(&mut job.counts, task) -= gone.len();
    *waiting(&mut job.counts, task) += u64::from(next);
    task.draft &= !task.queued.is_empty();
    count_outcome(&mut job.counts, outcome, gone.len());
    if task.queued.is_empty() {
        job.ready.remove(&(index as u32));
        job.doomed.remove(&(index as u32));
    }
    let ended = task.outcomes.get_or_insert_with(outcome, RangeSet::new);
    ended.extend(&gone);
    let ended = task.is_ended();
    if matches!(outcome, Outcome::Failed { .. }) {
        note_failure(job, index, gone.first().unwrap_or_default(), outcome, None);
    }
    if ended {
        task_ended(job, index);
    }
}

/// Remembers the first failure, and whether it fails the job at once.
pub(crate) fn note_failure(
    job: &mut Job,
    index: usize,
    instance: u32,
    outcome: Outcome,
    error: Option<&str>,
) {
    let task = &job.tasks[index];
    let critical = task.spec.fail_job_on_failure_count.is_some_and(|n| {
        let failed: u64 = task.ended_in(TaskState::Failed);
        failed >= u64::from(n)
    });
    job.fails_now |= job.spec.fail_on_task_failure || critical;
    if job.first_failure.is_none() {
        let mut name = (index + 1).to_string();
        if instance > 0 {
            name.push_str(&format!(".{instance}"));
        }
        if !task.spec.name.is_empty() {
            name.push_str(&format!(" ({})", task.spec.name));
        }
        let text = error.map_or_else(|| outcome.to_string(), str::to_string);
        job.first_failure = Some(JobError::TaskFailed { task: name, text }.into());
    }
}

/// Forgets the first failure when nothing of the job has failed any more.
pub(crate) fn forget_failure(job: &mut Job) {
    if job.counts.failed == 0 {
        job.first_failure = None;
    }
}

/// Puts ended instances back into the queue: one, or all whose outcome says so. Call `relink` afterwards.
pub(crate) fn requeue_instances(
    job: &mut Job,
    index: usize,
    instance: Option<u32>,
    reruns: impl Fn(Outcome) -> bool,
) {
    let task = &mut job.tasks[index];
    if !task.spec.kind.is_ordinary() {
        return;
    }
    let outcomes: Vec<Outcome> = task
        .outcomes
        .keys()
        .copied()
        .filter(|&o| reruns(o))
        .collect();
    if task.spec.kind == TaskKind::Service {
        return replace_instances(job, index, instance, &outcomes);
    }
    for outcome in outcomes {
        let set = task.outcomes.get_mut(&outcome).expect("it was just listed");
        let back = match instance {
            None => std::mem::take(set),
            Some(one) if set.remove(one) => RangeSet::span(one, one),
            Some(_) => continue,
        };
        if set.is_empty() {
            task.outcomes.remove(&outcome);
        }
        task.canceled = false;
        if outcome.ran() {
            for instance in back.iter() {
                let entry = task.tries.get_or_insert_with(instance, Tries::default);
                *entry = Tries {
                    attempts: entry.attempts.max(1),
                    exit_code: outcome.exit_code(),
                    ..Tries::default()
                };
            }
        }
        uncount_outcome(&mut job.counts, outcome, back.len());
        *waiting(&mut job.counts, task) += back.len();
        task.queued.extend(&back);
    }
}

/// Instances of a service are not run again: others take their place, as many as there is room for.
fn replace_instances(job: &mut Job, index: usize, instance: Option<u32>, outcomes: &[Outcome]) {
    let task = &mut job.tasks[index];
    let replaced = Outcome::Canceled {
        cause: CancelCause::Replaced,
    };
    let mut any = false;
    for outcome in outcomes {
        let set = task.outcomes.get_mut(outcome).expect("it was just listed");
        let gone = match instance {
            None => std::mem::take(set),
            Some(one) if set.remove(one) => RangeSet::span(one, one),
            Some(_) => continue,
        };
        if set.is_empty() {
            task.outcomes.remove(outcome);
        }
        any = true;
        uncount_outcome(&mut job.counts, *outcome, gone.len());
        count_outcome(&mut job.counts, replaced, gone.len());
        let ended = task.outcomes.get_or_insert_with(replaced, RangeSet::new);
        ended.extend(&gone);
    }
    if any && task.make_next() {
        task.canceled = false;
        *waiting(&mut job.counts, task) += 1;
    }
}
