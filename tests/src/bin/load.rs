//! `load [--clients N] [--seconds N] [--queued N] [--rest-ms N]`: what `jobyard_tests::load` says, 200 clients for 60 s on 100,000 queued jobs
//! where nothing else is said. Fails on a fault of the server, and where reads take 50 ms longer than a handler that does nothing.

use std::process::ExitCode;
use std::time::Duration;

use jobyard_tests::load::{Load, run};

/// What p99 of reads may be above that of the empty handler.
const ABOVE_MAX: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let mut load = Load {
        clients: 200,
        seconds: 60,
        queued: 100_000,
        rest_ms: 0,
    };
    let words: Vec<String> = std::env::args().skip(1).collect();
    for pair in words.chunks(2) {
        let number = pair.get(1).and_then(|text| text.parse::<u32>().ok());
        match (pair[0].as_str(), number) {
            ("--clients", Some(n)) => load.clients = n.into(),
            ("--seconds", Some(n)) => load.seconds = n.into(),
            ("--queued", Some(n)) => load.queued = n,
            ("--rest-ms", Some(n)) => load.rest_ms = n.into(),
            _ => {
                eprintln!(
                    "{}: usage: load [--clients N] [--seconds N] [--queued N] [--rest-ms N]",
                    words.join(" ")
                );
                return ExitCode::from(2);
            }
        }
    }
    let outcome = run(load);
    println!("{outcome}");
    let above = outcome.p99("read").saturating_sub(outcome.p99("empty"));
    println!(
        "reads are {:.1} ms above the empty handler at p99; {} faults",
        above.as_secs_f64() * 1e3,
        outcome.faults()
    );
    ExitCode::from(u8::from(above > ABOVE_MAX || outcome.faults() > 0))
}
