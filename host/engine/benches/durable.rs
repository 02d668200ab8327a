//! Durable submits through the engine, and what one fsync costs on the same disk in the same run.
//!
//! `cargo bench --bench durable`; files go below the target folder, which should be on the disk that counts.

#[path = "../../cli/src/allocator.rs"]
mod allocator;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jobyard::kernel::{Command, NodeSpec, Span};
use jobyard::{Actor, Engine, JobSpec, TaskSpec};

const ROUNDS: usize = 5;
const CALLERS: usize = 64;
const SUBMITS_EACH: usize = 600;
const LONE: usize = 200;

/// A plain job. All but the first few stay queued.
fn job(number: usize) -> (JobSpec, Vec<TaskSpec>) {
    let spec = JobSpec {
        name: format!("bench {number}"),
        runtime: Some(Span::from_secs(60)),
        ..JobSpec::default()
    };
    let task = TaskSpec {
        command_line: "echo hello".into(),
        ..TaskSpec::default()
    };
    (spec, vec![task])
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A file that is written and synced as a plain log would be.
struct Log {
    file: File,
    /// At the end of a file that grows; else in place.
    grows: bool,
    times: Vec<f64>,
}

impl Log {
    fn new(folder: &Path, grows: bool) -> Self {
        let file = File::create(folder.join(format!("fsync-{grows}")));
        let (file, times) = (file.expect("a file can be made"), Vec::new());
        Log { file, grows, times }
    }

    /// Milliseconds of a write of 512 bytes and its fsync.
    fn sync(&mut self) {
        if !self.grows {
            std::io::Seek::rewind(&mut self.file).expect("it can be rewound");
        }
        let start = Instant::now();
        self.file.write_all(&[7; 512]).expect("it can be written");
        self.file.sync_data().expect("it can be synced");
        self.times.push(start.elapsed().as_secs_f64() * 1e3);
    }
}

/// Milliseconds of submits by one caller, in turns with a plain fsync of each kind.
async fn lone(engine: &Engine, logs: &mut [Log; 2]) -> f64 {
    let ann = Actor::user("ann");
    let mut times = Vec::new();
    for number in 0..LONE {
        let (spec, tasks) = job(number);
        let start = Instant::now();
        engine.submit(&ann, spec, tasks).await.expect("it is taken");
        times.push(start.elapsed().as_secs_f64() * 1e3);
        logs.iter_mut().for_each(Log::sync);
    }
    median(&mut times[5..])
}

/// Submits a second.
async fn many(engine: &Engine) -> f64 {
    let start = Instant::now();
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let engine = engine.clone();
        callers.push(tokio::spawn(async move {
            let ann = Actor::user("ann");
            for number in 0..SUBMITS_EACH {
                let (spec, tasks) = job(caller * SUBMITS_EACH + number);
                engine.submit(&ann, spec, tasks).await.expect("it is taken");
            }
        }));
    }
    for caller in callers {
        caller.await.expect("no caller panics");
    }
    (CALLERS * SUBMITS_EACH) as f64 / start.elapsed().as_secs_f64()
}

async fn engine(folder: PathBuf) -> Engine {
    let engine = Engine::builder().data(folder).build().await;
    let engine = engine.expect("it starts");
    let node = NodeSpec {
        name: "away".into(),
        cores: 4,
        sockets: 1,
        gpus: 0,
        memory_mb: 0,
        groups: Vec::new(),
    };
    let added = engine.command(Command::AddNode(node)).await;
    added.expect("a node can be added");
    engine
}

fn main() {
    allocator::keep_free_memory();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("durable");
    // What an earlier run left.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let rounds = async {
        let mut logs = [Log::new(&folder, true), Log::new(&folder, false)];
        let (mut ones, mut manies) = (vec![], vec![]);
        for round in 0..ROUNDS {
            let engine = engine(folder.join(format!("data-{round}"))).await;
            manies.push(many(&engine).await);
            // As a task of the runtime, which callers mostly are.
            let task = engine.clone();
            let turns = tokio::spawn(async move {
                let one = lone(&task, &mut logs).await;
                (one, logs)
            });
            let (one, back) = turns.await.expect("it does not panic");
            ones.push(one);
            logs = back;
            engine.shutdown(Duration::from_secs(5)).await;
        }
        (logs, ones, manies)
    };
    let (logs, mut ones, mut manies) = runtime.block_on(rounds);
    let [mut grows, mut in_place] = logs.map(|log| log.times);
    let (grows, in_place) = (median(&mut grows), median(&mut in_place));
    let (one, many) = (median(&mut ones), median(&mut manies));
    println!("one fsync: {grows:.3} ms at the end of a file, {in_place:.3} ms in place");
    println!(
        "a lone durable submit: {one:.3} ms, {:.2} x and {:.2} x",
        one / grows,
        one / in_place
    );
    println!(
        "{CALLERS} callers: {many:.0} durable submits a second, {:.1} x and {:.1} x what one fsync each allows",
        many * grows / 1e3,
        many * in_place / 1e3
    );
    std::fs::remove_dir_all(&folder).expect("it can be removed");
}
