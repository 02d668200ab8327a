//! `/api/v1/timeline` and `/api/v1/plan`: which job had which node in the recent past, and which will have it, for charts over time.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /timeline` | what jobs held of nodes since a time: [`TimelineQuery`], [`Timeline`] |
//! | `GET /plan` | which jobs start next, when and where, as the policy in force decides in virtual time: [`PlanQuery`], [`Outlook`] |
//!
//! A plan is made once for all who ask, and stands until something happens, for some seconds: `made_us` says since when.
//! The past is read out of the journal's latest events. Times are microseconds since 1970, as in explanations. Who does not see all jobs is shown their own.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jobyard::JobId;
use jobyard::kernel::{self, Event, Fact, Grant, NodeId, Timestamp};
use jobyard::sim::forecast::Outlook;
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::Asked;
use crate::caller::Caller;
use crate::past::look_back;

/// Events that are looked through: a timeline begins later where there are more.
pub const EVENTS_MAX: u64 = 50_000;
/// Pieces of work in one timeline; the latest are kept.
pub const SPANS_MAX: usize = 5_000;
/// How far back a timeline goes where the query does not say, in seconds.
pub const SECONDS_DEFAULT: u64 = 3_600;
/// How far back a timeline goes at most, in seconds.
pub const SECONDS_MAX: u64 = 7 * 86_400;
/// Starts of a plan where the query does not say.
pub const STARTS_DEFAULT: usize = 200;

/// The query of `GET /timeline`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct TimelineQuery {
    /// So far back: 1 to [`SECONDS_MAX`], by default [`SECONDS_DEFAULT`].
    #[param(minimum = 1, maximum = 604_800)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// The query of `GET /plan`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct PlanQuery {
    /// At most so many starts: 1 to 1,000, by default [`STARTS_DEFAULT`].
    #[param(minimum = 1, maximum = 1_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What jobs held of nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Timeline {
    /// What ended before is not here.
    pub from_us: u64,
    /// When it was made.
    pub now_us: u64,
    /// Earlier first.
    pub spans: Vec<NodeSpan>,
    /// Spans that were too many.
    pub left_out: u64,
}

/// What one job held of one node, from when to when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NodeSpan {
    /// The job.
    pub job: u32,
    /// Its name; empty where it has left memory.
    pub name: String,
    /// Whose it is, likewise.
    pub owner: String,
    /// Its state now, likewise.
    pub state: String,
    /// The node's name.
    pub node: String,
    /// Cores of it; 0 where that is not known.
    pub cores: u32,
    /// From when on.
    pub start_us: u64,
    /// Until when; none while it has them.
    pub end_us: Option<u64>,
    /// When its limit is over, while it runs and has one.
    pub limit_us: Option<u64>,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/timeline", get(timeline))
        .route("/plan", get(plan))
}

async fn timeline(
    State(app): State<App>,
    caller: Caller,
    Asked(query): Asked<TimelineQuery>,
) -> Result<Json<Timeline>, Problem> {
    let seconds = query.seconds.unwrap_or(SECONDS_DEFAULT);
    if !(1..=SECONDS_MAX).contains(&seconds) {
        let detail = format!("seconds: {seconds} is not from 1 to {SECONDS_MAX}");
        return Err(Problem::bad("BadQuery", detail));
    }
    let now = jiff::Timestamp::now().as_microsecond();
    let now = u64::try_from(now).unwrap_or_default();
    let from = Timestamp(now.saturating_sub(seconds * 1_000_000));
    let (from, held) = look_back(&app, move |past| {
        let first = past.first_at(from)?;
        let least = (past.last() + 1).saturating_sub(EVENTS_MAX);
        let (mut from, mut held) = (from, Held::default());
        past.events(first.max(least), |number, event| {
            if number == least && least > first {
                from = event.at;
            }
            held.note(event);
            true
        })?;
        Ok((from, held))
    })
    .await?;
    let look = move |state: &kernel::State, _: &_| held.timeline(state, &caller, from, now);
    Ok(Json(app.engine.look(look).await?))
}

