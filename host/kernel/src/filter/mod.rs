//! Job filters: which of them look at a job, what they are asked, and what stands until they have answered.
//!
//! A submission filter is asked about each job that is submitted, an activation filter about each job that is about to start or to grow.
//! Questions are numbered and derived from the state ([`State::questions`]): after a crash the same ones are open. What an answer comes
//! to is in `decide/filters.rs`, what it does to the state in `apply/filters.rs`; this crate calls no filter.
//!
//! Command jobs are not shown to filters: they are an administrator's own, hold no resources and start outside the queue.

mod change;
mod describe;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::FILTERS_MAX;
use crate::{Grant, Job, JobId, JobKind, JobSpec, Phase, Span, State, Timestamp};

pub(crate) use change::changed;
pub use change::{BadChange, Change};
pub use describe::{Described, Properties};

/// A job whose submission filters are being asked, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Screening {
    /// Those that are asked, in this order.
    pub filters: Vec<String>,
    /// What the job asked for after each that has passed it: as the filter left it.
    pub passed: Vec<Arc<JobSpec>>,
    /// The question that is open.
    pub question: u64,
}

impl Screening {
    /// The filter that is being asked.
    pub fn filter(&self) -> &str {
        self.filters.get(self.passed.len()).map_or("", |name| name)
    }
}

/// A filter that passed a job is to take back what it made of that, since the job did not get past the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revert {
    /// The job, which may be gone.
    pub job: JobId,
    /// The filter.
    pub filter: String,
    /// What the job asked for when the filter had passed it.
    pub spec: Arc<JobSpec>,
}

/// A job that could start or grow, as far as its activation filters let it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Those that are asked, in this order.
    pub filters: Vec<String>,
    /// What it is to be given: nobody else is given that meanwhile.
    pub grants: Vec<Grant>,
    /// Where it is.
    pub stage: Stage,
    /// No other job of its priority or a lower one starts until this one has passed.
    pub blocks: bool,
    /// Which scheduling pass it is asked in.
    pub pass: u32,
    /// Which job of that pass it is, from 0.
    pub index: u32,
    /// It would start before a job that is ahead of it in the queue and has a promise of when it will start.
    pub backfill: bool,
    /// Since when its resources are withheld.
    pub since: Timestamp,
    /// What the filter said that keeps it waiting.
    pub said: String,
}

/// Where the asking of activation filters is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// A filter is being asked.
    Asked {
        /// The question that is open.
        question: u64,
        /// Which filter, from 0.
        filter: u32,
    },
    /// Its resources are kept for it, and all filters are asked again then.
    Kept {
        /// When.
        again: Timestamp,
    },
    /// It has no resources, and none are to be proposed for it before then; none: they may be.
    Waiting {
        /// When.
        again: Option<Timestamp>,
    },
    /// It has no resources, and is held.
    Held,
}

impl Activation {
    /// The filter that is being asked; none while none is.
    pub fn asked(&self) -> Option<&str> {
        match self.stage {
            Stage::Asked { filter, .. } => self.filters.get(filter as usize).map(String::as_str),
            Stage::Kept { .. } | Stage::Waiting { .. } | Stage::Held => None,
        }
    }

    /// Whether a policy may propose resources for the job.
    pub fn is_open(&self) -> bool {
        match self.stage {
            Stage::Waiting { again } => again.is_none(),
            Stage::Asked { .. } | Stage::Kept { .. } | Stage::Held => false,
        }
    }

    /// When something happens by itself.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Kept { again } => Some(again),
            Stage::Waiting { again } => again,
            Stage::Asked { .. } | Stage::Held => None,
        }
    }

    pub(crate) fn question(&self) -> Option<u64> {
        match self.stage {
            Stage::Asked { question, .. } => Some(question),
            Stage::Kept { .. } | Stage::Waiting { .. } | Stage::Held => None,
        }
    }
}

/// Why a job does not get what a policy proposed for it, for the time being.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Deferral {
    /// No other of its priority or below starts either, until this one has passed.
    QueueHeld,
    /// What it was to be given stays reserved for it.
    Kept,
    /// The job is held; what it was to be given is free again.
    Held,
    /// A running job stays as it is.
    NotGrown,
}

/// The number of the scheduling pass that asked last, and how many jobs it has asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct PassMark {
    number: u32,
    index: u32,
    at: Timestamp,
}

impl PassMark {
    /// The next place in the pass of that moment.
    pub(crate) fn next(&mut self, at: Timestamp) -> (u32, u32) {
        *self = match self.number > 0 && self.at == at {
            true => PassMark {
                index: self.index + 1,
                ..*self
            },
            false => PassMark {
                number: self.number.wrapping_add(1).max(1),
                index: 0,
                at,
            },
        };
        (self.number, self.index)
    }
}

