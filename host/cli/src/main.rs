//! The `jobyard` command line: reads arguments and files, calls the engine, the simulator or a daemon, prints.
//!
//! What it is not: a place for rules. Exit codes: 0 done, 1 the job failed or was canceled, 2 bad input or a refusal, 130 and 143
//! after Ctrl-C and SIGTERM; 3 a wait was over
//! before the job.

mod args;
mod failure;
mod filters;
mod folders;
mod journal;
mod node_process;
mod policy;
mod remote;
mod run;
mod serve;
mod simulate;
mod table;

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
        Verb::Serve(serve) => serve::main(serve, &arguments.common),
        Verb::Job(job) => remote::main(&job.data, remote::job::run(job.verb)),
        Verb::Task(task) => remote::main(&task.data, remote::task::run(task.verb)),
        Verb::Node(node) => remote::main(&node.data, remote::node::run(node.verb)),
        Verb::Journal(journal) => journal::main(&journal),
        Verb::NodeProcess(node) => node_process::main(&node, &arguments.common),
        Verb::Param(param) => remote::main(&param.data, remote::param::run(param.verb)),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("jobyard: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
