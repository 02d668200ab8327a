//! Prints answers: as they came, or as text for people.

use std::io::{self, Write};

use comfy_table::{Row, Table};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::args::Form;
use crate::failure::Failure;
use crate::table;

/// With which a terminal is told of a colour; ours say which one, or that it ends.
const COLOUR_BEGINS: &str = "\u{1b}[";

/// An answer for people.
pub(crate) struct Shown {
    /// As people read it.
    pub(crate) text: String,
    /// Its rows; where there are none, programs get the text too.
    pub(crate) rows: Option<Table>,
    /// What the things are called; where nothing is said, what the first column of the rows has.
    pub(crate) ids: Option<Vec<String>>,
}

impl Shown {
    /// With another text for people.
    pub(crate) fn saying(self, text: String) -> Shown {
        Shown { text, ..self }
    }

    /// With other names.
    pub(crate) fn called(self, ids: impl IntoIterator<Item = String>) -> Shown {
        Shown {
            ids: Some(ids.into_iter().collect()),
            ..self
        }
    }

    fn ids(self) -> Vec<String> {
        let first = |row: &Row| row.cell_iter().next().map(|cell| cell.content());
        let rows = |table: Table| table.row_iter().filter_map(first).collect();
        match (self.ids, self.rows) {
            (Some(ids), _) => ids,
            (None, Some(table)) => rows(table),
            (None, None) => vec![self.text],
        }
    }
}

impl From<String> for Shown {
    fn from(text: String) -> Shown {
        Shown {
            text,
            rows: None,
            ids: None,
        }
    }
}

impl From<Table> for Shown {
    fn from(table: Table) -> Shown {
        Shown {
            text: table.to_string(),
            rows: Some(table),
            ids: None,
        }
    }
}

/// Prints an answer: JSON as it is, or what `show` makes of it.
pub(crate) fn answer<T: DeserializeOwned, S: Into<Shown>>(
    form: Form,
    answer: Value,
    show: impl FnOnce(T) -> S,
) -> Result<(), Failure> {
    if form == Form::Json {
        return line(&serde_json::to_string_pretty(&answer).map_err(Failure::work)?);
    }
    let shown: Shown = show(read(answer)?).into();
    match (form, shown.rows) {
        (Form::Csv, Some(rows)) => line(table::csv(&rows).trim_end_matches('\n')),
        (Form::Ids, rows) => {
            let ids = Shown { rows, ..shown }.ids();
            match ids.is_empty() {
                true => Ok(()),
                false => line(&ids.join("\n")),
            }
        }
        (Form::Table | Form::Csv | Form::Json, _) => line(&shown.text),
    }
}

/// What others wrote, as names of jobs, without what a terminal would take for a command. The colours of our tables stay.
fn harmless(text: &str) -> String {
    let shown = |c: char| match c.is_control() && !['\n', '\t'].contains(&c) {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    let mut parts = text.split(COLOUR_BEGINS);
    let first = parts.next().unwrap_or_default();
    let mut text: String = first.chars().map(shown).collect();
    for part in parts {
        let colour = part.split_once('m').map(|(colour, _)| colour);
        let is_colour = |colour: &str| {
            colour == "39"
                || colour
                    .strip_prefix("38;5;")
                    .is_some_and(|n| n.parse::<u8>().is_ok())
        };
        match colour.is_some_and(is_colour) {
            true => text.push_str(COLOUR_BEGINS),
            false => text.extend(COLOUR_BEGINS.chars().map(shown)),
        }
        text.extend(part.chars().map(shown));
    }
    text
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
