//! Dump, verify and compact, as `jobyard journal` does them.

use std::path::Path;

use jobyard_journal::sqlite::{Reader, compact, dump, verify};
use jobyard_journal::{Journal, JournalError, SqliteJournal, replay};

use crate::yard::Yard;

fn some_journal(folder: &Path, seed: u64) -> Yard {
    let mut journal = SqliteJournal::open(folder).unwrap();
    let (mut yard, first) = Yard::new(seed);
    journal.append(&first).unwrap();
    for _ in 0..3 {
        yard.fill(&mut journal, 120);
        let at = journal.last();
        journal.save_snapshot(at, yard.state.clone()).unwrap();
        journal.settle().unwrap();
    }
    yard.fill(&mut journal, 20);
    yard
}

/// One with some jobs in history: not every random run archives that many.
fn journal_with_history() -> tempfile::TempDir {
    let journals = (33..133).map(|seed| {
        let folder = tempfile::tempdir().unwrap();
        let yard = some_journal(folder.path(), seed);
        (yard.history.len() > 3).then_some(folder)
    });
    let mut found = journals.flatten();
    found.next().expect("one in a hundred has history")
}

fn dumped(folder: &Path) -> Vec<serde_json::Value> {
    let mut out = Vec::new();
    let count = dump(folder, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len() as u64, count);
    lines
}

#[test]
fn a_journal_is_shown_checked_and_made_small() {
    let folder = tempfile::tempdir().unwrap();
    let mut yard = some_journal(folder.path(), 31);
    let lines = dumped(folder.path());
    assert_eq!(lines[0]["number"], 1);
    assert_eq!(lines[0]["fact"]["NodeAdded"]["spec"]["cores"], 4);
    let found = verify(folder.path()).unwrap();
    assert_eq!(found.events, (1, lines.len() as u64));
    assert_eq!(found.snapshots, 2);
    assert_eq!(found.live_jobs, yard.state.job_count());
    assert_eq!(found.history_jobs, yard.history.len());

    let done = compact(folder.path()).unwrap();
    assert!(done.bytes.1 < done.bytes.0 * 2 / 3, "{done:?}");
    assert_eq!(done.oldest, done.events + 1);
    let left = dumped(folder.path());
    assert_eq!(left[..], lines[done.events as usize..]);
    let found = verify(folder.path()).unwrap();
    assert_eq!(found.events, (done.oldest, lines.len() as u64));
    assert_eq!(found.history_jobs, yard.history.len());

    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!(replay(&journal).unwrap(), yard.state);
    let gone = journal.read(1, 1).unwrap_err();
    assert!(matches!(gone, JournalError::Compacted { .. }), "{gone:?}");
    yard.fill(&mut journal, 30);
    assert_eq!(replay(&journal).unwrap(), yard.state);
    let in_use = compact(folder.path()).unwrap_err();
    assert!(matches!(in_use, JournalError::InUse { .. }), "{in_use:?}");
    // Looking is allowed meanwhile.
    verify(folder.path()).unwrap();
    drop(journal);
    compact(folder.path()).unwrap();
    compact(folder.path()).unwrap();
    verify(folder.path()).unwrap();
}

#[test]
fn an_empty_journal_and_none() {
    let folder = tempfile::tempdir().unwrap();
    for error in [
        verify(folder.path()).unwrap_err(),
        compact(folder.path()).unwrap_err(),
        dump(folder.path(), &mut Vec::new()).unwrap_err(),
    ] {
        assert!(matches!(error, JournalError::Missing(_)), "{error:?}");
    }
    drop(SqliteJournal::open(folder.path()).unwrap());
    assert_eq!(dumped(folder.path()), [] as [serde_json::Value; 0]);
    assert_eq!(verify(folder.path()).unwrap().events, (1, 0));
    assert_eq!(compact(folder.path()).unwrap().events, 0);
}

/// What checksums alone do not show: a state that is not what the events give, a history that they do not know.
#[test]
fn what_does_not_fit_together_is_found() {
    let cases = [
        (
            "DELETE FROM tasks WHERE job = (SELECT min(id) FROM jobs);
             DELETE FROM jobs WHERE id = (SELECT min(id) FROM jobs)",
            "not in history",
        ),
        (
            "DELETE FROM jobs WHERE id = (SELECT min(id) FROM jobs)",
            "without a job",
        ),
        (
            "UPDATE jobs SET owner = 'eve' WHERE id = (SELECT min(id) FROM jobs)",
            "checksum",
        ),
        ("UPDATE tasks SET name = 'other'", "task "),
        (
            "UPDATE batches SET at = at + 1 WHERE first > 100",
            "checksum",
        ),
        (
            "DELETE FROM batches WHERE first BETWEEN 100 AND 200",
            "are missing",
        ),
        ("UPDATE head SET last = last + 1", "its head says"),
        (
            "UPDATE snapshots SET at = at - 1, taken = taken",
            "the snapshot after event",
        ),
        (
            "UPDATE snapshot_parts SET state = zeroblob(length(state))",
            "checksum",
        ),
    ];
    for (change, words) in cases {
        let folder = journal_with_history();
        let database = rusqlite::Connection::open(folder.path().join("journal.db")).unwrap();
        database.execute_batch(change).unwrap();
        assert!(database.changes() > 0, "{change}");
        drop(database);
        let error = verify(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(words) && error.contains("journal.db"),
            "{change}: {error}"
        );
    }
}

#[test]
fn a_reader_sees_what_the_writer_has_made_durable() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Reader::open(folder.path()).expect_err("there is no journal yet");
    assert!(missing.to_string().contains("journal.db"), "{missing}");
    let mut yard = some_journal(folder.path(), 77);
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!((reader.oldest(), reader.last()), (1, journal.last()));
    let (state, ended) = reader.state().unwrap();
    assert_eq!(state, yard.state);
    let mut seen = Vec::new();
    reader
        .events(|number, event| seen.push((number, event.clone())))
        .unwrap();
    assert_eq!(seen.len() as u64, reader.last());
    assert_eq!(
        seen.last().map(|(number, event)| (*number, event.at)),
        Some((reader.last(), ended))
    );
    // It shows one moment, whatever is written meanwhile; the next reader sees that too.
    let before = yard.state.clone();
    yard.fill(&mut journal, 5);
    assert_eq!(reader.state().unwrap().0, before);
    let later = Reader::open(folder.path()).unwrap();
    assert_eq!(later.state().unwrap().0, yard.state);
    let history = later.history().unwrap();
    for (id, job) in &yard.history {
        assert_eq!(history.job(*id).unwrap().map(|r| r.job), Some(job.clone()));
    }
    drop((reader, later, history, journal));
    compact(folder.path()).unwrap();
    let compacted = Reader::open(folder.path()).unwrap();
    assert!(compacted.oldest() > 1, "{}", compacted.oldest());
    assert_eq!(compacted.state().unwrap().0, yard.state);
}
