//! The adapter of the worlds of filters: one instance, its settings, its answers; and a new one after a fault.
//!
//! Calls are synchronous and belong on a thread of their own. What an answer, or a fault, means for the job is not decided here but in
//! the kernel.

use std::time::Duration;

use jobyard_kernel::filter::{
    Asks, Candidate, Change, Described, FilterAnswer, FilterFault, Holder, Question, Wants,
};
use jobyard_kernel::limits::FILTER_CHANGES_MAX;
use jobyard_kernel::{Instant, Timestamp};
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, Lower, TypedFunc};

use crate::bindings::filter::exports::jobyard::plugin::{activation as wit_start, submission};
use crate::bindings::filter::jobyard::plugin::jobs as wit;
use crate::error::ConfigureError;
use crate::fault::{Fault, FaultKind};
use crate::host::{Linked, Plugin};
use crate::inspect::{ACTIVATION, SUBMISSION, filter_kinds};
use crate::instance::{GuestState, Kept};
use crate::limits::{FILTER_ANSWER_BYTES_MAX, Limits, TEXT_BYTES_MAX, TRAITS_MAX};
use crate::log::LogLine;
use crate::text::cut;
use crate::world::{PACKAGE, PACKAGE_VERSION, World};

type Settings = Vec<(String, String)>;

/// A filter that answers whatever happens: after a fault a new instance does.
#[derive(Debug)]
pub struct FilterSlot {
    plugin: Plugin,
    limits: Limits,
    settings: Settings,
    wants: Wants,
    instance: Option<FilterInstance>,
}

/// What came of a question.
#[derive(Debug)]
pub struct Answered {
    /// For the kernel.
    pub answer: FilterAnswer,
    /// The fault, where there was one.
    pub fault: Option<Fault>,
    /// What the filter logged meanwhile.
    pub log: Vec<LogLine>,
}

impl FilterSlot {
    /// Makes an instance and gives it its settings, all of them. How long a call may take is said with each question.
    ///
    /// # Errors
    /// The filter does not take the settings, or faults.
    pub fn new(plugin: Plugin, limits: Limits, settings: Settings) -> Result<Self, ConfigureError> {
        plugin.check_settings(&settings)?;
        let mut instance = FilterInstance::new(&plugin, limits)?;
        let traits = instance.configure(&settings)?;
        Ok(FilterSlot {
            plugin,
            limits,
            settings,
            wants: wants(&traits),
            instance: Some(instance),
        })
    }

    /// What people call the filter.
    pub fn name(&self) -> &str {
        self.plugin.name()
    }

    /// The component that answers.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// All of its settings.
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// What it wants to be shown.
    pub fn wants(&self) -> &Wants {
        &self.wants
    }

    /// Asks it. A fault is an answer too.
    pub fn ask(&mut self, question: Question, now: Timestamp) -> Answered {
        let deadline = Duration::from_micros(question.within.0);
        let answer = self.instance(deadline).and_then(|instance| {
            instance.kept.limits.deadline = deadline;
            instance.answer(question, now.as_instant())
        });
        let log = self.instance.as_mut().map(|one| one.kept.take_log());
        let log = log.unwrap_or_default();
        match answer {
            Ok(answer) => Answered {
                answer,
                fault: None,
                log,
            },
            Err(fault) => {
                self.instance = None;
                Answered {
                    answer: failed(&fault),
                    fault: Some(fault),
                    log,
                }
            }
        }
    }

    fn instance(&mut self, deadline: Duration) -> Result<&mut FilterInstance, Fault> {
        let instance = match self.instance.take() {
            Some(instance) => instance,
            None => {
                let limits = Limits {
                    deadline,
                    ..self.limits
                };
                let mut fresh = FilterInstance::new(&self.plugin, limits)?;
                match fresh.configure(&self.settings) {
                    Ok(_) => fresh,
                    Err(ConfigureError::Fault(fault)) => return Err(fault),
                    // It took them before.
                    Err(ConfigureError::Refused(text)) => {
                        let text = format!("refuses the settings that it took before: {text}");
                        return Err(fresh.kept.nonsense("configure", text));
                    }
                }
            }
        };
        Ok(self.instance.insert(instance))
    }
}

