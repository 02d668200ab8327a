//! What a node's report comes to: exit codes, retries, and the cause of a stop decide what an instance becomes.

use crate::limits::ERROR_TEXT_BYTES_MAX;
use crate::{
    Again, CancelCause, Ending, Execution, Fact, FailureCause, FromNode, Job, JobKind, Outcome,
    Phase, Rejection, Run, State, StopCause, Task, TaskKind, Then, Verdict,
};

/// Codes of `failure` in `wit/work.wit` that are the work's own fault: trying again would fail again.
const OWN_FAULT: std::ops::RangeInclusive<u32> = 1..=3;

pub(crate) fn decide(state: &State, report: &FromNode) -> Result<Vec<Fact>, Rejection> {
    match report {
        FromNode::Started { execution } => {
            let (_, _, run) = state
                .run(*execution)
                .ok_or(Rejection::StaleReport(*execution))?;
            let started = Fact::WorkStarted {
                execution: *execution,
            };
            Ok(if run.started.is_some() {
                Vec::new()
            } else {
                vec![started]
            })
        }
        FromNode::Ended {
            execution,
            ending,
            output_tail: _,
        } => {
            let (job, task, run) = state
                .run(*execution)
                .ok_or(Rejection::StaleReport(*execution))?;
            let (code, error) = match ending {
                Ending::Exited { code } => (Some(*code), None),
                Ending::Stopped { code } => (*code, None),
                Ending::Failed { text, .. } => (None, Some(cut(text))),
                Ending::Lost => (None, Some("its node lost it".to_string())),
            };
            let verdict = match task.spec.kind {
                TaskKind::Basic | TaskKind::Sweep { .. } => {
                    verdict(state, job, task, run, *execution, ending)
                }
                TaskKind::Service => {
                    of_service(verdict(state, job, task, run, *execution, ending), code)
                }
                TaskKind::NodePrepare | TaskKind::NodeRelease => {
                    Verdict::Ended(node_outcome(run, ending))
                }
            };
            Ok(vec![Fact::WorkEnded {
                execution: *execution,
                verdict,
                code,
                error,
            }])
        }
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(ERROR_TEXT_BYTES_MAX)].to_string()
}

/// Node prepare and node release tasks: exit code 0 is success, and they are never tried again.
fn node_outcome(run: &Run, ending: &Ending) -> Outcome {
    let failed = |cause, code| Outcome::Failed { cause, code };
    match (ending, &run.stop) {
        (Ending::Exited { code: 0 }, _) => Outcome::Finished { code: Some(0) },
        (Ending::Exited { code }, _) => failed(FailureCause::ExitCode, Some(*code)),
        (Ending::Stopped { code }, Some(stop)) => failed(stopped(stop.cause), *code),
        (Ending::Stopped { code }, None) => failed(FailureCause::System, *code),
        (Ending::Failed { .. } | Ending::Lost, _) => failed(FailureCause::System, None),
    }
}

