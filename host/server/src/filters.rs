//! `/api/v1/filters`: the job filters that the daemon has, what they are asked, and what they said. For administrators; whose job it was learns
//! what a filter said of it from the job.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /filters` | all of them: [`FilterList`] |
//! | `GET /filters/{name}` | one, with its last answers: [`FilterInFull`] |

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jobyard::filter_log::{FilterInFull, FilterView};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::NamePath;
use crate::caller::Caller;

/// The job filters that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FilterList {
    /// By name.
    pub filters: Vec<FilterView>,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(list))
        .route("/{name}", get(view))
}

async fn list(State(app): State<App>, caller: Caller) -> Result<Json<FilterList>, Problem> {
    caller.administers("look at filters")?;
    let filters = app.engine.filters().await?;
    Ok(Json(FilterList { filters }))
}

async fn view(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<Json<FilterInFull>, Problem> {
    caller.administers("look at filters")?;
    let unknown = || {
        let detail = format!("there is no filter {name:?}");
        Problem::new(StatusCode::NOT_FOUND, "UnknownFilter", detail)
    };
    let filter = app.engine.filter(&name).await?;
    filter.map(Json).ok_or_else(unknown)
}
