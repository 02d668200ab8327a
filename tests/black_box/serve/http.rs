//! The interface itself, as any HTTP client sees it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use super::Daemon;

/// The status, the head and the body of an answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }
}

pub(super) fn connect(daemon: &Daemon) -> UnixStream {
    let socket = daemon.place.path().join("data/jobyard.sock");
    let stream = UnixStream::connect(socket).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

pub(super) fn ask(daemon: &Daemon, first_line: &str, head: &str, body: &[u8]) -> Answer {
    let mut stream = connect(daemon);
    let length = body.len();
    let request = format!(
        "{first_line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}content-length: {length}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    // The answer may come, and the connection go, before all of a body that is too large was sent.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("no answer to {first_line}: {answer:?}")),
        head: head.into(),
        body: body.into(),
    }
}

/// The status and the body of what is at a path.
pub(super) fn get(daemon: &Daemon, path: &str) -> (u16, String) {
    let answer = ask(daemon, &format!("GET {path}"), "", b"");
    (answer.status, answer.body)
}

const JSON: &str = "content-type: application/json\r\n";
const TOML: &str = "content-type: application/toml\r\n";

#[test]
fn problems_have_a_status_and_a_code() {
    let daemon = Daemon::start();
    let large = vec![b'#'; (16 << 20) + 1];
    let cases: &[(&str, &str, &[u8], u16, &str)] = &[
        ("GET /nowhere", "", b"", 404, "UnknownRoute"),
        ("GET /api/v1/job", "", b"", 404, "UnknownRoute"),
        ("DELETE /api/v1/nodes", "", b"", 405, "MethodNotAllowed"),
        ("GET /api/v1/jobs?limt=3", "", b"", 400, "BadQuery"),
        ("GET /api/v1/jobs?limit=0", "", b"", 400, "BadQuery"),
        ("GET /api/v1/jobs?limit=1001", "", b"", 400, "BadQuery"),
        ("GET /api/v1/jobs?state=Runing", "", b"", 400, "BadQuery"),
        ("GET /api/v1/jobs?status=6", "", b"", 400, "BadQuery"),
        ("GET /api/v1/jobs/x", "", b"", 400, "BadId"),
        ("GET /api/v1/jobs/4294967296", "", b"", 400, "BadId"),
        ("GET /api/v1/jobs/7", "", b"", 404, "UnknownJob"),
        (
            "GET /api/v1/jobs/7/wait?seconds=601",
            "",
            b"",
            400,
            "BadQuery",
        ),
        ("GET /api/v1/jobs/7/tasks/1", "", b"", 404, "UnknownJob"),
        ("POST /api/v1/jobs/7/cancel", "", b"", 404, "UnknownJob"),
        (
            "POST /api/v1/jobs/7/cancel",
            JSON,
            b"{\"massage\": \"\"}",
            400,
            "BadJson",
        ),
        (
            "POST /api/v1/jobs/7/cancel",
            JSON,
            b"{\"forced\": true, \"graceful\": true}",
            400,
            "BadJson",
        ),
        (
            "POST /api/v1/jobs/7/requeue",
            JSON,
            b"{\"message\": \"x\"}",
            400,
            "BadJson",
        ),
        ("POST /api/v1/jobs/7/cancel", JSON, b"{", 400, "BadJson"),
        (
            "POST /api/v1/jobs/7/cancel",
            TOML,
            b"x",
            415,
            "UnsupportedMediaType",
        ),
        ("POST /api/v1/jobs", "", b"x", 415, "UnsupportedMediaType"),
        ("POST /api/v1/jobs", TOML, b"x", 422, "BadJobFile"),
        ("POST /api/v1/jobs", TOML, b"\xff", 422, "BadJobFile"),
        ("POST /api/v1/jobs?folder=here", TOML, b"x", 400, "BadQuery"),
        ("POST /api/v1/jobs", TOML, &large, 413, "BodyTooLarge"),
        ("GET /api/v1/nodes/none", "", b"", 404, "UnknownNode"),
        (
            "GET /api/v1/parameters/none",
            "",
            b"",
            404,
            "UnknownParameter",
        ),
        (
            "PUT /api/v1/parameters/JobRetryCount",
            JSON,
            b"{\"value\": \"-1\"}",
            422,
            "InvalidParameter",
        ),
        ("PATCH /api/v1/jobs/7", JSON, b"{}", 404, "UnknownJob"),
        (
            "PATCH /api/v1/jobs/7",
            TOML,
            b"name = 'x'",
            415,
            "UnsupportedMediaType",
        ),
        (
            "PATCH /api/v1/jobs/7",
            JSON,
            b"{\"colour\": 1}",
            422,
            "BadJobFile",
        ),
        (
            "PATCH /api/v1/jobs/7/tasks/1",
            JSON,
            b"{}",
            404,
            "UnknownJob",
        ),
        (
            "POST /api/v1/jobs/7/tasks",
            JSON,
            b"{\"command\": \"x\"}",
            404,
            "UnknownJob",
        ),
        (
            "POST /api/v1/jobs/7/tasks/1/submit",
            JSON,
            b"{\"instance\": 1}",
            400,
            "BadJson",
        ),
        ("POST /api/v1/jobs/7/purge", "", b"", 404, "UnknownJob"),
        (
            "POST /api/v1/jobs/purge",
            JSON,
            b"{\"ended_before\": \"x\"}",
            400,
            "BadJson",
        ),
        ("GET /api/v1/jobs/7/file", "", b"", 404, "UnknownJob"),
        (
            "GET /api/v1/jobs/7/file?format=yaml",
            "",
            b"",
            400,
            "BadQuery",
        ),
        ("GET /api/v1/jobs?after=x", "", b"", 400, "BadQuery"),
        ("GET /api/v1/jobs?since=x", "", b"", 400, "BadQuery"),
        ("GET /api/v1/jobs?ended_before=x", "", b"", 400, "BadQuery"),
        (
            "POST /api/v1/jobs",
            TOML,
            b"template = 'x'\n[[task]]\ncommand = 'x'",
            422,
            "Invalid",
        ),
        ("GET /api/v1/templates/x", "", b"", 404, "UnknownTemplate"),
        (
            "DELETE /api/v1/templates/x",
            "",
            b"",
            404,
            "UnknownTemplate",
        ),
        (
            "DELETE /api/v1/templates/default",
            "",
            b"",
            409,
            "TemplateStays",
        ),
        (
            "PUT /api/v1/templates/x",
            JSON,
            b"{\"rules\": {\"Colour\": {}}}",
            422,
            "Invalid",
        ),
        (
            "PUT /api/v1/templates/x",
            JSON,
            b"{\"prepare\": {}}",
            422,
            "BadTemplate",
        ),
        (
            "PUT /api/v1/templates/x",
            JSON,
            b"{\"rules\": {\"Priority\": {\"max\": true}}}",
            422,
            "BadTemplate",
        ),
        (
            "PUT /api/v1/templates/x",
            JSON,
            b"{\"colour\": 1}",
            400,
            "BadJson",
        ),
        (
            "PUT /api/v1/environment/A%3DB",
            JSON,
            b"{\"value\": \"x\"}",
            422,
            "Invalid",
        ),
        (
            "PUT /api/v1/nodes/none/groups",
            JSON,
            b"{\"groups\": []}",
            404,
            "UnknownNode",
        ),
    ];
    for (line, head, body, status, code) in cases {
        let answer = ask(&daemon, line, head, body);
        assert_eq!(answer.status, *status, "{line}: {}", answer.body);
        assert!(
            answer.head.contains("application/problem+json"),
            "{line}: {}",
            answer.head
        );
        let problem = answer.json();
        assert_eq!(problem["code"], *code, "{line}: {problem}");
        assert_eq!(problem["status"], *status, "{line}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|d| !d.contains('\n')),
            "{line}: {problem}"
        );
    }
    daemon.done(&["job", "list"]);
}

#[test]
fn a_job_is_created_with_its_place() {
    let daemon = Daemon::start();
    let answer = ask(
        &daemon,
        "POST /api/v1/jobs?submit=true",
        TOML,
        b"[[task]]\ncommand = \"exit 3\"",
    );
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(
        answer.head.contains("location: /api/v1/jobs/1"),
        "{}",
        answer.head
    );
    let job = ask(&daemon, "GET /api/v1/jobs/1/wait?seconds=60", "", b"").json();
    assert_eq!(
        (&job["state"], &job["status"]),
        (&"Failed".into(), &4.into())
    );
    let answer = ask(
        &daemon,
        "POST /api/v1/jobs/1/cancel",
        JSON,
        b"{\"message\": \"late\"}",
    );
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (409, &"InvalidCancelJobState".into())
    );
}

