//! Two hundred clients at once, over HTTPS, on a daemon with a long queue: what reads take beside a handler that does nothing, and that
//! nobody is answered with a fault. Clients that are slow, stop half-way or send too much are there too.
//!
//! Latency is compared with that of `/livez` in the same run, through the same connections: what all requests share (TLS, the queue for two cores, the
//! clients themselves) is in both.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::https::{Connection, Https, send};
use crate::random::Random;
use crate::{Place, ask};

/// Users who ask; each client is one of them.
const USERS: u64 = 20;
/// Clients that mean harm.
const HARMFUL: u64 = 20;
/// Jobs of one request that fills the queue.
const JOBS_PER_REQUEST: u32 = 1_000;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Clients at once.
    pub clients: u64,
    /// For how long they ask.
    pub seconds: u64,
    /// Jobs that wait meanwhile.
    pub queued: u32,
    /// How long a client rests between two requests, in milliseconds.
    pub rest_ms: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// By kind of request: how long each took, sorted.
    pub took: BTreeMap<&'static str, Vec<Duration>>,
    /// By status: how many answers.
    pub statuses: BTreeMap<u16, usize>,
    /// Connections that ended without an answer.
    pub lost: usize,
}

impl Outcome {
    fn add(&mut self, other: Outcome) {
        for (kind, took) in other.took {
            self.took.entry(kind).or_default().extend(took);
        }
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.lost += other.lost;
    }

    /// The latency that 99 of 100 requests of a kind do not exceed.
    pub fn p99(&self, kind: &str) -> Duration {
        self.quantile(kind, 99)
    }

    fn quantile(&self, kind: &str, percent: usize) -> Duration {
        let took = self.took.get(kind).map_or(&[][..], |took| took);
        let at = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(at).copied().unwrap_or_default()
    }

    /// How many answers were faults of the server.
    pub fn faults(&self) -> usize {
        let faults = self.statuses.range(500..);
        faults.map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |took: Duration| took.as_secs_f64() * 1e3;
        for (kind, took) in &self.took {
            let (p50, p99) = (ms(self.quantile(kind, 50)), ms(self.p99(kind)));
            writeln!(
                f,
                "{kind:<8} {:>8} requests, median {p50:.1} ms, p99 {p99:.1} ms",
                took.len()
            )?;
        }
        let statuses = self.statuses.iter();
        let statuses: Vec<String> = statuses
            .map(|(status, count)| format!("{count} x {status}"))
            .collect();
        write!(
            f,
            "answers  {}; {} connections without an answer",
            statuses.join(", "),
            self.lost
        )
    }
}

/// Runs it.
pub fn run(load: Load) -> Outcome {
    let place = Place::new();
    let tokens: Vec<String> = (0..USERS)
        .map(|n| token(&place, &format!("user{n}")))
        .collect();
    // Nothing ends: what waits goes on waiting.
    let daemon = Daemon::start_in(place, &["--listen", "127.0.0.1:0", "--cores", "1"]);
    fill(&daemon, load.queued);
    let (https, stop) = (daemon.https(), AtomicBool::new(false));
    let (https, stop) = (&https, &stop);
    let mut outcome = Outcome::default();
    thread::scope(|scope| {
        for n in 0..HARMFUL {
            scope.spawn(move || harm(https, n, stop));
        }
        let clients: Vec<_> = (0..load.clients)
            .map(|n| {
                let token = &tokens[(n % USERS) as usize];
                scope.spawn(move || {
                    Client::new(https, token, n, load.queued).ask_until(stop, load.rest_ms)
                })
            })
            .collect();
        thread::sleep(Duration::from_secs(load.seconds));
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            outcome.add(client.join().expect("a client does not panic"));
        }
    });
    outcome.took.values_mut().for_each(|took| took.sort());
    outcome
}

fn token(place: &Place, name: &str) -> String {
    let say = |words: &[&str]| {
        let said = crate::run(place.jobyard("user").args(words).args(["--data", "data"]));
        assert_eq!(said.code, Some(0), "{words:?}: {}", said.err);
        said.out.trim().to_string()
    };
    say(&["add", name, "--role", "User"]);
    say(&["token", name])
}

fn fill(daemon: &Daemon, count: u32) {
    let sleeps = r#"{"name": "long", "cores": 1, "task": [{"command": "sleep 3600"}]}"#;
    let waits = r#"{"name": "waits", "cores": 1, "runtime": "1h", "task": [{"command": "true"}]}"#;
    let post = |body: &str| {
        let (status, said) =
            ask(daemon.place.path(), "POST", "/jobs?submit=true", body).expect("an answer");
        assert!(status == 201 || status == 200, "{said}");
    };
    post(sleeps);
    let mut left = count;
    while left > 0 {
        let some = left.min(JOBS_PER_REQUEST);
        left -= some;
        post(&format!("[{}]", vec![waits; some as usize].join(",")));
    }
}

