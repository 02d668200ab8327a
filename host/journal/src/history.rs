//! Jobs that have ended and left the live state: looked up by id, listed by owner, state, name and time.

use std::sync::Arc;

use jobyard_kernel::{Job, JobError, JobId, JobState, Timestamp};

use crate::{JournalError, Sequence};

/// Jobs on one page at most.
pub const PAGE_MAX: usize = 1_000;

/// Reads history, beside the one writer of its journal. It shows what is durable.
pub trait History: std::fmt::Debug + Send + 'static {
    /// A job of history, whole.
    ///
    /// # Errors
    /// It is there and cannot be read.
    fn job(&self, id: JobId) -> Result<Option<Record>, JournalError>;

    /// A policy component by its digest.
    ///
    /// # Errors
    /// It is there and cannot be read.
    fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError>;

    /// Those that fit, the one that ended last first, a page at a time.
    ///
    /// # Errors
    /// History cannot be read.
    fn jobs(&self, query: &Query) -> Result<Page, JournalError>;

    /// A time up to `until` before which at most about `limit` jobs ended, and at least one; none if there is none.
    /// For purging a bearable number at a time.
    ///
    /// # Errors
    /// History cannot be read.
    fn purge_bound(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Option<Timestamp>, JournalError>;
}

/// A job as it was when it left the live state.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// All of it.
    pub job: Arc<Job>,
    /// The event with which it left: of two records of one job, the later has the higher number.
    pub archived: Sequence,
}

/// Which jobs; what is not said fits all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Of this owner.
    pub owner: Option<String>,
    /// Of exactly this name.
    pub name: Option<String>,
    /// Finished, Failed or Canceled.
    pub state: Option<JobState>,
    /// Ended at this time or later.
    pub ended_from: Option<Timestamp>,
    /// Ended before this time.
    pub ended_before: Option<Timestamp>,
    /// Only what comes after this place: [`Page::next`] of the page before.
    pub after: Option<Place>,
    /// Jobs on the page; 0, and what is above [`PAGE_MAX`], is [`PAGE_MAX`].
    pub limit: usize,
}

/// A place in the order of history: later ends first, and of those the higher id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When the job ended.
    pub ended: Timestamp,
    /// The job.
    pub job: JobId,
}

/// Some of the jobs that fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// At most as many as were asked for.
    pub jobs: Vec<Summary>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<Place>,
}

/// What a list shows of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub id: JobId,
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// Whose it is.
    pub owner: String,
    /// Finished, Failed or Canceled.
    pub state: JobState,
    /// Its priority.
    pub priority: u32,
    /// When it was added.
    pub created: Timestamp,
    /// When it was submitted last.
    pub submitted: Option<Timestamp>,
    /// When it started last.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Timestamp,
    /// What went wrong, or what the one who ended it said.
    pub error: String,
    /// HPC Pack's number of the error.
    pub error_code: Option<u32>,
    /// How often it was queued again.
    pub requeues: u32,
    /// Instances of its tasks that finished, failed and were canceled.
    pub instances: [u64; 3],
}

impl Summary {
    /// Of a job.
    pub fn of(job: &Job) -> Self {
        Summary {
            id: job.id,
            name: job.spec.name.clone(),
            project: job.spec.project.clone(),
            owner: job.spec.owner.clone(),
            state: job.state(),
            priority: job.spec.priority,
            created: job.times.created,
            submitted: job.times.submitted,
            started: job.times.started,
            // A job of history has ended; for others the latest time that is known.
            ended: job.times.ended.unwrap_or(job.times.created),
            error: job.error_message(),
            error_code: job.error.as_deref().map(JobError::code),
            requeues: job.requeue_count,
            instances: [job.counts.finished, job.counts.failed, job.counts.canceled],
        }
    }

    /// Where it stands in the order of history.
    pub fn place(&self) -> Place {
        Place {
            ended: self.ended,
            job: self.id,
        }
    }
}

impl Query {
    /// Whether a job fits, wherever the page begins.
    pub fn fits(&self, job: &Summary) -> bool {
        let is =
            |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|w| w == value);
        is(&self.owner, &job.owner)
            && is(&self.name, &job.name)
            && self.state.is_none_or(|state| state == job.state)
            && self.ended_from.is_none_or(|from| job.ended >= from)
            && self.ended_before.is_none_or(|before| job.ended < before)
    }

    pub(crate) fn page_size(&self) -> usize {
        match self.limit {
            0 => PAGE_MAX,
            some => some.min(PAGE_MAX),
        }
    }
}

impl Page {
    /// Of those that fit, of which one more than the page holds may be there.
    pub(crate) fn of(mut jobs: Vec<Summary>, size: usize) -> Self {
        let more = jobs.len() > size;
        jobs.truncate(size);
        let next = jobs.last().map(Summary::place).filter(|_| more);
        Page { jobs, next }
    }
}
