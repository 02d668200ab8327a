//! From the shell's point of view: how long `jobyard run -- true` takes when the compiled components are in the cache,
//! beside a bare `/bin/true`: `cargo bench --bench cold_start`.
//!
//! Builds the binary first, with the profile of the benches. Wall time, from spawn to exit.

#[path = "measure/mod.rs"]
mod measure;

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use jobyard_tests::{Place, binary, root};

use crate::measure::{median, take_turns};

const ROUNDS: usize = 20;

fn main() {
    build();
    let place = Place::new();
    let jobyard = || {
        let mut command = Command::new(binary());
        command
            .current_dir(place.path())
            .env("XDG_STATE_HOME", place.path().join("state"));
        command
            .arg("--cache")
            .arg(place.path().join("code"))
            .args(["run", "--", "true"]);
        command
    };
    // The first one compiles.
    let compiling = milliseconds(&mut jobyard());
    let (bare, cold) = take_turns(
        ROUNDS,
        || milliseconds(&mut Command::new("/bin/true")),
        || milliseconds(&mut jobyard()),
    );
    println!("from spawn to exit in ms, medians of {ROUNDS} rounds; bar: 150 ms with a warm cache");
    println!("{:<42} {:>8.2}", "/bin/true", median(bare));
    println!("{:<42} {:>8.2}", "jobyard run -- true", median(cold));
    println!(
        "{:<42} {compiling:>8.2}",
        "the same, once, without compiled code"
    );
}

/// The workspace's own selection of features, so that nothing but the binary has to be built.
fn build() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root())
        .args(["build", "--quiet", "--release", "--bin", "jobyard"]);
    assert!(
        command.status().expect("cargo runs").success(),
        "the binary does not build"
    );
}

fn milliseconds(command: &mut Command) -> f64 {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let status = command.status().expect("the program starts");
    let took = began.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    took.as_secs_f64() * 1e3
}
