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
