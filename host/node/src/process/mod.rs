//! The node process: a node in a process of its own, which outlives the host, and the way to it.
//!
//! What it is not: another node. Inside it is a [`Node`](crate::Node) as embedders have it; here are the process around it
//! ([`serve`]), the socket to the host (`frame`, `wire`), and the host's end of it (`carrier`, behind [`NodeLink`](crate::NodeLink)).
//!
//! # What a data folder holds of it
//! Everything is in `DATA/node`, which only its owner can enter:
//!
//! | file | what |
//! |---|---|
//! | `lock` | locked as long as a node process has this data folder; its number is in it |
//! | `socket` | where it listens |
//! | `configuration.json` | what the host wants it to be: a [`ProcessConfig`] |
//! | `runs.json` | the names of the runs whose processes may still be there ([`MARK_RUN`](crate::leftovers::MARK_RUN)) |
//! | `log` | what it says; the reason when it does not start |
//!
//! # What holds
//! - **The host dies**: the work goes on. What ends meanwhile is kept until a host acknowledges it (`Forget`). A host that comes connects, is
//!   told what is held, and everything is reported again.
//! - **The node process dies**: the next one kills what is left of the work before it takes any ([`leftovers`](crate::leftovers)). The host
//!   learns from the list of what is held that the rest is gone.
//! - **A host stays away**: the process ends by itself when it has held nothing and seen no host for [`ProcessConfig::linger_ms`].
//! - **Twice**: a data folder has one node process at a time (the lock), and a node process one host at a time: a second is refused.
//! - **SIGTERM** ends the work, with a grace, and then the process. To let work run on, leave the process alone.

mod carrier;
mod frame;
mod place;
mod serve;
mod wire;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use carrier::keep;
pub use frame::FRAME_BYTES_MAX;
pub use place::PlaceError;
pub use serve::{STOP_GRACE, ServeError, serve};
pub use wire::PROTOCOL;

use crate::NodeConfig;

/// How long a node process that holds nothing waits for a host, unless it is told otherwise: 5 minutes.
pub const LINGER: Duration = Duration::from_secs(300);

/// What a node process is told at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessConfig {
    /// The node in it.
    pub node: NodeConfig,
    /// It ends when it has held nothing and no host was connected for so many milliseconds, at least for 5 seconds.
    pub linger_ms: u64,
}

impl ProcessConfig {
    /// The process is the node's own, so it is made a subreaper.
    pub fn new(mut node: NodeConfig) -> ProcessConfig {
        node.subreaper = true;
        let linger_ms = u64::try_from(LINGER.as_millis()).unwrap_or(u64::MAX);
        ProcessConfig { node, linger_ms }
    }
}

/// A node process as a host starts it, or finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeProcess {
    /// The data folder; absolute. One node process has it at a time.
    pub data: PathBuf,
    /// What it is told. One that runs already with another configuration, or of another version, is replaced when it holds nothing.
    pub config: ProcessConfig,
    /// What is started.
    pub program: PathBuf,
    /// Its arguments; it must call [`serve`] with the same data folder.
    pub arguments: Vec<OsString>,
}

impl NodeProcess {
    /// This program, called as `PROGRAM node-process --data DATA`.
    ///
    /// # Errors
    /// The system does not say where this program is, or which folder a relative `data` means.
    pub fn new(data: impl Into<PathBuf>, mut config: NodeConfig) -> std::io::Result<NodeProcess> {
        // It will have another working folder.
        let data = std::path::absolute(data.into())?;
        config.output_folder = std::path::absolute(config.output_folder)?;
        config.scratch_root = std::path::absolute(config.scratch_root)?;
        Ok(NodeProcess {
            arguments: vec!["node-process".into(), "--data".into(), data.clone().into()],
            data,
            config: ProcessConfig::new(config),
            program: std::env::current_exe()?,
        })
    }
}
