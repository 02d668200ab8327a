//! What host and node process say to each other: a greeting each, then the kernel's messages.
//!
//! The host speaks first. Whatever either says may be said again on the next connection.

use jobyard_kernel::{Execution, FromNode, ToNode};
use serde::{Deserialize, Serialize};

/// The version of everything below, the kernel's messages included. One more when any of it changes: a node process may be older than
/// the host that finds it, and then it is told to end when it has no work, or the host says why it can not go on.
pub const PROTOCOL: u32 = 2;

/// Host to node process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum HostSays {
    /// First.
    Hello {
        /// See [`PROTOCOL`].
        protocol: u32,
        /// The name that the host knows the node by.
        node: String,
    },
    /// Do this.
    Tell(ToNode),
    /// End, if nothing is held.
    End,
}

/// Node process to host.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum NodeSays {
    /// The answer to a hello.
    Welcome(Welcome),
    /// The other answer to a hello: the reason why not. The connection is closed.
    Refused(String),
    /// Something happened, or happened before and is said again.
    Report(FromNode),
}

/// Who the node process is, and what it has.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Welcome {
    /// See [`PROTOCOL`].
    pub(crate) protocol: u32,
    /// For people.
    pub(crate) process: u32,
    /// What was built, and what it was started with.
    pub(crate) made_of: MadeOf,
    /// Everything that runs, and everything that has ended and was not forgotten. What is not in here is not there: the host has to take
    /// what it knows as started, and what is missing here, for lost.
    pub(crate) holds: Vec<Execution>,
}

/// What makes one node process as good as another: where they differ, one without work is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MadeOf {
    /// The program's version.
    pub(crate) version: String,
    /// As it was written for the process, see `place`.
    pub(crate) configuration: String,
}
