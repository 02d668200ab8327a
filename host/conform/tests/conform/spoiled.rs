//! A good policy with one thing spoiled.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use jobyard_conform::{Component, Instance, NotTaken, Settings, Subject};
use jobyard_kernel::{Changes, Decision, Instant, JobId, NodeId, Plan, Share};

/// What is spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoil {
    /// The third call fails.
    Faults,
    /// A hundred times as many cores as there are.
    GivesTooMuch,
    /// A core less than asked for.
    GivesTooLittle,
    /// Starts what is gone from its queue.
    StartsWhatIsGone,
    /// Preempts what does not run.
    PreemptsTheQueue,
    /// Reserves for the past.
    ReservesThePast,
    /// Says which instance it is.
    KnowsItself,
    /// From the sixth call on it leaves the last start of a plan out.
    GetsTired,
    /// Takes its own starts for done.
    BelievesItself,
    /// Never takes back what it said of jobs that wait.
    TakesNothingBack,
    /// Decides nothing in a call with one new job.
    WantsTwo,
    /// Does not start jobs with a flag that it does not know.
    FearsTheUnknown,
    /// Decides in every second call only, and says that it need not be called for all.
    EverySecondCall,
    /// Takes any setting.
    TakesAnything,
    /// Says something else of itself each time.
    Chatters,
    /// Preempts what runs, all the time.
    Thrashes,
    /// Wants to be called again and again.
    Spins,
    /// Starts nothing.
    Sleeps,
    /// Starts nothing where the number of nodes is odd.
    DislikesOddClusters,
    /// Says that it needs more memory with each call.
    Leaks,
    /// Does not start every third job.
    ForgetsSome,
    /// Promises everything for now.
    PromisesTooEarly,
}

pub(crate) struct Spoiled {
    pub(crate) good: Component,
    pub(crate) spoil: Spoil,
    made: Rc<Cell<u32>>,
}

impl Spoiled {
    pub(crate) fn new(good: Component, spoil: Spoil) -> Self {
        let made = Rc::default();
        Spoiled { good, spoil, made }
    }
}

struct SpoiledInstance {
    good: Box<dyn Instance>,
    spoil: Spoil,
    traits: Settings,
    number: u32,
    calls: usize,
    gone: BTreeSet<JobId>,
    queued: BTreeSet<JobId>,
    marked: BTreeSet<JobId>,
    nodes: BTreeSet<NodeId>,
}

impl Subject for Spoiled {
    fn fresh(&self, settings: &[(String, String)]) -> Result<Box<dyn Instance>, NotTaken> {
        self.made.set(self.made.get() + 1);
        let mut instance = SpoiledInstance {
            good: self.good.fresh(settings)?,
            spoil: self.spoil,
            traits: Vec::new(),
            number: self.made.get(),
            calls: 0,
            gone: BTreeSet::new(),
            queued: BTreeSet::new(),
            marked: BTreeSet::new(),
            nodes: BTreeSet::new(),
        };
        instance.say();
        Ok(Box::new(instance))
    }
}

impl SpoiledInstance {
    fn say(&mut self) {
        self.traits = self.good.traits().to_vec();
        if self.spoil == Spoil::EverySecondCall {
            self.traits.push(("arrivals".into(), "fitting".into()));
        }
        if self.spoil == Spoil::Chatters {
            self.traits.push(("calls".into(), self.calls.to_string()));
        }
    }

    fn note(&mut self, changes: &Changes) {
        self.calls += 1;
        for &job in &changes.removed_jobs {
            self.queued.remove(&job);
            self.gone.insert(job);
        }
        for job in &changes.jobs {
            self.gone.remove(&job.id);
            self.queued.insert(job.id);
            if self.spoil == Spoil::BelievesItself {
                self.marked.remove(&job.id);
            }
            if self.spoil == Spoil::FearsTheUnknown && job.flags >= 32 {
                self.marked.insert(job.id);
            }
        }
        for given in &changes.allocations {
            self.queued.remove(&given.job);
        }
        self.nodes.extend(changes.nodes.iter().map(|node| node.id));
    }
}

impl Instance for SpoiledInstance {
    fn traits(&self) -> &[(String, String)] {
        &self.traits
    }

    fn configure(&mut self, settings: &[(String, String)]) -> Result<(), NotTaken> {
        let known = |(name, _): &&(String, String)| {
            self.spoil != Spoil::TakesAnything || !name.starts_with("conformance")
        };
        let known: Settings = settings.iter().filter(known).cloned().collect();
        self.good.configure(&known)?;
        self.say();
        Ok(())
    }

    fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, String> {
        self.note(&changes);
        let lonely = changes.jobs.len() == 1;
        let mut plan = self.good.schedule(now, changes)?;
        let decisions = &mut plan.decisions;
        match self.spoil {
            Spoil::Faults if self.calls == 3 => {
                return Err("policy-bad: schedule: trap: unreachable".into());
            }
            Spoil::GivesTooMuch => each_share(decisions, |share| share.cores *= 100),
            Spoil::GivesTooLittle => {
                each_share(decisions, |share| share.cores -= u32::from(share.cores > 1))
            }
            Spoil::StartsWhatIsGone => {
                let shares = vec![Share {
                    node: NodeId(1),
                    cores: 1,
                    gpus: 0,
                }];
                let start = |&job: &JobId| Decision::Start {
                    job,
                    shares: shares.clone(),
                };
                decisions.extend(self.gone.iter().map(start));
            }
            Spoil::PreemptsTheQueue => {
                let preempt = |&job: &JobId| Decision::Preempt {
                    job,
                    how: 0,
                    cores: 1,
                };
                decisions.extend(self.queued.iter().map(preempt));
            }
            Spoil::ReservesThePast => {
                let reserve = |&job: &JobId| Decision::Reserve {
                    job,
                    at: now - 1.0,
                    shares: Vec::new(),
                };
                let started = started(decisions);
                let waiting = self.queued.iter().filter(|job| !started.contains(job));
                decisions.extend(waiting.map(reserve));
            }
            Spoil::KnowsItself => {
                let text = format!("instance {}", self.number);
                let started = started(decisions);
                let waiting = self.queued.iter().find(|job| !started.contains(job));
                decisions.extend(waiting.map(|&job| Decision::Wait {
                    job,
                    reason: 1_000,
                    text,
                }));
            }
            Spoil::GetsTired if self.calls > 5 => {
                let last = decisions
                    .iter()
                    .rposition(|d| matches!(d, Decision::Start { .. }));
                last.map(|last| decisions.remove(last));
            }
            Spoil::BelievesItself => {
                leave_out(decisions, |job| self.marked.contains(&job));
                self.marked.extend(started(decisions));
            }
            Spoil::TakesNothingBack => {
                decisions.retain(|d| !matches!(d, Decision::Reserve { at, .. } if at.is_infinite()))
            }
            Spoil::WantsTwo if lonely => decisions.clear(),
            Spoil::EverySecondCall if self.calls.is_multiple_of(2) => decisions.clear(),
            Spoil::FearsTheUnknown => leave_out(decisions, |job| self.marked.contains(&job)),
            Spoil::Thrashes => {
                let running = (1..40)
                    .map(JobId)
                    .filter(|job| !self.gone.contains(job) && !self.queued.contains(job));
                decisions.extend(running.map(|job| Decision::Preempt {
                    job,
                    how: 1,
                    cores: 0,
                }));
            }
            Spoil::Spins => plan.wake_at = Some(now + 1_000.0),
            Spoil::Sleeps => decisions.clear(),
            Spoil::DislikesOddClusters if !self.nodes.len().is_multiple_of(2) => {
                leave_out(decisions, |_| true)
            }
            Spoil::ForgetsSome => leave_out(decisions, |job| job.0 % 3 == 0),
            Spoil::PromisesTooEarly => decisions.iter_mut().for_each(|decision| {
                if let Decision::Reserve { at, .. } = decision
                    && at.is_finite()
                {
                    *at = now;
                }
            }),
            Spoil::Faults
            | Spoil::GetsTired
            | Spoil::WantsTwo
            | Spoil::EverySecondCall
            | Spoil::TakesAnything
            | Spoil::Chatters
            | Spoil::DislikesOddClusters
            | Spoil::Leaks => {}
        }
        Ok(plan)
    }

    fn memory_bytes(&self) -> Option<usize> {
        match self.spoil == Spoil::Leaks {
            true => Some(1_000_000 + 100 * self.calls),
            false => self.good.memory_bytes(),
        }
    }
}

fn each_share(decisions: &mut [Decision], change: impl Fn(&mut Share)) {
    for decision in decisions {
        if let Decision::Start { shares, .. } = decision {
            shares.iter_mut().for_each(&change);
        }
    }
}

/// Leaves starts out.
fn leave_out(decisions: &mut Vec<Decision>, of: impl Fn(JobId) -> bool) {
    decisions.retain(|decision| !matches!(decision, Decision::Start { job, .. } if of(*job)));
}

fn started(decisions: &[Decision]) -> BTreeSet<JobId> {
    let start = |decision: &Decision| match decision {
        Decision::Start { job, .. } => Some(*job),
        Decision::Grow { .. }
        | Decision::Shrink { .. }
        | Decision::Preempt { .. }
        | Decision::Reserve { .. }
        | Decision::Wait { .. } => None,
    };
    decisions.iter().filter_map(start).collect()
}
