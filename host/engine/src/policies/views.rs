//! Policies as people see them: plain data, times in RFC 3339.

use std::collections::BTreeSet;

use jobyard_kernel::{
    Activation, ActivationCause, Canary, Guard, Policies, PolicyFault, Shadowing, State,
    StoredPolicy, Timestamp, Watch,
};
use serde::{Deserialize, Serialize};

use crate::rfc3339;

/// A component that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyView {
    /// SHA-256 of its bytes.
    pub digest: String,
    /// What people call it.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was loaded last.
    pub loaded: String,
    /// By whom.
    pub by: String,
    /// Its manifest, where it has one.
    pub manifest: Option<String>,
    /// What it does now: `active`, `shadow`, `canary`.
    pub seats: Vec<String>,
}

impl PolicyView {
    pub(super) fn of(policies: &Policies, stored: &StoredPolicy) -> Self {
        let active = policies.active().map(|active| &active.setup);
        let shadow = policies.shadow.as_ref().map(|shadow| &shadow.setup);
        let canary = policies.canary.as_ref().map(|canary| &canary.setup);
        let seats = [("active", active), ("shadow", shadow), ("canary", canary)];
        let seats = seats
            .into_iter()
            .filter(|(_, setup)| setup.is_some_and(|setup| setup.digest == stored.digest))
            .map(|(seat, _)| seat.into());
        PolicyView {
            digest: stored.digest.clone(),
            name: stored.name.clone(),
            bytes: stored.bytes,
            loaded: rfc3339(stored.at),
            by: stored.by.clone(),
            manifest: stored.manifest.clone(),
            seats: seats.collect(),
        }
    }
}

/// That a policy came into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActivationView {
    /// From 1.
    pub number: u32,
    /// What people call the component.
    pub name: String,
    /// The component.
    pub digest: String,
    /// Its settings.
    pub settings: Vec<(String, String)>,
    /// From when on.
    pub at: String,
    /// Who wanted it.
    pub by: String,
    /// In their words.
    pub why: String,
    /// `chosen`, `started`, `rolled back to N`, `guarded, back to N`.
    pub cause: String,
    /// When it is taken back by itself.
    pub guard: Option<GuardView>,
}

impl ActivationView {
    pub(super) fn of(policies: &Policies, activation: &Activation) -> Self {
        let setup = &activation.setup;
        ActivationView {
            number: activation.number,
            name: name(policies, &setup.digest),
            digest: setup.digest.clone(),
            settings: setup.settings.clone(),
            at: rfc3339(activation.at),
            by: activation.by.clone(),
            why: activation.why.clone(),
            cause: match activation.cause {
                ActivationCause::Chosen => "chosen".into(),
                ActivationCause::Started => "started".into(),
                ActivationCause::RolledBack { to } => format!("rolled back to {to}"),
                ActivationCause::Guarded { to } => format!("guarded, back to {to}"),
            },
            guard: activation
                .guard
                .map(|guard| GuardView::of(&guard, activation.at)),
        }
    }
}

/// When a policy is taken back by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GuardView {
    /// Until when it is looked at.
    pub until: String,
    /// More faults than this.
    pub faults_max: Option<u64>,
    /// More refused proposals than this.
    pub refused_max: Option<u64>,
    /// A pass that takes longer, in milliseconds.
    pub pass_ms_max: Option<u64>,
    /// A job that was submitted since and waits longer, in seconds.
    pub wait_s_max: Option<u64>,
}

impl GuardView {
    fn of(guard: &Guard, since: Timestamp) -> Self {
        GuardView {
            until: rfc3339(since + guard.window),
            faults_max: guard.faults_max,
            refused_max: guard.refused_max,
            pass_ms_max: guard.pass_max.map(|max| max.0 / 1_000),
            wait_s_max: guard.wait_max.map(|max| max.0 / 1_000_000),
        }
    }
}

/// A policy that is shadowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TrialView {
    /// What people call the component.
    pub name: String,
    /// The component.
    pub digest: String,
    /// Its settings.
    pub settings: Vec<(String, String)>,
    /// From when on.
    pub since: String,
    /// Who wanted it.
    pub by: String,
    /// In their words.
    pub why: String,
}

impl TrialView {
    fn of(policies: &Policies, trial: &Shadowing) -> Self {
        TrialView {
            name: name(policies, &trial.setup.digest),
            digest: trial.setup.digest.clone(),
            settings: trial.setup.settings.clone(),
            since: rfc3339(trial.at),
            by: trial.by.clone(),
            why: trial.why.clone(),
        }
    }
}

