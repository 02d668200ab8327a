//! Comparisons against numbers worked out by hand, and what comes out of them: JSON with names that are kept, a page that needs nothing else.

use jobyard_sim::compare::{CompareError, page};
use jobyard_sim::{Basis, Estimate, JobTimes, Options, Run, Trace, compare, simulate};

use crate::native::{Backfill, Easy};

const HOUR: u64 = 3_600;

/// Submitted, started, ran, in seconds; cores; user.
type Row = (u64, u64, u64, u32, u32);

fn run(name: &str, rows: &[Row]) -> Run {
    let us = 1_000_000;
    let job = |&(submit, start, ran, procs, user): &Row| JobTimes {
        submit_us: submit * us,
        start_us: start * us,
        end_us: (start + ran) * us,
        procs,
        user: (user > 0).then(|| user - 1),
    };
    Run {
        name: name.into(),
        recorded: false,
        jobs: rows.iter().map(job).collect(),
        passes: Some(7),
        refused_proposals: Some(0),
        first_refusal: None,
    }
}

fn basis(jobs: usize) -> Basis {
    Basis {
        workload: "a <day>".into(),
        estimate: Estimate::Requested,
        nodes: 2,
        cores: 8,
        users: vec!["ann".into(), "<b>bob</b>".into()],
        ids: (11..11 + jobs as u32).collect(),
        compared: vec![true; jobs],
        since_1970: true,
        left_out: vec![("never_started".into(), 3)],
        assumed: vec![("resized".into(), 0)],
    }
}

/// 8 cores. Ann: 100 s on 8 cores, 100 s on 4; Bob: 100 s on 2, 50 s on 1; somebody: 100 s on 1.
const BEFORE: &[Row] = &[
    (0, 0, 100, 8, 1),
    (0, 100, 100, 4, 1),
    (0, 100, 100, 2, 2),
    (50, 100, 50, 1, 2),
    (50, 5 * HOUR, 100, 1, 0),
];
/// The last one much sooner, one of Ann's later.
const AFTER: &[Row] = &[
    (0, 0, 100, 8, 1),
    (0, 200, 100, 4, 1),
    (0, 100, 100, 2, 2),
    (50, 100, 50, 1, 2),
    (50, 100, 100, 1, 0),
];

#[test]
fn the_numbers_are_those_worked_out_by_hand() {
    let runs = [run("before", BEFORE), run("after", AFTER)];
    let all = compare(&basis(5), &runs).expect("they are of the same jobs");
    assert_eq!((all.jobs, all.jobs_beside, all.users), (5, 0, 2));
    // Median wait 100 s: ten times that is less than an hour.
    assert_eq!(all.terms.starvation_bound_s, 3_600.0);
    let [before, after] = &all.runs[..] else {
        panic!("two runs")
    };
    let long = (5 * HOUR - 50) as f64;
    // Waits 0, 100, 100, 50 and the long one; then 0, 200, 100, 50, 50.
    assert_eq!(before.wait.average_s, (250.0 + long) / 5.0);
    assert_eq!((before.wait.median_s, before.wait.p95_s), (100.0, long));
    assert_eq!((after.wait.average_s, after.wait.median_s), (80.0, 50.0));
    assert_eq!((after.wait.p95_s, after.wait.maximum_s), (200.0, 200.0));
    // Slowdowns 1, 3, 2, 2 and 1.5: (50 + 50) / 50, (50 + 100) / 100.
    assert_eq!(after.bounded_slowdown.average, 9.5 / 5.0);
    assert_eq!(after.bounded_slowdown.maximum, 3.0);
    // 800 + 400 + 200 + 50 + 100 core seconds, in 300 s of 8 cores.
    assert_eq!(after.makespan_s, 300.0);
    assert_eq!(after.utilisation, 1_550.0 / 2_400.0);
    // Ann 2, Bob 2.
    assert_eq!(after.fairness, Some(1.0));
    // Ann 1.5, Bob 2.
    assert_eq!(before.fairness, Some(3.5 * 3.5 / (2.0 * (2.25 + 4.0))));
    assert_eq!((before.starvation.jobs, before.starvation.share), (1, 0.2));
    let worst = &before.starvation.worst[0];
    assert_eq!((worst.job, worst.user.as_deref()), (15, None));
    assert_eq!((worst.cores, worst.wait_s, worst.run_s), (1, long, 100.0));
    assert_eq!(after.starvation.jobs, 0);

    assert_eq!(before.changes, None);
    let changes = after.changes.as_ref().expect("against the first");
    assert_eq!((changes.jobs_better, changes.jobs_worse), (1, 1));
    assert_eq!(changes.jobs_same, 3);
    assert_eq!((changes.users_better, changes.users_worse), (0, 1));
    assert_eq!(changes.mean_wait_change_s, (100.0 - (long - 50.0)) / 5.0);
    let users: Vec<_> = changes
        .users
        .iter()
        .map(|u| (u.user.as_str(), u.jobs, u.mean_wait_s, u.mean_wait_change_s))
        .collect();
    assert_eq!(
        users,
        [("<b>bob</b>", 2, 75.0, 0.0), ("ann", 2, 100.0, 50.0)]
    );
    let sizes: Vec<_> = changes
        .sizes
        .iter()
        .map(|c| (c.cores_min, c.cores_max, c.jobs, c.mean_wait_change_s))
        .collect();
    assert_eq!(
        sizes,
        [
            (1, Some(1), 2, -(long - 50.0) / 2.0),
            (2, Some(4), 2, 50.0),
            (5, Some(16), 1, 0.0)
        ]
    );
}

