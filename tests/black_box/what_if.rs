//! `jobyard policy simulate`: on a trace, and on what a daemon has recorded while it runs.

use jobyard_tests::daemon::Daemon;
use jobyard_tests::{Place, run};

use crate::bad_input::trace;

#[test]
fn policies_side_by_side_on_a_trace() {
    let place = Place::new();
    let mut command = place.jobyard("policy");
    command.args(["simulate", "backfill", "--set", "order=sjbf"]);
    command.args(["--against", "backfill order=fcfs", "--trace"]);
    command
        .arg(trace())
        .args(["--format", "json", "--html", "what-if.html"]);
    let said = run(&mut command);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let all = said.json();
    assert_eq!((&all["format"], &all["jobs"]), (&1.into(), &28_481.into()));
    let runs = all["runs"].as_array().unwrap();
    let names: Vec<_> = runs
        .iter()
        .map(|run| run["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["backfill order=fcfs", "backfill order=sjbf"]);
    // The published numbers, as `jobyard simulate` has them.
    for (run, slowdown) in runs.iter().zip([92.57653973362949, 69.40540058030349]) {
        let found = run["bounded_slowdown"]["average"].as_f64().unwrap();
        assert!((found - slowdown).abs() / slowdown < 5e-13, "{found}");
    }
    let changes = &runs[1]["changes"];
    let jobs =
        ["jobs_better", "jobs_worse", "jobs_same"].map(|name| changes[name].as_u64().unwrap());
    assert_eq!(jobs.iter().sum::<u64>(), 28_481);
    let html = place.read("what-if.html");
    assert!(
        html.contains("backfill order=sjbf") && html.contains("<svg"),
        "{html}"
    );
    assert!(!html.contains("http") && !html.contains("src="));
}

#[test]
fn what_a_daemon_has_recorded_is_simulated_while_it_runs() {
    let daemon = Daemon::start();
    for name in ["one", "two", "three"] {
        daemon.done(&[
            "job",
            "submit",
            "--name",
            name,
            "--runtime",
            "1m",
            "--",
            "true",
        ]);
    }
    for job in ["1", "2", "3"] {
        daemon.done(&["job", "wait", job]);
    }
    let all = daemon.json(&["policy", "simulate", "fifo"]);
    let runs = all["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "{all}");
    assert_eq!(
        (&runs[0]["name"], &runs[0]["recorded"]),
        (&"recorded".into(), &true.into())
    );
    assert_eq!(runs[1]["name"], "fifo");
    assert_eq!((&all["jobs"], &all["users"]), (&3.into(), &1.into()));
    let table = daemon.done(&["policy", "simulate", "fifo", "--from", "2020-01-01"]);
    for word in ["recorded", "fifo", "Average wait", "Fairness"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let none = daemon.say(&["policy", "simulate", "fifo", "--to", "2020-01-01"]);
    assert_eq!(none.code, Some(2));
    assert!(none.err.contains("no job ran"), "{}", none.err);
}

#[test]
fn what_cannot_be_simulated_is_said_in_one_line() {
    let place = Place::new();
    let cases: &[(&[&str], &str)] = &[
        (&["fifoo"], "POLICY fifoo"),
        (&["fifo", "--against", "nobody order=x"], "--against nobody"),
        (&["fifo", "--against", "backfill order"], "NAME=VALUE"),
        (&["fifo", "--data", "nowhere"], "nowhere"),
        (&["fifo", "--from", "soon"], "2026-11-28T09:00:00Z"),
        (
            &["fifo", "--html", "no/where.html"],
            "its folder does not exist",
        ),
        (
            &["fifo", "--set", "colour=red", "--trace", "TRACE"],
            "colour",
        ),
    ];
    for (arguments, word) in cases {
        let mut command = place.jobyard("policy");
        command.arg("simulate");
        for argument in *arguments {
            match *argument {
                "TRACE" => command.arg(trace()),
                argument => command.arg(argument),
            };
        }
        let said = run(&mut command);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
        assert!(said.err.contains(word), "{arguments:?}: {}", said.err);
    }
}
