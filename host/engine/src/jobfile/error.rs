//! What is wrong with a job file, and where: one line for a person.

use std::fmt;
use std::io;

use jobyard_kernel::Invalid;

use super::{Format, JOB_FILE_BYTES_MAX};

/// Characters of a user's value that a message repeats.
const QUOTED_CHARS_MAX: usize = 60;
/// Characters of a message.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// Why a job file was refused. Displayed as one line: `FILE:LINE:COLUMN: what is wrong; what would be right`.
#[derive(Debug)]
pub struct JobFileError {
    /// The file, as the caller named it.
    pub file: String,
    /// Where in the file, if the file could be read.
    pub place: Option<Place>,
    /// What is wrong.
    pub problem: Problem,
}

/// A place in a text, as editors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// What is wrong with a job file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No file of that name.
    #[error("there is no such file")]
    Missing,
    /// A folder, not a file.
    #[error("this is a folder; a job file is TOML, JSON or HPC Pack job XML")]
    Folder,
    /// The operating system refused to read it.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// Above the limit.
    #[error("{} more than the {JOB_FILE_BYTES_MAX} bytes ({} MiB) that a job file may have; use a sweep in place of many tasks",
        match .bytes { Some(bytes) => format!("has {bytes} bytes,"), None => "has".into() },
        JOB_FILE_BYTES_MAX >> 20)]
    TooLarge {
        /// Its size, if it is known without reading it all.
        bytes: Option<u64>,
    },
    /// Nothing in it.
    #[error("the file is empty; a job needs at least one task with a command")]
    Empty,
    /// Bytes that are not text.
    #[error("byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 text")]
    NotUtf8 {
        /// The first bad byte.
        byte: u8,
    },
    /// Not the language that it should be.
    #[error("not valid {format}: {what}")]
    Syntax {
        /// What it should be.
        format: Format,
        /// In the words of the parser.
        what: String,
    },
    /// A name that means nothing.
    #[error("unknown {what} \"{}\"; {hint}", escaped(.name))]
    Unknown {
        /// What kind of name.
        what: &'static str,
        /// The name.
        name: String,
        /// The closest known name, or what is known.
        hint: String,
    },
    /// A value that cannot be taken.
    #[error("{key}: {what}")]
    Value {
        /// What the value is for.
        key: String,
        /// The value, what is wrong with it, and what would be right.
        what: String,
    },
    /// A name that was there before.
    #[error("{what} \"{}\" is given twice; remove one", escaped(.name))]
    Twice {
        /// What kind of name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Something that HPC Pack has and this version does not.
    #[error("{name}={} is not served by jobyard yet; {instead}", quoted(.value))]
    NotServed {
        /// The property.
        name: String,
        /// Its value.
        value: String,
        /// What can be done about it.
        instead: String,
    },
    /// Part of XML that job files do not need and attackers do.
    #[error("{0} are not allowed in a job file; write the text itself")]
    Forbidden(&'static str),
    /// Nested more deeply than a job is.
    #[error("elements are nested more than {max} deep")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// An element with more attributes than there are properties.
    #[error("an element has more than {max} attributes")]
    TooManyAttributes {
        /// The limit.
        max: usize,
    },
    /// No task at all.
    #[error("the job has no task; give it one with a command, or let it run until canceled")]
    NoTask,
    /// The job as a whole is not well formed.
    #[error(transparent)]
    Form(#[from] Invalid),
}

/// A problem and the byte at which it is.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) problem: Problem,
}

impl Fault {
    pub(super) fn new(at: usize, problem: Problem) -> Fault {
        Fault { at, problem }
    }

    pub(super) fn value(at: usize, key: &str, what: impl fmt::Display) -> Fault {
        Fault::new(at, Problem::value(key, what))
    }
}

impl Problem {
    pub(super) fn value(key: &str, what: impl fmt::Display) -> Problem {
        Problem::Value {
            key: key.into(),
            what: what.to_string(),
        }
    }
}

impl Place {
    /// Where the byte `at` of the text is; the end for what is behind it.
    pub(super) fn of(text: &str, at: usize) -> Place {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl JobFileError {
    pub(super) fn new(file: &str, place: Option<Place>, problem: Problem) -> JobFileError {
        JobFileError {
            file: file.into(),
            place,
            problem,
        }
    }
}

impl fmt::Display for JobFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.file))?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", one_line(&self.problem.to_string()))
    }
}

impl std::error::Error for JobFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.problem)
    }
}

/// A user's text in quotation marks, on one line, not too long.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A user's text on one line, not too long.
pub(super) fn escaped(text: &str) -> String {
    cut(text.chars().flat_map(char::escape_debug), QUOTED_CHARS_MAX)
}

/// The message with control characters made visible.
fn one_line(message: &str) -> String {
    let visible = message.chars().flat_map(|c| {
        let (plain, code) = match c.is_control() {
            false => (Some(c), None),
            true => (None, Some(c.escape_default())),
        };
        plain.into_iter().chain(code.into_iter().flatten())
    });
    cut(visible, MESSAGE_CHARS_MAX)
}

fn cut(mut chars: impl Iterator<Item = char>, max: usize) -> String {
    let mut text: String = chars.by_ref().take(max).collect();
    if chars.next().is_some() {
        text.push('…');
    }
    text
}
