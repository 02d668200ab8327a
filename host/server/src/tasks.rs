//! `/api/v1/jobs/{id}/tasks`: the tasks of a job. Their numbers, and all that is about one of them, are for those who see all of the job.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /jobs/{id}/tasks` | a page of tasks: [`TaskQuery`], [`TaskPage`] |
//! | `GET /jobs/{id}/tasks/{task}` | one, with what of it runs: [`TaskDetail`] |
//! | `POST /jobs/{id}/tasks` | adds what the body asks for, a job file with nothing but tasks: [`AddTasksQuery`]; answers the new ones |
//! | `PATCH /jobs/{id}/tasks/{task}` | changes one that is being configured: keys of a task in a JSON job file, null for the default |
//! | `POST /jobs/{id}/tasks/{task}/cancel`, `finish`, `requeue` | all of it or one instance: [`TaskWords`]; answers the task |
//! | `POST /jobs/{id}/tasks/{task}/submit`, `configure`, `conclude` | all of it; answers the task |
//! | `GET /jobs/{id}/tasks/{task}/output` | what it wrote: [`OutputQuery`] |

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use jobyard::jobfile::{TaskChanges, parse_tasks};
use jobyard::kernel::{self, Command, Event, Fact, Job, Rejection, Task, TaskState};
use jobyard::{Actor, EngineError, JobId, TaskId, TaskView, rfc3339};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{self, Asked, JobPath, TaskPath};
use crate::caller::Caller;
use crate::jobs::{PAGE_MAX, bad_file, check_folder, only_json, read_text, run_in};
use crate::keys::{self, Done, Key, Told, carry_out};
pub use crate::output::{OutputQuery, Stream};

/// The query of `GET /jobs/{id}/tasks`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct TaskQuery {
    /// Tasks with higher ids only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    /// As for jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Some tasks of a job, by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<TaskView>,
    /// The `after` of the next page; none when this is the last.
    pub next: Option<u32>,
}

/// A task, and the first 1,000 of its instances that run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskDetail {
    /// The task.
    #[serde(flatten)]
    pub task: TaskView,
    /// What of it runs.
    pub runs: Vec<RunView>,
}

/// An instance at a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunView {
    /// Which; 0 of a basic task.
    pub instance: u32,
    /// From 1.
    pub attempt: u32,
    /// Dispatching, Running, Canceling or Finishing.
    pub state: String,
    /// What it runs on, by node.
    pub places: Vec<jobyard::AllocationView>,
    /// When it was sent to the node.
    pub dispatched: String,
    /// When the node said that it runs.
    pub started: Option<String>,
}

/// What may be said beside the task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TaskWords {
    /// One instance; all when it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<u32>,
    /// For cancel and finish: kept with the task; at most 320 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// For cancel: no grace period.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// For conclude: what runs is stopped too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stop: bool,
}

/// The query of `POST /jobs/{id}/tasks`. The body's language is its content type, as for jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct AddTasksQuery {
    /// In a job that is in the queue or runs: submit them too.
    pub submit: bool,
    /// What errors call the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where tasks run that say nothing of it: an absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Cancel,
    Finish,
    Requeue,
    Submit,
    Configure,
    Conclude,
}

