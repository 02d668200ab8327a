//! Prints answers: as they came, or as text for people.

use std::io::{self, Write};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::args::Format;
use crate::failure::Failure;

/// Prints an answer: JSON as it is, or what `text` makes of it.
pub(crate) fn answer<T: DeserializeOwned>(
    format: Format,
    answer: Value,
    text: impl FnOnce(T) -> String,
) -> Result<(), Failure> {
    let shown = match format {
        Format::Json => serde_json::to_string_pretty(&answer).map_err(Failure::work)?,
        Format::Table => text(read(answer)?),
    };
    line(&shown)
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

/// A line on standard output.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes()).and_then(|()| bytes(b"\n"))
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
