//! Looks back into the journal: from which event on something may be found, and the events from there. Called by `job_events` and `timeline`.

use std::path::Path;

use jobyard::journal::JournalError;
use jobyard::journal::sqlite::Reader;
use jobyard::kernel::{Event, Timestamp};

use crate::Problem;
use crate::app::App;

/// Events that are read at a time.
const BATCH: usize = 2_000;

/// Reads the journal on a thread for such.
pub(crate) async fn look_back<T: Send + 'static>(
    app: &App,
    read: impl FnOnce(&Past) -> Result<T, JournalError> + Send + 'static,
) -> Result<T, Problem> {
    let folder = app.folder.clone();
    let look = move || read(&Past::open(&folder)?);
    let seen = tokio::task::spawn_blocking(look).await;
    let seen = seen.map_err(|error| Problem::failed(error.to_string()))?;
    seen.map_err(|error| Problem::failed(error.to_string()))
}

/// What the journal had when it was opened.
pub(crate) struct Past {
    reader: Reader,
}

impl Past {
    fn open(folder: &Path) -> Result<Past, JournalError> {
        let reader = Reader::open(folder)?;
        Ok(Past { reader })
    }

    /// The number of the oldest event that is kept.
    pub(crate) fn oldest(&self) -> u64 {
        self.reader.oldest()
    }

    /// The number of the last event.
    pub(crate) fn last(&self) -> u64 {
        self.reader.last()
    }

    /// The number of the first event that was at that time or later; one more than the last where there is none. Events are in the order of time.
    pub(crate) fn first_at(&self, time: Timestamp) -> Result<u64, JournalError> {
        let (mut from, mut to) = (self.oldest(), self.last() + 1);
        while from < to {
            let middle = from + (to - from) / 2;
            let event = self.reader.read(middle, 1)?.into_iter().next();
            match event.is_some_and(|event| event.at < time) {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        Ok(from)
    }

    /// Shows events from a number on with theirs, until `show` has seen enough and says false; the number of the last one that was shown.
    pub(crate) fn events(
        &self,
        from: u64,
        mut show: impl FnMut(u64, Event) -> bool,
    ) -> Result<u64, JournalError> {
        let mut number = from.max(self.oldest()) - 1;
        while number < self.last() {
            for event in self.reader.read(number + 1, BATCH)? {
                number += 1;
                if !show(number, event) {
                    return Ok(number);
                }
            }
        }
        Ok(number)
    }
}
