//! The files cut short and with bits flipped, at hundreds of places: what comes back is the state after one of the batches
//! that were written, with the history of that moment, or a refusal that names the file. Never anything else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jobyard_journal::{Journal, JournalError, Query, SqliteJournal, replay};
use jobyard_kernel::State;

use crate::numbers::Numbers;
use crate::yard::{History, Yard};

const FILES: [&str; 2] = ["journal.db", "journal.db-wal"];

/// A data folder as it was at some moment, and all moments that it may come back to.
struct Torn {
    files: Vec<(&'static str, Vec<u8>)>,
    moments: BTreeMap<u64, (State, History)>,
}

/// What was tried, and how it came out.
#[derive(Debug, Default)]
struct Counts {
    whole: u32,
    prefix: u32,
    refused: u32,
}

fn copy(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let read = |name| fs::read(folder.join(name)).unwrap_or_default();
    FILES.into_iter().map(|name| (name, read(name))).collect()
}

/// Where the pages are when the files are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pages {
    /// In the log, as after a crash soon after the start.
    Log,
    /// Half in the database file, and the log goes on.
    Both,
    /// In the database file, as after a clean stop.
    File,
}

/// A journal with a snapshot and some history, of so many batches.
fn journal(seed: u64, batches: usize, pages: Pages) -> Torn {
    let mut seeds = (seed * 100..).map(|seed| try_journal(seed, batches, pages));
    let with_history = seeds.find(|torn| torn.moments.values().any(|(_, jobs)| jobs.len() > 1));
    with_history.expect("some seed archives a job")
}

fn try_journal(seed: u64, batches: usize, pages: Pages) -> Torn {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(folder.path()).unwrap();
    let (mut yard, first) = Yard::new(seed);
    let mut moments = BTreeMap::from([(0, (State::new(), History::new()))]);
    journal.append(&first).unwrap();
    moments.insert(journal.last(), (yard.state.clone(), yard.history.clone()));
    for number in 0..batches {
        yard.fill(&mut journal, 1);
        moments.insert(journal.last(), (yard.state.clone(), yard.history.clone()));
        if number == batches / 2 {
            let state = yard.state.clone();
            journal.save_snapshot(journal.last(), state).unwrap();
            journal.settle().unwrap();
            if pages == Pages::Both {
                let other = rusqlite::Connection::open(journal.path()).unwrap();
                let passive = "PRAGMA wal_checkpoint(PASSIVE)";
                other.query_row(passive, [], |_| Ok(())).unwrap();
            }
        }
    }
    if pages == Pages::File {
        drop(journal);
    }
    Torn {
        files: copy(folder.path()),
        moments,
    }
}

/// What a damaged folder gives.
fn recover(folder: &Path) -> Result<(u64, State, History), JournalError> {
    let journal = SqliteJournal::open(folder)?;
    let state = replay(&journal)?;
    let history = journal.history()?;
    let mut jobs = History::new();
    let mut query = Query {
        limit: 7,
        ..Query::default()
    };
    loop {
        let page = history.jobs(&query)?;
        for summary in page.jobs {
            // Listed and not there would be wrong.
            let record = history.job(summary.id)?.expect("it is listed");
            jobs.insert(summary.id, record.job);
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    Ok((journal.last(), state, jobs))
}

impl Torn {
    /// Tries one damage: `change` is given the bytes of one file.
    fn try_with(
        &self,
        what: &str,
        file: usize,
        change: impl FnOnce(&mut Vec<u8>),
        counts: &mut Counts,
    ) {
        let folder = tempfile::tempdir().unwrap();
        for (index, (name, bytes)) in self.files.iter().enumerate() {
            if index == file {
                let mut bytes = bytes.clone();
                change(&mut bytes);
                fs::write(folder.path().join(name), bytes).unwrap();
                break;
            }
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        if file == 0 {
            let (name, bytes) = &self.files[1];
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        match recover(folder.path()) {
            Ok((last, state, history)) => {
                let Some((expected, then)) = self.moments.get(&last) else {
                    panic!("{what}: event {last} is in the middle of a batch");
                };
                assert!(
                    state == *expected,
                    "{what}: not the state after event {last}"
                );
                assert!(
                    history == *then,
                    "{what}: not the history after event {last}"
                );
                let whole = self.moments.last_key_value().map(|(&last, _)| last) == Some(last);
                counts.whole += u32::from(whole);
                counts.prefix += u32::from(!whole);
                // It can be used.
                let mut journal = SqliteJournal::open(folder.path()).unwrap();
                journal.append(&Yard::new(1).1).unwrap();
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("journal.db"), "{what}: {text}");
                assert!(!text.contains('\n') && text.len() < 600, "{what}: {text}");
                counts.refused += 1;
            }
        }
    }

    fn tear(&self, seed: u64, cuts: u32, flips: u32) -> Counts {
        let mut numbers = Numbers::new(seed);
        let mut counts = Counts::default();
        for (file, (name, bytes)) in self.files.iter().enumerate() {
            let length = bytes.len() as u32;
            if length == 0 {
                continue;
            }
            for _ in 0..cuts {
                let at = numbers.below(length) as usize;
                let what = format!("{name} cut at {at} of {length}");
                self.try_with(&what, file, |bytes| bytes.truncate(at), &mut counts);
            }
            for _ in 0..flips {
                let (at, bit) = (numbers.below(length) as usize, numbers.below(8));
                let what = format!("{name} with bit {bit} of byte {at} of {length} flipped");
                self.try_with(&what, file, |bytes| bytes[at] ^= 1 << bit, &mut counts);
            }
        }
        counts
    }
}

/// All is in the log, as after a crash soon after the start.
#[test]
fn a_torn_log() {
    let counts = journal(11, 60, Pages::Log).tear(1, 50, 50);
    assert!(counts.prefix > 20, "{counts:?}");
}

/// All is in the database file, as after a clean stop.
#[test]
fn a_torn_database() {
    let counts = journal(12, 240, Pages::File).tear(2, 40, 80);
    assert!(counts.refused > 20 && counts.whole > 5, "{counts:?}");
}

/// The log goes on where the database file ends, as after a crash at any time.
#[test]
fn both_torn() {
    let counts = journal(13, 160, Pages::Both).tear(3, 50, 50);
    assert!(
        counts.refused > 20 && counts.prefix + counts.whole > 20,
        "{counts:?}"
    );
}

/// Pages of an older copy come back, as from a disk that has lost a write.
#[test]
fn a_page_from_before() {
    let newer = journal(14, 240, Pages::File);
    let older = journal(14, 120, Pages::File);
    let mut counts = Counts::default();
    let pages = newer.files[0].1.len() / 4_096;
    for page in 0..pages.min(120) {
        let range = page * 4_096..(page + 1) * 4_096;
        let Some(before) = older.files[0].1.get(range.clone()) else {
            break;
        };
        let what = format!("page {page} as it was before");
        newer.try_with(
            &what,
            0,
            |bytes| bytes[range].copy_from_slice(before),
            &mut counts,
        );
    }
    assert!(counts.whole + counts.refused > 20, "{counts:?}");
}
