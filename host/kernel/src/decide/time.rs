//! What is due without anybody asking.

use crate::parents::purge;
use crate::{Closing, Fact, HeldBy, JobError, JobId, State, StopCause, Then, Timer, Timestamp};

/// What is due by now, oldest first; each timer goes with what it causes.
pub(super) fn due(state: &State, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut ending = std::collections::BTreeSet::new();
    for &(_, timer) in state.timers.range(..=(now, Timer::Purge(JobId(u32::MAX)))) {
        match timer {
            Timer::JobRuntime(id) => {
                let job = &state.jobs[&id];
                let closing = Closing {
                    then: Then::Canceled,
                    cause: StopCause::JobRuntimeExpired,
                    grace: Some(state.parameters.task_cancel_grace),
                    release: true,
                    told: false,
                };
                let limit = job.spec.runtime.unwrap_or_default();
                let error = Some(JobError::RuntimeExpired { limit });
                facts.push(Fact::JobEnding {
                    job: id,
                    closing,
                    error,
                });
                ending.insert(id);
            }
            // All that its job runs is stopped in any case.
            Timer::TaskRuntime(execution) if ending.contains(&execution.job) => {}
            Timer::TaskRuntime(execution) => facts.push(Fact::StopRequested {
                job: execution.job,
                executions: vec![execution],
                cause: StopCause::RuntimeExpired,
                grace: state.parameters.task_cancel_grace,
            }),
            Timer::Hold(job) if !ending.contains(&job) => {
                facts.push(Fact::HoldSet {
                    job,
                    until: None,
                    by: HeldBy::User,
                });
            }
            Timer::Hold(_) => {}
            Timer::Activation(job) if !ending.contains(&job) => {
                facts.extend(super::filters::due(&state.jobs[&job]));
            }
            Timer::Activation(_) => {}
            Timer::Purge(job) => purge(state, job, &mut ending, &mut facts),
        }
    }
    facts
}