#[test]
fn jobs_beside_count_for_utilisation_alone() {
    let mut basis = basis(3);
    basis.compared = vec![false, true, true];
    // The first runs from 0 to 100; those that count come at 50 and are over at 150.
    let rows = &[(0, 0, 100, 4, 1), (50, 50, 50, 4, 2), (50, 100, 50, 8, 2)];
    let all = compare(&basis, &[run("one", rows)]).expect("jobs that count");
    assert_eq!((all.jobs, all.jobs_beside, all.users), (2, 1, 1));
    let one = &all.runs[0];
    assert_eq!((one.wait.average_s, one.makespan_s), (25.0, 100.0));
    // 4 × 50 of the first, 4 × 50 and 8 × 50.
    assert_eq!(one.utilisation, 1.0);
}

#[test]
fn a_job_that_waits_longer_than_the_bound_has_starved() {
    // Median wait 1,000 s: the bound is 10,000 s, and not an hour.
    let waits = [1_000, 1_000, 1_000, 1_000, 10_000, 10_001, 20_000];
    let rows = waits.map(|wait| (0, wait, 10, 1, 1));
    let all = compare(&basis(rows.len()), &[run("one", &rows)]).expect("jobs");
    assert_eq!(all.terms.starvation_bound_s, 10_000.0);
    let worst = all.runs[0].starvation.worst.iter();
    let worst: Vec<u32> = worst.map(|starved| starved.job).collect();
    assert_eq!(worst, [17, 16], "not the one that waited just as long");
}

#[test]
fn only_runs_of_the_same_jobs_are_compared() {
    let basis = basis(5);
    let mut other = run("other", BEFORE);
    other.jobs[3].submit_us += 1;
    other.jobs[3].start_us += 1;
    other.jobs[3].end_us += 1;
    let error = compare(&basis, &[run("before", BEFORE), other]).expect_err("not the same");
    assert_eq!(
        error.to_string(),
        "run \"other\" is not of the same jobs: job 14 was submitted at another time, ran for another time or is of another user"
    );
    let error = compare(&basis, &[run("few", &BEFORE[..2])]).expect_err("too few");
    assert!(error.to_string().contains("2 jobs instead of 5"), "{error}");
    assert_eq!(compare(&basis, &[]), Err(CompareError::Runs { count: 0 }));
    let mut nobody = basis.clone();
    nobody.compared = vec![false; 5];
    let none = compare(&nobody, &[run("before", BEFORE)]);
    assert_eq!(none, Err(CompareError::NoJobs));
}

/// Every name in a value, with its place.
fn names(value: &serde_json::Value, place: &str, all: &mut Vec<String>) {
    if let Some(fields) = value.as_object() {
        for (name, value) in fields {
            let place = format!("{place}.{name}");
            names(value, &place, all);
            all.push(place);
        }
    }
    if let Some(first) = value.as_array().and_then(|list| list.first()) {
        names(first, &format!("{place}[]"), all);
    }
}

