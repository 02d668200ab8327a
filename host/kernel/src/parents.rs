//! Jobs that wait for other jobs (`ParentJobIds`): which have finished, which never will, and who waits for whom.
//!
//! A job leaves the queue only when all of its parents have finished. One that failed or was canceled holds it up until
//! it is queued again and finishes; one that is forgotten unfinished never will, and its children are canceled.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::limits::PARENT_JOBS_MAX;
use crate::{
    Closing, Fact, Invalid, Job, JobError, JobId, JobKind, JobSpec, Phase, RangeSet, Span, State,
    StopCause, Then,
};

/// How jobs ended that are no longer in memory: a few numbers for any number of jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Gone {
    finished: RangeSet,
    failed: RangeSet,
    canceled: RangeSet,
}

impl Gone {
    pub(crate) fn remember(&mut self, job: JobId, then: Then) {
        let set = match then {
            Then::Finished => &mut self.finished,
            Then::Failed => &mut self.failed,
            Then::Canceled => &mut self.canceled,
            // Not an end.
            Then::Queued => return,
        };
        set.insert(job.0);
    }

    /// It is in memory again.
    pub(crate) fn forget(&mut self, job: JobId) {
        for set in [&mut self.finished, &mut self.failed, &mut self.canceled] {
            set.remove(job.0);
        }
    }

    fn ended_as(&self, job: JobId) -> Option<Then> {
        let sets = [
            (&self.finished, Then::Finished),
            (&self.failed, Then::Failed),
            (&self.canceled, Then::Canceled),
        ];
        let found = sets.into_iter().find(|(set, _)| set.contains(job.0));
        found.map(|(_, then)| then)
    }
}

impl State {
    /// How a job ended, also of one that has left memory; none for one that has not ended, was deleted, or never was.
    pub fn ended_as(&self, id: JobId) -> Option<Then> {
        match self.job(id) {
            Some(Job {
                phase: Phase::Ended(then),
                ..
            }) => Some(*then),
            Some(_) => None,
            None => self.gone.ended_as(id),
        }
    }

    /// The parents of a job that have not finished.
    pub(crate) fn unfinished_parents(&self, spec: &JobSpec) -> BTreeSet<JobId> {
        let parents = spec.parent_jobs.iter().copied();
        parents
            .filter(|&parent| self.ended_as(parent) != Some(Then::Finished))
            .collect()
    }

    /// Derived: who waits for whom, made from scratch. What `apply` keeps must equal it.
    pub(crate) fn derive_children(&self) -> BTreeMap<JobId, BTreeSet<JobId>> {
        let mut children: BTreeMap<JobId, BTreeSet<JobId>> = BTreeMap::new();
        for job in self.jobs.values() {
            for parent in &job.open_parents {
                children.entry(*parent).or_default().insert(job.id);
            }
        }
        children
    }
}

/// Whether a job's parents are there, are submitted, can still finish, and do not wait for it. Done when it is submitted.
pub fn check_parents(state: &State, id: JobId, spec: &JobSpec) -> Result<(), Invalid> {
    if spec.parent_jobs.is_empty() {
        return Ok(());
    }
    for &parent in &spec.parent_jobs {
        match (state.job(parent), state.ended_as(parent)) {
            (None, None) => return Err(Invalid::UnknownParent { parent }),
            (None, Some(Then::Finished)) | (Some(_), Some(_)) => {}
            (None, Some(how @ (Then::Failed | Then::Canceled | Then::Queued))) => {
                let how = Some(how);
                return Err(Invalid::ParentGone { parent, how });
            }
            (Some(job), None) if job.phase == Phase::Configuring && parent != id => {
                return Err(Invalid::ParentNotSubmitted { parent });
            }
            (Some(_), None) => {}
        }
    }
    match circle(state, id, spec) {
        Some(circle) => Err(Invalid::ParentCycle { circle }),
        None => Ok(()),
    }
}

/// What can be said of parents without a cluster.
pub(crate) fn check_parents_form(spec: &JobSpec) -> Result<(), Invalid> {
    let count = spec.parent_jobs.len();
    if count > PARENT_JOBS_MAX {
        return Err(Invalid::TooManyParents { count });
    }
    match spec.kind {
        JobKind::Command if count > 0 => Err(Invalid::CommandJobDepends),
        JobKind::Command | JobKind::Batch => Ok(()),
    }
}

/// A way from a job over its parents back to itself. Depth-first without recursion: a chain may be as long as there are jobs.
fn circle(state: &State, id: JobId, spec: &JobSpec) -> Option<Vec<JobId>> {
    let mut seen = BTreeSet::new();
    let mut path = vec![(id, spec.parent_jobs.iter())];
    while let Some((_, rest)) = path.last_mut() {
        match rest.next() {
            Some(&next) if next == id => {
                let ids = path.iter().map(|(job, _)| *job);
                return Some(ids.chain([id]).collect());
            }
            Some(&next) if seen.insert(next) => {
                let waits = state
                    .job(next)
                    .filter(|_| state.ended_as(next) != Some(Then::Finished));
                path.extend(waits.map(|job| (next, job.spec.parent_jobs.iter())));
            }
            Some(_) => {}
            None => drop(path.pop()),
        }
    }
    None
}

/// Forgets an ended job. Where it did not finish, those that wait for it wait in vain: they are canceled; `ending` has those
/// that are already.
pub(crate) fn purge(
    state: &State,
    job: JobId,
    ending: &mut BTreeSet<JobId>,
    facts: &mut Vec<Fact>,
) {
    if state.ended_as(job) != Some(Then::Finished) {
        let closing = Closing {
            then: Then::Canceled,
            cause: StopCause::JobCanceled,
            grace: Some(Span::ZERO),
            release: false,
            told: false,
        };
        let children = state.children.get(&job).into_iter().flatten();
        let new = children.filter(|&&child| ending.insert(child));
        facts.extend(new.map(|&child| Fact::JobEnding {
            job: child,
            closing,
            error: Some(JobError::ParentDeleted { parent: job }),
        }));
    }
    facts.push(Fact::JobPurged { job });
}
