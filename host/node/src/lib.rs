//! Work on one node: executor, prepare and release instances, their processes, and what those write.
//!
//! A node takes [`ToNode`](jobyard_kernel::ToNode) messages and gives [`FromNode`](jobyard_kernel::FromNode) messages. It knows
//! no jobs, no queue and no other node: each piece of work comes complete, is done by one plugin instance in one tokio task, and
//! is reported ended when nothing of it is left on the machine. Called by the engine through a [`NodeLink`],
//! in process or as a [`process`] of its own.
//!
//! ```no_run
//! # use jobyard_node::{Node, NodeConfig, NodeError, PluginSet};
//! # use jobyard_kernel::{Assignment, FromNode, ToNode};
//! # async fn example(assignment: Assignment, plugins: PluginSet) -> Result<(), Box<dyn std::error::Error>> {
//! let (node, mut reports) = Node::start(NodeConfig::new("node1", "/var/lib/jobyard"), plugins)?;
//! node.send(ToNode::Start(Box::new(assignment))).await?;
//! while let Some(report) = reports.recv().await {
//!     if let FromNode::Ended { execution, ending, .. } = report {
//!         println!("{execution}: {ending:?}");
//!         node.send(ToNode::Forget(execution)).await?;
//!         break;
//!     }
//! }
//! node.shutdown(std::time::Duration::from_secs(15)).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What a node promises
//! - A message may come twice, late or never: one attempt is begun at most once while the node is up, a newer attempt begins when the
//!   older one is gone, and what has ended is said again until it is forgotten.
//! - `Ended` is reported when no process of the work is left, as far as the system lets the node see: [`leftovers`] says
//!   what holds where.
//! - Both channels are bounded ([`MESSAGES_WAITING_MAX`]); nothing is dropped. A host that does not take reports is not listened to
//!   once as many wait as the channel holds, so never wait for `send` without taking reports meanwhile.
//! - Waiting work costs no thread: ten thousand waiting tasks are ten thousand suspended instances, one open file each.
//! - Dropping the last handle kills everything at once.
//!
//! # State of the process, not of a node
//! There is as little as possible: the subreaper flag and the ledger that belongs to it ([`leftovers`]), and the soft limit
//! of open files ([`NodeConfig::raise_file_limit`]). Both are asked for by the configuration.

#[cfg(not(target_os = "linux"))]
compile_error!("jobyard-node runs on Linux: it needs pidfds, subreapers and /proc");

mod account;
mod capture;
mod config;
mod desk;
pub mod failure;
mod ignored;
pub mod leftovers;
mod link;
mod node;
pub mod process;
mod processes;
mod spawn;
mod spawner;
mod stop;
mod table;
mod work;

pub use account::RunAs;
pub use capture::{CHECK_EVERY, CHECK_QUIET, OUTPUT_TAIL_BYTES};
pub use config::{
    FORGOTTEN_MAX, MESSAGES_WAITING_MAX, NodeConfig, NodeError, OUTPUT_BYTES_MAX, PluginSet,
    WORK_MAX,
};
pub use link::{LinkError, LinkEvent, NodeLink};
pub use node::{Node, NodeGone, NodeHandle};
pub use process::{NodeProcess, ProcessConfig};
pub use stop::STOP_SLACK;