#[test]
fn jobs_are_listed_page_by_page() {
    let daemon = Daemon::start();
    let jobs: Vec<String> = (1..=25)
        .map(|n| {
            format!(
                r#"{{"name": "n{}", "task": [{{"command": "true"}}]}}"#,
                n % 2
            )
        })
        .collect();
    let body = format!("[{}]", jobs.join(","));
    let added = ask(&daemon, "POST /api/v1/jobs", JSON, body.as_bytes());
    assert_eq!(added.json()["answers"].as_array().map(Vec::len), Some(25));
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let line = format!("GET /api/v1/jobs?status=0&name=n1&limit=5{after}");
        let page = ask(&daemon, &line, "", b"").json();
        let jobs = page["jobs"].as_array().unwrap();
        assert!(jobs.len() <= 5);
        seen.extend(jobs.iter().filter_map(|job| job["id"].as_u64()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    // Newest first.
    assert_eq!(seen, (1..=25).rev().step_by(2).collect::<Vec<u64>>());
    let order = br#"{"jobs": [1, 2, 2, 26]}"#;
    let answers = ask(&daemon, "POST /api/v1/jobs/submit", JSON, order).json();
    let codes: Vec<_> = (0..4)
        .map(|i| answers["answers"][i]["problem"]["code"].clone())
        .collect();
    assert_eq!(
        codes,
        [
            Value::Null,
            Value::Null,
            "InvalidJobState".into(),
            "UnknownJob".into()
        ]
    );
}

#[test]
fn nonsense_and_silence_do_no_harm() {
    let daemon = Daemon::start();
    let mut silent: Vec<UnixStream> = (0..50).map(|_| connect(&daemon)).collect();
    for stream in &mut silent[..25] {
        stream.write_all(b"\x16\x03\x01 nonsense\r\n\r\n").unwrap();
    }
    let mut half = connect(&daemon);
    half.write_all(b"POST /api/v1/jobs HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf")
        .unwrap();
    drop(half);
    daemon.done(&["job", "submit", "--", "true"]);
    daemon.done(&["job", "wait", "1"]);
}

/// The last 10,000 that ended are in memory, and some hundreds that are about to leave; the first is not.
#[test]
fn a_job_that_has_left_memory_is_shown_all_the_same() {
    let daemon = Daemon::start();
    for count in [10_000, 700] {
        let job = r#"{"task":[{"name":"a","command":"true"}]}"#;
        let jobs = format!("[{}]", vec![job; count].join(","));
        let added = ask(&daemon, "POST /api/v1/jobs", JSON, jobs.as_bytes());
        assert_eq!(added.status, 200, "{}", added.body);
    }
    for ids in [1..=10_000, 10_001..=10_700] {
        let order = serde_json::json!({"jobs": ids.collect::<Vec<u32>>(), "message": "too many"});
        let answer = ask(
            &daemon,
            "POST /api/v1/jobs/cancel",
            JSON,
            order.to_string().as_bytes(),
        );
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let page = |query: &str| ask(&daemon, &format!("GET /api/v1/jobs?{query}"), "", b"").json();
    jobyard_tests::wait_for("the first job to leave memory", || {
        let history = page("after=ended&limit=1000");
        let jobs = history["jobs"].as_array()?.iter();
        jobs.into_iter().any(|job| job["id"] == 1).then_some(())
    });
    // One cursor goes through what is live and what is not: everything comes, newest first.
    let (mut ids, mut query) = (Vec::new(), "limit=1000&state=canceled".to_string());
    loop {
        let page = page(&query);
        let jobs = page["jobs"].as_array().unwrap().iter();
        ids.extend(jobs.filter_map(|job| job["id"].as_u64()));
        match page["next"].as_str() {
            Some(next) => query = format!("limit=1000&state=canceled&after={next}"),
            None => break,
        }
    }
    assert_eq!(ids.first(), Some(&10_700));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10_700);
    let job = ask(&daemon, "GET /api/v1/jobs/1", "", b"").json();
    assert_eq!(job["state"], "Canceled");
    assert_eq!(job["error_message"], "too many");
    let tasks = ask(&daemon, "GET /api/v1/jobs/1/tasks", "", b"").json();
    assert_eq!(tasks["tasks"][0]["name"], "a");
}
