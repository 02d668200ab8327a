//! What is told to those who watch over a daemon.

use std::collections::BTreeMap;

use jobyard_tests::wait_for;
use rustix::process::Signal;

use super::Daemon;
use super::http::get;

/// The metrics by name with labels, without what is said about them.
fn metrics(daemon: &Daemon) -> BTreeMap<String, f64> {
    let (status, text) = get(daemon, "/metrics");
    assert_eq!(status, 200, "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let number = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a number");
        (name.to_string(), value.parse().expect("a number"))
    };
    lines.map(number).collect()
}

#[test]
fn what_is_counted_is_what_happened() {
    let daemon = Daemon::start_in(jobyard_tests::Place::new(), &["--cores", "2"]);
    assert_eq!(get(&daemon, "/livez"), (200, "alive\n".into()));
    assert_eq!(get(&daemon, "/readyz"), (200, "ready\n".into()));

    let task = |command: &str| format!("[[task]]\ncommand = \"{command}\"\n");
    let good = daemon.submit(&format!("{}{}", task("true"), task("true")));
    daemon.until(&good, "Finished");
    let bad = daemon.submit(&task("false"));
    daemon.until(&bad, "Failed");
    let long = daemon.submit(&format!("cores = 2\n{}", task("sleep 1000")));
    daemon.until(&long, "Running");
    let waits = daemon.submit(&task("true"));
    daemon.done(&["job", "cancel", &waits]);

    let all = metrics(&daemon);
    let is = |name: &str| all.get(name).copied();
    let expected = [
        ("jobyard_jobs_submitted_total", 4.0),
        ("jobyard_jobs_started_total", 3.0),
        ("jobyard_jobs_ended_total{state=\"Finished\"}", 1.0),
        ("jobyard_jobs_ended_total{state=\"Failed\"}", 1.0),
        ("jobyard_jobs_ended_total{state=\"Canceled\"}", 1.0),
        ("jobyard_attempts_dispatched_total", 4.0),
        ("jobyard_attempts_ended_total", 3.0),
        ("jobyard_jobs_live", 4.0),
        ("jobyard_jobs_queued", 0.0),
        ("jobyard_nodes{state=\"Online\"}", 1.0),
        ("jobyard_nodes{state=\"Unreachable\"}", 0.0),
        ("jobyard_cores", 2.0),
        ("jobyard_cores_free", 0.0),
        ("jobyard_policy_faults_total", 0.0),
    ];
    for (name, value) in expected {
        assert_eq!(is(name), Some(value), "{name}: {all:?}");
    }
    let version = env!("CARGO_PKG_VERSION");
    let info = all
        .keys()
        .find(|name| name.starts_with("jobyard_build_info"));
    let info = info.expect("there is one");
    assert!(info.contains(&format!("version=\"{version}\"")), "{info}");
    assert!(info.contains("policy=\"backfill\""), "{info}");
    assert!(is("jobyard_passes_total") >= Some(3.0), "{all:?}");
    assert!(is("jobyard_proposals_refused_total").is_some(), "{all:?}");
    assert!(
        is("jobyard_passes_time_seconds_total") > Some(0.0),
        "{all:?}"
    );
    assert!(is("jobyard_events_total") > Some(20.0), "{all:?}");
    assert!(is("jobyard_memory_bytes") > Some(1e6), "{all:?}");
}

#[test]
fn events_count_on_after_a_restart_and_the_rest_anew() {
    let mut daemon = Daemon::start();
    let job = daemon.submit("[[task]]\ncommand = \"true\"\n");
    daemon.until(&job, "Finished");
    let before = metrics(&daemon);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    daemon.again(&[]);
    let after = wait_for("the node to be back", || {
        let all = metrics(&daemon);
        (all["jobyard_nodes{state=\"Online\"}"] == 1.0).then_some(all)
    });
    assert!(after["jobyard_events_total"] >= before["jobyard_events_total"]);
    assert_eq!(after["jobyard_jobs_submitted_total"], 0.0);
    assert_eq!(after["jobyard_jobs_live"], 1.0);
}
