//! Which policies an engine begins with: the one that its builder names, else the one that was in force, else the built-in one; and those
//! that were tried beside it.

use jobyard_journal::Journal;
use jobyard_kernel::limits::CANCEL_MESSAGE_CHARS_MAX;
use jobyard_kernel::{
    ActivationCause, Actor, Command, Parameter, PolicySetup, Seat, State, StoredPolicy, Timestamp,
};
use jobyard_plugin::recovery::{PolicyChoice, PolicySlot};
use jobyard_plugin::{Limits, PluginHost, digest_of};

use super::{choice_of, load};
use crate::BuildError;
use crate::builtin::{self, Component};
use crate::core::HOST;

/// What the builder was told of the policy.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) policy: Option<(String, Vec<u8>)>,
    pub(crate) manifest: Option<String>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) limits: Option<Limits>,
}

/// What the engine begins with.
pub(crate) struct Started {
    pub(crate) slot: PolicySlot,
    pub(crate) trials: Vec<(Seat, PolicySlot)>,
    /// What makes the state say so.
    pub(crate) commands: Vec<Command>,
}

impl Started {
    pub(crate) fn new(
        host: &PluginHost,
        state: &State,
        journal: &mut dyn Journal,
        wanted: Wanted,
    ) -> Result<Self, BuildError> {
        let mut start = Start {
            host,
            state,
            journal,
            commands: Vec::new(),
        };
        let last_resort = builtin::POLICY_BACKFILL;
        let (name, bytes) = (start.name_of(last_resort), last_resort.bytes);
        let last_resort = start.kept(&name, bytes, None, Vec::new(), None)?;
        let named = wanted.policy.is_some() || !wanted.settings.is_empty();
        let slot = if named {
            let (name, bytes) = match wanted.policy {
                Some(policy) => policy,
                None => (name, bytes.to_vec()),
            };
            let (settings, limits) = (wanted.settings, wanted.limits);
            let chosen = start.kept(&name, &bytes, wanted.manifest, settings, limits)?;
            PolicySlot::new(start.in_force(chosen, ""), last_resort)?
        } else {
            let before = start
                .before()
                .map(|chosen| chosen.map(|c| start.in_force(c, "")));
            let before = before.map(|chosen| {
                chosen.and_then(|chosen| {
                    let slot = PolicySlot::new(chosen, last_resort.clone());
                    slot.map_err(|error| error.to_string())
                })
            });
            match before {
                Some(Ok(slot)) => slot,
                // A host stays up: what cannot be had any more is not waited for.
                Some(Err(why)) => {
                    let chosen = start.in_force(last_resort.clone(), &why);
                    PolicySlot::new(chosen, last_resort)?
                }
                None => PolicySlot::new(start.in_force(last_resort.clone(), ""), last_resort)?,
            }
        };
        let trials = start.trials();
        Ok(Started {
            slot,
            trials,
            commands: start.commands,
        })
    }
}

struct Start<'a> {
    host: &'a PluginHost,
    state: &'a State,
    journal: &'a mut dyn Journal,
    commands: Vec<Command>,
}

impl Start<'_> {
    /// What a built-in component is called: as it is kept, whoever gave it that name. Older journals have it by its full name.
    fn name_of(&self, component: Component) -> String {
        let stored = &self.state.policies().stored;
        let known = stored.get(&digest_of(component.bytes));
        match known.filter(|known| known.name != component.name) {
            Some(known) => known.name.clone(),
            None => component.short_name().into(),
        }
    }

    /// A component that is kept from now on.
    fn kept(
        &mut self,
        name: &str,
        bytes: &[u8],
        manifest: Option<String>,
        settings: Vec<(String, String)>,
        limits: Option<Limits>,
    ) -> Result<PolicyChoice, BuildError> {
        let manifest = manifest.or_else(|| builtin::manifest_of(bytes));
        let plugin = load(self.host, name, bytes, manifest.as_deref())?;
        let digest = plugin.digest().to_string();
        self.journal.keep_component(&digest, bytes)?;
        let policy = StoredPolicy {
            digest,
            name: name.into(),
            bytes: bytes.len() as u64,
            manifest,
            at: Timestamp(0),
            by: String::new(),
        };
        let known = self.state.policies().stored.get(&policy.digest);
        if known.is_none_or(|known| known.name != name || known.manifest != policy.manifest) {
            let by = Actor::administrator(HOST);
            let policy = policy.into();
            self.commands.push(Command::StorePolicy { by, policy });
        }
        Ok(PolicyChoice {
            limits: limits.unwrap_or_else(|| plugin.limits()),
            plugin,
            settings,
            number: 0,
        })
    }

    /// The one that was in force, or why it cannot be had.
    fn before(&self) -> Option<Result<PolicyChoice, String>> {
        let active = self.state.policies().active()?;
        Some(self.stored(&active.setup))
    }

    fn stored(&self, setup: &PolicySetup) -> Result<PolicyChoice, String> {
        let gone = || format!("the component {} is not kept", setup.digest);
        let stored = self.state.policies().stored.get(&setup.digest);
        let stored = stored.ok_or_else(gone)?;
        let history = self.journal.history().map_err(|error| error.to_string())?;
        let bytes = history.component(&setup.digest);
        let bytes = bytes.map_err(|error| error.to_string())?.ok_or_else(gone)?;
        choice_of(self.host, stored, &bytes, setup.settings.clone())
            .map_err(|error| error.to_string())
    }

    /// Sees to it that the state has this one in force, and gives it its number.
    fn in_force(&mut self, mut choice: PolicyChoice, why: &str) -> PolicyChoice {
        let setup = PolicySetup {
            digest: choice.plugin.digest().into(),
            settings: choice.settings.clone(),
        };
        let active = self.state.policies().active();
        choice.number = active.map_or(0, |active| active.number);
        if active.is_none_or(|active| active.setup != setup) {
            choice.number += 1;
            self.commands.push(Command::ActivatePolicy {
                by: Actor::administrator(HOST),
                setup,
                cause: ActivationCause::Started,
                why: short(why),
                guard: None,
            });
        }
        choice
    }

    /// Those that were tried; one that cannot be had is tried no more.
    fn trials(&mut self) -> Vec<(Seat, PolicySlot)> {
        let policies = self.state.policies();
        let shadow = policies.shadow.as_ref().map(|shadow| &shadow.setup);
        let canary = policies.canary.as_ref().map(|canary| &canary.setup);
        let mut trials = Vec::new();
        for (seat, setup) in [(Seat::Shadow, shadow), (Seat::Canary, canary)] {
            let Some(setup) = setup else { continue };
            let parameters = Parameter::all(self.state.parameters());
            let slot = self.stored(setup).and_then(|choice| {
                let slot = PolicySlot::alone(choice, parameters);
                slot.map_err(|error| error.to_string())
            });
            let (by, why) = match slot {
                Ok(slot) => {
                    trials.push((seat, slot));
                    continue;
                }
                Err(why) => (Actor::administrator(HOST), short(&why)),
            };
            self.commands.push(match seat {
                Seat::Canary => Command::CanaryPolicy {
                    by,
                    trial: None,
                    why,
                },
                Seat::Shadow | Seat::Active => Command::ShadowPolicy {
                    by,
                    setup: None,
                    why,
                },
            });
        }
        trials
    }
}

fn short(why: &str) -> String {
    why.chars().take(CANCEL_MESSAGE_CHARS_MAX).collect()
}
