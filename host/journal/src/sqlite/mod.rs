//! A journal in one SQLite file, `journal.db` in a data folder: what a daemon keeps.
//!
//! The file is in WAL mode with `synchronous=FULL`: what [`SqliteJournal::append`] has returned survives the process, the
//! system and the machine. An administrator can look at it with `sqlite3` at any time; the tables are documented in the
//! schema itself (`.schema`). Every batch of events carries a checksum that covers the one before, every snapshot one
//! of its own: what was damaged is refused by name, never used.
//!
//! What it is not: a place for rules. It knows of the events what its history tables show.
//!
//! # The tables
#![doc = concat!("```sql\n", include_str!("schema-1.sql"), include_str!("schema-2.sql"), "```")]

mod batches;
mod codec;
mod compact;
mod components;
mod dump;
mod failure;
mod history;
mod lock;
mod reader;
mod schema;
mod snapshots;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jobyard_kernel::{Event, Job, State};
use rusqlite::{Connection, OpenFlags};

use self::batches::{Batch, Head};
use self::codec::Codec;
use self::failure::Failure;
use self::lock::Lock;
use self::snapshots::Keeper;
use crate::format::encode;
use crate::{History, Journal, JournalError, Sequence};

pub use self::compact::{Compacted, compact};
pub use self::dump::dump;
pub use self::reader::Reader;
pub use self::verify::{Verified, verify};

/// The file's name in its data folder.
pub const FILE_NAME: &str = "journal.db";

/// How long a statement waits for another program that looks at the file, such as `sqlite3`.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// What SQLite may keep of the file in memory, in KiB.
const CACHE_KIB: i64 = 16 * 1_024;

/// A journal in a file. One process at a time may hold it open.
#[derive(Debug)]
pub struct SqliteJournal {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
    events: Codec,
    jobs: Codec,
    head: Head,
    keeper: Keeper,
    _lock: Option<Lock>,
}

impl SqliteJournal {
    /// Opens the journal in a data folder; both are made where they are not there yet.
    ///
    /// # Errors
    /// Another process has it, it is of a later version or of another program, it is damaged, or the system says no.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, JournalError> {
        let folder = folder.as_ref();
        let path = folder.join(FILE_NAME);
        make_folder(folder)?;
        let lock = Lock::take(folder, &path)?;
        make_file(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = connect(&path, flags)?;
        let failed = |error: rusqlite::Error| error.at(&path);
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(failed)?;
        if mode != "wal" {
            let what = format!(
                "{}: its disk cannot hold a database in WAL mode",
                path.display()
            );
            return Err(JournalError::Storage(what));
        }
        connection
            .pragma_update(None, "synchronous", "FULL")
            .map_err(failed)?;
        schema::prepare(&mut connection, &path, true)?;
        let mut events = Codec::of::<Vec<Event>>()?;
        events.register(&connection).map_err(failed)?;
        let mut states = Codec::of::<State>()?;
        states.register(&connection).map_err(failed)?;
        let mut jobs = Codec::of::<Job>()?;
        jobs.register(&connection).map_err(failed)?;
        let head = batches::check_head(&connection, &path)?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(SqliteJournal {
            keeper: Keeper::new(connection.clone(), path.clone(), states),
            path,
            connection,
            events,
            jobs,
            head,
            _lock: Some(lock),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the file grow no larger than this, as a full disk would; the log beside it comes on top, a few MiB as a rule.
    /// Rounded down to pages of 4 KiB, and no smaller than it is. Holds as long as the journal is open.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn limit_bytes(&mut self, bytes: u64) -> Result<(), JournalError> {
        let connection = hold(&self.connection);
        let failed = |error: rusqlite::Error| error.at(&self.path);
        let page: u64 = connection
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .map_err(failed)?;
        let pages = i64::try_from(bytes / page.max(1))
            .unwrap_or(i64::MAX)
            .max(1);
        connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .map_err(failed)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        hold(&self.connection)
    }

    fn write(&mut self, row: &Batch, batch: &[Event]) -> Result<(), JournalError> {
        let mut connection = hold(&self.connection);
        let failed = |error: rusqlite::Error| error.at(&self.path);
        let transaction = connection.transaction().map_err(failed)?;
        row.insert(&transaction).map_err(failed)?;
        history::keep(&transaction, &self.path, &self.jobs, row.first, batch)?;
        transaction.commit().map_err(failed)
    }
}

/// A thread that panicked while it held the connection has left no transaction open: its guard rolled it back.
fn hold(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn make_folder(folder: &Path) -> Result<(), JournalError> {
    use std::os::unix::fs::DirBuilderExt;
    // Jobs have environments, and those have passwords.
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.map_err(|error| JournalError::Io {
        path: folder.to_path_buf(),
        error,
    })
}

/// Not for others, even where they may pass through the folder. SQLite gives the files beside it the same mode.
fn make_file(path: &Path) -> Result<(), JournalError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let made = options.open(path).map(drop);
    made.map_err(|error| lock::failed(error, path, path))
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, JournalError> {
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::CannotOpen) if !path.exists() => {
            JournalError::Missing(path.to_path_buf())
        }
        _ => error.at(path),
    })
}

impl Journal for SqliteJournal {
    fn append(&mut self, batch: &[Event]) -> Result<Sequence, JournalError> {
        let Some(newest) = batch.last() else {
            return Ok(self.head.last);
        };
        let events = encode(batch, Vec::with_capacity(batch.len() * 64));
        let mut row = Batch {
            first: self.head.last + 1,
            last: self.head.last + batch.len() as Sequence,
            at: newest.at.0,
            format: self.events.id(),
            checksum: 0,
            events: events.map_err(|error| JournalError::Storage(error.to_string()))?,
        };
        row.checksum = row.sum_after(self.head.checksum);
        self.write(&row, batch)?;
        (self.head.last, self.head.checksum) = (row.last, row.checksum);
        Ok(row.last)
    }

    fn keep_component(&mut self, digest: &str, bytes: &[u8]) -> Result<(), JournalError> {
        components::keep(&self.connection(), &self.path, digest, bytes)
    }

    fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Event>, JournalError> {
        batches::read(&self.connection(), &self.path, &self.events, from, limit)
    }

    fn last(&self) -> Sequence {
        self.head.last
    }

    fn save_snapshot(&mut self, at: Sequence, state: State) -> Result<(), JournalError> {
        if at > self.head.last {
            return Err(JournalError::SnapshotAhead {
                at,
                last: self.head.last,
            });
        }
        self.keeper.save(at, state)
    }

    fn settle(&mut self) -> Result<(), JournalError> {
        self.keeper.settle()
    }

    fn history(&self) -> Result<Box<dyn History>, JournalError> {
        Ok(Box::new(history::SqliteHistory::open(&self.path)?))
    }

    fn snapshot(&self) -> Result<Option<(Sequence, State)>, JournalError> {
        self.keeper.load(self.head)
    }
}
