//! What `docs/threat-model.md` claims: that its tests are there, and those of them that have no other place.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use jobyard_tests::https::send;
use jobyard_tests::{Place, ask, root};

use super::Daemon;

#[test]
fn every_claim_names_tests_that_exist() {
    let text = std::fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains(".rs: "));
    let mut count = 0;
    for row in rows {
        for named in row.split('`').filter(|part| part.contains(".rs: ")) {
            let (file, test) = named.split_once(": ").unwrap();
            let source = std::fs::read_to_string(root().join(file));
            let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(
                source.contains(&format!("fn {test}(")),
                "{named} is not there"
            );
            count += 1;
        }
    }
    assert!(count > 20, "{count} tests are named");
}

#[test]
fn slow_half_and_oversized_requests_do_not_hurt_others() {
    let daemon = Daemon::start_in(Place::new(), &["--listen", "127.0.0.1:0"]);
    let https = daemon.https();
    // Connections that say nothing, or begin TLS and stop, or begin a request and stop, or a body.
    let silent: Vec<TcpStream> = (0..100)
        .map(|_| TcpStream::connect(https.address).unwrap())
        .collect();
    let half_tls: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(https.address).unwrap();
            stream.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
            stream
        })
        .collect();
    let half_requests: Vec<_> = (0..100)
        .map(|n| {
            let mut stream = https.connect().unwrap();
            let text = match n % 2 {
                0 => "GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ".to_string(),
                _ => "POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{".to_string(),
            };
            stream.write_all(text.as_bytes()).unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(https.ask("GET /livez", "", "").status, 200);
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "20 requests took {took:?}");
    // A head and a body that are too large are refused, and said to be.
    let answer = https.ask(
        "GET /livez",
        &format!("x-large: {}\r\n", "x".repeat(600_000)),
        "",
    );
    assert_eq!(answer.status, 431, "{}", answer.head);
    let mut stream = https.connect().unwrap();
    let body = format!(r#"{{"name": "{}"}}"#, "x".repeat(2 << 20));
    // It may hang up before all of it was sent.
    let sent = send(&mut stream, "POST /api/v1/session", "", &body);
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).unwrap_or(0);
    let said = String::from_utf8_lossy(&answer[..read]);
    assert!(sent.is_err() || said.starts_with("HTTP/1.1 413 "), "{said}");
    // Who has said nothing by now, or half of TLS, is not waited for.
    for stream in [&silent[0], &half_tls[0]] {
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let closed = (&mut &*stream).read(&mut [0; 64]);
        assert!(closed.is_ok_and(|bytes| bytes < 64), "it was closed");
    }
    drop((silent, half_tls, half_requests));
    assert_eq!(https.ask("GET /readyz", "", "").status, 200);
}

#[test]
fn names_of_jobs_do_nothing_to_a_terminal() {
    let daemon = Daemon::start();
    let job = r#"{"name": "a\u001b[2Jb\u0007", "task": [{"command": "true", "name": "\u001bc"}]}"#;
    let (status, said) = ask(daemon.place.path(), "POST", "/jobs", job).unwrap();
    assert_eq!(status, 201, "{said}");
    for words in [
        &["job", "list"][..],
        &["job", "view", "1"],
        &["task", "list", "1"],
    ] {
        let shown = daemon.done(words);
        let harmless = |c: char| !c.is_control() || c == '\n';
        assert!(shown.chars().all(harmless), "{words:?}: {shown:?}");
    }
    // Submitted, it is refused.
    let refused = daemon.say(&["job", "submit", "1"]);
    let job = daemon.json(&["job", "view", "1"]);
    assert!(refused.code == Some(2) || job["state"] == "Failed", "{job}");
}
