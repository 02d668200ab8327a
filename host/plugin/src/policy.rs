//! The adapter of the world `scheduling-policy`: one instance, its settings, its passes.
//!
//! Calls are synchronous and belong on a thread that may compute for as long as the deadline allows. What to do
//! about a fault is not decided here, see [`crate::recovery`].

use jobyard_kernel::{Changes, Decision, Instant, Plan};
use wasmtime::Store;
use wasmtime::component::TypedFunc;

use crate::bindings::policy::exports::jobyard::plugin::policy as wit;
use crate::bindings::policy::jobyard::plugin::log;
use crate::bindings::policy::{SchedulingPolicy, SchedulingPolicyPre};
use crate::changes::LoweredChanges;
use crate::convert;
use crate::error::ConfigureError;
use crate::fault::{Fault, FaultKind, FaultReport, diagnose};
use crate::host::{Linked, Plugin};
use crate::limits::TEXT_BYTES_MAX;
use crate::limits::{DECISIONS_MAX, Limits, POLICY_ANSWER_BYTES_MAX, SHARES_MAX, TRAITS_MAX};
use crate::log::{LogBudget, LogLevel, LogLine, last_lines};
use crate::memory::MemoryBudget;
use crate::text::cut;
use crate::world::{PACKAGE, PACKAGE_VERSION, World};

/// Instants are whole microseconds below this, so that an `f64` holds them exactly.
const INSTANT_END: f64 = 9_007_199_254_740_992.0; // 2^53

/// An instance of a policy: configured, and holding the mirror that it was sent.
///
/// After a fault it holds nothing any more, and every call returns a fault of the kind
/// [`FaultKind::Poisoned`]: make a new one and send it everything.
pub struct PolicyInstance {
    plugin: Plugin,
    limits: Limits,
    live: Option<Live>,
    traits: Vec<(String, String)>,
    log: Vec<LogLine>,
}

struct Live {
    store: Store<PolicyState>,
    exports: SchedulingPolicy,
    schedule: Schedule,
}

type Schedule = TypedFunc<(Instant, LoweredChanges), (wit::Plan,)>;

/// What the host keeps beside an instance while it runs.
pub(crate) struct PolicyState {
    memory: MemoryBudget,
    budget: LogBudget,
    log: Vec<LogLine>,
}

impl Plugin {
    /// Makes an instance and gives it its settings, all of them, as `configure` of `wit/policy.wit` says. The first call of
    /// [`PolicyInstance::schedule`] must carry everything.
    pub fn policy(
        &self,
        limits: Limits,
        settings: &[(String, String)],
    ) -> Result<PolicyInstance, ConfigureError> {
        let (plugin, traits, log) = (self.clone(), Vec::new(), Vec::new());
        let mut instance = PolicyInstance {
            plugin,
            limits,
            live: None,
            traits,
            log,
        };
        instance.instantiate()?;
        instance.configure(settings)?;
        Ok(instance)
    }
}

impl PolicyInstance {
    /// The plugin that this is an instance of.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// The limits of each of its calls.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What the policy said of itself when it took its settings, by name.
    pub fn traits(&self) -> &[(String, String)] {
        &self.traits
    }

    /// Gives it other settings. On a refusal those that were in force stay.
    pub fn configure(&mut self, settings: &[(String, String)]) -> Result<(), ConfigureError> {
        let answer = self.call("configure", |live| {
            let guest = live.exports.jobyard_plugin_policy();
            guest.call_configure(&mut live.store, settings)
        })?;
        let traits = answer.map_err(|text| ConfigureError::Refused(cut(text, TEXT_BYTES_MAX)))?;
        if traits.len() > TRAITS_MAX {
            let text = format!(
                "says {} things of itself, more than {TRAITS_MAX}",
                traits.len()
            );
            return Err(self.nonsense("configure", text).into());
        }
        self.traits = traits;
        Ok(())
    }

    /// One pass: tells the policy what changed, and returns its proposals as it made them. Single proposals
    /// may be impossible; the kernel refuses those one by one.
    ///
    /// A fault, beside those that the guest runs into by itself, is a plan over [`DECISIONS_MAX`] decisions or
    /// [`SHARES_MAX`] shares in one, and a `wake-at` that is no instant or lies before `now`.
    pub fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, Fault> {
        let changes = LoweredChanges::from(changes);
        let (answer,) = self.call("schedule", |live| {
            live.schedule.call(&mut live.store, (now, changes))
        })?;
        let plan = convert::plan(answer);
        match impossible(&plan, now) {
            None => Ok(plan),
            Some(text) => Err(self.nonsense("schedule", text)),
        }
    }

