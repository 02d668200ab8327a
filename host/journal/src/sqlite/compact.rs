//! Drops what a snapshot covers: the events before it. History keeps its jobs.

use std::path::Path;

use rusqlite::params;

use super::batches;
use super::failure::{Failure, damaged};
use super::{FILE_NAME, SqliteJournal, hold};
use crate::{Journal, JournalError, Sequence, replay};

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Events that were dropped.
    pub events: u64,
    /// The oldest event that is kept.
    pub oldest: Sequence,
    /// Bytes of the file before and after.
    pub bytes: (u64, u64),
}

/// Compacts the journal of a data folder, which must not be in use: keeps the state as it is in a snapshot, drops the events
/// that it covers but for the last batch, and gives the space back. Interrupted at any point, it loses nothing.
///
/// # Errors
/// The journal cannot be opened, read or written; or the new snapshot is not what the events say.
pub fn compact(folder: &Path) -> Result<Compacted, JournalError> {
    let path = folder.join(FILE_NAME);
    if !path.exists() {
        return Err(JournalError::Missing(path));
    }
    let mut journal = SqliteJournal::open(folder)?;
    let size = || std::fs::metadata(&path).map_or(0, |file| file.len());
    let before = size();
    let state = replay(&journal)?;
    let last = journal.last();
    journal.save_snapshot(last, state.clone())?;
    journal.settle()?;
    if last > 0 && journal.snapshot()? != Some((last, state)) {
        let what = format!("the new snapshot after event {last} cannot be read back");
        return Err(damaged(&path, what));
    }
    let old = journal.head.before;
    drop_covered(&mut journal)?;
    let failed = |error: rusqlite::Error| error.at(&path);
    let connection = hold(&journal.connection);
    connection.execute_batch("VACUUM").map_err(failed)?;
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(failed)?;
    Ok(Compacted {
        events: journal.head.before - old,
        oldest: journal.head.before + 1,
        bytes: (before, size()),
    })
}

/// All but the last batch, whose time says when the journal ended.
fn drop_covered(journal: &mut SqliteJournal) -> Result<(), JournalError> {
    let mut connection = hold(&journal.connection);
    let failed = |error: rusqlite::Error| error.at(&journal.path);
    let transaction = connection.transaction().map_err(failed)?;
    let last = "SELECT first FROM batches ORDER BY first DESC LIMIT 1";
    let newest: Option<Sequence> =
        rusqlite::OptionalExtension::optional(transaction.query_row(last, [], |row| row.get(0)))
            .map_err(failed)?;
    let Some(newest) = newest else {
        return Ok(());
    };
    let (before, checksum) = batches::before(&transaction, &journal.path, &journal.head, newest)?;
    let write = || {
        transaction.execute("DELETE FROM batches WHERE first < ?1", [newest])?;
        let head = "UPDATE head SET before = ?1, before_checksum = ?2";
        transaction.execute(head, params![before, checksum])?;
        let older = "DELETE FROM snapshots WHERE at < ?1";
        transaction.execute(older, [journal.head.last])?;
        let parts = "DELETE FROM snapshot_parts WHERE at NOT IN (SELECT at FROM snapshots)";
        transaction.execute(parts, [])
    };
    write().map_err(failed)?;
    transaction.commit().map_err(failed)?;
    (journal.head.before, journal.head.before_checksum) = (before, checksum);
    Ok(())
}
