//! Keeps a policy answering, whatever plugins do: a new instance after a fault, then the last good policy, then the
//! built-in one.
//!
//! [`Ladder`] is the rule, without any plugin; [`PolicySlot`] applies it to real ones. Called by the engine's policy
//! thread, one pass at a time. It journals nothing and knows no jobs: what it did is in the [`PassOutcome`].

mod ladder;

use std::fmt;
use std::time::Duration;

use jobyard_kernel::{Changes, Columns, Instant, Plan};

pub use ladder::{FAULTS_MAX, Ladder, Rung, Step};

use crate::{
    ConfigureError, Fault, FaultKind, FaultReport, Limits, LogLine, Plugin, PolicyInstance,
};

/// When even the built-in policy was given up, how long to wait before it is tried again: 60 s, in microseconds.
pub const RETRY_AFTER_US: f64 = 60e6;

/// What a policy that was late in a call has for each of the tries after it: jobs have waited for its deadline once, and are not to wait
/// for it again before another policy decides.
const SECOND_TRY: Duration = Duration::from_millis(30);

/// A policy as an admin chooses it.
#[derive(Debug, Clone)]
pub struct PolicyChoice {
    /// The component.
    pub plugin: Plugin,
    /// The limits of its calls.
    pub limits: Limits,
    /// All of its settings.
    pub settings: Vec<(String, String)>,
    /// What the caller knows this choice by: the engine's number of an activation.
    pub number: u32,
}

impl PolicyChoice {
    /// An instance that took these settings, and those of the cluster's parameters that it follows.
    ///
    /// # Errors
    /// It refused them, or failed.
    pub fn instance(
        &self,
        parameters: &[(String, String)],
    ) -> Result<PolicyInstance, ConfigureError> {
        let mut instance = self.plugin.policy(self.limits, &self.settings)?;
        let followed = instance.followed(parameters);
        if !followed.is_empty() {
            instance.configure(&self.with(followed))?;
        }
        Ok(instance)
    }

    /// All settings, with these.
    fn with(&self, more: Vec<(String, String)>) -> Vec<(String, String)> {
        self.settings.iter().cloned().chain(more).collect()
    }
}

/// From which policy to which, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switched {
    /// Name of the policy that was given up.
    pub from: String,
    /// Name of the one that decides now.
    pub to: String,
    /// What the new one is to the slot.
    pub rung: Rung,
}

impl fmt::Display for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Switched { from, to, rung } = self;
        write!(
            f,
            "policy {from} was given up after {FAULTS_MAX} faults in a row; "
        )?;
        write!(f, "the {rung} policy {to} decides")
    }
}

/// What a pass came to.
#[derive(Debug, Default)]
pub struct PassOutcome {
    /// The proposals; none when the pass failed.
    pub plan: Plan,
    /// What went wrong, in order; empty after a good pass.
    pub faults: Vec<Fault>,
    /// The last change of policy that the faults led to.
    pub switched: Option<Switched>,
    /// The next call must carry everything, as for an instance that knows nothing.
    pub needs_snapshot: bool,
    /// Every policy was given up, the built-in one too: do not call again at once, but after the next change, or
    /// at the plan's `wake_at`.
    pub exhausted: bool,
    /// What the guests logged.
    pub log: Vec<LogLine>,
}

/// Why a policy does not come to decide; the one that did still does.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// It could not be made, or does not take the settings.
    #[error("{name}: {error}")]
    Configure {
        /// The policy that was to be.
        name: String,
        /// Why not.
        #[source]
        error: ConfigureError,
    },
    /// It faulted in its first pass.
    #[error("its first pass failed: {0}")]
    FirstPass(Fault),
}

/// The place of the one policy that decides: the chosen one, with those it can fall back to.
#[derive(Debug)]
pub struct PolicySlot {
    chosen: PolicyChoice,
    last_good: Option<PolicyChoice>,
    built_in: PolicyChoice,
    ladder: Ladder,
    /// The policy that decides was late in its last call.
    late: bool,
    instance: Option<PolicyInstance>,
    /// The cluster's, by name, for policies that follow some of them.
    parameters: Vec<(String, String)>,
}

