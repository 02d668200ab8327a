//! `follow`: what the rules make of a job's state without being asked. Validation, dispatch, ends, releases.
//!
//! A pure function of the state: each call appends the next events, [`crate::step`] applies them and asks again until
//! there are none. After a crash between two events, asking again goes on where it stopped.

use std::collections::BTreeSet;

use crate::limits::{DISPATCH_BATCH_MAX, SERVICE_INSTANCES_MAX};
use crate::parents::{check_parents, purge};
use crate::preempt::give_back;
use crate::units::Room;
use crate::{
    Closing, CoreSet, Dispatch, Execution, Fact, FailureCause, Grant, Job, JobError, JobId,
    JobKind, JobShare, NodeId, Phase, Run, SharePhase, Span, State, StopCause, Task, TaskId,
    TaskKind, Then, validate,
};

/// Appends the next events of a job, in order; none when nothing is to be done until somebody says or reports something.
pub fn follow(state: &State, job: JobId, facts: &mut Vec<Fact>) {
    let Some(job) = state.job(job) else {
        return;
    };
    match &job.phase {
        // Nothing before a filter has answered.
        Phase::Configuring | Phase::External(_) => {}
        Phase::Submitted | Phase::Validating => {
            let filters = match job.phase == Phase::Submitted {
                true => state.submission_filters(&job.spec),
                false => Vec::new(),
            };
            if !filters.is_empty() {
                return facts.push(Fact::ScreeningBegun {
                    job: job.id,
                    filters,
                });
            }
            let checked = validate::check_allowed(state, &job.spec)
                .and_then(|()| validate::check_release(state, &job.tasks))
                .and_then(|()| check_parents(state, job.id, &job.spec))
                .and_then(|()| validate::check_any_job(state, &job.spec, &job.tasks));
            facts.push(match checked {
                Ok(validate::Checked { min, max }) => Fact::JobValidated {
                    job: job.id,
                    min,
                    max,
                },
                Err(error) => Fact::JobInvalid { job: job.id, error },
            });
        }
        // Whatever became of its tasks meanwhile: nothing happens before its parents have finished.
        Phase::Queued if !job.open_parents.is_empty() => {}
        Phase::Queued => {
            let next = settle(state, job);
            facts.extend(next.or_else(|| start_command_job(state, job)));
        }
        Phase::Running => running(state, job, facts),
        Phase::Ending(closing) => ending(state, job, closing, facts),
        Phase::Ended(Then::Finished) if state.children.contains_key(&job.id) => {
            let parent = job.id;
            let children = state.children[&parent].iter();
            facts.extend(children.map(|&job| Fact::ParentFinished { job, parent }));
        }
        Phase::Ended(_) if state.parameters.ttl_completed_jobs == Span::ZERO => {
            purge(state, job.id, &mut BTreeSet::new(), facts);
        }
        Phase::Ended(_) => {}
    }
}

/// A command job starts at once, outside queue order, on every node that it may use, and holds no cores of it.
fn start_command_job(state: &State, job: &Job) -> Option<Fact> {
    if job.spec.kind != JobKind::Command || !job.may_start() {
        return None;
    }
    let nodes = state
        .nodes()
        .filter(|node| state.is_candidate(job, node.id));
    let grants = nodes.map(|node| Grant {
        node: node.id,
        cores: CoreSet::default(),
        gpus: CoreSet::default(),
    });
    Some(Fact::JobStarted {
        job: job.id,
        grants: grants.collect(),
    })
}

fn close(job: &Job, then: Then, cause: StopCause, grace: Span, error: Option<JobError>) -> Fact {
    let closing = Closing {
        then,
        cause,
        grace: Some(grace),
        release: true,
        told: false,
    };
    Fact::JobEnding {
        job: job.id,
        closing,
        error,
    }
}

/// Nothing left to run: the job finishes, or has failed if a task did. An empty job finishes too.
fn ended_by_itself(job: &Job) -> Option<Fact> {
    if job.counts.queued + job.counts.running > 0 || job.spec.run_until_canceled {
        return None;
    }
    Some(match job.counts.failed {
        0 => close(
            job,
            Then::Finished,
            StopCause::JobFinished,
            Span::ZERO,
            None,
        ),
        _ => close(
            job,
            Then::Failed,
            StopCause::JobFailed,
            Span::ZERO,
            job.first_failure.clone(),
        ),
    })
}

