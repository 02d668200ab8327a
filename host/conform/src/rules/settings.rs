//! How a policy takes its settings.

use super::{Examined, Verdict, at};
use crate::subject::NotTaken;
use crate::tested::Replay;

/// No policy has a setting of this name.
const UNKNOWN: &str = "conformance-unknown";

pub(super) fn unknown_settings(examined: &Examined<'_>) -> Verdict {
    let tested = examined.tested;
    let unknown = (UNKNOWN.to_string(), "1".to_string());
    let settings = [tested.settings.clone(), vec![unknown]].concat();
    let Some(first) = examined.recording.passes.first() else {
        return Ok(());
    };
    let mut second = Replay::new(tested, first)?;
    for (index, pass) in examined.recording.passes.iter().enumerate() {
        let plan = second.call(pass, pass.changes.clone())?;
        if plan != pass.plan {
            return Err(format!(
                "at {}, after settings that it refused it decides otherwise",
                at(pass.now)
            ));
        }
        if index > 1 {
            continue;
        }
        match second.instance.configure(&settings) {
            Ok(()) => {
                return Err(format!(
                    "the setting {UNKNOWN}=1 is taken, though no policy has one of that name"
                ));
            }
            Err(NotTaken::Faulted(fault)) => {
                return Err(format!("the setting {UNKNOWN}=1: {fault}"));
            }
            Err(NotTaken::Refused(text)) if text.contains(UNKNOWN) => {}
            Err(NotTaken::Refused(text)) => {
                return Err(format!(
                    "the refusal of the setting {UNKNOWN}=1 does not name it: \"{text}\""
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn same_settings_same_traits(examined: &Examined<'_>) -> Verdict {
    let tested = examined.tested;
    let Some(first) = examined.recording.passes.first() else {
        return Ok(());
    };
    let mut second = Replay::new(tested, first)?;
    let mut settings = tested.settings.clone();
    settings.extend(first.followed.iter().cloned());
    let traits = second.instance.traits().to_vec();
    for pass in &examined.recording.passes {
        if pass.followed == first.followed {
            let again = second.instance.configure(&settings);
            again.map_err(|e| format!("the same settings once more: {e}"))?;
            if second.instance.traits() != traits {
                let now = second.instance.traits();
                return Err(format!(
                    "with the same settings it says of itself first {traits:?}, then {now:?}"
                ));
            }
        }
        let plan = second.call(pass, pass.changes.clone())?;
        if plan != pass.plan {
            return Err(format!(
                "at {}, after the same settings once more it decides otherwise",
                at(pass.now)
            ));
        }
    }
    Ok(())
}
