//! Jobs come in: a job file in one of its three languages, or a JSON list of them.

use std::path::Path;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jobyard::jobfile::{Format, JOB_FILE_BYTES_MAX, JobFile};
use jobyard::{JobId, JobView};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Answers, JOBS_PER_CALL_MAX, created, seen};
use crate::Problem;
use crate::app::App;
use crate::body::{Asked, media_type, read, unsupported};
use crate::caller::Caller;

/// The query of `POST /jobs`. The body's language is its content type: `application/toml`, `application/json`, `application/xml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddQuery {
    /// Submit it too.
    pub submit: bool,
    /// What errors call the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where tasks run that say nothing of it: an absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// 201 with the job and its place, or for a list of jobs 200 with one answer each.
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    Asked(query): Asked<AddQuery>,
    request: Request,
) -> Result<Response, Problem> {
    if let Some(folder) = query
        .folder
        .as_ref()
        .filter(|f| !Path::new(f).is_absolute())
    {
        let detail = format!("folder: {folder:?} is not an absolute path");
        return Err(Problem::bad("BadQuery", detail));
    }
    let (parts, body) = request.into_parts();
    let format = format(&parts.headers)?;
    let bytes = read(body, JOB_FILE_BYTES_MAX as usize).await?;
    let name = query.file.clone().unwrap_or_else(|| "the job".into());
    let text = std::str::from_utf8(&bytes).map_err(|error| bad_file(format!("{name}: {error}")))?;
    if format == Format::Json && text.trim_start().starts_with('[') {
        return add_many(&app, &caller, &query, &name, text).await;
    }
    let file = parse(&name, text, format).await?;
    let view = add_one(&app, &caller, &query, file).await?;
    created(view)
}

async fn add_many(
    app: &App,
    caller: &Caller,
    query: &AddQuery,
    name: &str,
    text: &str,
) -> Result<Response, Problem> {
    let jobs: Vec<Value> =
        serde_json::from_str(text).map_err(|error| bad_file(format!("{name}: {error}")))?;
    if jobs.len() > JOBS_PER_CALL_MAX {
        let detail = format!(
            "{} jobs in one call; at most {JOBS_PER_CALL_MAX} are taken",
            jobs.len()
        );
        return Err(Problem::bad("TooManyJobs", detail));
    }
    let mut answers = Vec::with_capacity(jobs.len());
    for (index, job) in jobs.into_iter().enumerate() {
        let name = format!("{name}[{index}]");
        let result = match parse(&name, &job.to_string(), Format::Json).await {
            Ok(file) => add_one(app, caller, query, file).await,
            Err(problem) => Err(problem),
        };
        answers.push(Answer::new(result.as_ref().ok().map(|job| job.id), result));
    }
    Ok(axum::Json(Answers { answers }).into_response())
}

async fn add_one(
    app: &App,
    caller: &Caller,
    query: &AddQuery,
    mut file: JobFile,
) -> Result<JobView, Problem> {
    if let Some(folder) = &query.folder {
        let unsaid = file
            .tasks
            .iter_mut()
            .filter(|task| task.working_folder.is_empty());
        unsaid.for_each(|task| task.working_folder.clone_from(folder));
    }
    let id = app.engine.add_job(&caller.0, file.spec, file.tasks).await?;
    if query.submit {
        app.engine
            .submit_job(&caller.0, id)
            .await
            .map_err(|error| not_submitted(id, error.into()))?;
    }
    seen(app, caller, id).await
}

fn not_submitted(id: JobId, problem: Problem) -> Problem {
    let detail = format!("job {id} was added and not submitted: {problem}");
    Problem { detail, ..problem }
}

/// A large file takes its time: not on the threads that serve.
async fn parse(name: &str, text: &str, format: Format) -> Result<JobFile, Problem> {
    const SMALL_BYTES: usize = 16 * 1024;
    let parsed = match text.len() <= SMALL_BYTES {
        true => JobFile::parse(name, text, format),
        false => {
            let (name, text) = (name.to_string(), text.to_string());
            let parse = move || JobFile::parse(&name, &text, format);
            let parsed = tokio::task::spawn_blocking(parse).await;
            parsed.map_err(|_| Problem::failed("the job file could not be read"))?
        }
    };
    parsed.map_err(|error| bad_file(error.to_string()))
}

fn bad_file(detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BadJobFile", detail)
}

fn format(headers: &axum::http::HeaderMap) -> Result<Format, Problem> {
    match media_type(headers) {
        Some("application/toml" | "text/toml") => Ok(Format::Toml),
        Some("application/json") => Ok(Format::Json),
        Some("application/xml" | "text/xml") => Ok(Format::HpcXml),
        Some(_) | None => {
            let takes = "a job file is application/toml, application/json or application/xml";
            Err(unsupported(headers, takes))
        }
    }
}
