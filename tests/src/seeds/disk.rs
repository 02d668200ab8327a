//! What survives a crash: the events of the journal, and a snapshot now and then.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jobyard_journal::Record;
use jobyard_kernel::{Event, Fact, Job, JobId, State};

use super::Bug;
use super::numbers::Numbers;

/// The journal's disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Batches that are there for certain.
    batches: Vec<Arc<[Event]>>,
    /// Handed over, in order; a crash may keep any number of the first.
    writing: VecDeque<Arc<[Event]>>,
    /// Of the state after so many batches.
    snapshot: Option<(usize, Box<State>)>,
    /// By all that was handed over.
    handed_over: State,
}

impl Disk {
    pub(super) fn write(&mut self, batch: Arc<[Event]>) {
        batch.iter().for_each(|event| self.handed_over.apply(event));
        self.writing.push_back(batch);
    }

    /// The oldest write is done.
    pub(super) fn done(&mut self) -> Option<Arc<[Event]>> {
        let batch = self.writing.pop_front()?;
        self.batches.push(batch.clone());
        Some(batch)
    }

    /// How many events are durable.
    pub(super) fn events(&self) -> u64 {
        self.batches.iter().map(|batch| batch.len() as u64).sum()
    }

    /// Durable events from that number on, counted from 0.
    pub(super) fn after(&self, known: u64) -> Vec<Event> {
        let all = self.batches.iter().flat_map(|batch| batch.iter());
        all.skip(known as usize).cloned().collect()
    }

    /// How many events there are when all writes are done.
    pub(super) fn events_handed_over(&self) -> u64 {
        let writing = self.writing.iter().map(|batch| batch.len() as u64);
        self.events() + writing.sum::<u64>()
    }

    pub(super) fn is_writing(&self) -> bool {
        !self.writing.is_empty()
    }

    /// Keeps a state in which all that was ever handed over is done.
    pub(super) fn keep(&mut self, state: &State, bug: Option<Bug>) {
        if self.writing.is_empty() {
            let late = usize::from(bug == Some(Bug::SnapshotOfAnEarlierMoment));
            let old = self.snapshot.take().filter(|_| late == 1);
            let old = old.map(|(_, state)| state);
            let state = old.unwrap_or_else(|| Box::new(state.clone()));
            self.snapshot = Some((self.batches.len(), state));
        }
    }

    /// The host is gone: what of the writes under way is there, nobody knows before it is read.
    pub(super) fn crash(&mut self, n: &mut Numbers, bug: Option<Bug>) {
        for _ in 0..n.below(self.writing.len() as u32 + 1) {
            self.done();
        }
        self.writing.clear();
        if bug == Some(Bug::WritesThatVanish) {
            self.batches.pop();
        }
        if bug == Some(Bug::RecoverySkipsABatch) && self.batches.len() > 3 {
            self.batches.remove(self.batches.len() - 3);
            self.snapshot = None;
        }
    }

    /// The state by the snapshot and what came after it, and by all events from the beginning.
    pub(super) fn recover(&mut self) -> (State, State) {
        let (from, state) = match &self.snapshot {
            Some((from, state)) if *from <= self.batches.len() => (*from, (**state).clone()),
            Some(_) | None => (0, State::new()),
        };
        self.handed_over = replay(State::new(), &self.batches);
        (
            replay(state, &self.batches[from..]),
            self.handed_over.clone(),
        )
    }

    /// The state after everything that was handed over.
    pub(super) fn state(&self) -> &State {
        &self.handed_over
    }

    /// What history has durably: jobs that have left the live state, each with the number of the event.
    pub(super) fn history(&self, bug: Option<Bug>) -> BTreeMap<JobId, Record> {
        let mut records: BTreeMap<JobId, Record> = BTreeMap::new();
        let mut oldest: BTreeMap<JobId, Arc<Job>> = BTreeMap::new();
        let events = self.batches.iter().flat_map(|batch| batch.iter());
        for (archived, event) in (1..).zip(events) {
            if let Fact::JobArchived { job } = &event.fact {
                let first = oldest.entry(job.id).or_insert_with(|| job.clone());
                let job = match bug {
                    Some(Bug::HistoryIsOutOfDate) => first.clone(),
                    Some(_) | None => job.clone(),
                };
                records.insert(job.id, Record { job, archived });
            } else if let Fact::JobRecalled { job } = &event.fact {
                records.remove(&job.id);
            } else if let Fact::HistoryPurged { ended_before } = &event.fact {
                let ended = |job: &Job| job.times.ended.is_some_and(|at| at < *ended_before);
                records.retain(|_, record| !ended(&record.job));
            }
        }
        records
    }
}

fn replay(mut state: State, batches: &[Arc<[Event]>]) -> State {
    for event in batches.iter().flat_map(|batch| batch.iter()) {
        state.apply(event);
    }
    state
}
