//! Which questions are on their way to filters: one at a time to each. What is open is derived from the state, so after a crash the same
//! questions are asked again.

use std::collections::{BTreeMap, BTreeSet};

use jobyard_kernel::State;
use jobyard_kernel::filter::{Question, Wants};

/// The filters that there are, and what each is at.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    filters: BTreeMap<String, Wants>,
    busy: BTreeSet<String>,
}

impl Asking {
    pub(crate) fn new(filters: BTreeMap<String, Wants>) -> Self {
        let busy = BTreeSet::new();
        Asking { filters, busy }
    }

    /// The questions to be put now, each to a filter that is at nothing else.
    pub(crate) fn next(&mut self, state: &State) -> Vec<Question> {
        let mut questions = Vec::new();
        for (number, filter, _) in state.questions() {
            let free = !self.busy.contains(filter);
            if let Some(wants) = self.filters.get(filter).filter(|_| free)
                && let Some(question) = state.question(number, wants)
            {
                self.busy.insert(filter.into());
                questions.push(question);
            }
        }
        questions
    }

    /// A question that nobody can answer.
    pub(crate) fn unanswerable(&self, state: &State) -> Option<(u64, String)> {
        let mut open = state.questions();
        let missing = open.find(|(_, filter, _)| !self.filters.contains_key(*filter));
        missing.map(|(number, filter, _)| (number, filter.into()))
    }

    /// A filter has answered, or failed at it.
    pub(crate) fn answered(&mut self, filter: &str) {
        self.busy.remove(filter);
    }
}
