//! `/api/v1/summary`: the whole cluster in some numbers, for pages that show where things stand and ask often.
//!
//! `GET /summary` answers a [`Summary`]. It costs no walk over the queue; `events` says whether anything has happened since the last time.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jobyard::Stats;
use jobyard::kernel::{self, NodeState};
use jobyard::{JobId, rfc3339};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::caller::Caller;

/// Where things stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Summary {
    /// The version of this program.
    pub version: String,
    /// The policy in force.
    pub policy: String,
    /// The number of the last event that is durable.
    pub events: u64,
    /// When this was (RFC 3339).
    pub at: String,
    /// Jobs in the queue, held ones too.
    pub queued: u64,
    /// Jobs that hold something of a node.
    pub running: u64,
    /// Jobs that have finished since the daemon started.
    pub finished: u64,
    /// Likewise, failed.
    pub failed: u64,
    /// Likewise, canceled.
    pub canceled: u64,
    /// Nodes.
    pub nodes: u64,
    /// Nodes that take jobs.
    pub nodes_online: u64,
    /// Nodes that are not heard of.
    pub nodes_unreachable: u64,
    /// Cores of nodes that take jobs.
    pub cores: u64,
    /// Of these, cores that no job holds.
    pub free_cores: u64,
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/", get(summary))
}

async fn summary(State(app): State<App>, _: Caller) -> Result<Json<Summary>, Problem> {
    let now = jiff::Timestamp::now().as_microsecond();
    let now = kernel::Timestamp(now.try_into().unwrap_or_default());
    let look = move |state: &kernel::State, stats: &Stats| Summary {
        at: rfc3339(now),
        ..summary_of(state, stats)
    };
    Ok(Json(app.engine.look(look).await?))
}

fn summary_of(state: &kernel::State, stats: &Stats) -> Summary {
    let mut summary = Summary {
        version: env!("CARGO_PKG_VERSION").into(),
        policy: stats.policy.clone(),
        events: stats.durable_events,
        queued: state.queue_length() as u64,
        running: running(state).len() as u64,
        finished: stats.jobs_finished,
        failed: stats.jobs_failed,
        canceled: stats.jobs_canceled,
        ..Summary::default()
    };
    for node in state.nodes() {
        summary.nodes += 1;
        summary.nodes_unreachable += u64::from(node.unreachable);
        if node.state == NodeState::Online && !node.unreachable {
            summary.nodes_online += 1;
            summary.cores += u64::from(node.spec.cores);
            summary.free_cores += u64::from(node.free.len());
        }
    }
    summary
}

/// Jobs that hold something of a node.
pub(crate) fn running(state: &kernel::State) -> BTreeSet<JobId> {
    state
        .nodes()
        .flat_map(|node| node.jobs.iter().copied())
        .collect()
}