fn running(state: &State, job: &Job, facts: &mut Vec<Fact>) {
    if let Some(fact) = settle(state, job) {
        return facts.push(fact);
    }
    if job.is_draining() && job.counts.running == 0 {
        let (then, cause) = (Then::Queued, StopCause::TaskRequeued);
        return facts.push(close(job, then, cause, Span::ZERO, None));
    }
    if job.shares.is_empty() {
        return facts.push(lost_its_nodes(state, job));
    }
    node_steps(state, job, &mut job.unsettled.iter(), true, facts);
    if !facts.is_empty() || job.is_draining() {
        return;
    }
    give_back(state, job, facts);
    if !facts.is_empty() {
        return;
    }
    let works = match job.spec.kind {
        JobKind::Batch => dispatch(state, job),
        JobKind::Command => dispatch_in_turn(job),
    };
    if !works.is_empty() {
        return facts.push(Fact::Dispatched { job: job.id, works });
    }
    // Nodes left, and what stayed is too small for the next task: nothing would ever happen again.
    let stuck = job.counts.running == 0 && job.unsettled.is_empty() && !job.ready.is_empty();
    if stuck {
        facts.push(lost_its_nodes(state, job));
    }
}

/// What becomes of a queued or running job by its tasks alone: it fails at once, dependents fail, it is done.
fn settle(state: &State, job: &Job) -> Option<Fact> {
    if job.fails_now {
        let grace = state.parameters.task_cancel_grace;
        let error = job.first_failure.clone();
        return Some(close(job, Then::Failed, StopCause::JobFailed, grace, error));
    }
    if let Some(&index) = job.doomed.first() {
        return Some(Fact::InstancesFailed {
            job: job.id,
            task: TaskId(index + 1),
            cause: FailureCause::DependencyFailed,
        });
    }
    ended_by_itself(job)
}

/// A running job without a node, or with too little left: the system queues it again, up to `JobRetryCount` times.
fn lost_its_nodes(state: &State, job: &Job) -> Fact {
    let limit = state.parameters.job_retry_count;
    let last = job.node_trouble.clone().unwrap_or(JobError::NodesLost {
        node: "unknown".into(),
    });
    let (cause, none) = (StopCause::SystemError, Span::ZERO);
    match job.auto_requeue_count < limit {
        true => close(job, Then::Queued, cause, none, Some(last)),
        false => {
            let error = JobError::RequeueLimit {
                limit,
                last: last.to_string(),
            };
            close(job, Then::Failed, cause, none, Some(error))
        }
    }
}

fn ending(state: &State, job: &Job, closing: &Closing, facts: &mut Vec<Fact>) {
    let running = |kind| {
        job.node_task(kind)
            .is_some_and(|task| !task.runs.is_empty())
    };
    let any =
        job.counts.running > 0 || running(TaskKind::NodePrepare) || running(TaskKind::NodeRelease);
    if let Some(grace) = closing.grace.filter(|_| !closing.told && any) {
        let mut executions = Vec::new();
        for (index, task) in job.tasks.iter().enumerate() {
            // A release goes on, unless the nodes are wanted back at once.
            if task.spec.kind == TaskKind::NodeRelease && closing.release {
                continue;
            }
            for (&instance, run) in &task.runs {
                if run
                    .stop
                    .is_none_or(|stop| stop.grace > grace || stop.cause != closing.cause)
                {
                    let task = TaskId(index as u32 + 1);
                    executions.push(Execution {
                        job: job.id,
                        task,
                        instance,
                        attempt: run.attempt,
                    });
                }
            }
        }
        if !executions.is_empty() {
            let cause = closing.cause;
            return facts.push(Fact::StopRequested {
                job: job.id,
                executions,
                cause,
                grace,
            });
        }
    }
    node_steps(state, job, &mut job.shares.keys(), closing.release, facts);
    if facts.is_empty() && job.shares.is_empty() {
        facts.push(Fact::JobEnded { job: job.id });
    }
}