impl PolicySlot {
    /// Makes an instance of the chosen policy, so that settings which it refuses are an error here. The first call of
    /// [`PolicySlot::schedule`] must carry everything.
    pub fn new(chosen: PolicyChoice, built_in: PolicyChoice) -> Result<Self, SwapError> {
        let instance = chosen
            .instance(&[])
            .map_err(|error| could_not(&chosen, error))?;
        let (last_good, ladder) = (None, Ladder::new());
        Ok(Self {
            chosen,
            last_good,
            built_in,
            ladder,
            late: false,
            instance: Some(instance),
            parameters: Vec::new(),
        })
    }

    /// A slot for a policy that is only tried: it gets new instances after faults, and nothing else takes its place. After three faults
    /// in a row the outcome says `exhausted`.
    ///
    /// # Errors
    /// As [`PolicySlot::new`].
    pub fn alone(
        chosen: PolicyChoice,
        parameters: Vec<(String, String)>,
    ) -> Result<Self, SwapError> {
        let instance = chosen
            .instance(&parameters)
            .map_err(|error| could_not(&chosen, error))?;
        Ok(Self {
            built_in: chosen.clone(),
            chosen,
            last_good: None,
            ladder: Ladder::alone(),
            late: false,
            instance: Some(instance),
            parameters,
        })
    }

    /// Tells the cluster's parameters, all of them, by name: a policy that follows some of them takes its settings anew.
    ///
    /// A refusal is in the outcome as a fault, and the settings that were in force stay. After any other fault the next call must carry
    /// everything.
    pub fn follow(&mut self, parameters: Vec<(String, String)>, now: Instant) -> PassOutcome {
        let mut outcome = PassOutcome::default();
        let before = std::mem::replace(&mut self.parameters, parameters);
        let Some(instance) = &self.instance else {
            return outcome;
        };
        let (old, new) = (
            instance.followed(&before),
            instance.followed(&self.parameters),
        );
        if old == new {
            return outcome;
        }
        let settings = self.active().with(new);
        let Some(instance) = &mut self.instance else {
            return outcome;
        };
        let answer = instance.configure(&settings);
        outcome.log.extend(instance.take_log());
        match answer {
            Ok(()) => {}
            Err(ConfigureError::Fault(fault)) => self.after(fault, now, &mut outcome),
            Err(refused) => outcome.faults.push(self.fault_of(refused)),
        }
        outcome
    }

    /// What the caller knows the chosen policy by from now on.
    pub fn number(&mut self, number: u32) {
        self.chosen.number = number;
    }

    /// The policy that decides now.
    pub fn active(&self) -> &PolicyChoice {
        match self.ladder.rung() {
            Rung::Chosen => &self.chosen,
            Rung::LastGood => self.last_good.as_ref().unwrap_or(&self.built_in),
            Rung::BuiltIn => &self.built_in,
        }
    }

    /// What the policy that decides now is to the slot.
    pub fn rung(&self) -> Rung {
        self.ladder.rung()
    }

    /// What the active policy says of itself; nothing while there is no instance.
    pub fn traits(&self) -> &[(String, String)] {
        self.instance.as_ref().map_or(&[], PolicyInstance::traits)
    }

    /// The columns to tell the active policy: those that its instance asked for, or those that it may ask for while there is none.
    pub fn columns(&self) -> Columns {
        match &self.instance {
            Some(instance) => instance.columns().clone(),
            None => self.active().plugin.columns(),
        }
    }

