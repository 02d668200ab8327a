//! What events do to a job as a whole, and the one way from phase to phase, which keeps queue and timers in step.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::depend::relink;
use crate::instances::{conclude_queued, forget_failure, requeue_instances, set_draft};
use crate::state::job_timers;
use crate::{
    CancelCause, Closing, Counts, FailureCause, Grant, HeldBy, Job, JobError, JobId, JobSpec,
    Outcome, Phase, QueueKey, SetId, State, StopCause, Task, TaskKind, TaskSpec, TaskState, Then,
    Times, Timestamp,
};

impl State {
    pub(super) fn job_added(
        &mut self,
        at: Timestamp,
        id: JobId,
        spec: &Arc<JobSpec>,
        tasks: &[Arc<TaskSpec>],
    ) {
        assert!(id.0 > self.last_job, "job ids go up");
        self.last_job = id.0;
        let tasks: Vec<Task> = tasks.iter().map(|spec| Task::new(spec.clone())).collect();
        let node_task = |kind| tasks.iter().position(|t| t.spec.kind == kind);
        let node_prepare = node_task(TaskKind::NodePrepare).map(|i| i as u32);
        let node_release = node_task(TaskKind::NodeRelease).map(|i| i as u32);
        let ordinary = tasks.iter().filter(|t| t.spec.kind.is_ordinary());
        let counts = Counts {
            queued: ordinary.map(|t| t.queued.len()).sum(),
            ..Counts::default()
        };
        let mut job = Job {
            id,
            spec: spec.clone(),
            phase: Phase::Configuring,
            error: None,
            times: Times {
                created: at,
                ..Times::default()
            },
            requeue_count: 0,
            auto_requeue_count: 0,
            hold_until: spec.hold_until,
            held_by: HeldBy::User,
            position: 0,
            min: 0,
            max: 0,
            candidates: SetId(0),
            required: SetId(0),
            tasks,
            shares: Default::default(),
            account: None,
            giving_back: None,
            activation: None,
            backfilled: false,
            waiting: None,
            reservation: None,
            open_parents: Default::default(),
            ready: Default::default(),
            doomed: Default::default(),
            counts,
            open_units: 0,
            fails_now: false,
            first_failure: None,
            node_trouble: None,
            groups: Vec::new(),
            node_prepare,
            node_release,
            unsettled: Default::default(),
            idle: Default::default(),
        };
        relink(&mut job);
        self.jobs.insert(id, job);
    }

    pub(super) fn job_submitted(&mut self, at: Timestamp, id: JobId, first: bool) {
        let position = match first {
            true => {
                self.last_front -= 1;
                self.last_front
            }
            false => {
                self.last_back += 1;
                self.last_back
            }
        };
        self.enter_phase(id, Phase::Submitted, |job| {
            job.position = position;
            job.times.submitted = Some(at);
            job.times.started = None;
            job.times.ended = None;
            job.error = None;
            job.first_failure = None;
            job.fails_now = false;
            job.auto_requeue_count = 0;
            if job.counts.queued < job.counts.total() {
                for task in 0..job.tasks.len() {
                    set_draft(job, task, false);
                    requeue_instances(job, task, None, Outcome::reruns);
                }
                relink(job);
            }
        });
    }

    pub(super) fn job_validated(&mut self, id: JobId, min: u32, max: u32) {
        self.set_activation(id, None);
        self.choose_candidates(id);
        let parents = self.unfinished_parents(&self.jobs[&id].spec);
        for parent in &parents {
            self.children.entry(*parent).or_default().insert(id);
        }
        self.enter_phase(id, Phase::Queued, |job| {
            job.open_parents = parents;
            (job.min, job.max) = (min, max);
            job.waiting = None;
            job.reservation = None;
        });
    }

    pub(super) fn job_invalid(&mut self, at: Timestamp, id: JobId, error: JobError) {
        self.enter_phase(id, Phase::Ended(Then::Failed), |job| {
            job.times.ended = Some(at);
            job.error = Some(error.into());
            let outcome = Outcome::Failed {
                cause: FailureCause::JobInvalid,
                code: None,
            };
            for task in 0..job.tasks.len() {
                conclude_queued(job, task, None, outcome);
            }
        });
    }

