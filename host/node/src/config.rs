//! What a node is told at its start: its folders and limits, and the plugins that do its work.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jobyard_kernel::WorkKind;
use jobyard_plugin::{Limits, Plugin, World};
use serde::{Deserialize, Serialize};

use crate::account::RunAs;

/// The default limit of captured output: 16 MiB for each of the two streams of one attempt.
pub const OUTPUT_BYTES_MAX: u64 = 16 << 20;
/// Messages that may wait in each direction before the sender has to.
pub const MESSAGES_WAITING_MAX: usize = 1024;
/// How many pieces of work a node holds at most, ended ones that were not forgotten too. More are refused.
pub const WORK_MAX: usize = 1_000_000;
/// How many executions are remembered after they were forgotten, so that a late message does not start them again.
pub const FORGOTTEN_MAX: usize = 65_536;

/// Variables of the node's own environment that work gets too, unless the job sets them.
const INHERITED: [&str; 8] = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR",
];
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a node is told at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeConfig {
    /// The node's name, as shares call it.
    pub name: String,
    /// Where captured output goes; made if it is not there. Job ids are unique below it: an older file of the same name is replaced.
    pub output_folder: PathBuf,
    /// Where scratch folders go, `job-ID` each; made if it is not there. The scratch folders themselves are made by prepare tasks, and for them where
    /// work runs as its owner.
    pub scratch_root: PathBuf,
    /// Where work runs of which the job does not say where. Absolute.
    pub working_folder: PathBuf,
    /// How much of each captured stream of an attempt is kept, in bytes.
    pub output_bytes_max: u64,
    /// Whether this process adopts and kills what detaches itself from the work's process groups. For a process that is the
    /// node's own; see the crate's documentation before an embedder turns it on.
    pub subreaper: bool,
    /// Whether to raise this process's soft limit of open files to its hard limit. A running process takes one
    /// file here, three in its first moments. Processes of the work inherit the limit.
    pub raise_file_limit: bool,
    /// Threads of the node's own that start processes. 0, the default: processes are started on the runtime's threads, because to hand a
    /// start over and to wait for its answer are two switches between threads, which costs short tasks an eighth of their rate. The price:
    /// a program or folder on a file system that hangs takes a thread of the runtime with it. Where work has its programs on such file
    /// systems, a few threads here (as many as cores; more help only where loading is slow) keep the runtime free.
    pub spawn_threads: usize,
    /// The lowest layer of the work's environment, below what the job says.
    pub environment: Vec<(String, String)>,
    /// As which user of this machine work runs.
    #[serde(default)]
    pub run_as: RunAs,
}

impl NodeConfig {
    /// A node with default limits that keeps all its files below `folder`; no subreaper, the file limit raised, processes
    /// started on the runtime's threads, and of the environment of this process what a login has: `PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL`,
    /// `LANG`, `TZ`, `TMPDIR`.
    pub fn new(name: impl Into<String>, folder: impl Into<PathBuf>) -> NodeConfig {
        let folder = folder.into();
        let inherited = INHERITED
            .iter()
            .filter_map(|&name| Some((name, std::env::var(name).ok()?)));
        let mut environment: BTreeMap<_, _> = [("PATH", DEFAULT_PATH.to_owned())].into();
        environment.extend(inherited);
        let home = environment
            .get("HOME")
            .map(PathBuf::from)
            .filter(|home| home.is_absolute());
        NodeConfig {
            name: name.into(),
            output_folder: folder.join("output"),
            scratch_root: folder.join("scratch"),
            working_folder: home.unwrap_or_else(|| PathBuf::from("/")),
            output_bytes_max: OUTPUT_BYTES_MAX,
            subreaper: false,
            raise_file_limit: true,
            spawn_threads: 0,
            environment: environment
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect(),
            run_as: RunAs::Node,
        }
    }
}

/// The plugins of a node, by what they do and by the name that jobs call them.
#[derive(Debug, Clone, Default)]
pub struct PluginSet(BTreeMap<(WorkKind, String), (Plugin, Limits)>);

impl PluginSet {
    /// None: all work fails.
    pub fn new() -> PluginSet {
        PluginSet::default()
    }

    /// Adds a plugin under a name, in the place of one that had it. Its world says for which kind of work; false, and not added, when
    /// that is not work on a node.
    pub fn insert(&mut self, name: impl Into<String>, plugin: Plugin, limits: Limits) -> bool {
        let kind = match plugin.world() {
            World::TaskExecutor => WorkKind::Execute,
            World::PrepareTask => WorkKind::Prepare,
            World::ReleaseTask => WorkKind::Release,
            World::SchedulingPolicy | World::RankedPolicy | World::JobRanker | World::JobFilter => {
                return false;
            }
        };
        self.0.insert((kind, name.into()), (plugin, limits));
        true
    }

    /// The plugin of this name for this kind of work.
    pub fn get(&self, kind: WorkKind, name: &str) -> Option<(&Plugin, &Limits)> {
        // A tuple key can not be looked up by a borrowed half; a node has a handful of plugins.
        let mut found = self
            .0
            .iter()
            .filter(|((k, n), _)| (*k, n.as_str()) == (kind, name));
        found.next().map(|(_, (plugin, limits))| (plugin, limits))
    }

    /// The names for one kind of work, sorted.
    pub fn names(&self, kind: WorkKind) -> Vec<&str> {
        self.0
            .keys()
            .filter(|(k, _)| *k == kind)
            .map(|(_, name)| name.as_str())
            .collect()
    }
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A folder of the configuration can not be used.
    #[error("{what} `{}` can not be used: {source}", path.display())]
    Folder {
        /// Which folder it is.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A path that must be absolute is not.
    #[error("{what} `{}` is not an absolute path", path.display())]
    Relative {
        /// Which folder it is.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// The system refused threads, the subreaper or the CPU list.
    #[error("node `{name}` can not start: {what}: {source}")]
    System {
        /// The node.
        name: String,
        /// What was asked of the system.
        what: &'static str,
        /// What it says.
        source: std::io::Error,
    },
    /// Nodes run on tokio with its I/O and time drivers.
    #[error("node `{name}` was not started within a tokio runtime")]
    NoRuntime {
        /// The node.
        name: String,
    },
}
