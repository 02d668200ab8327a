//! The routes, and what all of them share.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware;
use jobyard::kernel::{Job, State};
use jobyard::{Engine, JobId};
use tokio::sync::watch;

use crate::auth::Gate;
use crate::caller::Caller;
use crate::{
    Problem, environment, events, filters, health, hpc, job_events, jobs, nodes, openapi, page,
    parameters, plugins, policies, queue, session, simulation, summary, tasks, templates, timeline,
    tokens, users,
};

/// What all requests share.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) engine: Engine,
    /// Where the journal is.
    pub(crate) folder: Arc<Path>,
    /// The nodes of this host, whose output is at hand.
    pub(crate) local_nodes: Arc<[String]>,
    /// Becomes true when the daemon is to stop: who waits for something is answered with what there is.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Who is let in over the network.
    pub(crate) gate: Arc<Gate>,
}

impl App {
    /// Looks at a job, which may be one of history. Everything that shows one job comes through here.
    pub(crate) async fn job<T: Send + 'static>(
        &self,
        id: JobId,
        read: impl Fn(&State, &Job) -> T + Send + Clone + 'static,
    ) -> Result<T, Problem> {
        loop {
            let live = read.clone();
            let live = move |state: &State, _: &_| state.job(id).map(|job| live(state, job));
            if let Some(seen) = self.engine.look(live).await? {
                return Ok(seen);
            }
            // What a look shows is durable, so a job that has left memory is in history.
            if let Some(record) = self.engine.record(id).await? {
                let look = move |state: &State, _: &_| read(state, &record.job);
                return Ok(self.engine.look(look).await?);
            }
            // It may have been brought back in between.
            let is_live = move |state: &State, _: &_| state.job(id).is_some();
            if !self.engine.look(is_live).await? {
                return Err(Problem::unknown_job(id));
            }
        }
    }

    /// Returns when the daemon is to stop.
    pub(crate) async fn stopping(&self) {
        let mut stopping = self.stopping.clone();
        // An error means that the sender is gone, and the daemon with it.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}

/// All routes.
pub(crate) fn routes(app: App) -> Router {
    let v1 = Router::new()
        .nest(
            "/jobs",
            jobs::routes()
                .merge(tasks::routes())
                .merge(job_events::routes()),
        )
        .nest("/nodes", nodes::routes())
        .nest("/node-groups", nodes::group_routes())
        .nest("/parameters", parameters::routes())
        .nest("/policies", policies::routes())
        .nest("/policy", policies::seat_routes())
        .nest("/filters", filters::routes())
        .nest("/plugins", plugins::routes())
        .nest("/templates", templates::routes())
        .nest("/environment", environment::routes())
        .nest("/events", events::routes())
        .nest("/tokens", tokens::routes())
        .nest("/users", users::routes())
        .nest("/summary", summary::routes())
        .merge(queue::routes())
        .merge(timeline::routes())
        .merge(simulation::routes())
        .route_layer(middleware::from_extractor::<Caller>())
        .nest("/session", session::routes())
        .merge(openapi::routes());
    Router::new()
        .nest("/api/v1", v1)
        .nest("/hpc", hpc::routes())
        .merge(health::routes())
        .merge(page::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .with_state(app)
}

pub(crate) async fn unknown(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "UnknownRoute", detail)
}

pub(crate) async fn not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", detail)
}
