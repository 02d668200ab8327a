//! `apply`: the only writer of the state. Cannot fail; live run, recovery and simulation all go through it.
//!
//! It trusts its events: they were decided on this very state. What does not fit is our bug and panics.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::depend::{doom, relink, task_ended};
use crate::instances::{conclude_queued, count_outcome, note_failure, requeue_instances};
use crate::state::{job_timers, run_timer};
use crate::{
    Again, CancelCause, CandidateSet, Closing, CoreSet, Counts, Dispatch, Event, Execution, Fact,
    FailureCause, Grant, Job, JobError, JobId, JobShare, JobSpec, Node, NodeId, NodeState, Outcome,
    Phase, QueueKey, Run, SetId, SharePhase, State, Stop, StopCause, Task, TaskId, TaskKind,
    TaskSpec, Then, Times, Timestamp, Tries, Verdict,
};

impl State {
    /// Makes the state what it is after the event.
    ///
    /// # Panics
    /// When the event does not fit the state: it was decided on another one.
    pub fn apply(&mut self, event: &Event) {
        let at = event.at;
        match &event.fact {
            Fact::ParametersSet(parameters) => self.set_parameters(parameters.clone()),
            Fact::NodeAdded { node, spec } => {
                self.last_node = node.0;
                self.nodes.insert(
                    *node,
                    Node {
                        id: *node,
                        spec: spec.clone(),
                        state: NodeState::Online,
                        free: CoreSet::first_n(spec.cores),
                        free_gpus: CoreSet::first_n(spec.gpus),
                        jobs: Default::default(),
                        exclusive: None,
                    },
                );
            }
            Fact::NodeStateChanged { node, state } => self.node_mut(*node).state = *state,
            Fact::JobAdded { job, spec, tasks } => self.job_added(at, *job, spec, tasks),
            Fact::JobConfigured { job } => {
                self.drop_candidates(*job);
                self.enter_phase(*job, Phase::Configuring, |job| {
                    job.requeue_count += u32::from(job.times.ended.is_some());
                    job.waiting = None;
                    job.reservation = None;
                });
            }
            Fact::JobSubmitted { job, first } => self.job_submitted(at, *job, *first),
            Fact::JobValidated {
                job,
                min,
                max,
                candidates,
            } => {
                self.job_validated(*job, *min, *max, candidates.as_deref());
            }
            Fact::JobInvalid { job, error } => {
                self.job_invalid(at, *job, JobError::Invalid(error.clone()))
            }
            Fact::HoldSet { job, until } => self.with_timers(*job, |job| job.hold_until = *until),
            Fact::WaitExplained { job, waiting } => {
                self.job_mut(*job).waiting = Some(waiting.clone())
            }
            Fact::Reserved { job, reservation } => {
                self.job_mut(*job).reservation = reservation.clone()
            }
            Fact::JobStarted { job, grants } => self.job_started(at, *job, grants),
            Fact::JobGrown { job, grants } => self.grant(*job, grants),
            Fact::CoresReturned { job, grant } => self.cores_returned(*job, grant),
            Fact::ShareClosed { job, node } => {
                self.share_mut(*job, *node).phase = SharePhase::Closing;
                index_share(self.job_mut(*job), *node);
            }
            Fact::Dispatched { job, works } => self.dispatched(at, *job, works),
            Fact::WorkStarted { execution } => self.work_started(at, *execution),
            Fact::WorkEnded {
                execution,
                verdict,
                code,
                error,
            } => {
                self.work_ended(*execution, *verdict, *code, error.as_deref());
            }
            Fact::StopRequested {
                job,
                executions,
                cause,
                grace,
            } => {
                for &execution in executions {
                    self.stop(
                        execution,
                        Stop {
                            cause: *cause,
                            grace: *grace,
                        },
                    );
                }
                // A stop of one task is not the job's own word to all that runs.
                if let Phase::Ending(closing) = &mut self.job_mut(*job).phase {
                    closing.told |= closing.cause == *cause;
                }
            }
            Fact::InstancesCanceled {
                job,
                task,
                instance,
                cause,
            } => {
                let outcome = Outcome::Canceled { cause: *cause };
                let job = self.job_mut(*job);
                conclude_queued(job, index(*task), *instance, outcome);
            }
            Fact::InstancesFailed { job, task, cause } => {
                let outcome = Outcome::Failed {
                    cause: *cause,
                    code: None,
                };
                let job = self.job_mut(*job);
                conclude_queued(job, index(*task), None, outcome);
            }
            Fact::TaskRequeued {
                job,
                task,
                instance,
            } => {
                let job = self.job_mut(*job);
                requeue_instances(job, index(*task), *instance, |outcome| match outcome {
                    Outcome::Finished { .. } => false,
                    Outcome::Failed { .. } | Outcome::Canceled { .. } => true,
                });
                if job.counts.failed == 0 {
                    job.first_failure = None;
                }
                relink(job);
            }
            Fact::JobEnding {
                job,
                closing,
                error,
            } => self.job_ending(*job, *closing, error.clone()),
            Fact::SharesFreed { job, nodes } => {
                nodes.iter().for_each(|&node| self.free_share(*job, node))
            }
            Fact::JobEnded { job } => self.job_ended(at, *job),
            Fact::JobPurged { job } => {
                self.with_timers(*job, |job| job.phase = Phase::Configuring);
                self.drop_candidates(*job);
                self.jobs.remove(job);
            }
        }
    }

