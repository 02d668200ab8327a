//! The rules: each has a name, a sentence, and the section of `wit/README.md` that it comes from.
//!
//! A rule judges a [`Recording`], and may play more for it: the same calls on a second instance, the case with more nodes. It holds for all
//! policies, or for those that claim something. `docs/conformance.md` has the table.

mod kernel;
mod more_nodes;
mod order;
mod promises;
pub(crate) mod quiet;
mod replay;
mod settings;

use crate::generate::Kind;
use crate::recording::Recording;
use crate::{Claim, Tested};

/// A recording to be judged, and the policy that it is of.
pub(crate) struct Examined<'a> {
    pub(crate) tested: &'a Tested<'a>,
    pub(crate) recording: &'a Recording,
}

/// Nothing wrong, or what is wrong, in one line.
pub(crate) type Verdict = Result<(), String>;

/// Something that must hold.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// What must hold, in one sentence.
    pub sentence: &'static str,
    /// The section of `wit/README.md` that says so.
    pub section: &'static str,
    /// For policies that claim one of these; for all when empty.
    pub claims: &'static [Claim],
    /// The random cases that it is tried with.
    pub(crate) kind: Kind,
    pub(crate) check: fn(&Examined<'_>) -> Verdict,
}

impl Rule {
    /// Whether it holds for a policy with these claims.
    pub fn applies(&self, claims: &std::collections::BTreeSet<Claim>) -> bool {
        self.claims.is_empty() || self.claims.iter().any(|claim| claims.contains(claim))
    }
}

const LIFE: &str = "Life of an instance";
const DETERMINISM: &str = "Determinism";
const FAULTS: &str = "Faults";
const CONSTANTS: &str = "Constants";
const CONFORMANCE: &str = "Conformance";

