//! The life of a policy on a running engine: load, put in force, go back, shadow, try on some of the nodes; and the proof of what it
//! decided.
//!
//! All that is slow happens beside the loop: a component is compiled, takes its settings and gets through a first pass before it takes
//! its seat. That it does, by whom and why, is an event of the kernel.

mod at_rest;
mod explain;
mod guard;
mod outlook;
mod start;
mod try_out;
mod verify;
mod views;
mod virtual_time;
mod what_if;

use jobyard_kernel::{
    ActivationCause, Actor, Command, Guard, Mirror, Parameter, Part, Policies, PolicySetup,
    Rejection, Seat, State, StoredPolicy, Timestamp,
};
use jobyard_plugin::recovery::{PolicyChoice, PolicySlot};
use jobyard_plugin::{Manifest, ManifestError, Plugin, PluginHost, World};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::core::HOST;
use crate::run::Request;
use crate::shadow::ShadowReport;
use crate::swap::Swap;
use crate::{Engine, EngineError, builtin};

pub use at_rest::AtRest;
pub use explain::Explanation;
pub(crate) use guard::watch;
pub(crate) use outlook::KeptPlan;
pub use outlook::{PLAN_HORIZON, PLAN_PASSES_MAX, PLAN_REST, PLAN_STANDS};
pub(crate) use start::{Started, Wanted};
pub use verify::{BadBound, Bound, Mismatch, Skipped, VerifyError, VerifyReport, verify_passes};
pub use views::{
    ActivationView, CanaryView, FaultView, GuardView, PolicyList, PolicyView, TrialView, WatchView,
};
pub use what_if::{Candidate, SIMULATED_JOBS_MAX, WhatIf};

/// The shortest beginning of a digest that names a policy.
pub const DIGEST_PREFIX_MIN: usize = 6;

impl Engine {
    /// Keeps a component: checked against its world, compiled, and stored with the journal for as long as that is. Nothing else
    /// changes. Loading the same bytes again changes its name and manifest.
    ///
    /// # Errors
    /// It is no policy, or the caller is no administrator.
    pub async fn load_policy(
        &self,
        by: &Actor,
        name: &str,
        component: Vec<u8>,
        manifest: Option<String>,
    ) -> Result<PolicyView, EngineError> {
        let (host, called, bytes) = (self.plugin_host(), name.to_string(), component.clone());
        let manifest = manifest.or_else(|| builtin::manifest_of(&component));
        let text = manifest.clone();
        let load = move || load(&host, &called, &bytes, text.as_deref());
        let plugin = self.beside(load).await?.map_err(swap)?;
        let policy = StoredPolicy {
            digest: plugin.digest().to_string(),
            name: name.to_string(),
            bytes: component.len() as u64,
            manifest,
            at: Timestamp(0),
            by: String::new(),
        };
        let digest = policy.digest.clone();
        let command = Command::StorePolicy {
            by: by.clone(),
            policy: policy.into(),
        };
        // Nothing of somebody who may not is kept.
        let asked = command.clone();
        let may = move |state: &State, _: &_| {
            jobyard_kernel::decide(state, &asked, Timestamp(0)).map(drop)
        };
        self.look(may).await??;
        self.keep_component(&digest, component).await?;
        self.command(command).await?;
        let view = move |state: &State, _: &_| {
            let stored = state.policies().stored.get(&digest);
            stored.map(|stored| PolicyView::of(state.policies(), stored))
        };
        self.look(view).await?.ok_or(EngineError::Stopped)
    }

    /// A component that is kept, by name, digest or the beginning of one.
    ///
    /// # Errors
    /// There is none.
    pub async fn stored_policy(&self, policy: &str) -> Result<PolicyView, EngineError> {
        let named = policy.to_string();
        let view = move |state: &State, _: &_| {
            let policies = state.policies();
            let digest = find(policies, &named)?;
            Ok::<_, Rejection>(PolicyView::of(policies, &policies.stored[&digest]))
        };
        Ok(self.look(view).await??)
    }

    /// Which policies there are, and which is in force, shadowed, tried.
    ///
    /// # Errors
    /// The engine has stopped.
    pub async fn policies(&self) -> Result<PolicyList, EngineError> {
        self.look(|state, _| PolicyList::of(state)).await
    }

    /// Puts a policy in force, between two passes, after it has taken its settings and got through a first pass on everything beside
    /// the live path, where the one before decides meanwhile; the number of the activation. That pass counts: what it proposed and
    /// has become impossible since is refused, and not held against it. `policy` is a digest, its beginning, or a name. With a guard
    /// the one before is put back by itself when it does not keep its bounds.
    ///
    /// # Errors
    /// Why it was not taken; the old one still decides.
    pub async fn activate_policy(
        &self,
        by: &Actor,
        policy: &str,
        settings: Vec<(String, String)>,
        why: &str,
        guard: Option<Guard>,
    ) -> Result<u32, EngineError> {
        let setup = self.setup(policy, settings).await?;
        self.put_in_force(by, setup, ActivationCause::Chosen, why, guard)
            .await
    }

