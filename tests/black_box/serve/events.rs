//! Server-sent events: what happens, in order, without gaps, also across a break and a restart.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use jobyard_journal::{Journal, SqliteJournal, replay};
use jobyard_tests::run;
use rustix::process::Signal;
use serde_json::Value;

use super::Daemon;
use super::http::{connect, get};

/// An answer that goes on.
struct Stream {
    lines: BufReader<UnixStream>,
}

impl Stream {
    fn open(daemon: &Daemon, query: &str, last_id: Option<u64>) -> Stream {
        let mut stream = connect(daemon);
        let last_id = last_id.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
        let request = format!("GET /api/v1/events{query} HTTP/1.1\r\nhost: x\r\n{last_id}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut stream = Stream {
            lines: BufReader::new(stream),
        };
        let head: Vec<String> = std::iter::from_fn(|| Some(stream.line()))
            .take_while(|line| !line.is_empty())
            .collect();
        assert!(head[0].contains(" 200 "), "{head:?}");
        let kind = "content-type: text/event-stream";
        assert!(head.iter().any(|line| line == kind), "{head:?}");
        stream
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        assert_ne!(read.expect("it goes on"), 0, "it has ended");
        line.trim_end().to_string()
    }

    /// The next event: `id`, `event` and `data` must say the same.
    fn next(&mut self) -> Value {
        let (mut id, mut kind) = (String::new(), String::new());
        loop {
            let line = self.line();
            if let Some(found) = line.strip_prefix("id: ") {
                id = found.into();
            } else if let Some(found) = line.strip_prefix("event: ") {
                kind = found.into();
            } else if let Some(data) = line.strip_prefix("data: ") {
                let event: Value = serde_json::from_str(data).expect("JSON");
                assert_eq!(
                    (event["number"].to_string(), &event["kind"]),
                    (id, &kind.into())
                );
                return event;
            }
        }
    }

    /// All up to one of that kind.
    fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let event = self.next();
            let is_last = event["kind"] == kind;
            all.push(event);
            if is_last {
                return all;
            }
        }
    }
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().filter_map(|event| event["kind"].as_str());
    kinds.collect()
}

fn numbers(events: &[Value]) -> Vec<u64> {
    let numbers = events.iter().filter_map(|event| event["number"].as_u64());
    numbers.collect()
}

#[test]
fn what_happens_is_told_in_order_and_nothing_is_missed() {
    let mut daemon = Daemon::start();
    let mut all = Stream::open(&daemon, "?after=0", None);
    let mut live = Stream::open(&daemon, "", None);
    let job = daemon.submit("[[task]]\ncommand = \"true\"\n");
    daemon.until(&job, "Finished");
    let told = all.until("JobEnded");
    assert_eq!(numbers(&told), (1..=told.len() as u64).collect::<Vec<_>>());
    let life = [
        "JobAdded",
        "JobSubmitted",
        "JobValidated",
        "JobStarted",
        "Dispatched",
        "WorkEnded",
        "JobEnding",
        "JobEnded",
    ];
    let of_job: Vec<Value> = told
        .iter()
        .filter(|event| event["job"] == 1)
        .cloned()
        .collect();
    let of_life: Vec<&str> = kinds(&of_job)
        .into_iter()
        .filter(|kind| life.contains(kind))
        .collect();
    assert_eq!(of_life, life);
    assert_eq!(of_job[0]["fact"]["spec"]["owner"], "root");
    // From now on is from now on.
    assert_eq!(live.next()["kind"], "JobAdded");

    // Of one job, and behind a number.
    let other = daemon.submit("[[task]]\ncommand = \"true\"\n");
    daemon.until(&other, "Finished");
    let one = Stream::open(&daemon, &format!("?after=0&job={other}"), None).until("JobEnded");
    assert!(one.iter().all(|event| event["job"] == 2), "{one:?}");
    // What was not seen before the end of the daemon is told after it.
    let seen = told.last().unwrap()["number"].as_u64().unwrap();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    daemon.again(&[]);
    let rest = Stream::open(&daemon, "?after=0", Some(seen)).until("JobEnded");
    assert_eq!(numbers(&rest)[0], seen + 1);
    assert_eq!(rest.last(), one.last());
}

#[test]
fn what_cannot_be_told_is_refused() {
    let mut daemon = Daemon::start();
    let job = daemon.submit("[[task]]\ncommand = \"true\"\n");
    daemon.until(&job, "Finished");
    let cases = [
        ("?after=1000000", 400, "event 1000000 has not happened"),
        ("?after=x", 400, "BadQuery"),
        ("?jop=1", 400, "jop"),
        ("?job=77", 404, "no job 77"),
    ];
    for (query, status, said) in cases {
        let (is, text) = get(&daemon, &format!("/api/v1/events{query}"));
        assert_eq!(is, status, "{query}: {text}");
        assert!(text.contains(said), "{query}: {text}");
    }
    daemon.signal(Signal::TERM);
    daemon.end();
    // A compaction drops what a snapshot covers, and a daemon takes one of its own after many events only.
    let mut journal = SqliteJournal::open(daemon.place.path().join("data")).unwrap();
    let (last, state) = (journal.last(), replay(&journal).unwrap());
    journal.save_snapshot(last, state).unwrap();
    journal.settle().unwrap();
    drop(journal);
    let compact = ["compact", "--data", "data"];
    let compacted = run(daemon.place.jobyard("journal").args(compact));
    assert_eq!(compacted.code, Some(0), "{}", compacted.err);
    daemon.again(&[]);
    let (status, text) = get(&daemon, "/api/v1/events?after=0");
    assert_eq!(status, 410, "{text}");
    assert!(text.contains("EventsGone"), "{text}");
    let (_, way_out) = text.split_once("ask for those after ").expect("a way out");
    let digits: String = way_out.chars().take_while(char::is_ascii_digit).collect();
    let dropped: u64 = digits.parse().expect("a number");
    let next = Stream::open(&daemon, &format!("?after={dropped}"), None).next();
    assert_eq!(next["number"], dropped + 1);
}
