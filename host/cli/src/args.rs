//! The arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::plugin::args::Plugins;
use crate::policy::args::Policy;
use crate::remote::args as remote;
use crate::top::args::Top;
use crate::user::args::User;

/// What the help says last.
const AFTER_HELP: &str = "\
Exit codes:
  0    done; of `run` and `job wait`: all of them finished
  1    the work failed: a job failed or was canceled, a check found something, or something went wrong on the way
  2    refused: arguments, a file or a request cannot be used, or no daemon answers; nothing was begun
  3    a wait was over before the job
  130  ended by Ctrl-C
  143  ended by SIGTERM

Environment:
  JOBYARD_DATA    the data folder of the daemon, as --data
  JOBYARD_CONFIG  the configuration that names it, as --config
  JOBYARD_SERVER  the address of the daemon, as --server
  JOBYARD_TOKEN   the token that says who is asking there
  JOBYARD_CA      the certificates that are trusted, as --ca
  NO_COLOR        no colours, whatever the terminal shows

Where several things are asked for and some are refused, the others are done, and the exit code is that of the last refusal.";

/// A job scheduler whose brains are WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "jobyard", version, about, disable_help_subcommand = true, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What all verbs take.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Keep compiled components here [default: the user's cache folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a job on this machine's cores, and wait for it
    Run(Run),
    /// Run a workload trace through a policy in virtual time, and print the metrics of the field
    Simulate(Simulate),
    /// Stay up: keep jobs, run them on this machine, and answer on a socket in the data folder
    Serve(Serve),
    /// The configuration of such a daemon: check it
    Config(Config),
    /// Jobs of a `jobyard serve`: make, submit, list, view, wait for, cancel …
    Job(remote::Job),
    /// Tasks of such a job
    Task(remote::Task),
    /// Its nodes: list, view, take offline and online
    Node(remote::Node),
    /// Its job templates
    Template(remote::Template),
    /// The environment that it gives to every task
    Env(remote::Env),
    /// Its cluster parameters
    Param(remote::Param),
    /// Who may use it over the network: add, list, change and remove users, and make tokens for them
    User(User),
    /// Policies: look at them, compose, check and simulate them; load, put in force, shadow and try them on a daemon
    Policy(Policy),
    /// Job filters of a daemon: what they are asked, and what they said
    Filter(remote::Filter),
    /// Components of every kind: list, inspect, check
    Plugin(Plugins),
    /// Watch a daemon: nodes, what runs, what waits and why
    Top(Top),
    /// The journal in a data folder: show its events, check it, make it small
    Journal(Journal),
    /// Print a script that completes the words of this program in a shell
    Completions(Completions),
    /// Write the man pages
    Man(ManPages),
    /// Be the node process of a data folder: `jobyard serve` starts one, and finds it again
    #[command(hide = true)]
    NodeProcess(NodeProcess),
}

/// `jobyard completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// `jobyard man`.
#[derive(Debug, Args)]
pub(crate) struct ManPages {
    /// Where they go; it is made where it is not there
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `jobyard node-process`.
#[derive(Debug, Args)]
pub(crate) struct NodeProcess {
    /// The data folder of the daemon that it works for
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
}

/// Which policy decides.
#[derive(Debug, Default, Args)]
pub(crate) struct PolicyArgs {
    /// The policy: a built-in one by name (backfill, conservative, fifo), the file of a component, or a ranked policy and a ranker: ranked+fairshare
    /// [default: backfill; of a daemon, without --set, the one that was in force when it ended]
    #[arg(long, value_name = "NAME|FILE.wasm|POLICY+RANKER")]
    pub(crate) policy: Option<String>,
    /// A setting of the policy; may be given again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
}

/// Which daemon.
#[derive(Debug, Default, Args)]
pub(crate) struct Data {
    /// The daemon's data folder [default: the user's state folder]
    #[arg(long, global = true, value_name = "DIR", env = "JOBYARD_DATA")]
    pub(crate) data: Option<PathBuf>,
}

/// `jobyard config`.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Say whether a daemon could be started with a configuration; nothing is started
    Check(ConfigCheck),
}

/// `jobyard config check`.
#[derive(Debug, Args)]
pub(crate) struct ConfigCheck {
    /// The file
    #[arg(long, value_name = "FILE.toml", env = "JOBYARD_CONFIG")]
    pub(crate) config: PathBuf,
}

/// `jobyard serve`.
#[derive(Debug, Default, Args)]
pub(crate) struct Serve {
    /// Read the rest from this file, where options say nothing; examples/jobyard.toml explains it. SIGHUP reads it again
    #[arg(long, value_name = "FILE.toml", env = "JOBYARD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: Data,
    /// Let this group's members use the daemon; their tasks run as the daemon's user
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Let this group's members see, cancel, finish and requeue anybody's jobs (JobOperator)
    #[arg(long, value_name = "NAME")]
    pub(crate) operators: Option<String>,
    /// Listen for HTTPS there too; `off`: on the socket only [default: 127.0.0.1:8443]
    #[arg(long, value_name = "HOST:PORT", value_parser = crate::config::http::address)]
    pub(crate) listen: Option<String>,
    /// Let root's tasks run as root, where the daemon is root's: it runs tasks as their owners, and root's as nobody otherwise
    #[arg(long)]
    pub(crate) root_tasks: bool,
    /// Cores to use [default: all that this process may use]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) cores: Option<u32>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
}

/// Which job filters look at jobs.
#[derive(Debug, Default, Args)]
pub(crate) struct FilterArgs {
    /// A job filter for all jobs: a built-in one by name (filter-licences), or the file of a component, which gives it its name; may be given again:
    /// they are asked in this order
    #[arg(long = "filter", value_name = "NAME|FILE.wasm")]
    pub(crate) filters: Vec<PathBuf>,
    /// A setting of a filter; may be given again
    #[arg(long = "filter-set", value_name = "FILTER.NAME=VALUE", value_parser = setting)]
    pub(crate) filter_settings: Vec<(String, String)>,
}

/// `jobyard journal`.
#[derive(Debug, Args)]
pub(crate) struct Journal {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(subcommand)]
    pub(crate) verb: JournalVerb,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum JournalVerb {
    /// Print every event as a line of JSON; the journal may be in use
    Dump,
    /// Check all of it: checksums, numbers, that a replay gives the snapshots, history; it may be in use
    Verify,
    /// Drop the events that a snapshot covers, and give the space back; no daemon may run on it
    Compact,
}

/// `jobyard run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The job: a file in TOML, JSON or HPC Pack job XML
    #[arg(
        value_name = "JOBFILE",
        required_unless_present = "command",
        conflicts_with = "command"
    )]
    pub(crate) file: Option<PathBuf>,
    /// Or a command and its arguments, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Cores to use [default: all that this process may use]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) cores: Option<u32>,
    /// Where captured output goes [default: a new folder in the user's state folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

/// `jobyard simulate`.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The trace: a file in the Standard Workload Format, plain or gzip
    #[arg(value_name = "TRACE.swf[.gz]")]
    pub(crate) trace: PathBuf,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// What the policy is told of how long a job will run
    #[arg(long, value_enum, default_value_t = Estimate::Requested)]
    pub(crate) estimate: Estimate,
    /// Processors of the machine [default: MaxProcs of the trace]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) procs: Option<u32>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Also draw queue length, utilisation and wait times
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One JSON object
    Json,
    /// A header and one line a row, with commas between (RFC 4180)
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Estimate {
    /// What its user asked for
    Requested,
    /// How long it did run
    Actual,
}

pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        _ => Err("a setting is NAME=VALUE, as in order=sjbf".to_string()),
    }
}
