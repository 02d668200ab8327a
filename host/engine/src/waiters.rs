//! Who waits for the end of which job. One list for all of them: an event wakes those whose job it is about, and nobody else looks.
//!
//! The loop tells it what became durable; [`Engine::wait`](crate::Engine::wait) and what builds on it register here. As many as callers that wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jobyard_kernel::{Event, Fact, JobId};
use tokio::sync::oneshot;

/// Those who wait.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiters(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    last: u64,
    waiting: BTreeMap<(JobId, u64), oneshot::Sender<()>>,
    /// Nothing will happen any more.
    closed: bool,
}

/// A place in the list, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiter {
    key: (JobId, u64),
    woken: oneshot::Receiver<()>,
    waiters: Waiters,
}

impl Waiters {
    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place: an end that becomes durable from now on is not missed.
    pub(crate) fn join(&self, job: JobId) -> Waiter {
        let (wake, woken) = oneshot::channel();
        let mut list = self.list();
        list.last += 1;
        let key = (job, list.last);
        if !list.closed {
            list.waiting.insert(key, wake);
        }
        Waiter {
            key,
            woken,
            waiters: self.clone(),
        }
    }

    /// Wakes those whose job an event may have ended, or taken away.
    pub(crate) fn note(&self, event: &Event) {
        let ends = matches!(
            event.fact,
            Fact::JobEnded { .. }
                | Fact::JobInvalid { .. }
                | Fact::JobPurged { .. }
                | Fact::JobDeleted { .. }
        );
        let Some(job) = event.fact.job().filter(|_| ends) else {
            return;
        };
        let mut list = self.list();
        let theirs = list.waiting.range((job, 0)..=(job, u64::MAX));
        let theirs: Vec<_> = theirs.map(|(&key, _)| key).collect();
        for key in theirs {
            if let Some(wake) = list.waiting.remove(&key) {
                // An error means that they have gone.
                let _ = wake.send(());
            }
        }
    }

    /// Tells all of them, and who comes later, that the engine has stopped.
    fn close(&self) {
        let mut list = self.list();
        list.closed = true;
        list.waiting.clear();
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
        let (mut one, mut two) = (waiters.join(JobId(1)), waiters.join(JobId(2)));
        drop(waiters.join(JobId(1)));
        assert_eq!(waiters.list().waiting.len(), 2);
        waiters.note(&purged(1));
        assert!(one.woken().await);
        assert_eq!(waiters.list().waiting.len(), 1);
        drop(Waking(waiters.clone()));
        assert!(!two.woken().await);
        assert!(!waiters.join(JobId(3)).woken().await);
        assert_eq!(waiters.list().waiting.len(), 0);
    }
}
