//! `/api/v1/simulation` and `/api/v1/builtin-policies`: what other policies would have made of the jobs on record, and the policies that come with
//! the program. For administrators.
//!
//! | method and path | what |
//! |---|---|
//! | `POST /simulation` | runs recorded jobs again: [`NewSimulation`], answered with a [`SimulationReport`] |
//! | `GET /builtin-policies` | names: [`BuiltinPolicies`] |
//! | `POST /builtin-policies/{name}` | keeps one, so that it can be shadowed and put in force; answered with a `PolicyView` |
//!
//! A ranked policy with a ranker is one of them, under the names of both: `ranked+formula` is composed when it is asked for.
//! A simulation takes seconds of a core; one is made at a time.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use jobyard::builtin;
use jobyard::jobfile::parse_hold_until;
use jobyard::kernel::Timestamp;
use jobyard::policies::{Candidate, PolicyView};
use jobyard::sim::compare::RUNS_MAX;
use jobyard::sim::{Comparison, Estimate, Window};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{self, NamePath};
use crate::caller::Caller;

/// What is to be simulated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewSimulation {
    /// The policies that are compared with what really happened, 1 to 5.
    #[schema(min_items = 1, max_items = 5)]
    pub policies: Vec<Tried>,
    /// Jobs that were submitted at this time or later, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Jobs that were submitted before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Policies are told how long jobs did run, and not what their users asked for.
    pub actual_run_times: bool,
}

/// A policy that is tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tried {
    /// A name, a digest, or the beginning of one; or the name of a built-in policy.
    pub policy: String,
    /// All of its settings.
    pub settings: BTreeMap<String, String>,
}

/// What came out.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SimulationReport {
    /// The numbers, as `jobyard policy simulate --format json` has them.
    #[schema(value_type = Object)]
    pub comparison: Comparison,
    /// The page that `jobyard policy simulate --html` writes: one file of HTML.
    pub page: String,
}

/// The policies that come with the program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BuiltinPolicies {
    /// Their names. One with a plus is a ranked policy with that ranker in it: the settings of the ranker are `ranker.NAME`.
    pub names: Vec<String>,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/simulation", post(simulate))
        .route("/builtin-policies", get(list))
        .route("/builtin-policies/{name}", post(keep))
}

async fn simulate(
    State(app): State<App>,
    caller: Caller,
    body::Json(new): body::Json<NewSimulation>,
) -> Result<Json<SimulationReport>, Problem> {
    caller.administers("simulate policies")?;
    let most = RUNS_MAX - 1;
    if !(1..=most).contains(&new.policies.len()) {
        let count = new.policies.len();
        let detail = format!("policies: there are {count}; 1 to {most} can be compared");
        return Err(Problem::bad("BadSimulation", detail));
    }
    let window = Window {
        from: time("from", new.from)?,
        to: time("to", new.to)?,
    };
    let estimate = match new.actual_run_times {
        true => Estimate::Actual,
        false => Estimate::Requested,
    };
    let candidate = |tried: Tried| Candidate {
        policy: tried.policy,
        settings: tried.settings.into_iter().collect(),
    };
    let candidates = new.policies.into_iter().map(candidate).collect();
    let report = app.engine.what_if(candidates, window, estimate).await?;
    Ok(Json(SimulationReport {
        comparison: report.comparison,
        page: report.page,
    }))
}

fn time(key: &str, text: Option<String>) -> Result<Option<Timestamp>, Problem> {
    let time = text.as_deref().map(parse_hold_until).transpose();
    time.map_err(|error| Problem::bad("BadSimulation", format!("{key}: {error}")))
}

async fn list(caller: Caller) -> Result<Json<BuiltinPolicies>, Problem> {
    caller.administers("look at policies")?;
    let names = builtin::whole_policy_names();
    Ok(Json(BuiltinPolicies { names }))
}

async fn keep(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<(StatusCode, Json<PolicyView>), Problem> {
    caller.administers("load policies")?;
    let named = name.clone();
    let composed = tokio::task::spawn_blocking(move || builtin::whole_policy(&named)).await;
    let whole = composed.map_err(Problem::failed_by)?.ok_or_else(|| {
        let names = builtin::whole_policy_names().join(", ");
        let detail = format!("there is no built-in policy {name:?}; built in are: {names}");
        Problem::new(StatusCode::NOT_FOUND, "UnknownPolicy", detail)
    })?;
    let (name, bytes) = (whole.name, whole.bytes);
    let kept = app
        .engine
        .load_policy(&caller.0, &name, bytes, Some(whole.manifest));
    Ok((StatusCode::CREATED, Json(kept.await?)))
}
