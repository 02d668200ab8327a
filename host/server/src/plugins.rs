//! `/api/v1/plugins`: the components that the daemon has, of every kind. For administrators.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /plugins` | those built in, those that it was given, policies that are kept; of one world with `world`: [`PluginList`] |
//! | `GET /plugins/{name}` | one, by name, digest or the beginning of one: [`PluginView`] |
//! | `POST /plugins/{name}/check` | whether it takes settings: [`TrySettings`], answered with a [`SettingsCheck`] |

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use jobyard::plugin::World;
use jobyard::plugins::{PluginError, PluginView, SettingsCheck};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{self, Asked, NamePath};
use crate::caller::Caller;

/// The components that there are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PluginList {
    /// Those built in first, then those that the daemon was given, then policies that are kept.
    pub plugins: Vec<PluginView>,
}

/// Which components.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PluginQuery {
    /// Only those of this world, as `task-executor`.
    pub world: Option<String>,
}

/// Settings that are tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrySettings {
    /// All of them.
    pub settings: BTreeMap<String, String>,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(list))
        .route("/{name}", get(view))
        .route("/{name}/check", post(check))
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(query): Asked<PluginQuery>,
) -> Result<Json<PluginList>, Problem> {
    caller.administers("look at plugins")?;
    let worlds = World::ALL.map(|world| world.to_string());
    if let Some(world) = query.world.as_ref().filter(|world| !worlds.contains(world)) {
        let detail = format!(
            "world: there is no {world:?}; there are {}",
            worlds.join(", ")
        );
        return Err(Problem::bad("BadQuery", detail));
    }
    let mut plugins = app.engine.plugins().await?;
    plugins.retain(|plugin| {
        query
            .world
            .as_ref()
            .is_none_or(|world| plugin.world == *world)
    });
    Ok(Json(PluginList { plugins }))
}

async fn view(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<Json<PluginView>, Problem> {
    caller.administers("look at plugins")?;
    Ok(Json(app.engine.plugin(&name).await?))
}

async fn check(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
    body::Json(new): body::Json<TrySettings>,
) -> Result<Json<SettingsCheck>, Problem> {
    caller.administers("check plugins")?;
    let settings = new.settings.into_iter().collect();
    Ok(Json(app.engine.check_plugin(&name, settings).await?))
}

impl From<PluginError> for Problem {
    fn from(error: PluginError) -> Problem {
        match error {
            PluginError::Engine(error) => error.into(),
            PluginError::Unknown(_) | PluginError::Ambiguous { .. } => {
                Problem::new(StatusCode::NOT_FOUND, "UnknownPlugin", error.to_string())
            }
            // What was loaded before can be again.
            PluginError::Manifest { .. }
            | PluginError::Load(_)
            | PluginError::Compose(_)
            | PluginError::FitsNone { .. }
            | PluginError::Settings { .. }
            | PluginError::NoSettings(_) => Problem::failed_by(error),
        }
    }
}
