//! The KTH trace in the order of rankers: the built-in `ranked` composed with the built-in `formula`.
//!
//! First come first served must give the published numbers of EASY. Those of the other formulas were recomputed only, by the component and by the
//! native code in `native`, which is written from the formulas and nothing else: both must start every job at the same time.

use std::sync::LazyLock;

use jobyard_plugin::{Limits, Part, Plugin, World, compose};
use jobyard_sim::{Component, Estimate};

use crate::kth::{GOLDENS, assert_same, check, committed, load_bytes, run, trace};
use crate::native::{Easy, Job, Rank};

/// A recomputed row: average bounded slowdown, average wait and maximum wait in seconds.
struct Row {
    formula: &'static str,
    rank: Rank,
    found: [f64; 3],
}

fn r(job: &Job) -> f64 {
    job.walltime / 1e6
}

fn n(job: &Job) -> f64 {
    f64::from(job.procs)
}

fn s(job: &Job) -> f64 {
    job.submitted / 1e6
}

fn w(job: &Job, now: f64) -> f64 {
    (now - job.submitted) / 1e6
}

const ROWS: [Row; 7] = [
    Row {
        formula: "sjf",
        rank: |job, _| r(job),
        found: [42.67142668681192, 4_616.606263825006, 681_785.0],
    },
    Row {
        formula: "f1",
        rank: |job, _| r(job).log10() * n(job) + 870.0 * s(job).log10(),
        found: [58.85823052953534, 6_387.792949685755, 2_649_678.0],
    },
    Row {
        formula: "f2",
        rank: |job, _| r(job).sqrt() * n(job) + 25_600.0 * s(job).log10(),
        found: [50.86593211903137, 6_651.660615849162, 3_241_720.0],
    },
    Row {
        formula: "f3",
        rank: |job, _| r(job) * n(job) + 6_860_000.0 * s(job).log10(),
        found: [43.42289313774823, 5_849.9276710789645, 3_667_614.0],
    },
    Row {
        formula: "f4",
        rank: |job, _| r(job) * n(job).sqrt() + 530_000.0 * s(job).log10(),
        found: [43.840362666190444, 5_690.952038200906, 3_241_720.0],
    },
    Row {
        formula: "wfp3",
        rank: |job, now| -(w(job, now) / r(job)).powi(3) * n(job),
        found: [53.89550137727655, 5_172.297005020891, 368_727.0],
    },
    Row {
        formula: "unicep",
        rank: |job, now| match w(job, now) {
            0.0 => 0.0,
            wait => -wait / (n(job).log2() * r(job)),
        },
        found: [51.542611569901624, 5_320.972859099048, 493_568.0],
    },
];

/// The composed policy, ready for its first pass.
fn component(settings: &[(&str, &str)]) -> Component {
    static PLUGIN: LazyLock<Plugin> = LazyLock::new(|| {
        let (policy, ranker) = (committed("policy-ranked"), committed("ranker-formula"));
        let part = |name, bytes| Part { name, bytes };
        let bytes = compose(part("ranked", &policy), part("formula", &ranker));
        load_bytes("ranked+formula", &bytes.expect("they fit"))
    });
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let settings: Vec<_> = settings.iter().map(owned).collect();
    let limits = Limits::for_world(World::SchedulingPolicy);
    let instance = PLUGIN.policy(limits, &settings);
    Component::new(instance.expect("it knows its settings"))
}

fn check_row(row: &Row) {
    let trace = trace();
    let formula = row.formula;
    let mut component = component(&[("ranker.formula", formula)]);
    let simulation = run(&trace, Estimate::Requested, &mut component);
    let native = run(&trace, Estimate::Requested, &mut Easy::ranked(row.rank));
    assert!(simulation.jobs == native.jobs, "{formula}");
    let report = &simulation.report;
    assert_eq!(report.refused_proposals, 0, "{formula}");
    let found = [
        report.average_bounded_slowdown,
        report.average_wait_s,
        report.maximum_wait_s,
    ];
    for (found, expected) in found.into_iter().zip(row.found) {
        assert_same(&format!("{formula}: {found:?}"), found, expected);
    }
}

#[test]
fn first_come_first_served_is_easy_as_published() {
    for golden in &GOLDENS[1..3] {
        for priority in ["first", "ignored"] {
            let mut component = component(&[("priority", priority)]);
            let simulation = run(&trace(), golden.estimate, &mut component);
            check(golden, &simulation.report);
        }
    }
}

#[test]
fn without_backfill_it_is_fcfs_as_published() {
    let mut component = component(&[("backfill", "none")]);
    let simulation = run(&trace(), Estimate::Requested, &mut component);
    check(&GOLDENS[0], &simulation.report);
}

#[test]
fn sjf() {
    check_row(&ROWS[0]);
}

#[test]
fn f1() {
    check_row(&ROWS[1]);
}

#[test]
fn f2() {
    check_row(&ROWS[2]);
}

#[test]
fn f3() {
    check_row(&ROWS[3]);
}

#[test]
fn f4() {
    check_row(&ROWS[4]);
}

#[test]
fn wfp3() {
    check_row(&ROWS[5]);
}

#[test]
fn unicep() {
    check_row(&ROWS[6]);
}
