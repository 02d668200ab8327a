//! The policies that come with jobyard keep all rules, and what they claim.

use std::collections::BTreeSet;

use jobyard_conform::Claim::{
    self, Conservative, Easy, EasySjbf, Fifo, KeepsReservations, Monotone, NoStarvation,
};
use jobyard_conform::{Options, Report, Tested, check};

use crate::{component, settings, times};

/// Component, settings, claims.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [Claim]);

const ROWS: &[Row<'_>] = &[
    ("policy-fifo", &[], &[Fifo, NoStarvation, Monotone]),
    (
        "policy-fifo",
        &[("preemption", "immediate")],
        &[NoStarvation],
    ),
    (
        "policy-backfill",
        &[],
        &[Easy, NoStarvation, KeepsReservations],
    ),
    (
        "policy-backfill",
        &[("order", "sjbf")],
        &[EasySjbf, NoStarvation, KeepsReservations],
    ),
    (
        "policy-backfill",
        &[("lookahead", "2"), ("grow", "no")],
        &[NoStarvation, KeepsReservations],
    ),
    (
        "policy-backfill",
        &[("preemption", "graceful")],
        &[NoStarvation],
    ),
    (
        "policy-backfill",
        &[("preemption", "whole-jobs"), ("shrink", "no")],
        &[],
    ),
    (
        "policy-backfill",
        &[("preemption", "immediate"), ("order", "sjbf")],
        &[],
    ),
    ("policy-queued", &[], &[Easy, NoStarvation]),
    ("policy-balanced", &[], &[NoStarvation]),
    ("policy-conservative", &[], &[Conservative, NoStarvation]),
    (
        "policy-ranked+ranker-formula",
        &[("ranker.formula", "fcfs")],
        &[Easy, NoStarvation, KeepsReservations],
    ),
    (
        "policy-ranked+ranker-formula",
        &[("ranker.formula", "sjf"), ("priority", "ignored")],
        &[],
    ),
    (
        "policy-ranked+ranker-formula",
        &[
            ("ranker.formula", "wfp3"),
            ("backfill", "conservative"),
            ("preemption", "graceful"),
        ],
        &[],
    ),
    ("policy-ranked+ranker-fairshare", &[], &[]),
    ("policy-ranked+ranker-multifactor", &[], &[]),
];

fn run((name, given, claims): &Row<'_>) -> Report {
    let subject = component(name);
    let tested = Tested {
        name: name.to_string(),
        subject: &subject,
        settings: settings(given),
        claims: claims.iter().copied().collect::<BTreeSet<_>>(),
    };
    let options = Options {
        seeds: 6 * times(),
        ..Options::default()
    };
    check(&tested, &options).expect("it takes its settings, and the cases are good")
}

#[test]
fn built_in_policies_keep_the_rules() {
    let mut failures = String::new();
    for row in ROWS {
        let report = run(row);
        for failed in report.failures() {
            failures += &format!(
                "{} {:?}: {}: {:#?}\n",
                row.0, row.1, failed.name, failed.outcome
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn the_same_seeds_give_the_same_report() {
    let row = ("policy-fifo", &[][..], &[Fifo, NoStarvation][..]);
    let first = run(&row);
    assert_eq!(first, run(&row));
    let json = serde_json::to_value(&first).expect("all keys are text");
    assert_eq!(json["results"][0]["outcome"], "passed", "{json}");
}
