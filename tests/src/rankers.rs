//! Rankers in other languages against the Rust one: composed with the same policy they must decide the same.
//!
//! Used by a test for the components that are committed, and by the program `rankers` for those that were just built.

use std::path::Path;
use std::time::{Duration, Instant};

use jobyard_kernel::{Changes, JobId, JobRow, NodeId, NodeRow, Plan, SetId};
use jobyard_plugin::{Limits, Part, PluginHost, PolicyInstance, World, compose};
use jobyard_sim::{Component, Estimate, Options, Simulation, Trace, simulate};

use crate::random::Random;
use crate::root;

/// Queues of this many jobs, one after the other on the same instance.
const QUEUES: u32 = 60;
const QUEUED_MAX: u64 = 40;
const NODES: u32 = 4;
const NOW: f64 = 1e15;

/// What the comparison came to.
#[derive(Debug, Clone, Copy)]
pub struct Agreement {
    /// Queues on which both decided the same.
    pub queues: u32,
    /// Jobs of the log that started at the same time.
    pub jobs: usize,
    /// What the simulation took with the ranker that is in Rust, and with the other.
    pub times: (Duration, Duration),
}

/// Compares a shortest-job-first ranker with the one in Rust, in random queues and over the first jobs of the KTH log.
///
/// # Errors
/// What is different, and what failed.
pub fn compare(host: &PluginHost, ranker: &[u8], jobs: usize) -> Result<Agreement, String> {
    let formula = [("ranker.formula".to_owned(), "sjf".to_owned())];
    let rust = read(&root().join("plugins/builtin/ranker-formula.wasm"))?;
    let rust = || instance(host, &rust, &formula);
    let other = || instance(host, ranker, &[]);

    refuses_settings(host, ranker)?;
    random_queues(rust()?, other()?)?;
    let trace = kth(jobs)?;
    let (expected, rust_time) = simulated(&trace, rust()?)?;
    let (found, time) = simulated(&trace, other()?)?;
    if let Some(at) = (0..trace.jobs.len()).find(|&at| expected.jobs[at] != found.jobs[at]) {
        let (expected, found) = (&expected.jobs[at], &found.jobs[at]);
        return Err(format!(
            "job {at} of the log: {found:?}, and {expected:?} with the ranker in Rust"
        ));
    }
    Ok(Agreement {
        queues: QUEUES,
        jobs: trace.jobs.len(),
        times: (rust_time, time),
    })
}

/// `policy-ranked` with this ranker, ready for its first pass.
fn instance(
    host: &PluginHost,
    ranker: &[u8],
    settings: &[(String, String)],
) -> Result<PolicyInstance, String> {
    let policy = read(&root().join("plugins/builtin/policy-ranked.wasm"))?;
    let part = |name, bytes| Part { name, bytes };
    let composed = compose(part("ranked", &policy), part("ranker", ranker));
    let composed = composed.map_err(|error| error.to_string())?;
    let world = World::SchedulingPolicy;
    let plugin = host
        .load("ranked", &composed, world)
        .map_err(|error| error.to_string())?;
    let limits = Limits {
        // An interpreter in a debug build takes its time.
        deadline: Duration::from_secs(60),
        ..Limits::for_world(world)
    };
    plugin
        .policy(limits, settings)
        .map_err(|error| error.to_string())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// It has no settings, and says so in the words that rankers in Rust have.
fn refuses_settings(host: &PluginHost, ranker: &[u8]) -> Result<(), String> {
    let settings = [("ranker.half-life".to_owned(), "7 days".to_owned())];
    let expected = "unknown setting `half-life`: this plugin has none";
    match instance(host, ranker, &settings) {
        Err(text) if text.contains(expected) => Ok(()),
        Err(text) => Err(format!("refuses a setting with `{text}`")),
        Ok(_) => Err("takes a setting that it can not know".to_owned()),
    }
}

/// Queues on a cluster with some free cores: both are told the same, and must answer the same.
fn random_queues(mut rust: PolicyInstance, mut other: PolicyInstance) -> Result<(), String> {
    let mut random = Random(7);
    let mut told: Vec<JobId> = Vec::new();
    let mut decided = 0;
    for queue in 0..QUEUES {
        let first = told.last().map_or(1, |job| job.0 + 1);
        let changes = random_queue(&mut random, first, std::mem::take(&mut told));
        told = changes.jobs.iter().map(|job| job.id).collect();
        let ask = |who: &mut PolicyInstance| -> Result<Plan, String> {
            let pass = who.schedule(NOW + f64::from(queue), changes.clone());
            pass.map_err(|fault| format!("queue {queue}: {fault}"))
        };
        let (expected, found) = (ask(&mut rust)?, ask(&mut other)?);
        if expected != found {
            return Err(format!(
                "queue {queue}: {found:?}, and {expected:?} with the ranker in Rust; told {changes:?}"
            ));
        }
        decided += expected.decisions.len();
    }
    match decided {
        0 => Err("no decision was made in any queue".to_owned()),
        _ => Ok(()),
    }
}

/// The jobs before are gone, others are there: of few lengths, so that many are equal, and some without end.
fn random_queue(random: &mut Random, first: u32, removed_jobs: Vec<JobId>) -> Changes {
    let nodes = (1..=NODES).map(|id| NodeRow {
        id: NodeId(id),
        cores: 8,
        free_cores: random.below(9) as u32,
        sockets: 1,
        memory: 1 << 14,
        ..NodeRow::default()
    });
    let nodes = nodes.collect();
    let count = 2 + random.below(QUEUED_MAX) as u32;
    let jobs = (first..first + count).map(|id| {
        let min = 1 + random.below(10) as u32;
        JobRow {
            id: JobId(id),
            flags: 0,
            priority: 1000 * (1 + random.below(3) as u32),
            unit: 0,
            min,
            max: min + random.below(3) as u32,
            demand: min,
            candidates: SetId(0),
            position: f64::from(id),
            submitted: NOW - 1e6 * random.below(100) as f64,
            walltime: match random.below(8) {
                0 => f64::INFINITY,
                hours => 3.6e9 * hours as f64,
            },
        }
    });
    Changes {
        removed_jobs,
        jobs: jobs.collect(),
        nodes,
        ..Changes::default()
    }
}

/// The first jobs of the log.
fn kth(jobs: usize) -> Result<Trace, String> {
    let path = root().join("tests/traces/KTH-SP2-1996.swf.gz");
    let mut trace = Trace::open(&path, None).map_err(|error| error.to_string())?;
    trace.jobs.truncate(jobs);
    Ok(trace)
}

fn simulated(trace: &Trace, policy: PolicyInstance) -> Result<(Simulation, Duration), String> {
    let options = Options {
        policy: "ranked".into(),
        estimate: Estimate::Requested,
    };
    let begun = Instant::now();
    let simulation = simulate(trace, &options, &mut Component::new(policy));
    let simulation = simulation.map_err(|error| error.to_string())?;
    match &simulation.first_refusal {
        None => Ok((simulation, begun.elapsed())),
        Some(refusal) => Err(format!("a proposal was refused: {refusal}")),
    }
}
