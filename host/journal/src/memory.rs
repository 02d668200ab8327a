//! A journal in memory: for `jobyard run`, embedders that need no durability, simulations and tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jobyard_kernel::{Event, Fact, JobId, State, Timestamp};

use crate::history::{Page, Summary};
use crate::{History, Journal, JournalError, Query, Record, Sequence};

/// Keeps events since the last snapshot; gone with the process.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    events: VecDeque<Event>,
    /// The number of the event before the first that is kept.
    before: Sequence,
    snapshot: Option<(Sequence, State)>,
    archive: Archive,
    components: Components,
}

/// Shared with those who read it.
type Archive = Arc<Mutex<BTreeMap<JobId, Record>>>;
/// Likewise.
type Components = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

impl MemoryJournal {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, batch: &[Event]) -> Result<Sequence, JournalError> {
        let mut archive = hold(&self.archive);
        for (event, archived) in batch.iter().zip(self.last() + 1..) {
            if let Fact::JobArchived { job } = &event.fact {
                let job = job.clone();
                archive.insert(job.id, Record { job, archived });
            } else if let Fact::JobRecalled { job } = &event.fact {
                archive.remove(&job.id);
            } else if let Fact::HistoryPurged { ended_before } = &event.fact {
                archive.retain(|_, record| Summary::of(&record.job).ended >= *ended_before);
            }
        }
        drop(archive);
        self.events.extend(batch.iter().cloned());
        Ok(self.last())
    }

    fn keep_component(&mut self, digest: &str, bytes: &[u8]) -> Result<(), JournalError> {
        let mut all = hold(&self.components);
        all.entry(digest.to_string())
            .or_insert_with(|| bytes.to_vec());
        Ok(())
    }

    fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Event>, JournalError> {
        if from <= self.before {
            return Err(JournalError::Compacted {
                asked: from,
                oldest: self.before + 1,
            });
        }
        let skip = (from - self.before - 1) as usize;
        Ok(self.events.iter().skip(skip).take(limit).cloned().collect())
    }

    fn last(&self) -> Sequence {
        self.before + self.events.len() as Sequence
    }

    fn save_snapshot(&mut self, at: Sequence, state: State) -> Result<(), JournalError> {
        if at > self.last() {
            return Err(JournalError::SnapshotAhead {
                at,
                last: self.last(),
            });
        }
        let covered = at.saturating_sub(self.before) as usize;
        self.events.drain(..covered);
        self.before += covered as Sequence;
        self.snapshot = Some((at, state));
        Ok(())
    }

    fn settle(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    fn history(&self) -> Result<Box<dyn History>, JournalError> {
        Ok(Box::new(MemoryHistory {
            archive: self.archive.clone(),
            components: self.components.clone(),
        }))
    }

    fn snapshot(&self) -> Result<Option<(Sequence, State)>, JournalError> {
        Ok(self.snapshot.clone())
    }
}

/// Reads the archive of a [`MemoryJournal`].
#[derive(Debug)]
struct MemoryHistory {
    archive: Archive,
    components: Components,
}

fn hold<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryHistory {
    fn look<T>(&self, look: impl FnOnce(&BTreeMap<JobId, Record>) -> T) -> T {
        look(&hold(&self.archive))
    }
}

impl History for MemoryHistory {
    fn job(&self, id: JobId) -> Result<Option<Record>, JournalError> {
        Ok(self.look(|archive| archive.get(&id).cloned()))
    }

    fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(hold(&self.components).get(digest).cloned())
    }

    fn jobs(&self, query: &Query) -> Result<Page, JournalError> {
        let mut fitting: Vec<Summary> = self.look(|archive| {
            let all = archive.values().map(|record| Summary::of(&record.job));
            let here = all.filter(|job| query.after.is_none_or(|after| job.place() < after));
            here.filter(|job| query.fits(job)).collect()
        });
        fitting.sort_by_key(|job| std::cmp::Reverse(job.place()));
        Ok(Page::of(fitting, query.page_size()))
    }

    fn purge_bound(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Option<Timestamp>, JournalError> {
        let mut ended: Vec<Timestamp> = self.look(|archive| {
            let all = archive
                .values()
                .map(|record| Summary::of(&record.job).ended);
            all.filter(|&ended| ended < until).collect()
        });
        ended.sort_unstable();
        let last = ended.iter().take(limit.max(1)).next_back();
        Ok(last.map(|&last| Timestamp(last.0 + 1).min(until)))
    }
}

#[cfg(test)]
mod tests {
    use jobyard_kernel::{Actor, Command, JobSpec, NodeSpec, State, TaskSpec, Timestamp, step};

    use super::*;
    use crate::replay;

    fn node() -> NodeSpec {
        NodeSpec {
            name: "n1".into(),
            cores: 4,
            sockets: 1,
            gpus: 0,
            memory_mb: 0,
            groups: Vec::new(),
        }
    }

    #[test]
    fn a_replay_gives_the_state_with_and_without_a_snapshot() {
        let (mut state, mut journal) = (State::new(), MemoryJournal::new());
        let task = TaskSpec {
            command_line: "true".into(),
            ..TaskSpec::default()
        };
        let add = Command::AddJob {
            by: Actor::user("ann"),
            spec: JobSpec::default().into(),
            tasks: vec![task.into()],
        };
        for (second, command) in [Command::AddNode(node()), add.clone(), add]
            .into_iter()
            .enumerate()
        {
            let mut events = Vec::new();
            step(&mut state, &command, Timestamp(second as u64), &mut events).unwrap();
            assert_eq!(journal.append(&events).unwrap(), second as u64 + 1);
        }
        assert_eq!(replay(&journal).unwrap(), state);

        journal.save_snapshot(3, state.clone()).unwrap();
        assert_eq!(replay(&journal).unwrap(), state);
        let gone = journal.read(3, 10).unwrap_err().to_string();
        assert_eq!(gone, "event 3 is gone; the oldest that is kept is 4");
        let ahead = journal.save_snapshot(4, state).unwrap_err().to_string();
        assert_eq!(
            ahead,
            "a snapshot after event 4 cannot be kept: the last event is 3"
        );
    }
}
