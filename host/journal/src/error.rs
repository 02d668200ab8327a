//! Why a journal could not do what it was asked: each case names the file and the way out.

use std::io;
use std::path::PathBuf;

use crate::Sequence;
use crate::format::FormatError;

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
    /// Another process has the journal.
    #[error("{} is in use by process {holder}: stop it first, or give another data folder", .path.display())]
    InUse {
        /// The journal.
        path: PathBuf,
        /// The process that has it, `?` when it does not say.
        holder: String,
    },
    /// There is no journal where one is to be read.
    #[error("there is no journal at {}", .0.display())]
    Missing(PathBuf),
    /// The file is something else.
    #[error("{} is not a jobyard journal: {why}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead, as far as that can be said.
        why: String,
    },
    /// The file is of a later version.
    #[error("{} has schema version {found}, and this jobyard knows versions up to {known}: use a newer jobyard", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The last version that this program knows.
        known: i64,
    },
    /// What was kept is not what was written.
    #[error("{} is damaged: {what}; put back a copy of the data folder, or look closer with `jobyard journal verify`", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and how.
        what: String,
    },
    /// An event that is whole and cannot have happened after those before it.
    #[error(
        "event {number} ({kind}) does not fit what the events before it say: {what}; put back a copy of the data folder, or use the version that wrote it"
    )]
    DoesNotFit {
        /// The event.
        number: Sequence,
        /// What it says happened.
        kind: &'static str,
        /// What it takes for granted.
        what: String,
    },
    /// An event or a snapshot of another version that cannot be understood.
    #[error("{}: {place}: {error}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Which batch or snapshot.
        place: String,
        /// Why not.
        error: FormatError,
    },
    /// The disk, or the quota, is full.
    #[error("no space left for {}: nothing more is accepted until there is", .0.display())]
    Full(PathBuf),
    /// The file, its folder or its disk cannot be written to.
    #[error("{} cannot be written to: it, its folder or its disk is read-only", .0.display())]
    ReadOnly(PathBuf),
    /// The system failed.
    #[error("{}: {error}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The place where events are kept failed; the text names it.
    #[error("{0}")]
    Storage(String),
}
