//! The journal's thread: one batch after the other, all that waited meanwhile in one.

use std::sync::Arc;
use std::thread;

use jobyard_journal::{Journal, JournalError, Sequence};
use jobyard_kernel::{Event, State};
use tokio::sync::{broadcast, mpsc};

use crate::{BuildError, Notice};

/// Batches that may wait for the journal before the loop waits.
const BATCHES_WAITING_MAX: usize = 256;

/// Events after which a group takes no more batches: what waits behind it is not to wait for ever.
const GROUP_MAX: usize = 16_384;

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
    pub(crate) fn start(
        mut journal: Box<dyn Journal>,
        notices: broadcast::Sender<Notice>,
    ) -> Result<Self, BuildError> {
        let (writes, mut inbox) = mpsc::channel::<Write>(BATCHES_WAITING_MAX);
        let (outbox, durable) = mpsc::channel(BATCHES_WAITING_MAX);
        let work = move || {
            while let Some(first) = inbox.blocking_recv() {
                let (group, snapshot) = gather(first, &mut inbox);
                if !group.is_empty() {
                    let result = journal.append(&group);
                    let failed = result.is_err();
                    if outbox.blocking_send(result).is_err() || failed {
                        return;
                    }
                }
                if let Some((at, state)) = snapshot
                    && let Err(error) = journal.save_snapshot(at, *state)
                {
                    // Without it a restart takes longer; nothing is lost. An error means that nobody listens.
                    let _ = notices.send(Notice::SnapshotFailed(error.to_string()));
                }
            }
            // Whoever waits for the end of `durable` may open the journal again.
            drop(journal);
            drop(outbox);
        };
        thread::Builder::new()
            .name("jobyard-journal".into())
            .spawn(work)
            .map_err(BuildError::Thread)?;
        Ok(Committer { writes, durable })
    }

    /// Waits until the journal is closed.
    pub(crate) async fn close(mut self) {
        drop(self.writes);
        while self.durable.recv().await.is_some() {}
    }
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