fn verdict(
    state: &State,
    job: &Job,
    task: &Task,
    run: &Run,
    execution: Execution,
    ending: &Ending,
) -> Verdict {
    let tries = task
        .tries
        .get(&execution.instance)
        .copied()
        .unwrap_or_default();
    // A job that is being ended starts nothing again.
    let goes_on = match &job.phase {
        Phase::Ending(closing) => closing.then == Then::Queued,
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Queued
        | Phase::Running
        | Phase::Ended(_) => true,
    };
    let goes_on = goes_on && job.spec.kind == JobKind::Batch;
    let system_error = || match goes_on
        && task.spec.rerunnable
        && tries.after_system_error < state.parameters.task_retry_count
    {
        true => Verdict::Again(Again::SystemError),
        false => failed(FailureCause::System, None),
    };
    match (ending, &run.stop) {
        // It ended by itself, maybe while a stop was on its way: then that is what happened.
        (Ending::Exited { code }, stop) => {
            let valid = task
                .spec
                .valid_exit_codes
                .as_ref()
                .or(job.spec.valid_exit_codes.as_ref());
            if valid.map_or(*code == 0, |codes| codes.contains(*code)) {
                return Verdict::Ended(Outcome::Finished { code: Some(*code) });
            }
            match stop {
                Some(stop) => after_stop(task, goes_on, stop.cause, Some(*code)),
                None if goes_on && tries.after_failure < job.spec.task_retry_limit => {
                    Verdict::Again(Again::Failure)
                }
                None => failed(FailureCause::ExitCode, Some(*code)),
            }
        }
        (Ending::Stopped { code }, Some(stop)) => after_stop(task, goes_on, stop.cause, *code),
        (Ending::Failed { .. } | Ending::Lost, Some(stop)) => {
            after_stop(task, goes_on, stop.cause, None)
        }
        (Ending::Failed { code, .. }, None) if OWN_FAULT.contains(code) => {
            failed(FailureCause::System, None)
        }
        (Ending::Failed { .. } | Ending::Lost | Ending::Stopped { .. }, None) => system_error(),
    }
}

/// An instance of a service is not run again: another takes its place.
fn of_service(verdict: Verdict, code: Option<i32>) -> Verdict {
    match verdict {
        Verdict::Again(Again::Failure) => failed(FailureCause::ExitCode, code),
        Verdict::Again(Again::SystemError | Again::Preemption | Again::Request) => {
            Verdict::Ended(Outcome::Canceled {
                cause: CancelCause::Replaced,
            })
        }
        Verdict::Ended(outcome) => Verdict::Ended(outcome),
    }
}

fn failed(cause: FailureCause, code: Option<i32>) -> Verdict {
    Verdict::Ended(Outcome::Failed { cause, code })
}

/// What a stopped instance becomes.
fn after_stop(task: &Task, goes_on: bool, cause: StopCause, code: Option<i32>) -> Verdict {
    match cause {
        StopCause::TaskFinished | StopCause::JobFinished => {
            Verdict::Ended(Outcome::Finished { code })
        }
        StopCause::ServiceConcluded => Verdict::Ended(Outcome::Canceled {
            cause: CancelCause::ServiceConcluded,
        }),
        StopCause::TaskRequeued | StopCause::JobRequeued if goes_on => {
            Verdict::Again(Again::Request)
        }
        StopCause::Preempted if goes_on && task.spec.rerunnable => {
            Verdict::Again(Again::Preemption)
        }
        StopCause::NodeNotUsable if goes_on && task.spec.rerunnable => {
            Verdict::Again(Again::Request)
        }
        StopCause::SystemError if goes_on && task.spec.rerunnable => {
            Verdict::Again(Again::SystemError)
        }
        StopCause::TaskCanceled
        | StopCause::TaskRequeued
        | StopCause::RuntimeExpired
        | StopCause::JobCanceled
        | StopCause::JobRequeued
        | StopCause::JobRuntimeExpired
        | StopCause::JobFailed
        | StopCause::Preempted
        | StopCause::NodeNotUsable
        | StopCause::SystemError => failed(stopped(cause), code),
    }
}

fn stopped(cause: StopCause) -> FailureCause {
    match cause {
        StopCause::TaskCanceled
        | StopCause::TaskRequeued
        | StopCause::TaskFinished
        | StopCause::ServiceConcluded => FailureCause::Canceled,
        StopCause::RuntimeExpired => FailureCause::RuntimeExpired,
        StopCause::JobCanceled | StopCause::JobFinished | StopCause::JobRequeued => {
            FailureCause::JobCanceled
        }
        StopCause::JobRuntimeExpired => FailureCause::JobRuntimeExpired,
        StopCause::JobFailed => FailureCause::JobFailed,
        StopCause::Preempted => FailureCause::Preempted,
        StopCause::NodeNotUsable => FailureCause::NodeNotUsable,
        StopCause::SystemError => FailureCause::System,
    }
}
