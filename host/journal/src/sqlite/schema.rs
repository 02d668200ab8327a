//! The tables, how one version of them becomes the next, and whether a file has them.

use std::path::Path;

use rusqlite::Connection;

use super::failure::Failure;
use crate::JournalError;

/// `PRAGMA application_id` of a journal: "JOBY".
const APPLICATION: i64 = 0x4a4f_4259;

/// What makes version n + 1 of version n. Never changed once released: another step is added.
const MIGRATIONS: &[&str] = &[include_str!("schema-1.sql"), include_str!("schema-2.sql")];

/// The version that this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Makes sure that the file is a journal of a version that this program serves; where it may, brings it there.
pub(super) fn prepare(
    connection: &mut Connection,
    path: &Path,
    writable: bool,
) -> Result<(), JournalError> {
    let pragma = |connection: &Connection, name: &str| {
        let value = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        value.map_err(|error| error.at(path))
    };
    let application = pragma(connection, "application_id")?;
    let version = pragma(connection, "user_version")?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| error.at(path))?;
    let foreign = |why: &str| JournalError::Foreign {
        path: path.to_path_buf(),
        why: why.to_string(),
    };
    match (application, version, tables) {
        (0, 0, 0) if writable => {}
        (0, 0, 0) => return Err(foreign("it is empty")),
        (APPLICATION, 1.., 1..) => {}
        (APPLICATION, _, _) => return Err(foreign("its tables are gone")),
        _ => return Err(foreign("it is the database of another program")),
    }
    if version > VERSION {
        return Err(JournalError::Newer {
            path: path.to_path_buf(),
            found: version,
            known: VERSION,
        });
    }
    // An older one has fewer tables, and is read as it is.
    if version < VERSION && writable {
        migrate(connection, version).map_err(|error| error.at(path))?;
    }
    Ok(())
}

fn migrate(connection: &mut Connection, from: i64) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    for step in &MIGRATIONS[from as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
