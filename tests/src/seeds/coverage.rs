//! What the runs came across: how often each kind of event, command and refusal was seen.

use std::collections::BTreeMap;
use std::fmt;

use jobyard_kernel::{Command, Fact, Refusal, Rejection};
use strum::VariantNames;

/// How often each kind was seen, by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Durable events.
    pub events: Counts,
    /// Commands of callers that were acknowledged.
    pub commands: Counts,
    /// Why commands were refused.
    pub rejections: Counts,
    /// Why proposals of the policy were refused.
    pub refusals: Counts,
}

/// Names and how often.
pub type Counts = BTreeMap<&'static str, u64>;

impl Coverage {
    /// Takes another run's to these.
    pub fn add(&mut self, other: &Coverage) {
        for (mine, theirs) in [
            (&mut self.events, &other.events),
            (&mut self.commands, &other.commands),
            (&mut self.rejections, &other.rejections),
            (&mut self.refusals, &other.refusals),
        ] {
            for (name, count) in theirs {
                *mine.entry(name).or_default() += count;
            }
        }
    }

    /// Every kind that there is, with how often it was seen: what it is, its name, the count.
    pub fn rows(&self) -> Vec<(&'static str, &'static str, u64)> {
        let all = [
            ("event", Fact::VARIANTS, &self.events),
            ("command", Command::VARIANTS, &self.commands),
            ("refusal", Rejection::VARIANTS, &self.rejections),
            ("refused proposal", Refusal::VARIANTS, &self.refusals),
        ];
        let mut rows = Vec::new();
        for (what, names, counts) in all {
            let count = |name| counts.get(name).copied().unwrap_or_default();
            rows.extend(names.iter().map(|&name| (what, name, count(name))));
        }
        rows
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, name, count) in self.rows() {
            writeln!(f, "{what:<17} {name:<24} {count:>9}")?;
        }
        Ok(())
    }
}

/// What no run comes to, and why not.
pub const UNREACHED: &[(&str, &str)] = &[
    (
        "Propose",
        "no caller's command: what comes of proposals are events and refused proposals",
    ),
    (
        "Report",
        "no caller's command: what comes of reports are events",
    ),
    (
        "FilterAnswer",
        "no caller's command: what comes of answers are events",
    ),
    (
        "StaleAnswer",
        "the answer to a filter's answer, which callers do not give",
    ),
    ("Tick", "no caller's command: the core gives it to itself"),
    (
        "PolicyPassed",
        "no caller's command: the core gives it to itself",
    ),
    (
        "PolicyFaulted",
        "no caller's command: the core gives it to itself",
    ),
    (
        "ArchiveJobs",
        "no caller's command: the core gives it to itself",
    ),
    (
        "RecallJob",
        "no caller's command: the core makes it of a record of history",
    ),
    ("NoIdsLeft", "that takes 2^32 jobs"),
    (
        "Refused",
        "the answer to a proposal, which callers do not make",
    ),
    (
        "StaleReport",
        "the answer to a report, which callers do not make",
    ),
];
