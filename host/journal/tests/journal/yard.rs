//! A kernel that is given random commands, and what came of them.

use jobyard_journal::Journal;
use jobyard_kernel::{Command, Event, State, Timestamp, step};

use crate::numbers::Numbers;
use crate::random;

/// A state and its source of commands.
pub(crate) struct Yard {
    pub(crate) state: State,
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
            let command = random::command(&self.state, self.now, &mut self.numbers);
            // Refusals are part of it.
            let _ = step(&mut self.state, &command, self.now, &mut events);
            self.now = Timestamp(self.now.0 + u64::from(self.numbers.below(700_000)));
        }
        events
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
