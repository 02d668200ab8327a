//! `follow`: what the rules make of a job's state without being asked. Validation, dispatch, ends, releases.
//!
//! A pure function of the state: each call appends the next events, [`crate::step`] applies them and asks again until
//! there are none. After a crash between two events, asking again goes on where it stopped.

use std::collections::BTreeSet;

use crate::parents::{check_parents, purge};
use crate::place::{dispatch, dispatch_in_turn};
use crate::preempt::give_back;
use crate::{
    Closing, CoreSet, Dispatch, Execution, Fact, FailureCause, Grant, Job, JobError, JobId,
    JobKind, JobShare, NodeId, Phase, Run, SharePhase, Span, State, StopCause, TaskId, TaskKind,
    Then, validate,
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
            let filters = match matches!(job.phase, Phase::Submitted) {
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
            job.first_failure.as_deref().cloned(),
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
        JobKind::Command => dispatch_in_turn(state, job),
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
        let error = job.first_failure.as_deref().cloned();
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
    let last = job
        .node_trouble
        .as_deref()
        .cloned()
        .unwrap_or(JobError::NodesLost {
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
    let stays = matches!(job.phase, Phase::Running);
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
