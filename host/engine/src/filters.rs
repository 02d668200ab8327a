//! The filters' threads: one each, so that a slow one holds up neither the loop nor the others. Which question is put when is decided in
//! `asking.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jobyard_kernel::filter::{FilterAnswer, FilterFault, Question, QuestionKind, Wants};
use jobyard_kernel::{JobId, Timestamp};
use jobyard_plugin::{Answered, FilterSlot, PluginHost, World};
use tokio::sync::mpsc;

use crate::filter_log::FilterLog;
use crate::{BuildError, builtin};

/// A filter as the builder was told of it.
pub(crate) struct NewFilter {
    pub(crate) name: String,
    pub(crate) component: Vec<u8>,
    pub(crate) settings: Vec<(String, String)>,
    /// Every job is shown to it, not only those of templates that name it.
    pub(crate) everywhere: bool,
}

/// Filters that are loaded, and in which lists of the cluster they are.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) slots: Vec<FilterSlot>,
    pub(crate) submission: Vec<String>,
    pub(crate) activation: Vec<String>,
}

impl Loaded {
    pub(crate) fn load(host: &PluginHost, filters: Vec<NewFilter>) -> Result<Self, BuildError> {
        let mut loaded = Loaded::default();
        for filter in filters {
            let name = filter.name;
            let plugin = builtin::load(host, &name, &filter.component, World::JobFilter, None)?;
            let (submits, starts) = plugin.filter_kinds();
            let limits = plugin.limits();
            let slot = FilterSlot::new(plugin, limits, filter.settings).map_err(|error| {
                let name = name.clone();
                BuildError::Filter { name, error }
            })?;
            loaded.slots.push(slot);
            if filter.everywhere {
                loaded.submission.extend(submits.then(|| name.clone()));
                loaded.activation.extend(starts.then_some(name));
            }
        }
        Ok(loaded)
    }

    pub(crate) fn wants(&self) -> BTreeMap<String, Wants> {
        let pair = |slot: &FilterSlot| (slot.name().to_string(), slot.wants().clone());
        self.slots.iter().map(pair).collect()
    }
}

/// What a filter said.
pub(crate) struct Said {
    pub(crate) filter: Arc<str>,
    pub(crate) question: u64,
    pub(crate) job: JobId,
    pub(crate) asked: QuestionKind,
    pub(crate) took: Duration,
    pub(crate) answered: Answered,
}

/// The loop's end of the filters.
pub(crate) struct Filters {
    asks: BTreeMap<String, mpsc::Sender<(Question, Timestamp)>>,
    pub(crate) replies: mpsc::Receiver<Said>,
    pub(crate) log: FilterLog,
    /// Keeps `replies` open where there is no filter.
    _open: mpsc::Sender<Said>,
}

impl Filters {
    pub(crate) fn start(slots: Vec<FilterSlot>) -> Result<Self, BuildError> {
        let (outbox, replies) = mpsc::channel(slots.len().max(1));
        let log = FilterLog::of(&slots);
        let mut asks = BTreeMap::new();
        for mut slot in slots {
            let name = slot.name().to_string();
            // Each is asked one thing at a time.
            let (sender, mut inbox) = mpsc::channel::<(Question, Timestamp)>(1);
            let outbox = outbox.clone();
            let filter: Arc<str> = name.as_str().into();
            let work = move || {
                while let Some((question, now)) = inbox.blocking_recv() {
                    let (number, job) = (question.number, question.job.id);
                    let asked = question.asks.kind();
                    let began = Instant::now();
                    let answered = slot.ask(question, now);
                    let reply = Said {
                        filter: filter.clone(),
                        question: number,
                        job,
                        asked,
                        took: began.elapsed(),
                        answered,
                    };
                    if outbox.blocking_send(reply).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new()
                .name(format!("filter-{name}"))
                .spawn(work)
                .map_err(BuildError::Thread)?;
            asks.insert(name, sender);
        }
        Ok(Filters {
            asks,
            replies,
            log,
            _open: outbox,
        })
    }

    /// Puts a question. An answer at once says that nobody can be asked any more.
    pub(crate) fn ask(&self, question: Question, now: Timestamp) -> Option<FilterAnswer> {
        let asked = self.asks.get(&question.filter).map(|asks| {
            let sent = asks.try_send((question, now));
            sent.is_ok()
        });
        (asked != Some(true)).then(|| {
            FilterAnswer::Fault(FilterFault::Failed, "the filter's thread has ended".into())
        })
    }
}
