//! Which form the bytes of a row have, and reading those of other versions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::failure::{Failure, damaged};
use crate::JournalError;
use crate::format::{FormatError, Shapes, decode, decode_same, trace};

/// The form in which this version writes values of one type, and the other forms that a file has.
#[derive(Debug)]
pub(super) struct Codec {
    shape: String,
    /// The number of this version's form in the file, where it is there.
    id: Option<i64>,
    others: Mutex<BTreeMap<i64, Arc<Shapes>>>,
}

impl Codec {
    /// For values of type `T`.
    pub(super) fn of<T: DeserializeOwned>() -> Result<Self, JournalError> {
        let untraceable = |error: &dyn ToString| JournalError::Storage(error.to_string());
        let shapes = trace::<T>().map_err(|error| untraceable(&error))?;
        Ok(Codec {
            shape: serde_json::to_string(&shapes).map_err(|error| untraceable(&error))?,
            id: None,
            others: Mutex::default(),
        })
    }

    /// Looks for this version's form in the file.
    pub(super) fn find(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let known = "SELECT id FROM formats WHERE shape = ?1";
        let row = connection.query_row(known, [&self.shape], |row| row.get(0));
        self.id = row.optional()?;
        Ok(())
    }

    /// The same, and adds it where it is not there.
    pub(super) fn register(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        self.find(connection)?;
        if self.id.is_none() {
            let row = "INSERT INTO formats (checksum, shape) VALUES (?1, ?2)";
            let checksum = crc32fast::hash(self.shape.as_bytes());
            connection.execute(row, params![checksum, self.shape])?;
            self.find(connection)?;
        }
        Ok(())
    }

    /// The number of this version's form; [`Codec::register`] came before.
    pub(super) fn id(&self) -> i64 {
        self.id.unwrap_or_default()
    }

    /// The value that a row holds. `place` names the row.
    pub(super) fn decode<T: DeserializeOwned>(
        &self,
        connection: &Connection,
        path: &Path,
        format: i64,
        bytes: &[u8],
        place: &dyn Fn() -> String,
    ) -> Result<T, JournalError> {
        let value = match self.id == Some(format) {
            true => decode_same(bytes),
            false => decode(&*self.other(connection, path, format)?, bytes),
        };
        value.map_err(|error| match error {
            FormatError::Damaged { .. } => damaged(path, format!("{}: {error}", place())),
            FormatError::Unknown(_) | FormatError::Untraceable(_) => JournalError::Format {
                path: path.to_path_buf(),
                place: place(),
                error,
            },
        })
    }

    fn other(
        &self,
        connection: &Connection,
        path: &Path,
        format: i64,
    ) -> Result<Arc<Shapes>, JournalError> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shapes) = others.get(&format) {
            return Ok(shapes.clone());
        }
        let shapes = shapes(connection, path, format)?;
        let shapes = Arc::new(shapes);
        others.insert(format, shapes.clone());
        Ok(shapes)
    }
}

/// The form that a row of `formats` describes.
pub(super) fn shapes(
    connection: &Connection,
    path: &Path,
    format: i64,
) -> Result<Shapes, JournalError> {
    let row = "SELECT checksum, shape FROM formats WHERE id = ?1";
    let row: Option<(u32, String)> = connection
        .query_row(row, [format], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(|error| error.at(path))?;
    let wrong = |what: &dyn std::fmt::Display| damaged(path, format!("format {format}: {what}"));
    let (checksum, text) = row.ok_or_else(|| wrong(&"it is not there"))?;
    if checksum != crc32fast::hash(text.as_bytes()) {
        return Err(wrong(&"the checksum does not fit"));
    }
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}