    pub(super) fn job_modified(&mut self, at: Timestamp, id: JobId, spec: &Arc<JobSpec>) {
        if self.jobs[&id].spec.hold_until != spec.hold_until {
            self.set_activation(id, None);
        }
        self.with_timers(id, |job| {
            if job.spec.hold_until != spec.hold_until {
                job.hold_until = spec.hold_until;
            }
            job.spec = spec.clone();
            relink(job);
        });
        self.change_account(at, id);
        // Nodes that it may not use any more leave it, now or for when it is queued again. In the queue it is validated again.
        match self.jobs[&id].phase {
            Phase::Running => self.choose_candidates(id),
            Phase::Ending(closing) if closing.then == Then::Queued => self.choose_candidates(id),
            Phase::Configuring
            | Phase::Submitted
            | Phase::External(_)
            | Phase::Validating
            | Phase::Queued
            | Phase::Ending(_)
            | Phase::Ended(_) => {}
        }
    }

    /// Forgets a job.
    pub(super) fn job_gone(&mut self, id: JobId) {
        if let Some(then) = self.ended_as(id) {
            self.gone.remember(id, then);
        }
        self.with_timers(id, |job| job.phase = Phase::Configuring);
        self.drop_candidates(id);
        self.jobs.remove(&id);
    }

    pub(super) fn tasks_added(&mut self, id: JobId, tasks: &[Arc<TaskSpec>]) {
        let job = self.job_mut(id);
        let draft = !matches!(job.phase, Phase::Configuring);
        for spec in tasks {
            let index = job.tasks.len() as u32;
            match spec.kind {
                TaskKind::NodePrepare => job.node_prepare = Some(index),
                TaskKind::NodeRelease => job.node_release = Some(index),
                TaskKind::Basic | TaskKind::Sweep { .. } | TaskKind::Service => {}
            }
            let task = Task::new(spec.clone());
            job.counts.queued += task.queued.len();
            job.tasks.push(task);
            set_draft(job, index as usize, draft);
        }
        relink(job);
    }

    pub(super) fn task_submitted(&mut self, id: JobId, index: usize) {
        let job = self.job_mut(id);
        set_draft(job, index, false);
        relink(job);
        self.choose_required(id);
    }

    pub(super) fn task_configured(&mut self, id: JobId, index: usize) {
        let job = self.job_mut(id);
        requeue_instances(job, index, None, |outcome| match outcome {
            Outcome::Finished { .. } => false,
            Outcome::Failed { .. } | Outcome::Canceled { .. } => true,
        });
        set_draft(job, index, true);
        forget_failure(job);
        relink(job);
    }

    /// A sweep that counts otherwise than before has never run: its instances are made anew.
    pub(super) fn task_modified(&mut self, id: JobId, index: usize, spec: &Arc<TaskSpec>) {
        let job = self.job_mut(id);
        let task = &mut job.tasks[index];
        let recounted = task.spec.kind != spec.kind;
        task.spec = spec.clone();
        if recounted {
            let draft = task.draft;
            set_draft(job, index, false);
            let task = &job.tasks[index];
            job.counts.queued -= task.queued.len();
            job.counts.failed -= task.ended_in(TaskState::Failed);
            job.counts.canceled -= task.ended_in(TaskState::Canceled);
            forget_failure(job);
            job.tasks[index] = Task::new(spec.clone());
            job.counts.queued += job.tasks[index].queued.len();
            set_draft(job, index, draft);
        }
        relink(job);
    }

    pub(super) fn job_started(&mut self, at: Timestamp, id: JobId, grants: &[Grant]) {
        let backfilled = self.is_ahead_of_a_promise(&self.jobs[&id]);
        self.enter_phase(id, Phase::Running, |job| {
            job.backfilled = backfilled;
            job.times.started = Some(at);
            job.error = None;
            job.node_trouble = None;
            job.waiting = None;
            job.reservation = None;
        });
        self.grant(at, id, grants);
    }

    pub(super) fn job_ending(&mut self, id: JobId, closing: Closing, error: Option<JobError>) {
        self.enter_phase(id, Phase::Ending(closing), |job| {
            if error.is_some() {
                job.error = error.map(Box::new);
            }
            job.waiting = None;
            job.reservation = None;
            let cause = match closing.then {
                Then::Canceled => CancelCause::JobCanceled,
                Then::Finished => CancelCause::JobFinished,
                Then::Failed => CancelCause::JobFailed,
                Then::Queued => return,
            };
            if job.counts.queued + job.counts.configuring > 0 {
                for task in 0..job.tasks.len() {
                    conclude_queued(job, task, None, Outcome::Canceled { cause });
                }
            }
        });
    }

