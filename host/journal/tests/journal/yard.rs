//! A kernel that is given random commands, and what came of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jobyard_journal::Journal;
use jobyard_kernel::{Command, Event, Fact, Job, JobId, State, Timestamp, step};

use crate::numbers::Numbers;
use crate::{anything, random};

/// Jobs that have left the live state.
pub(crate) type History = BTreeMap<JobId, Arc<Job>>;

/// A state and its source of commands.
pub(crate) struct Yard {
    pub(crate) state: State,
    pub(crate) history: History,
    numbers: Numbers,
    now: Timestamp,
}

impl Yard {
    /// Three nodes and no jobs; the same seed gives the same events.
    pub(crate) fn new(seed: u64) -> (Yard, Vec<Event>) {
        let (mut state, mut events) = (State::new(), Vec::new());
        let now = Timestamp(1_700_000_000_000_000);
        for number in 1..=3 {
            let add = Command::AddNode(random::node(number, 4));
            step(&mut state, &add, now, &mut events).expect("a node can be added");
        }
        let numbers = Numbers::new(seed);
        let yard = Yard {
            state,
            history: History::new(),
            numbers,
            now,
        };
        (yard, events)
    }

    /// The events of a few commands, at least one.
    pub(crate) fn batch(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let wanted = 1 + self.numbers.below(20) as usize;
        while events.len() < wanted {
            let command = self.command();
            // Refusals are part of it.
            let _ = step(&mut self.state, &command, self.now, &mut events);
            self.now = Timestamp(self.now.0 + u64::from(self.numbers.below(700_000)));
        }
        for event in &events {
            if let Fact::JobArchived { job } = &event.fact {
                self.history.insert(job.id, job.clone());
            } else if let Fact::JobRecalled { job } = &event.fact {
                self.history.remove(&job.id);
            } else if let Fact::HistoryPurged { ended_before } = &event.fact {
                let stays = |job: &Arc<Job>| job.times.ended >= Some(*ended_before);
                self.history.retain(|_, job| stays(job));
            }
        }
        events
    }

    fn command(&mut self) -> Command {
        match self.numbers.below(60) {
            0 => {
                let ended = self.state.jobs().filter(|job| job.state().is_ended());
                Command::ArchiveJobs(ended.map(|job| job.id).collect())
            }
            1 => {
                let records: Vec<_> = self.history.values().cloned().collect();
                let record = self.numbers.pick(&records).cloned();
                record.map_or(Command::Tick, Command::RecallJob)
            }
            2 if self.numbers.once_in(8) => Command::PurgeHistory {
                ended_before: Timestamp(self.now.0 - 400_000_000),
            },
            _ => {
                let any =
                    anything::command(&self.state, &self.history, self.now, &mut self.numbers);
                // How much is in history is said above.
                let history = matches!(
                    any,
                    Command::ArchiveJobs(_) | Command::RecallJob(_) | Command::PurgeHistory { .. }
                );
                if history { Command::Tick } else { any }
            }
        }
    }

    /// Appends that many batches.
    pub(crate) fn fill(&mut self, journal: &mut dyn Journal, batches: usize) {
        for _ in 0..batches {
            let last = journal.last();
            let batch = self.batch();
            let end = journal.append(&batch).expect("it can be appended");
            assert_eq!(end, last + batch.len() as u64);
        }
    }
}
