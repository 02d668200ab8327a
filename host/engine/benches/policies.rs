//! What the life of policies costs the live path: a shadow, and a policy that comes into force on a long queue.
//! `cargo bench --bench policies`; files go below the target folder.
//!
//! A node of 16 cores, of which a job keeps one for ever, so that whole-node jobs queue up behind it. Beside them small jobs of a higher
//! priority come, run a real process, and end: each is a pass or two.
//!
//! - *shadow*: small jobs a second from 16 callers, with and without a shadow, in turns.
//! - *swap*: how long small jobs, one after the other, wait for their start: while policies come into force, and while none does.

#[path = "../../cli/src/allocator.rs"]
mod allocator;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jobyard::kernel::{Fact, Span, Timestamp};
use jobyard::{Actor, Engine, JobId, JobSpec, LocalNode, Notice, TaskSpec, builtin};

const CORES: u32 = 16;
const CALLERS: usize = 16;
const JOBS_EACH: usize = 25;
const ROUNDS: usize = 9;
const QUEUED_BY_SHADOW: usize = 10_000;
const QUEUED_BY_SWAP: usize = 100_000;
const SWAPS: usize = 8;

fn job(cores: u32, priority: u32, command: &str) -> (JobSpec, Vec<TaskSpec>) {
    let spec = JobSpec {
        priority,
        min: Some(cores),
        max: Some(cores),
        runtime: Some(Span::from_secs(3_600)),
        ..JobSpec::default()
    };
    let task = TaskSpec {
        command_line: command.into(),
        min: cores,
        max: cores,
        ..TaskSpec::default()
    };
    (spec, vec![task])
}

async fn submit(engine: &Engine, (spec, tasks): (JobSpec, Vec<TaskSpec>)) -> JobId {
    let submitted = engine.submit(&Actor::user("ann"), spec, tasks).await;
    submitted.expect("it is taken")
}

/// An engine with so many jobs in the queue that cannot start.
async fn engine(folder: &Path, queued: usize) -> Engine {
    let mut node = LocalNode::this_machine(folder.join("node"));
    node.spec.cores = CORES;
    let built = Engine::builder().data(folder.join("data")).node(node);
    let engine = built.build().await.expect("it starts");
    submit(&engine, job(1, 4_000, "sleep 100000")).await;
    let mut callers = Vec::new();
    for _ in 0..64 {
        let engine = engine.clone();
        callers.push(tokio::spawn(async move {
            for _ in 0..queued / 64 {
                submit(&engine, job(CORES, 1_000, "true")).await;
            }
        }));
    }
    for caller in callers {
        caller.await.expect("no caller panics");
    }
    engine
}

/// Small jobs a second.
async fn throughput(engine: &Engine) -> f64 {
    let began = Instant::now();
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let engine = engine.clone();
        callers.push(tokio::spawn(async move {
            for _ in 0..JOBS_EACH {
                let id = submit(&engine, job(1, 3_000, "true")).await;
                engine.wait(id).await.expect("it ends");
            }
        }));
    }
    for caller in callers {
        caller.await.expect("no caller panics");
    }
    (CALLERS * JOBS_EACH) as f64 / began.elapsed().as_secs_f64()
}

