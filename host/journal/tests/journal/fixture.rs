//! Journals of released formats, each in a folder of `tests/fixtures`: they are read for ever.
//!
//! A new one is made with `BLESS=1 cargo test --test journal fixture`, which leaves those alone that are there. It goes
//! with a release that writes another form of events, states or jobs, or another version of the tables.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use jobyard_journal::sqlite::{compact, dump, verify};
use jobyard_journal::{Journal, Query, SqliteJournal, replay};
use jobyard_kernel::{Job, State};

use crate::yard::Yard;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The name of what is written now.
const NEWEST: &str = "0.1.0";

/// What a reader of any version must find: jobs, their states and what became of their instances.
fn jobs(state: &State, journal: &dyn Journal) -> String {
    let mut lines = String::from(
        "where\tjob\towner\tname\tstate\tqueued\trunning\tfinished\tfailed\tcanceled\n",
    );
    let mut line = |place: &str, job: &Job| {
        let (spec, counts) = (&job.spec, job.counts);
        let (queued, running) = (counts.queued, counts.running);
        let ended = format!(
            "{}\t{}\t{}",
            counts.finished, counts.failed, counts.canceled
        );
        let job = format!("{}\t{}\t{}\t{}", job.id, spec.owner, spec.name, job.state());
        writeln!(lines, "{place}\t{job}\t{queued}\t{running}\t{ended}").unwrap();
    };
    state.jobs().for_each(|job| line("live", job));
    let history = journal.history().unwrap();
    let page = history.jobs(&Query::default()).unwrap();
    assert_eq!(page.next, None);
    for summary in page.jobs {
        let record = history.job(summary.id).unwrap().unwrap();
        line("history", &record.job);
    }
    lines
}

fn bless(folder: &Path) {
    let made = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(made.path()).unwrap();
    let (mut yard, first) = Yard::new(2026);
    journal.append(&first).unwrap();
    yard.fill(&mut journal, 40);
    let at = journal.last();
    journal.save_snapshot(at, yard.state.clone()).unwrap();
    journal.settle().unwrap();
    while yard.history.len() < 3 {
        yard.fill(&mut journal, 10);
    }
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("jobs.tsv"), jobs(&yard.state, &journal)).unwrap();
    drop(journal);
    fs::copy(made.path().join("journal.db"), folder.join("journal.db")).unwrap();
    let mut events = Vec::new();
    dump(made.path(), &mut events).unwrap();
    fs::write(folder.join("events.jsonl"), events).unwrap();
}

#[test]
fn journals_of_released_formats_are_read() {
    let newest = fixtures().join(NEWEST);
    if std::env::var_os("BLESS").is_some() && !newest.exists() {
        bless(&newest);
    }
    let mut count = 0;
    for entry in fs::read_dir(fixtures()).unwrap() {
        let fixture = entry.unwrap().path();
        if !fixture.is_dir() {
            continue;
        }
        let name = fixture.display();
        let folder = tempfile::tempdir().unwrap();
        fs::copy(fixture.join("journal.db"), folder.path().join("journal.db")).unwrap();
        let expected = fs::read_to_string(fixture.join("jobs.tsv")).unwrap();
        let events = fs::read_to_string(fixture.join("events.jsonl")).unwrap();

        let journal = SqliteJournal::open(folder.path()).unwrap();
        assert_eq!(journal.last(), events.lines().count() as u64, "{name}");
        let state = replay(&journal).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(jobs(&state, &journal), expected, "{name}");
        state
            .check()
            .unwrap_or_else(|what| panic!("{name}: {what}"));
        drop(journal);
        let mut dumped = Vec::new();
        dump(folder.path(), &mut dumped).unwrap();
        assert_eq!(String::from_utf8(dumped).unwrap(), events, "{name}");
        verify(folder.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        compact(folder.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let journal = SqliteJournal::open(folder.path()).unwrap();
        assert_eq!(
            jobs(&replay(&journal).unwrap(), &journal),
            expected,
            "{name}"
        );
        count += 1;
    }
    assert!(count >= 1, "there is a fixture");
}
