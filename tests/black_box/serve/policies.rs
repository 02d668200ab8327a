//! The life of a policy on a real daemon: loaded from a file, shadowed, put in force, gone back from, tried on some nodes, proved; and all of
//! it there again after `kill -9`.

use jobyard_tests::wait_for;
use rustix::process::Signal;

use super::Daemon;
use crate::wat::Policy;

fn number(daemon: &Daemon) -> u64 {
    let list = daemon.json(&["policy", "list"]);
    list["active"]["number"].as_u64().unwrap_or_default()
}

fn runs_a_job(daemon: &Daemon) {
    let job = daemon.submit("[[task]]\ncommand = \"true\"\n");
    assert_eq!(
        daemon.done(&["job", "wait", &job]),
        format!("job {job}: Finished\n")
    );
}

#[test]
fn a_policy_is_loaded_shadowed_put_in_force_and_proved() {
    let mut daemon = Daemon::start();
    runs_a_job(&daemon);
    let lazy = daemon.place.path().join("lazy.wasm");
    std::fs::write(&lazy, Policy::default().build()).expect("a file");
    let said = daemon.done(&["policy", "load", "lazy.wasm"]);
    assert!(said.starts_with("lazy "), "{said}");

    // It would start nothing, and is not heeded.
    daemon.done(&["policy", "shadow", "lazy"]);
    let report = wait_for("the shadow to be compared", || {
        runs_a_job(&daemon);
        let report = daemon.json(&["policy", "diff"]);
        (report["totals"]["later"].as_u64() >= Some(1)).then_some(report)
    });
    assert_eq!(report["totals"]["shadow_placements"], 0, "{report}");
    daemon.done(&["policy", "shadow"]);

    let said = daemon.done(&["policy", "activate", "fifo", "-m", "quiet week"]);
    assert_eq!(said, "activation 2: fifo decides\n");
    runs_a_job(&daemon);
    daemon.refused(
        &["policy", "activate", "backfill", "--set", "order=lifo"],
        &["lifo", "sjbf"],
    );
    daemon.refused(
        &["policy", "canary", "fifo", "--group", "nowhere"],
        &["nowhere", "no part"],
    );
    daemon.refused(&["policy", "rollback", "--to", "9"], &["activation 9"]);

    // What was in force is in force again.
    daemon.signal(Signal::KILL);
    daemon.end();
    daemon.again(&[]);
    assert_eq!(number(&daemon), 2);
    runs_a_job(&daemon);
    let said = daemon.done(&["policy", "rollback", "-m", "enough"]);
    assert!(said.starts_with("activation 3: "), "{said}");
    runs_a_job(&daemon);
    let said = daemon.done(&["policy", "history"]);
    for part in ["quiet week", "enough", "rolled back to 1", "started"] {
        assert!(said.contains(part), "{said}");
    }

    let report = daemon.json(&["policy", "verify"]);
    assert_eq!(report["mismatches"], serde_json::json!([]), "{report}");
    assert!(report["same"].as_u64() >= Some(5), "{report}");
}

#[test]
fn what_keeps_a_job_waiting_is_said_in_words() {
    let daemon = Daemon::start();
    let cores = daemon.json(&["node", "list"])["nodes"][0]["cores"].clone();
    let cores = cores.as_u64().expect("a number");
    let whole = |command: &str| {
        format!(
            "runtime = \"1h\"\ncores = {cores}\n[[task]]\ncommand = \"{command}\"\ncores = {cores}\n"
        )
    };
    let holds = daemon.submit(&whole("sleep 600"));
    daemon.until(&holds, "Running");
    let waits = daemon.submit(&whole("true"));
    daemon.until(&waits, "Queued");
    let said = daemon.done(&["policy", "explain", &waits]);
    for part in [
        format!("job {waits} is Queued, 1 of 1 in the queue: "),
        format!(
            "it wants {cores} cores; its nodes (1) have 0 free now, and {cores} if nothing ran"
        ),
        format!("on its nodes: {holds} ({cores} cores until "),
        "backfill it starts at ".to_string(),
        "none of ".to_string(),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    let said = daemon.json(&["policy", "explain", &waits]);
    assert_eq!(said["outlook"]["as_it_is"]["outcome"], "starts", "{said}");
    daemon.refused(&["policy", "explain", "77"], &["no job 77"]);
    daemon.done(&["job", "cancel", "--force", &holds]);
}

#[test]
fn a_journal_at_rest_is_looked_at_without_a_daemon() {
    let mut daemon = Daemon::start();
    runs_a_job(&daemon);
    daemon.done(&["policy", "load", "fifo", "--name", "quiet"]);
    daemon.done(&["policy", "activate", "quiet", "-m", "by night"]);
    let kept = daemon.json(&["policy", "inspect", "quiet"]);
    runs_a_job(&daemon);
    let waits =
        daemon.submit("hold_until = \"2090-01-01T00:00:00Z\"\n[[task]]\ncommand = \"true\"\n");
    daemon.until(&waits, "Queued");
    let (code, _) = {
        daemon.signal(Signal::TERM);
        daemon.end()
    };
    assert_eq!(code, Some(0));

    let say = |words: &[&str]| {
        let said = daemon.say(words);
        assert_eq!(said.code, Some(0), "{words:?}: {}", said.err);
        let note = "no daemon runs on data: this is what its journal says";
        assert!(said.err.contains(note), "{words:?}: {}", said.err);
        said
    };
    let list = say(&["policy", "list"]).out;
    assert!(list.contains("activation 2: quiet decides"), "{list}");
    assert!(say(&["policy", "history"]).out.contains("by night"));
    let report = say(&["policy", "verify", "--format", "json"]).json();
    assert_eq!(report["mismatches"], serde_json::json!([]), "{report}");
    assert!(report["same"].as_u64() >= Some(2), "{report}");
    let still = say(&["policy", "inspect", "quiet", "--format", "json"]);
    assert_eq!(still.json(), kept);
    let said = say(&["policy", "explain", &waits]).out;
    let words = format!("job {waits} is Queued, may not start");
    assert!(said.contains(&words), "{said}");
    let check = [
        "policy", "check", "quiet", "--rule", "no-fault", "--seeds", "2",
    ];
    assert!(say(&check).out.contains("1 passed, 0 failed"));
    assert!(say(&["policy", "simulate", "quiet"]).out.contains("2 jobs"));
    // What would change something needs a daemon.
    daemon.refused(&["policy", "activate", "quiet"], &["no daemon answers in"]);
}
