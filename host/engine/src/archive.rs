//! Which ended jobs leave the live state, and when; what comes back from history. Memory follows live jobs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jobyard_journal::{History, Record, Sequence};
use jobyard_kernel::{Command, Event, Fact, JobId, State};
use tokio::sync::{mpsc, oneshot};

use crate::Stats;
use crate::clock::Clock;
use crate::run::{Answering, Request};

/// A reader of history that several may use.
pub(crate) type SharedHistory = Arc<Mutex<Box<dyn History>>>;

/// Ended jobs that stay live: those that people still look at, and that lists show beside the queue.
pub(crate) const ENDED_LIVE_MAX: usize = 10_000;
/// Jobs that leave at a time, so that a turn of the loop stays short.
const ARCHIVE_AT_ONCE: usize = 1_000;
/// Recalls that are remembered. A reader of history is never so far behind.
const RECALLS_MAX: usize = 10_000;

/// How often it is seen to that history forgets (`TTLCompletedJobs`).
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// Jobs that history forgets at a time.
pub(crate) const PURGE_AT_ONCE: usize = 1_000;

/// Ended jobs in the order of their ends, and what was recalled lately.
#[derive(Debug)]
pub(crate) struct Archive {
    live_max: usize,
    ended: VecDeque<JobId>,
    recalled: BTreeMap<JobId, Sequence>,
}

impl Archive {
    /// Of a state that was replayed.
    pub(crate) fn of(state: &State, live_max: usize) -> Self {
        let ended = state.jobs().filter(|job| job.state().is_ended());
        let mut ended: Vec<_> = ended.map(|job| (job.times.ended, job.id)).collect();
        ended.sort_unstable();
        Archive {
            live_max,
            ended: ended.into_iter().map(|(_, id)| id).collect(),
            recalled: BTreeMap::new(),
        }
    }

    /// Takes note of what ended. A job that was queued again and ended again is there twice, and leaves the first time
    /// that it may.
    pub(crate) fn note(&mut self, state: &State, event: &Event) {
        let ended = matches!(
            event.fact,
            Fact::JobEnded { .. }
                | Fact::JobInvalid { .. }
                | Fact::JobRejected { .. }
                | Fact::JobRecalled { .. }
        );
        if let Some(id) = event.fact.job().filter(|_| ended)
            && state.job(id).is_some_and(|job| job.state().is_ended())
        {
            self.ended.push_back(id);
        }
    }

    /// Those that are to leave now.
    pub(crate) fn excess(&mut self) -> Vec<JobId> {
        let excess = self.ended.len().saturating_sub(self.live_max);
        // Not one by one: a batch of them costs little more than one.
        match excess > (self.live_max / 16).min(ARCHIVE_AT_ONCE) {
            true => self.ended.drain(..excess.min(ARCHIVE_AT_ONCE)).collect(),
            false => Vec::new(),
        }
    }

    /// Whether a record was read before its job was recalled, so that a later one may be there by now.
    pub(crate) fn is_stale(&self, record: &Record) -> bool {
        let recalled = self.recalled.get(&record.job.id);
        recalled.is_some_and(|&at| at > record.archived)
    }

    /// A job was recalled by the event of this number.
    pub(crate) fn recalled(&mut self, id: JobId, at: Sequence) {
        if self.recalled.len() >= RECALLS_MAX {
            let oldest = self.recalled.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(&id, _)| id) {
                self.recalled.remove(&oldest);
            }
        }
        self.recalled.insert(id, at);
    }
}

/// Lets history forget what ended longer ago than `TTLCompletedJobs`, now and then, as long as there is an engine.
pub(crate) async fn purge(requests: mpsc::WeakSender<Request>, history: SharedHistory) {
    let mut turns = tokio::time::interval(PURGE_EVERY);
    loop {
        turns.tick().await;
        while let Some(purged) = purge_some(&requests, &history).await {
            if !purged {
                break;
            }
        }
        if requests.upgrade().is_none() {
            return;
        }
    }
}

/// Whether there was anything to forget; none when the engine or its history is gone.
async fn purge_some(requests: &mpsc::WeakSender<Request>, history: &SharedHistory) -> Option<bool> {
    let (reply, answer) = oneshot::channel();
    let look = Box::new(move |state: &State, _: &Stats| {
        let ttl = state.parameters().ttl_completed_jobs;
        let answering: Answering = Box::new(move |_| {
            // An error means that nobody waits any more.
            let _ = reply.send(ttl);
        });
        answering
    });
    requests.upgrade()?.send(Request::Look(look)).await.ok()?;
    let until = Clock::default().now() - answer.await.ok()?;
    let history = history.clone();
    let bound = move || {
        let history = history.lock().unwrap_or_else(PoisonError::into_inner);
        history.purge_bound(until, PURGE_AT_ONCE)
    };
    // What cannot be read is said to those who ask for it.
    let bound = tokio::task::spawn_blocking(bound).await.ok()?.ok()?;
    let Some(ended_before) = bound else {
        return Some(false);
    };
    let (reply, answer) = oneshot::channel();
    let command = Command::PurgeHistory { ended_before };
    let request = Request::Commands(vec![(command, reply)]);
    requests.upgrade()?.send(request).await.ok()?;
    answer.await.ok()?.ok().map(|_| true)
}
