//! Looks at all of a journal: what SQLite keeps beside the tables, every checksum, the numbers of events, that a replay gives
//! the snapshots, and that history is what the events say.

use std::collections::BTreeMap;
use std::path::Path;

use jobyard_kernel::{Event, Fact, Job, JobId, State, Timestamp};
use rusqlite::{Connection, OpenFlags};

use super::batches::{self, Head};
use super::codec::Codec;
use super::failure::{Failure, damaged};
use super::{FILE_NAME, components, connect, history, schema, snapshots};
use crate::{JournalError, Sequence};

/// Events that are read at a time.
const STEP: usize = 4_096;

/// What a journal was found to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// The number of the oldest event that is kept, and of the last.
    pub events: (Sequence, Sequence),
    /// Snapshots that agree with the events.
    pub snapshots: usize,
    /// Live jobs at the end.
    pub live_jobs: usize,
    /// Jobs of history.
    pub history_jobs: usize,
    /// Policy components.
    pub components: usize,
}

/// Verifies the journal of a data folder without changing anything. It may be in use; what is appended meanwhile is not
/// looked at.
///
/// # Errors
/// The first thing that is not as it must be.
pub fn verify(folder: &Path) -> Result<Verified, JournalError> {
    let path = folder.join(FILE_NAME);
    let connection = open_to_read(&path)?;
    structure(&connection, &path)?;
    let head = batches::check_head(&connection, &path)?;
    let mut seen = replay(&connection, &path, head)?;
    let mut codec = Codec::of::<Job>()?;
    codec.find(&connection).map_err(|error| error.at(&path))?;
    let rows = history::all(&connection, &path, &codec, |id, archived| {
        // Of what a compaction dropped nothing is known.
        match seen.archived.remove(&id) {
            Some((number, _)) if number != archived => {
                Err(format!("event {number} archived job {id}"))
            }
            None if archived > head.before => Err(format!("no event archived job {id}")),
            Some(_) | None => Ok(()),
        }
    })?;
    if let Some((job, (number, _))) = seen.archived.first_key_value() {
        let what = format!("event {number} archived job {job}, which is not in history");
        return Err(damaged(&path, what));
    }
    Ok(Verified {
        events: (head.before + 1, head.last),
        snapshots: seen.snapshots,
        live_jobs: seen.state.job_count(),
        history_jobs: rows,
        components: components::check(&connection, &path)?,
    })
}

/// A connection that changes nothing and shows one moment.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(path, flags)?;
    schema::prepare(&mut connection, path, false)?;
    connection
        .execute_batch("BEGIN")
        .map_err(|error| error.at(path))?;
    Ok(connection)
}

/// Pages, tables and indexes fit together.
pub(super) fn structure(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| error.at(path))?;
    match found.as_str() {
        "ok" => Ok(()),
        _ => Err(damaged(path, found.lines().last().unwrap_or_default())),
    }
}

/// What the events and snapshots were found to say.
struct Seen {
    state: State,
    snapshots: usize,
    archived: Archived,
}

/// What is in history by the events, when it was archived, and when it had ended.
type Archived = BTreeMap<JobId, (Sequence, Timestamp)>;

fn replay(connection: &Connection, path: &Path, head: Head) -> Result<Seen, JournalError> {
    let (mut events, mut states) = (Codec::of::<Vec<Event>>()?, Codec::of::<State>()?);
    for codec in [&mut events, &mut states] {
        codec.find(connection).map_err(|error| error.at(path))?;
    }
    let mut kept = Vec::new();
    for snapshot in snapshots::list(connection, path)?.iter().rev() {
        // An older one may stand for events that are gone; nothing can be said of it.
        if snapshot.at > head.last {
            let what = format!("the snapshot after event {} is of no event", snapshot.at);
            return Err(damaged(path, what));
        }
        let state = snapshots::load(connection, path, &states, snapshot)?;
        kept.push((snapshot.at, state));
    }
    let mut kept = kept
        .into_iter()
        .filter(|(at, _)| *at >= head.before)
        .peekable();
    let mut seen = Seen {
        state: State::default(),
        snapshots: 0,
        archived: BTreeMap::new(),
    };
    let mut at = 0;
    if head.before > 0 {
        let first = kept.next().ok_or_else(|| {
            let what = format!(
                "no snapshot covers the events up to {}, which are gone",
                head.before
            );
            damaged(path, what)
        })?;
        (at, seen.state) = first;
        seen.snapshots = 1;
    }
    // Events below the first snapshot that stands for dropped ones can be checked, but not applied.
    let mut number = head.before;
    while number < head.last {
        for event in batches::read(connection, path, &events, number + 1, STEP)? {
            number += 1;
            note(&mut seen.archived, number, &event);
            if number > at {
                crate::apply(&mut seen.state, number - 1, std::slice::from_ref(&event))?;
            }
            while let Some((_, state)) = kept.next_if(|(at, _)| *at == number) {
                if !state.is_same_but_for_counts(&seen.state) {
                    let what =
                        format!("the snapshot after event {number} is not what the events give");
                    return Err(damaged(path, what));
                }
                seen.snapshots += 1;
            }
        }
    }
    match seen.state.check() {
        Ok(()) => Ok(seen),
        Err(what) => Err(damaged(
            path,
            format!("the state after event {number}: {what}"),
        )),
    }
}

fn note(archived: &mut Archived, number: Sequence, event: &Event) {
    if let Fact::JobArchived { job } = &event.fact {
        archived.insert(job.id, (number, job.times.ended.unwrap_or_default()));
    } else if let Fact::JobRecalled { job } = &event.fact {
        archived.remove(&job.id);
    } else if let Fact::HistoryPurged { ended_before } = &event.fact {
        archived.retain(|_, (_, ended)| *ended >= *ended_before);
    }
}
