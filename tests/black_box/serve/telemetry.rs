//! A collector of OpenTelemetry is told of requests; one that is not there is missed by nobody.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use jobyard_tests::{Place, ask};
use rustix::process::Signal;

use super::Daemon;

#[test]
fn a_collector_is_told_of_requests() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new();
    let at = collector.local_addr().unwrap();
    let text = format!("[http]\nlisten = \"off\"\n[telemetry]\notlp = \"http://{at}\"\n");
    place.file("jobyard.toml", text);
    let (told, tells) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in collector.incoming() {
            let mut stream = stream.unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            let (mut got, mut part) = (Vec::new(), [0; 4096]);
            while !got.windows(5).any(|part| part == b"nodes") {
                match stream.read(&mut part) {
                    Ok(bytes @ 1..) => got.extend(&part[..bytes]),
                    Ok(0) | Err(_) => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            if told.send(got).is_err() {
                return;
            }
        }
    });
    let mut daemon = Daemon::start_in(place, &["--config", "jobyard.toml"]);
    let (status, _) = ask(daemon.place.path(), "GET", "/nodes?secret=1", "").unwrap();
    assert_eq!(status, 200);
    // What was not sent yet is sent at the end.
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0), "{log}");
    let got = tells.recv_timeout(Duration::from_secs(30)).unwrap();
    let got = String::from_utf8_lossy(&got);
    assert!(got.starts_with("POST /v1/traces "), "{got}");
    for part in ["jobyard", "/api/v1/nodes", "request"] {
        assert!(got.contains(part), "{part}: {got}");
    }
    assert!(!got.contains("secret"), "queries are nobody's matter");
}

#[test]
fn a_collector_that_is_not_there_is_missed_by_nobody() {
    let place = Place::new();
    let at = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let text = format!("[http]\nlisten = \"off\"\n[telemetry]\notlp = \"http://{at}\"\n");
    place.file("jobyard.toml", text);
    let mut daemon = Daemon::start_in(place, &["--config", "jobyard.toml"]);
    let (status, _) = ask(daemon.place.path(), "GET", "/nodes", "").unwrap();
    assert_eq!(status, 200);
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0), "{log}");
}
