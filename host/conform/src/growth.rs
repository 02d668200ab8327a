//! How the time of a pass grows with the queue. Measured and reported, never failed: clocks on shared machines are not for that.

use std::sync::Arc;
use std::time::Duration;

use jobyard_kernel::{
    Actor, Command, JobSpec, Mirror, NodeSpec, Span, State, TaskSpec, Timestamp, carry_out, step,
};
use serde::Serialize;

use crate::Tested;
use crate::yard::BEGIN;

/// Queued jobs of each measurement.
const JOBS: [u32; 4] = [500, 1_000, 2_000, 4_000];
/// Nodes of the cluster, of 8 cores each.
const NODES: u32 = 100;
/// New instances for each; the fastest counts.
const TRIES: usize = 5;

/// The first pass over a queue, and one after a single change, on a cluster of 100 nodes.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PassTime {
    /// Jobs in the queue.
    pub jobs: u32,
    /// Processor time of the first pass, in microseconds.
    pub first_us: f64,
    /// Processor time of a pass after one more job came, in microseconds.
    pub next_us: f64,
    /// The first pass against the one of the row above, divided by what n log n would give; 1 where it grows just so. None in the first row.
    pub against_n_log_n: Option<f64>,
}

/// Measures it; nothing when the policy cannot be made or faults, which others say.
pub(crate) fn measure(tested: &Tested<'_>) -> Vec<PassTime> {
    let mut rows: Vec<PassTime> = Vec::new();
    for jobs in JOBS {
        let Some((first_us, next_us)) = fastest(tested, jobs) else {
            return rows;
        };
        let against_n_log_n = rows.last().map(|before| {
            let n_log_n = |jobs: u32| f64::from(jobs) * f64::from(jobs).log2();
            first_us / before.first_us / (n_log_n(jobs) / n_log_n(before.jobs))
        });
        rows.push(PassTime {
            jobs,
            first_us,
            next_us,
            against_n_log_n,
        });
    }
    rows
}

fn fastest(tested: &Tested<'_>, jobs: u32) -> Option<(f64, f64)> {
    let mut state = State::new();
    let mut events = Vec::new();
    for number in 1..=NODES {
        let spec = NodeSpec {
            name: format!("n{number}"),
            cores: 8,
            ..NodeSpec::default()
        };
        step(&mut state, &Command::AddNode(spec), BEGIN, &mut events).ok()?;
    }
    for number in 0..jobs {
        queue(&mut state, number)?;
    }
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..TRIES {
        let mut yard = state.clone();
        let mut mirror = Mirror::new();
        let mut events = Vec::new();
        let (mut instance, _) = tested.instance(&yard).ok()?;
        let changes = mirror.take(&yard);
        let begun = cpu();
        let plan = instance.schedule(BEGIN.as_instant(), changes).ok()?;
        best.0 = best.0.min(us(begun));
        carry_out(&mut yard, plan, BEGIN, &mut events);
        events.iter().for_each(|event| mirror.note(&yard, event));
        // What it started is news; it is told of that before one more job comes.
        let changes = mirror.take(&yard);
        instance.schedule(BEGIN.as_instant(), changes).ok()?;
        events = queue(&mut yard, jobs)?;
        events.iter().for_each(|event| mirror.note(&yard, event));
        let changes = mirror.take(&yard);
        let begun = cpu();
        instance.schedule(BEGIN.as_instant(), changes).ok()?;
        best.1 = best.1.min(us(begun));
    }
    Some(best)
}

fn queue(state: &mut State, number: u32) -> Option<Vec<jobyard_kernel::Event>> {
    let cores = 1 + number * 7 % 24;
    let spec = JobSpec {
        min: Some(cores),
        max: Some(cores),
        runtime: Some(Span::from_secs(60 + u64::from(number * 13 % 3_600))),
        ..JobSpec::default()
    };
    let task = TaskSpec {
        command_line: "work".into(),
        min: cores,
        max: cores,
        ..TaskSpec::default()
    };
    let (by, spec, tasks) = (
        Actor::administrator("kit"),
        Arc::new(spec),
        vec![Arc::new(task)],
    );
    let mut events = Vec::new();
    let now = Timestamp(BEGIN.0);
    step(
        state,
        &Command::QueueJob { by, spec, tasks },
        now,
        &mut events,
    )
    .ok()?;
    Some(events)
}

fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

fn us(begun: Duration) -> f64 {
    cpu().saturating_sub(begun).as_secs_f64() * 1e6
}