    pub(super) fn job_ended(&mut self, at: Timestamp, id: JobId) {
        let Phase::Ending(closing) = self.job(id).expect("an ending job is there").phase else {
            panic!("job {id} ended without ending")
        };
        if closing.then != Then::Queued {
            self.drop_candidates(id);
            return self.enter_phase(id, Phase::Ended(closing.then), |job| {
                job.times.ended = Some(at)
            });
        }
        self.last_front -= 1;
        let position = self.last_front;
        self.enter_phase(id, Phase::Queued, |job| {
            job.position = position;
            job.times.started = None;
            job.requeue_count += 1;
            match closing.cause {
                StopCause::JobRequeued => {
                    job.error = None;
                    job.first_failure = None;
                    job.fails_now = false;
                    job.auto_requeue_count = 0;
                    for task in 0..job.tasks.len() {
                        requeue_instances(job, task, None, Outcome::reruns);
                    }
                    relink(job);
                }
                StopCause::SystemError => job.auto_requeue_count += 1,
                StopCause::TaskCanceled
                | StopCause::TaskFinished
                | StopCause::TaskRequeued
                | StopCause::RuntimeExpired
                | StopCause::JobCanceled
                | StopCause::JobFinished
                | StopCause::JobRuntimeExpired
                | StopCause::JobFailed
                | StopCause::ServiceConcluded
                | StopCause::NodeNotUsable
                | StopCause::Preempted => {}
            }
        });
        self.choose_required(id);
    }

    pub(super) fn parent_finished(&mut self, id: JobId, parent: JobId) {
        self.job_mut(id).open_parents.remove(&parent);
        forget_child(&mut self.children, parent, id);
    }

    /// Moves a job into another phase, keeping queue, timers and the parents that it waits for in step.
    pub(super) fn enter_phase(&mut self, id: JobId, phase: Phase, change: impl FnOnce(&mut Job)) {
        let job = self.leave_phase(id, &phase);
        job.phase = phase;
        change(job);
        self.phase_entered(id);
    }

    /// The first half, before the job changes; apart from the change itself, so that there is one of it and not one for each change.
    fn leave_phase(&mut self, id: JobId, next: &Phase) -> &mut Job {
        let job = &self.jobs[&id];
        if job.activation.is_some() || job.is_screened() {
            self.leave_filters(id, next);
        }
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        if !matches!(next, Phase::Queued) {
            while let Some(parent) = job.open_parents.pop_first() {
                forget_child(&mut self.children, parent, id);
            }
        }
        if !matches!(next, Phase::Running) {
            job.giving_back = None;
        }
        if matches!(job.phase, Phase::Queued) {
            let key = QueueKey::of(job);
            self.queue.remove(&key);
            self.blockers.remove(&key);
            if job.reservation.is_some() {
                self.reserved.remove(&key);
            }
        }
        job_timers(job, &self.parameters).for_each(|timer| {
            self.timers.remove(&timer);
        });
        job
    }

    /// The second half.
    fn phase_entered(&mut self, id: JobId) {
        let job = &self.jobs[&id];
        if matches!(job.phase, Phase::Queued) {
            let key = QueueKey::of(job);
            self.queue.insert(key);
            if job.reservation.is_some() {
                self.reserved.insert(key);
            }
            if job.activation.as_ref().is_some_and(|a| a.blocks) {
                self.blockers.insert(key);
            }
        }
        if let Phase::External(screening) = &job.phase {
            self.questions.insert(screening.question, id);
        }
        self.timers.extend(job_timers(job, &self.parameters));
    }

    pub(super) fn with_timers(&mut self, id: JobId, change: impl FnOnce(&mut Job)) {
        let phase = self
            .job(id)
            .expect("the event's job is there")
            .phase
            .clone();
        self.enter_phase(id, phase, change);
    }

    pub(super) fn set_parameters(&mut self, at: Timestamp, parameters: crate::Parameters) {
        let half_life = self.parameters.fair_share_half_life;
        if parameters.fair_share_half_life != half_life {
            self.accounts.settle(at, half_life);
        }
        let ttl = parameters.ttl_completed_jobs;
        if ttl != self.parameters.ttl_completed_jobs {
            for job in self
                .jobs
                .values()
                .filter(|j| matches!(j.phase, Phase::Ended(_)))
            {
                for timer in job_timers(job, &self.parameters) {
                    self.timers.remove(&timer);
                }
                self.timers.extend(job_timers(job, &parameters));
            }
        }
        self.parameters = parameters;
    }
}

fn forget_child(children: &mut BTreeMap<JobId, BTreeSet<JobId>>, parent: JobId, child: JobId) {
    if let Entry::Occupied(mut entry) = children.entry(parent) {
        entry.get_mut().remove(&child);
        if entry.get().is_empty() {
            entry.remove();
        }
    }
}