/// Moves nodes of a job on: prepare what was added, release what leaves and is idle, give back what was released.
fn node_steps(
    state: &State,
    job: &Job,
    nodes: &mut dyn Iterator<Item = &NodeId>,
    release: bool,
    facts: &mut Vec<Fact>,
) {
    let stays = job.phase == Phase::Running;
    let mut freed = Vec::new();
    let mut works = Vec::new();
    let (mut prepared, mut released) = (0, 0);
    for (&node, share) in nodes.filter_map(|node| job.shares.get_key_value(node)) {
        match share.phase {
            SharePhase::Added if stays => {
                let work = node_work(job, TaskKind::NodePrepare, node, prepared);
                prepared += 1;
                works.extend(work);
            }
            SharePhase::Ready if stays => {}
            SharePhase::Added | SharePhase::Ready | SharePhase::Closing
                if is_idle(job, node, share) =>
            {
                let wanted = release && state.parameters.node_release_timeout > Span::ZERO;
                match wanted
                    .then(|| node_work(job, TaskKind::NodeRelease, node, released))
                    .flatten()
                {
                    Some(work) => {
                        released += 1;
                        works.push(work);
                    }
                    None => freed.push(node),
                }
            }
            SharePhase::Released => freed.push(node),
            SharePhase::Added
            | SharePhase::Ready
            | SharePhase::Closing
            | SharePhase::Preparing(_)
            | SharePhase::Releasing(_) => {}
        }
    }
    if !freed.is_empty() {
        facts.push(Fact::SharesFreed {
            job: job.id,
            nodes: freed,
        });
    }
    if !works.is_empty() {
        facts.push(Fact::Dispatched { job: job.id, works });
    }
}

/// A node prepare or node release on one node: the next instance of that task, beyond `ahead` others of this batch.
fn node_work(job: &Job, kind: TaskKind, node: NodeId, ahead: u32) -> Option<Dispatch> {
    let index = match kind {
        TaskKind::NodePrepare => job.node_prepare?,
        TaskKind::NodeRelease => job.node_release?,
        TaskKind::Basic | TaskKind::Sweep { .. } | TaskKind::Service => return None,
    };
    let execution = Execution {
        job: job.id,
        task: TaskId(index + 1),
        instance: job.tasks[index as usize].made + ahead + 1,
        attempt: 1,
    };
    Some(Dispatch {
        execution,
        places: vec![Grant {
            node,
            cores: CoreSet::default(),
            gpus: CoreSet::default(),
        }],
    })
}

/// Whether no task of the job runs on a node of it. Tasks of command jobs run without cores.
fn is_idle(job: &Job, node: NodeId, share: &JobShare) -> bool {
    let there = |run: &Run| run.places.iter().any(|place| place.node == node);
    share.free == share.cores
        && share.free_gpus == share.gpus
        && match job.spec.kind {
            JobKind::Batch => true,
            JobKind::Command => {
                let mut runs = job.tasks.iter().flat_map(|task| task.runs.values());
                !runs.any(there)
            }
        }
}

/// Sends ready instances of a command job to its nodes in turn: the first task, or the first instance of a sweep, to the first
/// node, the next to the next. As many instances as nodes run once on each.
fn dispatch_in_turn(job: &Job) -> Vec<Dispatch> {
    let nodes: Vec<_> = job.shares.iter().collect();
    let mut works = Vec::new();
    for &index in &job.ready {
        let task = &job.tasks[index as usize];
        for instance in task.queued.iter() {
            let turn = match task.spec.kind {
                TaskKind::Sweep { .. } | TaskKind::Service => instance - 1,
                TaskKind::Basic | TaskKind::NodePrepare | TaskKind::NodeRelease => index,
            };
            let (&node, share) = nodes[turn as usize % nodes.len()];
            if share.phase != SharePhase::Ready {
                continue;
            }
            if works.len() == DISPATCH_BATCH_MAX {
                return works;
            }
            let tries = task.tries.get(&instance);
            works.push(Dispatch {
                execution: Execution {
                    job: job.id,
                    task: TaskId(index + 1),
                    instance,
                    attempt: tries.map_or(1, |tries| tries.attempts + 1),
                },
                places: vec![Grant {
                    node,
                    cores: CoreSet::default(),
                    gpus: CoreSet::default(),
                }],
            });
        }
    }
    works
}

