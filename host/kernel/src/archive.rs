//! Ended jobs leave the live state for history, and come back when something is wanted of them.
//!
//! Memory follows live jobs. Which ended ones leave, and when, is for the host to say; that nothing live needs them any
//! more is decided here. A record of history is a [`Job`] as it was; the event carries all of it, so that a journal can keep
//! it without having followed the job.

use std::sync::Arc;

use crate::state::job_timers;
use crate::{Fact, Job, JobId, Phase, Rejection, State, Timestamp};

impl State {
    /// A job, to be kept beyond the state's next change.
    pub fn shared_job(&self, id: JobId) -> Option<Arc<Job>> {
        self.jobs.shared(id)
    }

    pub(crate) fn archived(&mut self, id: JobId) {
        if let Some(then) = self.ended_as(id) {
            self.gone.remember(id, then);
        }
        if let Some(job) = self.jobs.remove(&id) {
            for timer in job_timers(&job, &self.parameters) {
                self.timers.remove(&timer);
            }
        }
    }

    pub(crate) fn recalled(&mut self, job: &Arc<Job>) {
        self.gone.forget(job.id);
        self.timers.extend(job_timers(job, &self.parameters));
        self.jobs.insert(job.id, job.clone());
    }
}

/// Those that have ended; a job that was queued again meanwhile stays, and so does one that others wait for.
pub(crate) fn archive(state: &State, jobs: &[JobId]) -> Vec<Fact> {
    let ended = |id: &JobId| {
        let job = state.jobs.shared(*id);
        job.filter(|job| {
            matches!(job.phase, Phase::Ended(_)) && !state.children.contains_key(&job.id)
        })
    };
    let records = jobs.iter().filter_map(ended);
    records.map(|job| Fact::JobArchived { job }).collect()
}

/// A job that is live stays as it is.
pub(crate) fn recall(state: &State, job: &Arc<Job>) -> Result<Vec<Fact>, Rejection> {
    let was_here = job.id.0 >= 1 && job.id.0 <= state.last_job;
    if !was_here || !matches!(job.phase, Phase::Ended(_)) {
        return Err(Rejection::UnknownJob(job.id));
    }
    match state.job(job.id) {
        Some(_) => Ok(Vec::new()),
        None => Ok(vec![Fact::JobRecalled { job: job.clone() }]),
    }
}

/// A bound in the future is cut: what has not ended yet is not forgotten.
pub(crate) fn purge_history(ended_before: Timestamp, now: Timestamp) -> Vec<Fact> {
    vec![Fact::HistoryPurged {
        ended_before: ended_before.min(now),
    }]
}
