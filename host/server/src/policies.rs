//! `/api/v1/policies` and `/api/v1/policy`: the components that are kept, and which of them decides. Everybody may see what decides; the rest is for
//! administrators.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /policies` | components, what is in force, shadowed, tried, and the activations so far: [`PolicyList`] |
//! | `POST /policies` | keeps a component: [`NewPolicy`], answered with a [`PolicyView`] |
//! | `GET /policies/{name}` | one, by name, digest or the beginning of one: [`PolicyView`] |
//! | `GET /policies/{name}/component` | its bytes |
//! | `POST /policies/{name}/activate` | puts it in force: [`Activate`], answered with the [`PolicyList`] |
//! | `POST /policy/rollback` | puts back what was in force before: [`RollBack`], answered with the [`PolicyList`] |
//! | `GET`, `PUT`, `DELETE /policy/shadow` | what the shadow would have done: [`ShadowReport`]; sets it: [`Trial`]; ends it |
//! | `PUT`, `DELETE /policy/canary` | lets a policy decide for some nodes: [`Canary`]; ends it |
//!
//! What takes long is in [`crate::proof`].

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jobyard::Role;
use jobyard::kernel::{Guard, Part, Span};
use jobyard::policies::{PolicyList, PolicyView};
use jobyard::shadow::ShadowReport;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::body::{self, NamePath};
use crate::caller::Caller;
use crate::{Problem, proof};

/// Bytes of the body that brings a component: 64 MiB of it in base64, and its manifest.
const COMPONENT_BODY_BYTES_MAX: usize = 90 << 20;

/// A component that is to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicy {
    /// What people call it.
    pub name: String,
    /// Its bytes, in base64 (RFC 4648, with padding).
    pub component: String,
    /// The text of its manifest (`plugin.toml`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
}

/// That a policy is to come into force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Activate {
    /// All of its settings.
    pub settings: BTreeMap<String, String>,
    /// Why; at most 320 characters.
    pub why: String,
    /// When it is to be taken back by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<NewGuard>,
}

/// Bounds that the new policy must keep; what is not there is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewGuard {
    /// For how long, in seconds.
    pub window_s: u64,
    /// Faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults_max: Option<u64>,
    /// Refused proposals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_max: Option<u64>,
    /// How long a pass may take, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass_ms_max: Option<u64>,
    /// How long a job may wait that is submitted meanwhile and could start, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_s_max: Option<u64>,
}

/// What is to be put back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RollBack {
    /// The number of an activation; the one before where it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
    /// Why; at most 320 characters.
    pub why: String,
}

/// What is to be shadowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Trial {
    /// A name, a digest, or the beginning of one.
    pub policy: String,
    /// All of its settings.
    pub settings: BTreeMap<String, String>,
    /// Why; at most 320 characters.
    pub why: String,
}

/// What is to decide for some of the nodes: either groups or a percentage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Canary {
    /// A name, a digest, or the beginning of one.
    pub policy: String,
    /// All of its settings.
    pub settings: BTreeMap<String, String>,
    /// Node groups: nodes in any of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// So many nodes in a hundred, 1 to 99.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Why; at most 320 characters.
    pub why: String,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(list).post(load))
        .route("/{name}", get(view))
        .route("/{name}/component", get(component))
        .route("/{name}/activate", post(activate))
        .route("/{name}/check", post(proof::check))
}

pub(crate) fn seat_routes() -> Router<App> {
    Router::new()
        .route("/rollback", post(roll_back))
        .route("/shadow", get(shadow).put(set_shadow).delete(end_shadow))
        .route("/canary", put(set_canary).delete(end_canary))
        .route("/verify", post(proof::verify))
}

async fn list(State(app): State<App>, caller: Caller) -> Result<Json<PolicyList>, Problem> {
    seen(&app, &caller).await.map(Json)
}

/// What they see: users see what decides, not how.
async fn seen(app: &App, caller: &Caller) -> Result<PolicyList, Problem> {
    let mut list = app.engine.policies().await?;
    if !caller.0.is(Role::Administrator) {
        list.policies.clear();
        list.history.clear();
        list.shadow = None;
        list.canary = None;
        if let Some(active) = &mut list.active {
            active.settings.clear();
        }
    }
    Ok(list)
}

