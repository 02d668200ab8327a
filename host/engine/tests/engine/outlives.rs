//! Work outlives the engine: its node is a process of its own. Both are really killed here.
//!
//! The processes are this test program again: [`the_node_process`] and [`the_engine`] do nothing as tests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jobyard::node::{NodeProcess, ProcessConfig, process};
use jobyard::plugin::PluginHost;
use jobyard::{Actor, Engine, JobId, Notice, builtin};

use crate::{ends, named, node, task};

const COUNT: i32 = 4;

/// With a data folder behind its name on the command line it is the node process of it.
#[test]
fn the_node_process() {
    let Some(data) = argument() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let plugins = builtin::node_plugins(&plugin_host()).unwrap();
    let defaults = ProcessConfig::new(node(&data, 1).config);
    let served = runtime.block_on(process::serve(&data, defaults, plugins));
    if let Err(error) = served {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

/// With a data folder behind its name it is an engine, which submits a job and stays.
#[test]
fn the_engine() {
    let Some(data) = argument() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = engine(&data).await;
        let tasks = (1..=COUNT).map(|n| {
            let line = format!(
                "echo $JOBYARD_EXECUTION >> ran.{n}; while [ ! -e go ]; do sleep 0.01; done; echo > done.{n}; exit {n}"
            );
            task(&line)
        });
        let ann = Actor::user("ann");
        engine
            .submit(&ann, named("long"), tasks.collect())
            .await
            .unwrap();
        std::future::pending::<()>().await;
    });
}

fn argument() -> Option<PathBuf> {
    std::env::args()
        .nth(2)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

fn arguments(name: &str, data: &Path) -> Vec<OsString> {
    let name = format!("outlives::{name}");
    vec![
        name.into(),
        data.into(),
        "--exact".into(),
        "--nocapture".into(),
    ]
}

/// Compiled once for all processes of these tests.
fn plugin_host() -> PluginHost {
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/engine-tests-code");
    PluginHost::new(Some(cache.into())).unwrap()
}

async fn engine(data: &Path) -> Engine {
    let local = node(data, 4);
    let mut process = NodeProcess::new(data, local.config).unwrap();
    process.arguments = arguments("the_node_process", data);
    process.config.linger_ms = 1000;
    let builder = Engine::builder().plugin_host(plugin_host()).data(data);
    let builder = builder.node_process(local.spec, process);
    builder.build().await.unwrap()
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn line(path: PathBuf) -> String {
    until(&path.display().to_string(), || {
        let text = std::fs::read_to_string(&path).ok()?;
        text.split_once('\n').map(|(line, _)| line.to_string())
    })
    .await
}

fn node_process_of(data: &Path) -> String {
    let lock = std::fs::read_to_string(data.join("node/lock")).unwrap();
    lock.trim().to_string()
}

fn kill(process: &str) {
    let status = Command::new("kill").args(["-KILL", process]).status();
    assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_while_no_engine_is_there_is_learned_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mut first = Command::new(std::env::current_exe().unwrap())
        .args(arguments("the_engine", data))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    for n in 1..=COUNT {
        line(data.join(format!("ran.{n}"))).await;
    }
    first.kill().unwrap();
    first.wait().unwrap();
    std::fs::write(data.join("go"), "").unwrap();
    for n in 1..=COUNT {
        line(data.join(format!("done.{n}"))).await;
    }

    let engine = engine(data).await;
    let job = ends(&engine, JobId(1), "Failed").await;
    for (task, n) in job.tasks.iter().zip(1..) {
        let codes: Vec<_> = task
            .outcomes
            .iter()
            .map(|outcome| outcome.exit_code)
            .collect();
        assert_eq!(codes, [Some(n)], "{task:?}");
        let ran = std::fs::read_to_string(data.join(format!("ran.{n}"))).unwrap();
        assert_eq!(ran, format!("1.{n}.0.1\n"), "the first attempt, once");
    }
    engine.shutdown(Duration::ZERO).await;
    kill(&node_process_of(data));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_of_a_killed_node_process_is_done_again_and_never_twice_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let engine = engine(data).await;
    let mut notices = engine.notices();
    let ann = Actor::user("ann");
    // It holds a folder as long as it lives: two at once would show.
    let line_of = "mkdir held || exit 9; echo $$ >> ran; trap 'rmdir held; exit 0' USR1; while :; do sleep 0.01; done";
    let job = engine
        .submit(&ann, named("long"), vec![task(line_of)])
        .await
        .unwrap();
    let first = line(data.join("ran")).await;
    std::fs::remove_dir(data.join("held")).unwrap();
    let process = node_process_of(data);
    kill(&process);
    let second = until("a second attempt", || {
        let ran = std::fs::read_to_string(data.join("ran")).ok()?;
        ran.lines().nth(1).map(str::to_string)
    })
    .await;
    // Its parent has gone, so it is the system's to bury: that may take a moment.
    let stat = std::fs::read_to_string(format!("/proc/{first}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    assert!(state.is_empty() || state.starts_with(['Z', 'X']), "{stat}");
    assert_ne!(node_process_of(data), process);
    let status = Command::new("kill").args(["-USR1", &second]).status();
    assert!(status.unwrap().success());
    ends(&engine, job, "Finished").await;
    let mut said: Vec<String> = Vec::new();
    while said
        .iter()
        .filter(|text| text.contains(" connected to"))
        .count()
        < 2
    {
        if let Some(Ok(Notice::NodeLink { node, text })) = notices.next().await {
            said.push(format!("{node}: {text}"));
        }
    }
    assert!(
        said[1].ends_with("no connection to its process: it is gone"),
        "{said:?}"
    );
    assert!(
        said.iter()
            .all(|text| !text.contains(" connected to") || text.contains("holds 0 pieces")),
        "{said:?}"
    );
    engine.shutdown(Duration::ZERO).await;
    kill(&node_process_of(data));
}
