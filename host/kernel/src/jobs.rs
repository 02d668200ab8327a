//! The jobs of a state, by id. A copy of all of them costs a pointer for each page of them; what is changed afterwards is copied then,
//! once.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Index;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};

use crate::{Job, JobId};

/// Shared with copies of the state until they change: a snapshot is written from a copy while the state goes on.
///
/// Ids count up, so those that are alive are close together: a page holds the jobs of [`PAGE`] ids in a row, and looking one up is two
/// steps. A page without jobs is a null pointer, and there is none before the first job and behind the last.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Jobs {
    pages: VecDeque<Option<Arc<Page>>>,
    /// The number of the first page.
    first: u32,
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
        let page = self.pages.get(page.wrapping_sub(self.first) as usize)?;
        page.as_ref()?.jobs[place].as_ref()
    }

    pub(crate) fn get(&self, id: &JobId) -> Option<&Job> {
        self.pointer(*id).map(Arc::as_ref)
    }

    fn page_mut(&mut self, page: u32) -> Option<&mut Page> {
        let page = self.pages.get_mut(page.wrapping_sub(self.first) as usize)?;
        page.as_mut().map(Arc::make_mut)
    }

    pub(crate) fn get_mut(&mut self, id: &JobId) -> Option<&mut Job> {
        let (page, place) = place(*id);
        self.page_mut(page)?.jobs[place].as_mut().map(Arc::make_mut)
    }

    pub(crate) fn insert(&mut self, id: JobId, job: impl Into<Arc<Job>>) {
        let (page, place) = place(id);
        if self.pages.is_empty() {
            self.first = page;
        }
        while page < self.first {
            self.pages.push_front(None);
            self.first -= 1;
        }
        let at = (page - self.first) as usize;
        if at >= self.pages.len() {
            self.pages.resize(at + 1, None);
        }
        let page = Arc::make_mut(self.pages[at].get_or_insert_default());
        if page.jobs[place].replace(job.into()).is_none() {
            page.len += 1;
            self.len += 1;
        }
    }

    pub(crate) fn remove(&mut self, id: &JobId) -> Option<Arc<Job>> {
        let (number, place) = place(*id);
        let page = self.page_mut(number)?;
        let job = page.jobs[place].take()?;
        page.len -= 1;
        let is_empty = page.len == 0;
        self.len -= 1;
        if is_empty {
            self.pages[(number - self.first) as usize] = None;
            while self.pages.pop_front_if(|page| page.is_none()).is_some() {
                self.first += 1;
            }
            while self.pages.pop_back_if(|page| page.is_none()).is_some() {}
        }
        if self.len == 0 {
            self.first = 0;
        }
        Some(job)
    }

    /// By id.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Job> {
        let pages = self.pages.iter().flatten();
        pages.flat_map(|page| page.jobs.iter().flatten().map(Arc::as_ref))
    }

    /// Those with an id above this one, by id.
    pub(crate) fn after(&self, id: JobId) -> impl Iterator<Item = &Job> {
        let from = place(id).0.saturating_sub(self.first) as usize;
        let pages = self.pages.iter().skip(from).flatten();
        let jobs = pages.flat_map(|page| page.jobs.iter().flatten().map(Arc::as_ref));
        jobs.skip_while(move |job| job.id <= id)
    }

    /// Those with an id below this one, the highest first.
    pub(crate) fn before(&self, id: JobId) -> impl Iterator<Item = &Job> {
        let pages = (place(id).0 + 1).saturating_sub(self.first) as usize;
        let pages = self.pages.iter().take(pages).rev().flatten();
        let jobs = pages.flat_map(|page| page.jobs.iter().rev().flatten().map(Arc::as_ref));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, Command, JobSpec, State, Timestamp, step};

    fn some_job() -> Job {
        let (mut state, by) = (State::new(), Actor::administrator("root"));
        let (spec, tasks) = (Arc::new(JobSpec::default()), Vec::new());
        let add = Command::AddJob { by, spec, tasks };
        step(&mut state, &add, Timestamp(0), &mut Vec::new()).expect("a good job");
        state.jobs[&JobId(1)].clone()
    }

    fn of(ids: &[u32]) -> Jobs {
        let mut jobs = Jobs::default();
        for &id in ids {
            let job = Job {
                id: JobId(id),
                ..some_job()
            };
            jobs.insert(JobId(id), job);
        }
        jobs
    }

    fn ids<'a>(jobs: impl Iterator<Item = &'a Job>) -> Vec<u32> {
        jobs.map(|job| job.id.0).collect()
    }

    #[test]
    fn gaps_and_an_old_job_that_comes_back_are_no_matter() {
        // Pages 0, 1, 15 and 16, and 62: the first comes last.
        let mut jobs = of(&[70, 1_000, 1_024, 4_000, 3]);
        assert_eq!(
            (ids(jobs.values()), jobs.len()),
            (vec![3, 70, 1_000, 1_024, 4_000], 5)
        );
        assert_eq!(ids(jobs.after(JobId(70))), [1_000, 1_024, 4_000]);
        assert_eq!(ids(jobs.after(JobId(500))), [1_000, 1_024, 4_000]);
        assert_eq!(ids(jobs.after(JobId(u32::MAX))), [0; 0]);
        assert_eq!(ids(jobs.before(JobId(1_024))), [1_000, 70, 3]);
        assert_eq!(
            ids(jobs.before(JobId(u32::MAX))),
            [4_000, 1_024, 1_000, 70, 3]
        );
        assert_eq!(ids(jobs.before(JobId(0))), [0; 0]);
        for id in [0, 2, 64, 500, 4_001, u32::MAX] {
            assert!(jobs.get(&JobId(id)).is_none(), "{id}");
            assert!(jobs.get_mut(&JobId(id)).is_none(), "{id}");
            assert!(jobs.remove(&JobId(id)).is_none(), "{id}");
        }
        assert!(jobs.remove(&JobId(3)).is_some() && jobs.remove(&JobId(4_000)).is_some());
        assert_eq!(jobs, of(&[70, 1_000, 1_024]), "whatever else was there");
        assert_eq!(jobs.pages.len(), 16, "from the first to the last");
        assert_eq!(ids(jobs.before(JobId(70))), [0; 0]);
        for id in [1_000, 70, 1_024] {
            assert!(jobs.remove(&JobId(id)).is_some());
        }
        assert_eq!(jobs, Jobs::default());
        assert_eq!(ids(jobs.after(JobId(0))), [0; 0]);
    }
}
