//! One process a journal: a lock on a file beside it, which the system takes back when the process ends, however it ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::path::Path;

use crate::JournalError;

/// Held as long as the journal is open for writing.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the journal at `journal`, and writes into it who has it.
    pub(super) fn take(folder: &Path, journal: &Path) -> Result<Self, JournalError> {
        let path = folder.join("journal.lock");
        let failed = |error: io::Error| failed(error, &path, journal);
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false);
        let mut file = open.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // Empty in the moment between its lock and its name.
                let holder = fs::read_to_string(&path).unwrap_or_default();
                let holder = match holder.trim() {
                    "" => "?".to_string(),
                    pid => pid.chars().take(20).collect(),
                };
                return Err(JournalError::InUse {
                    path: journal.to_path_buf(),
                    holder,
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Lock { _file: file })
    }
}

/// An error of a file beside the journal, or of its folder.
pub(super) fn failed(error: io::Error, path: &Path, journal: &Path) -> JournalError {
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match () {
        () if is(&[ReadOnlyFilesystem, PermissionDenied]) => {
            JournalError::ReadOnly(journal.to_path_buf())
        }
        () if is(&[StorageFull, QuotaExceeded]) => JournalError::Full(journal.to_path_buf()),
        () => JournalError::Io {
            path: path.to_path_buf(),
            error,
        },
    }
}
