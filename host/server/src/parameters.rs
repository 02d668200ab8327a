//! `/api/v1/parameters`: HPC Pack's cluster parameters, by name in any case. Everybody may look; only administrators set them.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /parameters` | all of them: [`ParameterList`] |
//! | `GET /parameters/{name}` | one: [`ParameterView`] |
//! | `PUT /parameters/{name}` | sets one: [`NewValue`] |

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jobyard::Parameters;
use jobyard::jobfile::parse_span;
use jobyard::kernel::{Affinity, Command, PreemptionType, Span};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{self, NamePath};
use crate::caller::Caller;

/// All parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterList {
    /// By name.
    pub parameters: Vec<ParameterView>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterView {
    /// Its name.
    pub name: String,
    /// Its value, as it may be set.
    pub value: String,
    /// What it is where nobody set it.
    pub default: String,
    /// What it may be.
    pub takes: String,
}

/// What a parameter is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewValue {
    /// The value; lengths of time have a unit, or HPC Pack's where they are a bare number.
    pub value: String,
}

/// One field of [`Parameters`] under its name.
struct Parameter {
    name: &'static str,
    takes: &'static str,
    get: fn(&Parameters) -> String,
    /// None for a value that it does not take.
    set: fn(&mut Parameters, &str) -> Option<()>,
}

const SECOND: u64 = 1;
const DAY: u64 = 86_400;

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "AffinityType",
        takes: "AllJobs, NonExclusiveJobs or NoJobs",
        get: |all| format!("{:?}", all.affinity),
        set: |all, text| {
            let kinds = [
                Affinity::AllJobs,
                Affinity::NonExclusiveJobs,
                Affinity::NoJobs,
            ];
            let mut kinds = kinds.into_iter();
            all.affinity = kinds.find(|kind| format!("{kind:?}").eq_ignore_ascii_case(text))?;
            Some(())
        },
    },
    Parameter {
        name: "AutomaticGrowthEnabled",
        takes: "true or false",
        get: |all| all.automatic_growth.to_string(),
        set: |all, text| {
            all.automatic_growth = truth(text)?;
            Some(())
        },
    },
    Parameter {
        name: "AutomaticShrinkEnabled",
        takes: "true or false",
        get: |all| all.automatic_shrink.to_string(),
        set: |all, text| {
            all.automatic_shrink = truth(text)?;
            Some(())
        },
    },
    Parameter {
        name: "CCP_CLUSTER_NAME",
        takes: "1 to 80 characters",
        get: |all| all.cluster_name.clone(),
        set: |all, text| {
            let fits = (1..=80).contains(&text.chars().count()) && !text.contains(char::is_control);
            all.cluster_name = fits.then(|| text.to_string())?;
            Some(())
        },
    },
    Parameter {
        name: "DisableResourceValidation",
        takes: "true or false",
        get: |all| all.disable_resource_validation.to_string(),
        set: |all, text| {
            all.disable_resource_validation = truth(text)?;
            Some(())
        },
    },
    Parameter {
        name: "ExcludedNodesLimit",
        takes: "0 to 2147483647",
        get: |all| all.excluded_nodes_limit.to_string(),
        set: |all, text| {
            all.excluded_nodes_limit = count(text)?;
            Some(())
        },
    },
    Parameter {
        name: "JobRetryCount",
        takes: "0 to 2147483647",
        get: |all| all.job_retry_count.to_string(),
        set: |all, text| {
            all.job_retry_count = count(text)?;
            Some(())
        },
    },
    Parameter {
        name: "NodeReleaseTaskTimeout",
        takes: "a time, as 15s, or a number of seconds; 0 turns node release tasks off",
        get: |all| all.node_release_timeout.to_string(),
        set: |all, text| {
            all.node_release_timeout = span(text, SECOND)?;
            Some(())
        },
    },
    Parameter {
        name: "PreemptionType",
        takes: "None, Graceful or Immediate",
        get: |all| format!("{:?}", all.preemption),
        set: |all, text| {
            let kinds = [
                PreemptionType::None,
                PreemptionType::Graceful,
                PreemptionType::Immediate,
            ];
            let mut kinds = kinds.into_iter();
            all.preemption = kinds.find(|kind| format!("{kind:?}").eq_ignore_ascii_case(text))?;
            Some(())
        },
    },
    Parameter {
        name: "TaskCancelGracePeriod",
        takes: "a time, as 15s, or a number of seconds",
        get: |all| all.task_cancel_grace.to_string(),
        set: |all, text| {
            all.task_cancel_grace = span(text, SECOND)?;
            Some(())
        },
    },
    Parameter {
        name: "TaskImmediatePreemptionEnabled",
        takes: "true or false",
        get: |all| all.task_immediate_preemption.to_string(),
        set: |all, text| {
            all.task_immediate_preemption = truth(text)?;
            Some(())
        },
    },
    Parameter {
        name: "TaskRetryCount",
        takes: "0 to 2147483647",
        get: |all| all.task_retry_count.to_string(),
        set: |all, text| {
            all.task_retry_count = count(text)?;
            Some(())
        },
    },
    Parameter {
        name: "TTLCompletedJobs",
        takes: "a time, as 12h, or a number of days",
        get: |all| all.ttl_completed_jobs.to_string(),
        set: |all, text| {
            all.ttl_completed_jobs = span(text, DAY)?;
            Some(())
        },
    },
];

