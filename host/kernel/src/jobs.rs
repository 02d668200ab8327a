//! The jobs of a state, by id. A copy of all of them costs a pointer for each page of them; what is changed afterwards is copied then,
//! once.

use std::collections::BTreeMap;
use std::ops::Index;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};

use crate::{Job, JobId};

/// Shared with copies of the state until they change: a snapshot is written from a copy while the state goes on.
///
/// Ids count up, so those that are alive are close together: a page holds the jobs of [`PAGE`] ids in a row, and looking one up
/// is a search among few pages. No page is empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Jobs {
    pages: BTreeMap<u32, Arc<Page>>,
    len: usize,
}

const PAGE: u32 = 64;

#[derive(Debug, Clone, PartialEq)]
struct Page {
    jobs: [Option<Arc<Job>>; PAGE as usize],
    len: u32,
}

impl Default for Page {
    fn default() -> Self {
        Page {
            jobs: [const { None }; PAGE as usize],
            len: 0,
        }
    }
}

/// Page and place of a job.
fn place(id: JobId) -> (u32, usize) {
    (id.0 / PAGE, (id.0 % PAGE) as usize)
}

impl Jobs {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn pointer(&self, id: JobId) -> Option<&Arc<Job>> {
        let (page, place) = place(id);
        self.pages.get(&page)?.jobs[place].as_ref()
    }

    pub(crate) fn get(&self, id: &JobId) -> Option<&Job> {
        self.pointer(*id).map(Arc::as_ref)
    }

    pub(crate) fn get_mut(&mut self, id: &JobId) -> Option<&mut Job> {
        let (page, place) = place(*id);
        let page = Arc::make_mut(self.pages.get_mut(&page)?);
        page.jobs[place].as_mut().map(Arc::make_mut)
    }

    pub(crate) fn insert(&mut self, id: JobId, job: impl Into<Arc<Job>>) {
        let (page, place) = place(id);
        let page = Arc::make_mut(self.pages.entry(page).or_default());
        if page.jobs[place].replace(job.into()).is_none() {
            page.len += 1;
            self.len += 1;
        }
    }

    pub(crate) fn remove(&mut self, id: &JobId) -> Option<Arc<Job>> {
        let (number, place) = place(*id);
        let page = Arc::make_mut(self.pages.get_mut(&number)?);
        let job = page.jobs[place].take()?;
        page.len -= 1;
        self.len -= 1;
        if page.len == 0 {
            self.pages.remove(&number);
        }
        Some(job)
    }

    /// By id.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Job> {
        let pages = self.pages.values();
        pages.flat_map(|page| page.jobs.iter().flatten().map(Arc::as_ref))
    }

    /// Those with an id above this one, by id.
    pub(crate) fn after(&self, id: JobId) -> impl Iterator<Item = &Job> {
        let pages = self.pages.range(place(id).0..);
        let jobs = pages.flat_map(|(_, page)| page.jobs.iter().flatten().map(Arc::as_ref));
        jobs.skip_while(move |job| job.id <= id)
    }

    /// Those with an id below this one, the highest first.
    pub(crate) fn before(&self, id: JobId) -> impl Iterator<Item = &Job> {
        let pages = self.pages.range(..=place(id).0).rev();
        let jobs = pages.flat_map(|(_, page)| page.jobs.iter().rev().flatten().map(Arc::as_ref));
        jobs.skip_while(move |job| job.id >= id)
    }

    /// To be kept beyond the state's next change.
    pub(crate) fn shared(&self, id: JobId) -> Option<Arc<Job>> {
        self.pointer(id).cloned()
    }
}

impl Index<&JobId> for Jobs {
    type Output = Job;

    fn index(&self, id: &JobId) -> &Job {
        self.get(id).expect("the job is there")
    }
}

/// As a map whose length is known beforehand.
impl Serialize for Jobs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len))?;
        for job in self.values() {
            map.serialize_entry(&job.id, job)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Jobs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let jobs = BTreeMap::<JobId, Arc<Job>>::deserialize(deserializer)?;
        let mut these = Jobs::default();
        jobs.into_iter().for_each(|(id, job)| these.insert(id, job));
        Ok(these)
    }
}
