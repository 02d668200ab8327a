//! Which form the bytes of a row have, and reading those of other versions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
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
            connection.execute("INSERT INTO formats (shape) VALUES (?1)", [&self.shape])?;
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
        let text = "SELECT shape FROM formats WHERE id = ?1";
        let text: Option<String> = connection
            .query_row(text, [format], |row| row.get(0))
            .optional()
            .map_err(|error| error.at(path))?;
        let text = text.ok_or_else(|| damaged(path, format!("format {format} is not there")))?;
        let shapes: Shapes = serde_json::from_str(&text)
            .map_err(|error| damaged(path, format!("format {format}: {error}")))?;
        let shapes = Arc::new(shapes);
        others.insert(format, shapes.clone());
        Ok(shapes)
    }
}
