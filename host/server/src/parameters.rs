//! `/api/v1/parameters`: HPC Pack's cluster parameters, by name in any case. Everybody may look; only administrators set them.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /parameters` | all of them: [`ParameterList`] |
//! | `GET /parameters/{name}` | one: [`ParameterView`] |
//! | `PUT /parameters/{name}` | sets one: [`NewValue`] |
//! | `DELETE /parameters/{name}` | sets it to its default |

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jobyard::Parameters;
use jobyard::kernel::{Command, PARAMETERS, Parameter, Rejection};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{self, NamePath};
use crate::caller::Caller;

/// All parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParameterList {
    /// By name.
    pub parameters: Vec<ParameterView>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewValue {
    /// The value; lengths of time have a unit, or HPC Pack's where they are a bare number.
    pub value: String,
}

fn view_of(parameter: &Parameter, all: &Parameters) -> ParameterView {
    ParameterView {
        name: parameter.name.into(),
        value: parameter.get(all),
        default: parameter.get(&Parameters::default()),
        takes: parameter.takes.into(),
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(list))
        .route("/{name}", get(view).put(set).delete(reset))
}

async fn list(State(app): State<App>, _: Caller) -> Result<Json<ParameterList>, Problem> {
    let look = |state: &jobyard::kernel::State, _: &_| {
        let all = state.parameters();
        PARAMETERS.iter().map(|p| view_of(p, all)).collect()
    };
    let parameters = app.engine.look(look).await?;
    Ok(Json(ParameterList { parameters }))
}

async fn view(
    State(app): State<App>,
    _: Caller,
    NamePath(name): NamePath,
) -> Result<Json<ParameterView>, Problem> {
    current(&app, &name).await.map(Json)
}

async fn set(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
    body::Json(new): body::Json<NewValue>,
) -> Result<Json<ParameterView>, Problem> {
    change(&app, caller, name, Some(new.value)).await
}

async fn reset(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<Json<ParameterView>, Problem> {
    change(&app, caller, name, None).await
}

async fn change(
    app: &App,
    caller: Caller,
    name: String,
    value: Option<String>,
) -> Result<Json<ParameterView>, Problem> {
    let command = Command::SetParameter {
        by: caller.0,
        name: name.clone(),
        value,
    };
    app.engine.command(command).await?;
    current(app, &name).await.map(Json)
}

async fn current(app: &App, name: &str) -> Result<ParameterView, Problem> {
    let parameter = Parameter::find(name).map_err(Rejection::from)?;
    let look = move |state: &jobyard::kernel::State, _: &_| view_of(parameter, state.parameters());
    Ok(app.engine.look(look).await?)
}
