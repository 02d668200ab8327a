//! What survives a crash: the events of the journal, and a snapshot now and then.

use std::collections::VecDeque;
use std::sync::Arc;

use jobyard_kernel::{Event, State};

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
}

impl Disk {
    pub(super) fn write(&mut self, batch: Arc<[Event]>) {
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
    pub(super) fn handed_over(&self) -> u64 {
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
        for _ in 0..n.below(self.writing.len() as u64 + 1) {
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
    pub(super) fn recover(&self) -> (State, State) {
        let (from, state) = match &self.snapshot {
            Some((from, state)) if *from <= self.batches.len() => (*from, (**state).clone()),
            Some(_) | None => (0, State::new()),
        };
        (
            replay(state, &self.batches[from..]),
            replay(State::new(), &self.batches),
        )
    }

    /// The state after everything that was handed over.
    pub(super) fn as_handed_over(&self) -> State {
        let state = replay(State::new(), &self.batches);
        self.writing.iter().fold(state, |state, batch| {
            replay(state, std::slice::from_ref(batch))
        })
    }
}

fn replay(mut state: State, batches: &[Arc<[Event]>]) -> State {
    for event in batches.iter().flat_map(|batch| batch.iter()) {
        state.apply(event);
    }
    state
}