/// A policy that is tried on some of the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CanaryView {
    /// What it is.
    #[serde(flatten)]
    pub trial: TrialView,
    /// Which nodes are its, in words.
    pub part: String,
    /// How many they are now.
    pub nodes: usize,
    /// Their cores.
    pub cores: u32,
    /// Those that no job holds.
    pub free_cores: u32,
    /// Jobs that hold something of them, whoever started them.
    pub jobs: usize,
    /// What was counted of it.
    pub watch: WatchView,
}

impl CanaryView {
    fn of(state: &State, canary: &Canary) -> Self {
        let policies = state.policies();
        let part = policies.canary_nodes();
        let nodes: Vec<_> = part.iter().filter_map(|&id| state.node(id)).collect();
        let jobs: BTreeSet<_> = nodes.iter().flat_map(|node| &node.jobs).collect();
        CanaryView {
            trial: TrialView {
                name: name(policies, &canary.setup.digest),
                digest: canary.setup.digest.clone(),
                settings: canary.setup.settings.clone(),
                since: rfc3339(canary.at),
                by: canary.by.clone(),
                why: canary.why.clone(),
            },
            part: canary.part.to_string(),
            nodes: nodes.len(),
            cores: nodes.iter().map(|node| node.spec.cores).sum(),
            free_cores: nodes.iter().map(|node| node.free.len()).sum(),
            jobs: jobs.len(),
            watch: WatchView::of(&policies.canary_watch),
        }
    }
}

/// What was counted of the policy in force, or of the canary, since it decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WatchView {
    /// Its passes.
    pub passes: u64,
    /// Calls that failed.
    pub faults: u64,
    /// Proposals that were refused.
    pub refused: u64,
    /// Its longest pass, in microseconds.
    pub slowest_us: u64,
}

impl WatchView {
    fn of(watch: &Watch) -> Self {
        WatchView {
            passes: watch.passes,
            faults: watch.faults,
            refused: watch.refused,
            slowest_us: watch.slowest.0,
        }
    }
}

/// A call of a policy that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FaultView {
    /// When.
    pub at: String,
    /// `active`, `canary` or `shadow`.
    pub seat: String,
    /// What people call the component.
    pub name: String,
    /// The component.
    pub digest: String,
    /// The function that was called.
    pub function: String,
    /// One word.
    pub kind: String,
    /// What happened.
    pub text: String,
    /// The limits that were in force.
    pub limits: String,
    /// What it logged last.
    pub log: Vec<String>,
}

impl FaultView {
    /// Of an event.
    pub fn of(at: Timestamp, fault: &PolicyFault) -> Self {
        FaultView {
            at: rfc3339(at),
            seat: fault.seat.to_string(),
            name: fault.name.clone(),
            digest: fault.digest.clone(),
            function: fault.function.clone(),
            kind: fault.kind.clone(),
            text: fault.text.clone(),
            limits: fault.limits.clone(),
            log: fault.log.clone(),
        }
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyList {
    /// The policy in force.
    pub active: Option<ActivationView>,
    /// What was counted of it.
    pub watch: WatchView,
    /// What is shadowed.
    pub shadow: Option<TrialView>,
    /// What is tried on some of the nodes.
    pub canary: Option<CanaryView>,
    /// Components that are kept, by name.
    pub policies: Vec<PolicyView>,
    /// Activations that can be gone back to, latest first.
    pub history: Vec<ActivationView>,
}

impl PolicyList {
    /// Of a state's.
    pub fn of(state: &State) -> Self {
        let policies = state.policies();
        let stored = policies.stored.values();
        let mut all: Vec<_> = stored
            .map(|stored| PolicyView::of(policies, stored))
            .collect();
        all.sort_by(|a, b| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
        let activations = policies.activations.iter().rev();
        let history: Vec<_> = activations
            .map(|a| ActivationView::of(policies, a))
            .collect();
        PolicyList {
            active: history.first().cloned(),
            watch: WatchView::of(&policies.watch),
            shadow: policies.shadow.as_ref().map(|s| TrialView::of(policies, s)),
            canary: policies.canary.as_ref().map(|c| CanaryView::of(state, c)),
            policies: all,
            history,
        }
    }
}

fn name(policies: &Policies, digest: &str) -> String {
    let stored = policies.stored.get(digest);
    stored.map_or_else(|| "?".into(), |stored| stored.name.clone())
}