fn count(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|n| *n <= i32::MAX as u32)
}

fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// With a unit, or a number of HPC Pack's, which has so many seconds.
fn span(text: &str, unit_seconds: u64) -> Option<Span> {
    match text.trim().parse::<u64>() {
        Ok(number) => Some(Span::from_secs(number.checked_mul(unit_seconds)?)),
        Err(_) => parse_span(text).ok().flatten(),
    }
}

impl Parameter {
    fn find(name: &str) -> Result<&'static Parameter, Problem> {
        let mut all = PARAMETERS.iter();
        all.find(|p| p.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let names: Vec<_> = PARAMETERS.iter().map(|p| p.name).collect();
                let detail = format!(
                    "there is no parameter {name:?}; there are {}",
                    names.join(", ")
                );
                Problem::new(StatusCode::NOT_FOUND, "UnknownParameter", detail)
            })
    }

    fn view(&self, all: &Parameters) -> ParameterView {
        ParameterView {
            name: self.name.into(),
            value: (self.get)(all),
            default: (self.get)(&Parameters::default()),
            takes: self.takes.into(),
        }
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(list))
        .route("/{name}", get(view).put(set))
}

async fn list(State(app): State<App>, _: Caller) -> Result<Json<ParameterList>, Problem> {
    let all = current(&app).await?;
    Ok(Json(ParameterList {
        parameters: PARAMETERS.iter().map(|p| p.view(&all)).collect(),
    }))
}

async fn view(
    State(app): State<App>,
    _: Caller,
    NamePath(name): NamePath,
) -> Result<Json<ParameterView>, Problem> {
    let parameter = Parameter::find(&name)?;
    Ok(Json(parameter.view(&current(&app).await?)))
}

async fn set(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
    body::Json(new): body::Json<NewValue>,
) -> Result<Json<ParameterView>, Problem> {
    caller.administers("set cluster parameters")?;
    let parameter = Parameter::find(&name)?;
    let _one_after_the_other = app.parameters.lock().await;
    let mut all = current(&app).await?;
    (parameter.set)(&mut all, &new.value).ok_or_else(|| {
        let (name, takes) = (parameter.name, parameter.takes);
        let detail = format!("{name}: {:?} is not {takes}", new.value);
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "InvalidParameter", detail)
    })?;
    app.engine.command(Command::SetParameters(all)).await?;
    Ok(Json(parameter.view(&current(&app).await?)))
}

async fn current(app: &App) -> Result<Parameters, Problem> {
    Ok(app
        .engine
        .look(|state, _| state.parameters().clone())
        .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_takes_what_it_shows() {
        let defaults = Parameters::default();
        for parameter in PARAMETERS {
            let mut all = defaults.clone();
            let shown = parameter.view(&all).value;
            (parameter.set)(&mut all, &shown)
                .unwrap_or_else(|| panic!("{}: {shown}", parameter.name));
            assert_eq!(all, defaults, "{}", parameter.name);
        }
    }

    #[test]
    fn bare_numbers_have_hpc_packs_units() {
        let mut all = Parameters::default();
        let mut set = |name, value| (Parameter::find(name).unwrap().set)(&mut all, value);
        assert_eq!(set("taskcancelgraceperiod", "30"), Some(()));
        assert_eq!(set("TTLCOMPLETEDJOBS", "2"), Some(()));
        assert_eq!(set("NodeReleaseTaskTimeout", "1m30s"), Some(()));
        assert_eq!(set("JobRetryCount", "-1"), None);
        assert_eq!(set("AffinityType", "nojobs"), Some(()));
        assert_eq!(all.task_cancel_grace, Span::from_secs(30));
        assert_eq!(all.ttl_completed_jobs, Span::from_secs(2 * DAY));
        assert_eq!(all.node_release_timeout, Span::from_secs(90));
    }
}