/// What a filter answers. Anything may be in it: a guest wrote it.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterAnswer {
    /// Submission: the job may go on, with these changes.
    Accept(Vec<Change>),
    /// Submission: it may not.
    Reject(String),
    /// Activation: it starts, or grows.
    Start,
    /// Activation: neither it nor another of its priority or below starts until it has passed.
    HoldQueue(String),
    /// Activation: it does not start, and what it was to be given is kept for it.
    Keep(String),
    /// Activation: it is held until then, or for `DefaultHoldDuration`.
    Hold(Option<Timestamp>, String),
    /// Activation: it has failed.
    Fail(String),
    /// What was to be taken back is.
    Reverted,
    /// There was no answer.
    Fault(FilterFault, String),
}

/// Why a filter gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FilterFault {
    /// There is none of that name.
    Missing,
    /// It ran longer than it may.
    Late,
    /// It trapped, or answered nonsense.
    Failed,
}

/// What a filter wants to be shown, as it said when it took its settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    /// The tasks of jobs.
    pub tasks: bool,
    /// Properties of the jobs that hold resources, by HPC Pack's names.
    pub holders: Vec<String>,
}

/// What an open question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuestionKind {
    /// Whether a job may be queued.
    Submission,
    /// Whether a job may start or grow.
    Activation,
    /// Not really one: that a filter takes back what it passed.
    Revert,
}

/// A question to a filter, with all that it is shown: the shapes of `wit/filter.wit`.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Its number: the answer names it.
    pub number: u64,
    /// Who is asked.
    pub filter: String,
    /// The job.
    pub job: Described,
    /// What is asked.
    pub asks: Asks,
    /// How long it may take to answer.
    pub within: Span,
}

/// What is asked about a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Asks {
    /// Whether it may be queued.
    Submission,
    /// Whether it may start or grow.
    Activation(Candidate),
    /// That what was made of it is taken back.
    Revert,
}

impl Asks {
    /// The same without what is shown.
    pub fn kind(&self) -> QuestionKind {
        match self {
            Asks::Submission => QuestionKind::Submission,
            Asks::Activation(_) => QuestionKind::Activation,
            Asks::Revert => QuestionKind::Revert,
        }
    }
}

/// What a job is about to be given, and what others hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The number of the scheduling pass.
    pub pass: u32,
    /// Which job of that pass it is, from 0.
    pub index: u32,
    /// It would go before a job that is ahead of it in the queue.
    pub backfill: bool,
    /// It runs already.
    pub growing: bool,
    /// Units that it is about to be given.
    pub units: u32,
    /// The jobs that hold resources, or are about to: those that this filter has let pass.
    pub holders: Vec<Holder>,
}

/// A job that holds resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Which.
    pub id: JobId,
    /// Units that it holds.
    pub units: u32,
    /// Those of its properties that the filter wants.
    pub properties: Properties,
}

impl State {
    /// The submission filters of a job, in the order in which they are asked: its template's, then the cluster's.
    pub(crate) fn submission_filters(&self, spec: &JobSpec) -> Vec<String> {
        let template = self.template(&spec.template);
        let own = template.map_or(&[][..], |template| &template.submission_filters);
        chain(spec, own, &self.parameters.submission_filters)
    }

    /// The activation filters of a job, likewise.
    pub(crate) fn activation_filters(&self, spec: &JobSpec) -> Vec<String> {
        let template = self.template(&spec.template);
        let own = template.map_or(&[][..], |template| &template.activation_filters);
        chain(spec, own, &self.parameters.activation_filters)
    }

    /// A job that keeps this one from starting, whatever is free: a filter holds the queue for its sake.
    pub(crate) fn held_up_by(&self, job: &Job) -> Option<JobId> {
        let own = crate::QueueKey::of(job);
        let mut others = self.blockers.iter().filter(|key| key.job != job.id);
        let first = others.next()?;
        first.is_as_high_as(&own).then_some(first.job)
    }

    /// What filters are to be asked now: number, filter and kind, oldest first. A filter that is to take something back is asked for one job's after
    /// the other, in reverse order.
    pub fn questions(&self) -> impl Iterator<Item = (u64, &str, QuestionKind)> {
        let mut reverting = BTreeSet::new();
        let reverts = self.reverts.iter().filter_map(move |(&number, revert)| {
            let first = reverting.insert(revert.job);
            first.then_some((number, revert.filter.as_str(), QuestionKind::Revert))
        });
        let open = self.questions.iter().filter_map(|(&number, job)| {
            let job = self.job(*job)?;
            let (filter, kind) = match &job.phase {
                Phase::External(screening) => (screening.filter(), QuestionKind::Submission),
                Phase::Configuring
                | Phase::Submitted
                | Phase::Validating
                | Phase::Queued
                | Phase::Running
                | Phase::Ending(_)
                | Phase::Ended(_) => {
                    let asked = job.activation.as_ref()?.asked()?;
                    (asked, QuestionKind::Activation)
                }
            };
            Some((number, filter, kind))
        });
        reverts.chain(open)
    }

