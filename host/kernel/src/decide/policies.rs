//! What is asked of policies as a whole: to keep one, to put one in force, in the shadow or on some of the nodes. For administrators.

use std::sync::Arc;

use super::Facts;
use super::jobs::check_message;
use super::roles::may_administer;
use crate::limits::{POLICIES_MAX, POLICY_MANIFEST_BYTES_MAX, POLICY_SETTINGS_BYTES_MAX};
use crate::{
    Activation, ActivationCause, Actor, Canary, Fact, Guard, Part, PolicySetup, Rejection,
    Shadowing, State, StoredPolicy, Timestamp,
};

pub(super) fn store(state: &State, by: &Actor, policy: &StoredPolicy, now: Timestamp) -> Facts {
    may_administer(by, "load policies")?;
    let manifest = policy.manifest.as_ref().map_or(0, String::len);
    if manifest > POLICY_MANIFEST_BYTES_MAX {
        return Err(too_long("manifest", manifest, POLICY_MANIFEST_BYTES_MAX));
    }
    let known = state.policies.stored.get(&policy.digest);
    if known.is_some_and(|known| known.name == policy.name && known.manifest == policy.manifest) {
        return Ok(Vec::new());
    }
    if known.is_none() && state.policies.stored.len() >= POLICIES_MAX {
        return Err(Rejection::NoIdsLeft("policy"));
    }
    let (at, by) = (now, by.name.clone());
    let policy = policy.clone();
    Ok(vec![Fact::PolicyStored(Arc::new(StoredPolicy {
        at,
        by,
        ..policy
    }))])
}

pub(super) fn activate(
    state: &State,
    by: &Actor,
    setup: &PolicySetup,
    cause: ActivationCause,
    why: &str,
    guard: Option<Guard>,
    now: Timestamp,
) -> Facts {
    may_administer(by, "put a policy in force")?;
    check(state, setup, why)?;
    if let ActivationCause::RolledBack { to } | ActivationCause::Guarded { to } = cause
        && state.policies.activation(to).is_none()
    {
        return Err(Rejection::UnknownActivation(to));
    }
    let last = state.policies.active().map_or(0, |active| active.number);
    let number = last.checked_add(1);
    let number = number.ok_or(Rejection::NoIdsLeft("activation"))?;
    Ok(vec![Fact::PolicyActivated(Arc::new(Activation {
        number,
        setup: setup.clone(),
        at: now,
        by: by.name.clone(),
        why: why.into(),
        cause,
        guard,
    }))])
}

pub(super) fn shadow(
    state: &State,
    by: &Actor,
    setup: Option<&PolicySetup>,
    why: &str,
    now: Timestamp,
) -> Facts {
    may_administer(by, "shadow a policy")?;
    let Some(setup) = setup else {
        return Ok(match state.policies.shadow {
            Some(_) => vec![Fact::ShadowSet(None)],
            None => Vec::new(),
        });
    };
    check(state, setup, why)?;
    Ok(vec![Fact::ShadowSet(Some(Arc::new(Shadowing {
        setup: setup.clone(),
        at: now,
        by: by.name.clone(),
        why: why.into(),
    })))])
}

pub(super) fn canary(
    state: &State,
    by: &Actor,
    trial: Option<(&PolicySetup, &Part)>,
    why: &str,
    now: Timestamp,
) -> Facts {
    may_administer(by, "try a policy on some of the nodes")?;
    let Some((setup, part)) = trial else {
        return Ok(match state.policies.canary {
            Some(_) => vec![Fact::CanarySet(None)],
            None => Vec::new(),
        });
    };
    check(state, setup, why)?;
    let some = match part {
        Part::Percent(percent) => (1..100).contains(percent),
        Part::Groups(groups) => {
            let named = |group: &String| state.nodes().any(|n| n.spec.groups.contains(group));
            !groups.is_empty() && groups.iter().all(named)
        }
    };
    if !some {
        return Err(Rejection::NoSuchPart(part.clone()));
    }
    Ok(vec![Fact::CanarySet(Some(Arc::new(Canary {
        setup: setup.clone(),
        part: part.clone(),
        at: now,
        by: by.name.clone(),
        why: why.into(),
    })))])
}

fn check(state: &State, setup: &PolicySetup, why: &str) -> Result<(), Rejection> {
    check_message(why)?;
    if !state.policies.stored.contains_key(&setup.digest) {
        return Err(Rejection::UnknownPolicy(setup.digest.clone()));
    }
    let settings = setup.settings.iter();
    let bytes: usize = settings.map(|(name, value)| name.len() + value.len()).sum();
    match bytes > POLICY_SETTINGS_BYTES_MAX {
        true => Err(too_long("settings", bytes, POLICY_SETTINGS_BYTES_MAX)),
        false => Ok(()),
    }
}

fn too_long(what: &'static str, bytes: usize, max: usize) -> Rejection {
    Rejection::PolicyTooLong { what, bytes, max }
}