pub(crate) fn routes() -> Router<App> {
    let mut routes = Router::new()
        .route("/{id}/tasks", get(list).post(add))
        .route("/{id}/tasks/{task}", get(view).patch(modify))
        .route("/{id}/tasks/{task}/output", get(crate::output::output));
    for (verb, act) in [
        ("cancel", Act::Cancel),
        ("finish", Act::Finish),
        ("requeue", Act::Requeue),
        ("submit", Act::Submit),
        ("configure", Act::Configure),
        ("conclude", Act::Conclude),
    ] {
        let one =
            move |app, caller, key, task, words| self::act(act, app, caller, key, task, words);
        routes = routes.route(&format!("/{{id}}/tasks/{{task}}/{verb}"), post(one));
    }
    routes.route_layer(from_fn(keys::take))
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    Asked(query): Asked<TaskQuery>,
) -> Result<Json<TaskPage>, Problem> {
    let limit = crate::jobs::page_limit(query.limit)? as u32;
    let after = query.after.unwrap_or(0);
    let page = move |_: &_, job: &Job| {
        caller.may_look_at(job, "the tasks")?;
        let last = (job.tasks.len() as u32).min(after.saturating_add(limit));
        let ids = after.saturating_add(1)..=last;
        Ok(TaskPage {
            tasks: ids.filter_map(|n| TaskView::of(job, TaskId(n))).collect(),
            next: (last < job.tasks.len() as u32).then_some(last),
        })
    };
    app.job(id, page).await?.map(Json)
}

async fn view(
    State(app): State<App>,
    caller: Caller,
    TaskPath(id, task): TaskPath,
) -> Result<Json<TaskDetail>, Problem> {
    detail(&app, &caller, id, task).await.map(Json)
}

async fn act(
    act: Act,
    State(app): State<App>,
    caller: Caller,
    key: Key,
    TaskPath(job, task): TaskPath,
    body::Json(words): body::Json<TaskWords>,
) -> Result<Response, Problem> {
    let command = command(act, caller.0.clone(), job, task, words)?;
    let looker = caller.clone();
    let answer = move |state: &kernel::State, mut done: Done| {
        done.pop().unwrap_or(Err(EngineError::Stopped))?;
        let owner = state.job(job).ok_or_else(|| Problem::unknown_job(job))?;
        detail_of(state, owner, &looker, task).map(Told::ok)
    };
    carry_out(&app, &caller, key, &[job], vec![command], answer).await
}

fn command(
    act: Act,
    by: Actor,
    job: JobId,
    task: TaskId,
    words: TaskWords,
) -> Result<Command, Problem> {
    let TaskWords {
        instance,
        message,
        forced,
        stop,
    } = words;
    let bad = |detail: &str| Err(Problem::bad("BadJson", detail));
    let (ends, whole) = match act {
        Act::Cancel | Act::Finish => (true, false),
        Act::Requeue => (false, false),
        Act::Submit | Act::Configure | Act::Conclude => (false, true),
    };
    match () {
        () if forced && act != Act::Cancel => return bad("forced goes with cancel only"),
        () if stop && act != Act::Conclude => return bad("stop goes with conclude only"),
        () if !message.is_empty() && !ends => {
            return bad("a message goes with cancel and finish only");
        }
        () if instance.is_some() && whole => {
            return bad("an instance goes with cancel, finish and requeue only");
        }
        () => {}
    }
    Ok(match act {
        Act::Cancel => Command::CancelTask {
            by,
            job,
            task,
            instance,
            message,
            forced,
        },
        Act::Finish => Command::FinishTask {
            by,
            job,
            task,
            instance,
            message,
        },
        Act::Requeue => Command::RequeueTask {
            by,
            job,
            task,
            instance,
        },
        Act::Submit => Command::SubmitTask { by, job, task },
        Act::Configure => Command::ConfigureTask { by, job, task },
        Act::Conclude => Command::ConcludeService {
            by,
            job,
            task,
            stop,
        },
    })
}

