//! Jobs that have left the live state are found by id, listed by what people ask for, and forgotten in time.

use jobyard_journal::history::{Page, Summary};
use jobyard_journal::{History, Journal, MemoryJournal, Query, SqliteJournal};
use jobyard_kernel::{Command, JobState, Timestamp, step};

use crate::yard::Yard;

/// All pages, three jobs each.
fn all(history: &dyn History, mut query: Query) -> Vec<Summary> {
    let mut all = Vec::new();
    query.limit = 3;
    loop {
        let Page { jobs, next } = history.jobs(&query).unwrap();
        assert!(jobs.len() == 3 || next.is_none());
        all.extend(jobs);
        query.after = next;
        if next.is_none() {
            return all;
        }
    }
}

#[test]
fn both_journals_have_the_same_history() {
    let folder = tempfile::tempdir().unwrap();
    let mut on_disk = SqliteJournal::open(folder.path()).unwrap();
    let mut memory = MemoryJournal::new();
    let (mut yard, first) = Yard::new(23);
    on_disk.append(&first).unwrap();
    memory.append(&first).unwrap();
    let (one, other) = (on_disk.history().unwrap(), memory.history().unwrap());
    let mut most = 0;
    for round in 0..40 {
        for _ in 0..40 {
            let batch = yard.batch();
            on_disk.append(&batch).unwrap();
            memory.append(&batch).unwrap();
        }
        let listed = all(&*one, Query::default());
        let mut expected: Vec<Summary> =
            yard.history.values().map(|job| Summary::of(job)).collect();
        expected.sort_by_key(|job| std::cmp::Reverse(job.place()));
        assert_eq!(listed, expected, "round {round}");
        assert_eq!(all(&*other, Query::default()), expected, "round {round}");
        most = most.max(expected.len());
        for (&id, job) in &yard.history {
            let record = one.job(id).unwrap().unwrap();
            assert_eq!(&record.job, job);
            assert_eq!(other.job(id).unwrap().unwrap(), record);
        }
        let middle = expected.get(expected.len() / 2).map(|job| job.ended);
        let wanted = [
            Query {
                owner: Some("ann".into()),
                ..Query::default()
            },
            Query {
                owner: Some("ann".into()),
                state: Some(JobState::Failed),
                ..Query::default()
            },
            Query {
                state: Some(JobState::Canceled),
                ended_from: middle,
                ..Query::default()
            },
            Query {
                name: Some(String::new()),
                ended_before: middle,
                ..Query::default()
            },
            Query {
                owner: Some("nobody' OR '1'='1".into()),
                ..Query::default()
            },
        ];
        for query in wanted {
            let fitting: Vec<_> = expected
                .iter()
                .filter(|job| query.fits(job))
                .cloned()
                .collect();
            assert_eq!(all(&*one, query.clone()), fitting, "{query:?}");
            assert_eq!(all(&*other, query.clone()), fitting, "{query:?}");
        }
    }
    assert!(most > 12, "only {most} jobs were in history at once");
}

#[test]
fn history_is_purged_a_bearable_number_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    let (mut yard, first) = Yard::new(22);
    journal.append(&first).unwrap();
    while yard.history.len() < 25 {
        yard.fill(&mut journal, 10);
    }
    let history = journal.history().unwrap();
    let end = Timestamp::MAX;
    let mut left = yard.history.len();
    while let Some(ended_before) = history.purge_bound(end, 4).unwrap() {
        let mut events = Vec::new();
        let command = Command::PurgeHistory { ended_before };
        step(&mut yard.state, &command, end, &mut events).unwrap();
        journal.append(&events).unwrap();
        let now = all(&*history, Query::default()).len();
        assert!(now < left && left - now <= 8, "{left} became {now}");
        left = now;
    }
    assert_eq!(left, 0);
    let look = rusqlite::Connection::open(journal.path()).unwrap();
    let tasks: i64 = look
        .query_row("SELECT count(*) FROM tasks", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tasks, 0);
}