/// Puts ready instances onto idle units: tasks in the order added, instances ascending, one that does not fit
/// holds up those behind it.
fn dispatch(state: &State, job: &Job) -> Vec<Dispatch> {
    let mut works = Vec::new();
    if job.ready.is_empty() {
        return works;
    }
    let mut rooms = rooms(state, job);
    // Nodes are used up from the front.
    let mut used_up = 0;
    let mut total: u32 = rooms.iter().map(Room::units).sum();
    for &index in &job.ready {
        let task = &job.tasks[index as usize];
        for instance in task.queued.iter().chain(further_instances(task)) {
            if total < task.spec.min || works.len() == DISPATCH_BATCH_MAX {
                return works;
            }
            let before: u32 = total;
            let places = match task.spec.exclusive {
                false => place(&mut rooms[used_up..], task, &mut total),
                true => match place_alone(&mut rooms[used_up..], task, &mut total) {
                    Some(places) => places,
                    None => return works,
                },
            };
            debug_assert!(total < before, "a task of no units");
            used_up += rooms[used_up..]
                .iter()
                .take_while(|room| room.units() == 0)
                .count();
            let attempt = task
                .tries
                .get(&instance)
                .map_or(1, |tries| tries.attempts + 1);
            let task = TaskId(index + 1);
            works.push(Dispatch {
                execution: Execution {
                    job: job.id,
                    task,
                    instance,
                    attempt,
                },
                places,
            });
        }
    }
    works
}

/// Instances that are made as they are dispatched: those of a service after the one that is queued.
fn further_instances(task: &Task) -> std::ops::Range<u32> {
    match task.spec.kind {
        TaskKind::Service => task.made + 1..SERVICE_INSTANCES_MAX + 1,
        TaskKind::Basic
        | TaskKind::Sweep { .. }
        | TaskKind::NodePrepare
        | TaskKind::NodeRelease => 0..0,
    }
}

/// What of a job's nodes no task runs on, where it is a unit at least.
fn rooms<'a>(state: &'a State, job: &Job) -> Vec<Room<'a>> {
    let idle = job.idle.iter().filter_map(|&id| state.node(id));
    let rooms = idle.map(|node| Room::of_share(job.spec.unit, node, &job.shares[&node.id]));
    rooms.filter(|room| room.units() > 0).collect()
}

/// Takes nodes for one instance of an exclusive task: all that the job has of the first ones on which nothing runs, as many as
/// it takes to reach the minimum, and on to the maximum. None where there are too few such nodes.
fn place_alone(rooms: &mut [Room<'_>], task: &Task, total: &mut u32) -> Option<Vec<Grant>> {
    let idle: u32 = (rooms.iter().filter(|room| room.is_whole()).map(Room::units)).sum();
    if idle < task.spec.min {
        return None;
    }
    let mut places = Vec::new();
    let mut units = 0;
    for room in rooms.iter_mut().filter(|room| room.is_whole()) {
        // What goes beyond the maximum is for nobody else: but no node more than that.
        if units >= task.spec.max {
            break;
        }
        units += room.units();
        *total -= room.units();
        places.push(room.take(room.units()));
    }
    Some(places)
}

/// Takes units for one instance: on the first node that has its maximum, else on the first that has its minimum,
/// else across nodes in order up to its maximum. The caller knows that the minimum is there; `total` is what is left.
fn place(rooms: &mut [Room<'_>], task: &Task, total: &mut u32) -> Vec<Grant> {
    let (min, max) = (task.spec.min, task.spec.max);
    let fits = |n: u32| rooms.iter().position(|room| room.units() >= n);
    let mut places = Vec::new();
    let one = fits(max).or_else(|| fits(min));
    let mut wanted = max;
    for room in &mut rooms[one.unwrap_or(0)..] {
        let units = room.units().min(wanted);
        if units > 0 {
            places.push(room.take(units));
            *total -= units;
            wanted -= units;
        }
        if wanted == 0 || one.is_some() {
            break;
        }
    }
    places
}
