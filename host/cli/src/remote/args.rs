//! The arguments of verbs that talk to a daemon.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};
use jobyard::jobfile::parse_span;

use crate::args::{Data, Format};

/// `jobyard job`.
#[derive(Debug, Args)]
pub(crate) struct Job {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(subcommand)]
    pub(crate) verb: JobVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobVerb {
    /// Add a job and submit it; or submit jobs that were added before
    Submit(Submit),
    /// Add a job without submitting it
    Add(Add),
    /// List jobs: those that have not ended, unless --all or --state says otherwise
    List(List),
    /// Show a job and its tasks
    View(One),
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
    /// Add a copy of a job
    Clone(One),
    /// Take a job away that was never submitted
    Delete(Delete),
    /// Print what tasks wrote
    Output(Output),
}

/// What to print.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
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
pub(crate) struct Add {
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
    #[arg(long, value_name = "DIR")]
    pub(crate) chdir: Option<PathBuf>,
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
pub(crate) struct Delete {
    /// The job's id
    #[arg(value_name = "JOB")]
    pub(crate) id: u32,
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

/// `jobyard task`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(subcommand)]
    pub(crate) verb: TaskVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskVerb {
    /// List the tasks of a job
    List(One),
    /// Show a task, and which of its instances run where
    View(OneTask),
    /// Cancel a task, or one instance of it
    Cancel(CancelTask),
    /// End a running task as if it had finished
    Finish(OneTask),
    /// Run a task again, or one instance of it
    Requeue(OneTask),
}

#[derive(Debug, Args)]
pub(crate) struct OneTask {
    /// JOB.TASK, or JOB.TASK.INSTANCE
    #[arg(value_name = "ID")]
    pub(crate) id: Id,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct CancelTask {
    #[command(flatten)]
    pub(crate) task: OneTask,
    /// Why: at most 320 characters; kept with the task
    #[arg(long, short, value_name = "TEXT", default_value = "")]
    pub(crate) message: String,
    /// No grace period
    #[arg(long)]
    pub(crate) force: bool,
}

/// `jobyard node`.
#[derive(Debug, Args)]
pub(crate) struct Node {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(subcommand)]
    pub(crate) verb: NodeVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeVerb {
    /// List the nodes
    List(Show),
    /// Give nodes jobs again
    Online(NodeNames),
    /// Give nodes no jobs; running tasks may end there
    Offline(NodeNames),
    /// Give nodes no new jobs
    Drain(NodeNames),
}

#[derive(Debug, Args)]
pub(crate) struct NodeNames {
    /// The nodes
    #[arg(value_name = "NODE", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// `jobyard param`.
#[derive(Debug, Args)]
pub(crate) struct Param {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(subcommand)]
    pub(crate) verb: ParamVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ParamVerb {
    /// List the cluster parameters
    List(Show),
    /// Print the value of one
    Get(ParamGet),
    /// Set one
    Set(ParamSet),
    /// Set one to its default
    Reset(ParamGet),
}

#[derive(Debug, Args)]
pub(crate) struct ParamGet {
    /// Its name, in any case
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct ParamSet {
    /// Its name, in any case
    pub(crate) name: String,
    /// Its value
    pub(crate) value: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// A job, a task of it, or one instance of that, as `7`, `7.2` or `7.2.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) job: u32,
    pub(crate) task: Option<u32>,
    pub(crate) instance: Option<u32>,
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Id, String> {
        let numbers: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[job]) => Ok(Id {
                job,
                task: None,
                instance: None,
            }),
            Ok(&[job, task]) => Ok(Id {
                job,
                task: Some(task),
                instance: None,
            }),
            Ok(&[job, task, instance]) => Ok(Id {
                job,
                task: Some(task),
                instance: Some(instance),
            }),
            Ok(_) | Err(_) => Err("an id is JOB, JOB.TASK or JOB.TASK.INSTANCE, as 7.2.5".into()),
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let span = parse_span(text).map_err(|error| error.to_string())?;
    let span = span.ok_or_else(|| "leave it out to wait for ever".to_string())?;
    Ok(Duration::from_micros(span.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_to_three_numbers() {
        let id = |text: &str| {
            text.parse::<Id>()
                .map(|id| (id.job, id.task, id.instance))
                .ok()
        };
        assert_eq!(id("7"), Some((7, None, None)));
        assert_eq!(id("7.2"), Some((7, Some(2), None)));
        assert_eq!(id("7.2.5"), Some((7, Some(2), Some(5))));
        for bad in ["", "7.", ".7", "7.2.5.1", "7.x", "-1", "4294967296"] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }
}
