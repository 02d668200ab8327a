//! `/api/v1/environment`: the cluster's environment, which every task gets under what template, job and task say. Everybody may
//! look; only administrators set it.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /environment` | all of it: [`Environment`] |
//! | `PUT /environment/{name}` | sets a variable: [`NewValue`]; answers all |
//! | `DELETE /environment/{name}` | it is not set any more; answers all |

use std::collections::BTreeMap;

use axum::extract::State;
use axum::routing::{get, put};
use axum::{Json, Router};
use jobyard::kernel::Command;
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{self, NamePath};
use crate::caller::Caller;
use crate::parameters::NewValue;

/// Variables of the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Environment {
    /// By name.
    pub environment: BTreeMap<String, String>,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(list))
        .route("/{name}", put(set).delete(unset))
}

async fn list(State(app): State<App>, _: Caller) -> Result<Json<Environment>, Problem> {
    current(&app).await
}

async fn set(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
    body::Json(new): body::Json<NewValue>,
) -> Result<Json<Environment>, Problem> {
    change(&app, caller, name, Some(new.value)).await
}

async fn unset(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<Json<Environment>, Problem> {
    change(&app, caller, name, None).await
}

async fn change(
    app: &App,
    caller: Caller,
    name: String,
    value: Option<String>,
) -> Result<Json<Environment>, Problem> {
    let by = caller.0;
    let command = Command::SetEnvironment { by, name, value };
    app.engine.command(command).await?;
    current(app).await
}

async fn current(app: &App) -> Result<Json<Environment>, Problem> {
    let look = |state: &jobyard::kernel::State, _: &_| Environment {
        environment: state.parameters().environment.iter().cloned().collect(),
    };
    Ok(Json(app.engine.look(look).await?))
}
