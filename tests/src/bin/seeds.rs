//! Runs the seeded simulation of the whole host: `seeds --count N [--from S] [--coverage] [--bug NAME]`. Ends with `N seeds, M failed`; before
//! that, with `--coverage`, how often each kind of event, command and refusal was seen. With `--bug`, of a host
//! that has it: see `seeds::Bug`.

use std::process::ExitCode;

use jobyard_tests::seeds;

/// Failures that are printed in full.
const SHOWN: usize = 3;

fn main() -> ExitCode {
    let (mut count, mut from, mut coverage) = (1_000, 0, false);
    let mut bug = None;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--coverage" {
            coverage = true;
            continue;
        }
        if word == "--bug" {
            let name = words.next().unwrap_or_default();
            bug = seeds::BUGS
                .iter()
                .copied()
                .find(|bug| format!("{bug:?}") == name);
            if bug.is_some() {
                continue;
            }
            let known: Vec<String> = seeds::BUGS.iter().map(|bug| format!("{bug:?}")).collect();
            eprintln!("--bug {name}: there are: {}", known.join(", "));
            return ExitCode::from(2);
        }
        let number = words.next().and_then(|number| number.parse::<u64>().ok());
        match (word.as_str(), number) {
            ("--count", Some(number)) => count = number,
            ("--from", Some(number)) => from = number,
            _ => {
                eprintln!(
                    "{word}: usage: seeds [--count N] [--from SEED] [--coverage] [--bug NAME]"
                );
                return ExitCode::from(2);
            }
        }
    }
    let mut failed = 0;
    let mut sum = seeds::Summary::default();
    for seed in from..from.saturating_add(count) {
        match seeds::run(seed, bug) {
            Ok(summary) => {
                sum.events += summary.events;
                sum.crashes += summary.crashes;
                sum.attempts += summary.attempts;
                sum.acknowledged += summary.acknowledged;
                sum.coverage.add(&summary.coverage);
            }
            Err(failure) => {
                failed += 1;
                if failed <= SHOWN {
                    print!("{failure}");
                }
            }
        }
    }
    if coverage {
        print!("{}", sum.coverage);
    }
    println!(
        "{} events, {} crashes of the host, {} attempts, {} commands acknowledged",
        sum.events, sum.crashes, sum.attempts, sum.acknowledged
    );
    println!("{count} seeds, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
