//! `/hpc`: the REST interface of HPC Pack 2016 and 2019, so that its clients work with jobyard as they are.
//!
//! What it is not: a place for rules. It is an adapter over the same commands and looks as `/api/v1`; who may do and see what is as there.
//! Clients say properties by HPC Pack's names, in any case, as pairs; answers are JSON or XML as they accept it. Every path, verb and parameter
//! is in [`table`], and with its test in `docs/hpc-rest.md`, which a test keeps so. Called by `app`.

mod answer;
mod cluster;
#[cfg(test)]
mod documented;
mod fault;
mod filter;
#[cfg(test)]
mod fuzz;
mod groups;
mod job_list;
mod job_properties;
mod jobs;
mod metrics;
mod nodes;
mod old_nodes;
mod operations;
mod output;
mod paging;
mod pairs;
mod property;
mod query;
#[cfg(test)]
mod seen;
mod task_list;
mod task_properties;
mod tasks;
mod value;

use axum::extract::Extension;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Router, middleware};

use crate::app::{App, not_allowed, unknown};
use crate::caller::Caller;
use query::Takes;

/// A path with one of its verbs.
struct Route {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by the test of the documentation")
    )]
    verb: MethodFilter,
    path: &'static str,
    /// Names in the query.
    takes: &'static [&'static str],
    answers: MethodRouter<App>,
}

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const PUT: MethodFilter = MethodFilter::PUT;
const PATCH: MethodFilter = MethodFilter::PATCH;
const DELETE: MethodFilter = MethodFilter::DELETE;

fn route<H: Handler<T, App>, T: 'static>(
    verb: MethodFilter,
    path: &'static str,
    takes: &'static [&'static str],
    handler: H,
) -> Route {
    Route {
        verb,
        path,
        takes,
        answers: on(verb, handler),
    }
}

/// Everything below `/hpc`.
fn table() -> Vec<Route> {
    let mut table = of_the_cluster();
    table.extend(of_jobs());
    table.extend(of_tasks());
    table
}

fn of_the_cluster() -> Vec<Route> {
    const BETWEEN: &[&str] = &["fromTime", "toTime"];
    const NODES: &[&str] = &["names", "jobs", "group", "state", "health"];
    const LOG: &[&str] = &["fromTime", "toTime", "limit", "nodeNames", "withDetail"];
    const FIRST: &[&str] = &["fromTime", "toTime", "nodeNames"];
    const OLD_NODES: &[&str] = &[
        "$filter",
        "properties",
        "sortNodesBy",
        "asc",
        "startRow",
        "rowsPerRead",
        "queryId",
    ];
    vec![
        route(GET, "/cluster/version", &[], cluster::version),
        route(GET, "/cluster/activeHeadNode", &[], cluster::head_node),
        route(
            GET,
            "/cluster/info/dateTimeFormat",
            &[],
            cluster::time_format,
        ),
        route(GET, "/cluster/userRoles", &[], cluster::roles),
        route(
            GET,
            "/cluster/metrics/definitions",
            &[],
            metrics::definitions,
        ),
        route(
            GET,
            "/cluster/metrics/history/{name}",
            BETWEEN,
            metrics::history,
        ),
        route(GET, "/cluster/metrics/jobs", &[], metrics::of_jobs),
        route(GET, "/cluster/nodes", NODES, nodes::list),
        route(
            GET,
            "/cluster/nodes/metrics",
            &["metricNames"],
            metrics::of_nodes,
        ),
        route(GET, "/cluster/nodes/stats/state", &[], nodes::states),
        route(GET, "/cluster/nodes/stats/health", &[], nodes::healths),
        route(GET, "/cluster/nodes/{name}", &[], nodes::view),
        route(
            POST,
            "/cluster/nodes/{name}/operations/{operation}",
            &[],
            nodes::operate,
        ),
        route(GET, "/cluster/operations", LOG, operations::list),
        route(GET, "/cluster/operations/first", FIRST, operations::first),
        route(GET, "/cluster/operations/{id}", &[], operations::one),
        route(GET, "/cluster/nodeGroups", &[], groups::list),
        route(POST, "/cluster/nodeGroups", &[], groups::create),
        route(GET, "/cluster/nodeGroups/{name}", &[], groups::one),
        route(PUT, "/cluster/nodeGroups/{name}", &[], groups::update),
        route(DELETE, "/cluster/nodeGroups/{name}", &[], groups::delete),
        route(GET, "/cluster/nodeGroups/{name}/nodes", &[], groups::nodes),
        route(
            PATCH,
            "/cluster/nodeGroups/{name}/nodes",
            &[],
            groups::move_nodes,
        ),
        route(GET, "/nodes", OLD_NODES, old_nodes::list),
        route(GET, "/nodes/{name}", &[], old_nodes::view),
        route(GET, "/nodes/groups", &[], old_nodes::groups),
        route(GET, "/nodes/groups/{name}", &[], groups::nodes),
    ]
}