    // ---- jobs ----

    fn job_added(
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
            position: 0,
            min: 0,
            max: 0,
            candidates: SetId(0),
            tasks,
            shares: Default::default(),
            waiting: None,
            reservation: None,
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

    fn job_submitted(&mut self, at: Timestamp, id: JobId, first: bool) {
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
                    requeue_instances(job, task, None, Outcome::reruns);
                }
                relink(job);
            }
        });
    }

    fn job_validated(&mut self, id: JobId, min: u32, max: u32, candidates: Option<&[NodeId]>) {
        self.drop_candidates(id);
        let set = candidates.map_or(SetId(0), |nodes| self.intern(nodes));
        self.enter_phase(id, Phase::Queued, |job| {
            (job.min, job.max, job.candidates) = (min, max, set);
            job.waiting = None;
            job.reservation = None;
        });
    }

    fn job_invalid(&mut self, at: Timestamp, id: JobId, error: JobError) {
        self.enter_phase(id, Phase::Ended(Then::Failed), |job| {
            job.times.ended = Some(at);
            job.error = Some(error);
            let outcome = Outcome::Failed {
                cause: FailureCause::JobInvalid,
                code: None,
            };
            for task in 0..job.tasks.len() {
                conclude_queued(job, task, None, outcome);
            }
        });
    }

    fn job_started(&mut self, at: Timestamp, id: JobId, grants: &[Grant]) {
        self.enter_phase(id, Phase::Running, |job| {
            job.times.started = Some(at);
            job.error = None;
            job.node_trouble = None;
            job.waiting = None;
            job.reservation = None;
        });
        self.grant(id, grants);
    }

    fn job_ending(&mut self, id: JobId, closing: Closing, error: Option<JobError>) {
        self.enter_phase(id, Phase::Ending(closing), |job| {
            if error.is_some() {
                job.error = error;
            }
            job.waiting = None;
            job.reservation = None;
            let cause = match closing.then {
                Then::Canceled => CancelCause::JobCanceled,
                Then::Finished => CancelCause::JobFinished,
                Then::Failed => CancelCause::JobFailed,
                Then::Queued => return,
            };
            if job.counts.queued > 0 {
                for task in 0..job.tasks.len() {
                    conclude_queued(job, task, None, Outcome::Canceled { cause });
                }
            }
        });
    }

    fn job_ended(&mut self, at: Timestamp, id: JobId) {
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
                | StopCause::Preempted => {}
            }
        });
    }

    /// Moves a job into another phase, keeping queue and timers in step.
    fn enter_phase(&mut self, id: JobId, phase: Phase, change: impl FnOnce(&mut Job)) {
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        let was_queued = job.phase == Phase::Queued;
        if was_queued {
            self.queue.remove(&QueueKey::of(job));
        }
        for timer in job_timers(job, &self.parameters) {
            self.timers.remove(&timer);
        }
        job.phase = phase;
        change(job);
        if job.phase == Phase::Queued {
            self.queue.insert(QueueKey::of(job));
        }
        self.timers.extend(job_timers(job, &self.parameters));
    }

    fn with_timers(&mut self, id: JobId, change: impl FnOnce(&mut Job)) {
        let phase = self
            .job(id)
            .expect("the event's job is there")
            .phase
            .clone();
        self.enter_phase(id, phase, change);
    }

    fn set_parameters(&mut self, parameters: crate::Parameters) {
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

    // ---- nodes and shares ----

    fn grant(&mut self, id: JobId, grants: &[Grant]) {
        for grant in grants {
            let node = self
                .nodes
                .get_mut(&grant.node)
                .expect("a granted node is there");
            let job = self.jobs.get_mut(&id).expect("the event's job is there");
            node.free.take(&grant.cores);
            node.free_gpus.take(&grant.gpus);
            node.jobs.insert(id);
            if job.spec.exclusive {
                node.exclusive = Some(id);
            }
            let prepares = job.node_prepare.is_some();
            let share = job.shares.entry(grant.node).or_insert_with(|| JobShare {
                cores: CoreSet::default(),
                free: CoreSet::default(),
                gpus: CoreSet::default(),
                phase: if prepares {
                    SharePhase::Added
                } else {
                    SharePhase::Ready
                },
            });
            share.cores.put(&grant.cores);
            share.free.put(&grant.cores);
            share.gpus.put(&grant.gpus);
            index_share(job, grant.node);
        }
    }

    fn cores_returned(&mut self, id: JobId, grant: &Grant) {
        let share = self.share_mut(id, grant.node);
        share.free.take(&grant.cores);
        share.cores.take(&grant.cores);
        share.gpus.take(&grant.gpus);
        index_share(self.job_mut(id), grant.node);
        let node = self.node_mut(grant.node);
        node.free.put(&grant.cores);
        node.free_gpus.put(&grant.gpus);
    }

    fn free_share(&mut self, id: JobId, node: NodeId) {
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        let share = job.shares.remove(&node).expect("a freed share is there");
        assert_eq!(share.free, share.cores, "nothing runs on a freed share");
        index_share(job, node);
        let node = self
            .nodes
            .get_mut(&node)
            .expect("a freed share's node is there");
        if job.phase == Phase::Running {
            job.node_trouble.get_or_insert_with(|| JobError::NodesLost {
                node: node.spec.name.clone(),
            });
        }
        node.free.put(&share.cores);
        node.free_gpus.put(&share.gpus);
        node.jobs.remove(&id);
        node.exclusive = node.exclusive.filter(|&job| job != id);
    }

    fn intern(&mut self, nodes: &[NodeId]) -> SetId {
        if let Some((&id, set)) = self.sets.iter_mut().find(|(_, set)| set.nodes == nodes) {
            set.users += 1;
            return id;
        }
        self.last_set += 1;
        let id = SetId(self.last_set);
        self.sets.insert(
            id,
            CandidateSet {
                nodes: nodes.to_vec(),
                users: 1,
            },
        );
        id
    }

    fn drop_candidates(&mut self, id: JobId) {
        let set = std::mem::take(&mut self.job_mut(id).candidates);
        if let Some(entry) = self.sets.get_mut(&set) {
            entry.users -= 1;
            if entry.users == 0 {
                self.sets.remove(&set);
            }
        }
    }

    // ---- work ----

    fn dispatched(&mut self, at: Timestamp, id: JobId, works: &[Dispatch]) {
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        for work in works {
            let (execution, index) = (work.execution, index(work.execution.task));
            let task = &mut job.tasks[index];
            match task.spec.kind {
                TaskKind::Basic | TaskKind::Sweep { .. } => {
                    assert!(
                        task.queued.remove(execution.instance),
                        "{execution} was queued"
                    );
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
                        .get_mut(&work.places[0].0)
                        .expect("a prepared node is there");
                    share.phase = SharePhase::Preparing(execution);
                }
                TaskKind::NodeRelease => {
                    task.made = execution.instance;
                    let share = job
                        .shares
                        .get_mut(&work.places[0].0)
                        .expect("a released node is there");
                    share.phase = SharePhase::Releasing(execution);
                }
            }
            for (node, cores) in &work.places {
                let share = job.shares.get_mut(node).expect("a place is in a share");
                share.free.take(cores);
                index_share(job, *node);
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

    fn work_started(&mut self, at: Timestamp, execution: Execution) {
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
    fn stop(&mut self, execution: Execution, stop: Stop) {
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

    fn work_ended(
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
        for (node, cores) in &run.places {
            let share = job.shares.get_mut(node).expect("a place is in a share");
            share.free.put(cores);
            index_share(job, *node);
        }
        let task = &mut job.tasks[index];
        if let Some(error) = error {
            task.last_error = Some(error.to_string());
        }
        let node = run.places[0].0;
        match (task.spec.kind, verdict) {
            (TaskKind::NodePrepare, Verdict::Ended(outcome)) => {
                let ok = matches!(outcome, Outcome::Finished { .. });
                task.conclude(execution.instance, outcome);
                let share = job.shares.get_mut(&node).expect("a prepared node is there");
                share.phase = if ok && self.nodes[&node].state != NodeState::Offline {
                    SharePhase::Ready
                } else {
                    SharePhase::Closing
                };
                index_share(job, node);
                if !ok && job.phase == Phase::Running {
                    let text = error.map_or_else(|| outcome.to_string(), str::to_string);
                    let node = self.nodes[&node].spec.name.clone();
                    job.node_trouble = Some(JobError::NodePrepareFailed { node, text });
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
            (TaskKind::Basic | TaskKind::Sweep { .. }, _) => {}
        }
        job.counts.running -= 1;
        let tries = || Tries {
            attempts: execution.attempt,
            exit_code: code,
            ..Tries::default()
        };
        match verdict {
            Verdict::Again(again) => {
                let entry = task.tries.entry(execution.instance).or_insert_with(tries);
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

    // ---- look-ups of what an event names ----

    fn job_mut(&mut self, id: JobId) -> &mut Job {
        self.jobs.get_mut(&id).expect("the event's job is there")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("the event's node is there")
    }

    fn share_mut(&mut self, job: JobId, node: NodeId) -> &mut JobShare {
        self.job_mut(job)
            .shares
            .get_mut(&node)
            .expect("the event's share is there")
    }

    fn run_mut(&mut self, execution: Execution) -> (Arc<TaskSpec>, &mut Run) {
        let task = &mut self.job_mut(execution.job).tasks[index(execution.task)];
        let run = task
            .runs
            .get_mut(&execution.instance)
            .expect("the event's run is there");
        assert_eq!(
            run.attempt, execution.attempt,
            "events are about the current attempt"
        );
        (task.spec.clone(), run)
    }
}

/// A task's place in its job's list.
pub(crate) fn index(task: TaskId) -> usize {
    task.0 as usize - 1
}

/// Keeps the indices of shares in step after a change of one: what moves on, and where idle cores are.
fn index_share(job: &mut Job, node: NodeId) {
    let share = job.shares.get(&node);
    let ready = share.is_some_and(|share| share.phase == SharePhase::Ready);
    let put = |set: &mut BTreeSet<NodeId>, is: bool| match is {
        true => set.insert(node),
        false => set.remove(&node),
    };
    put(&mut job.unsettled, share.is_some() && !ready);
    put(
        &mut job.idle,
        ready && share.is_some_and(|share| !share.free.is_empty()),
    );
}
