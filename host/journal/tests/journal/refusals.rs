//! A journal that cannot be used says why, naming the file and the way out; nothing is changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jobyard_journal::sqlite::verify;
use jobyard_journal::{Journal, JournalError, SqliteJournal, replay};

use jobyard_kernel::{Actor, Command, Event, Fact, JobId, JobSpec, TaskSpec, Timestamp, step};

use crate::yard::Yard;

/// The refusal, which has these words and no line break.
fn refused(folder: &Path, words: &[&str]) -> JournalError {
    let error = SqliteJournal::open(folder).expect_err("it is refused");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
    assert!(!text.contains('\n'), "{text}");
    error
}

fn some_journal(folder: &Path) -> Yard {
    let mut journal = SqliteJournal::open(folder).unwrap();
    let (mut yard, first) = Yard::new(7);
    journal.append(&first).unwrap();
    yard.fill(&mut journal, 30);
    yard
}

#[test]
fn one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = SqliteJournal::open(folder.path()).unwrap();
    let pid = std::process::id().to_string();
    let error = refused(folder.path(), &["journal.db", &pid, "in use"]);
    assert!(matches!(error, JournalError::InUse { .. }), "{error:?}");
    drop(first);
    SqliteJournal::open(folder.path()).unwrap();
}

#[test]
fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    fs::write(
        &file,
        "not a database, but long enough to look like a file of some kind".repeat(99),
    )
    .unwrap();
    let before = fs::read(&file).unwrap();
    refused(folder.path(), &["journal.db", "no SQLite database"]);
    assert_eq!(fs::read(&file).unwrap(), before);
    fs::remove_file(&file).unwrap();

    let other = rusqlite::Connection::open(&file).unwrap();
    other
        .execute_batch("CREATE TABLE cats (name TEXT)")
        .unwrap();
    drop(other);
    refused(folder.path(), &["journal.db", "another program"]);
}

#[test]
fn a_later_version_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    some_journal(folder.path());
    let file = folder.path().join("journal.db");
    let change = rusqlite::Connection::open(&file).unwrap();
    change.pragma_update(None, "user_version", 99).unwrap();
    drop(change);
    refused(folder.path(), &["journal.db", "99", "newer jobyard"]);
}

#[test]
fn a_form_that_nobody_knows_is_named() {
    let folder = tempfile::tempdir().unwrap();
    some_journal(folder.path());
    let file = folder.path().join("journal.db");
    let change = rusqlite::Connection::open(&file).unwrap();
    // What a later version may write: another name for a variant.
    let event = "SELECT id, shape FROM formats WHERE shape LIKE '%\"JobAdded\"%'";
    let (id, shape): (i64, String) = change
        .query_row(event, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let shape = shape.replace("\"JobAdded\"", "\"JobSummoned\"");
    let later = "UPDATE formats SET shape = ?1, checksum = ?2 WHERE id = ?3";
    let checksum = crc32fast::hash(shape.as_bytes());
    let changed = change.execute(later, rusqlite::params![shape, checksum, id]);
    assert_eq!(changed.unwrap(), 1);
    drop(change);
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let error = replay(&journal).unwrap_err().to_string();
    for word in ["journal.db", "events ", "JobSummoned"] {
        assert!(error.contains(word), "{error}");
    }
}

/// Nothing of a batch that did not fit is there, and what was before it is.
#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut yard = some_journal(folder.path());
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    journal.limit_bytes(500_000).unwrap();
    let mut before = (journal.last(), yard.state.clone());
    let error = loop {
        match journal.append(&yard.batch()) {
            Ok(last) => before = (last, yard.state.clone()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Full(_)), "{error:?}");
    assert!(error.to_string().contains("journal.db"), "{error}");
    assert_eq!(journal.last(), before.0);
    drop(journal);
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!((journal.last(), replay(&journal).unwrap()), before);
    let (_, more) = Yard::new(9);
    journal.append(&more).unwrap();
}

#[test]
fn a_full_disk_is_no_place_for_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    let mut yard = some_journal(folder.path());
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    journal.limit_bytes(0).unwrap();
    let mut large = yard.state.clone();
    for _ in 0..100 {
        let task = TaskSpec {
            command_line: "x".repeat(5_000),
            ..TaskSpec::default()
        };
        let add = Command::AddJob {
            by: Actor::administrator("ann"),
            spec: JobSpec::default().into(),
            tasks: vec![task.into()],
        };
        step(&mut large, &add, Timestamp(9), &mut Vec::new()).unwrap();
    }
    journal.save_snapshot(journal.last(), large).unwrap();
    let error = journal.settle().unwrap_err();
    assert!(matches!(error, JournalError::Full(_)), "{error:?}");
    journal.limit_bytes(u64::MAX).unwrap();
    yard.fill(&mut journal, 10);
    assert_eq!(replay(&journal).unwrap(), yard.state);
}

/// As for a user who may not write; the superuser may, so it is tried where that shows.
#[test]
fn a_file_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    some_journal(folder.path());
    let file = folder.path().join("journal.db");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    let may_all_the_same = fs::OpenOptions::new().append(true).open(&file).is_ok();
    if !may_all_the_same {
        refused(folder.path(), &["journal.db", "read-only"]);
    }
    // For everybody: a connection that only reads.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let missing = folder.path().join("missing/deeper");
    SqliteJournal::open(&missing).unwrap();
    let mode = fs::metadata(&missing).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "others have no business in it");
}

/// Written whole, and not by this kernel: a job ends that was never added.
#[test]
fn an_event_that_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    let (_, mut events) = Yard::new(1);
    let misfit = Event {
        fact: Fact::JobEnded { job: JobId(7) },
        ..events[0].clone()
    };
    events.push(misfit);
    let number = journal.append(&events).unwrap();
    let named = format!("event {number} (JobEnded) does not fit");
    let error = replay(&journal).unwrap_err().to_string();
    assert!(error.starts_with(&named), "{error}");
    drop(journal);
    let error = verify(folder.path()).unwrap_err().to_string();
    assert!(error.starts_with(&named), "{error}");
}