    /// The job that an open question is about.
    pub fn asked_about(&self, question: u64) -> Option<JobId> {
        let reverted = self.reverts.get(&question).map(|revert| revert.job);
        reverted.or_else(|| self.questions.get(&question).copied())
    }

    /// A question with all that its filter is shown; none when it is not open any more.
    pub fn question(&self, number: u64, wants: &Wants) -> Option<Question> {
        if let Some(revert) = self.reverts.get(&number) {
            return Some(Question {
                number,
                filter: revert.filter.clone(),
                job: Described::reverted(revert),
                asks: Asks::Revert,
                within: self.parameters.submission_filter_timeout,
            });
        }
        let job = self.job(*self.questions.get(&number)?)?;
        let (filter, asks, within) = match (&job.phase, &job.activation) {
            (Phase::External(screening), _) => {
                let within = self.parameters.submission_filter_timeout;
                (screening.filter(), Asks::Submission, within)
            }
            (_, Some(activation)) => {
                let filter = activation.asked()?;
                let candidate = self.candidate(job, activation, filter, wants);
                let within = self.parameters.activation_filter_timeout;
                (filter, Asks::Activation(candidate), within)
            }
            (_, None) => return None,
        };
        Some(Question {
            number,
            filter: filter.into(),
            job: Described::of(self, job, wants.tasks),
            asks,
            within,
        })
    }

    fn candidate(
        &self,
        job: &Job,
        activation: &Activation,
        filter: &str,
        wants: &Wants,
    ) -> Candidate {
        let holders = match wants.holders.is_empty() {
            true => Vec::new(),
            false => self.holders(job, filter, &wants.holders),
        };
        Candidate {
            pass: activation.pass,
            index: activation.index,
            backfill: activation.backfill,
            growing: job.phase == Phase::Running,
            units: self.units_of_grants(job, &activation.grants),
            holders,
        }
    }

    /// Jobs with resources, and those about to have them that this filter has let pass: it must count them.
    fn holders(&self, asked: &Job, filter: &str, names: &[String]) -> Vec<Holder> {
        let passed = |activation: &Activation| match activation.stage {
            Stage::Asked { filter: at, .. } => activation.filters[..at as usize]
                .iter()
                .any(|name| name == filter),
            Stage::Kept { .. } | Stage::Waiting { .. } | Stage::Held => false,
        };
        let holder = |job: &Job| {
            let held = self.units_held(job);
            let coming = job.activation.as_ref().filter(|a| passed(a));
            let coming = coming.map_or(0, |a| self.units_of_grants(job, &a.grants));
            let counts = job.id != asked.id || held > 0;
            (counts && held + coming > 0 && job.spec.kind == JobKind::Batch).then(|| Holder {
                id: job.id,
                units: held + coming,
                properties: describe::some_of(self, job, names),
            })
        };
        let on_nodes: BTreeSet<JobId> = self.nodes().flat_map(|n| n.jobs.iter().copied()).collect();
        let jobs = on_nodes.iter().filter_map(|&id| self.job(id));
        jobs.filter_map(holder).collect()
    }

    pub(crate) fn units_of_grants(&self, job: &Job, grants: &[Grant]) -> u32 {
        let units = grants.iter().filter_map(|grant| {
            let node = self.node(grant.node)?;
            let unit = job.spec.unit;
            Some(unit.within(&node.spec, &grant.cores, &grant.gpus))
        });
        units.sum()
    }
}

fn chain(spec: &JobSpec, own: &[String], clusters: &[String]) -> Vec<String> {
    match spec.kind {
        JobKind::Command => Vec::new(),
        JobKind::Batch => own.iter().chain(clusters).cloned().collect(),
    }
}

/// Names of filters, as parameters and templates have them: separated by commas. None when it is no such list.
pub(crate) fn names(text: &str) -> Option<Vec<String>> {
    let parts = text.split(',').map(str::trim);
    let names: Vec<String> = parts
        .filter(|part| !part.is_empty())
        .map(str::to_string)
        .collect();
    are_names(&names).then_some(names)
}

/// Whether these can be the filters of a template or of the cluster: not too many, each once.
pub(crate) fn are_names(names: &[String]) -> bool {
    let distinct: BTreeSet<&String> = names.iter().collect();
    let good = |name: &String| {
        !name.trim().is_empty()
            && name.chars().count() <= crate::limits::NAME_CHARS_MAX
            && !name.contains(|c: char| c == ',' || c.is_control())
    };
    names.len() <= FILTERS_MAX && distinct.len() == names.len() && names.iter().all(good)
}
