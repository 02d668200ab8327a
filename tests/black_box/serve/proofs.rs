//! What takes a daemon minutes: a check of a policy over HTTP, and a proof. One at a time, and only as long as somebody waits.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use jobyard_tests::{ask, ask_with, wait_for};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::Daemon;
use super::http::connect;

fn post(daemon: &Daemon, path: &str, body: &Value) -> (u16, Value) {
    ask(daemon.place.path(), "POST", path, &body.to_string()).unwrap()
}

/// Asks for a check that takes hours.
fn ask_long(daemon: &Daemon) -> UnixStream {
    let mut stream = connect(daemon);
    let body = json!({ "seeds": 10_000 }).to_string();
    let request = format!(
        "POST /api/v1/policies/backfill/check HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn is_answered(stream: &UnixStream) -> bool {
    let mut answers = [PollFd::new(stream, PollFlags::IN)];
    poll(&mut answers, Some(&Timespec::default())).unwrap() > 0
}

/// A check that has begun and that nobody has got an answer of.
fn long_check(daemon: &Daemon) -> UnixStream {
    let mut stream = ask_long(daemon);
    wait_for("the check to have its turn", || {
        // What asks whose turn it is may be first.
        if is_answered(&stream) {
            stream = ask_long(daemon);
        }
        let (status, _) = post(daemon, "/policy/verify", &json!({}));
        (status == 429).then_some(())
    });
    stream
}

#[test]
fn a_policy_is_checked_over_http_as_on_the_command_line() {
    let daemon = Daemon::start();
    daemon.done(&["policy", "load", "fifo", "--name", "mine"]);
    let asked = json!({ "seeds": 3, "first_seed": 7, "rules": ["no-fault", "settles"] });
    let words = [
        "--seeds",
        "3",
        "--first-seed",
        "7",
        "--rule",
        "no-fault",
        "--rule",
        "settles",
    ];
    for policy in ["backfill", "mine"] {
        let (status, report) = post(&daemon, &format!("/policies/{policy}/check"), &asked);
        assert_eq!(status, 200, "{report}");
        assert_eq!(report["results"][1]["outcome"], "passed", "{report}");
        let check = ["policy", "check", policy];
        assert_eq!(daemon.json(&[&check[..], &words].concat()), report);
    }
    let table = [
        ("/policies/nobody/check", json!({}), 404, "UnknownPolicy"),
        (
            "/policies/mine/check",
            json!({ "seeds": 0 }),
            400,
            "BadCheck",
        ),
        (
            "/policies/mine/check",
            json!({ "seeds": 10_001 }),
            400,
            "BadCheck",
        ),
        (
            "/policies/mine/check",
            json!({ "rules": ["luck"] }),
            400,
            "BadCheck",
        ),
        (
            "/policies/mine/check",
            json!({ "cases": 3 }),
            400,
            "BadJson",
        ),
        (
            "/policies/backfill/check",
            json!({ "settings": { "order": "lifo" } }),
            409,
            "PolicyRefused",
        ),
    ];
    for (path, body, status, code) in table {
        let (answered, problem) = post(&daemon, path, &body);
        let answered = (answered, problem["code"].as_str());
        assert_eq!(answered, (status, Some(code)), "{path} {body}: {problem}");
    }
    let head = "x-ms-as-user: ann\r\n";
    let root = daemon.place.path();
    let path = "/policies/mine/check";
    let (status, problem, _) = ask_with(root, "POST", path, head, "").unwrap();
    assert_eq!(
        (status, &problem["code"]),
        (403, &json!("ForAdministrators"))
    );
}

#[test]
fn one_is_checked_at_a_time_and_only_while_somebody_waits() {
    let mut daemon = Daemon::start();
    let job = daemon.submit("[[task]]\ncommand = \"true\"\n");
    daemon.until(&job, "Finished");
    let waits = long_check(&daemon);
    for path in ["/policies/fifo/check", "/policy/verify"] {
        let answer = ask_with(daemon.place.path(), "POST", path, "", "").unwrap();
        let (status, problem, head) = answer;
        assert_eq!((status, &problem["code"]), (429, &json!("Busy")), "{path}");
        assert!(head.to_lowercase().contains("retry-after: "), "{head}");
    }
    // What is short goes on beside it.
    let job = daemon.submit("[[task]]\ncommand = \"true\"\n");
    daemon.until(&job, "Finished");
    drop(waits);
    let report = wait_for("the check to end with its client", || {
        let (status, report) = post(&daemon, "/policy/verify", &json!({}));
        (status == 200).then_some(report)
    });
    assert_eq!(report["mismatches"], json!([]), "{report}");

    // Nor does a daemon wait for it that is to stop.
    let mut waits = long_check(&daemon);
    daemon.signal(Signal::TERM);
    let mut answer = String::new();
    waits.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\"Stopped\""), "{answer}");
    assert_eq!(daemon.end().0, Some(0));
}
