//! Job filters as people see them: which there are, who is shown to them, and what they said. Kept in memory, from when the engine was
//! started on.
//!
//! The loop fills it; what an answer means for its job is in the job's events.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jobyard_kernel::filter::{FilterAnswer, FilterFault, QuestionKind};
use jobyard_kernel::{State, Timestamp};
use jobyard_plugin::FilterSlot;
use serde::{Deserialize, Serialize};

use crate::filters::Said;
use crate::{Engine, EngineError, rfc3339};

/// Answers of one filter that are kept, the latest.
pub const FILTER_ANSWERS_KEPT_MAX: usize = 100;

/// A filter, and what came of asking it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FilterView {
    /// What people call it.
    pub name: String,
    /// SHA-256 of its component.
    pub digest: String,
    /// What it can be asked: `submission`, `activation`.
    pub asks: Vec<String>,
    /// What it is asked of every job, since the cluster's parameters name it: `submission`, `activation`.
    pub everywhere: Vec<String>,
    /// Job templates that name it: it is asked of their jobs.
    pub templates: Vec<String>,
    /// It is shown the tasks of jobs.
    pub tasks: bool,
    /// Properties that it is shown of the jobs that hold resources, by HPC Pack's names.
    pub holders: Vec<String>,
    /// All of its settings.
    pub settings: BTreeMap<String, String>,
    /// Questions that it was asked and that have an end.
    pub questions: u64,
    /// How often it gave each answer: `accept`, `change`, `reject`, `start`, `hold_queue`, `keep`, `hold`, `fail`, `reverted`; `fault`: none.
    pub answers: BTreeMap<String, u64>,
    /// How long its calls took in all, in microseconds.
    pub took_us: u64,
    /// The longest.
    pub slowest_us: u64,
    /// The last call that failed.
    pub last_fault: Option<FilterFaultView>,
}

/// A call of a filter that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FilterFaultView {
    /// When.
    pub at: String,
    /// The job that it was asked about.
    pub job: u32,
    /// `late`; `failed`: it trapped, or answered nonsense; `missing`: it does not look at such jobs.
    pub kind: String,
    /// What happened.
    pub text: String,
}

/// What a filter said of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FilterAnswerView {
    /// When the answer came.
    pub at: String,
    /// The job.
    pub job: u32,
    /// What it was asked: `submission`, `activation`, or `revert`: to take back what it passed.
    pub asked: String,
    /// As in [`FilterView::answers`].
    pub answer: String,
    /// Its words, or what went wrong; may be empty.
    pub text: String,
    /// Properties that it wants to be others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Of `hold`: until when, where it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How long the call took, in microseconds.
    pub took_us: u64,
}

/// A filter with what it said lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FilterInFull {
    /// What it is.
    #[serde(flatten)]
    pub filter: FilterView,
    /// Its last answers, latest first, at most 100.
    #[schema(max_items = 100)]
    pub latest: Vec<FilterAnswerView>,
}

impl Engine {
    /// The job filters that this engine has, by name.
    ///
    /// # Errors
    /// The engine has stopped.
    pub async fn filters(&self) -> Result<Vec<FilterView>, EngineError> {
        let log = self.filter_log().clone();
        let view = move |state: &State, _: &_| {
            let known = log.hold();
            let all = known.values().map(|one| one.filter.clone().placed(state));
            all.collect()
        };
        self.look(view).await
    }

    /// A job filter with its last answers; none where there is no such filter.
    ///
    /// # Errors
    /// The engine has stopped.
    pub async fn filter(&self, name: &str) -> Result<Option<FilterInFull>, EngineError> {
        let (log, name) = (self.filter_log().clone(), name.to_string());
        let view = move |state: &State, _: &_| {
            let known = log.hold();
            known.get(&name).map(|one| FilterInFull {
                filter: one.filter.clone().placed(state),
                latest: one.latest.iter().rev().cloned().collect(),
            })
        };
        self.look(view).await
    }
}