async fn plan(
    State(app): State<App>,
    caller: Caller,
    Asked(query): Asked<PlanQuery>,
) -> Result<Json<Outlook>, Problem> {
    let limit = match query.limit {
        Some(limit) => crate::jobs::page_limit(Some(limit))?,
        None => STARTS_DEFAULT,
    };
    let mut plan = app.engine.outlook(limit).await?;
    if !sees_all(&caller) {
        plan.starts.retain(|start| start.owner == caller.0.name);
    }
    Ok(Json(plan))
}

fn sees_all(caller: &Caller) -> bool {
    caller.may_look_at_all("timeline").is_ok()
}

/// A piece of what a job has held.
#[derive(Debug)]
struct Piece {
    job: JobId,
    node: NodeId,
    cores: u32,
    /// None where the beginning is before the first event that was looked at.
    start: Option<Timestamp>,
    end: Timestamp,
}

/// What events say of who held what.
#[derive(Debug, Default)]
struct Held {
    /// What is held still: how many cores, and from when on.
    open: BTreeMap<(JobId, NodeId), (u32, Timestamp)>,
    closed: Vec<Piece>,
}

impl Held {
    fn note(&mut self, event: Event) {
        let at = event.at;
        if let Fact::JobStarted { job, grants } | Fact::JobGrown { job, grants } = event.fact {
            for Grant { node, cores, .. } in grants {
                let held = self.open.entry((job, node)).or_insert((0, at));
                held.0 += cores.len();
            }
        } else if let Fact::SharesFreed { job, nodes } = event.fact {
            for node in nodes {
                let held = self.open.remove(&(job, node));
                self.closed.push(Piece {
                    job,
                    node,
                    cores: held.map_or(0, |(cores, _)| cores),
                    start: held.map(|(_, start)| start),
                    end: at,
                });
            }
        }
    }

    /// As they may see it. What is held now is the state's to say, since when the events, as far as they reach back.
    fn timeline(
        self,
        state: &kernel::State,
        caller: &Caller,
        from: Timestamp,
        now: u64,
    ) -> Timeline {
        let mut spans = Vec::new();
        let past = self.closed.iter().filter(|piece| piece.end >= from);
        for piece in past {
            let job = state.job(piece.job);
            let may = job.map_or_else(|| sees_all(caller), |job| caller.sees(job));
            if may {
                // A job that was queued again has started since.
                let known = job.and_then(|job| job.times.started);
                let known = known.filter(|start| *start <= piece.end);
                let start = piece.start.or(known).unwrap_or(from);
                spans.push(NodeSpan {
                    cores: piece.cores,
                    start_us: start.0,
                    end_us: Some(piece.end.0),
                    ..span(state, piece.job, piece.node)
                });
            }
        }
        for node in state.nodes() {
            let jobs = node.jobs.iter().filter_map(|&id| state.job(id));
            for job in jobs.filter(|job| caller.sees(job)) {
                let start = self.open.get(&(job.id, node.id)).map(|held| held.1);
                let limit = job.times.started.zip(job.spec.runtime);
                spans.push(NodeSpan {
                    cores: job
                        .shares
                        .get(&node.id)
                        .map_or(0, |share| share.cores.len()),
                    start_us: start.or(job.times.started).unwrap_or(from).0,
                    limit_us: limit.map(|(start, limit)| (start + limit).0),
                    ..span(state, job.id, node.id)
                });
            }
        }
        let left_out = spans.len().saturating_sub(SPANS_MAX);
        // The earliest ends go first; what runs stays.
        spans.sort_by_key(|span| span.end_us.unwrap_or(u64::MAX));
        spans.drain(..left_out);
        spans.sort_by_key(|span| (span.start_us, span.job));
        Timeline {
            from_us: from.0,
            now_us: now,
            spans,
            left_out: left_out as u64,
        }
    }
}

/// What is known of a job and a node.
fn span(state: &kernel::State, id: JobId, node: NodeId) -> NodeSpan {
    let job = state.job(id);
    let named = state.node(node).map(|node| node.spec.name.clone());
    NodeSpan {
        job: id.0,
        name: job.map(|job| job.spec.name.clone()).unwrap_or_default(),
        owner: job.map(|job| job.spec.owner.clone()).unwrap_or_default(),
        state: job.map(|job| job.state().to_string()).unwrap_or_default(),
        node: named.unwrap_or_else(|| node.to_string()),
        ..NodeSpan::default()
    }
}
