//! `/api/v1/jobs/{id}/tasks`: the tasks of a job. Their numbers, and all that is about one of them, are for those who see all of the job.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /jobs/{id}/tasks` | a page of tasks: [`TaskQuery`], [`TaskPage`] |
//! | `GET /jobs/{id}/tasks/{task}` | one, with what of it runs: [`TaskDetail`] |
//! | `POST /jobs/{id}/tasks/{task}/cancel`, `finish`, `requeue` | all of it or one instance: [`TaskWords`]; answers the task |
//! | `GET /jobs/{id}/tasks/{task}/output` | what it wrote: [`OutputQuery`] |

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use jobyard::kernel::{Command, Job, Task, TaskState};
use jobyard::{JobId, TaskId, TaskView, rfc3339};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{self, Asked, JobPath, TaskPath};
use crate::caller::Caller;
use crate::jobs::PAGE_MAX;
pub use crate::output::{OutputQuery, Stream};

/// The query of `GET /jobs/{id}/tasks`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<TaskView>,
    /// The `after` of the next page; none when this is the last.
    pub next: Option<u32>,
}

/// A task, and the first 1,000 of its instances that run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskDetail {
    /// The task.
    #[serde(flatten)]
    pub task: TaskView,
    /// What of it runs.
    pub runs: Vec<RunView>,
}

/// An instance at a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/{id}/tasks", get(list))
        .route("/{id}/tasks/{task}", get(view))
        .route("/{id}/tasks/{task}/cancel", post(cancel))
        .route("/{id}/tasks/{task}/finish", post(finish))
        .route("/{id}/tasks/{task}/requeue", post(requeue))
        .route("/{id}/tasks/{task}/output", get(crate::output::output))
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

async fn cancel(
    State(app): State<App>,
    caller: Caller,
    TaskPath(job, task): TaskPath,
    body::Json(words): body::Json<TaskWords>,
) -> Result<Json<TaskDetail>, Problem> {
    let by = caller.0.clone();
    let TaskWords {
        instance,
        message,
        forced,
    } = words;
    let command = Command::CancelTask {
        by,
        job,
        task,
        instance,
        message,
        forced,
    };
    act(&app, &caller, job, task, command).await
}

async fn finish(
    State(app): State<App>,
    caller: Caller,
    TaskPath(job, task): TaskPath,
    body::Json(words): body::Json<TaskWords>,
) -> Result<Json<TaskDetail>, Problem> {
    let (by, instance) = (caller.0.clone(), unforced(&words)?);
    let message = words.message;
    let command = Command::FinishTask {
        by,
        job,
        task,
        instance,
        message,
    };
    act(&app, &caller, job, task, command).await
}

async fn requeue(
    State(app): State<App>,
    caller: Caller,
    TaskPath(job, task): TaskPath,
    body::Json(words): body::Json<TaskWords>,
) -> Result<Json<TaskDetail>, Problem> {
    let (by, instance) = (caller.0.clone(), unforced(&words)?);
    if !words.message.is_empty() {
        let detail = "a message goes with cancel and finish only";
        return Err(Problem::bad("BadJson", detail));
    }
    let command = Command::RequeueTask {
        by,
        job,
        task,
        instance,
    };
    act(&app, &caller, job, task, command).await
}

fn unforced(words: &TaskWords) -> Result<Option<u32>, Problem> {
    match words.forced {
        false => Ok(words.instance),
        true => Err(Problem::bad("BadJson", "forced goes with cancel only")),
    }
}

async fn act(
    app: &App,
    caller: &Caller,
    job: JobId,
    task: TaskId,
    command: Command,
) -> Result<Json<TaskDetail>, Problem> {
    app.engine.command(command).await?;
    detail(app, caller, job, task).await.map(Json)
}

async fn detail(
    app: &App,
    caller: &Caller,
    id: JobId,
    task_id: TaskId,
) -> Result<TaskDetail, Problem> {
    let caller = caller.clone();
    let detail = move |state: &_, job: &Job| {
        caller.may_look_at(job, "the tasks")?;
        let task = job
            .task(task_id)
            .zip(TaskView::of(job, task_id))
            .ok_or_else(|| Problem::unknown_task(id, task_id))?;
        let (task, view) = task;
        Ok(TaskDetail {
            task: view,
            runs: runs(state, task),
        })
    };
    app.job(id, detail).await?
}

fn runs(state: &jobyard::kernel::State, task: &Task) -> Vec<RunView> {
    let name = |id| {
        state
            .node(id)
            .map_or_else(|| format!("{id}"), |node| node.spec.name.clone())
    };
    let view = |(&instance, run): (&u32, &jobyard::kernel::Run)| RunView {
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