    /// What it holds of memory now, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.live
            .as_ref()
            .map_or(0, |live| live.store.data().memory.bytes())
    }

    /// What it logged since this was last asked, oldest first. The last lines before a fault are with the fault too.
    pub fn take_log(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.log)
    }

    fn instantiate(&mut self) -> Result<(), Fault> {
        let Linked::Policy(linked) = self.plugin.linked() else {
            let text = format!(
                "is a {}, not a {}",
                self.plugin.world(),
                World::SchedulingPolicy
            );
            return Err(self.fault("instantiate", FaultKind::Instantiate, text, Vec::new()));
        };
        let state = PolicyState {
            memory: MemoryBudget::new(self.limits.memory_bytes_max),
            budget: LogBudget::new(self.limits.log_bytes_max),
            log: Vec::new(),
        };
        let mut store = Store::new(linked.engine(), state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(POLICY_ANSWER_BYTES_MAX);
        store.set_epoch_deadline(self.limits.deadline_ticks());
        let made = {
            let _running = self.plugin.ticker().run();
            instantiate(linked, &mut store)
        };
        let log = take_log(store.data_mut());
        self.log.extend_from_slice(&log);
        match made {
            Ok((exports, schedule)) => {
                self.live = Some(Live {
                    store,
                    exports,
                    schedule,
                });
                Ok(())
            }
            Err(error) => {
                let denied = store.data().memory.denied();
                let (kind, text) = diagnose(&error, denied, &self.limits, true);
                Err(self.fault("instantiate", kind, text, last_lines(&log)))
            }
        }
    }

    /// One call within the limits. After a fault the instance is gone.
    fn call<R>(
        &mut self,
        function: &'static str,
        call: impl FnOnce(&mut Live) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        let Some(live) = &mut self.live else {
            let text = "had a fault before; a new instance is needed".to_owned();
            return Err(self.fault(function, FaultKind::Poisoned, text, Vec::new()));
        };
        let state = live.store.data_mut();
        state.memory.begin_call();
        state.budget = LogBudget::new(self.limits.log_bytes_max);
        live.store.set_epoch_deadline(self.limits.deadline_ticks());
        let answer = {
            let _running = self.plugin.ticker().run();
            call(live)
        };
        let log = take_log(live.store.data_mut());
        let answer = answer.map_err(|error| {
            let denied = live.store.data().memory.denied();
            let (kind, text) = diagnose(&error, denied, &self.limits, false);
            (kind, text, last_lines(&log))
        });
        self.log.extend(log);
        answer.map_err(|(kind, text, log)| {
            self.live = None;
            self.fault(function, kind, text, log)
        })
    }

    /// The guest answered in time what the contract rules out: it is not trusted with another call.
    fn nonsense(&mut self, function: &'static str, text: String) -> Fault {
        self.live = None;
        self.fault(function, FaultKind::Nonsense, text, last_lines(&self.log))
    }

    fn fault(
        &self,
        function: &'static str,
        kind: FaultKind,
        text: String,
        log: Vec<LogLine>,
    ) -> Fault {
        let (plugin, digest) = self.plugin.name_and_digest();
        FaultReport {
            plugin,
            digest,
            function,
            kind,
            text,
            log,
            limits: self.limits,
        }
        .into()
    }
}

impl std::fmt::Debug for PolicyInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyInstance")
            .field("plugin", &self.plugin)
            .field("poisoned", &self.live.is_none())
            .finish_non_exhaustive()
    }
}

fn instantiate(
    linked: &SchedulingPolicyPre<PolicyState>,
    store: &mut Store<PolicyState>,
) -> wasmtime::Result<(SchedulingPolicy, Schedule)> {
    let instance = linked.instance_pre().instantiate(&mut *store)?;
    let exports = SchedulingPolicy::new(&mut *store, &instance)?;
    let missing = || wasmtime::Error::msg("its function is gone since it was loaded");
    let interface = format!("{PACKAGE}/policy@{PACKAGE_VERSION}");
    let interface = instance
        .get_export_index(&mut *store, None, interface.as_str())
        .ok_or_else(missing)?;
    let schedule = instance
        .get_export_index(&mut *store, Some(&interface), "schedule")
        .ok_or_else(missing)?;
    let schedule = instance.get_typed_func(&mut *store, schedule)?;
    Ok((exports, schedule))
}

/// What is wrong with a plan as a whole.
fn impossible(plan: &Plan, now: Instant) -> Option<String> {
    if plan.decisions.len() > DECISIONS_MAX {
        let count = plan.decisions.len();
        return Some(format!(
            "answered {count} decisions, more than {DECISIONS_MAX}"
        ));
    }
    let longest = plan.decisions.iter().map(|decision| match decision {
        Decision::Start { shares, .. }
        | Decision::Grow { shares, .. }
        | Decision::Shrink { shares, .. }
        | Decision::Reserve { shares, .. } => shares.len(),
        Decision::Preempt { .. } | Decision::Wait { .. } => 0,
    });
    if let Some(shares) = longest.max().filter(|&shares| shares > SHARES_MAX) {
        return Some(format!(
            "answered a decision with {shares} shares, more than {SHARES_MAX}"
        ));
    }
    let wake_at = plan.wake_at?;
    let usable = (now..INSTANT_END).contains(&wake_at);
    (!usable)
        .then(|| format!("answered wake-at {wake_at:?}, which is not an instant from {now} on"))
}

fn take_log(state: &mut PolicyState) -> Vec<LogLine> {
    state.log.extend(state.budget.dropped());
    std::mem::take(&mut state.log)
}

impl log::Host for PolicyState {
    fn log(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Error => LogLevel::Error,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Info => LogLevel::Info,
            log::Level::Debug => LogLevel::Debug,
        };
        self.log.extend(self.budget.admit(level, &message));
    }
}