/// One client with one connection, which it makes anew when it has gone.
struct Client<'a> {
    https: &'a Https,
    headers: String,
    random: Random,
    number: u64,
    /// So many jobs are there from the beginning.
    jobs: u64,
    asked: u64,
    own: Vec<u64>,
    connection: Option<BufReader<Connection>>,
}

impl<'a> Client<'a> {
    fn new(https: &'a Https, token: &str, number: u64, queued: u32) -> Client<'a> {
        Client {
            https,
            headers: format!("authorization: Bearer {token}\r\n"),
            random: Random(number * 7_919 + 1),
            number,
            jobs: u64::from(queued) + 1,
            asked: 0,
            own: Vec::new(),
            connection: None,
        }
    }

    fn ask_until(mut self, stop: &AtomicBool, rest_ms: u64) -> Outcome {
        let mut outcome = Outcome::default();
        while !stop.load(Ordering::Relaxed) {
            let (kind, first, headers, body) = self.next();
            let began = Instant::now();
            match self.exchange(&first, &headers, &body) {
                Ok((status, answer)) => {
                    outcome.took.entry(kind).or_default().push(began.elapsed());
                    *outcome.statuses.entry(status).or_default() += 1;
                    if kind == "submit" && status == 201 {
                        let job: serde_json::Value =
                            serde_json::from_slice(&answer).unwrap_or_default();
                        self.own.extend(job["id"].as_u64());
                    }
                }
                Err(_) => {
                    self.connection = None;
                    outcome.lost += 1;
                }
            }
            if rest_ms > 0 {
                thread::sleep(Duration::from_millis(self.random.below(2 * rest_ms)));
            }
        }
        outcome
    }

    /// Seven reads of ten, one that does nothing, a submit, and a cancel of one's own.
    fn next(&mut self) -> (&'static str, String, String, String) {
        self.asked += 1;
        let get = |path: &str| format!("GET {path}");
        let read = match self.random.below(10) {
            0 => return ("empty", get("/livez"), String::new(), String::new()),
            1 => {
                let key = format!("idempotency-key: {}-{}\r\n", self.number, self.asked);
                let job = r#"{"name": "one", "task": [{"command": "true"}]}"#;
                return (
                    "submit",
                    "POST /api/v1/jobs?submit=true".into(),
                    key,
                    job.into(),
                );
            }
            2 => match self.own.pop() {
                Some(job) => {
                    let first = format!("POST /api/v1/jobs/{job}/cancel");
                    return ("cancel", first, String::new(), "{}".into());
                }
                None => get("/api/v1/nodes"),
            },
            3 | 4 => get("/api/v1/jobs?limit=50"),
            5 => get("/api/v1/jobs?state=Queued&limit=100"),
            6 => get("/api/v1/parameters"),
            7 => get("/api/v1/nodes"),
            _ => format!("GET /api/v1/jobs/{}", 1 + self.random.below(self.jobs)),
        };
        ("read", read, String::new(), String::new())
    }

    fn exchange(&mut self, first: &str, headers: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(BufReader::new(self.https.connect()?)),
        };
        send(
            connection.get_mut(),
            first,
            &format!("{}{headers}", self.headers),
            body,
        )?;
        answer(connection)
    }
}

/// Reads an answer whose length is said.
fn answer(from: &mut impl BufRead) -> io::Result<(u16, Vec<u8>)> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = crate::status(&line)?;
    let mut length = 0;
    loop {
        line.clear();
        from.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap_or(0),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((status, body))
}

/// Says nothing, or half of something, or far too much, again and again.
fn harm(https: &Https, number: u64, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = https.connect() else {
            continue;
        };
        // Whatever comes of it: it is the others who are looked at.
        let _ = match number % 3 {
            0 => Ok(()),
            1 => stream.write_all(b"GET /api/v1/jobs HTTP/1.1\r\nhost: x\r\nx-half: "),
            _ => stream
                .write_all(
                    b"POST /api/v1/jobs HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n",
                )
                .and_then(|()| stream.write_all(&[b'x'; 100_000])),
        };
        let until = Instant::now() + Duration::from_millis(500);
        while Instant::now() < until && !stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
        }
    }
}