#[test]
fn the_names_of_the_json_are_kept() {
    let runs = [run("before", BEFORE), run("after", AFTER)];
    let all = compare(&basis(5), &runs).expect("they are of the same jobs");
    let json = serde_json::to_value(&all).expect("all keys are text");
    let mut found = Vec::new();
    names(&json, "", &mut found);
    names(&json["runs"][1], ".runs[]", &mut found);
    found.sort();
    found.dedup();
    let expected = "\
        .assumed .assumed.resized .cores .estimate .format .jobs .jobs_beside .left_out \
        .left_out.never_started .nodes .rigid .runs .runs[].bounded_slowdown \
        .runs[].bounded_slowdown.average .runs[].bounded_slowdown.maximum .runs[].changes \
        .runs[].changes.jobs_better .runs[].changes.jobs_same .runs[].changes.jobs_worse \
        .runs[].changes.mean_wait_change_s .runs[].changes.sizes .runs[].changes.sizes[].cores_max \
        .runs[].changes.sizes[].cores_min .runs[].changes.sizes[].jobs \
        .runs[].changes.sizes[].mean_wait_change_s .runs[].changes.sizes[].mean_wait_s \
        .runs[].changes.users .runs[].changes.users[].jobs .runs[].changes.users[].mean_wait_change_s \
        .runs[].changes.users[].mean_wait_s .runs[].changes.users[].user .runs[].changes.users_better \
        .runs[].changes.users_worse .runs[].fairness .runs[].first_refusal .runs[].makespan_s \
        .runs[].name .runs[].passes .runs[].recorded .runs[].refused_proposals .runs[].starvation \
        .runs[].starvation.jobs .runs[].starvation.share .runs[].starvation.worst \
        .runs[].starvation.worst[].cores .runs[].starvation.worst[].job \
        .runs[].starvation.worst[].run_s .runs[].starvation.worst[].user \
        .runs[].starvation.worst[].wait_s .runs[].utilisation .runs[].wait .runs[].wait.average_s \
        .runs[].wait.maximum_s .runs[].wait.median_s .runs[].wait.p95_s .terms \
        .terms.bounded_slowdown_tau_s .terms.fairness .terms.same_within_s .terms.starvation_bound_s \
        .users .workload";
    assert_eq!(found, expected.split_whitespace().collect::<Vec<_>>());
    assert_eq!(json["format"], 1);
}

#[test]
fn the_page_needs_nothing_else_and_escapes_every_name() {
    let mut basis = basis(5);
    basis.users[0] = "<b>ann</b>".into();
    let runs = [
        run("<script>alert(1)</script>", BEFORE),
        run("\"after\"", AFTER),
    ];
    let all = compare(&basis, &runs).expect("they are of the same jobs");
    let html = page(&all, &basis, &runs).expect("it can be drawn");
    for outside in [
        "http", "src=", "href", "url(", "@import", "<script", "<b>ann", "<day>",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    for part in [
        "a &lt;day&gt;",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&lt;b&gt;ann&lt;/b&gt;",
        "&quot;after&quot;",
        "prefers-color-scheme: dark",
        "width=device-width",
        "3 jobs left out: never started",
        "Jobs are rigid",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert_eq!(html.matches("<svg ").count(), 3);
    assert_eq!(html.matches("</svg>").count(), 3);
    // The style sheet gives the lines their colours: each run has one in each chart.
    for colour in ["stroke=\"#100001\"", "stroke=\"#100002\""] {
        assert_eq!(
            html.matches(colour).count(),
            4,
            "{colour}: a rule, and lines"
        );
    }
    assert!(!html.contains("NaN") && !html.contains("inf"), "numbers");
    assert!(html.len() < 200_000, "{} bytes", html.len());
}

#[test]
fn simulations_of_a_trace_are_put_side_by_side() {
    let mut text = String::from("; MaxProcs: 10\n");
    for n in 0..200_u64 {
        let (submit, run, procs) = (n * 40, 60 + n * 37 % 400, 1 + n * 7 % 9);
        text += &format!(
            "1 {submit} -1 {run} {procs} -1 -1 {procs} 600 -1 1 {}\n",
            n % 5
        );
    }
    let trace = Trace::read("small.swf", text.as_bytes(), None).expect("a good trace");
    let estimate = Estimate::Requested;
    let runs: Vec<Run> = [("fifo", Backfill::None), ("easy", Backfill::Fcfs)]
        .into_iter()
        .map(|(name, kind)| {
            let options = Options {
                policy: name.into(),
                estimate,
            };
            let simulation = simulate(&trace, &options, &mut Easy::new(kind));
            Run::from(simulation.expect("all run"))
        })
        .collect();
    let all = compare(&Basis::of_trace(&trace, estimate), &runs).expect("one trace");
    assert_eq!((all.jobs, all.nodes, all.cores), (200, 1, 10));
    let [fifo, easy] = &all.runs[..] else {
        panic!("two runs")
    };
    assert!(easy.wait.average_s < fifo.wait.average_s, "backfill helps");
    assert!(!fifo.recorded);
    assert!(fifo.passes.is_some());
}