/// What a fault is to the kernel.
fn failed(fault: &Fault) -> FilterAnswer {
    let kind = match fault.kind {
        FaultKind::Deadline => FilterFault::Late,
        FaultKind::Trap
        | FaultKind::Memory
        | FaultKind::Nonsense
        | FaultKind::Instantiate
        | FaultKind::Poisoned => FilterFault::Failed,
    };
    let text = fault.text.lines().next().unwrap_or_default();
    FilterAnswer::Fault(kind, text.into())
}

fn wants(traits: &[(String, String)]) -> Wants {
    let of = |name: &str| {
        let mut named = traits.iter().filter(|(known, _)| known == name);
        named.next().map(|(_, value)| value.as_str())
    };
    let holders = of("holders").unwrap_or_default().split(',');
    let holders = holders.map(str::trim).filter(|name| !name.is_empty());
    Wants {
        tasks: of("tasks") == Some("yes"),
        holders: holders.map(str::to_string).collect(),
    }
}

impl Plugin {
    /// For a filter: whether it looks at submitted jobs, and whether at those that are about to start or to grow.
    pub fn filter_kinds(&self) -> (bool, bool) {
        match self.linked() {
            Linked::Filter(linked) => filter_kinds(linked.engine(), linked.component()),
            Linked::Policy(_) | Linked::Executor(_) | Linked::Prepare(_) | Linked::Release(_) => {
                (false, false)
            }
        }
    }
}

/// One instance, poisoned by its first fault.
struct FilterInstance {
    kept: Kept<Exports>,
}

struct Exports {
    configure: TypedFunc<(Settings,), (Result<Settings, String>,)>,
    submission: Option<Submission>,
    activation: Option<TypedFunc<(Instant, wit_start::Candidate), (wit_start::Answer,)>>,
}

struct Submission {
    check: TypedFunc<(Instant, wit::Job), (submission::Verdict,)>,
    revert: TypedFunc<(Instant, wit::Job), ()>,
}

impl FilterInstance {
    fn new(plugin: &Plugin, limits: Limits) -> Result<Self, Fault> {
        let mut kept = Kept::new(plugin.clone(), limits);
        let Linked::Filter(linked) = plugin.linked() else {
            let text = format!("is a {}, not a {}", plugin.world(), World::JobFilter);
            let kind = FaultKind::Instantiate;
            return Err(kept.fault("instantiate", kind, text, Vec::new()));
        };
        let kinds = plugin.filter_kinds();
        kept.instantiate(linked.engine(), FILTER_ANSWER_BYTES_MAX, |store| {
            let instance = linked.instantiate(&mut *store)?;
            Exports::of(&instance, store, kinds)
        })?;
        Ok(FilterInstance { kept })
    }

    fn configure(&mut self, settings: &Settings) -> Result<Settings, ConfigureError> {
        let (answer,) = self.kept.call("configure", |live| {
            let settings = settings.clone();
            live.exports.configure.call(&mut live.store, (settings,))
        })?;
        let traits = answer.map_err(|text| ConfigureError::Refused(cut(text, TEXT_BYTES_MAX)))?;
        if traits.len() > TRAITS_MAX {
            let count = traits.len();
            let text = format!("says {count} things of itself, more than {TRAITS_MAX}");
            return Err(self.kept.nonsense("configure", text).into());
        }
        Ok(traits)
    }

    fn answer(&mut self, question: Question, now: Instant) -> Result<FilterAnswer, Fault> {
        let not_its = |what: &str| {
            let text = format!("it does not look at {what}");
            Ok(FilterAnswer::Fault(FilterFault::Missing, text))
        };
        let (submits, starts) = self.kept.plugin.filter_kinds();
        let job = job(question.job);
        match question.asks {
            Asks::Submission if submits => {
                let (verdict,) = self.kept.call("check", |live| {
                    let check = live.exports.submission.as_ref().map(|s| &s.check);
                    check.ok_or_else(missing)?.call(&mut live.store, (now, job))
                })?;
                self.verdict(verdict)
            }
            Asks::Revert if submits => {
                self.kept.call("revert", |live| {
                    let revert = live.exports.submission.as_ref().map(|s| &s.revert);
                    revert
                        .ok_or_else(missing)?
                        .call(&mut live.store, (now, job))
                })?;
                Ok(FilterAnswer::Reverted)
            }
            Asks::Activation(asked) if starts => {
                let (answer,) = self.kept.call("check", |live| {
                    let check = live.exports.activation.as_ref().ok_or_else(missing)?;
                    check.call(&mut live.store, (now, candidate(job, asked)))
                })?;
                self.activation(answer)
            }
            Asks::Submission | Asks::Revert => not_its("submitted jobs"),
            Asks::Activation(_) => not_its("jobs that are about to start"),
        }
    }

