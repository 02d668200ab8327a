//! A journal in memory: for `jobyard run`, embedders that need no durability, simulations and tests.

use std::collections::VecDeque;

use jobyard_kernel::{Event, State};

use crate::{Journal, JournalError, Sequence};

/// Keeps events since the last snapshot; gone with the process.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    events: VecDeque<Event>,
    /// The number of the event before the first that is kept.
    before: Sequence,
    snapshot: Option<(Sequence, State)>,
}

impl MemoryJournal {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, batch: &[Event]) -> Result<Sequence, JournalError> {
        self.events.extend(batch.iter().cloned());
        Ok(self.last())
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

    fn snapshot(&self) -> Result<Option<(Sequence, State)>, JournalError> {
        Ok(self.snapshot.clone())
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
