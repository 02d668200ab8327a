//! `jobyard job`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jobyard::jobfile::parse_span;

use super::super::options::{JobOptions, TaskOptions, moment};
use super::{AddTasks, Daemon, Id, PolicyExplain, Show};

/// `jobyard job`.
#[derive(Debug, Args)]
pub(crate) struct Job {
    #[command(flatten)]
    pub(crate) daemon: Daemon,
    #[command(subcommand)]
    pub(crate) verb: JobVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobVerb {
    /// Add a job and submit it; or submit jobs that were added before
    Submit(Box<Submit>),
    /// Make a job without submitting it: with the tasks of a file, with a command, or with none yet
    New(Box<New>),
    /// Add tasks to a job: a command, or a job file that has nothing but tasks. The same as `jobyard task add`
    Add(Box<AddTasks>),
    /// Change what a job asks for
    Modify(Box<Modify>),
    /// List jobs, newest first: those that have not ended, unless --all or --state says otherwise
    List(List),
    /// Show a job and its tasks
    View(One),
    /// Say where a job stands in the queue, who has what it needs, when it will start, and what would make it start sooner. The same as
    /// `jobyard policy explain`
    Explain(PolicyExplain),
    /// Wait until jobs have ended: exit code 0 only if all of them finished
    Wait(Wait),
    /// Cancel jobs: what runs is asked to end, and killed after the grace period
    Cancel(Cancel),
    /// End jobs as if they had finished
    Finish(Finish),
    /// Queue jobs again
    Requeue(Many),
    /// Take jobs out of the queue, or ended ones up again, to edit and submit them
    Configure(Many),
    /// Do not start a job before a time; or, with --clear, let it start again
    Hold(Hold),
    /// Let held jobs start again
    Release(Many),
    /// Add a copy of a job
    Clone(One),
    /// Print a job as a job file, to keep or to submit again
    Export(Export),
    /// Take jobs away that were never submitted
    Delete(Ids),
    /// Forget ended jobs before their time: for administrators
    Purge(Purge),
    /// Print what tasks wrote
    Output(Output),
}

#[derive(Debug, Args)]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// In place of a new job: submit this one, which was added before; may be given again
    #[arg(long = "id", value_name = "JOB", conflicts_with_all = ["file", "command", "chdir"])]
    pub(crate) ids: Vec<u32>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct New {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// A new job.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// The job: a file in TOML, JSON or HPC Pack job XML; `-` is standard input
    #[arg(value_name = "JOBFILE", conflicts_with = "command")]
    pub(crate) file: Option<PathBuf>,
    /// Or a command and its arguments, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    /// Where tasks run that say nothing of it [default: the current folder]
    #[arg(long, alias = "workdir", value_name = "DIR")]
    pub(crate) chdir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: JobOptions,
    #[command(flatten)]
    pub(crate) task: TaskOptions,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Ended ones too
    #[arg(long, conflicts_with = "state")]
    pub(crate) all: bool,
    /// Those in one of these states, as Queued,Running
    #[arg(long, value_name = "STATES")]
    pub(crate) state: Option<String>,
    /// Those of this owner
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,
    /// Those of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Those that were added, submitted, started or ended since then, as 2027-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<String>,
    /// Those that ended before then; with --since, from then up to here
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) ended_before: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The job's id
    #[arg(value_name = "JOB")]
    pub(crate) id: u32,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Many {
    /// The jobs' ids
    #[arg(value_name = "JOB", required = true)]
    pub(crate) ids: Vec<u32>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    #[command(flatten)]
    pub(crate) jobs: Many,
    /// No longer than this, as 90s or 2h: exit code 3 if a job has not ended by then
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(crate) jobs: Many,
    /// Why: at most 320 characters; becomes the job's error message
    #[arg(long, short, value_name = "TEXT", default_value = "")]
    pub(crate) message: String,
    /// No grace period, no node release
    #[arg(long)]
    pub(crate) force: bool,
    /// Let what runs run to its end, and start nothing new
    #[arg(long, conflicts_with = "force")]
    pub(crate) graceful: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Finish {
    #[command(flatten)]
    pub(crate) jobs: Many,
    /// Why: at most 320 characters; becomes the job's error message
    #[arg(long, short, value_name = "TEXT", default_value = "")]
    pub(crate) message: String,
    /// Let what runs run to its end, and start nothing new
    #[arg(long)]
    pub(crate) graceful: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Hold {
    #[command(flatten)]
    pub(crate) job: One,
    /// Until then, as 2027-01-31T08:00:00Z
    #[arg(
        long,
        value_name = "TIME",
        required_unless_present = "clear",
        conflicts_with = "clear"
    )]
    pub(crate) until: Option<String>,
    /// Not any more
    #[arg(long)]
    pub(crate) clear: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Modify {
    #[command(flatten)]
    pub(crate) job: One,
    #[command(flatten)]
    pub(crate) options: JobOptions,
    /// Take a property back to what it is where nobody gives it, by its name in job files; or a variable, as environment.NAME
    #[arg(long, value_name = "PROPERTY")]
    pub(crate) unset: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The job's id
    #[arg(value_name = "JOB")]
    pub(crate) id: u32,
    /// In which language
    #[arg(long, value_enum, default_value_t = FileFormat::Toml)]
    pub(crate) format: FileFormat,
}

/// The languages of job files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// As the examples have it
    Toml,
    /// With the keys of TOML
    Json,
    /// HPC Pack job XML
    Xml,
}

#[derive(Debug, Args)]
pub(crate) struct Ids {
    /// The jobs' ids
    #[arg(value_name = "JOB", required = true)]
    pub(crate) ids: Vec<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// The jobs' ids
    #[arg(
        value_name = "JOB",
        required_unless_present = "ended_before",
        conflicts_with = "ended_before"
    )]
    pub(crate) ids: Vec<u32>,
    /// Or all that ended before then, as 2027-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) ended_before: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Of which: JOB, JOB.TASK or JOB.TASK.INSTANCE
    #[arg(value_name = "ID")]
    pub(crate) id: Id,
    /// What was written to standard error, in place of standard output
    #[arg(long)]
    pub(crate) stderr: bool,
    /// Go on until the task has ended
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Of this attempt [default: the last]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempt: Option<u32>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let span = parse_span(text).map_err(|error| error.to_string())?;
    let span = span.ok_or_else(|| "leave it out to wait for ever".to_string())?;
    Ok(Duration::from_micros(span.0))
}
