//! `/api/v1/jobs/{id}/tasks/{task}/output`: what a task wrote to captured output, as it is, also while it runs.
//!
//! The files are the node's; see `jobyard_node` for what is kept and when. Called through `tasks`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use jobyard::kernel::{Execution, Job, Rejection, Task, TaskKind};
use jobyard::{JobId, TaskId};
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::Problem;
use crate::app::App;
use crate::auth::Shown;
use crate::body::{Asked, TaskPath};
use crate::caller::Caller;

/// Bytes that are read at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait for a reader.
const PIECES_WAITING_MAX: usize = 4;
/// How often a file that is followed is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Which of the two streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    #[default]
    Out,
    /// Standard error.
    Err,
}

/// The query of `GET /jobs/{id}/tasks/{task}/output`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct OutputQuery {
    /// `out` or `err`.
    #[param(inline)]
    pub stream: Stream,
    /// One instance; all of them, one after the other, when it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<u32>,
    /// An attempt of that instance; the last when it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Goes on until the instance has ended; not for all instances of a sweep.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub follow: bool,
}

/// Answers with the bytes. What has not been written yet, or was empty, is nothing.
pub(crate) async fn output(
    State(app): State<App>,
    caller: Caller,
    shown: Shown,
    TaskPath(job, task): TaskPath,
    Asked(query): Asked<OutputQuery>,
) -> Result<Response, Problem> {
    let what = query.clone();
    let asked = move |_: &_, job: &Job| what_is_asked(&caller, job, task, &what);
    let instance = app.job(job, asked).await??;
    let (sender, body) = Channel::<Bytes, io::Error>::new(PIECES_WAITING_MAX);
    let reader = Reader {
        app,
        job,
        task,
        stream: query.stream,
        sender,
    };
    let gate = reader.app.gate.clone();
    let read = async move {
        match instance {
            Some(instance) => reader.one(instance, query.attempt, query.follow).await,
            None => reader.all().await,
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = read => {}
            () = gate.let_out(shown) => {}
        }
    });
    let kind = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, kind)], Body::new(body)).into_response())
}

/// The instance; none: all of them.
fn what_is_asked(
    caller: &Caller,
    job: &Job,
    task_id: TaskId,
    query: &OutputQuery,
) -> Result<Option<u32>, Problem> {
    let id = job.id;
    caller.may_look_at(job, "the output")?;
    let task = job
        .task(task_id)
        .ok_or_else(|| Problem::unknown_task(id, task_id))?;
    let elsewhere = match query.stream {
        Stream::Out => &task.spec.standard_output,
        Stream::Err => &task.spec.standard_error,
    };
    if let Some(file) = elsewhere {
        let detail = format!("task {id}.{task_id} writes to a file of its own: {file}");
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "OutputElsewhere",
            detail,
        ));
    }
    let instance = match task.spec.kind {
        TaskKind::Basic => Some(query.instance.unwrap_or(0)),
        TaskKind::Sweep { .. }
        | TaskKind::Service
        | TaskKind::NodePrepare
        | TaskKind::NodeRelease => query.instance,
    };
    match instance {
        Some(instance) if !task.has(instance) => Err(Rejection::UnknownInstance {
            job: id,
            task: task_id,
            instance,
        }
        .into()),
        None if query.follow || query.attempt.is_some() => Err(Problem::bad(
            "BadQuery",
            format!(
                "task {id}.{task_id} has many instances: name one to follow it, or for one of its attempts"
            ),
        )),
        chosen => Ok(chosen),
    }
}

/// The latest attempt of an instance, from 1, and whether the instance has ended for good.
pub(crate) fn latest(task: &Task, instance: u32) -> (u32, bool) {
    let run = task.runs.get(&instance).map(|run| run.attempt);
    let tried = task.tries.get(&instance).map(|tries| tries.attempts);
    let attempt = run.or(tried).unwrap_or(1);
    (attempt, task.outcome(instance).is_some())
}

/// Copies files to one reader. It stops when the reader is gone.
struct Reader {
    app: App,
    job: JobId,
    task: TaskId,
    stream: Stream,
    sender: Sender<Bytes, io::Error>,
}

