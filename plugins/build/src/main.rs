//! `cargo plugins`: builds the components that the host embeds, and checks that the committed ones match their sources.
//!
//! Plain `cargo build`, `run` and `test` never need the wasm target: the components are committed. Only who changes
//! one runs this. Not part of the host.

#[cfg(feature = "bindings")]
mod bindings;
#[cfg(feature = "bindings")]
mod bindings_c;
mod build;
mod check;
mod component;
mod digest;
mod examples;
mod records;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo plugins [COMMAND]

  build               build all components into plugins/builtin/ (the default)
  check               fail if a committed component is missing or older than its sources
  verify              build all again, in a temporary place, and compare
  examples            build the examples in C and JavaScript, and put them beside their sources; installs tools
  bindings [--check]  write (or compare) the sdk's and the C example's bindings from wit/; needs the feature `bindings`:
                      cargo run -p jobyard-plugins --features bindings -- bindings";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = &root();
    match arguments[..] {
        [] | ["build"] => build::build(root),
        ["check"] => check::check(root),
        ["verify"] => check::verify(root),
        ["examples"] => examples::build(root),
        ["bindings"] => generate(root, false),
        ["bindings", "--check"] => generate(root, true),
        ["--help" | "-h" | "help"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("`{}` is not a command\n\n{USAGE}", arguments.join(" ")),
    }
}

#[cfg(feature = "bindings")]
fn generate(root: &Path, check: bool) -> Result<()> {
    bindings::generate(root, check)?;
    bindings_c::generate(root, check)
}

#[cfg(not(feature = "bindings"))]
fn generate(_: &Path, check: bool) -> Result<()> {
    let check = if check { " --check" } else { "" };
    bail!(
        "the binding generator is not built in: run \
         `cargo run -p jobyard-plugins --features bindings -- bindings{check}`"
    )
}

/// The repository: two folders above this package.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
