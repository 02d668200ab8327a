//! Where a job stands: its place in the queue, what it needs, and who has that. Read off the state; nothing is simulated.

use std::collections::BTreeSet;

use jobyard_kernel::{Job, JobId, JobKind, Node, NodeId, Phase, State, Timestamp};
use serde::{Deserialize, Serialize};

use super::world::{expected_end, holds};

/// Jobs that are listed at most, of each kind; all are counted.
pub const JOBS_LISTED_MAX: usize = 20;

/// Where a queued job stands: one JSON object. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Standing {
    /// The job.
    pub job: u32,
    /// Its place among the queued jobs that may start, from 1: that of queue order; policies may try jobs in another. None while it may not start itself.
    pub position: Option<u64>,
    /// Queued jobs that may start.
    pub queued: u64,
    /// Why it waits, as a code (HPC Pack's `PendingReason`, or the policy's own).
    pub reason: u32,
    /// The same in words.
    pub why: String,
    /// When the policy said that it expects the job to start, if it did.
    pub promised_us: Option<u64>,
    /// What `min`, `max`, `free` and `at_most` count: cores, sockets, nodes or GPUs.
    pub unit: String,
    /// The least that it starts with.
    pub min: u32,
    /// The most that it is given.
    pub max: u32,
    /// How much it could be given now; for a job that must be on one node, the most that one has.
    pub free: u64,
    /// How much it could be given if nothing ran, likewise.
    pub at_most: u64,
    /// Nodes that it may run on and that take jobs.
    pub nodes: u64,
    /// How many jobs are before it in the queue.
    pub ahead_count: u64,
    /// The first of them, in queue order.
    pub ahead: Vec<Ahead>,
    /// How many jobs hold something of the nodes that it may run on.
    pub holder_count: u64,
    /// Those of them that are expected to end first, in that order; then those of which nobody knows.
    pub holders: Vec<Holder>,
}

/// A job that is before another in the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ahead {
    /// The job.
    pub job: u32,
    /// Whose it is.
    pub owner: String,
    /// Its priority.
    pub priority: u32,
    /// The least that it starts with, in its own unit.
    pub min: u32,
    /// What that counts.
    pub unit: String,
}

/// A job that holds what another waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Holder {
    /// The job.
    pub job: u32,
    /// Whose it is.
    pub owner: String,
    /// On how many of the nodes in question.
    pub nodes: u64,
    /// Cores that it has there.
    pub cores: u64,
    /// GPUs that it has there.
    pub gpus: u64,
    /// When its limit is over; in the past for one that is overdue.
    pub ends_us: Option<u64>,
}

/// Where a job stands; none for one that is not queued.
pub fn standing(state: &State, id: JobId) -> Option<Standing> {
    let job = state.job(id).filter(|job| job.phase == Phase::Queued)?;
    let waiting = state.why_waiting(id)?;
    let mut ahead = Vec::new();
    let (mut queued, mut before) = (0, None);
    for other in state.queue().filter(|job| is_waiting(job)) {
        if other.id == id {
            before = Some(queued);
        } else if before.is_none() && ahead.len() < JOBS_LISTED_MAX {
            ahead.push(Ahead {
                job: other.id.0,
                owner: other.spec.owner.clone(),
                priority: other.spec.priority,
                min: other.min,
                unit: other.spec.unit.plural().into(),
            });
        }
        queued += 1;
    }
    if before.is_none() {
        ahead.clear();
    }
    let nodes: Vec<&Node> = state
        .nodes()
        .filter(|node| node.takes_jobs() && state.is_candidate(job, node.id))
        .collect();
    let (free, at_most) = room(state, job, &nodes);
    let (holder_count, holders) = holders(state, &nodes);
    Some(Standing {
        job: id.0,
        position: before.map(|before| before + 1),
        queued,
        reason: waiting.reason,
        why: waiting.text,
        promised_us: job.reservation.as_ref().map(|promise| promise.at.0),
        unit: job.spec.unit.plural().into(),
        min: job.min,
        max: job.max,
        free,
        at_most,
        nodes: nodes.len() as u64,
        ahead_count: before.unwrap_or(0),
        ahead,
        holder_count,
        holders,
    })
}

/// Whether a queued job may be started as far as it is concerned.
fn is_waiting(job: &Job) -> bool {
    job.spec.kind == JobKind::Batch && job.may_start()
}

/// Units that are free for a job on some nodes, and that would be if nothing ran.
fn room(state: &State, job: &Job, nodes: &[&Node]) -> (u64, u64) {
    let each = nodes.iter().map(|node| {
        let free = u64::from(state.free_units(job, node));
        (free, u64::from(job.spec.unit.of_node(&node.spec)))
    });
    each.fold((0, 0), |(free, all), (now, idle)| {
        match job.spec.single_node {
            true => (free.max(now), all.max(idle)),
            false => (free + now, all + idle),
        }
    })
}

fn holders(state: &State, nodes: &[&Node]) -> (u64, Vec<Holder>) {
    let wanted: BTreeSet<NodeId> = nodes.iter().map(|node| node.id).collect();
    let jobs: BTreeSet<JobId> = nodes
        .iter()
        .flat_map(|node| node.jobs.iter())
        .copied()
        .collect();
    let mut all: Vec<(Option<Timestamp>, Holder)> = Vec::with_capacity(jobs.len());
    for job in jobs
        .iter()
        .filter_map(|id| state.job(*id))
        .filter(|job| holds(job))
    {
        let shares = job.shares.iter().filter(|(node, _)| wanted.contains(node));
        let mut holder = Holder {
            job: job.id.0,
            owner: job.spec.owner.clone(),
            nodes: 0,
            cores: 0,
            gpus: 0,
            ends_us: expected_end(job).map(|end| end.0),
        };
        for (_, share) in shares {
            holder.nodes += 1;
            holder.cores += u64::from(share.cores.len());
            holder.gpus += u64::from(share.gpus.len());
        }
        all.push((expected_end(job), holder));
    }
    all.sort_by_key(|(end, holder)| (end.is_none(), *end, holder.job));
    let count = all.len() as u64;
    let listed = all.into_iter().take(JOBS_LISTED_MAX);
    (count, listed.map(|(_, holder)| holder).collect())
}
