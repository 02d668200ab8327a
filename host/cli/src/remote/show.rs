//! Prints answers: as they came, or as text for people.

use std::io::{self, Write};

use comfy_table::{Row, Table};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::args::Format;
use crate::failure::Failure;

/// An answer for people.
pub(crate) struct Shown {
    /// As people read it.
    pub(crate) text: String,
    /// Its rows; where there are none, programs get the text too.
    pub(crate) rows: Option<Table>,
}

impl From<String> for Shown {
    fn from(text: String) -> Shown {
        Shown { text, rows: None }
    }
}

impl From<Table> for Shown {
    fn from(table: Table) -> Shown {
        Shown {
            text: table.to_string(),
            rows: Some(table),
        }
    }
}

/// Prints an answer: JSON as it is, or what `show` makes of it.
pub(crate) fn answer<T: DeserializeOwned, S: Into<Shown>>(
    format: Format,
    answer: Value,
    show: impl FnOnce(T) -> S,
) -> Result<(), Failure> {
    if format == Format::Json {
        return line(&serde_json::to_string_pretty(&answer).map_err(Failure::work)?);
    }
    let shown: Shown = show(read(answer)?).into();
    match shown.rows {
        Some(rows) if format == Format::Csv => csv(&rows),
        Some(_) | None => line(&shown.text),
    }
}

/// What others wrote, as names of jobs, without what a terminal would take for a command.
fn harmless(text: &str) -> String {
    let shown = |c: char| match c.is_control() && !['\n', '\t'].contains(&c) {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    text.chars().map(shown).collect()
}

/// A header and rows with commas between the values (RFC 4180, but with the line ends of this system).
pub(crate) fn csv(table: &Table) -> Result<(), Failure> {
    let value = |text: String| match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    };
    let values = |row: &Row| {
        let values = row.cell_iter().map(|cell| value(cell.content()));
        values.collect::<Vec<_>>().join(",")
    };
    let rows = table.header().into_iter().chain(table.row_iter());
    rows.map(values).try_for_each(|row| line(&row))
}

/// An answer as what it should be.
pub(crate) fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    let other = |error| {
        format!(
            "the daemon answered something else than expected, is it of another version? {error}"
        )
    };
    serde_json::from_value(answer).map_err(|error| Failure::work(other(error)))
}

/// A line on standard output, or several.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    bytes(harmless(text).as_bytes()).and_then(|()| bytes(b"\n"))
}

/// Bytes on standard output. A reader that went away has seen enough.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.map_err(Failure::work),
    }
}

/// A time without what people seldom need.
pub(crate) fn time(rfc3339: &Option<String>) -> String {
    let Some(time) = rfc3339 else {
        return "-".into();
    };
    match time.get(..19) {
        Some(seconds) => seconds.replace('T', " "),
        None => time.clone(),
    }
}
