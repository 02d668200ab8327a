//! The scenarios that come with the kit: small cases with expected starts, in `scenarios/`.

use jobyard_kernel::{JobId, Timestamp};

use crate::case::{Case, Expect};
use crate::recording::Recording;
use crate::rules::{Verdict, at};
use crate::yard::BEGIN;

/// The files, by name.
pub(crate) const FILES: &[(&str, &str)] = &[
    (
        "every-policy.md",
        include_str!("../scenarios/every-policy.md"),
    ),
    (
        "queue-order.md",
        include_str!("../scenarios/queue-order.md"),
    ),
    ("backfill.md", include_str!("../scenarios/backfill.md")),
];

/// All cases of all files.
///
/// # Panics
/// A file that cannot be read is a defect of the kit; a test reads them all.
pub fn scenarios() -> Vec<Case> {
    let read = |(name, text): &(&str, &str)| match Case::read_all(text) {
        Ok(cases) => cases,
        Err(bad) => panic!("{name}: {bad}"),
    };
    FILES.iter().flat_map(read).collect()
}

/// Whether what a case expects has come.
pub(crate) fn expectations(recording: &Recording) -> Verdict {
    let mut wanted: Vec<(Timestamp, JobId)> = Vec::new();
    for expect in &recording.case.expect {
        match expect {
            Expect::Starts(time, jobs) => {
                wanted.extend(jobs.iter().map(|&job| (from_begin(*time), JobId(job))))
            }
            Expect::Holds(time, job, units) => {
                holds(recording, from_begin(*time), JobId(*job), *units)?
            }
        }
    }
    wanted.sort_unstable();
    let mut starts = recording.starts.clone();
    starts.sort_unstable();
    let (first, then) = (list(&wanted), list(&starts));
    match wanted.is_empty() || wanted == starts {
        true => Ok(()),
        false => Err(format!("expected starts: {first}; these came: {then}")),
    }
}

fn holds(recording: &Recording, time: Timestamp, job: JobId, wanted: u32) -> Verdict {
    let told = recording.held.iter().rev();
    let mut told = told.filter(|(at, of, _)| *of == job && *at <= time);
    let held = told.next().map_or(0, |(.., units)| *units);
    match held == wanted {
        true => Ok(()),
        false => Err(format!(
            "job {job} was expected to hold {wanted} at {}, and holds {held}",
            at(time)
        )),
    }
}

fn from_begin(time: Timestamp) -> Timestamp {
    BEGIN + time.since(Timestamp(0))
}

fn list(starts: &[(Timestamp, JobId)]) -> String {
    match starts {
        [] => "none".into(),
        some => some
            .iter()
            .map(|(now, job)| format!("job {job} at {}", at(*now)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_files_are_read_and_expect_something() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let there = std::fs::read_dir(folder).expect("the folder is there");
        let there: BTreeSet<String> = there
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        let listed: BTreeSet<String> = FILES.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(there, listed);
        let mut names = BTreeSet::new();
        for case in scenarios() {
            assert!(!case.expect.is_empty(), "{} expects nothing", case.name);
            assert!(
                names.insert(case.name.clone()),
                "two cases are called {}",
                case.name
            );
        }
    }
}