    /// Puts back in force what an earlier activation had: the one before, or that of a number.
    ///
    /// # Errors
    /// There is no such activation, or why it was not taken.
    pub async fn roll_back_policy(
        &self,
        by: &Actor,
        to: Option<u32>,
        why: &str,
    ) -> Result<u32, EngineError> {
        let (to, setup) = self.earlier(to).await?;
        let cause = ActivationCause::RolledBack { to };
        self.put_in_force(by, setup, cause, why, None).await
    }

    async fn earlier(&self, to: Option<u32>) -> Result<(u32, PolicySetup), EngineError> {
        let earlier = move |state: &State, _: &_| {
            let policies = state.policies();
            let activation = match to {
                Some(number) => policies.activation(number),
                None => policies.before(),
            };
            activation.map(|activation| (activation.number, activation.setup.clone()))
        };
        let unknown = || Rejection::UnknownActivation(to.unwrap_or_default()).into();
        self.look(earlier).await?.ok_or_else(unknown)
    }

    async fn put_in_force(
        &self,
        by: &Actor,
        setup: PolicySetup,
        cause: ActivationCause,
        why: &str,
        guard: Option<Guard>,
    ) -> Result<u32, EngineError> {
        let choice = self.choice(&setup).await?;
        let parameters = |state: &State, _: &_| Parameter::all(state.parameters());
        let parameters = self.look(parameters).await?;
        let made = self.beside(move || PolicySlot::alone(choice, parameters));
        let slot = made.await?.map_err(swap)?;
        let command = Command::ActivatePolicy {
            by: by.clone(),
            setup,
            cause,
            why: why.into(),
            guard,
        };
        let (reply, answer) = oneshot::channel();
        let swap = Swap {
            slot,
            command,
            reply,
        };
        self.request(Request::Swap(Box::new(swap))).await?;
        answer.await.map_err(|_| EngineError::Stopped)?
    }

