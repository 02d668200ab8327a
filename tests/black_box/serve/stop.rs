//! How a daemon ends, and what it leaves.

use std::process::Stdio;

use jobyard_tests::{Said, wait_for};
use rustix::process::Signal;

use super::Daemon;

const WAITS: &str = "echo $$ > begun; exec sleep 1000";

fn begun(daemon: &Daemon) -> String {
    let file = daemon.place.path().join("begun");
    let pid = wait_for("the task to begin", || {
        let pid = std::fs::read_to_string(&file).ok()?;
        pid.ends_with('\n').then_some(pid)
    });
    pid.trim().into()
}

#[test]
fn sigterm_and_sigint_end_it_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = Daemon::start();
        let job = daemon.submit(&format!("[[task]]\ncommand = \"{WAITS}\""));
        let pid = begun(&daemon);
        let mut wait = daemon.verb(&["job", "wait", &job]);
        let wait = wait
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        daemon.signal(signal);
        let (code, log) = daemon.end();
        assert_eq!(code, Some(0), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(!daemon.place.path().join("data/jobyard.sock").exists());
        assert!(
            !std::path::Path::new("/proc").join(&pid).exists(),
            "the task runs on"
        );
        // Who waited is not left waiting.
        let said = Said::from(wait.wait_with_output().unwrap());
        assert_eq!(said.code, Some(2), "{}{}", said.out, said.err);
        assert!(said.err.contains("no daemon answers"), "{}", said.err);
    }
}

#[test]
fn a_second_signal_does_not_wait_for_the_grace_period() {
    let mut daemon = Daemon::start();
    daemon.done(&["param", "set", "TaskCancelGracePeriod", "1h"]);
    daemon.submit(
        "[[task]]\ncommand = \"trap '' INT TERM; echo $$ > begun; while :; do sleep 0.05; done\"",
    );
    let pid = begun(&daemon);
    daemon.signal(Signal::TERM);
    let socket = daemon.place.path().join("data/jobyard.sock");
    wait_for("the socket to go", || (!socket.exists()).then_some(()));
    // From here on the daemon waits for the task only.
    daemon.refused(&["job", "list"], &["no daemon answers"]);
    wait_for("the daemon to end", || {
        daemon.signal(Signal::TERM);
        daemon
            .place
            .read("log")
            .contains("stopping at once")
            .then_some(())
    });
    assert_eq!(daemon.end().0, Some(0));
    wait_for("the task to end", || {
        (!std::path::Path::new("/proc").join(&pid).exists()).then_some(())
    });
}

#[test]
fn a_folder_has_one_daemon() {
    let daemon = Daemon::start();
    let said = jobyard_tests::run(daemon.place.jobyard("serve").args(["--data", "data"]));
    super::refused(
        &said,
        &["serve"],
        &[&format!("process {}", daemon.pid()), "data", "--data"],
    );
    daemon.done(&["job", "list"]);
}

#[test]
fn the_socket_of_a_dead_daemon_is_no_obstacle() {
    let mut daemon = Daemon::start();
    daemon.signal(Signal::KILL);
    assert_eq!(daemon.end().0, None);
    assert!(daemon.place.path().join("data/jobyard.sock").exists());
    daemon.refused(
        &["job", "list"],
        &["no daemon answers in data", "jobyard serve --data data"],
    );
    daemon.again(&[]);
    daemon.done(&["job", "list"]);
}
