//! Where events are kept: the [`Journal`] trait and its in-memory form.
//!
//! A journal has one writer, numbers events from 1 without gaps, and knows nothing of what they mean. The engine appends on a
//! thread of its own and acknowledges nothing before `append` has returned. A durable journal comes behind the same trait, so
//! nothing in it may be true of memory only.

mod memory;

use jobyard_kernel::{Event, State};

pub use memory::MemoryJournal;

/// The number of an event in its journal, from 1; 0 is before the first.
pub type Sequence = u64;

/// Keeps events, in order, for ever or until a snapshot covers them.
pub trait Journal: Send + 'static {
    /// Appends a batch, all or nothing, and returns the number of its last event when it is durable.
    ///
    /// # Errors
    /// Nothing of the batch was kept. The writer must not go on as if it was.
    fn append(&mut self, batch: &[Event]) -> Result<Sequence, JournalError>;

    /// Up to `limit` events from number `from` on, in order.
    ///
    /// # Errors
    /// [`JournalError::Compacted`] when `from` is older than what is kept.
    fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Event>, JournalError>;

    /// The number of the last event; 0 when there is none.
    fn last(&self) -> Sequence;

    /// Keeps the state as it is after event `at`. Events up to there may be dropped.
    ///
    /// # Errors
    /// An older snapshot, if there was one, still holds.
    fn save_snapshot(&mut self, at: Sequence, state: &State) -> Result<(), JournalError>;

    /// The latest snapshot and the number of the event that it follows.
    ///
    /// # Errors
    /// It is there and cannot be read.
    fn snapshot(&self) -> Result<Option<(Sequence, State)>, JournalError>;
}

/// Why a journal could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Events that were asked for are covered by a snapshot and gone.
    #[error("event {asked} is gone; the oldest that is kept is {oldest}")]
    Compacted {
        /// The number that was asked for.
        asked: Sequence,
        /// The oldest that there is.
        oldest: Sequence,
    },
    /// A snapshot of a state that the journal has not reached.
    #[error("a snapshot after event {at} cannot be kept: the last event is {last}")]
    SnapshotAhead {
        /// Where it was said to be.
        at: Sequence,
        /// The last event.
        last: Sequence,
    },
    /// The place where events are kept failed; the text names it.
    #[error("{0}")]
    Storage(String),
}

/// The state that a journal holds: its latest snapshot, and all events after it applied.
///
/// # Errors
/// What the journal says when it cannot be read.
pub fn replay(journal: &dyn Journal) -> Result<State, JournalError> {
    let (mut at, mut state) = journal.snapshot()?.unwrap_or_default();
    while at < journal.last() {
        let events = journal.read(at + 1, REPLAY_BATCH)?;
        if events.is_empty() {
            break;
        }
        at += events.len() as Sequence;
        events.iter().for_each(|event| state.apply(event));
    }
    Ok(state)
}

/// Events that are read at a time in a replay.
const REPLAY_BATCH: usize = 4_096;
