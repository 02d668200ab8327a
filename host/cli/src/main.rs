//! The `jobyard` command line: reads arguments and files, calls the engine, the simulator or a daemon, prints.
//!
//! What it is not: a place for rules. The exit codes are in `args::AFTER_HELP`.

mod allocator;
mod args;
mod config;
mod describe;
mod failure;
mod filters;
mod folders;
mod journal;
mod node_process;
mod plugin;
mod policy;
mod remote;
mod run;
mod serve;
mod signals;
mod simulate;
mod table;
mod top;
mod user;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Arguments, ConfigVerb, Verb};
use crate::failure::Failure;
use crate::policy::args::PolicyVerb;

fn main() -> ExitCode {
    allocator::keep_free_memory();
    // A reader that goes away, as in `jobyard … | head`, ends us quietly, as it ends other programs.
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => match usage(&error) {
            Some(failure) => return end(&failure),
            None => error.exit(),
        },
    };
    let result = match arguments.verb {
        Verb::Run(run) => run::main(run, &arguments.common),
        Verb::Simulate(simulate) => simulate::main(simulate, &arguments.common),
        Verb::Policy(policy) => match policy.verb {
            PolicyVerb::Check(check) => {
                policy::check::main(check, &policy.daemon, &arguments.common)
            }
            PolicyVerb::Simulate(simulate) => {
                policy::simulate::main(&simulate, &policy.daemon, &arguments.common)
            }
            PolicyVerb::Inspect(inspect) => {
                policy::inspect(&inspect, &policy.daemon, &arguments.common)
            }
            PolicyVerb::Remote(verb) => {
                let run = remote::policy::run(verb, &arguments.common);
                remote::main(&policy.daemon, run)
            }
            PolicyVerb::Compose(compose) => policy::compose::main(&compose),
        },
        Verb::Serve(serve) => serve::main(serve, arguments.common),
        Verb::Config(config) => match config.verb {
            ConfigVerb::Check(check) => config::check::main(check, arguments.common),
        },
        Verb::Job(job) => remote::main(&job.daemon, remote::job::run(job.verb, &arguments.common)),
        Verb::Task(task) => remote::main(&task.daemon, remote::task::run(task.verb)),
        Verb::Node(node) => remote::main(&node.daemon, remote::node::run(node.verb)),
        Verb::Template(all) => remote::main(&all.daemon, remote::template::run(all.verb)),
        Verb::Env(env) => remote::main(&env.daemon, remote::env::run(env.verb)),
        Verb::Filter(all) => remote::main(&all.daemon, remote::filter::run(all.verb)),
        Verb::Plugin(plugins) => plugin::main(plugins, &arguments.common),
        Verb::Top(mut top) => {
            let daemon = std::mem::take(&mut top.daemon);
            remote::main(&daemon, top::run(top))
        }
        Verb::Completions(completions) => describe::completions(completions.shell),
        Verb::Man(pages) => describe::man(&pages.folder),
        Verb::Journal(journal) => journal::main(&journal),
        Verb::NodeProcess(node) => node_process::main(&node, &arguments.common),
        Verb::User(user) => user::main(user),
        Verb::Param(param) => remote::main(&param.daemon, remote::param::run(param.verb)),
    };
    match result {
        Ok(code) => code,
        Err(failure) => end(&failure),
    }
}

fn end(failure: &Failure) -> ExitCode {
    eprintln!("jobyard: {failure}");
    ExitCode::from(failure.exit_code())
}

/// What is wrong with the arguments, on one line as everything else; none for help and the version, which are no errors.
fn usage(error: &clap::Error) -> Option<Failure> {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return None;
    }
    let text = error.render().to_string();
    let said = text.lines().take_while(|line| !line.starts_with("Usage:"));
    let said = said.filter(|line| !line.starts_with("For more information"));
    let said: Vec<&str> = said
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let said = said.join("; ").replace(":; ", ": ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    Some(Failure::Input(format!("{said}; see --help")))
}
