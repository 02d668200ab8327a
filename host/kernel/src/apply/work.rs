//! What events do to attempts: dispatched, started, stopped, ended.

use super::{index, index_share};
use crate::depend::{doom, task_ended};
use crate::instances::{count_outcome, note_failure};
use crate::state::run_timer;
use crate::{
    Again, Dispatch, Execution, JobError, JobId, JobKind, NodeState, Outcome, Phase, Run,
    SharePhase, State, Stop, TaskId, TaskKind, TaskRequest, Timestamp, Tries, Verdict,
};

impl State {
    pub(super) fn dispatched(&mut self, at: Timestamp, id: JobId, works: &[Dispatch]) {
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        for work in works {
            let (execution, index) = (work.execution, index(work.execution.task));
            let task = &mut job.tasks[index];
            match task.spec.kind {
                TaskKind::Basic | TaskKind::Sweep { .. } | TaskKind::Service => {
                    let open = task.queued_units();
                    assert!(
                        task.queued.remove(execution.instance),
                        "{execution} was queued"
                    );
                    if task.make_next() {
                        job.counts.queued += 1;
                    }
                    let units = u64::from(task.spec.max);
                    job.open_units = job.open_units - open + task.queued_units() + units;
                    if task.queued.is_empty() {
                        job.ready.remove(&(index as u32));
                    }
                    job.counts.queued -= 1;
                    job.counts.running += 1;
                }
                TaskKind::NodePrepare => {
                    task.made = execution.instance;
                    let share = job
                        .shares
                        .get_mut(&work.places[0].node)
                        .expect("a prepared node is there");
                    share.phase = SharePhase::Preparing(execution);
                }
                TaskKind::NodeRelease => {
                    task.made = execution.instance;
                    let share = job
                        .shares
                        .get_mut(&work.places[0].node)
                        .expect("a released node is there");
                    share.phase = SharePhase::Releasing(execution);
                }
            }
            for place in &work.places {
                let share = job
                    .shares
                    .get_mut(&place.node)
                    .expect("a place is in a share");
                share.free.take(&place.cores);
                share.free_gpus.take(&place.gpus);
                index_share(job, place.node);
            }
            let task = &mut job.tasks[index];
            if let Some(tries) = task.tries.get_mut(&execution.instance) {
                tries.attempts = execution.attempt;
            }
            task.runs.insert(
                execution.instance,
                Run {
                    attempt: execution.attempt,
                    places: work.places.clone(),
                    dispatched: at,
                    started: None,
                    stop: None,
                },
            );
            self.owed.insert(execution);
        }
    }

    pub(super) fn task_requested(
        &mut self,
        job: JobId,
        task: TaskId,
        instance: Option<u32>,
        request: TaskRequest,
        message: &str,
    ) {
        let task = &mut self.job_mut(job).tasks[index(task)];
        let whole = instance.is_none();
        match request {
            TaskRequest::Cancel => task.canceled |= whole,
            TaskRequest::Finish | TaskRequest::Conclude => {}
            TaskRequest::Requeue => task.canceled &= !whole,
        }
        task.message = Some(message.to_string()).filter(|said| !said.is_empty());
    }

    pub(super) fn work_started(&mut self, at: Timestamp, execution: Execution) {
        let (spec, run) = self.run_mut(execution);
        run.started = Some(at);
        let timer = run_timer(execution, &spec, run);
        let stopping = run.stop.is_some();
        self.timers.extend(timer);
        if !stopping {
            self.owed.remove(&execution);
        }
    }

    /// The latest cause says what the instance becomes; the grace only shrinks.
    pub(super) fn stop(&mut self, execution: Execution, stop: Stop) {
        let (spec, run) = self.run_mut(execution);
        let timer = run_timer(execution, &spec, run);
        let grace = run.stop.map_or(stop.grace, |old| old.grace.min(stop.grace));
        run.stop = Some(Stop {
            cause: stop.cause,
            grace,
        });
        if let Some(timer) = timer {
            self.timers.remove(&timer);
        }
        self.owed.insert(execution);
    }

