//! Who is asking decides what is done: the socket says who it is.
//!
//! Another user's part needs root to play it; without root only the first test says something.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use jobyard_tests::{Place, Said, binary, run};
use rustix::process::geteuid;

use super::{Daemon, refused};

/// A user and a group that every Linux has.
const NOBODY: &str = "65534";

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_socket_is_for_its_user_alone() {
    let daemon = Daemon::start();
    let data = daemon.place.path().join("data");
    // Where tasks run as their owners, these pass through to their scratch folders.
    let expected = if geteuid().is_root() { 0o711 } else { 0o700 };
    assert_eq!(mode(&data), expected);
    assert_eq!(mode(&data.join("jobyard.sock")), 0o600);
}

/// The words as nobody says them, in the group of nobody or in none of importance.
fn as_nobody(daemon: &Daemon, gid: &str, words: &[&str]) -> Said {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", NOBODY, "--regid", gid, "--clear-groups", "--"])
        .arg(binary())
        .args(words)
        .env("JOBYARD_DATA", daemon.place.path().join("data"))
        .current_dir("/");
    run(&mut command)
}

fn group_of_nobody() -> Option<String> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let line = groups
        .lines()
        .find(|line| line.split(':').nth(2) == Some(NOBODY))?;
    line.split(':').next().map(Into::into)
}

#[test]
fn a_user_owns_jobs_and_nothing_else() {
    let (true, Some(group)) = (geteuid().is_root(), group_of_nobody()) else {
        return;
    };
    let place = Place::new();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    // The folder may be there from a daemon that was alone.
    let mut daemon = Daemon::start_in(place, &[]);
    daemon.signal(rustix::process::Signal::TERM);
    daemon.end();
    daemon.again(&["--group", &group]);
    let data = daemon.place.path().join("data");
    assert_eq!(
        (mode(&data), mode(&data.join("jobyard.sock"))),
        (0o711, 0o660)
    );

    // The group passes through to the socket and sees nothing else.
    for file in ["journal.db", "journal.db-wal", "jobyard.lock"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    for (folder, expected) in [("output", 0o700), ("scratch", 0o711)] {
        assert_eq!(mode(&data.join(folder)), expected, "{folder}");
    }

    // Somebody who is not in the group does not even get in.
    let said = as_nobody(&daemon, "12345", &["job", "list"]);
    refused(&said, &["job", "list"], &["you may not use", "--group"]);

    daemon.submit("name = \"secret\"\n[[task]]\ncommand = \"echo secret; exit 3\"");
    daemon.say(&["job", "wait", "1"]);
    let said = as_nobody(&daemon, NOBODY, &["job", "submit", "--", "echo", "mine"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let said = as_nobody(&daemon, NOBODY, &["job", "wait", "2"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(
        as_nobody(&daemon, NOBODY, &["job", "output", "2"]).out,
        "mine\n"
    );
    assert_eq!(daemon.json(&["job", "view", "2"])["owner"], "nobody");

    daemon.place.file("ours.toml", "users = [\"ann\"]");
    daemon.done(&["template", "set", "ours", "ours.toml"]);
    let node = daemon.json(&["node", "list"])["nodes"][0]["name"].clone();
    let node = node.as_str().unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["job", "cancel", "1"], &["nobody may not cancel job 1"]),
        (&["job", "requeue", "1"], &["nobody may not requeue job 1"]),
        (
            &["job", "output", "1"],
            &["nobody may not look at the tasks of job 1"],
        ),
        (
            &["job", "output", "1.1"],
            &["nobody may not look at the output of job 1"],
        ),
        (
            &["task", "view", "1.1"],
            &["nobody may not look at the tasks of job 1"],
        ),
        (&["node", "drain", node], &["nobody may not"]),
        (&["param", "set", "JobRetryCount", "1"], &["nobody may not"]),
        (&["env", "set", "A=1"], &["nobody may not"]),
        (&["template", "delete", "Default"], &["nobody may not"]),
        (&["node", "set-groups", node, "mine"], &["nobody may not"]),
        (&["job", "purge", "1"], &["nobody may not purge"]),
        (
            &["job", "modify", "1", "--priority", "1"],
            &["nobody may not modify job 1"],
        ),
        (
            &["policy", "explain", "1"],
            &["nobody may not look at the outlook of job 1"],
        ),
        (
            &["job", "export", "1"],
            &["nobody may not look at the file of job 1"],
        ),
        (
            &["task", "add", "1", "--", "true"],
            &["nobody may not add tasks to job 1"],
        ),
        (
            &["job", "submit", "--template", "ours", "--", "true"],
            &["nobody may not submit jobs with the template \"ours\""],
        ),
    ];
    for (words, expected) in cases {
        refused(&as_nobody(&daemon, NOBODY, words), words, expected);
    }
    // A job of somebody else is seen, but not what it says.
    let said = as_nobody(&daemon, NOBODY, &["job", "view", "1", "--format", "json"]);
    let job = said.json();
    assert_eq!(
        (&job["state"], &job["error_message"]),
        (&"Failed".into(), &"".into())
    );
    assert_eq!(job["tasks"], serde_json::Value::Null);
    let owner = "name = \"x\"\nowner = \"root\"\n[[task]]\ncommand = \"true\"";
    daemon.place.file("owner.toml", owner);
    let file = daemon.place.path().join("owner.toml");
    let words = ["job", "submit", file.to_str().unwrap()];
    refused(&as_nobody(&daemon, NOBODY, &words), &words, &[]);
}

#[test]
fn an_operator_ends_the_jobs_of_others_and_changes_none() {
    let (true, Some(group)) = (geteuid().is_root(), group_of_nobody()) else {
        return;
    };
    let place = Place::new();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let daemon = Daemon::start_in(place, &["--group", &group, "--operators", &group]);
    daemon.submit("[[task]]\ncommand = \"sleep 1000\"");
    daemon.until("1", "Running");
    let words = ["job", "modify", "1", "--priority", "1"];
    let denied = ["nobody may not modify job 1"];
    refused(&as_nobody(&daemon, NOBODY, &words), &words, &denied);
    let said = as_nobody(&daemon, NOBODY, &["task", "list", "1"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let said = as_nobody(&daemon, NOBODY, &["job", "cancel", "1", "--force"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    daemon.until("1", "Canceled");
}
