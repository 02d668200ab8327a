//! Rows of `batches` and of `head`: each batch's checksum covers the one before, so that what was lost, doubled or put
//! back from an older copy shows.

use std::path::Path;

use jobyard_kernel::Event;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codec::Codec;
use super::failure::{Failure, damaged};
use crate::{JournalError, Sequence};

/// Batches whose first event comes after a number.
pub(super) const ALL: &str =
    "SELECT first, last, at, format, checksum, events FROM batches WHERE first > ?1 ORDER BY first";

/// A row of `batches`.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    pub(super) at: u64,
    pub(super) format: i64,
    pub(super) checksum: u32,
    pub(super) events: Vec<u8>,
}

/// The row of `head`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) last: Sequence,
    pub(super) checksum: u32,
    pub(super) before: Sequence,
    pub(super) before_checksum: u32,
}

impl Batch {
    /// Of a row of [`ALL`].
    pub(super) fn of(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Batch {
            first: row.get(0)?,
            last: row.get(1)?,
            at: row.get(2)?,
            format: row.get(3)?,
            checksum: row.get(4)?,
            events: row.get(5)?,
        })
    }

    /// What its checksum must be after one with this checksum.
    pub(super) fn sum_after(&self, before: u32) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&before.to_le_bytes());
        for number in [self.first, self.last, self.at, self.format as u64] {
            sum.update(&number.to_le_bytes());
        }
        sum.update(&self.events);
        sum.finalize()
    }

    pub(super) fn insert(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let row = "INSERT INTO batches VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        connection.prepare_cached(row)?.execute(params![
            self.first,
            self.last,
            self.at,
            self.format,
            self.checksum,
            self.events
        ])?;
        let head = "UPDATE head SET last = ?1, checksum = ?2";
        connection
            .prepare_cached(head)?
            .execute(params![self.last, self.checksum])?;
        Ok(())
    }

    /// Its events, after all that can be checked of it was.
    pub(super) fn open(
        &self,
        connection: &Connection,
        path: &Path,
        codec: &Codec,
        before: (Sequence, u32),
    ) -> Result<Vec<Event>, JournalError> {
        self.follows(path, before)?;
        let place = || format!("events {} to {}", self.first, self.last);
        let events: Vec<Event> =
            codec.decode(connection, path, self.format, &self.events, &place)?;
        match self.last.checked_sub(before.0) == Some(events.len() as u64) && !events.is_empty() {
            true => Ok(events),
            false => Err(damaged(
                path,
                format!("{}: their number does not fit", place()),
            )),
        }
    }

    /// It is what was written after the batch that ended there.
    pub(super) fn follows(&self, path: &Path, before: (Sequence, u32)) -> Result<(), JournalError> {
        let (first, last) = (self.first, self.last);
        if first != before.0 + 1 {
            let (missing, end) = (before.0 + 1, first.saturating_sub(1));
            let what = format!("events {missing} to {end} are missing");
            return Err(damaged(path, what));
        }
        if self.checksum != self.sum_after(before.1) {
            let what = format!("events {first} to {last}: the checksum does not fit");
            return Err(damaged(path, what));
        }
        Ok(())
    }
}

/// Where the journal begins and ends.
pub(super) fn head(connection: &Connection, path: &Path) -> Result<Head, JournalError> {
    let row = "SELECT last, checksum, before, before_checksum FROM head WHERE one = 1";
    let read = |row: &Row<'_>| {
        Ok(Head {
            last: row.get(0)?,
            checksum: row.get(1)?,
            before: row.get(2)?,
            before_checksum: row.get(3)?,
        })
    };
    let head = connection.prepare_cached(row).and_then(|mut statement| {
        let head = statement.query_row([], read);
        head.optional()
    });
    let head = head.map_err(|error| error.at(path))?;
    head.ok_or_else(|| damaged(path, "its head is gone"))
}

/// The head agrees with the batches. Tells an end that was cut off.
pub(super) fn check_head(connection: &Connection, path: &Path) -> Result<Head, JournalError> {
    let head = head(connection, path)?;
    let end = before(connection, path, &head, Sequence::MAX)?;
    if end != (head.last, head.checksum) {
        let what = format!(
            "its head says that event {} is the last, and its batches end with event {}",
            head.last, end.0
        );
        return Err(damaged(path, what));
    }
    Ok(head)
}

/// The last event before number `from` that ends a batch, and that batch's checksum.
pub(super) fn before(
    connection: &Connection,
    path: &Path,
    head: &Head,
    from: Sequence,
) -> Result<(Sequence, u32), JournalError> {
    let row = "SELECT last, checksum FROM batches WHERE first < ?1 AND last < ?1 ORDER BY first DESC LIMIT 1";
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let found = connection.prepare_cached(row).and_then(|mut statement| {
        let row = statement.query_row([from], |row| Ok((row.get(0)?, row.get(1)?)));
        row.optional()
    });
    let found = found.map_err(|error| error.at(path))?;
    Ok(found.unwrap_or((head.before, head.before_checksum)))
}

/// The events from a number on, about `limit`, and all of the batch that the last is in.
pub(super) fn read(
    connection: &Connection,
    path: &Path,
    codec: &Codec,
    from: Sequence,
    limit: usize,
) -> Result<Vec<Event>, JournalError> {
    let head = head(connection, path)?;
    if from <= head.before {
        return Err(JournalError::Compacted {
            asked: from,
            oldest: head.before + 1,
        });
    }
    let mut all = Vec::new();
    if from > head.last || limit == 0 {
        return Ok(all);
    }
    let mut end = before(connection, path, &head, from)?;
    let failed = |error: rusqlite::Error| error.at(path);
    let mut statement = connection.prepare_cached(ALL).map_err(failed)?;
    let mut rows = statement.query([end.0]).map_err(failed)?;
    while all.len() < limit {
        let Some(row) = rows.next().map_err(failed)? else {
            break;
        };
        let batch = Batch::of(row).map_err(failed)?;
        let events = batch.open(connection, path, codec, end)?;
        // The first may begin before what was asked for.
        let skip = from.saturating_sub(batch.first) as usize;
        all.extend(events.into_iter().skip(skip));
        end = (batch.last, batch.checksum);
    }
    match all.is_empty() {
        true => Err(damaged(path, format!("events from {from} on are missing"))),
        false => Ok(all),
    }
}
