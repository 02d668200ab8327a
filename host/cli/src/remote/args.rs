//! The arguments of verbs that talk to a daemon.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jobyard::jobfile::parse_span;

use super::options::{JobOptions, TaskOptions, moment, pair};
use crate::args::Data;

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
    Submit(Box<Submit>),
    /// Add a job without submitting it
    #[command(alias = "new")]
    Add(Box<Add>),
    /// Change what a job asks for
    Modify(Box<Modify>),
    /// List jobs, newest first: those that have not ended, unless --all or --state says otherwise
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

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One JSON object
    Json,
    /// Lines with commas between the columns of the table
    Csv,
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
    /// Add tasks to a job: a command, or a job file that has nothing but tasks
    Add(Box<AddTasks>),
    /// Change a task that is being configured
    Modify(Box<ModifyTask>),
    /// Submit a task that is being configured in a job that is in the queue or runs
    Submit(OneTask),
    /// Take a task of such a job back to be edited
    Configure(OneTask),
    /// Start no more instances of a service
    Conclude(Conclude),
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

#[derive(Debug, Args)]
pub(crate) struct AddTasks {
    /// The job's id
    #[arg(value_name = "JOB")]
    pub(crate) id: u32,
    /// The tasks: a file in TOML, JSON or HPC Pack job XML; `-` is standard input
    #[arg(value_name = "TASKFILE", conflicts_with = "command")]
    pub(crate) file: Option<PathBuf>,
    /// Or a command and its arguments, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    /// Where tasks run that say nothing of it [default: the current folder]
    #[arg(long, alias = "workdir", value_name = "DIR")]
    pub(crate) chdir: Option<PathBuf>,
    /// Do not submit them: they run only when `jobyard task submit` says so
    #[arg(long)]
    pub(crate) draft: bool,
    #[command(flatten)]
    pub(crate) task: TaskOptions,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct ModifyTask {
    #[command(flatten)]
    pub(crate) task: OneTask,
    #[command(flatten)]
    pub(crate) options: TaskOptions,
    /// Another command and its arguments, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    /// Where it runs
    #[arg(long, alias = "workdir", value_name = "DIR")]
    pub(crate) chdir: Option<PathBuf>,
    /// Take a property back to its default, by its name in job files
    #[arg(long, value_name = "PROPERTY")]
    pub(crate) unset: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Conclude {
    #[command(flatten)]
    pub(crate) task: OneTask,
    /// Stop those that run too
    #[arg(long)]
    pub(crate) stop: bool,
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
    /// List the node groups
    Groups(Show),
    /// Say which groups a node is in, in place of those before
    SetGroups(SetGroups),
}

#[derive(Debug, Args)]
pub(crate) struct NodeNames {
    /// The nodes
    #[arg(value_name = "NODE", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct SetGroups {
    /// The node
    #[arg(value_name = "NODE")]
    pub(crate) node: String,
    /// All groups that it shall be in; none for none
    #[arg(value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// `jobyard template`.
#[derive(Debug, Args)]
pub(crate) struct Template {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(subcommand)]
    pub(crate) verb: TemplateVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TemplateVerb {
    /// List the job templates
    List(Show),
    /// Print one, as a file that can be set again
    View(TemplateName),
    /// Add one, or replace the one of that name
    Set(TemplateSet),
    /// Take one away that no job needs
    Delete(TemplateName),
}

#[derive(Debug, Args)]
pub(crate) struct TemplateName {
    /// Its name, in any case
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct TemplateSet {
    /// Its name
    pub(crate) name: String,
    /// What it says: a file in TOML, or in JSON (.json); `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// `jobyard env`.
#[derive(Debug, Args)]
pub(crate) struct Env {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(subcommand)]
    pub(crate) verb: EnvVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvVerb {
    /// List the variables that every task gets
    List(Show),
    /// Set some
    Set(EnvSet),
    /// Do not set them any more
    Unset(EnvUnset),
}

#[derive(Debug, Args)]
pub(crate) struct EnvSet {
    /// The variables
    #[arg(value_name = "NAME=VALUE", required = true, value_parser = pair)]
    pub(crate) variables: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct EnvUnset {
    /// Their names
    #[arg(value_name = "NAME", required = true)]
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
