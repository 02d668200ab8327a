//! Tasks of `/bin/true` through the executor component, against a bare loop of spawn and wait with as many threads.
//!
//! Both in one run, in alternating rounds, so that whatever else the machine does hits both. Prints the rates, the ratio of the
//! rates, and that of the CPU time (bare to node, children's included), which other load disturbs less; then the medians.
//! `cargo bench -p jobyard-node` takes about half a minute. `-- --pinned` gives each task a core, `-- --threads` lets the
//! node start processes on threads of its own instead of the runtime's, which is its default.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jobyard_kernel::{Assignment, Execution, FromNode, JobId, TaskId, ToNode, WorkKind, WorkShare};
use jobyard_node::{Node, NodeConfig, NodeHandle, PluginSet};
use jobyard_plugin::{Limits, PluginHost, World};
use tokio::sync::mpsc::Receiver;

/// As in the `jobyard` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 9;
const TASKS: u32 = 2000;

fn main() {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    let runtime = tokio::runtime::Runtime::new().expect("a tokio runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut yard = runtime.block_on(async { Yard::new(folder.path(), threads) });

    println!("tasks a second, {TASKS} of /bin/true a round, {threads} at once");
    println!(
        "{:>6} {:>10} {:>10} {:>10} {:>10}",
        "round", "bare", "node", "ratio", "CPU ratio"
    );
    let mut rows: Vec<[f64; 4]> = Vec::new();
    // The first round warms up caches and is not counted.
    for round in 0..=ROUNDS {
        let cpu = [cpu_ticks()];
        let bare = rate(bare_loop(threads));
        let cpu = [cpu[0], cpu_ticks()];
        // In a task, as the engine's loop is.
        let task = runtime.spawn(async move { (yard.round(threads).await, yard) });
        let took;
        (took, yard) = runtime.block_on(task).expect("no panic");
        let (node, cpu_node) = (rate(took), cpu_ticks() - cpu[1]);
        if round > 0 {
            rows.push([bare, node, node / bare, (cpu[1] - cpu[0]) / cpu_node]);
            print(&round.to_string(), rows[round - 1]);
        }
    }
    print(
        "median",
        [0, 1, 2, 3].map(|column| median(rows.iter().map(|row| row[column]).collect())),
    );
    runtime.block_on(yard.node.shutdown(Duration::ZERO));
}

fn print(round: &str, [bare, node, ratio, cpu_ratio]: [f64; 4]) {
    println!("{round:>6} {bare:>10.0} {node:>10.0} {ratio:>10.3} {cpu_ratio:>10.3}");
}

/// CPU time of this process and of its children that were waited for, in ticks.
fn cpu_ticks() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc/self/stat");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let fields = fields.split_ascii_whitespace().skip(11).take(4);
    fields
        .map(|ticks| ticks.parse::<f64>().expect("a number"))
        .sum()
}

fn rate(took: Duration) -> f64 {
    f64::from(TASKS) / took.as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The least that one can do: `posix_spawn`, wait.
fn bare_loop(threads: usize) -> Duration {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..TASKS as usize / threads {
                    let status = Command::new("/bin/true")
                        .stdin(Stdio::null())
                        .stdout(Stdio::null())
                        .stderr(Stdio::null())
                        .status();
                    assert!(status.expect("/bin/true").success());
                }
            });
        }
    });
    began.elapsed()
}

struct Yard {
    node: NodeHandle,
    reports: Receiver<FromNode>,
    next: u32,
    cores: u32,
}

impl Yard {
    fn new(folder: &std::path::Path, threads: usize) -> Yard {
        let cores = u32::try_from(threads).expect("few cores");
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../plugins/builtin/executor-command.wasm"
        );
        let bytes = std::fs::read(path).expect("the built-in executor");
        let host = PluginHost::new(None).expect("a plugin host");
        let plugin = host
            .load("command", &bytes, World::TaskExecutor)
            .expect("a good component");
        let mut plugins = PluginSet::new();
        plugins.insert("command", plugin, Limits::for_world(World::TaskExecutor));
        let mut config = NodeConfig::new("bench", folder);
        config.subreaper = true;
        if std::env::args().any(|argument| argument == "--threads") {
            config.spawn_threads = threads;
        }
        let (node, reports) = Node::start(config, plugins).expect("a node");
        Yard {
            node,
            reports,
            next: 1,
            cores,
        }
    }

    async fn round(&mut self, at_once: usize) -> Duration {
        let began = Instant::now();
        let mut left = TASKS as usize;
        let mut running = 0;
        while left > 0 || running > 0 {
            while left > 0 && running < at_once {
                self.start().await;
                left -= 1;
                running += 1;
            }
            match self.reports.recv().await.expect("the node is there") {
                FromNode::Started { .. } => {}
                FromNode::Ended {
                    execution, ending, ..
                } => {
                    assert_eq!(ending, jobyard_kernel::Ending::Exited { code: 0 });
                    self.send(ToNode::Forget(execution)).await;
                    running -= 1;
                }
            }
        }
        began.elapsed()
    }

    async fn start(&mut self) {
        let execution = Execution {
            job: JobId(1),
            task: TaskId(1),
            instance: self.next,
            attempt: 1,
        };
        let pinned = std::env::args().any(|argument| argument == "--pinned");
        let core = self.next % self.cores;
        self.next += 1;
        // As many variables as the kernel sends with a task.
        let environment = (0..12)
            .map(|n| (format!("CCP_VARIABLE_{n}"), n.to_string()))
            .collect();
        self.send(ToNode::Start(Box::new(Assignment {
            execution,
            owner: "ann".into(),
            kind: WorkKind::Execute,
            plugin: "command".into(),
            command_line: "/bin/true".into(),
            working_folder: "/tmp".into(),
            standard_input: None,
            standard_output: None,
            standard_error: None,
            environment,
            shares: vec![WorkShare {
                node: "bench".into(),
                cores: vec![core],
                gpus: vec![],
            }],
            pinned,
            attributes: Vec::new(),
            limit_ms: 0,
        })))
        .await;
    }

    async fn send(&self, message: ToNode) {
        self.node.send(message).await.expect("the node is there");
    }
}