async fn load(
    State(app): State<App>,
    caller: Caller,
    body::Large(new): body::Large<NewPolicy, COMPONENT_BODY_BYTES_MAX>,
) -> Result<(StatusCode, Json<PolicyView>), Problem> {
    caller.administers("load policies")?;
    let bad = |error| Problem::bad("BadComponent", format!("component: no base64: {error}"));
    let component = STANDARD.decode(new.component).map_err(bad)?;
    let loaded = app
        .engine
        .load_policy(&caller.0, &new.name, component, new.manifest);
    Ok((StatusCode::CREATED, Json(loaded.await?)))
}

async fn view(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<Json<PolicyView>, Problem> {
    caller.administers("look at policies")?;
    Ok(Json(app.engine.stored_policy(&name).await?))
}

async fn component(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<Vec<u8>, Problem> {
    caller.administers("look at policies")?;
    let digest = app.engine.stored_policy(&name).await?.digest;
    let gone = || Problem::failed(format!("the component {digest} is not kept"));
    app.engine.component(&digest).await?.ok_or_else(gone)
}

async fn activate(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
    body::Json(new): body::Json<Activate>,
) -> Result<Json<PolicyList>, Problem> {
    let (settings, guard) = (new.settings.into_iter().collect(), new.guard.map(guard));
    let activated = app
        .engine
        .activate_policy(&caller.0, &name, settings, &new.why, guard);
    activated.await?;
    seen(&app, &caller).await.map(Json)
}

fn guard(new: NewGuard) -> Guard {
    Guard {
        window: Span::from_secs(new.window_s),
        faults_max: new.faults_max,
        refused_max: new.refused_max,
        pass_max: new.pass_ms_max.map(Span::from_millis),
        wait_max: new.wait_s_max.map(Span::from_secs),
    }
}

async fn roll_back(
    State(app): State<App>,
    caller: Caller,
    body::Json(back): body::Json<RollBack>,
) -> Result<Json<PolicyList>, Problem> {
    let rolled = app.engine.roll_back_policy(&caller.0, back.to, &back.why);
    rolled.await?;
    seen(&app, &caller).await.map(Json)
}

async fn shadow(State(app): State<App>, caller: Caller) -> Result<Json<ShadowReport>, Problem> {
    caller.administers("look at the shadow")?;
    Ok(Json(app.engine.shadow_report()))
}

async fn set_shadow(
    State(app): State<App>,
    caller: Caller,
    body::Json(new): body::Json<Trial>,
) -> Result<Json<PolicyList>, Problem> {
    let settings = new.settings.into_iter().collect();
    let set = app
        .engine
        .shadow_policy(&caller.0, &new.policy, settings, &new.why);
    set.await?;
    seen(&app, &caller).await.map(Json)
}

async fn end_shadow(State(app): State<App>, caller: Caller) -> Result<Json<PolicyList>, Problem> {
    app.engine.end_shadow(&caller.0, "").await?;
    seen(&app, &caller).await.map(Json)
}

async fn set_canary(
    State(app): State<App>,
    caller: Caller,
    body::Json(new): body::Json<Canary>,
) -> Result<Json<PolicyList>, Problem> {
    let part = match (new.groups, new.percent) {
        (groups, None) => Part::Groups(groups),
        (groups, Some(percent)) if groups.is_empty() => Part::Percent(percent),
        _ => {
            let detail = "a canary has node groups or a percentage of the nodes, not both";
            return Err(Problem::bad("BadPart", detail));
        }
    };
    let settings = new.settings.into_iter().collect();
    let set = app
        .engine
        .canary_policy(&caller.0, &new.policy, settings, part, &new.why);
    set.await?;
    seen(&app, &caller).await.map(Json)
}

async fn end_canary(State(app): State<App>, caller: Caller) -> Result<Json<PolicyList>, Problem> {
    app.engine.end_canary(&caller.0, "").await?;
    seen(&app, &caller).await.map(Json)
}
