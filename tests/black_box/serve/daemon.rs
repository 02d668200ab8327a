//! What `jobyard serve` and its clients refuse before there is anything to ask.

use jobyard_tests::{Place, run};

use super::{Daemon, refused};

#[test]
fn a_daemon_that_cannot_begin_says_why() {
    let place = Place::new();
    let file = place.file("file", "");
    let long = "x".repeat(120);
    let cases: &[(&[&str], &[&str])] = &[
        (&["--data", file.to_str().unwrap()], &["file"]),
        (&["--data", &long], &["socket", "107", "shorter"]),
        (
            &["--data", "data", "--group", "no-such-group"],
            &["no-such-group"],
        ),
        (
            &["--data", "data", "--policy", "backfil"],
            &["backfil", "backfill"],
        ),
        (&["--data", "data", "--set", "odrer=x"], &["odrer"]),
    ];
    for (arguments, expected) in cases {
        let said = run(place.jobyard("serve").args(*arguments));
        refused(&said, arguments, expected);
    }
}

#[test]
fn clients_say_where_there_is_no_daemon() {
    let place = Place::new();
    let said = run(place.jobyard("job").args(["list", "--data", "nowhere"]));
    refused(
        &said,
        &["list"],
        &["nowhere", "start `jobyard serve --data nowhere`"],
    );
    // Without a word it is the user's state folder.
    let said = run(place.jobyard("job").arg("list").env_remove("JOBYARD_DATA"));
    refused(&said, &["list"], &["state/jobyard/data"]);
}

#[test]
fn what_cannot_be_is_refused_with_the_value_and_the_way_out() {
    let daemon = Daemon::start();
    daemon
        .place
        .file("typo.toml", "[[task]]\ncomand = \"true\"");
    daemon
        .place
        .file("large.toml", "cores = 100000\n[[task]]\ncommand = \"true\"");
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["job", "submit", "typo.toml"],
            &["typo.toml:2:1", "comand", "command"],
        ),
        (
            &["job", "submit", "large.toml"],
            &["large.toml", "job 1", "100000"],
        ),
        (
            &["job", "submit", "nowhere.toml"],
            &["nowhere.toml", "no such file"],
        ),
        (&["job", "submit"], &["job file", "--"]),
        (&["job", "view", "77"], &["there is no job 77"]),
        (&["job", "wait", "77"], &["there is no job 77"]),
        (&["job", "output", "77"], &["there is no job 77"]),
        (
            &["job", "list", "--state", "Runing"],
            &["Runing", "Running"],
        ),
        (&["task", "list", "77"], &["there is no job 77"]),
        (&["task", "view", "1.9"], &["job 1 has no task 9"]),
        (&["job", "submit", "--id", "77"], &["there is no job 77"]),
    ];
    for (words, expected) in cases {
        daemon.refused(words, expected);
    }
}