    /// Asks a policy what it would do, from now on, beside the one in force and at the same moments. It is never heeded.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn shadow_policy(
        &self,
        by: &Actor,
        policy: &str,
        settings: Vec<(String, String)>,
        why: &str,
    ) -> Result<(), EngineError> {
        let setup = self.setup(policy, settings).await?;
        let slot = self
            .dry_run(self.choice(&setup).await?, Seat::Shadow)
            .await?;
        let command = Command::ShadowPolicy {
            by: by.clone(),
            setup: Some(setup),
            why: why.into(),
        };
        self.trial(Seat::Shadow, Some(slot), command).await
    }

    /// Ends the shadow; what is known of it stays until the next one.
    ///
    /// # Errors
    /// The caller is no administrator.
    pub async fn end_shadow(&self, by: &Actor, why: &str) -> Result<(), EngineError> {
        let command = Command::ShadowPolicy {
            by: by.clone(),
            setup: None,
            why: why.into(),
        };
        self.trial(Seat::Shadow, None, command).await
    }

    /// What the shadow would have done, beside what was done.
    pub fn shadow_report(&self) -> ShadowReport {
        self.shadow_log().report()
    }

    /// Lets a policy decide for some of the nodes; the one in force has the others. Both see all jobs, and a job starts on
    /// nodes of one part only.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn canary_policy(
        &self,
        by: &Actor,
        policy: &str,
        settings: Vec<(String, String)>,
        part: Part,
        why: &str,
    ) -> Result<(), EngineError> {
        let setup = self.setup(policy, settings).await?;
        let slot = self
            .dry_run(self.choice(&setup).await?, Seat::Canary)
            .await?;
        let command = Command::CanaryPolicy {
            by: by.clone(),
            trial: Some((setup, part)),
            why: why.into(),
        };
        self.trial(Seat::Canary, Some(slot), command).await
    }

    /// Ends the canary: its nodes are the policy's in force again.
    ///
    /// # Errors
    /// The caller is no administrator.
    pub async fn end_canary(&self, by: &Actor, why: &str) -> Result<(), EngineError> {
        let command = Command::CanaryPolicy {
            by: by.clone(),
            trial: None,
            why: why.into(),
        };
        self.trial(Seat::Canary, None, command).await
    }

    async fn trial(
        &self,
        seat: Seat,
        slot: Option<PolicySlot>,
        command: Command,
    ) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        let slot = slot.map(Box::new);
        self.request(Request::Trial(seat, slot, Box::new(command), reply))
            .await?;
        answer.await.map_err(|_| EngineError::Stopped)?
    }

    /// Puts another policy, or the same with other settings, in force: loads it and activates it, in the name of the host.
    ///
    /// # Errors
    /// Why it was not taken; the old one still decides.
    pub async fn swap_policy(
        &self,
        name: &str,
        component: &[u8],
        settings: Vec<(String, String)>,
    ) -> Result<(), EngineError> {
        let by = Actor::administrator(HOST);
        let loaded = self
            .load_policy(&by, name, component.to_vec(), None)
            .await?;
        let activated = self.activate_policy(&by, &loaded.digest, settings, "", None);
        activated.await.map(drop)
    }

    /// What a policy is called by people, with settings.
    async fn setup(
        &self,
        policy: &str,
        settings: Vec<(String, String)>,
    ) -> Result<PolicySetup, EngineError> {
        let named = policy.to_string();
        let digest = self
            .look(move |state, _| find(state.policies(), &named))
            .await??;
        Ok(PolicySetup { digest, settings })
    }

    /// A stored policy, ready to make instances of.
    async fn choice(&self, setup: &PolicySetup) -> Result<PolicyChoice, EngineError> {
        let digest = setup.digest.clone();
        let stored = move |state: &State, _: &_| state.policies().stored.get(&digest).cloned();
        let unknown = || Rejection::UnknownPolicy(setup.digest.clone());
        let stored = self.look(stored).await?.ok_or_else(unknown)?;
        let bytes = self.component(&setup.digest).await?.ok_or_else(unknown)?;
        let (host, settings) = (self.plugin_host(), setup.settings.clone());
        let load = move || choice_of(&host, &stored, &bytes, settings);
        self.beside(load).await?.map_err(swap)
    }

    /// Has a policy decide once about everything, on a copy of the state, and comes back with an instance that knows nothing yet.
    async fn dry_run(&self, choice: PolicyChoice, seat: Seat) -> Result<PolicySlot, EngineError> {
        let copy = |state: &State, _: &_| {
            let parameters = Parameter::all(state.parameters());
            (Box::new(state.clone()), parameters)
        };
        let (state, parameters) = self.look(copy).await?;
        let run = move || {
            let now = Clock::default().now().as_instant();
            let mut slot = PolicySlot::alone(choice.clone(), parameters.clone())?;
            let mut mirror = Mirror::of(seat);
            mirror.wants(slot.columns());
            let outcome = slot.schedule(now, mirror.take(&state));
            match outcome.faults.into_iter().next() {
                Some(fault) => Err(jobyard_plugin::SwapError::FirstPass(fault)),
                None => PolicySlot::alone(choice, parameters),
            }
        };
        self.beside(run).await?.map_err(swap)
    }

    /// Does what takes long on a thread for such.
    pub(crate) async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| EngineError::Stopped)
    }
}

fn swap(error: impl std::fmt::Display) -> EngineError {
    EngineError::Swap(error.to_string())
}

/// A component as it was stored, with settings.
pub(crate) fn choice_of(
    host: &PluginHost,
    stored: &StoredPolicy,
    bytes: &[u8],
    settings: Vec<(String, String)>,
) -> Result<PolicyChoice, jobyard_plugin::LoadError> {
    let plugin = load(host, &stored.name, bytes, stored.manifest.as_deref())?;
    Ok(PolicyChoice {
        limits: plugin.limits(),
        plugin,
        settings,
        number: 0,
    })
}

/// A policy component with the text of its manifest, where it has one.
fn load(
    host: &PluginHost,
    name: &str,
    bytes: &[u8],
    manifest: Option<&str>,
) -> Result<Plugin, jobyard_plugin::LoadError> {
    let bad = |error: ManifestError| jobyard_plugin::LoadError::Manifest {
        name: name.into(),
        reason: format!("its manifest: {error}"),
    };
    let manifest = manifest.map(Manifest::parse).transpose().map_err(bad)?;
    builtin::load(host, name, bytes, World::SchedulingPolicy, manifest)
}

/// The digest of the policy that is meant by a digest, the beginning of one, or a name; of several of one name the one loaded last.
fn find(policies: &Policies, named: &str) -> Result<String, Rejection> {
    if policies.stored.contains_key(named) {
        return Ok(named.into());
    }
    // A built-in policy goes by its short name; its full one is as good.
    let names = [Some(named), named.strip_prefix("policy-")];
    for name in names.into_iter().flatten() {
        let of_name = policies.stored.values().filter(|one| one.name == name);
        if let Some(stored) = of_name.max_by_key(|stored| stored.at) {
            return Ok(stored.digest.clone());
        }
    }
    let mut begin = policies.stored.keys().filter(|d| d.starts_with(named));
    match (begin.next(), begin.next()) {
        (Some(digest), None) if named.len() >= DIGEST_PREFIX_MIN => Ok(digest.clone()),
        _ => Err(Rejection::UnknownPolicy(named.into())),
    }
}
