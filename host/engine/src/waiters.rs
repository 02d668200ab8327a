//! Who waits for which job, for its end or for anything. One list for all of them: an event wakes those whose job it is about, and nobody
//! else looks.
//!
//! The loop tells it what became durable; [`Engine::wait`](crate::Engine::wait) and [`Engine::watch`](crate::Engine::watch) register here. As
//! many as callers that wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jobyard_kernel::{Event, Fact, JobId};
use tokio::sync::oneshot::{self, error::TryRecvError};

/// Those who wait.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiters(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    last: u64,
    waiting: BTreeMap<(JobId, u64), Waiting>,
    /// Nothing will happen any more.
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    /// Only the job's end counts.
    end: bool,
    wake: oneshot::Sender<()>,
}

/// Who waits for a job; a place in the list, until it is dropped.
#[derive(Debug)]
pub struct Waiter {
    key: (JobId, u64),
    woken: oneshot::Receiver<()>,
    waiters: Waiters,
}

impl Waiters {
    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place: what becomes durable from now on is not missed, be it the job's end or, without `end`, anything about it.
    pub(crate) fn join(&self, job: JobId, end: bool) -> Waiter {
        let (wake, woken) = oneshot::channel();
        let mut list = self.list();
        list.last += 1;
        let key = (job, list.last);
        if !list.closed {
            list.waiting.insert(key, Waiting { end, wake });
        }
        Waiter {
            key,
            woken,
            waiters: self.clone(),
        }
    }

    /// Wakes those whose job one of the events is about.
    pub(crate) fn note(&self, events: &[Event]) {
        let mut list = self.list();
        for event in events {
            if list.waiting.is_empty() {
                return;
            }
            list.note(event);
        }
    }

    /// Tells all of them, and who comes later, that the engine has stopped.
    fn close(&self) {
        let mut list = self.list();
        list.closed = true;
        list.waiting.clear();
    }
}

impl List {
    fn note(&mut self, event: &Event) {
        let ends = matches!(
            event.fact,
            Fact::JobEnded { .. }
                | Fact::JobInvalid { .. }
                | Fact::JobRejected { .. }
                | Fact::JobPurged { .. }
                | Fact::JobDeleted { .. }
        );
        let Some(job) = event.fact.job() else {
            return;
        };
        let theirs = self.waiting.range((job, 0)..=(job, u64::MAX));
        let woken = theirs.filter(|(_, waiting)| ends || !waiting.end);
        let woken: Vec<_> = woken.map(|(&key, _)| key).collect();
        for key in woken {
            if let Some(Waiting { wake, .. }) = self.waiting.remove(&key) {
                // An error means that they have gone.
                let _ = wake.send(());
            }
        }
    }
}

/// The loop's end of the list: when it goes, however it goes, nobody waits for ever.
#[derive(Debug)]
pub(crate) struct Waking(pub(crate) Waiters);

impl Drop for Waking {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Waiter {
    /// Returns when there is something to look at; false when the engine has stopped.
    pub(crate) async fn woken(&mut self) -> bool {
        (&mut self.woken).await.is_ok()
    }

    /// Whether something happened since it was made; also when the engine has stopped.
    pub fn is_woken(&mut self) -> bool {
        !matches!(self.woken.try_recv(), Err(TryRecvError::Empty))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiters.list().waiting.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use jobyard_kernel::Timestamp;

    use super::*;

    fn purged(job: u32) -> Event {
        Event {
            at: Timestamp(0),
            fact: Fact::JobPurged { job: JobId(job) },
        }
    }

    #[tokio::test]
    async fn each_is_woken_by_its_own_job_and_leaves_nothing() {
        let waiters = Waiters::default();
        let (mut one, mut two) = (waiters.join(JobId(1), true), waiters.join(JobId(2), true));
        let mut any = waiters.join(JobId(1), false);
        drop(waiters.join(JobId(1), true));
        assert_eq!(waiters.list().waiting.len(), 3);
        let fact = Fact::JobConfigured { job: JobId(1) };
        waiters.note(&[Event {
            at: Timestamp(0),
            fact,
        }]);
        assert!(any.is_woken() && !one.is_woken());
        waiters.note(&[purged(1)]);
        assert!(one.woken().await);
        assert_eq!(waiters.list().waiting.len(), 1);
        drop(Waking(waiters.clone()));
        assert!(!two.woken().await);
        assert!(!waiters.join(JobId(3), true).woken().await);
        assert_eq!(waiters.list().waiting.len(), 0);
    }
}
