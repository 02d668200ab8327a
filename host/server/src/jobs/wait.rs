//! Waits for a job: a request that is answered when it has ended.

use std::time::Duration;

use axum::extract::State;
use jobyard::JobView;
use serde::{Deserialize, Serialize};

use super::seen;
use crate::Problem;
use crate::app::App;
use crate::body::{Asked, JobPath};
use crate::caller::Caller;

/// How long a request waits where its query does not say.
pub const WAIT_SECONDS_DEFAULT: u64 = 30;
/// How long a request waits at most; ask again.
pub const WAIT_SECONDS_MAX: u64 = 600;

/// The query of `GET /jobs/{id}/wait`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct WaitQuery {
    /// 0 to [`WAIT_SECONDS_MAX`], by default [`WAIT_SECONDS_DEFAULT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// The job as it is when it has ended, the time is over, or the daemon stops: its state says which.
pub(crate) async fn wait(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    Asked(query): Asked<WaitQuery>,
) -> Result<axum::Json<JobView>, Problem> {
    let seconds = query.seconds.unwrap_or(WAIT_SECONDS_DEFAULT);
    if seconds > WAIT_SECONDS_MAX {
        let detail = format!("seconds: {seconds} is not from 0 to {WAIT_SECONDS_MAX}");
        return Err(Problem::bad("BadQuery", detail));
    }
    tokio::select! {
        ended = app.engine.wait(id) => drop(ended?),
        () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
        () = app.stopping() => {}
    }
    seen(&app, &caller, id).await.map(axum::Json)
}
