//! How batches get into the journal: in place while the disk is fast, else by a thread of the journal's own, one after the other, all
//! that waited meanwhile in one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use jobyard_journal::{Journal, JournalError, Sequence};
use jobyard_kernel::{Event, State};
use tokio::sync::{broadcast, mpsc};

use crate::{BuildError, Notice};

/// Batches that may wait for the journal before the loop waits.
const BATCHES_WAITING_MAX: usize = 256;

/// Events after which a group takes no more batches: what waits behind it is not to wait for ever.
const GROUP_MAX: usize = 16_384;

/// What the loop hands to the journal's thread.
enum Write {
    /// Append these.
    Events(Arc<[Event]>),
    /// Keep the state as it is after this event.
    Snapshot(Sequence, Box<State>),
}

/// An append that takes no longer than this is waited for: to hand a batch to another thread and to hear of it again would take as
/// long as the disk does.
const SHORT: Duration = Duration::from_micros(500);

/// A batch of more events is the thread's in any case: the loop goes on while it is encoded.
const SHORT_EVENTS_MAX: usize = 512;

/// What became of a batch: the last event that is durable now, or why there will be no more.
pub(crate) type Durable = Result<Sequence, JournalError>;

/// The journal's thread has ended before the loop: what became of the last batch is still to be heard.
#[derive(Debug)]
pub(crate) struct Gone;

/// Where policy components are kept: with the journal, as long as the loop holds that.
#[derive(Clone)]
pub(crate) struct Store(Weak<Mutex<Box<dyn Journal>>>);

impl Store {
    /// Keeps one; none when the journal is closed.
    pub(crate) fn keep(&self, digest: &str, bytes: &[u8]) -> Option<Result<(), JournalError>> {
        let journal = self.0.upgrade()?;
        let kept = hold(&journal).keep_component(digest, bytes);
        Some(kept)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

/// The loop's end of the journal.
pub(crate) struct Committer {
    journal: Arc<Mutex<Box<dyn Journal>>>,
    writes: mpsc::Sender<Write>,
    /// How long each append of the thread's took, and what became of it.
    appended: mpsc::Receiver<(Duration, Durable)>,
    /// How long the last append took.
    took: Duration,
}

impl Committer {
    pub(crate) fn start(
        journal: Box<dyn Journal>,
        notices: broadcast::Sender<Notice>,
    ) -> Result<Self, BuildError> {
        let (writes, mut inbox) = mpsc::channel::<Write>(BATCHES_WAITING_MAX);
        let (outbox, appended) = mpsc::channel(BATCHES_WAITING_MAX);
        let journal = Arc::new(Mutex::new(journal));
        let shared = journal.clone();
        let work = move || {
            while let Some(first) = inbox.blocking_recv() {
                let (group, snapshot) = gather(first, &mut inbox);
                if !group.is_empty() {
                    let (took, durable) = append(&mut hold(&shared), &group);
                    let failed = durable.is_err();
                    if outbox.blocking_send((took, durable)).is_err() || failed {
                        return;
                    }
                }
                if let Some((at, state)) = snapshot
                    && let Err(error) = hold(&shared).save_snapshot(at, *state)
                {
                    // Without it a restart takes longer; nothing is lost. An error means that nobody listens.
                    let _ = notices.send(Notice::SnapshotFailed(error.to_string()));
                }
            }
            // Whoever waits for the end of `appended` may open the journal again.
            drop(shared);
            drop(outbox);
        };
        thread::Builder::new()
            .name("jobyard-journal".into())
            .spawn(work)
            .map_err(BuildError::Thread)?;
        Ok(Committer {
            journal,
            writes,
            appended,
            took: Duration::ZERO,
        })
    }

    /// Where policy components are kept.
    pub(crate) fn store(&self) -> Store {
        Store(Arc::downgrade(&self.journal))
    }

    /// Appends a batch, or hands it to the thread: then none is returned, and [`Committer::durable`] will say what became of it.
    /// `idle`: all batches before are known to be durable. Waits when the thread is far behind.
    pub(crate) async fn append(
        &mut self,
        events: Arc<[Event]>,
        idle: bool,
    ) -> Result<Option<Durable>, Gone> {
        if idle
            && self.took <= SHORT
            && events.len() <= SHORT_EVENTS_MAX
            // It may be busy with a snapshot.
            && let Ok(mut journal) = self.journal.try_lock()
        {
            let (took, durable) = append(&mut journal, &events);
            self.took = took;
            return Ok(Some(durable));
        }
        let handed = self.writes.send(Write::Events(events)).await;
        handed.map(|()| None).map_err(|_| Gone)
    }

    /// Has the state kept as it is after an event; it waits for nothing but its turn.
    pub(crate) async fn snapshot(&self, at: Sequence, state: Box<State>) -> Result<(), Gone> {
        let handed = self.writes.send(Write::Snapshot(at, state)).await;
        handed.map_err(|_| Gone)
    }

    /// What became of batches that were handed to the thread; none when it has ended. Nothing is lost when this is not waited for.
    pub(crate) async fn durable(&mut self) -> Option<Durable> {
        let (took, durable) = self.appended.recv().await?;
        self.took = took;
        Some(durable)
    }

    /// Waits until the journal is closed.
    pub(crate) async fn close(self) {
        let Committer {
            journal,
            writes,
            mut appended,
            ..
        } = self;
        drop(writes);
        while appended.recv().await.is_some() {}
        drop(journal);
    }
}

/// A thread that panicked in it has left no batch half written: the next one's number would not fit.
fn hold(journal: &Mutex<Box<dyn Journal>>) -> MutexGuard<'_, Box<dyn Journal>> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

fn append(journal: &mut Box<dyn Journal>, batch: &[Event]) -> (Duration, Durable) {
    let began = Instant::now();
    let durable = journal.append(batch);
    (began.elapsed(), durable)
}

/// All that waits, up to a snapshot: it is of the state after the events before it.
fn gather(
    first: Write,
    inbox: &mut mpsc::Receiver<Write>,
) -> (Vec<Event>, Option<(Sequence, Box<State>)>) {
    let mut group: Vec<Event> = Vec::new();
    let mut next = Some(first);
    while let Some(write) = next {
        match write {
            Write::Events(events) => group.extend_from_slice(&events),
            Write::Snapshot(at, state) => return (group, Some((at, state))),
        }
        next = match group.len() < GROUP_MAX {
            true => inbox.try_recv().ok(),
            false => None,
        };
    }
    (group, None)
}
