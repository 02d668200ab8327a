//! The arguments of verbs that talk to a daemon.

mod cluster;
mod job;
mod policy;
mod task;

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::args::{Data, Format};

pub(crate) use cluster::*;
pub(crate) use job::*;
pub(crate) use policy::*;
pub(crate) use task::*;

/// Which daemon, and how to come to it.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The daemon")]
pub(crate) struct Daemon {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Find the data folder in this configuration, where --data says nothing
    #[arg(long, global = true, value_name = "FILE.toml", env = "JOBYARD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Talk to the daemon at this address, https://HOST:PORT, and not by the socket in its data folder; with the token of --token-file or of the
    /// variable JOBYARD_TOKEN
    #[arg(long, global = true, value_name = "URL", env = "JOBYARD_SERVER")]
    pub(crate) server: Option<String>,
    /// With the token in this file, which nobody else may read
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Trust these certificates, and no others [default: the one that a daemon on this machine made for itself]
    #[arg(long, global = true, value_name = "FILE.pem", env = "JOBYARD_CA")]
    pub(crate) ca: Option<PathBuf>,
}

/// What to print.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Show {
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Only the ids or names, one a line: for scripts
    #[arg(long, short, conflicts_with = "format")]
    quiet: bool,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Table,
    /// JSON.
    Json,
    /// Rows with commas.
    Csv,
    /// What things are called, one a line.
    Ids,
}

impl Show {
    pub(crate) fn form(&self) -> Form {
        match (self.quiet, self.format) {
            (true, _) => Form::Ids,
            (false, Format::Table) => Form::Table,
            (false, Format::Json) => Form::Json,
            (false, Format::Csv) => Form::Csv,
        }
    }
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
