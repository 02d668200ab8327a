//! Kills a daemon under load again and again: `kills --count N`. Ends with `N kills, M failed`: rounds of at most 50 kills are checked
//! each by itself, and all kills of a round that fails count.

use std::process::{Command, ExitCode};

use jobyard_tests::kills;

const ROUND: u32 = 50;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let count = match &words[..] {
        [] => Some(ROUND),
        [word, number] if word == "--count" => number.parse().ok(),
        _ => None,
    };
    let Some(count) = count else {
        eprintln!("{}: usage: kills [--count N]", words.join(" "));
        return ExitCode::from(2);
    };
    if let Err(error) = build() {
        eprintln!("{error}");
        return ExitCode::from(2);
    }
    let (mut left, mut failed) = (count, 0);
    while left > 0 {
        let kills = left.min(ROUND);
        left -= kills;
        match kills::timed(kills, 10) {
            (Ok(summary), took) => println!("{summary}, in {:.1} s", took.as_secs_f64()),
            (Err(error), _) => {
                failed += kills;
                println!("FAILED: {error}");
            }
        }
    }
    println!("{count} kills, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

/// Sees to it that the `jobyard` beside this program is that of the same sources, where cargo started this program.
fn build() -> Result<(), String> {
    let Some(cargo) = std::env::var_os("CARGO") else {
        return Ok(());
    };
    let profile: &[&str] = match cfg!(debug_assertions) {
        true => &[],
        false => &["--release"],
    };
    let mut command = Command::new(cargo);
    command
        .current_dir(jobyard_tests::root())
        .args(["build", "--quiet", "--bin", "jobyard"])
        .args(profile);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo cannot build jobyard: {status}")),
        Err(error) => Err(format!("cargo does not start: {error}")),
    }
}
