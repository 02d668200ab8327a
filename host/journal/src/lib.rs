//! Where events are kept: the [`Journal`] trait, its SQLite form and its form in memory.
//!
//! A journal has one writer, numbers events from 1 without gaps, and knows of what they mean only what its history shows.
//! The engine appends on a thread of its own and acknowledges nothing before `append` has returned. Nothing in the trait is
//! true of SQLite only, or of memory only.

mod error;
pub mod format;
pub mod history;
mod memory;
pub mod sqlite;

use jobyard_kernel::{Event, State};

pub use error::JournalError;
pub use history::{History, Query, Record};
pub use memory::MemoryJournal;
pub use sqlite::SqliteJournal;

/// The number of an event in its journal, from 1; 0 is before the first.
pub type Sequence = u64;

/// Keeps events, in order, for ever or until a snapshot covers them.
pub trait Journal: Send + 'static {
    /// Appends a batch, all or nothing, and returns the number of its last event when it is durable.
    ///
    /// # Errors
    /// The writer must not go on as if any of it was kept; after a crash it may be there all the same.
    fn append(&mut self, batch: &[Event]) -> Result<Sequence, JournalError>;

    /// Keeps the bytes of a policy component durably, by their digest; one that is there stays as it is. They are read with
    /// [`History::component`].
    ///
    /// # Errors
    /// It is not kept.
    fn keep_component(&mut self, digest: &str, bytes: &[u8]) -> Result<(), JournalError>;

    /// Events from number `from` on, in order: about `limit`, and at least one where there is one.
    ///
    /// # Errors
    /// [`JournalError::Compacted`] when `from` is older than what is kept, or what is kept is damaged.
    fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Event>, JournalError>;

    /// The number of the last event; 0 when there is none.
    fn last(&self) -> Sequence;

    /// Keeps the state as it is after event `at`; it may go on doing so after it has returned, see [`Journal::settle`].
    /// Events up to there may be dropped when it is done.
    ///
    /// # Errors
    /// An older snapshot, if there was one, still holds.
    fn save_snapshot(&mut self, at: Sequence, state: State) -> Result<(), JournalError>;

    /// Waits until no snapshot is being written any more.
    ///
    /// # Errors
    /// Why the last one was not kept; it is said once.
    fn settle(&mut self) -> Result<(), JournalError>;

    /// A reader of the jobs that have ended and left the live state, to be used beside the writer.
    ///
    /// # Errors
    /// It cannot be opened.
    fn history(&self) -> Result<Box<dyn History>, JournalError>;

    /// The latest good snapshot and the number of the event that it follows.
    ///
    /// # Errors
    /// None is good that must be: the events before it are gone.
    fn snapshot(&self) -> Result<Option<(Sequence, State)>, JournalError>;
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
        at = apply(&mut state, at, &events)?;
    }
    Ok(state)
}

/// Applies events that were read, the first of which has the number after `at`; the number of the last.
///
/// `State::apply` asserts what the kernel's own events keep. Checksums let only those through that were written so, but not whether
/// it was this kernel that wrote them: what does not fit is refused by its number, and the state is not to be used any more. (A program
/// that is built to abort at a panic ends there.)
fn apply(state: &mut State, at: Sequence, events: &[Event]) -> Result<Sequence, JournalError> {
    let mut number = at;
    let mut kind = "";
    let run = || {
        for event in events {
            number += 1;
            kind = (&event.fact).into();
            state.apply(event);
        }
    };
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
        Ok(()) => Ok(number),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(JournalError::DoesNotFit {
                number,
                kind,
                what: text.unwrap_or_default(),
            })
        }
    }
}

/// Events that are read at a time in a replay.
const REPLAY_BATCH: usize = 4_096;