    fn verdict(&mut self, verdict: submission::Verdict) -> Result<FilterAnswer, Fault> {
        Ok(match verdict {
            submission::Verdict::Accept => FilterAnswer::Accept(Vec::new()),
            submission::Verdict::Reject(text) => FilterAnswer::Reject(cut(text, TEXT_BYTES_MAX)),
            submission::Verdict::Change(changes) if changes.len() > FILTER_CHANGES_MAX => {
                let count = changes.len();
                let text = format!("answered {count} changes, more than {FILTER_CHANGES_MAX}");
                return Err(self.kept.nonsense("check", text));
            }
            submission::Verdict::Change(changes) => {
                let change = |change: submission::Change| Change {
                    task: change.task,
                    name: change.name,
                    value: change.value,
                };
                FilterAnswer::Accept(changes.into_iter().map(change).collect())
            }
        })
    }

    fn activation(&mut self, answer: wit_start::Answer) -> Result<FilterAnswer, Fault> {
        let text = cut(answer.text, TEXT_BYTES_MAX);
        Ok(match answer.code {
            0 => FilterAnswer::Start,
            1 => FilterAnswer::HoldQueue(text),
            2 => FilterAnswer::Keep(text),
            3 => {
                let until = answer.until;
                let is_instant = until > 0.0 && until <= Timestamp::MAX.as_instant();
                FilterAnswer::Hold(is_instant.then_some(Timestamp(until as u64)), text)
            }
            4 => FilterAnswer::Fail(text),
            code => {
                let text = format!("answered code {code}; there are 0 to 4");
                return Err(self.kept.nonsense("check", text));
            }
        })
    }
}

impl std::fmt::Debug for FilterInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FilterInstance")
            .field("plugin", &self.kept.plugin)
            .field("poisoned", &self.kept.is_poisoned())
            .finish_non_exhaustive()
    }
}

impl Exports {
    fn of(
        instance: &Instance,
        store: &mut Store<GuestState>,
        (submits, starts): (bool, bool),
    ) -> wasmtime::Result<Self> {
        let configure = function(instance, store, World::JobFilter.export(), "configure")?;
        let submission = match submits {
            true => Some(Submission {
                check: function(instance, store, SUBMISSION, "check")?,
                revert: function(instance, store, SUBMISSION, "revert")?,
            }),
            false => None,
        };
        let activation = match starts {
            true => Some(function(instance, store, ACTIVATION, "check")?),
            false => None,
        };
        Ok(Exports {
            configure,
            submission,
            activation,
        })
    }
}

fn function<P, R>(
    instance: &Instance,
    store: &mut Store<GuestState>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let interface = format!("{PACKAGE}/{interface}@{PACKAGE_VERSION}");
    let interface = instance
        .get_export_index(&mut *store, None, interface.as_str())
        .ok_or_else(missing)?;
    let function = instance
        .get_export_index(&mut *store, Some(&interface), name)
        .ok_or_else(missing)?;
    instance.get_typed_func(&mut *store, function)
}

fn missing() -> wasmtime::Error {
    wasmtime::Error::msg("its function is gone since it was loaded")
}

// ---- what it is shown ----

fn job(job: Described) -> wit::Job {
    wit::Job {
        id: job.id.0,
        properties: job.properties,
        tasks: job.tasks,
    }
}

fn candidate(job: wit::Job, asked: Candidate) -> wit_start::Candidate {
    let holder = |holder: Holder| wit::Holder {
        id: holder.id.0,
        units: holder.units,
        properties: holder.properties,
    };
    wit_start::Candidate {
        job,
        pass: asked.pass,
        index: asked.index,
        backfill: asked.backfill,
        growing: asked.growing,
        units: asked.units,
        holders: asked.holders.into_iter().map(holder).collect(),
    }
}
