//! `/api/v1/queue` and `/api/v1/running`: any part of the queue, and of the jobs that run, by place; for tables that show some rows of many.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /queue` | jobs in queue order, held ones too: [`PartQuery`], [`Part`] |
//! | `GET /running` | jobs that hold something of a node, the one that was added last first: the same |
//!
//! Unlike `GET /jobs`, whose pages follow each other and leave nothing out, this shows one moment: a job may have another place the next time.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jobyard::JobView;
use jobyard::kernel;
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::Asked;
use crate::caller::Caller;
use crate::jobs::page_limit;
use crate::summary::running;

/// The query of `GET /queue` and `GET /running`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct PartQuery {
    /// So many jobs are skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u32>,
    /// As for jobs.
    #[param(minimum = 1, maximum = 1_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Some of the jobs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Part {
    /// All that there are.
    pub total: u64,
    /// The place of the first one here, from 0.
    pub offset: u32,
    /// Without their tasks.
    pub jobs: Vec<JobView>,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/queue", get(queue))
        .route("/running", get(run))
}

async fn queue(
    State(app): State<App>,
    caller: Caller,
    Asked(query): Asked<PartQuery>,
) -> Result<Json<Part>, Problem> {
    let (offset, limit) = (query.offset.unwrap_or(0), page_limit(query.limit)?);
    let look = move |state: &kernel::State, _: &_| {
        let jobs = state.queue().skip(offset as usize).take(limit);
        Part {
            total: state.queue_length() as u64,
            offset,
            jobs: jobs.map(|job| JobView::without_tasks(state, job)).collect(),
        }
    };
    let part = app.engine.look(look).await?;
    Ok(Json(limited(part, &caller)))
}

async fn run(
    State(app): State<App>,
    caller: Caller,
    Asked(query): Asked<PartQuery>,
) -> Result<Json<Part>, Problem> {
    let (offset, limit) = (query.offset.unwrap_or(0), page_limit(query.limit)?);
    let look = move |state: &kernel::State, _: &_| {
        let all = running(state);
        let here = all.iter().rev().skip(offset as usize).take(limit);
        let jobs = here.filter_map(|&id| state.job(id));
        Part {
            total: all.len() as u64,
            offset,
            jobs: jobs.map(|job| JobView::without_tasks(state, job)).collect(),
        }
    };
    let part = app.engine.look(look).await?;
    Ok(Json(limited(part, &caller)))
}

fn limited(part: Part, caller: &Caller) -> Part {
    let jobs = part.jobs.into_iter().map(|job| caller.limited(job));
    Part {
        jobs: jobs.collect(),
        ..part
    }
}
