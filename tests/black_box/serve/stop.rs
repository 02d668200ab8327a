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

/// A process that ended and that nobody has asked about yet does not run.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
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
        let about_the_node = |line: &&str| {
            let starts = ["jobyard: node ", "jobyard: tasks run as"];
            starts.iter().any(|start| line.starts_with(start))
        };
        let rest = log.lines().filter(|line| !about_the_node(line));
        assert_eq!(rest.count(), 1, "{log}");
        assert!(!daemon.place.path().join("data/jobyard.sock").exists());
        assert!(runs(&pid), "the task was disturbed");
        // Who waited is not left waiting.
        let said = Said::from(wait.wait_with_output().unwrap());
        assert_eq!(said.code, Some(2), "{}{}", said.out, said.err);
        assert!(said.err.contains("no daemon answers"), "{}", said.err);
    }
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

#[test]
fn jobs_outlive_daemons_however_they_end() {
    for signal in [Signal::TERM, Signal::KILL] {
        let mut daemon = Daemon::start();
        daemon.submit("name = \"ended\"\n[[task]]\ncommand = \"echo kept; exit 3\"");
        daemon.say(&["job", "wait", "1"]);
        daemon
            .place
            .file("job.toml", "[[task]]\ncommand = \"true\"");
        daemon.done(&["job", "new", "job.toml"]);
        daemon.done(&["param", "set", "JobRetryCount", "7"]);
        daemon.submit(
            "[[task]]\ncommand = \"echo $$ >> begun; while ! test -e go; do sleep 0.02; done\"",
        );
        let first = begun(&daemon);
        let before = daemon.json(&["job", "view", "1"]);
        daemon.signal(signal);
        daemon.end();
        daemon.again(&[]);
        assert_eq!(daemon.json(&["job", "view", "1"]), before);
        assert_eq!(daemon.done(&["job", "output", "1"]), "kept\n");
        assert_eq!(daemon.json(&["job", "view", "2"])["state"], "Configuring");
        assert_eq!(daemon.done(&["param", "get", "JobRetryCount"]), "7\n");
        // What ran goes on, in the same process, once.
        daemon.place.file("go", "");
        daemon.done(&["job", "wait", "3"]);
        assert_eq!(daemon.place.read("begun").trim(), first);
    }
}
