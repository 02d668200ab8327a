//! `/api/v1/events`: what happens, as server-sent events, once it is durable.
//!
//! `GET /events?after=N&job=ID` answers with every event behind number N, of one job or of all, and goes on as they happen. Without a number, from
//! now on. Each has its number as `id`, the kind of the journal's fact as `event`, and as `data` a [`Happened`]. A client that
//! was cut off names the last id that it got (`Last-Event-ID`, which browsers do by themselves) and misses nothing: they are read out of
//! the journal. Those that a compaction dropped are 410 `EventsGone`.
//!
//! Operators and administrators see all; a user sees the events of a job of their own, which they name.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::channel::{Channel, Sender};
use jobyard::journal::sqlite::Reader;
use jobyard::journal::{JournalError, Sequence};
use jobyard::kernel::{Event, Job};
use jobyard::{JobId, rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Problem;
use crate::app::App;
use crate::auth::Shown;
use crate::body::Asked;
use crate::caller::Caller;

/// Events that are read at a time.
const BATCH: usize = 500;
/// Batches that wait for a client.
const BATCHES_WAITING_MAX: usize = 2;
/// After something has happened, what follows at once is waited for.
const GATHER: Duration = Duration::from_millis(50);
/// Something is sent at least so often: else nobody would notice that the other end has gone.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The query of `GET /events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct EventsQuery {
    /// Only those with a larger number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Only those of this job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<u32>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Happened {
    /// Its number in the journal: 1 for the first, without gaps.
    pub number: u64,
    /// When it was (RFC 3339).
    pub at: String,
    /// What kind of thing happened: the name of the journal's fact, like `JobStarted`.
    pub kind: String,
    /// The job that it is about, if it is about one.
    pub job: Option<u32>,
    /// What happened, as the journal has it: fields may come in later versions.
    pub fact: Value,
}

impl Happened {
    pub(crate) fn of(number: Sequence, event: &Event) -> Happened {
        // Facts are plain data: an object with the kind as its only key, or the kind by itself.
        let (kind, fact) = match serde_json::to_value(&event.fact) {
            Ok(Value::Object(fact)) => fact.into_iter().next().unwrap_or_default(),
            Ok(Value::String(kind)) => (kind, Value::Null),
            Ok(other) => (String::new(), other),
            Err(_) => (String::new(), Value::Null),
        };
        Happened {
            number,
            at: rfc3339(event.at),
            kind,
            job: event.fact.job().map(|job| job.0),
            fact,
        }
    }

