//! `/api/v1/jobs`: jobs as they are, added, and told what to do.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /jobs` | a page of jobs: [`ListQuery`], [`JobPage`] |
//! | `POST /jobs` | adds what the body, a job file, asks for: [`AddQuery`]; JSON may be a list of jobs |
//! | `POST /jobs/submit`, `cancel`, `finish`, `requeue`, `configure` | many in one call, with one answer each: [`Order`], [`Answers`] |
//! | `GET /jobs/{id}` | a job, without its tasks |
//! | `GET /jobs/{id}/explain` | where it stands, when it starts, what would make it start sooner: [`Explanation`] |
//! | `PATCH /jobs/{id}` | changes what it asks for: the keys of a JSON job file that are to be otherwise, null for what it would be anyway |
//! | `GET /jobs/{id}/file` | it, with its tasks, as a job file: [`FileQuery`] |
//! | `POST /jobs/{id}/purge` | forgets an ended job before its time |
//! | `POST /jobs/purge` | forgets all that ended before a time: [`Purge`] |
//! | `DELETE /jobs/{id}` | takes a job away that was never submitted |
//! | `POST /jobs/{id}/submit`, `cancel`, `finish`, `requeue`, `configure` | one job: [`Words`]; answers the job |
//! | `POST /jobs/{id}/clone` | adds a copy, and answers it |
//! | `PUT /jobs/{id}/hold` | not to start before: [`Hold`] |
//! | `DELETE /jobs/{id}/hold` | may start again |
//! | `GET /jobs/{id}/wait` | answers when the job has ended or the time is over: [`WaitQuery`] |

mod act;
mod add;
mod edit;
mod list;
mod wait;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn;
use axum::routing::{get, post, put};
use jobyard::kernel::Job;
use jobyard::policies::Explanation;
use jobyard::{JobId, JobView};

use act::Act;
pub use act::{Answer, Answers, JOBS_PER_CALL_MAX, Order, Words};
pub use add::AddQuery;
pub(crate) use add::{bad_file, check_folder, read_text, run_in};
pub(crate) use edit::only_json;
pub use edit::{FileQuery, Hold, Purge};
pub(crate) use list::page_limit;
pub use list::{JobPage, ListQuery, PAGE_DEFAULT, PAGE_MAX};
pub use wait::{WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX, WaitQuery};

use crate::Problem;
use crate::app::App;
use crate::body::JobPath;
use crate::caller::Caller;
use crate::keys::{self, Told};

pub(crate) fn routes() -> Router<App> {
    let mut routes = Router::new()
        .route("/", get(list::list).post(add::add))
        .route("/{id}", get(view).patch(edit::modify).delete(edit::delete))
        .route("/{id}/explain", get(explain))
        .route("/{id}/file", get(edit::file))
        .route("/{id}/purge", post(edit::purge))
        .route("/purge", post(edit::purge_many))
        .route("/{id}/clone", post(edit::copy))
        .route("/{id}/hold", put(edit::hold).delete(edit::unhold))
        .route("/{id}/wait", get(wait::wait));
    for (verb, act) in [
        ("submit", Act::Submit),
        ("cancel", Act::Cancel),
        ("finish", Act::Finish),
        ("requeue", Act::Requeue),
        ("configure", Act::Configure),
    ] {
        let many = move |app, caller, key, order| act::many(act, app, caller, key, order);
        let one = move |app, caller, key, id, words| act::one(act, app, caller, key, id, words);
        routes = routes
            .route(&format!("/{verb}"), post(many))
            .route(&format!("/{{id}}/{verb}"), post(one));
    }
    routes.route_layer(from_fn(keys::take))
}

async fn view(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
) -> Result<axum::Json<JobView>, Problem> {
    seen(&app, &caller, id).await.map(axum::Json)
}

async fn explain(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
) -> Result<axum::Json<Explanation>, Problem> {
    let looker = caller.clone();
    let may = move |_: &_, job: &Job| looker.may_look_at(job, "the outlook");
    app.job(id, may).await??;
    Ok(axum::Json(app.engine.explain(id).await?))
}

/// 201 with a job that was made, and its place.
pub(crate) fn created(view: JobView) -> Result<Told<JobView>, Problem> {
    let place = format!("/api/v1/jobs/{}", view.id);
    Ok(Told::created(Some(place), view))
}

/// A job without its tasks, as the caller may see it.
pub(crate) async fn seen(app: &App, caller: &Caller, id: JobId) -> Result<JobView, Problem> {
    let view = app.job(id, JobView::without_tasks).await?;
    Ok(caller.limited(view))
}
