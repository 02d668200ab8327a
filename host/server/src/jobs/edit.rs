//! What changes a job without running it: modify, hold, clone, delete, purge; and the job written as a file.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jobyard::jobfile::{Format, JobChanges, JobFile, parse_hold_until};
use jobyard::kernel::{self, Command, Rejection};
use jobyard::{EngineError, JobView};
use serde::{Deserialize, Serialize};

use super::add::{added, bad_file, read_text};
use super::{created, seen};
use crate::Problem;
use crate::app::App;
use crate::body::{Asked, JobPath, Json};
use crate::caller::Caller;
use crate::keys::{Done, Key, carry_out};

/// Until when a job is held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
    key: Key,
    JobPath(job): JobPath,
) -> Result<Response, Problem> {
    let by = caller.0.clone();
    let copy = Command::CloneJob { by, job };
    let looker = caller.clone();
    let answer = move |state: &kernel::State, mut done: Done| {
        let done = done.pop().unwrap_or(Err(EngineError::Stopped));
        created(added(state, &looker, done)?)
    };
    carry_out(&app, &caller, key, &[job], vec![copy], answer).await
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

/// Which jobs are to be forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Purge {
    /// All that ended before this time, RFC 3339.
    pub ended_before: String,
}

/// The query of `GET /jobs/{id}/file`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct FileQuery {
    /// `json` (the default), `toml` or `xml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// The keys of a job file that are to be otherwise: see [`JobChanges`]. What may change when is the kernel's rule.
pub(crate) async fn modify(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
    request: Request,
) -> Result<axum::Json<JobView>, Problem> {
    let (text, format) = read_text(request, "the changes").await?;
    only_json(format)?;
    let changes = JobChanges::parse("the changes", &text);
    let changes = changes.map_err(|error| bad_file(error.to_string()))?;
    let by = caller.0.clone();
    let modify = move |state: &kernel::State| {
        let mut spec = state
            .job(job)
            .ok_or(Rejection::UnknownJob(job))?
            .spec
            .clone();
        changes.apply(Arc::make_mut(&mut spec));
        let by = by.clone();
        Ok(Command::ModifyJob { by, job, spec })
    };
    app.engine.command_of(modify).await?;
    seen(&app, &caller, job).await.map(axum::Json)
}

/// Changes come in JSON, where null takes something back.
pub(crate) fn only_json(format: Format) -> Result<(), Problem> {
    match format {
        Format::Json => Ok(()),
        Format::Toml | Format::HpcXml => {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let detail = format!("changes are application/json, not {format}");
            Err(Problem::new(status, "UnsupportedMediaType", detail))
        }
    }
}

/// The job as a job file, with its tasks. Its owner is in it only where somebody else asks, so that what was written can be submitted again.
pub(crate) async fn file(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
    Asked(query): Asked<FileQuery>,
) -> Result<Response, Problem> {
    let (format, media_type) = match query.format.as_deref() {
        None | Some("json") => (Format::Json, "application/json"),
        Some("toml") => (Format::Toml, "application/toml"),
        Some("xml") => (Format::HpcXml, "application/xml"),
        Some(other) => {
            let detail = format!("format: {other:?} is none of json, toml, xml");
            return Err(Problem::bad("BadQuery", detail));
        }
    };
    let name = caller.0.name.clone();
    let look = move |_: &kernel::State, job: &kernel::Job| {
        caller.may_look_at(job, "the file")?;
        let mut spec = (*job.spec).clone();
        // How far it is says nothing of the job that is made of the file.
        spec.progress = None;
        spec.progress_message.clear();
        if spec.owner == name {
            spec.owner.clear();
        }
        let tasks = job.tasks.iter().map(|task| (*task.spec).clone());
        Ok::<_, Problem>(JobFile {
            spec,
            tasks: tasks.collect(),
        })
    };
    let file = app.job(job, look).await??;
    // Many tasks take their time: not on the threads that serve.
    let written = tokio::task::spawn_blocking(move || file.write(format)).await;
    let written = written.map_err(|_| Problem::failed("the job could not be written"))?;
    let text = written.map_err(|error| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem::new(status, "NotWritable", error.to_string())
    })?;
    Ok(([(header::CONTENT_TYPE, media_type)], text).into_response())
}

pub(crate) async fn purge(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<StatusCode, Problem> {
    let by = caller.0;
    app.engine.command(Command::PurgeJob { by, job }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Live jobs and history. Who may is said by the command about the live ones.
pub(crate) async fn purge_many(
    State(app): State<App>,
    caller: Caller,
    Json(purge): Json<Purge>,
) -> Result<StatusCode, Problem> {
    let ended_before = parse_hold_until(&purge.ended_before);
    let ended_before =
        ended_before.map_err(|e| Problem::bad("BadJson", format!("ended_before: {e}")))?;
    let by = caller.0;
    let command = Command::PurgeJobs { by, ended_before };
    app.engine.command(command).await?;
    app.engine.purge_history(ended_before).await?;
    Ok(StatusCode::NO_CONTENT)
}
