//! Looks at the journal of a data folder without writing: at rest, or beside the process that has it open.
//!
//! It shows one moment, that of [`Reader::open`]; only history goes on meanwhile. For whoever looks back: what-if, proofs. What a host starts from
//! is [`super::SqliteJournal`].

use std::path::{Path, PathBuf};

use jobyard_kernel::{Event, State, Timestamp};
use rusqlite::Connection;

use super::batches::{self, Head};
use super::codec::Codec;
use super::failure::Failure;
use super::history::SqliteHistory;
use super::verify::open_to_read;
use super::{FILE_NAME, components, snapshots};
use crate::{History, JournalError, Sequence};

/// Events that are read at a time.
const STEP: usize = 4_096;

/// A journal that is only read.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
    events: Codec,
    states: Codec,
    head: Head,
}

impl Reader {
    /// Opens the journal of a data folder, which may be in use.
    ///
    /// # Errors
    /// There is none, it is of a later version or of another program, or its end is damaged.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(FILE_NAME);
        let connection = open_to_read(&path)?;
        let (mut events, mut states) = (Codec::of::<Vec<Event>>()?, Codec::of::<State>()?);
        for codec in [&mut events, &mut states] {
            codec.find(&connection).map_err(|error| error.at(&path))?;
        }
        let head = batches::check_head(&connection, &path)?;
        Ok(Reader {
            path,
            connection,
            events,
            states,
            head,
        })
    }

    /// The number of the oldest event that is kept; those before it were dropped by a compaction.
    pub fn oldest(&self) -> Sequence {
        self.head.before + 1
    }

    /// The number of the last event; less than [`Reader::oldest`] where there is none.
    pub fn last(&self) -> Sequence {
        self.head.last
    }

    /// Shows every event that is kept, in order, with its number.
    ///
    /// # Errors
    /// One is damaged; all before it were shown.
    pub fn events(&self, mut show: impl FnMut(Sequence, &Event)) -> Result<(), JournalError> {
        let mut number = self.head.before;
        while number < self.head.last {
            for event in self.read(number + 1, STEP)? {
                number += 1;
                show(number, &event);
            }
        }
        Ok(())
    }

    /// Events from number `from` on, in order: about `limit`, and at least one where there is one.
    ///
    /// # Errors
    /// [`JournalError::Compacted`] when `from` is older than what is kept, or what is kept is damaged.
    pub fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Event>, JournalError> {
        batches::read(&self.connection, &self.path, &self.events, from, limit)
    }

    /// The latest state that is kept of a moment before event `from`, with the number of the event that it follows; the beginning, where
    /// all events are still there.
    ///
    /// # Errors
    /// None is kept: the events before are gone.
    pub fn state_before(&self, from: Sequence) -> Result<(Sequence, State), JournalError> {
        let kept = snapshots::list(&self.connection, &self.path)?;
        let fits = |at: Sequence| at < from && at >= self.head.before;
        match kept.iter().filter(|s| fits(s.at)).max_by_key(|s| s.at) {
            Some(kept) => {
                let state = snapshots::load(&self.connection, &self.path, &self.states, kept)?;
                Ok((kept.at, state))
            }
            None if self.head.before == 0 => Ok((0, State::new())),
            None => Err(JournalError::Compacted {
                asked: from,
                oldest: self.head.before + 1,
            }),
        }
    }

    /// A policy component by its digest.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        components::get(&self.connection, &self.path, digest)
    }

    /// The state after the last event, and when that was; the beginning of time where there is none.
    ///
    /// # Errors
    /// What is kept is damaged.
    pub fn state(&self) -> Result<(State, Timestamp), JournalError> {
        let kept = snapshots::latest(&self.connection, &self.path, &self.states, self.head)?;
        let (mut number, mut state) = kept.unwrap_or_default();
        // The last event is kept, whatever a snapshot covers: it says when the journal ended.
        let last = match self.head.last > self.head.before {
            true => self.read(self.head.last, 1)?,
            false => Vec::new(),
        };
        let ended = last.last().map_or(Timestamp(0), |event| event.at);
        while number < self.head.last {
            let events = self.read(number + 1, STEP)?;
            number = crate::apply(&mut state, number, &events)?;
        }
        Ok((state, ended))
    }

    /// A reader of history, which shows what is durable when it is asked: a job that ends meanwhile may be in the state and in history.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn history(&self) -> Result<Box<dyn History>, JournalError> {
        Ok(Box::new(SqliteHistory::open(&self.path)?))
    }
}