fn of_jobs() -> Vec<Route> {
    const LIST: &[&str] = &[
        "nodeNames",
        "properties",
        "owner",
        "$filter",
        "sortJobsBy",
        "asc",
        "startRow",
        "rowsPerRead",
        "queryId",
    ];
    const PROPERTIES: &[&str] = &["properties"];
    const NAMES: &[&str] = &["names"];
    vec![
        route(GET, "/jobs", LIST, job_list::list),
        route(POST, "/jobs", &[], jobs::create),
        route(POST, "/jobs/jobFile", &[], jobs::create_of_xml),
        route(GET, "/jobs/templates", &[], cluster::templates),
        route(GET, "/jobs/{id}", PROPERTIES, jobs::view),
        route(PUT, "/jobs/{id}", &[], jobs::change),
        route(
            GET,
            "/jobs/{id}/customProperties",
            NAMES,
            jobs::custom_properties,
        ),
        route(
            POST,
            "/jobs/{id}/customProperties",
            &[],
            jobs::set_custom_properties,
        ),
        route(GET, "/jobs/{id}/envVariables", NAMES, jobs::environment),
        route(POST, "/jobs/{id}/envVariables", &[], jobs::set_environment),
        route(POST, "/jobs/{id}/submit", &[], jobs::submit),
        route(POST, "/jobs/{id}/cancel", &["forced"], jobs::cancel),
        route(POST, "/jobs/{id}/finish", &[], jobs::finish),
        route(POST, "/jobs/{id}/requeue", &[], jobs::requeue),
    ]
}

fn of_tasks() -> Vec<Route> {
    const LIST: &[&str] = &[
        "properties",
        "expandParametric",
        "$filter",
        "sortTasksBy",
        "asc",
        "startRow",
        "rowsPerRead",
        "queryId",
    ];
    const PROPERTIES: &[&str] = &["properties"];
    const NAMES: &[&str] = &["names"];
    vec![
        route(GET, "/jobs/{id}/tasks", LIST, task_list::list),
        route(POST, "/jobs/{id}/tasks", &[], tasks::add),
        route(GET, "/jobs/{id}/tasks/{task}", PROPERTIES, tasks::view),
        route(PUT, "/jobs/{id}/tasks/{task}", &[], tasks::change),
        route(
            GET,
            "/jobs/{id}/tasks/{task}/customProperties",
            NAMES,
            tasks::custom_properties,
        ),
        route(
            POST,
            "/jobs/{id}/tasks/{task}/customProperties",
            &[],
            tasks::set_custom_properties,
        ),
        route(
            GET,
            "/jobs/{id}/tasks/{task}/envVariables",
            NAMES,
            tasks::environment,
        ),
        route(
            POST,
            "/jobs/{id}/tasks/{task}/envVariables",
            &[],
            tasks::set_environment,
        ),
        route(
            POST,
            "/jobs/{id}/tasks/{task}/cancel",
            &["forced"],
            tasks::cancel,
        ),
        route(POST, "/jobs/{id}/tasks/{task}/finish", &[], tasks::finish),
        route(POST, "/jobs/{id}/tasks/{task}/requeue", &[], tasks::requeue),
        route(
            GET,
            "/jobs/{id}/tasks/{task}/subtasks/{subtask}",
            PROPERTIES,
            tasks::view,
        ),
        route(
            PUT,
            "/jobs/{id}/tasks/{task}/subtasks/{subtask}",
            &[],
            tasks::change,
        ),
        route(
            POST,
            "/jobs/{id}/tasks/{task}/subtasks/{subtask}/cancel",
            &["forced"],
            tasks::cancel,
        ),
        route(
            POST,
            "/jobs/{id}/tasks/{task}/subtasks/{subtask}/finish",
            &[],
            tasks::finish,
        ),
        route(
            POST,
            "/jobs/{id}/tasks/{task}/subtasks/{subtask}/requeue",
            &[],
            tasks::requeue,
        ),
    ]
}

/// The routes, below `/hpc`.
pub(crate) fn routes() -> Router<App> {
    let mut routes = Router::new();
    for Route {
        path,
        takes,
        answers,
        ..
    } in table()
    {
        routes = routes.route(path, answers.layer(Extension(Takes(takes))));
    }
    routes
        // Nobody gets past who has not said who they are.
        .route_layer(middleware::from_extractor::<Caller>())
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(Extension(groups::Groups::default()))
        .layer(Extension(operations::Operations::default()))
        .layer(middleware::from_fn(answer::in_the_clients_language))
}
