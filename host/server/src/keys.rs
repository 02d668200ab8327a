//! `Idempotency-Key`: what a client calls a request of its own, so that it may send it again when it did not hear what became of it.
//!
//! Taken with every `POST` below `/jobs` that adds, copies or acts on jobs and tasks. The same request with the same key, by the same user, is
//! answered with the status and the body of the first, and `Idempotency-Replayed: true`; another one is 422 `IdempotencyKeyReused`. While
//! the first is at work the second waits for it. Both are so across a crash: the answer is durable in one batch with what it tells of. It is
//! kept for a day, within limits of the kernel. A request that was refused changed nothing, and leaves its key free.

use std::convert::Infallible;
use std::io::Write;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jobyard::core::{Keyed, Once};
use jobyard::jobfile::JOB_FILE_BYTES_MAX;
use jobyard::kernel::{Command, Event, RequestKey, State};
use jobyard::plugin::HalfOf;
use jobyard::{EngineError, JobId};
use serde::Serialize;

use crate::Problem;
use crate::app::App;
use crate::body::read;
use crate::caller::Caller;

/// Jobs in one call that has a key: its answer is kept.
pub(crate) const KEYED_JOBS_MAX: usize = 1_000;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The key of a request, if it has one, and what it is known again by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Key(Option<(RequestKey, [u8; 16])>);

impl Key {
    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Key, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Reads the key, and what the request asks for, before anything else is made of it.
pub(crate) async fn take(request: Request, next: Next) -> Result<Response, Problem> {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return Ok(next.run(request).await);
    }
    let key = key(request.headers())?;
    let (mut parts, body) = request.into_parts();
    let body = read(body, JOB_FILE_BYTES_MAX as usize).await?;
    let media_type = parts.headers.get(header::CONTENT_TYPE);
    let digest = digest([
        parts.uri.to_string().as_bytes(),
        media_type.map_or(b"", |value| value.as_bytes()),
        &body,
    ]);
    parts.extensions.insert(Key(Some((key, digest))));
    let request = Request::from_parts(parts, Body::from(body));
    Ok(next.run(request).await)
}

fn key(headers: &HeaderMap) -> Result<RequestKey, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    let (first, more) = (keys.next(), keys.next());
    let text = first.and_then(|value| value.to_str().ok());
    let key = RequestKey::new(text.unwrap_or_default());
    match (key, more) {
        (Ok(key), None) => Ok(key),
        (Ok(_), Some(_)) => Err(bad_key("there is more than one")),
        (Err(error), _) => Err(bad_key(&error.to_string())),
    }
}

fn bad_key(why: &str) -> Problem {
    Problem::bad("BadHeader", format!("Idempotency-Key: {why}"))
}

/// Where one part ends and the next begins counts too.
fn digest<const N: usize>(parts: [&[u8]; N]) -> [u8; 16] {
    let mut all = HalfOf::default();
    for part in parts {
        let length = (part.len() as u64).to_le_bytes();
        for bytes in [&length[..], part] {
            // It takes everything.
            let _ = all.write_all(bytes);
        }
    }
    all.finish()
}

/// What is told of a request that was carried out.
#[derive(Debug)]
pub(crate) struct Told<T> {
    status: StatusCode,
    /// Of what was made.
    place: Option<String>,
    body: T,
}

impl<T: Serialize> Told<T> {
    pub(crate) fn ok(body: T) -> Told<T> {
        let (status, place) = (StatusCode::OK, None);
        Told {
            status,
            place,
            body,
        }
    }

    pub(crate) fn created(place: Option<String>, body: T) -> Told<T> {
        let status = StatusCode::CREATED;
        Told {
            status,
            place,
            body,
        }
    }

    /// As it is kept: status and place on the first line, then the body.
    fn text(&self) -> Result<String, Problem> {
        let body = serde_json::to_string(&self.body);
        let body = body.map_err(|error| Problem::failed(error.to_string()))?;
        let place = self.place.as_deref().unwrap_or_default();
        Ok(format!("{} {place}\n{body}", self.status.as_u16()))
    }
}

impl<T: Serialize> IntoResponse for Told<T> {
    fn into_response(self) -> Response {
        match self.text().and_then(|text| respond(&text)) {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        }
    }
}

/// The answer that was kept so.
fn respond(text: &str) -> Result<Response, Problem> {
    let parts = text.split_once('\n').and_then(|(head, body)| {
        let (status, place) = head.split_once(' ')?;
        let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
        Some((status, HeaderValue::from_str(place).ok()?, body))
    });
    let (status, place, body) =
        parts.ok_or_else(|| Problem::failed("the answer that was kept cannot be read"))?;
    let json = HeaderValue::from_static("application/json");
    let head = [(header::CONTENT_TYPE, json)];
    let mut response = (status, head, body.to_string()).into_response();
    if !place.is_empty() {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// What became of each command.
pub(crate) type Done = Vec<Result<Vec<Event>, EngineError>>;

/// Carries out the commands of a request, about these jobs if they are there already, and answers; with a key only the first time. `answer` fails only where no command was carried out.
pub(crate) async fn carry_out<T: Serialize + Send + 'static>(
    app: &App,
    caller: &Caller,
    Key(key): Key,
    about: &[JobId],
    commands: Vec<Command>,
    answer: impl FnOnce(&State, Done) -> Result<Told<T>, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let Some((key, digest)) = key else {
        let done = app.engine.commands(commands).await;
        let look = move |state: &State, _: &_| answer(state, done);
        return Ok(app.engine.look(look).await??.into_response());
    };
    let by = caller.0.name.clone();
    let keyed = Keyed { by, key, digest };
    let text = move |state: &State, done: Done| answer(state, done)?.text();
    match app.engine.once(keyed, about, commands, text).await? {
        Once::First(text) => respond(&text),
        Once::Again(text) => {
            let mut response = respond(&text)?;
            let yes = HeaderValue::from_static("true");
            response.headers_mut().insert(REPLAYED, yes);
            Ok(response)
        }
    }
}
