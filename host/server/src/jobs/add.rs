//! Jobs come in: a job file in one of its three languages, or a JSON list of them.

use std::path::Path;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use jobyard::jobfile::{Format, JOB_FILE_BYTES_MAX, JobFile};
use jobyard::kernel::{self, Command, Event};
use jobyard::{EngineError, JobView, TaskSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Answers, JOBS_PER_CALL_MAX, created};
use crate::Problem;
use crate::app::App;
use crate::body::{Asked, media_type, read, unsupported};
use crate::caller::Caller;
use crate::keys::{Done, KEYED_JOBS_MAX, Key, Told, carry_out};

/// The query of `POST /jobs`. The body's language is its content type: `application/toml`, `application/json`, `application/xml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
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
    key: Key,
    Asked(query): Asked<AddQuery>,
    request: Request,
) -> Result<Response, Problem> {
    check_folder(query.folder.as_deref())?;
    let name = query.file.clone().unwrap_or_else(|| "the job".into());
    let (text, format) = read_text(request, &name).await?;
    if format == Format::Json && text.trim_start().starts_with('[') {
        return add_many(&app, &caller, key, &query, &name, &text).await;
    }
    let file = parse(&name, &text, format, query.submit).await?;
    let add = command(&caller, &query, file);
    let looker = caller.clone();
    let answer = move |state: &kernel::State, mut done: Done| {
        let done = done.pop().unwrap_or(Err(EngineError::Stopped));
        created(added(state, &looker, done)?)
    };
    carry_out(&app, &caller, key, &[], vec![add], answer).await
}

async fn add_many(
    app: &App,
    caller: &Caller,
    key: Key,
    query: &AddQuery,
    name: &str,
    text: &str,
) -> Result<Response, Problem> {
    let jobs: Vec<Value> =
        serde_json::from_str(text).map_err(|error| bad_file(format!("{name}: {error}")))?;
    check_count(jobs.len(), &key)?;
    // Those that can be read share one commit.
    let (mut commands, mut unread) = (Vec::new(), Vec::new());
    for (index, job) in jobs.into_iter().enumerate() {
        let name = format!("{name}[{index}]");
        let file = parse(&name, &job.to_string(), Format::Json, query.submit).await;
        let (add, problem) = match file {
            Ok(file) => (Some(command(caller, query, file)), None),
            Err(problem) => (None, Some(problem)),
        };
        commands.extend(add);
        unread.push(problem);
    }
    let looker = caller.clone();
    let answer = move |state: &kernel::State, done: Done| {
        let mut done = done.into_iter();
        let answers = unread.into_iter().map(|problem| {
            let result = match problem {
                Some(problem) => Err(problem),
                None => {
                    let done = done.next().unwrap_or(Err(EngineError::Stopped));
                    added(state, &looker, done)
                }
            };
            Answer::new(result.as_ref().ok().map(|job| job.id), result)
        });
        let answers = answers.collect();
        Ok(Told::ok(Answers { answers }))
    };
    carry_out(app, caller, key, &[], commands, answer).await
}

/// Adds the job of a file, and submits it if that is asked for.
fn command(caller: &Caller, query: &AddQuery, mut file: JobFile) -> Command {
    run_in(query.folder.as_deref(), &mut file.tasks);
    jobyard::adding(&caller.0, (file.spec, file.tasks), query.submit)
}

/// A job that was added, as the caller may see it.
pub(super) fn added(
    state: &kernel::State,
    caller: &Caller,
    done: Result<Vec<Event>, EngineError>,
) -> Result<JobView, Problem> {
    let id = done?.iter().find_map(|event| event.fact.job());
    let id = id.ok_or_else(|| Problem::failed("nothing was added"))?;
    let job = state.job(id).ok_or_else(|| Problem::unknown_job(id))?;
    Ok(caller.limited(JobView::without_tasks(state, job)))
}

/// That one call is not about too many jobs.
pub(super) fn check_count(jobs: usize, key: &Key) -> Result<(), Problem> {
    let (max, with) = match key.is_there() {
        true => (KEYED_JOBS_MAX, " with an Idempotency-Key"),
        false => (JOBS_PER_CALL_MAX, ""),
    };
    match jobs > max {
        false => Ok(()),
        true => {
            let detail = format!("{jobs} jobs in one call{with}; at most {max} are taken");
            Err(Problem::bad("TooManyJobs", detail))
        }
    }
}

/// Where tasks run that say nothing of it.
pub(crate) fn run_in(folder: Option<&str>, tasks: &mut [TaskSpec]) {
    let Some(folder) = folder else { return };
    let unsaid = tasks
        .iter_mut()
        .filter(|task| task.working_folder.is_empty());
    unsaid.for_each(|task| task.working_folder = folder.into());
}

/// That a folder of a query is absolute.
pub(crate) fn check_folder(folder: Option<&str>) -> Result<(), Problem> {
    match folder.filter(|folder| !Path::new(folder).is_absolute()) {
        None => Ok(()),
        Some(folder) => {
            let detail = format!("folder: {folder:?} is not an absolute path");
            Err(Problem::bad("BadQuery", detail))
        }
    }
}

/// The text of a body, and its language.
pub(crate) async fn read_text(request: Request, name: &str) -> Result<(String, Format), Problem> {
    let (parts, body) = request.into_parts();
    let format = format(&parts.headers)?;
    let bytes = read(body, JOB_FILE_BYTES_MAX as usize).await?;
    let text = String::from_utf8(bytes.into());
    let text = text.map_err(|error| bad_file(format!("{name}: {error}")))?;
    Ok((text, format))
}

/// A large file takes its time: not on the threads that serve. A job that is not submitted yet may have no tasks.
async fn parse(name: &str, text: &str, format: Format, submit: bool) -> Result<JobFile, Problem> {
    let read = match submit {
        true => JobFile::parse,
        false => JobFile::parse_new,
    };
    const SMALL_BYTES: usize = 16 * 1024;
    let parsed = match text.len() <= SMALL_BYTES {
        true => read(name, text, format),
        false => {
            let (name, text) = (name.to_string(), text.to_string());
            let parse = move || read(&name, &text, format);
            let parsed = tokio::task::spawn_blocking(parse).await;
            parsed.map_err(|_| Problem::failed("the job file could not be read"))?
        }
    };
    parsed.map_err(|error| bad_file(error.to_string()))
}

pub(crate) fn bad_file(detail: String) -> Problem {
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
