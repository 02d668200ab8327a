//! Random orders about policies: ones that are kept and ones that are not, rules that can be kept and ones that cannot.

use jobyard_kernel::limits::{POLICY_MANIFEST_BYTES_MAX, POLICY_SETTINGS_BYTES_MAX};
use jobyard_kernel::{
    ActivationCause, Command, Guard, Part, PolicySetup, Span, State, StoredPolicy, Timestamp,
};

use super::numbers::Numbers;
use super::random::actor;

/// What an administrator might ask of the policies.
pub(crate) fn order(state: &State, n: &mut Numbers) -> Command {
    let by = actor(n);
    let why = || "to see".to_string();
    match n.below(6) {
        0 => Command::StorePolicy {
            by,
            policy: stored(n).into(),
        },
        1 | 2 => Command::ActivatePolicy {
            by,
            setup: setup(state, n),
            cause: match n.below(4) {
                0 => ActivationCause::RolledBack { to: 1 + n.below(6) },
                1 => ActivationCause::Guarded { to: 1 + n.below(6) },
                2 => ActivationCause::Started,
                _ => ActivationCause::Chosen,
            },
            why: why(),
            guard: n.once_in(2).then(|| Guard {
                window: Span::from_secs(u64::from(n.below(100))),
                faults_max: n.once_in(2).then_some(0),
                refused_max: n.once_in(2).then_some(1),
                pass_max: n.once_in(2).then_some(Span::from_millis(1)),
                wait_max: n.once_in(2).then_some(Span::from_secs(1)),
            }),
        },
        3 => Command::ShadowPolicy {
            by,
            setup: (!n.once_in(3)).then(|| setup(state, n)),
            why: why(),
        },
        _ => Command::CanaryPolicy {
            by,
            trial: (!n.once_in(3)).then(|| (setup(state, n), part(n))),
            why: why(),
        },
    }
}

fn stored(n: &mut Numbers) -> StoredPolicy {
    let number = n.below(4);
    let manifest = match n.below(12) {
        0 => Some("x".repeat(POLICY_MANIFEST_BYTES_MAX + 1)),
        1..4 => Some(format!("name = \"p{number}\"")),
        _ => None,
    };
    StoredPolicy {
        digest: digest(number),
        name: format!("p{number}"),
        bytes: 1,
        manifest,
        at: Timestamp(0),
        by: String::new(),
    }
}

fn digest(number: u32) -> String {
    format!("{number:064}")
}

/// One that is kept, now and then one that is not.
fn setup(state: &State, n: &mut Numbers) -> PolicySetup {
    let kept: Vec<&String> = state.policies().stored.keys().collect();
    let digest = match n.pick(&kept) {
        Some(&digest) if !n.once_in(8) => digest.clone(),
        _ => digest(7),
    };
    let value = match n.once_in(40) {
        true => "x".repeat(POLICY_SETTINGS_BYTES_MAX),
        false => "sjbf".into(),
    };
    PolicySetup {
        digest,
        settings: vec![("order".into(), value)],
    }
}

fn part(n: &mut Numbers) -> Part {
    match n.below(5) {
        0 => Part::Groups(vec!["nowhere".into()]),
        1 => Part::Groups(vec!["odd".into()]),
        2 => Part::Percent(50),
        _ => Part::Percent(n.below(102) as u8),
    }
}
