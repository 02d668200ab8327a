//! How the program ends when it could not do what it was asked: one line, and an exit code.

use std::fmt;

/// Why, and whose fault it is.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was given is not usable: exit code 2, nothing was begun.
    Input(String),
    /// Something went wrong on the way: exit code 1.
    Work(String),
}

impl Failure {
    pub(crate) fn input(error: impl fmt::Display) -> Self {
        Failure::Input(one_line(&error.to_string()))
    }

    pub(crate) fn work(error: impl fmt::Display) -> Self {
        Failure::Work(one_line(&error.to_string()))
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Input(_) => 2,
            Failure::Work(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Input(text) | Failure::Work(text) => f.write_str(text),
        }
    }
}

/// Errors from libraries may have several lines; scripts and people read one.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}
