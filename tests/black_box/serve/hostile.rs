//! Requests that are meant to hurt, to a real daemon: each is refused or has no answer, none is a fault of the server's, and none leaves memory behind.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::Daemon;
use super::http::{connect, get};

/// Rounds of all requests, some 100 MiB, between two looks at the daemon's memory.
const ROUNDS: usize = 15;
/// Looks after the first, which is when everything was sent once.
const LOOKS: usize = 4;
/// How much larger a daemon may be at each look than at the one before: what stays is there at each.
const STAYS_MAX: u64 = 8 << 20;
/// And how much after all of them: the allocator takes its buffers, for each thread, in large steps and at any time.
const GROWTH_MAX: u64 = 64 << 20;

/// Everything that is sent, some of it cut off.
fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let post = |kind: &str, body: String| {
        let length = body.len();
        let head = "POST /api/v1/jobs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
        format!("{head}content-type: application/{kind}\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let mut bomb = String::from("<?xml version=\"1.0\"?><!DOCTYPE Job [<!ENTITY a0 \"ha\">");
    for level in 1..40 {
        let before = level - 1;
        bomb += &format!("<!ENTITY a{level} \"&a{before};&a{before};&a{before};\">");
    }
    bomb += "]><Job Name=\"&a39;\"/>";
    let file = "<!DOCTYPE Job [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Job Name=\"&e;\"/>";
    let deep = 200_000;
    let noise: Vec<u8> = (0..100_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let many = (0..2_000)
        .map(|n| format!("h{n}: x\r\n"))
        .collect::<String>();
    vec![
        ("XML that grows", post("xml", bomb).into_bytes()),
        ("XML of a file", post("xml", file.into()).into_bytes()),
        ("deep XML", post("xml", "<a>".repeat(deep)).into_bytes()),
        ("deep JSON", post("json", "[".repeat(deep)).into_bytes()),
        ("deep tables", post("json", "{\"task\":".repeat(deep)).into_bytes()),
        ("deep TOML", post("toml", format!("a = {}", "[".repeat(deep))).into_bytes()),
        ("a large number", post("json", format!("{{\"priority\": {}}}", "9".repeat(deep))).into_bytes()),
        ("noise", noise),
        ("a long line", format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(2 << 20)).into_bytes()),
        ("a long header", format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", "h".repeat(2 << 20)).into_bytes()),
        ("many headers", format!("GET / HTTP/1.1\r\n{many}\r\n").into_bytes()),
        ("two lengths", b"POST /api/v1/jobs HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef".to_vec()),
        ("a length that is none", b"POST /api/v1/jobs HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_vec()),
        ("a wrong chunk", b"POST /api/v1/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec()),
        ("half a head", b"GET /api/v1/jobs HTTP/1.1\r\nhos".to_vec()),
        ("half a body", b"POST /api/v1/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n[".to_vec()),
    ]
}

/// Sends it, ends that half of the connection, and returns the status of the answer, if there is one.
fn send(daemon: &Daemon, request: &[u8]) -> Option<u16> {
    let mut stream = connect(daemon);
    // The answer may come, and the connection go, before all was sent.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let head = String::from_utf8_lossy(&answer);
    head.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
}

/// Memory of the machine that the daemon has.
fn resident(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap();
    kib << 10
}

#[test]
fn no_request_is_a_fault_of_the_server_or_stays_in_its_memory() {
    let daemon = Daemon::start();
    let requests = requests();
    let round = || {
        for (what, request) in &requests {
            let status = send(&daemon, request);
            let refused = status.is_none_or(|status| (400..500).contains(&status));
            assert!(refused, "{what}: {status:?}");
        }
    };
    round();
    let mut seen = vec![resident(&daemon)];
    for _ in 0..LOOKS {
        (0..ROUNDS).for_each(|_| round());
        seen.push(resident(&daemon));
    }
    let stays = seen.windows(2).map(|two| two[1].saturating_sub(two[0]));
    assert!(stays.min() < Some(STAYS_MAX), "{seen:?}");
    assert!(seen[LOOKS] < seen[0] + GROWTH_MAX, "{seen:?}");
    assert_eq!(get(&daemon, "/livez").0, 200);
}

#[test]
fn those_who_send_nothing_keep_nobody_out() {
    let daemon = Daemon::start();
    let silent: Vec<UnixStream> = (0..300)
        .map(|_| {
            let mut stream = connect(&daemon);
            stream.write_all(b"GET /livez HTTP/1.1\r\nho").unwrap();
            stream
        })
        .collect();
    assert_eq!(get(&daemon, "/livez").0, 200);
    assert_eq!(get(&daemon, "/api/v1/jobs").0, 200);
    drop(silent);
}
