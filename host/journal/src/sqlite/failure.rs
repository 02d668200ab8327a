//! What SQLite says, as errors of the journal.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::JournalError;

/// Characters of what SQLite says that are shown.
const WORDS_CHARS_MAX: usize = 300;

/// An error of SQLite on its way out.
pub(super) trait Failure {
    /// With the file that it is about.
    fn at(self, path: &Path) -> JournalError;
}

impl Failure for rusqlite::Error {
    fn at(self, path: &Path) -> JournalError {
        let owned = path.to_path_buf();
        match self.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => JournalError::Full(owned),
            Some(ErrorCode::ReadOnly) => JournalError::ReadOnly(owned),
            Some(ErrorCode::NotADatabase) => JournalError::Foreign {
                path: owned,
                why: "it is no SQLite database".into(),
            },
            Some(ErrorCode::DatabaseCorrupt) => damaged(path, self),
            // A row that is not what the schema says, or is not there.
            None => damaged(path, self),
            Some(_) => JournalError::Storage(format!("{}: {self}", path.display())),
        }
    }
}

/// The file is not what was written.
pub(super) fn damaged(path: &Path, what: impl ToString) -> JournalError {
    JournalError::Damaged {
        path: path.to_path_buf(),
        what: one_line(&what.to_string()),
    }
}

/// SQLite quotes a damaged schema, which has lines.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(WORDS_CHARS_MAX) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}
