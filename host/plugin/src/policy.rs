//! The adapter of the world `scheduling-policy`: one instance, its settings, its passes.
//!
//! Calls are synchronous and belong on a thread that may compute for as long as the deadline allows. What to do
//! about a fault is not decided here, see [`crate::recovery`].

use std::time::Duration;

use jobyard_kernel::{Changes, Columns, Decision, Instant, Plan};
use wasmtime::Store;
use wasmtime::component::TypedFunc;

use crate::bindings::policy::exports::jobyard::plugin::policy as wit;
use crate::bindings::policy::{SchedulingPolicy, SchedulingPolicyPre};
use crate::changes::LoweredChanges;
use crate::convert;
use crate::error::ConfigureError;
use crate::fault::{Fault, FaultKind};
use crate::host::{Linked, Plugin};
use crate::instance::{GuestState, Kept};
use crate::limits::TEXT_BYTES_MAX;
use crate::limits::{DECISIONS_MAX, Limits, POLICY_ANSWER_BYTES_MAX, SHARES_MAX, TRAITS_MAX};
use crate::log::LogLine;
use crate::text::cut;
use crate::world::{PACKAGE, PACKAGE_VERSION, World};

/// Instants are whole microseconds below this, so that an `f64` holds them exactly.
const INSTANT_END: f64 = 9_007_199_254_740_992.0; // 2^53

/// An instance of a policy: configured, and holding the mirror that it was sent.
///
/// After a fault it holds nothing any more, and every call returns a fault of the kind
/// [`FaultKind::Poisoned`]: make a new one and send it everything.
pub struct PolicyInstance {
    kept: Kept<Exports>,
    traits: Vec<(String, String)>,
    columns: Columns,
}

struct Exports {
    all: SchedulingPolicy,
    schedule: Schedule,
}

type Schedule = TypedFunc<(Instant, LoweredChanges), (wit::Plan,)>;

impl Plugin {
    /// Makes an instance and gives it its settings, all of them, as `configure` of `wit/policy.wit` says. The first call of
    /// [`PolicyInstance::schedule`] must carry everything.
    pub fn policy(
        &self,
        limits: Limits,
        settings: &[(String, String)],
    ) -> Result<PolicyInstance, ConfigureError> {
        self.check_settings(settings)?;
        let mut instance = PolicyInstance {
            kept: Kept::new(self.clone(), limits),
            traits: Vec::new(),
            columns: Columns::default(),
        };
        instance.instantiate()?;
        instance.configure(settings)?;
        Ok(instance)
    }
}

impl PolicyInstance {
    /// The plugin that this is an instance of.
    pub fn plugin(&self) -> &Plugin {
        &self.kept.plugin
    }

    /// The limits of each of its calls.
    pub fn limits(&self) -> Limits {
        self.kept.limits
    }

    /// What the policy said of itself when it took its settings, by name.
    pub fn traits(&self) -> &[(String, String)] {
        &self.traits
    }

    /// Of the cluster's parameters those that the policy says it follows: it takes them as settings, see `configure` in `wit/policy.wit`.
    pub fn followed(&self, parameters: &[(String, String)]) -> Vec<(String, String)> {
        let says = |(name, names): &(String, String)| (name == "follows").then(|| names.clone());
        let names: Vec<String> = self.traits.iter().filter_map(says).collect();
        let follows = |name: &str| {
            let mut names = names.iter().flat_map(|names| names.split(','));
            names.any(|one| one.trim().eq_ignore_ascii_case(name))
        };
        let all = parameters.iter();
        all.filter(|(name, _)| follows(name)).cloned().collect()
    }

    /// The columns that it asked for when it took its settings: `schedule` must be given these.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Gives it other settings. On a refusal those that were in force stay.
    pub fn configure(&mut self, settings: &[(String, String)]) -> Result<(), ConfigureError> {
        let answer = self.kept.call("configure", |live| {
            let guest = live.exports.all.jobyard_plugin_policy();
            guest.call_configure(&mut live.store, settings)
        })?;
        let traits = answer.map_err(|text| ConfigureError::Refused(cut(text, TEXT_BYTES_MAX)))?;
        if traits.len() > TRAITS_MAX {
            let text = format!(
                "says {} things of itself, more than {TRAITS_MAX}",
                traits.len()
            );
            return Err(self.kept.nonsense("configure", text).into());
        }
        self.columns = self.asked(&traits)?;
        self.traits = traits;
        Ok(())
    }

