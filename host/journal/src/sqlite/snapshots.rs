//! Snapshots: written by a thread of their own, a part at a time, so that commits go on between the parts.
//!
//! A snapshot counts from the moment that its row in `snapshots` is there, which is written after its parts. The one
//! before it is kept, in case the newest turns out to be damaged.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use jobyard_kernel::State;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::batches::Head;
use super::codec::Codec;
use super::failure::{Failure, damaged};
use super::hold;
use crate::format::encode;
use crate::{JournalError, Sequence};

/// Bytes of a part: written in about a millisecond.
const PART_BYTES: usize = 256 * 1_024;
/// Snapshots that are kept.
const KEPT: u32 = 2;

/// Keeps and finds snapshots.
#[derive(Debug)]
pub(super) struct Keeper {
    connection: Arc<Mutex<Connection>>,
    path: PathBuf,
    codec: Arc<Codec>,
    writing: Option<JoinHandle<Result<(), JournalError>>>,
    failed: Option<JournalError>,
}

/// A row of `snapshots`.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) at: Sequence,
    taken: u64,
    format: i64,
    parts: u32,
    bytes: u64,
    checksum: u32,
}

impl Snapshot {
    fn of(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Snapshot {
            at: row.get(0)?,
            taken: row.get(1)?,
            format: row.get(2)?,
            parts: row.get(3)?,
            bytes: row.get(4)?,
            checksum: row.get(5)?,
        })
    }

    /// What its checksum must be, given that of its parts.
    fn sum(&self, mut parts: crc32fast::Hasher) -> u32 {
        let (format, count) = (self.format as u64, u64::from(self.parts));
        for number in [self.at, self.taken, format, count, self.bytes] {
            parts.update(&number.to_le_bytes());
        }
        parts.finalize()
    }
}

impl Keeper {
    pub(super) fn new(connection: Arc<Mutex<Connection>>, path: PathBuf, codec: Codec) -> Self {
        Keeper {
            connection,
            path,
            codec: Arc::new(codec),
            writing: None,
            failed: None,
        }
    }