/// 201 with the tasks that were added, the first thousand of them.
async fn add(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    JobPath(job): JobPath,
    Asked(query): Asked<AddTasksQuery>,
    request: Request,
) -> Result<Response, Problem> {
    check_folder(query.folder.as_deref())?;
    let name = query.file.clone().unwrap_or_else(|| "the tasks".into());
    let (text, format) = read_text(request, &name).await?;
    let unit = app.job(job, |_, job| job.spec.unit).await?;
    let parse = move || parse_tasks(&name, &text, format, unit);
    let parsed = tokio::task::spawn_blocking(parse).await;
    let parsed = parsed.map_err(|_| Problem::failed("the tasks could not be read"))?;
    let mut tasks = parsed.map_err(|error| bad_file(error.to_string()))?;
    run_in(query.folder.as_deref(), &mut tasks);
    let count = tasks.len() as u32;
    let add = Command::AddTasks {
        by: caller.0.clone(),
        job,
        tasks: tasks.into_iter().map(Arc::new).collect(),
        submit: query.submit,
    };
    let answer = move |state: &kernel::State, mut done: Done| {
        let events = done.pop().unwrap_or(Err(EngineError::Stopped))?;
        let owner = state.job(job).ok_or_else(|| Problem::unknown_job(job))?;
        // None where no tasks were given.
        let first = first_added(&events).unwrap_or(1);
        let shown = (first..first + count.min(PAGE_MAX)).map(TaskId);
        let page = TaskPage {
            tasks: shown.filter_map(|id| TaskView::of(owner, id)).collect(),
            next: (count > PAGE_MAX).then_some(first + PAGE_MAX - 1),
        };
        Ok(Told::created(None, page))
    };
    carry_out(&app, &caller, key, &[job], vec![add], answer).await
}

fn first_added(events: &[Event]) -> Option<u32> {
    events.iter().find_map(|event| {
        if let Fact::TasksAdded { first, .. } = &event.fact {
            Some(first.0)
        } else {
            None
        }
    })
}

async fn modify(
    State(app): State<App>,
    caller: Caller,
    TaskPath(job, task): TaskPath,
    request: Request,
) -> Result<Json<TaskDetail>, Problem> {
    let (text, format) = read_text(request, "the changes").await?;
    only_json(format)?;
    let unit = app.job(job, |_, job| job.spec.unit).await?;
    let changes = TaskChanges::parse("the changes", &text, unit);
    let changes = changes.map_err(|error| bad_file(error.to_string()))?;
    let by = caller.0.clone();
    let modify = move |state: &kernel::State| {
        let owner = state.job(job).ok_or(Rejection::UnknownJob(job))?;
        let unknown = Rejection::UnknownTask { job, task };
        let mut spec = owner.task(task).ok_or(unknown)?.spec.clone();
        changes.apply(Arc::make_mut(&mut spec));
        let by = by.clone();
        Ok(Command::ModifyTask {
            by,
            job,
            task,
            spec,
        })
    };
    app.engine.command_of(modify).await?;
    detail(&app, &caller, job, task).await.map(Json)
}

async fn detail(
    app: &App,
    caller: &Caller,
    id: JobId,
    task_id: TaskId,
) -> Result<TaskDetail, Problem> {
    let caller = caller.clone();
    let detail = move |state: &_, job: &Job| detail_of(state, job, &caller, task_id);
    app.job(id, detail).await?
}

fn detail_of(
    state: &kernel::State,
    job: &Job,
    caller: &Caller,
    id: TaskId,
) -> Result<TaskDetail, Problem> {
    caller.may_look_at(job, "the tasks")?;
    let task = job.task(id).zip(TaskView::of(job, id));
    let (task, view) = task.ok_or_else(|| Problem::unknown_task(job.id, id))?;
    Ok(TaskDetail {
        task: view,
        runs: runs(state, task),
    })
}

fn runs(state: &kernel::State, task: &Task) -> Vec<RunView> {
    let name = |id| {
        state
            .node(id)
            .map_or_else(|| format!("{id}"), |node| node.spec.name.clone())
    };
    let view = |(&instance, run): (&u32, &kernel::Run)| RunView {
        instance,
        attempt: run.attempt,
        state: task
            .instance_state(instance, false)
            .unwrap_or(TaskState::Running)
            .to_string(),
        places: run
            .places
            .iter()
            .map(|place| jobyard::AllocationView {
                node: name(place.node),
                cores: place.cores.to_string(),
            })
            .collect(),
        dispatched: rfc3339(run.dispatched),
        started: run.started.map(rfc3339),
    };
    task.runs.iter().take(PAGE_MAX as usize).map(view).collect()
}