    /// What the active instance holds of memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.instance
            .as_ref()
            .map_or(0, PolicyInstance::memory_bytes)
    }

    /// One pass. After a fault the plan is empty and `needs_snapshot` is set: the instance that gave it is gone, the next one is
    /// ready, and the next call must carry everything. Jobs do not notice: what runs goes on running.
    pub fn schedule(&mut self, now: Instant, changes: Changes) -> PassOutcome {
        let mut outcome = PassOutcome::default();
        if self.instance.is_none() {
            // Every policy was given up in an earlier call, or a swap failed: this is the retry.
            self.renew(now, &mut outcome);
        }
        let Some(instance) = &mut self.instance else {
            return outcome;
        };
        if self.late {
            instance.hurry(SECOND_TRY);
        }
        let answer = instance.schedule(now, changes);
        outcome.log.extend(instance.take_log());
        match answer {
            Ok(plan) => {
                self.ladder.good();
                self.late = false;
                outcome.plan = plan;
            }
            Err(fault) => self.after(fault, now, &mut outcome),
        }
        outcome
    }

    /// As [`PolicySlot::schedule`], but asks for the snapshot itself and tries again until there is a plan or
    /// every policy was given up: for callers that can make one at once.
    pub fn schedule_with(
        &mut self,
        now: Instant,
        changes: Changes,
        mut snapshot: impl FnMut() -> Changes,
    ) -> PassOutcome {
        let mut all = self.schedule(now, changes);
        while all.needs_snapshot && !all.exhausted {
            let next = self.schedule(now, snapshot());
            all.faults.extend(next.faults);
            all.log.extend(next.log);
            all.switched = next.switched.or(all.switched);
            (all.plan, all.needs_snapshot, all.exhausted) =
                (next.plan, next.needs_snapshot, next.exhausted);
        }
        all
    }

    /// Puts the policy of a slot in place of the chosen one: its instance, which has had its first pass beside this one and goes on from
    /// there. The one that was chosen before is what is fallen back to, if it ever had a good pass.
    pub fn succeed(&mut self, newcomer: PolicySlot) {
        if self.ladder.is_proven() {
            self.last_good = Some(self.active().clone());
        }
        self.chosen = newcomer.chosen;
        self.instance = newcomer.instance;
        self.parameters = newcomer.parameters;
        self.ladder = Ladder::new();
        self.ladder.good();
        self.late = false;
    }

    /// Takes a fault down the ladder to a new instance, or to the end of it.
    fn after(&mut self, fault: Fault, now: Instant, outcome: &mut PassOutcome) {
        self.instance = None;
        outcome.needs_snapshot = true;
        if self.down(fault, now, outcome) {
            self.renew(now, outcome);
        }
    }

    /// Makes an instance, going down the ladder as often as that fails.
    fn renew(&mut self, now: Instant, outcome: &mut PassOutcome) {
        loop {
            match self.active().instance(&self.parameters) {
                Ok(mut instance) => {
                    outcome.log.extend(instance.take_log());
                    self.instance = Some(instance);
                    return;
                }
                Err(error) => {
                    outcome.needs_snapshot = true;
                    let fault = self.fault_of(error);
                    if !self.down(fault, now, outcome) {
                        return;
                    }
                }
            }
        }
    }

    /// One step; false when there is nothing to be tried any more for now.
    fn down(&mut self, fault: Fault, now: Instant, outcome: &mut PassOutcome) -> bool {
        self.late = fault.kind == FaultKind::Deadline;
        outcome.faults.push(fault);
        let from = self.active().plugin.name().to_owned();
        match self.ladder.fault(self.last_good.is_some()) {
            Step::Again => true,
            Step::Switch(rung) => {
                self.late = false;
                let to = self.active().plugin.name().to_owned();
                outcome.switched = Some(Switched { from, to, rung });
                true
            }
            Step::Wait => {
                outcome.exhausted = true;
                outcome.plan.wake_at = Some(now + RETRY_AFTER_US);
                false
            }
        }
    }

    /// Settings that were taken once and are refused now count as a fault of the policy like any other.
    fn fault_of(&self, error: ConfigureError) -> Fault {
        match error {
            ConfigureError::Fault(fault) => fault,
            ConfigureError::Refused(text) => {
                let PolicyChoice { plugin, limits, .. } = self.active();
                let (name, digest) = plugin.name_and_digest();
                let report = FaultReport {
                    plugin: name,
                    digest,
                    function: "configure",
                    kind: FaultKind::Nonsense,
                    text: format!("refused its settings: {text}"),
                    log: Vec::new(),
                    limits: *limits,
                };
                report.into()
            }
        }
    }
}

fn could_not(choice: &PolicyChoice, error: ConfigureError) -> SwapError {
    SwapError::Configure {
        name: choice.plugin.name().to_owned(),
        error,
    }
}
