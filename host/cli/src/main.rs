//! The `jobyard` command line: reads arguments and files, calls the engine and the simulator, prints.
//!
//! What it is not: a place for rules. Exit codes: 0 done, 1 the job failed or was canceled, 2 bad input, 130 and 143
//! after Ctrl-C and SIGTERM.

mod args;
mod failure;
mod folders;
mod policy;
mod run;
mod simulate;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Verb};

/// The kernel makes and drops many small things: this allocator does it in half the time of the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A reader that goes away, as in `jobyard … | head`, ends us quietly, as it ends other programs.
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let result = match arguments.verb {
        Verb::Run(run) => run::main(run, &arguments.common),
        Verb::Simulate(simulate) => simulate::main(simulate, &arguments.common),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("jobyard: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