    pub(super) fn work_ended(
        &mut self,
        execution: Execution,
        verdict: Verdict,
        code: Option<i32>,
        error: Option<&str>,
    ) {
        let id = execution.job;
        self.owed.remove(&execution);
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        let index = index(execution.task);
        let task = &mut job.tasks[index];
        let run = task
            .runs
            .remove(&execution.instance)
            .expect("an ended run was there");
        assert_eq!(
            run.attempt, execution.attempt,
            "only the current attempt ends"
        );
        if let Some(timer) = run_timer(execution, &task.spec, &run) {
            self.timers.remove(&timer);
        }
        for place in &run.places {
            let share = job
                .shares
                .get_mut(&place.node)
                .expect("a place is in a share");
            share.free.put(&place.cores);
            share.free_gpus.put(&place.gpus);
            index_share(job, place.node);
        }
        let task = &mut job.tasks[index];
        if let Some(error) = error {
            task.last_error = Some(error.to_string());
        }
        let node = run.places[0].node;
        match (task.spec.kind, verdict) {
            (TaskKind::NodePrepare, Verdict::Ended(outcome)) => {
                let ok = matches!(outcome, Outcome::Finished { .. });
                task.conclude(execution.instance, outcome);
                let set = self.sets.get(&job.candidates);
                let open = self.nodes[&node].state != NodeState::Offline
                    || job.spec.kind == JobKind::Command;
                let usable = open && set.is_none_or(|set| set.sorted.binary_search(&node).is_ok());
                let share = job.shares.get_mut(&node).expect("a prepared node is there");
                share.phase = if ok && usable {
                    SharePhase::Ready
                } else {
                    SharePhase::Closing
                };
                index_share(job, node);
                if !ok && matches!(job.phase, Phase::Running) {
                    let text = error.map_or_else(|| outcome.to_string(), str::to_string);
                    let node = self.nodes[&node].spec.name.clone();
                    job.node_trouble = Some(JobError::NodePrepareFailed { node, text }.into());
                }
                return;
            }
            (TaskKind::NodeRelease, Verdict::Ended(outcome)) => {
                task.conclude(execution.instance, outcome);
                job.shares
                    .get_mut(&node)
                    .expect("a released node is there")
                    .phase = SharePhase::Released;
                index_share(job, node);
                return;
            }
            (TaskKind::NodePrepare | TaskKind::NodeRelease, Verdict::Again(_)) => {
                unreachable!("node tasks are not tried again")
            }
            (TaskKind::Basic | TaskKind::Sweep { .. } | TaskKind::Service, _) => {}
        }
        job.counts.running -= 1;
        let tries = || Tries {
            attempts: execution.attempt,
            exit_code: code,
            ..Tries::default()
        };
        match verdict {
            Verdict::Again(again) => {
                let entry = task.tries.get_or_insert_with(execution.instance, tries);
                entry.exit_code = code;
                match again {
                    Again::Failure => entry.after_failure += 1,
                    Again::SystemError => entry.after_system_error += 1,
                    Again::Preemption | Again::Request => {}
                }
                task.queued.insert(execution.instance);
                job.counts.queued += 1;
                if task.waiting_for == 0 {
                    job.ready.insert(index as u32);
                } else {
                    job.open_units -= u64::from(task.spec.max);
                }
                doom(job, index as u32);
            }
            Verdict::Ended(outcome) => {
                if let Some(entry) = task.tries.get_mut(&execution.instance) {
                    entry.exit_code = code;
                }
                task.conclude(execution.instance, outcome);
                job.open_units -= u64::from(task.spec.max);
                count_outcome(&mut job.counts, outcome, 1);
                if matches!(outcome, Outcome::Failed { .. }) {
                    note_failure(job, index, execution.instance, outcome, error);
                }
                if job.tasks[index].is_ended() {
                    task_ended(job, index);
                }
            }
        }
    }
}
