//! Every event as a line of JSON, whatever version wrote it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use super::FILE_NAME;
use super::batches::{self, Batch};
use super::codec;
use super::failure::{Failure, damaged};
use super::verify::open_to_read;
use crate::JournalError;
use crate::format::{Shapes, to_json};

/// Writes the events of a data folder's journal as lines of JSON: `number`, `at` in microseconds since 1970, `fact`. The
/// journal may be in use. How many there were.
///
/// # Errors
/// The first batch that cannot be read, after all before it were written; or the output's own error, as
/// [`JournalError::Io`] of that file name.
pub fn dump(folder: &Path, out: &mut dyn Write) -> Result<u64, JournalError> {
    let path = folder.join(FILE_NAME);
    let connection = open_to_read(&path)?;
    let failed = |error: rusqlite::Error| error.at(&path);
    let mut known: BTreeMap<i64, Shapes> = BTreeMap::new();
    let head = batches::head(&connection, &path)?;
    let (mut end, mut count) = ((head.before, head.before_checksum), 0);
    let mut statement = connection.prepare(batches::ALL).map_err(failed)?;
    let mut rows = statement.query([head.before]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let batch = Batch::of(row).map_err(failed)?;
        batch.follows(&path, end)?;
        let wrong = |what: String| {
            let place = format!("events {} to {}", batch.first, batch.last);
            damaged(&path, format!("{place}: {what}"))
        };
        let shapes = match known.entry(batch.format) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(codec::shapes(&connection, &path, batch.format)?),
        };
        let events = to_json(shapes, &batch.events).map_err(|error| wrong(error.to_string()))?;
        let Value::Array(events) = events else {
            return Err(wrong("they are no list".into()));
        };
        for (event, number) in events.into_iter().zip(batch.first..) {
            line(out, number, event).map_err(|error| JournalError::Io {
                path: "the output".into(),
                error,
            })?;
            count += 1;
        }
        end = (batch.last, batch.checksum);
    }
    Ok(count)
}

fn line(out: &mut dyn Write, number: u64, event: Value) -> io::Result<()> {
    let mut line = serde_json::Map::new();
    line.insert("number".into(), number.into());
    if let Value::Object(fields) = event {
        line.extend(fields);
    }
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
