//! What changes a job without running it: hold, clone, delete.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jobyard::jobfile::parse_hold_until;
use jobyard::kernel::Command;
use jobyard::{EngineError, JobId, JobView};
use serde::{Deserialize, Serialize};

use super::{created, seen};
use crate::Problem;
use crate::app::App;
use crate::body::{JobPath, Json};
use crate::caller::Caller;

/// Until when a job is held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// RFC 3339, in the future and within a year.
    pub until: String,
}

pub(crate) async fn hold(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
    Json(hold): Json<Hold>,
) -> Result<axum::Json<JobView>, Problem> {
    let bad = |error: jobyard::jobfile::BadValue| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem::new(status, "InvalidHold", format!("until: {error}"))
    };
    let until = parse_hold_until(&hold.until).map_err(bad)?;
    app.engine.hold_job(&caller.0, job, Some(until)).await?;
    seen(&app, &caller, job).await.map(axum::Json)
}

pub(crate) async fn unhold(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<axum::Json<JobView>, Problem> {
    app.engine.hold_job(&caller.0, job, None).await?;
    seen(&app, &caller, job).await.map(axum::Json)
}

pub(crate) async fn copy(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<Response, Problem> {
    let by = caller.0.clone();
    let events = app.engine.command(Command::CloneJob { by, job }).await?;
    let copy: Option<JobId> = events.iter().find_map(|event| event.fact.job());
    let copy = copy.ok_or(EngineError::Stopped)?;
    created(seen(&app, &caller, copy).await?)
}

pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<StatusCode, Problem> {
    let by = caller.0;
    app.engine.command(Command::DeleteJob { by, job }).await?;
    Ok(StatusCode::NO_CONTENT)
}