impl FilterView {
    fn of(slot: &FilterSlot) -> Self {
        let (submits, starts) = slot.plugin().filter_kinds();
        let kinds = [(submits, "submission"), (starts, "activation")];
        let kinds = kinds.into_iter().filter(|(asks, _)| *asks);
        FilterView {
            name: slot.name().into(),
            digest: slot.plugin().digest().into(),
            asks: kinds.map(|(_, name)| name.into()).collect(),
            tasks: slot.wants().tasks,
            holders: slot.wants().holders.clone(),
            settings: slot.settings().iter().cloned().collect(),
            ..FilterView::default()
        }
    }

    /// With who is shown to it now.
    fn placed(mut self, state: &State) -> Self {
        let parameters = state.parameters();
        let lists = [
            ("submission", &parameters.submission_filters),
            ("activation", &parameters.activation_filters),
        ];
        let lists = lists
            .into_iter()
            .filter(|(_, all)| all.contains(&self.name));
        self.everywhere = lists.map(|(name, _)| name.into()).collect();
        let named = state.templates().filter(|template| {
            let mut all = template
                .submission_filters
                .iter()
                .chain(&template.activation_filters);
            all.any(|name| *name == self.name)
        });
        self.templates = named.map(|template| template.name.clone()).collect();
        self
    }
}

#[derive(Debug)]
struct Known {
    filter: FilterView,
    /// Oldest first.
    latest: VecDeque<FilterAnswerView>,
}

/// Shared by the loop, which fills it, and those who look.
#[derive(Debug, Clone, Default)]
pub(crate) struct FilterLog(Arc<Mutex<BTreeMap<String, Known>>>);

impl FilterLog {
    pub(crate) fn of(slots: &[FilterSlot]) -> Self {
        let known = |slot: &FilterSlot| {
            let filter = FilterView::of(slot);
            let latest = VecDeque::new();
            (filter.name.clone(), Known { filter, latest })
        };
        FilterLog(Arc::new(Mutex::new(slots.iter().map(known).collect())))
    }

    fn hold(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A filter has answered, or failed at it.
    pub(crate) fn note(&self, said: &Said, at: Timestamp) {
        if let Some(known) = self.hold().get_mut(&*said.filter) {
            known.note(said, at);
        }
    }
}

impl Known {
    fn note(&mut self, said: &Said, at: Timestamp) {
        let view = view(said, at);
        let filter = &mut self.filter;
        filter.questions += 1;
        *filter.answers.entry(view.answer.clone()).or_default() += 1;
        filter.took_us += view.took_us;
        filter.slowest_us = filter.slowest_us.max(view.took_us);
        if let FilterAnswer::Fault(kind, text) = &said.answered.answer {
            let kind = match kind {
                FilterFault::Missing => "missing",
                FilterFault::Late => "late",
                FilterFault::Failed => "failed",
            };
            filter.last_fault = Some(FilterFaultView {
                at: view.at.clone(),
                job: view.job,
                kind: kind.into(),
                text: text.clone(),
            });
        }
        if self.latest.len() == FILTER_ANSWERS_KEPT_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(view);
    }
}

fn view(said: &Said, at: Timestamp) -> FilterAnswerView {
    let (mut changes, mut until) = (Vec::new(), None);
    let (answer, text) = match &said.answered.answer {
        FilterAnswer::Accept(none) if none.is_empty() => ("accept", ""),
        FilterAnswer::Accept(all) => {
            changes = named(all.iter().map(|change| change.name.as_str()));
            ("change", "")
        }
        FilterAnswer::Reject(text) => ("reject", text.as_str()),
        FilterAnswer::Start => ("start", ""),
        FilterAnswer::HoldQueue(text) => ("hold_queue", text.as_str()),
        FilterAnswer::Keep(text) => ("keep", text.as_str()),
        FilterAnswer::Hold(at, text) => {
            until = at.map(rfc3339);
            ("hold", text.as_str())
        }
        FilterAnswer::Fail(text) => ("fail", text.as_str()),
        FilterAnswer::Reverted => ("reverted", ""),
        FilterAnswer::Fault(_, text) => ("fault", text.as_str()),
    };
    let asked = match said.asked {
        QuestionKind::Submission => "submission",
        QuestionKind::Activation => "activation",
        QuestionKind::Revert => "revert",
    };
    FilterAnswerView {
        at: rfc3339(at),
        job: said.job.0,
        asked: asked.into(),
        answer: answer.into(),
        text: text.into(),
        changes,
        until,
        took_us: u64::try_from(said.took.as_micros()).unwrap_or(u64::MAX),
    }
}

/// Names of properties that are kept of one answer.
const CHANGES_KEPT_MAX: usize = 20;
/// Characters of each.
const CHANGE_CHARS_MAX: usize = 80;

/// A guest wrote them.
fn named<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let short = |name: &str| name.chars().take(CHANGE_CHARS_MAX).collect();
    names.take(CHANGES_KEPT_MAX).map(short).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jobyard_kernel::JobId;
    use jobyard_kernel::filter::Change;
    use jobyard_plugin::Answered;

