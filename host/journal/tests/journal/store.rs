//! What was appended is there again.

use jobyard_journal::{Journal, MemoryJournal, SqliteJournal, replay};
use jobyard_kernel::Event;

use crate::yard::Yard;

fn all(journal: &dyn Journal) -> Vec<Event> {
    let (mut all, mut next) = (Vec::new(), 1);
    while next <= journal.last() {
        let events = journal.read(next, 7).unwrap();
        assert!(!events.is_empty());
        next += events.len() as u64;
        all.extend(events);
    }
    all
}

#[test]
fn both_journals_keep_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = MemoryJournal::new();
    let (mut yard, first) = Yard::new(1);
    memory.append(&first).unwrap();
    let mut on_disk = SqliteJournal::open(folder.path()).unwrap();
    on_disk.append(&first).unwrap();
    for round in 0..20 {
        for _ in 0..30 {
            let batch = yard.batch();
            memory.append(&batch).unwrap();
            on_disk.append(&batch).unwrap();
        }
        drop(on_disk);
        on_disk = SqliteJournal::open(folder.path()).unwrap();
        assert_eq!(on_disk.last(), memory.last(), "round {round}");
    }
    assert_eq!(all(&on_disk), all(&memory));
    assert_eq!(replay(&on_disk).unwrap(), yard.state);
    let middle = on_disk.last() / 2;
    assert_eq!(
        on_disk.read(middle, 1).unwrap()[0],
        memory.read(middle, 1).unwrap()[0]
    );
    assert_eq!(on_disk.read(on_disk.last() + 1, 10).unwrap(), []);
    let end = on_disk.append(&[]).unwrap();
    assert_eq!(end, on_disk.last(), "an empty batch is nothing");
}

#[test]
fn a_snapshot_stands_for_what_was_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    let (mut yard, first) = Yard::new(2);
    journal.append(&first).unwrap();
    for _ in 0..4 {
        yard.fill(&mut journal, 100);
        journal
            .save_snapshot(journal.last(), yard.state.clone())
            .unwrap();
        journal.settle().unwrap();
        let (at, state) = journal.snapshot().unwrap().expect("there is one");
        assert_eq!((at, &state), (journal.last(), &yard.state));
    }
    yard.fill(&mut journal, 10);
    assert_eq!(replay(&journal).unwrap(), yard.state);
    drop(journal);
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!(replay(&journal).unwrap(), yard.state);
    let ahead = journal.save_snapshot(journal.last() + 1, yard.state);
    assert!(ahead.unwrap_err().to_string().contains("the last event is"));
    // Two are kept, with all of their parts and no others.
    let look = rusqlite::Connection::open(journal.path()).unwrap();
    let count = |what: &str| -> i64 {
        let query = format!("SELECT count(DISTINCT at) FROM {what}");
        look.query_row(&query, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("snapshots"), count("snapshot_parts")), (2, 2));
}

/// Commits go on while a snapshot is written, and a crash in its middle leaves the one before.
#[test]
fn a_snapshot_that_was_not_finished_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    let (mut yard, first) = Yard::new(3);
    journal.append(&first).unwrap();
    yard.fill(&mut journal, 50);
    let (at, state) = (journal.last(), yard.state.clone());
    journal.save_snapshot(at, state).unwrap();
    journal.settle().unwrap();
    yard.fill(&mut journal, 50);
    let look = rusqlite::Connection::open(journal.path()).unwrap();
    let later = journal.last();
    let half = "INSERT INTO snapshot_parts SELECT ?1, part, state FROM snapshot_parts";
    look.execute(half, [later as i64]).unwrap();
    assert_eq!(journal.snapshot().unwrap().map(|(at, _)| at), Some(at));
    assert_eq!(replay(&journal).unwrap(), yard.state);
    journal.save_snapshot(later, yard.state.clone()).unwrap();
    journal.settle().unwrap();
    assert_eq!(journal.snapshot().unwrap(), Some((later, yard.state)));
}