impl Reader {
    async fn one(mut self, instance: u32, attempt: Option<u32>, follow: bool) {
        let (mut current, mut offset) = (0, 0);
        let mut watch = self.app.engine.watch(self.job);
        let Some((mut last, mut ended)) = self.latest(instance).await else {
            return;
        };
        loop {
            let attempt = attempt.unwrap_or(last);
            if attempt != current {
                (current, offset) = (attempt, 0);
            }
            let path = self.path(instance, attempt);
            match copy(path.as_deref(), offset, &mut self.sender).await {
                Ok(copied) => offset += copied,
                Err(error) => return self.sender.abort(error),
            }
            if !follow || ended || attempt < last {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.app.stopping() => return,
            }
            // The file is looked at each time, the job only when something happened to it.
            if watch.is_woken() {
                watch = self.app.engine.watch(self.job);
                match self.latest(instance).await {
                    Some(latest) => (last, ended) = latest,
                    None => return,
                }
            }
        }
    }

    /// All instances in order, of each the last attempt.
    async fn all(mut self) {
        let Some(folder) = self
            .path(0, 1)
            .and_then(|path| Some(path.parent()?.to_path_buf()))
        else {
            return;
        };
        let (task, stream) = (self.task, self.stream);
        let listed = tokio::task::spawn_blocking(move || list(&folder, task, stream)).await;
        let files = match listed {
            Ok(Ok(files)) => files,
            Ok(Err(error)) => return self.sender.abort(error),
            Err(_) => {
                return self
                    .sender
                    .abort(io::Error::other("the list of files was not made"));
            }
        };
        for ((instance, attempt), path) in files {
            let Some((last, _)) = self.latest(instance).await else {
                return;
            };
            if attempt != last {
                continue;
            }
            if let Err(error) = copy(Some(&path), 0, &mut self.sender).await {
                return self.sender.abort(error);
            }
        }
    }

    async fn latest(&self, instance: u32) -> Option<(u32, bool)> {
        let task = self.task;
        let look = move |_: &_, job: &Job| Some(latest(job.task(task)?, instance));
        self.app.job(self.job, look).await.ok()?
    }

    /// Where an attempt's output is. Nodes of this host share a folder, so that any of them knows.
    fn path(&self, instance: u32, attempt: u32) -> Option<PathBuf> {
        let execution = Execution {
            job: self.job,
            task: self.task,
            instance,
            attempt,
        };
        let mut nodes = self.app.local_nodes.iter();
        let (out, err) = nodes.find_map(|node| self.app.engine.output_files(node, execution))?;
        Some(match self.stream {
            Stream::Out => out,
            Stream::Err => err,
        })
    }
}

/// Sends what a file has from this byte on, and returns how much it was. A file that is not there has nothing.
async fn copy(
    path: Option<&Path>,
    offset: u64,
    sender: &mut Sender<Bytes, io::Error>,
) -> io::Result<u64> {
    let Some(path) = path else { return Ok(0) };
    let mut file = match File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    file.seek(io::SeekFrom::Start(offset)).await?;
    let mut copied = 0;
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let read = file.read_buf(&mut piece).await?;
        if read == 0 {
            return Ok(copied);
        }
        copied += read as u64;
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        sender.send_data(piece.into()).await.map_err(gone)?;
    }
}

/// The files of a task by instance and attempt: `TASK.INSTANCE.ATTEMPT.out`.
fn list(folder: &Path, task: TaskId, stream: Stream) -> io::Result<BTreeMap<(u32, u32), PathBuf>> {
    let mut files = BTreeMap::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(error),
    };
    let extension = match stream {
        Stream::Out => "out",
        Stream::Err => "err",
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let mut parts = name.unwrap_or_default().split('.');
        let mut number = || parts.next()?.parse::<u32>().ok();
        let (of, instance, attempt) = (number(), number(), number());
        if let (Some(of), Some(instance), Some(attempt)) = (of, instance, attempt)
            && of == task.0
            && parts.next() == Some(extension)
            && parts.next().is_none()
        {
            files.insert((instance, attempt), path);
        }
    }
    Ok(files)
}
