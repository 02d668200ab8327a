//! Reads what requests bring: ids in paths, queries, bodies. What cannot be read is a [`Problem`] that names it.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jobyard::{JobId, TaskId};
use jobyard_users::TokenId;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Problem;

/// Bytes of a body that is not a job file.
const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);

/// The job in the path, `{id}`.
pub(crate) struct JobPath(pub(crate) JobId);

/// The task in the path, `{id}` and `{task}`.
pub(crate) struct TaskPath(pub(crate) JobId, pub(crate) TaskId);

/// The name in the path, `{name}`.
pub(crate) struct NamePath(pub(crate) String);

/// The token's number in the path, `{token}`.
pub(crate) struct TokenPath(pub(crate) TokenId);

/// The query; unknown keys are refused by its type.
pub(crate) struct Asked<T>(pub(crate) T);

/// A JSON body; nothing at all is the default.
pub(crate) struct Json<T>(pub(crate) T);

/// The same of more bytes than others.
pub(crate) struct Large<T, const BYTES_MAX: usize>(pub(crate) T);

/// Any JSON at all, a list or a text too; nothing is null.
pub(crate) struct Any<const BYTES_MAX: usize = BODY_BYTES_MAX>(pub(crate) Value);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = path(parts, state, "id").await?;
        Ok(JobPath(JobId(number(&text, "job")?)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TaskPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let JobPath(job) = JobPath::from_request_parts(parts, state).await?;
        let text = path(parts, state, "task").await?;
        Ok(TaskPath(job, TaskId(number(&text, "task")?)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NamePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        path(parts, state, "name").await.map(NamePath)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TokenPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = path(parts, state, "token").await?;
        let bad = |_| Problem::bad("BadId", format!("{token:?} is not a token's number"));
        token.parse().map(TokenPath).map_err(bad)
    }
}

impl<S: Send + Sync, const BYTES_MAX: usize> FromRequest<S> for Any<BYTES_MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json(request, BYTES_MAX).await?;
        bytes.map_or(Ok(Any(Value::Null)), |bytes| parse(&bytes).map(Any))
    }
}

async fn path<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Problem> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    let params = params.map_err(|e| Problem::bad("BadPath", e.body_text()))?;
    let found = params.iter().find(|(key, _)| *key == name);
    // A route without the part is our mistake, and answered like one that is not there.
    let missing = || Problem::bad("BadPath", format!("the path names no {name}"));
    found
        .map(|(_, value)| value.to_string())
        .ok_or_else(missing)
}

fn number(text: &str, what: &str) -> Result<u32, Problem> {
    let bad = |_| {
        Problem::bad(
            "BadId",
            format!("{text:?} is not a {what} id: ids are whole numbers from 1"),
        )
    };
    text.parse().map_err(bad)
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Asked(asked)),
            Err(error) => Err(Problem::bad("BadQuery", error.body_text())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        object(request, BODY_BYTES_MAX).await.map(Json)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default, const BYTES_MAX: usize> FromRequest<S>
    for Large<T, BYTES_MAX>
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        object(request, BYTES_MAX).await.map(Large)
    }
}

/// An object; serde would take a list for the values of one in their order.
async fn object<T: DeserializeOwned + Default>(
    request: Request,
    bytes_max: usize,
) -> Result<T, Problem> {
    let Some(bytes) = json(request, bytes_max).await? else {
        return Ok(T::default());
    };
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::bad("BadJson", "this takes an object: { … }"));
    }
    parse(&bytes)
}

/// The bytes of a body of JSON; none where there are none.
async fn json(request: Request, bytes_max: usize) -> Result<Option<Bytes>, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = read(body, bytes_max).await?;
    if !bytes.is_empty() && media_type(&parts.headers) != Some("application/json") {
        let takes = "this takes a body of type application/json";
        return Err(unsupported(&parts.headers, takes));
    }
    Ok((!bytes.is_empty()).then_some(bytes))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bad = |error: serde_json::Error| Problem::bad("BadJson", error.to_string());
    serde_json::from_slice(bytes).map_err(bad)
}

/// Reads a whole body, of at most so many bytes, in a minute.
pub(crate) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let read = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(BODY_TIME_MAX, read).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "BodyTooLarge",
            format!("the body has more than {bytes_max} bytes"),
        )),
        Ok(Err(error)) => Err(Problem::bad(
            "BadBody",
            format!("the body could not be read: {error}"),
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "BodyTooSlow",
            format!(
                "the body took longer than {} seconds",
                BODY_TIME_MAX.as_secs()
            ),
        )),
    }
}

/// The media type without its parameters; none when there is none, or it is not text.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}

pub(crate) fn unsupported(headers: &HeaderMap, takes: &str) -> Problem {
    let is = match media_type(headers) {
        Some(given) => format!("its type is {given:?}"),
        None => "it has no content-type".into(),
    };
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UnsupportedMediaType",
        format!("{takes}; {is}"),
    )
}
