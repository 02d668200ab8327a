//! `jobyard task`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::super::options::TaskOptions;
use super::{Daemon, Id, One, Show};

/// `jobyard task`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    #[command(flatten)]
    pub(crate) daemon: Daemon,
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
