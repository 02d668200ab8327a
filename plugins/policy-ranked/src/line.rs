//! The jobs that wait, in the order in which they are tried: what the ranker said of them, kept or asked for anew.

use std::collections::{BTreeSet, HashMap};

use jobyard_plugin_sdk::{
    mirror::{Entry, Mirror, Order, Queue},
    policy::{Changes, Instant, JOB_QUEUED, JobId},
    ranker::{Candidate, Ranker},
};

use crate::told::Told;

/// The line.
#[derive(Debug)]
pub(crate) struct Line {
    /// Whether ranks stay what they are.
    fixed: bool,
    order: Order,
    queue: Queue<f64>,
    /// With fixed ranks: the entries of the queue. Asked only, never walked.
    ranked: HashMap<JobId, Entry<f64>>,
    /// With fixed ranks: whether all that wait are in the queue.
    complete: bool,
}

impl Default for Line {
    fn default() -> Line {
        Line::new(false, true)
    }
}

impl Line {
    /// An empty one, which the next update fills. `bands`: jobs of higher priority go first whatever their rank.
    pub(crate) fn new(fixed: bool, bands: bool) -> Line {
        let order = if bands {
            Order::RankInBands
        } else {
            Order::Rank
        };
        Line {
            fixed,
            order,
            queue: Queue::new(order),
            ranked: HashMap::new(),
            complete: false,
        }
    }

    /// The jobs in order.
    pub(crate) fn queue(&self) -> &Queue<f64> {
        &self.queue
    }

    /// Brings it up to date with a mirror that has taken these changes.
    ///
    /// # Panics
    /// When the ranker does not answer one rank for each job: the trap says so.
    pub(crate) fn update<R: Ranker>(
        &mut self,
        mirror: &Mirror,
        told: &Told,
        changes: &Changes,
        ranker: &mut R,
        now: Instant,
    ) {
        if self.fixed && self.complete {
            self.follow(mirror, told, changes, ranker, now);
            return;
        }
        let waiting: Vec<Entry> = mirror.queue().iter().copied().collect();
        let entries = ranked(&waiting, mirror, told, ranker, now);
        self.queue = Queue::new(self.order);
        self.queue.fill(&entries);
        if self.fixed {
            let with_id = |entry: &Entry<f64>| (mirror.job(entry.slot).id, *entry);
            self.ranked = entries.iter().map(with_id).collect();
            self.complete = true;
        }
    }

    /// Takes out what no longer waits, and puts in what came or is not what it was.
    fn follow<R: Ranker>(
        &mut self,
        mirror: &Mirror,
        told: &Told,
        changes: &Changes,
        ranker: &mut R,
        now: Instant,
    ) {
        let described = changes.jobs.iter().map(|job| job.id);
        let allocated = changes.allocations.iter().map(|allocation| allocation.job);
        let removed = changes.removed_jobs.iter().copied();
        let changed: BTreeSet<JobId> = removed.chain(described).chain(allocated).collect();
        let mut waiting = Vec::new();
        for id in changed {
            if let Some(entry) = self.ranked.remove(&id) {
                self.queue.remove(&entry);
            }
            let queued = mirror
                .slot(id)
                .filter(|&slot| mirror.job(slot).state == JOB_QUEUED);
            waiting.extend(queued.map(|slot| mirror.job(slot).entry(slot)));
        }
        for entry in ranked(&waiting, mirror, told, ranker, now) {
            self.queue.insert(entry);
            self.ranked.insert(mirror.job(entry.slot).id, entry);
        }
    }
}

/// Asks for the ranks of jobs.
fn ranked<R: Ranker>(
    waiting: &[Entry],
    mirror: &Mirror,
    told: &Told,
    ranker: &mut R,
    now: Instant,
) -> Vec<Entry<f64>> {
    if waiting.is_empty() {
        return Vec::new();
    }
    let slots: Vec<u32> = waiting.iter().map(|entry| entry.slot).collect();
    let candidate = |&slot: &u32| told.candidate(mirror.job(slot), slot);
    let candidates: Vec<Candidate> = slots.iter().map(candidate).collect();
    let columns = told.columns(mirror, &slots);
    let ranks = ranker.rank(now, &candidates, &columns);
    assert_eq!(
        ranks.len(),
        waiting.len(),
        "the ranker must answer one rank for each job"
    );
    let ranked = waiting.iter().zip(ranks);
    ranked.map(|(entry, rank)| entry.with_rank(rank)).collect()
}
