//! What a host tells a node and what a node reports: small serializable messages, idempotent per attempt.
//!
//! They may be sent twice, late or never. In process today; the same types go over a socket.

use serde::{Deserialize, Serialize};

use crate::Execution;

/// What kind of component does a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WorkKind {
    /// A task, by an executor.
    Execute,
    /// A node's preparation for a job, by a prepare task.
    Prepare,
    /// A node's clean-up after a job, by a release task.
    Release,
}

/// Part of one node, with the cores that the kernel picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkShare {
    /// The node's name.
    pub node: String,
    /// Core ids, ascending.
    pub cores: Vec<u32>,
    /// GPU ids, ascending.
    pub gpus: Vec<u32>,
}

/// One piece of work, complete: a node needs nothing else to do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Which attempt this is.
    pub execution: Execution,
    /// Whose job it is.
    pub owner: String,
    /// Which kind of component does it.
    pub kind: WorkKind,
    /// The component's name in the node's set of plugins, `command` unless the job says otherwise.
    pub plugin: String,
    /// For a shell of the node; `*` already replaced.
    pub command_line: String,
    /// Absolute, or empty for the node's default.
    pub working_folder: String,
    /// Path to read from, relative to the working folder.
    pub standard_input: Option<String>,
    /// Path to write to; captured by the node when none.
    pub standard_output: Option<String>,
    /// Path to write to; captured by the node when none.
    pub standard_error: Option<String>,
    /// Names and values, sorted by name. The node puts its own `PATH`, `HOME`, … below them.
    pub environment: Vec<(String, String)>,
    /// What the work may use; the first share is the node that does it.
    pub shares: Vec<WorkShare>,
    /// Whether the processes are pinned to the cores of their share (`AffinityType`).
    pub pinned: bool,
    /// What else the job says, by name.
    pub attributes: Vec<(String, String)>,
    /// Kill the work when it has run this long, in milliseconds; 0: no limit. Only releases have one: run-time limits
    /// of jobs and tasks are the kernel's.
    pub limit_ms: u64,
}

/// Host to node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToNode {
    /// Do this. A node that already does it, or has done it, reports where it stands instead.
    Start(Box<Assignment>),
    /// End this: interrupt, and after `grace_ms` kill. 0 kills at once. Unknown executions are
    /// reported ended as never started. A second stop may only shorten the grace.
    Stop {
        /// What to end.
        execution: Execution,
        /// Milliseconds until it is killed.
        grace_ms: u64,
    },
    /// The host has the report of this execution durably: forget it.
    Forget(Execution),
}

/// How an attempt ended, as a node saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// It ran, and its program ended by itself or by a signal that was not the host's.
    Exited {
        /// The exit code; 128 + signal where a signal ended it.
        code: i32,
    },
    /// It was stopped on the host's request; the code is what it left, if it left one.
    Stopped {
        /// The exit code, where there was one.
        code: Option<i32>,
    },
    /// It could not be done: the plugin's or node's error, see `failure` in `wit/work.wit`.
    Failed {
        /// `failure.code`.
        code: u32,
        /// For the user.
        text: String,
    },
    /// The node knows nothing of it: it was never started there, or the node lost it when it went down.
    Lost,
}

/// Node to host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromNode {
    /// The work has begun.
    Started {
        /// Which.
        execution: Execution,
    },
    /// The work has ended and nothing of it is left on the node.
    Ended {
        /// Which.
        execution: Execution,
        /// How.
        ending: Ending,
        /// The last of what it wrote to captured output, at most 4 KiB, not always whole characters of what was written first.
        output_tail: String,
    },
}
