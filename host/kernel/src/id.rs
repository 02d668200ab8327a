//! Names of things: small numbers that are never reused.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        #[repr(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A job, from 1 in the order in which jobs were added.
    JobId
}
id! {
    /// A task in its job, from 1 in the order in which tasks were added.
    TaskId
}
id! {
    /// A node, in the order of the site's list.
    NodeId
}
id! {
    /// A set of candidate nodes; 0 is every node.
    SetId
}

/// One instance of one task: `instance` is 0 for a basic task, from 1 for a sweep's, and counts the nodes that were
/// prepared or released for tasks of those types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceId {
    /// The job.
    pub job: JobId,
    /// The task in the job.
    pub task: TaskId,
    /// The instance of the task.
    pub instance: u32,
}

/// One attempt to run one instance. A report about any but the latest attempt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Execution {
    /// The job.
    pub job: JobId,
    /// The task in the job.
    pub task: TaskId,
    /// The instance of the task, see [`InstanceId`].
    pub instance: u32,
    /// From 1.
    pub attempt: u32,
}

impl Execution {
    /// What this is an attempt of.
    pub fn of(&self) -> InstanceId {
        InstanceId {
            job: self.job,
            task: self.task,
            instance: self.instance,
        }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instance {
            0 => write!(f, "{}.{}", self.job, self.task),
            n => write!(f, "{}.{}.{n}", self.job, self.task),
        }
    }
}

impl fmt::Display for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (attempt {})", self.of(), self.attempt)
    }
}
