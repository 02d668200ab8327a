//! The arguments of verbs that talk to a daemon.

mod cluster;
mod job;
mod policy;
mod task;

use std::str::FromStr;

use clap::{Args, ValueEnum};

pub(crate) use cluster::*;
pub(crate) use job::*;
pub(crate) use policy::*;
pub(crate) use task::*;

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
