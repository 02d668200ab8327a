//! What is answered when a request is not carried out: `application/problem+json` (RFC 9457) with a code.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jobyard::EngineError;
use jobyard::kernel::{BadParameter, JobId, Rejection, TaskId};
use serde::{Deserialize, Serialize};

/// When to come again while something else is checked or proved.
const BUSY_SECONDS: u32 = 10;

/// Why a request was not carried out. Displayed as its `detail`.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, thiserror::Error,
)]
#[error("{detail}")]
pub struct Problem {
    /// The status of the answer in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What went wrong, for programs: the name of a case of the kernel's `Rejection`, as `InvalidCancelJobState`, or one of
    /// this interface's own, as `BadQuery`. Does not change from version to version.
    pub code: String,
    /// What went wrong, for people: one line.
    pub detail: String,
    /// Seconds to wait before another try; the answer's `retry-after`.
    #[serde(skip)]
    pub retry_after: Option<u32>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Problem {
        Problem {
            title: status.canonical_reason().unwrap_or_default().into(),
            status: status.as_u16(),
            code: code.into(),
            detail: detail.into(),
            retry_after: None,
        }
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn unknown_job(job: JobId) -> Problem {
        Rejection::UnknownJob(job).into()
    }

    pub(crate) fn unknown_task(job: JobId, task: TaskId) -> Problem {
        Rejection::UnknownTask { job, task }.into()
    }

    /// A request that asks for what cannot be read.
    pub(crate) fn bad(code: &str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Something of this machine failed.
    pub(crate) fn failed(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "Failed", detail)
    }

    /// The same, in the words of an error.
    pub(crate) fn failed_by(error: impl std::fmt::Display) -> Problem {
        Problem::failed(error.to_string())
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        let status = status(&rejection);
        let code = if let Rejection::Parameter(bad) = &rejection {
            match bad {
                BadParameter::Unknown { .. } => "UnknownParameter",
                BadParameter::Value { .. } => "InvalidParameter",
            }
        } else {
            (&rejection).into()
        };
        Problem::new(status, code, rejection.to_string())
    }
}

/// Which answer a refusal is: what is not there, what somebody may not, what can never be, and what cannot be now.
fn status(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::UnknownJob(_)
        | Rejection::UnknownTask { .. }
        | Rejection::UnknownInstance { .. }
        | Rejection::UnknownNode(_)
        | Rejection::UnknownPolicy(_)
        | Rejection::UnknownActivation(_)
        | Rejection::Parameter(BadParameter::Unknown { .. }) => StatusCode::NOT_FOUND,
        Rejection::PermissionDenied { .. }
        | Rejection::ForAdministrators { .. }
        | Rejection::MayNotAdd { .. }
        | Rejection::TemplateForbidden { .. } => StatusCode::FORBIDDEN,
        Rejection::MessageTooLong { .. }
        | Rejection::PolicyTooLong { .. }
        | Rejection::NoSuchPart(_)
        | Rejection::Invalid(_)
        | Rejection::InvalidHold
        | Rejection::IdempotencyKeyReused { .. }
        | Rejection::NotForNodeTasks { .. }
        | Rejection::ServiceRule { .. }
        | Rejection::Parameter(BadParameter::Value { .. }) => StatusCode::UNPROCESSABLE_ENTITY,
        Rejection::InvalidCancelJobState { .. }
        | Rejection::InvalidJobState { .. }
        | Rejection::InvalidModify { .. }
        | Rejection::JobDeletionForbidden { .. }
        | Rejection::InvalidTaskState { .. }
        | Rejection::NotRerunnable { .. }
        | Rejection::TaskRule { .. }
        | Rejection::TaskAboveRunningJob { .. }
        | Rejection::ExcludesTooMuch { .. }
        | Rejection::TemplateStays { .. }
        | Rejection::NoIdsLeft(_)
        | Rejection::Refused(_)
        | Rejection::StaleReport(_)
        | Rejection::StaleAnswer(_) => StatusCode::CONFLICT,
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Problem {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match error {
            EngineError::Rejected(rejection) => rejection.into(),
            EngineError::UnknownJob(job) => Problem::unknown_job(job),
            EngineError::Journal(_) => {
                Problem::new(unavailable, "JournalFailed", error.to_string())
            }
            EngineError::Stopped => Problem::new(unavailable, "Stopped", error.to_string()),
            EngineError::Swap(_) => {
                Problem::new(StatusCode::CONFLICT, "PolicyRefused", error.to_string())
            }
            EngineError::Busy => {
                let many = StatusCode::TOO_MANY_REQUESTS;
                Problem::new(many, "Busy", error.to_string()).retry_after(BUSY_SECONDS)
            }
            EngineError::Forecast(_) => {
                Problem::new(StatusCode::CONFLICT, "CannotSimulate", error.to_string())
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = HeaderValue::from_static("application/problem+json");
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut answer = (status, [(header::CONTENT_TYPE, json)], body).into_response();
        if let Some(seconds) = self.retry_after {
            let headers = answer.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // `/hpc` writes it in its own way.
        answer.extensions_mut().insert(self);
        answer
    }
}
