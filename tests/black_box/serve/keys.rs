//! `Idempotency-Key`: what is sent twice is done once, also where the daemon was killed before its answer was read.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use jobyard_tests::{ask, ask_with, wait_for};
use rustix::process::Signal;
use serde_json::Value;

use super::Daemon;

const JOB: &str = r#"{"task": [{"command": "true"}]}"#;

/// The status, the body, and whether it is the answer that another request had.
fn post(daemon: &Daemon, path: &str, key: &str, body: &str) -> (u16, Value, bool) {
    let head = format!("idempotency-key: {key}\r\n");
    let answer = ask_with(daemon.place.path(), "POST", path, &head, body);
    let (status, body, head) = answer.unwrap();
    (status, body, head.contains("idempotency-replayed: true"))
}

fn jobs(daemon: &Daemon) -> usize {
    let (_, page) = ask(daemon.place.path(), "GET", "/jobs?limit=1000", "").unwrap();
    page["jobs"].as_array().unwrap().len()
}

#[test]
fn the_same_request_with_the_same_key_has_the_same_answer() {
    let daemon = Daemon::start();
    let two = format!("[{JOB}, {{\"task\": 1}}]");
    let long = r#"{"task": [{"command": "sleep 600"}]}"#;
    let (_, first, _) = post(&daemon, "/jobs", "first", long);
    let id = first["id"].as_u64().unwrap();
    let path = |rest: &str| format!("/jobs/{id}{rest}");
    // In this order: each is carried out once, whatever the jobs do meanwhile.
    for (path, body, status) in [
        ("/jobs".into(), JOB, 201),
        ("/jobs?submit=true".into(), JOB, 201),
        ("/jobs".into(), two.as_str(), 200),
        (path("/clone"), "", 201),
        (path("/tasks"), r#"{"task": [{"command": "false"}]}"#, 201),
        (path("/submit"), "{}", 200),
        ("/jobs/submit".into(), r#"{"jobs": [2, 99]}"#, 200),
        (path("/cancel"), "{}", 200),
    ] {
        let key = format!("key-of-{}", path.replace(['/', '?', '='], "-"));
        let key = format!("{key}-{}", body.len());
        let first = post(&daemon, &path, &key, body);
        assert_eq!((first.0, first.2), (status, false), "{path}: {}", first.1);
        let before = jobs(&daemon);
        let again = post(&daemon, &path, &key, body);
        assert_eq!(again, (status, first.1, true), "{path}");
        assert_eq!(jobs(&daemon), before, "{path}");
    }
    let (_, tasks) = ask(daemon.place.path(), "GET", &path("/tasks"), "").unwrap();
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 2);
}

#[test]
fn a_key_is_that_of_one_request_and_is_free_after_a_refusal() {
    let daemon = Daemon::start();
    let no_job = r#"{"task": [{"command": "true", "wrong": 1}]}"#;
    assert_eq!(post(&daemon, "/jobs", "k", no_job).0, 422);
    assert_eq!(post(&daemon, "/jobs/77/clone", "k", "").0, 404);
    assert_eq!(post(&daemon, "/jobs", "k", JOB).0, 201);
    for (path, body) in [
        ("/jobs", r#"{"task": [{"command": "false"}]}"#),
        ("/jobs?submit=true", JOB),
        ("/jobs/1/clone", ""),
    ] {
        let (status, problem, replayed) = post(&daemon, path, "k", body);
        assert_eq!((status, replayed), (422, false), "{path}");
        assert_eq!(problem["code"], "IdempotencyKeyReused", "{path}");
    }
    assert_eq!(jobs(&daemon), 1);
    let longest = "k".repeat(255);
    assert_eq!(post(&daemon, "/jobs", &longest, JOB).0, 201);
    for bad in [
        "",
        "a b",
        "ä",
        &format!("{longest}k"),
        "a\r\nidempotency-key: b",
    ] {
        let (status, problem, _) = post(&daemon, "/jobs", bad, JOB);
        assert_eq!(status, 400, "{bad}");
        assert_eq!(problem["code"], "BadHeader", "{bad}");
    }
    let many = format!("[{}]", vec![JOB; 1_001].join(","));
    assert_eq!(post(&daemon, "/jobs", "many", &many).0, 400);
}

#[test]
fn requests_at_the_same_time_are_one() {
    let daemon = Daemon::start();
    let answers: Vec<_> = thread::scope(|scope| {
        let ask = || post(&daemon, "/jobs?submit=true", "same", JOB);
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asked
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    let first = answers.iter().filter(|(_, _, replayed)| !replayed).count();
    assert_eq!(first, 1);
    for (status, body, _) in &answers {
        assert_eq!((*status, body), (201, &answers[0].1));
    }
    assert_eq!(jobs(&daemon), 1);
}

#[test]
fn an_answer_that_a_kill_took_away_is_given_after_the_restart() {
    let mut daemon = Daemon::start();
    let socket = daemon.place.path().join("data/jobyard.sock");
    let mut stream = UnixStream::connect(socket).unwrap();
    let length = JOB.len();
    let request = format!(
        "POST /api/v1/jobs?submit=true HTTP/1.1\r\nhost: x\r\nconnection: close\r\nidempotency-key: lost\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{JOB}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    // It is durable as soon as others see it. Its own answer is never read.
    wait_for("the job", || (jobs(&daemon) == 1).then_some(()));
    daemon.signal(Signal::KILL);
    daemon.end();
    drop(stream);
    daemon.again(&[]);
    for _ in 0..2 {
        let (status, job, replayed) = post(&daemon, "/jobs?submit=true", "lost", JOB);
        assert_eq!((status, replayed), (201, true));
        assert_eq!(job["id"], 1);
        assert_eq!(jobs(&daemon), 1);
    }
}

/// Hands the requests of a command line on to the daemon, up to the second that is posted. The answer to the first of those is lost: the
/// connection closes instead.
fn lossy(daemon: &Daemon, front: &Path) -> thread::JoinHandle<Vec<String>> {
    let back = daemon.place.path().join("data/jobyard.sock");
    let listener = UnixListener::bind(front.join("jobyard.sock")).unwrap();
    thread::spawn(move || {
        let mut heads = Vec::new();
        while heads.len() < 2 {
            let (mut client, _) = listener.accept().unwrap();
            let request = whole(&mut client);
            let is_posted = request.starts_with(b"POST ");
            let mut server = UnixStream::connect(&back).unwrap();
            server.write_all(&request).unwrap();
            let answer = whole(&mut server);
            if !(is_posted && heads.is_empty()) {
                client.write_all(&answer).unwrap();
            }
            if is_posted {
                heads.push(String::from_utf8(request).unwrap());
            }
        }
        heads
    })
}

/// One message of HTTP.
fn whole(stream: &mut UnixStream) -> Vec<u8> {
    let (mut all, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&all).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return all;
            }
        }
        let count = stream.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "{text}");
        all.extend(&bytes[..count]);
    }
}

#[test]
fn what_the_command_line_sends_twice_is_done_once() {
    let daemon = Daemon::start();
    let long = r#"{"task": [{"command": "sleep 600"}]}"#;
    ask(daemon.place.path(), "POST", "/jobs", long).unwrap();
    let file = daemon.place.path().join("task.toml");
    std::fs::write(file, "[[task]]\ncommand = \"false\"\n").unwrap();
    for (at, words) in [
        vec!["job", "clone", "1"],
        vec!["task", "add", "1", "task.toml"],
        vec!["job", "submit", "--id", "2"],
        vec!["job", "cancel", "2"],
        vec!["job", "requeue", "2"],
        vec!["task", "cancel", "2.1"],
    ]
    .into_iter()
    .enumerate()
    {
        let front = daemon.place.path().join(format!("front{at}"));
        std::fs::create_dir(&front).unwrap();
        let sent = lossy(&daemon, &front);
        let folder = front.display().to_string();
        let words = [words.as_slice(), &["--data", &folder]].concat();
        daemon.done(&words);
        let heads = sent.join().unwrap();
        assert!(heads[0].contains("\r\nidempotency-key: "), "{}", heads[0]);
        assert_eq!(heads[0], heads[1], "{words:?}");
    }
    assert_eq!(jobs(&daemon), 2);
    let (_, tasks) = ask(daemon.place.path(), "GET", "/jobs/1/tasks", "").unwrap();
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 2);
}
