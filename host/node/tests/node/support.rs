//! A node to test with: its folder, its messages, and waiting for what it says.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jobyard_kernel::{
    Assignment, Ending, Execution, FromNode, JobId, TaskId, ToNode, WorkKind, WorkShare,
};
use jobyard_node::{Node, NodeConfig, NodeHandle, PluginSet};
use jobyard_plugin::{Limits, PluginHost, World};
use tokio::sync::mpsc;

/// Longer than anything here takes on a busy machine: a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The built-in components. Compiled once for all processes of these tests.
pub(crate) static PLUGINS: LazyLock<PluginSet> = LazyLock::new(|| {
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/node-tests-code");
    let host = PluginHost::new(Some(cache.into())).unwrap();
    let mut plugins = PluginSet::new();
    for (name, file, world) in [
        ("command", "executor-command", World::TaskExecutor),
        ("command", "prepare-command", World::PrepareTask),
        ("command", "release-command", World::ReleaseTask),
        ("scratch", "release-scratch", World::ReleaseTask),
    ] {
        let path = format!(
            "{}/../../plugins/builtin/{file}.wasm",
            env!("CARGO_MANIFEST_DIR")
        );
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let plugin = host.load(file, &bytes, world).unwrap();
        assert!(plugins.insert(name, plugin, Limits::for_world(world)));
    }
    plugins
});

pub(crate) struct Yard {
    pub(crate) node: NodeHandle,
    pub(crate) reports: mpsc::Receiver<FromNode>,
    pub(crate) folder: tempfile::TempDir,
    last_task: u32,
}

impl Yard {
    pub(crate) fn new() -> Yard {
        Yard::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut NodeConfig)) -> Yard {
        let folder = tempfile::tempdir().unwrap();
        let mut config = NodeConfig::new("node1", folder.path());
        config.working_folder = folder.path().to_owned();
        config.subreaper = true;
        change(&mut config);
        let (node, reports) = Node::start(config, PLUGINS.clone()).unwrap();
        Yard {
            node,
            reports,
            folder,
            last_task: 0,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A new task.
    pub(crate) fn task(&mut self, command_line: &str) -> Assignment {
        self.last_task += 1;
        task(self.last_task, command_line)
    }

    pub(crate) async fn send(&self, message: ToNode) {
        self.node.send(message).await.unwrap();
    }

    pub(crate) async fn start(&self, assignment: &Assignment) {
        self.send(ToNode::Start(Box::new(assignment.clone()))).await;
    }

    pub(crate) async fn stop(&self, execution: Execution, grace: Duration) {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap();
        self.send(ToNode::Stop {
            execution,
            grace_ms,
        })
        .await;
    }

    pub(crate) async fn report(&mut self) -> FromNode {
        tokio::time::timeout(PATIENCE, self.reports.recv())
            .await
            .expect("no report came")
            .expect("the node is gone")
    }

    pub(crate) async fn started(&mut self) -> Execution {
        match self.report().await {
            FromNode::Started { execution } => execution,
            other => panic!("{other:?}"),
        }
    }

    /// The next end, past the starts.
    pub(crate) async fn ended(&mut self) -> (Execution, Ending, String) {
        loop {
            if let FromNode::Ended {
                execution,
                ending,
                output_tail,
            } = self.report().await
            {
                return (execution, ending, output_tail);
            }
        }
    }

    /// Does a piece of work, and says how it ended and what it wrote.
    pub(crate) async fn run(&mut self, assignment: &Assignment) -> (Ending, String) {
        self.start(assignment).await;
        let (execution, ending, tail) = self.ended().await;
        assert_eq!(execution, assignment.execution);
        self.send(ToNode::Forget(execution)).await;
        (ending, tail)
    }

    pub(crate) async fn command(&mut self, command_line: &str) -> (Ending, String) {
        let task = self.task(command_line);
        self.run(&task).await
    }
}

/// A task of job 7.
pub(crate) fn task(number: u32, command_line: &str) -> Assignment {
    Assignment {
        execution: Execution {
            job: JobId(7),
            task: TaskId(number),
            instance: 0,
            attempt: 1,
        },
        owner: "ann".into(),
        kind: WorkKind::Execute,
        plugin: "command".into(),
        command_line: command_line.into(),
        working_folder: String::new(),
        standard_input: None,
        standard_output: None,
        standard_error: None,
        environment: Vec::new(),
        shares: vec![WorkShare {
            node: "node1".into(),
            cores: vec![0],
            gpus: vec![],
        }],
        pinned: false,
        attributes: Vec::new(),
        limit_ms: 0,
    }
}

pub(crate) fn exited(code: i32) -> Ending {
    Ending::Exited { code }
}

/// Waits until a file holds a whole line, and returns it.
pub(crate) async fn line(path: &Path) -> String {
    until(&format!("a line in {}", path.display()), || {
        let text = std::fs::read_to_string(path).ok()?;
        text.split_once('\n').map(|(line, _)| line.to_owned())
    })
    .await
}

/// Waits until something is there.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process is there and not a zombie.
pub(crate) fn is_alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let state = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.trim_start().chars().next());
        !matches!(state, Some(Some('Z' | 'X')))
    })
}

/// Runs a test in a process of its own, for what one process has only one of. `name` is the calling test's, as the test harness prints it.
#[track_caller]
pub(crate) fn alone(name: &str, test: impl Future<Output = ()>) {
    const ALONE: &str = "JOBYARD_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return tokio::runtime::Runtime::new().unwrap().block_on(test);
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let (text, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{errors}"
    );
}
