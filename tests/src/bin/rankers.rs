//! Compares the rankers that `plugins/examples/build.sh` built with the one in Rust.
//!
//! ```console
//! $ plugins/examples/build.sh
//! $ cargo run -p jobyard-tests --bin rankers -- target/examples
//! ```
//!
//! Prints a line for each `*.wasm` of the folder; the last line is `N passed, M failed`, and the exit code is 1 if any
//! failed or there was none.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jobyard_plugin::PluginHost;
use jobyard_tests::rankers::compare;

/// Of the log, in its order: enough for queues, and little enough for a Python in a debug build.
const JOBS: usize = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder] = &arguments[..] else {
        eprintln!("usage: rankers FOLDER");
        return ExitCode::from(2);
    };
    match run(folder) {
        Ok((passed, failed)) => {
            println!("{passed} passed, {failed} failed");
            ExitCode::from(u8::from(failed > 0 || passed == 0))
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(folder: &Path) -> Result<(u32, u32), String> {
    let host = PluginHost::new(Some(folder.join("compiled"))).map_err(|error| error.to_string())?;
    let (mut passed, mut failed) = (0, 0);
    for path in components(folder)? {
        let bytes = std::fs::read(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match compare(&host, &bytes, JOBS) {
            Ok(same) => {
                passed += 1;
                let (rust, other) = same.times;
                println!(
                    "{name}: {} bytes, decides as the one in Rust in {} queues and for {} jobs, in {other:.1?} against {rust:.1?}",
                    bytes.len(),
                    same.queues,
                    same.jobs
                );
            }
            Err(error) => {
                failed += 1;
                println!("{name}: {error}");
            }
        }
    }
    Ok((passed, failed))
}

fn components(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let cannot = |error| format!("cannot read {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|end| end == "wasm") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
