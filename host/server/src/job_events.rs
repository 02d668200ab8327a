//! `/api/v1/jobs/{id}/events`: what has happened to one job, a page at a time.
//!
//! `GET /jobs/{id}/events` answers a [`EventPage`]: [`EventsOfJob`]. What happens from then on comes with `GET /events?job=ID&after=N`, where N is the
//! last page's `next`. For those who see all of the job.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jobyard::JobId;
use jobyard::kernel::Job;
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{Asked, JobPath};
use crate::caller::Caller;
use crate::events::Happened;
use crate::jobs::page_limit;
use crate::past::look_back;

/// Events of the journal that are looked through for one page: what is of other jobs is between those of this one.
pub const LOOKED_THROUGH_MAX: u64 = 20_000;

/// The query of `GET /jobs/{id}/events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct EventsOfJob {
    /// Only those with a larger number: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// As for jobs.
    #[param(minimum = 1, maximum = 1_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Some events of a job, the oldest first. What a compaction has dropped is not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventPage {
    /// The events; none need be in a page that is not the last.
    pub events: Vec<Happened>,
    /// The number up to which was looked: the `after` of the next page.
    pub next: u64,
    /// That was all, up to now.
    pub complete: bool,
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/{id}/events", get(events))
}

async fn events(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    Asked(query): Asked<EventsOfJob>,
) -> Result<Json<EventPage>, Problem> {
    let limit = page_limit(query.limit)?;
    let added = move |_: &_, job: &Job| {
        caller.may_look_at(job, "the events")?;
        Ok::<_, Problem>(job.times.created)
    };
    let added = app.job(id, added).await??;
    let page = look_back(&app, move |past| {
        let from = match query.after {
            Some(after) => after.saturating_add(1),
            None => past.first_at(added)?,
        };
        let mut page = EventPage::default();
        let to = from.saturating_add(LOOKED_THROUGH_MAX);
        page.next = past.events(from, |number, event| {
            if is_of(id, &event) {
                page.events.push(Happened::of(number, &event));
            }
            page.events.len() < limit && number + 1 < to
        })?;
        page.complete = page.next >= past.last();
        Ok(page)
    });
    Ok(Json(page.await?))
}

fn is_of(id: JobId, event: &jobyard::kernel::Event) -> bool {
    event.fact.job() == Some(id)
}