    /// The columns that it says it wants, all of which its manifest must grant.
    fn asked(&self, traits: &[(String, String)]) -> Result<Columns, ConfigureError> {
        let refused = |text: String| ConfigureError::Refused(cut(text, TEXT_BYTES_MAX));
        let mut asked = Columns::default();
        for (_, names) in traits.iter().filter(|(name, _)| name == "columns") {
            let columns = Columns::parse(names);
            asked.extend(&columns.map_err(|unknown| refused(unknown.to_string()))?);
        }
        match asked.first_beyond(&self.kept.plugin.columns()) {
            None => Ok(asked),
            Some(name) => Err(refused(format!(
                "asks for the column {name}, which its manifest does not grant; columns = [\"{name}\"] in plugin.toml does"
            ))),
        }
    }

    /// One pass: tells the policy what changed, and returns its proposals as it made them. Single proposals
    /// may be impossible; the kernel refuses those one by one.
    ///
    /// A fault, beside those that the guest runs into by itself, is a plan over [`DECISIONS_MAX`] decisions or
    /// [`SHARES_MAX`] shares in one, and a `wake-at` that is no instant or lies before `now`.
    pub fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, Fault> {
        let changes = LoweredChanges::from(changes);
        let (answer,) = self.kept.call("schedule", |live| {
            live.exports.schedule.call(&mut live.store, (now, changes))
        })?;
        let plan = convert::plan(answer);
        match impossible(&plan, now) {
            None => Ok(plan),
            Some(text) => Err(self.kept.nonsense("schedule", text)),
        }
    }

    /// Gives the next call no more time than this.
    pub(crate) fn hurry(&mut self, time: Duration) {
        self.kept.hurry(time);
    }

    /// What it holds of memory now, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.kept.memory_bytes()
    }

    /// What it logged since this was last asked, oldest first. The last lines before a fault are with the fault too.
    pub fn take_log(&mut self) -> Vec<LogLine> {
        self.kept.take_log()
    }

    fn instantiate(&mut self) -> Result<(), Fault> {
        let Linked::Policy(linked) = self.kept.plugin.linked() else {
            let text = format!(
                "is a {}, not a {}",
                self.kept.plugin.world(),
                World::SchedulingPolicy
            );
            let kind = FaultKind::Instantiate;
            return Err(self.kept.fault("instantiate", kind, text, Vec::new()));
        };
        let engine = linked.engine().clone();
        let linked = linked.clone();
        self.kept
            .instantiate(&engine, POLICY_ANSWER_BYTES_MAX, |store| {
                instantiate(&linked, store)
            })
    }
}

impl std::fmt::Debug for PolicyInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyInstance")
            .field("plugin", &self.kept.plugin)
            .field("poisoned", &self.kept.is_poisoned())
            .finish_non_exhaustive()
    }
}

fn instantiate(
    linked: &SchedulingPolicyPre<GuestState>,
    store: &mut Store<GuestState>,
) -> wasmtime::Result<Exports> {
    let instance = linked.instance_pre().instantiate(&mut *store)?;
    let all = SchedulingPolicy::new(&mut *store, &instance)?;
    let missing = || wasmtime::Error::msg("its function is gone since it was loaded");
    let interface = format!("{PACKAGE}/policy@{PACKAGE_VERSION}");
    let interface = instance
        .get_export_index(&mut *store, None, interface.as_str())
        .ok_or_else(missing)?;
    let schedule = instance
        .get_export_index(&mut *store, Some(&interface), "schedule")
        .ok_or_else(missing)?;
    let schedule = instance.get_typed_func(&mut *store, schedule)?;
    Ok(Exports { all, schedule })
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