async fn shadow(folder: &Path) {
    let root = Actor::administrator("root");
    let engine = engine(folder, QUEUED_BY_SHADOW).await;
    let bytes = builtin::POLICY_BACKFILL.bytes.to_vec();
    let loaded = engine.load_policy(&root, "sjbf", bytes, None);
    let digest = loaded.await.expect("it is a policy").digest;
    let (mut alone, mut shadowed) = (Vec::new(), Vec::new());
    throughput(&engine).await;
    for _ in 0..ROUNDS {
        alone.push(throughput(&engine).await);
        let sjbf = vec![("order".to_string(), "sjbf".to_string())];
        let set = engine.shadow_policy(&root, &digest, sjbf, "bench");
        set.await.expect("it is taken");
        shadowed.push(throughput(&engine).await);
        assert!(engine.shadow_report().totals.passes > 0, "it is asked");
        let ended = engine.end_shadow(&root, "");
        ended.await.expect("it ends");
    }
    let mut ratios: Vec<f64> = (alone.iter().zip(&shadowed))
        .map(|(alone, shadowed)| shadowed / alone)
        .collect();
    println!(
        "shadow on {QUEUED_BY_SHADOW} queued jobs: {:.0} jobs a second alone, {:.0} shadowed; of pairs the median is {:.1} % (bar: 95 %)",
        median(&mut alone),
        median(&mut shadowed),
        100.0 * median(&mut ratios)
    );
    engine.shutdown(Duration::ZERO).await;
}

async fn swap(folder: &Path) {
    let engine = engine(folder, QUEUED_BY_SWAP).await;
    let swapping = Arc::new(AtomicBool::new(false));
    let over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(waits(engine.clone(), swapping.clone(), over.clone()));
    let mut took = Vec::new();
    for swap in 0..SWAPS {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let (name, bytes) = match swap % 2 {
            0 => ("fifo", builtin::POLICY_FIFO.bytes),
            _ => ("backfill", builtin::POLICY_BACKFILL.bytes),
        };
        swapping.store(true, Ordering::SeqCst);
        let began = Instant::now();
        let swapped = engine.swap_policy(name, bytes, Vec::new()).await;
        swapped.expect("it is taken");
        took.push(began.elapsed().as_secs_f64() * 1e3);
        // Its first passes count too.
        tokio::time::sleep(Duration::from_millis(100)).await;
        swapping.store(false, Ordering::SeqCst);
    }
    over.store(true, Ordering::SeqCst);
    let (mut quiet, mut swapped) = load.await.expect("it does not panic");
    let longest = |waits: &[f64]| waits.iter().copied().fold(0.0, f64::max);
    println!(
        "{SWAPS} swaps on {QUEUED_BY_SWAP} queued jobs, each {:.0} ms in all: small jobs start after {:.2} ms, the longest {:.1} ms; between the swaps {:.2} ms, the longest {:.1} ms (bar: 50 ms more)",
        median(&mut took),
        median(&mut swapped),
        longest(&swapped),
        median(&mut quiet),
        longest(&quiet)
    );
    engine.shutdown(Duration::ZERO).await;
}

/// From submit to start in ms, of small jobs that come one after the other: while nobody swaps, and while somebody does.
async fn waits(
    engine: Engine,
    swapping: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
) -> (Vec<f64>, Vec<f64>) {
    let mut notices = engine.notices();
    let mut submitted: BTreeMap<JobId, Timestamp> = BTreeMap::new();
    let (mut quiet, mut swapped) = (Vec::new(), Vec::new());
    while !over.load(Ordering::SeqCst) {
        let before = swapping.load(Ordering::SeqCst);
        let id = submit(&engine, job(1, 3_000, "true")).await;
        while let Some(Ok(notice)) = notices.next().await {
            let Notice::Event(event) = notice else {
                continue;
            };
            if let Fact::JobSubmitted { job, .. } = &event.fact {
                submitted.insert(*job, event.at);
            } else if let Fact::JobStarted { job, .. } = &event.fact
                && *job == id
            {
                let wait = event.at.since(submitted[&id]).as_secs_f64() * 1e3;
                match before || swapping.load(Ordering::SeqCst) {
                    true => swapped.push(wait),
                    false => quiet.push(wait),
                }
                break;
            }
        }
        engine.wait(id).await.expect("it ends");
    }
    (quiet, swapped)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn main() {
    allocator::keep_free_memory();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("policies");
    // What an earlier run left.
    let _ = std::fs::remove_dir_all(&folder);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        shadow(&folder.join("shadow")).await;
        swap(&folder.join("swap")).await;
    });
    std::fs::remove_dir_all(&folder).expect("it can be removed");
}
