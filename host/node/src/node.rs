//! A node's beginning and end, and the handle that a host holds of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jobyard_kernel::{Execution, FromNode, JobId, ToNode};
use rustix::process::{Resource, Rlimit};
use tokio::sync::{mpsc, oneshot};

use crate::capture::{Capture, CaptureStore, Which};
use crate::config::{MESSAGES_WAITING_MAX, NodeConfig, NodeError, PluginSet};
use crate::desk::{Desk, Order};
use crate::ignored::catch_ignored;
use crate::leftovers::{self, Groups};
use crate::spawner::{Cpus, Spawner};

/// How long dropping the last handle may take to see that what it killed is gone.
const DROP_WAIT_MAX: Duration = Duration::from_secs(1);

/// Where nodes begin: see [`Node::start`].
#[derive(Debug)]
pub struct Node(());

/// What all work of a node shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: NodeConfig,
    pub(crate) plugins: PluginSet,
    pub(crate) spawner: Spawner,
    pub(crate) cpus: Cpus,
    pub(crate) captures: Arc<CaptureStore>,
    /// Names this run of this node in the environment of its processes.
    pub(crate) run: String,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    closed: bool,
    groups: BTreeMap<u64, Weak<Groups>>,
    next: u64,
}

impl Node {
    /// Starts a node: makes its folders and threads, and begins to listen. Within a tokio runtime that has its
    /// I/O and time drivers; a multi-threaded one, or starting a program holds up everything else in it. Signals that this process ignores it
    /// catches from here on, and does nothing about them, so that programs do not ignore them too.
    pub fn start(
        config: NodeConfig,
        plugins: PluginSet,
    ) -> Result<(NodeHandle, mpsc::Receiver<FromNode>), NodeError> {
        let run = run_name(&config.name);
        Node::start_run(config, plugins, run)
    }

    /// The same, with a name for this run of the node that no other has had on this machine.
    pub(crate) fn start_run(
        config: NodeConfig,
        plugins: PluginSet,
        run: String,
    ) -> Result<(NodeHandle, mpsc::Receiver<FromNode>), NodeError> {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return Err(NodeError::NoRuntime { name: config.name });
        };
        catch_ignored();
        let shared = Arc::new(Shared::new(config, plugins, run)?);
        let (inbox, orders) = mpsc::channel(MESSAGES_WAITING_MAX);
        let (outbox, reports) = mpsc::channel(MESSAGES_WAITING_MAX);
        runtime.spawn(Desk::new(shared.clone(), orders).run(outbox));
        Ok((NodeHandle(Arc::new(Handle { inbox, shared })), reports))
    }
}

/// A host's hold of a node. May be cloned; when the last one is dropped all work is killed at once.
#[derive(Debug, Clone)]
pub struct NodeHandle(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    inbox: mpsc::Sender<Order>,
    shared: Arc<Shared>,
}

/// The node was shut down, or its runtime was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("node `{name}` was shut down")]
pub struct NodeGone {
    /// The node.
    pub name: String,
}

impl NodeHandle {
    /// Sends a message; waits while [`MESSAGES_WAITING_MAX`] of them wait already. Cancel-safe: a message is sent or not.
    pub async fn send(&self, message: ToNode) -> Result<(), NodeGone> {
        self.0
            .inbox
            .send(Order::Message(message))
            .await
            .map_err(|_| self.gone())
    }

    /// What the node holds: attempts that run, and attempts that have ended and were not forgotten. Where each of them stands is
    /// reported again, after this answer. Take reports meanwhile, or it may not come.
    pub async fn holds(&self) -> Result<Vec<Execution>, NodeGone> {
        let (answer, held) = oneshot::channel();
        let asked = self.0.inbox.send(Order::Holds(answer)).await;
        asked.map_err(|_| self.gone())?;
        held.await.map_err(|_| self.gone())
    }

    /// Ends all work, with this grace, and returns when nothing is left. Starts that come meanwhile are
    /// reported lost. Reports still arrive at the receiver, before and after.
    pub async fn shutdown(self, grace: Duration) {
        let (done, is_done) = oneshot::channel();
        if self
            .0
            .inbox
            .send(Order::Shutdown { grace, done })
            .await
            .is_ok()
        {
            // An error means that the desk is gone, and its work with it.
            let _ = is_done.await;
        }
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.0.shared.config.name
    }