    use super::*;

    fn said(job: u32, asked: QuestionKind, answer: FilterAnswer) -> Said {
        Said {
            filter: "gate".into(),
            question: 1,
            job: JobId(job),
            asked,
            took: Duration::from_micros(u64::from(job)),
            answered: Answered {
                answer,
                fault: None,
                log: Vec::new(),
            },
        }
    }

    #[test]
    fn answers_are_counted_and_the_latest_kept() {
        use QuestionKind::{Activation, Revert, Submission};
        let change = |name: &str| Change {
            task: 0,
            name: name.into(),
            value: "1".into(),
        };
        let table = [
            (Submission, FilterAnswer::Accept(vec![]), "accept"),
            (
                Submission,
                FilterAnswer::Accept(vec![change("Priority")]),
                "change",
            ),
            (Submission, FilterAnswer::Reject("no".into()), "reject"),
            (Activation, FilterAnswer::Start, "start"),
            (
                Activation,
                FilterAnswer::HoldQueue("all wait".into()),
                "hold_queue",
            ),
            (Activation, FilterAnswer::Keep("soon".into()), "keep"),
            (
                Activation,
                FilterAnswer::Hold(Some(Timestamp(1_000_000)), "later".into()),
                "hold",
            ),
            (Activation, FilterAnswer::Fail("never".into()), "fail"),
            (Revert, FilterAnswer::Reverted, "reverted"),
            (
                Activation,
                FilterAnswer::Fault(FilterFault::Late, "10 s".into()),
                "fault",
            ),
        ];
        let mut known = Known {
            filter: FilterView::default(),
            latest: VecDeque::new(),
        };
        for (asked, answer, kind) in table {
            known.note(&said(7, asked, answer), Timestamp(5_000_000));
            let last = known.latest.back().expect("one was noted");
            assert_eq!((last.answer.as_str(), last.job), (kind, 7));
            assert_eq!(known.filter.answers[kind], 1);
        }
        let changed: Vec<_> = known.latest.iter().flat_map(|a| &a.changes).collect();
        assert_eq!(changed, ["Priority"]);
        let until: Vec<_> = known
            .latest
            .iter()
            .filter_map(|a| a.until.clone())
            .collect();
        assert_eq!(until, ["1970-01-01T00:00:01Z"]);
        let fault = known.filter.last_fault.as_ref().expect("there was one");
        assert_eq!((fault.kind.as_str(), fault.text.as_str()), ("late", "10 s"));
        assert_eq!((known.filter.questions, known.filter.took_us), (10, 70));

        for job in 1..=150 {
            known.note(&said(job, Activation, FilterAnswer::Start), Timestamp(0));
        }
        assert_eq!(known.latest.len(), FILTER_ANSWERS_KEPT_MAX);
        assert_eq!(known.latest.front().map(|answer| answer.job), Some(51));
        assert_eq!(
            (known.filter.questions, known.filter.slowest_us),
            (160, 150)
        );
    }
}