    /// Begins to write one. While the one before is still being written there is none: the next will cover more.
    pub(super) fn save(&mut self, at: Sequence, state: State) -> Result<(), JournalError> {
        if self.writing.as_ref().is_some_and(|w| !w.is_finished()) {
            return Ok(());
        }
        self.collect();
        let (connection, path) = (self.connection.clone(), self.path.clone());
        let format = self.codec.id();
        let write = move || write(&connection, &path, at, format, state);
        let thread = std::thread::Builder::new().name("jobyard-snapshot".into());
        let started = thread.spawn(write).map_err(|error| JournalError::Io {
            path: self.path.clone(),
            error,
        });
        self.writing = Some(started?);
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Waits for the one that is being written.
    pub(super) fn settle(&mut self) -> Result<(), JournalError> {
        self.collect();
        self.failed.take().map_or(Ok(()), Err)
    }

    fn collect(&mut self) {
        let panicked = || JournalError::Storage("the snapshot's thread panicked".into());
        let done = self.writing.take().map(JoinHandle::join);
        match done {
            Some(Ok(Err(error))) => self.failed = Some(error),
            Some(Err(_)) => self.failed = Some(panicked()),
            Some(Ok(Ok(()))) | None => {}
        }
    }

    /// The latest good one.
    pub(super) fn load(&self, head: Head) -> Result<Option<(Sequence, State)>, JournalError> {
        latest(&hold(&self.connection), &self.path, &self.codec, head)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.collect();
    }
}

/// All that are whole as far as one can see, the latest first.
pub(super) fn list(connection: &Connection, path: &Path) -> Result<Vec<Snapshot>, JournalError> {
    let rows = "SELECT at, taken, format, parts, bytes, checksum FROM snapshots ORDER BY at DESC";
    let list = connection.prepare_cached(rows).and_then(|mut statement| {
        let rows = statement.query_map([], Snapshot::of)?;
        rows.collect()
    });
    list.map_err(|error| error.at(path))
}

/// The latest one that is good, with the number of the event that it follows; none where all events are still there.
pub(super) fn latest(
    connection: &Connection,
    path: &Path,
    codec: &Codec,
    head: Head,
) -> Result<Option<(Sequence, State)>, JournalError> {
    let mut worst = None;
    for snapshot in list(connection, path)? {
        if snapshot.at > head.last || snapshot.at < head.before {
            continue;
        }
        match load(connection, path, codec, &snapshot) {
            Ok(state) => return Ok(Some((snapshot.at, state))),
            Err(error) => worst = worst.or(Some(error)),
        }
    }
    match worst {
        // Without any, all events are read; that can be done only while they are all there.
        _ if head.before == 0 => Ok(None),
        Some(error) => Err(error),
        None => Err(damaged(
            path,
            format!(
                "events 1 to {} are gone, and so is the snapshot that covers them",
                head.before
            ),
        )),
    }
}

/// The state that it holds, after all that can be checked of it was.
pub(super) fn load(
    connection: &Connection,
    path: &Path,
    codec: &Codec,
    snapshot: &Snapshot,
) -> Result<State, JournalError> {
    let place = || format!("the snapshot after event {}", snapshot.at);
    let wrong = |what: &str| damaged(path, format!("{}: {what}", place()));
    // A damaged length asks for no more memory than the file has.
    let mut bytes = Vec::new();
    let mut sum = crc32fast::Hasher::new();
    for part in 0..snapshot.parts {
        let row = "SELECT state FROM snapshot_parts WHERE at = ?1 AND part = ?2";
        let state = connection.prepare_cached(row).and_then(|mut statement| {
            let row = statement.query_row(params![snapshot.at, part], |row| {
                let state = row.get_ref(0)?.as_blob()?;
                sum.update(state);
                bytes.extend_from_slice(state);
                Ok(())
            });
            row.optional()
        });
        let state = state.map_err(|error| error.at(path))?;
        state.ok_or_else(|| wrong(&format!("part {part} is missing")))?;
    }
    if snapshot.checksum != snapshot.sum(sum) || snapshot.bytes != bytes.len() as u64 {
        return Err(wrong("the checksum does not fit"));
    }
    codec.decode(connection, path, snapshot.format, &bytes, &place)
}

fn write(
    connection: &Mutex<Connection>,
    path: &Path,
    at: Sequence,
    format: i64,
    state: State,
) -> Result<(), JournalError> {
    let known = list(&hold(connection), path)?;
    if known.iter().any(|snapshot| snapshot.at == at) {
        return Ok(());
    }
    clear(connection).map_err(|error| error.at(path))?;
    let parts = Parts {
        connection,
        at,
        buffer: Vec::with_capacity(PART_BYTES * 2),
        written: 0,
        bytes: 0,
        sum: crc32fast::Hasher::new(),
        failed: None,
    };
    let mut parts =
        encode(&state, parts).map_err(|error| JournalError::Storage(error.to_string()))?;
    // It may be most of the memory there is.
    drop(state);
    parts.write_part();
    if let Some(error) = parts.failed {
        return Err(error.at(path));
    }
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let mut snapshot = Snapshot {
        at,
        taken: since_1970.map_or(0, |time| time.as_micros() as u64),
        format,
        parts: parts.written,
        bytes: parts.bytes,
        checksum: 0,
    };
    snapshot.checksum = snapshot.sum(parts.sum);
    let listed = finish(&mut hold(connection), &snapshot);
    listed
        .and_then(|()| clear(connection))
        .map_err(|error| error.at(path))
}

/// Lists it, and lets go of what it makes superfluous.
fn finish(connection: &mut Connection, new: &Snapshot) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    transaction.execute(
        "INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            new.at,
            new.taken,
            new.format,
            new.parts,
            new.bytes,
            new.checksum
        ],
    )?;
    let old = "DELETE FROM snapshots WHERE at NOT IN (SELECT at FROM snapshots ORDER BY at DESC LIMIT ?1)";
    transaction.execute(old, [KEPT])?;
    transaction.commit()
}

/// Deletes parts that no snapshot has, a few at a time: those of the one before the last, or of one that was not finished
/// when the host died.
fn clear(connection: &Mutex<Connection>) -> Result<(), rusqlite::Error> {
    let some = "DELETE FROM snapshot_parts WHERE rowid IN (SELECT rowid FROM snapshot_parts \
                WHERE at NOT IN (SELECT at FROM snapshots) LIMIT 16)";
    while hold(connection).prepare_cached(some)?.execute([])? > 0 {}
    Ok(())
}

/// Takes bytes and writes them a part at a time, each in a transaction of its own.
struct Parts<'c> {
    connection: &'c Mutex<Connection>,
    at: Sequence,
    buffer: Vec<u8>,
    written: u32,
    bytes: u64,
    sum: crc32fast::Hasher,
    failed: Option<rusqlite::Error>,
}

/// Takes everything; whether it could be written is in `failed`.
impl Write for Parts<'_> {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(more);
        if self.buffer.len() >= PART_BYTES {
            self.write_part();
        }
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Parts<'_> {
    fn write_part(&mut self) {
        if self.failed.is_none() && !self.buffer.is_empty() {
            self.sum.update(&self.buffer);
            self.bytes += self.buffer.len() as u64;
            let row = "INSERT INTO snapshot_parts VALUES (?1, ?2, ?3)";
            let connection = hold(self.connection);
            let written = connection.prepare_cached(row).and_then(|mut statement| {
                statement.execute(params![self.at, self.written, self.buffer])
            });
            self.written += 1;
            self.failed = written.err();
        }
        self.buffer.clear();
    }
}