    /// The job's scratch folder on this node, whether it is there or not.
    pub fn scratch_folder(&self, job: JobId) -> PathBuf {
        self.0.shared.scratch_folder(job)
    }

    /// Where captured standard output and standard error of an attempt go. A file that stays empty is not there in the end, and
    /// in its first moments no file is.
    pub fn output_files(&self, execution: Execution) -> (PathBuf, PathBuf) {
        let capture = self.0.shared.captures.capture(execution);
        (capture.path(Which::Output), capture.path(Which::Error))
    }

    fn gone(&self) -> NodeGone {
        NodeGone {
            name: self.name().to_owned(),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.kill_all();
    }
}

impl Shared {
    fn new(config: NodeConfig, plugins: PluginSet, run: String) -> Result<Shared, NodeError> {
        let name = config.name.clone();
        let system = |what| {
            let name = name.clone();
            move |source| NodeError::System { name, what, source }
        };
        if !config.working_folder.is_absolute() {
            let path = config.working_folder;
            return Err(NodeError::Relative {
                what: "working folder",
                path,
            });
        }
        let scratch_root = folder("scratch root", &config.scratch_root)?;
        let output_folder = folder("output folder", &config.output_folder)?;
        let config = NodeConfig {
            scratch_root,
            output_folder,
            ..config
        };
        if config.raise_file_limit {
            raise_file_limit();
        }
        if config.subreaper {
            leftovers::become_subreaper().map_err(system("becoming a subreaper"))?;
        }
        let captures = CaptureStore::new(config.output_folder.clone(), config.output_bytes_max)
            .map_err(system("the thread that checks output"))?;
        let cpus = Cpus::allowed().map_err(system("the list of CPUs"))?;
        Ok(Shared {
            spawner: Spawner::new(config.spawn_threads, &cpus)
                .map_err(system("the threads that start processes"))?,
            cpus,
            run,
            captures,
            config,
            plugins,
            live: Mutex::default(),
        })
    }

    pub(crate) fn scratch_folder(&self, job: JobId) -> PathBuf {
        self.config.scratch_root.join(format!("job-{job}"))
    }

    /// Enters the processes of a piece of work, so that they can be killed whatever happens; none when it is too late.
    /// Hold the entry as long as the work runs.
    pub(crate) fn enter(self: &Arc<Self>, groups: &Arc<Groups>) -> Option<Entered> {
        let mut live = self.live();
        if live.closed {
            return None;
        }
        let key = live.next;
        live.next += 1;
        live.groups.insert(key, Arc::downgrade(groups));
        Some(Entered {
            shared: self.clone(),
            key,
        })
    }

    pub(crate) fn capture(&self, execution: Execution) -> Arc<Capture> {
        self.captures.capture(execution)
    }

    /// Kills all work, for a host that waits for nothing.
    fn kill_all(&self) {
        let mut live = self.live();
        live.closed = true;
        let all: Vec<_> = live.groups.values().filter_map(Weak::upgrade).collect();
        drop(live);
        self.captures.close();
        for groups in &all {
            groups.kill();
        }
        let until = std::time::Instant::now() + DROP_WAIT_MAX;
        for groups in &all {
            groups.clear_blocking(until.saturating_duration_since(std::time::Instant::now()));
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece of work in the list of what runs; not in it any more when dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    shared: Arc<Shared>,
    key: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.shared.live().groups.remove(&self.key);
    }
}

/// Makes a folder of the configuration, and its path absolute.
fn folder(what: &'static str, path: &std::path::Path) -> Result<PathBuf, NodeError> {
    std::fs::create_dir_all(path)
        .and_then(|()| std::path::absolute(path))
        .map_err(|source| NodeError::Folder {
            what,
            path: path.to_owned(),
            source,
        })
}

/// Running work takes an open file each. Where the system refuses more the limit stays, and shows itself when it is reached.
fn raise_file_limit() {
    let Rlimit { maximum, .. } = rustix::process::getrlimit(Resource::Nofile);
    let _ = rustix::process::setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}

/// Not the same for any two runs of nodes on one machine.
pub(crate) fn run_name(node: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let (process, nth) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    // A variable's value ends at a zero byte.
    format!("{}-{since_epoch}-{process}-{nth}", node.replace('\0', ""))
}
