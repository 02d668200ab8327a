//! The jobs of a state, by id. A copy of all of them costs a pointer each; what is changed afterwards is copied then, once.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::ops::Index;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Job, JobId};

/// Shared with copies of the state until they change: a snapshot is written from a copy while the state goes on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Jobs(BTreeMap<JobId, Arc<Job>>);

impl Jobs {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, id: &JobId) -> Option<&Job> {
        self.0.get(id).map(Arc::as_ref)
    }

    pub(crate) fn get_mut(&mut self, id: &JobId) -> Option<&mut Job> {
        self.0.get_mut(id).map(Arc::make_mut)
    }

    pub(crate) fn insert(&mut self, id: JobId, job: impl Into<Arc<Job>>) {
        self.0.insert(id, job.into());
    }

    pub(crate) fn remove(&mut self, id: &JobId) -> Option<Arc<Job>> {
        self.0.remove(id)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Job> {
        self.0.values().map(Arc::as_ref)
    }

    /// Those with an id above this one.
    pub(crate) fn after(&self, id: JobId) -> impl Iterator<Item = &Job> {
        let above = self.0.range((Excluded(id), Unbounded));
        above.map(|(_, job)| job.as_ref())
    }

    /// To be kept beyond the state's next change.
    pub(crate) fn shared(&self, id: JobId) -> Option<Arc<Job>> {
        self.0.get(&id).cloned()
    }
}

impl Index<&JobId> for Jobs {
    type Output = Job;

    fn index(&self, id: &JobId) -> &Job {
        &self.0[id]
    }
}
