//! What the host adds to a plugin's own time: loading, instances, empty passes, work that waits.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use divan::Bencher;
#[path = "../tests/plugins/wat.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod wat;

use jobyard_kernel::{Assignment, Changes, Execution, JobId, JobRow, SetId, TaskId, WorkKind};
use jobyard_plugin::{
    Limits, Plugin, PluginHost, ProcessCommand, ProcessEvent, Processes, WorkExit, WorkFailure,
    World,
};

fn main() {
    waiting();
    divan::main();
}

fn bytes(name: &str) -> Vec<u8> {
    let builtin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/builtin");
    std::fs::read(builtin.join(name)).unwrap()
}

/// Compiles `policy-backfill`.
#[divan::bench(sample_count = 10)]
fn load_and_compile(bencher: Bencher<'_, '_>) {
    let (host, bytes) = (
        PluginHost::new(None).unwrap(),
        bytes("policy-backfill.wasm"),
    );
    bencher.bench_local(|| {
        host.load("policy", &bytes, World::SchedulingPolicy)
            .unwrap()
    });
}

/// Reads, checks and maps the compiled code of `policy-backfill`.
#[divan::bench]
fn load_from_the_cache(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let host = PluginHost::new(Some(folder.path().join("compiled"))).unwrap();
    let bytes = bytes("policy-backfill.wasm");
    host.load("policy", &bytes, World::SchedulingPolicy)
        .unwrap();
    bencher.bench_local(|| {
        host.load("policy", &bytes, World::SchedulingPolicy)
            .unwrap()
    });
}

#[divan::bench]
fn new_host() -> PluginHost {
    PluginHost::new(None).unwrap()
}

/// Instantiates and configures `policy-backfill`, and drops it again.
#[divan::bench]
fn policy_instance(bencher: Bencher<'_, '_>) {
    let host = PluginHost::new(None).unwrap();
    let plugin = host
        .load(
            "policy",
            &bytes("policy-backfill.wasm"),
            World::SchedulingPolicy,
        )
        .unwrap();
    let limits = Limits::for_world(World::SchedulingPolicy);
    bencher.bench_local(|| plugin.policy(limits, &[]).unwrap());
}

/// A pass of `policy-backfill` over nothing: what a call costs at least.
#[divan::bench]
fn empty_pass(bencher: Bencher<'_, '_>) {
    let host = PluginHost::new(None).unwrap();
    let plugin = host
        .load(
            "policy",
            &bytes("policy-backfill.wasm"),
            World::SchedulingPolicy,
        )
        .unwrap();
    let mut policy = plugin
        .policy(Limits::for_world(World::SchedulingPolicy), &[])
        .unwrap();
    bencher.bench_local(|| policy.schedule(1e15, Changes::default()).unwrap());
}

/// The first pass of a policy that does nothing, with so many jobs: what it costs to hand rows over.
#[divan::bench(args = [1_000, 10_000, 100_000])]
fn rows(bencher: Bencher<'_, '_>, jobs: u32) {
    let host = PluginHost::new(None).unwrap();
    let idle = wat::Policy::default().build();
    let plugin = host.load("idle", &idle, World::SchedulingPolicy).unwrap();
    let limits = Limits::for_world(World::SchedulingPolicy);
    let job = |id| JobRow {
        id: JobId(id),
        flags: 0,
        priority: 2000,
        unit: 0,
        min: 1,
        max: 1,
        demand: 1,
        candidates: SetId(0),
        position: f64::from(id),
        submitted: 1e15,
        walltime: 60e6,
    };
    let everything = Changes {
        jobs: (0..jobs).map(job).collect(),
        ..Changes::default()
    };
    bencher
        .with_inputs(|| (plugin.policy(limits, &[]).unwrap(), everything.clone()))
        .bench_local_values(|(mut policy, everything)| {
            policy.schedule(1e15, everything).unwrap();
            policy
        });
}

/// One task through `executor-command` whose process ends at once.
#[divan::bench]
fn one_task(bencher: Bencher<'_, '_>) {
    let (plugin, work) = (executor(), assignment());
    bencher.bench_local(|| {
        let mut running = run(&plugin, &work, Exits(true));
        assert_eq!(poll(&mut running).unwrap().unwrap().code, 0);
    });
}

/// Ten thousand tasks that wait at the same time: printed, because what they hold matters more than how long it takes.
fn waiting() {
    const MANY: u32 = 10_000;
    let (plugin, work) = (executor(), assignment());
    let before = resident_kib();
    let start = Instant::now();
    let mut all: Vec<_> = (0..MANY)
        .map(|_| run(&plugin, &work, Exits(false)))
        .collect();
    assert!(all.iter_mut().all(|running| poll(running).is_none()));
    let each = start.elapsed() / MANY;
    let kib = (resident_kib() - before) / f64::from(MANY);
    let mappings = std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count();
    println!("{MANY} waiting tasks: {each:?} to start one, {kib:.1} KiB each, {mappings} mappings");
    let start = Instant::now();
    drop(all);
    println!("dropped: {:?} each\n", start.elapsed() / MANY);
}

fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

fn executor() -> Plugin {
    static HOST: Mutex<Option<PluginHost>> = Mutex::new(None);
    let mut host = HOST.lock().unwrap();
    let host = host.get_or_insert_with(|| PluginHost::new(None).unwrap());
    host.load(
        "executor",
        &bytes("executor-command.wasm"),
        World::TaskExecutor,
    )
    .unwrap()
}

fn assignment() -> Assignment {
    let execution = Execution {
        job: JobId(1),
        task: TaskId(1),
        instance: 0,
        attempt: 1,
    };
    Assignment {
        execution,
        owner: "ann".into(),
        kind: WorkKind::Execute,
        plugin: "command".to_owned(),
        command_line: "/bin/true".to_owned(),
        working_folder: "/".to_owned(),
        standard_input: None,
        standard_output: None,
        standard_error: None,
        environment: Vec::new(),
        shares: Vec::new(),
        pinned: false,
        attributes: Vec::new(),
        limit_ms: 0,
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<WorkExit, WorkFailure>> + 'a>>;

fn run<'a>(plugin: &'a Plugin, work: &'a Assignment, processes: Exits) -> Running<'a> {
    let limits = Limits::for_world(World::TaskExecutor);
    Box::pin(async move {
        plugin
            .run(work, Path::new("/scratch"), limits, processes)
            .await
            .0
    })
}

fn poll(running: &mut Running<'_>) -> Option<Result<WorkExit, WorkFailure>> {
    match running
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        std::task::Poll::Ready(result) => Some(result),
        std::task::Poll::Pending => None,
    }
}

/// A process that ends at once, or never.
struct Exits(bool);

impl Processes for Exits {
    fn spawn(&mut self, _command: ProcessCommand) -> Result<u32, String> {
        Ok(0)
    }

    async fn next(&mut self, _limit: Option<Duration>) -> ProcessEvent {
        match self.0 {
            true => ProcessEvent::Exited {
                process: 0,
                code: 0,
                signal: None,
            },
            false => std::future::pending().await,
        }
    }

    fn interrupt(&mut self, _process: u32) {}

    fn kill(&mut self, _process: u32) {}

    fn files(&self) -> &[PathBuf] {
        &[]
    }
}
