//! The way from a host to a node: in this process, or over a socket to a node process. The host does not care which.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jobyard_kernel::{Execution, FromNode, ToNode};
use tokio::sync::mpsc;

use crate::capture;
use crate::config::MESSAGES_WAITING_MAX;
use crate::process::{self, NodeProcess, PlaceError};
use crate::{Node, NodeConfig, NodeError, NodeGone, NodeHandle, PluginSet};

/// A host's hold of a node. May be cloned. When the last one is dropped, a node in this process kills its work at once, and a node process goes
/// on without a host.
#[derive(Debug, Clone)]
pub struct NodeLink(Form);

#[derive(Debug, Clone)]
enum Form {
    Here(NodeHandle),
    Process(Arc<Process>),
}

#[derive(Debug)]
struct Process {
    name: String,
    output_folder: PathBuf,
    messages: mpsc::Sender<ToNode>,
}

/// What comes over a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// A node process is there, for the first time or again. Of all that the host knows as *started* on this node, what is not in `holds` is
    /// lost. All other messages that the node is owed must be sent again: what was sent before may not have arrived. Never comes from a node
    /// in this process, which begins with nothing.
    Connected {
        /// The process.
        process: u32,
        /// What runs, and what has ended and was not forgotten.
        holds: Vec<Execution>,
    },
    /// The node reports something.
    Report(FromNode),
    /// The node process can not be reached. Its work may go on. It is tried again, for ever; messages are dropped meanwhile.
    Disconnected {
        /// For people. Said again only when it changes.
        why: String,
    },
}

/// Why there is no way to a node.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// A node in this process did not start.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The files of a node process can not be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The data folder or the program is not known.
    #[error("node `{name}` can not be started as a process: {source}")]
    Process {
        /// The node.
        name: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl NodeLink {
    /// Starts a node in this process.
    ///
    /// # Errors
    /// As for [`Node::start`].
    pub fn start_here(
        config: NodeConfig,
        plugins: PluginSet,
    ) -> Result<(NodeLink, mpsc::Receiver<LinkEvent>), LinkError> {
        let (handle, mut reports) = Node::start(config, plugins)?;
        let (events, received) = mpsc::channel(MESSAGES_WAITING_MAX);
        tokio::spawn(async move {
            while let Some(report) = reports.recv().await {
                if events.send(LinkEvent::Report(report)).await.is_err() {
                    return;
                }
            }
        });
        Ok((NodeLink(Form::Here(handle)), received))
    }

    /// The node process of a data folder: this program, called as `PROGRAM node-process --data DATA_DIR`. One that runs is taken up again.
    ///
    /// # Errors
    /// As for [`NodeLink::to_process`].
    pub fn spawn_process(
        data_dir: impl Into<PathBuf>,
        config: NodeConfig,
    ) -> Result<(NodeLink, mpsc::Receiver<LinkEvent>), LinkError> {
        let name = config.name.clone();
        let process = NodeProcess::new(data_dir, config);
        NodeLink::to_process(process.map_err(|source| LinkError::Process { name, source })?)
    }

    /// The way to a node process, which is found or started, now and whenever it is not there. Within a tokio runtime.
    ///
    /// # Errors
    /// The data folder can not be used. Whatever else goes wrong comes as [`LinkEvent::Disconnected`].
    pub fn to_process(
        process: NodeProcess,
    ) -> Result<(NodeLink, mpsc::Receiver<LinkEvent>), LinkError> {
        let (messages, inbox) = mpsc::channel(MESSAGES_WAITING_MAX);
        let (events, received) = mpsc::channel(MESSAGES_WAITING_MAX);
        let form = Process {
            name: process.config.node.name.clone(),
            output_folder: process.config.node.output_folder.clone(),
            messages,
        };
        process::keep(process, inbox, events)?;
        Ok((NodeLink(Form::Process(Arc::new(form))), received))
    }

    /// Sends a message; waits while too many wait already. Cancel-safe. To a node process that is not connected nothing is sent:
    /// [`LinkEvent::Connected`] says when to send again.
    ///
    /// # Errors
    /// The node, or the runtime, was shut down.
    pub async fn send(&self, message: ToNode) -> Result<(), NodeGone> {
        match &self.0 {
            Form::Here(node) => node.send(message).await,
            Form::Process(process) => {
                let sent = process.messages.send(message).await;
                sent.map_err(|_| NodeGone {
                    name: process.name.clone(),
                })
            }
        }
    }

    /// The host is going: a node in this process ends its work, with this grace, and returns when nothing is left. A node process is left
    /// alone with its work.
    pub async fn shutdown(self, grace: Duration) {
        match self.0 {
            Form::Here(node) => node.shutdown(grace).await,
            Form::Process(_) => {}
        }
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        match &self.0 {
            Form::Here(node) => node.name(),
            Form::Process(process) => &process.name,
        }
    }

    /// Whether the node is a process of its own, which has work before this link is made and after it is dropped.
    pub fn is_process(&self) -> bool {
        matches!(self.0, Form::Process(_))
    }

    /// Where captured standard output and standard error of an attempt go, see [`NodeHandle::output_files`].
    pub fn output_files(&self, execution: Execution) -> (PathBuf, PathBuf) {
        match &self.0 {
            Form::Here(node) => node.output_files(execution),
            Form::Process(process) => capture::files(&process.output_folder, execution),
        }
    }
}
