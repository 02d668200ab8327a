//! The table `components`: what policies are made of, by digest. Written before the event that names one.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::failure::{Failure, damaged};
use crate::JournalError;

/// Keeps a component; one that is there stays as it is.
pub(super) fn keep(
    connection: &Connection,
    path: &Path,
    digest: &str,
    bytes: &[u8],
) -> Result<(), JournalError> {
    let insert = "INSERT OR IGNORE INTO components (digest, checksum, bytes) VALUES (?1, ?2, ?3)";
    let checksum = crc32fast::hash(bytes);
    let kept = connection.execute(insert, params![digest, checksum, bytes]);
    kept.map(drop).map_err(|error| error.at(path))
}

/// A component by its digest.
pub(super) fn get(
    connection: &Connection,
    path: &Path,
    digest: &str,
) -> Result<Option<Vec<u8>>, JournalError> {
    if !is_there(connection).map_err(|error| error.at(path))? {
        return Ok(None);
    }
    let select = "SELECT checksum, bytes FROM components WHERE digest = ?1";
    let found: Option<(u32, Vec<u8>)> = connection
        .query_row(select, [digest], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(|error| error.at(path))?;
    match found {
        Some((checksum, bytes)) if crc32fast::hash(&bytes) != checksum => Err(damaged(
            path,
            format!("component {digest}: the checksum does not fit"),
        )),
        found => Ok(found.map(|(_, bytes)| bytes)),
    }
}

/// Reads all of them; how many there are.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<usize, JournalError> {
    if !is_there(connection).map_err(|error| error.at(path))? {
        return Ok(0);
    }
    let mut digests = connection
        .prepare("SELECT digest FROM components ORDER BY digest")
        .map_err(|error| error.at(path))?;
    let rows = digests
        .query_map([], |row| row.get::<_, String>(0))
        .map_err(|error| error.at(path))?;
    let mut count = 0;
    for digest in rows {
        get(connection, path, &digest.map_err(|error| error.at(path))?)?;
        count += 1;
    }
    Ok(count)
}

/// Whether there is such a table: schema 1, which is only read, has none.
fn is_there(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let select = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'components'";
    let tables: i64 = connection.query_row(select, [], |row| row.get(0))?;
    Ok(tables > 0)
}