    /// As it is sent.
    fn frame(&self) -> String {
        // Neither fails, and JSON is one line.
        let data = serde_json::to_string(self).unwrap_or_default();
        let (number, kind) = (self.number, &self.kind);
        format!("id: {number}\nevent: {kind}\ndata: {data}\n\n")
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/", get(events))
}

async fn events(
    State(app): State<App>,
    caller: Caller,
    shown: Shown,
    headers: HeaderMap,
    Asked(query): Asked<EventsQuery>,
) -> Result<Response, Problem> {
    let job = query.job.map(JobId);
    match job {
        Some(id) => {
            let may = move |_: &_, job: &Job| caller.may_look_at(job, "the events");
            app.job(id, may).await??;
        }
        None => caller.may_look_at_all("events")?,
    }
    let last = app.engine.stats().await?.durable_events;
    let after = last_id(&headers)?.or(query.after).unwrap_or(last);
    if after > last {
        let detail = format!("event {after} has not happened: the last is {last}");
        return Err(Problem::bad("BadQuery", detail));
    }
    let first = read(&app, after).await?;
    let (sender, body) = Channel::<Bytes, io::Error>::new(BATCHES_WAITING_MAX);
    tokio::spawn(async move {
        let gate = app.gate.clone();
        tokio::select! {
            () = follow(app, first, after, job, sender) => {}
            () = gate.let_out(shown) => {}
        }
    });
    let head = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((head, Body::new(body)).into_response())
}

/// What a client says that it got last.
fn last_id(headers: &HeaderMap) -> Result<Option<Sequence>, Problem> {
    let Some(id) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let number = id.to_str().ok().and_then(|id| id.trim().parse().ok());
    let bad = || Problem::bad("BadHeader", format!("Last-Event-ID {id:?} is no number"));
    number.map(Some).ok_or_else(bad)
}

/// Events behind that number, some at a time. The journal is opened for each time: whoever keeps it open sees what there was then, and
/// keeps its log from being taken over into the file.
async fn read(app: &App, after: Sequence) -> Result<Vec<Event>, Problem> {
    let folder = app.folder.clone();
    let read = tokio::task::spawn_blocking(move || {
        let reader = Reader::open(&folder)?;
        reader.read(after + 1, BATCH)
    });
    let read = read
        .await
        .map_err(|error| Problem::failed(error.to_string()))?;
    read.map_err(|error| {
        let JournalError::Compacted { asked, oldest } = error else {
            return Problem::failed(error.to_string());
        };
        let last = oldest - 1;
        let detail = format!(
            "events {asked} to {last} were dropped by a compaction: ask for those after {last}"
        );
        Problem::new(StatusCode::GONE, "EventsGone", detail)
    })
}

/// Sends what there is and what comes, until the client has gone or the daemon stops.
async fn follow(
    app: App,
    first: Vec<Event>,
    mut after: Sequence,
    job: Option<JobId>,
    mut sender: Sender<Bytes, io::Error>,
) {
    let mut batch = first;
    loop {
        // From before it is read: nothing that happens meanwhile is slept through.
        let mut notices = app.engine.notices();
        if batch.is_empty() {
            batch = match read(&app, after).await {
                Ok(batch) => batch,
                // What was asked for last was dropped meanwhile, or the disk has failed: whoever asks again is told.
                Err(_) => return,
            };
        }
        let is_news = !batch.is_empty();
        let mut text = String::new();
        for event in batch.drain(..) {
            after += 1;
            if job.is_none_or(|job| event.fact.job() == Some(job)) {
                text += &Happened::of(after, &event).frame();
            }
        }
        if !text.is_empty() && sender.send_data(text.into()).await.is_err() {
            return;
        }
        if is_news {
            continue;
        }
        tokio::select! {
            () = app.stopping() => return,
            notice = notices.next() => match notice {
                Some(_) => tokio::time::sleep(GATHER).await,
                None => return,
            },
            () = tokio::time::sleep(SILENCE_MAX) => {
                if sender.send_data(Bytes::from_static(b":\n\n")).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jobyard::{Actor, Engine, JobSpec, Role, Roles, TaskSpec};
    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn a_user_is_told_of_one_job_of_their_own_and_an_operator_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::builder().data(folder.path()).build().await.unwrap();
        let (ann, task) = (Actor::user("ann"), TaskSpec::default());
        let task = TaskSpec {
            command_line: "true".into(),
            ..task
        };
        let job = engine.submit(&ann, JobSpec::default(), vec![task]).await;
        let job = Some(job.unwrap().0);
        let (_stop, stopping) = watch::channel(true);
        let app = App {
            engine: engine.clone(),
            folder: folder.path().into(),
            local_nodes: [].into(),
            stopping,
            gate: crate::auth::gate_of_nobody(),
        };
        let operates = Roles::from(Role::User).with(Role::JobOperator);
        let cases = [
            (ann, [None, Some(200)]),
            (Actor::user("bob"), [None, None]),
            (Actor::new("olga", operates), [Some(200), Some(200)]),
        ];
        for (who, expected) in cases {
            for (job, expected) in [None, job].into_iter().zip(expected) {
                let query = EventsQuery {
                    after: Some(0),
                    job,
                };
                let (app, caller) = (State(app.clone()), Caller(who.clone()));
                let answer = events(
                    app,
                    caller,
                    Shown::default(),
                    HeaderMap::new(),
                    Asked(query),
                )
                .await;
                let status = answer.map(|answer| answer.status().as_u16());
                let denied = |problem: &Problem| problem.code == "PermissionDenied";
                assert!(status.as_ref().err().is_none_or(denied), "{status:?}");
                assert_eq!(status.ok(), expected, "{} asks for {job:?}", who.name);
            }
        }
        engine.shutdown(Duration::ZERO).await;
    }
}