/// All rules.
pub const RULES: &[Rule] = &[
    Rule {
        name: "no-fault",
        sentence: "No call traps, runs over a limit or answers nonsense.",
        section: FAULTS,
        claims: &[],
        kind: Kind::Anything,
        check: kernel::no_fault,
    },
    Rule {
        name: "within-what-is-there",
        sentence: "Nobody is given more than is free, or nodes that take no jobs.",
        section: FAULTS,
        claims: &[],
        kind: Kind::Anything,
        check: kernel::within_what_is_there,
    },
    Rule {
        name: "as-asked-for",
        sentence: "What a job is given is what it asks for: least and most, unit, candidates, groups, exclusive, single node.",
        section: FAULTS,
        claims: &[],
        kind: Kind::Anything,
        check: kernel::as_asked_for,
    },
    Rule {
        name: "starts-what-may-start",
        sentence: "Only queued jobs start that are not held and do not wait for others.",
        section: FAULTS,
        claims: &[],
        kind: Kind::Anything,
        check: kernel::starts_what_may_start,
    },
    Rule {
        name: "changes-what-runs",
        sentence: "Only running jobs grow, shrink and are preempted, as they and the cluster's parameters allow.",
        section: FAULTS,
        claims: &[],
        kind: Kind::Anything,
        check: kernel::changes_what_runs,
    },
    Rule {
        name: "words-that-hold",
        sentence: "Reservations are not before now, and reasons not longer than the host keeps.",
        section: FAULTS,
        claims: &[],
        kind: Kind::Anything,
        check: kernel::words_that_hold,
    },
    Rule {
        name: "same-calls-same-plans",
        sentence: "Two instances that get the same calls answer the same, to the letter.",
        section: DETERMINISM,
        claims: &[],
        kind: Kind::Anything,
        check: replay::same_calls_same_plans,
    },
    Rule {
        name: "fresh-like-long-lived",
        sentence: "An instance that has just been told everything places jobs as one that was told the changes one by one, and what they say of those that wait is the same.",
        section: LIFE,
        claims: &[],
        kind: Kind::Anything,
        check: replay::fresh_like_long_lived,
    },
    Rule {
        name: "cuts-do-not-matter",
        sentence: "Whether changes come in one call or in several makes no difference where nothing was decided in between.",
        section: DETERMINISM,
        claims: &[],
        kind: Kind::Anything,
        check: replay::cuts_do_not_matter,
    },
    Rule {
        name: "ignores-the-unknown",
        sentence: "Bits and columns that a policy does not know, and removals of jobs that it never saw, change nothing.",
        section: CONSTANTS,
        claims: &[],
        kind: Kind::Anything,
        check: replay::ignores_the_unknown,
    },
    Rule {
        name: "fitting-arrivals",
        sentence: "A policy that says `arrivals` = `fitting` decides the same when it is called for every arrival.",
        section: CONSTANTS,
        claims: &[],
        kind: Kind::Anything,
        check: replay::fitting_arrivals,
    },
    Rule {
        name: "unknown-settings",
        sentence: "A setting of an unknown name is refused in words that name it, and those that were in force stay.",
        section: FAULTS,
        claims: &[],
        kind: Kind::Anything,
        check: settings::unknown_settings,
    },
    Rule {
        name: "same-settings-same-traits",
        sentence: "What a policy says of itself is the same whenever it takes the same settings, and taking them again changes no decision.",
        section: DETERMINISM,
        claims: &[],
        kind: Kind::Anything,
        check: settings::same_settings_same_traits,
    },
    Rule {
        name: "settles",
        sentence: "At one instant decisions do not lead to others without end.",
        section: CONFORMANCE,
        claims: &[],
        kind: Kind::Anything,
        check: quiet::settles,
    },
    Rule {
        name: "wake-at-rests",
        sentence: "While nothing changes, a policy does not ask to be called 100 times within a minute.",
        section: CONFORMANCE,
        claims: &[],
        kind: Kind::Anything,
        check: quiet::wake_at_rests,
    },
    Rule {
        name: "idle-cluster-works",
        sentence: "Where nothing runs and every job in the queue could, some job starts within the hour.",
        section: CONFORMANCE,
        claims: &[],
        kind: Kind::Anything,
        check: quiet::idle_cluster_works,
    },
    Rule {
        name: "more-nodes-do-no-harm",
        sentence: "A job that is alone in the queue and starts at once does so too when there are more idle nodes.",
        section: CONFORMANCE,
        claims: &[],
        kind: Kind::Lone,
        check: more_nodes::lone_job,
    },
    Rule {
        name: "memory-stays",
        sentence: "Memory does not grow from pass to pass while the queue stays as short as it is.",
        section: "Limits",
        claims: &[],
        kind: Kind::Soak,
        check: quiet::memory_stays,
    },
    Rule {
        name: "no-starvation",
        sentence: "A job that could run starts before twice the longest limit has gone by for each job before it, and once more for itself.",
        section: CONFORMANCE,
        claims: &[Claim::NoStarvation],
        kind: Kind::Stream,
        check: order::no_starvation,
    },
    Rule {
        name: "in-queue-order",
        sentence: "No job starts before one that stands before it in the queue and could run.",
        section: CONFORMANCE,
        claims: &[Claim::Fifo],
        kind: Kind::Anything,
        check: order::in_queue_order,
    },
    Rule {
        name: "head-starts",
        sentence: "The first job of the queue that could run starts as soon as it fits.",
        section: CONFORMANCE,
        claims: &[
            Claim::Fifo,
            Claim::Easy,
            Claim::EasySjbf,
            Claim::Conservative,
        ],
        kind: Kind::Anything,
        check: order::head_starts,
    },
    Rule {
        name: "reservations-kept",
        sentence: "A job with a reservation starts by then: what is let past it does not make it late.",
        section: CONFORMANCE,
        claims: &[Claim::KeepsReservations],
        kind: Kind::Rigid,
        check: promises::reservations_kept,
    },
    Rule {
        name: "monotone",
        sentence: "With more idle nodes, no fewer jobs start in the first pass.",
        section: CONFORMANCE,
        claims: &[Claim::Monotone],
        kind: Kind::Rush,
        check: more_nodes::monotone,
    },
];

/// A rule by name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

/// The time since a case began, for people.
pub(crate) fn at(now: jobyard_kernel::Timestamp) -> String {
    crate::case::time(jobyard_kernel::Timestamp(0) + now.since(crate::yard::BEGIN))
}
