//! The journal's thread: one batch after the other, all that waited meanwhile in one.

use std::sync::Arc;
use std::thread;

use jobyard_journal::{Journal, JournalError, Sequence};
use jobyard_kernel::{Event, State};
use tokio::sync::mpsc;

use crate::BuildError;

/// Batches that may wait for the journal before the loop waits.
const BATCHES_WAITING_MAX: usize = 256;

/// What the loop hands to the journal.
pub(crate) enum Write {
    /// Append these.
    Events(Arc<[Event]>),
    /// Keep the state as it is after this event.
    Snapshot(Sequence, Box<State>),
}

/// The loop's end of the journal.
#[derive(Debug)]
pub(crate) struct Committer {
    pub(crate) writes: mpsc::Sender<Write>,
    /// The last durable event, or why there will be no more.
    pub(crate) durable: mpsc::Receiver<Result<Sequence, JournalError>>,
}

impl Committer {
    pub(crate) fn start(mut journal: Box<dyn Journal>) -> Result<Self, BuildError> {
        let (writes, mut inbox) = mpsc::channel::<Write>(BATCHES_WAITING_MAX);
        let (outbox, durable) = mpsc::channel(BATCHES_WAITING_MAX);
        let work = move || {
            while let Some(first) = inbox.blocking_recv() {
                let mut next = Some(first);
                let mut group: Vec<Event> = Vec::new();
                let mut snapshot = None;
                while let Some(write) = next.take() {
                    match write {
                        Write::Events(events) => group.extend_from_slice(&events),
                        Write::Snapshot(at, state) => snapshot = Some((at, state)),
                    }
                    next = if snapshot.is_none() {
                        inbox.try_recv().ok()
                    } else {
                        None
                    };
                }
                if !group.is_empty() {
                    let result = journal.append(&group);
                    let failed = result.is_err();
                    if outbox.blocking_send(result).is_err() || failed {
                        return;
                    }
                }
                if let Some((at, state)) = snapshot {
                    // Without it a restart takes longer; nothing is lost.
                    let _ = journal.save_snapshot(at, &state);
                }
            }
        };
        thread::Builder::new()
            .name("jobyard-journal".into())
            .spawn(work)
            .map_err(BuildError::Thread)?;
        Ok(Committer { writes, durable })
    }
}
