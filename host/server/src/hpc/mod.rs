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
mod task_list;
mod task_properties;
mod tasks;
mod value;

use axum::extract::Extension;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use axum::{Router, middleware};

use crate::Problem;
use crate::app::App;
use query::Takes;

/// A path with one of its verbs.
struct Route {
    verb: &'static str,
    path: &'static str,
    /// Names in the query.
    takes: &'static [&'static str],
    answers: MethodRouter<App>,
}

const fn route(
    verb: &'static str,
    path: &'static str,
    takes: &'static [&'static str],
    answers: MethodRouter<App>,
) -> Route {
    Route {
        verb,
        path,
        takes,
        answers,
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
        route("GET", "/cluster/version", &[], get(cluster::version)),
        route(
            "GET",
            "/cluster/activeHeadNode",
            &[],
            get(cluster::head_node),
        ),
        route(
            "GET",
            "/cluster/info/dateTimeFormat",
            &[],
            get(cluster::time_format),
        ),
        route("GET", "/cluster/userRoles", &[], get(cluster::roles)),
        route(
            "GET",
            "/cluster/metrics/definitions",
            &[],
            get(metrics::definitions),
        ),
        route(
            "GET",
            "/cluster/metrics/history/{name}",
            BETWEEN,
            get(metrics::history),
        ),
        route("GET", "/cluster/metrics/jobs", &[], get(metrics::of_jobs)),
        route("GET", "/cluster/nodes", NODES, get(nodes::list)),
        route(
            "GET",
            "/cluster/nodes/metrics",
            &["metricNames"],
            get(metrics::of_nodes),
        ),
        route("GET", "/cluster/nodes/stats/state", &[], get(nodes::states)),
        route(
            "GET",
            "/cluster/nodes/stats/health",
            &[],
            get(nodes::healths),
        ),
        route("GET", "/cluster/nodes/{name}", &[], get(nodes::view)),
        route(
            "POST",
            "/cluster/nodes/{name}/operations/{operation}",
            &[],
            post(nodes::operate),
        ),
        route("GET", "/cluster/operations", LOG, get(operations::list)),
        route(
            "GET",
            "/cluster/operations/first",
            FIRST,
            get(operations::first),
        ),
        route("GET", "/cluster/operations/{id}", &[], get(operations::one)),
        route("GET", "/cluster/nodeGroups", &[], get(groups::list)),
        route("POST", "/cluster/nodeGroups", &[], post(groups::create)),
        route("GET", "/cluster/nodeGroups/{name}", &[], get(groups::one)),
        route(
            "PUT",
            "/cluster/nodeGroups/{name}",
            &[],
            put(groups::update),
        ),
        route(
            "DELETE",
            "/cluster/nodeGroups/{name}",
            &[],
            delete(groups::delete),
        ),
        route(
            "GET",
            "/cluster/nodeGroups/{name}/nodes",
            &[],
            get(groups::nodes),
        ),
        route(
            "PATCH",
            "/cluster/nodeGroups/{name}/nodes",
            &[],
            patch(groups::move_nodes),
        ),
        route("GET", "/nodes", OLD_NODES, get(old_nodes::list)),
        route("GET", "/nodes/{name}", &[], get(old_nodes::view)),
        route("GET", "/nodes/groups", &[], get(old_nodes::groups)),
        route("GET", "/nodes/groups/{name}", &[], get(groups::nodes)),
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
        route("GET", "/jobs", LIST, get(job_list::list)),
        route("POST", "/jobs", &[], post(jobs::create)),
        route("POST", "/jobs/jobFile", &[], post(jobs::create_of_xml)),
        route("GET", "/jobs/templates", &[], get(cluster::templates)),
        route("GET", "/jobs/{id}", PROPERTIES, get(jobs::view)),
        route("PUT", "/jobs/{id}", &[], put(jobs::change)),
        route(
            "GET",
            "/jobs/{id}/customProperties",
            NAMES,
            get(jobs::custom_properties),
        ),
        route(
            "POST",
            "/jobs/{id}/customProperties",
            &[],
            post(jobs::set_custom_properties),
        ),
        route(
            "GET",
            "/jobs/{id}/envVariables",
            NAMES,
            get(jobs::environment),
        ),
        route(
            "POST",
            "/jobs/{id}/envVariables",
            &[],
            post(jobs::set_environment),
        ),
        route("POST", "/jobs/{id}/submit", &[], post(jobs::submit)),
        route("POST", "/jobs/{id}/cancel", &["forced"], post(jobs::cancel)),
        route("POST", "/jobs/{id}/finish", &[], post(jobs::finish)),
        route("POST", "/jobs/{id}/requeue", &[], post(jobs::requeue)),
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
        route("GET", "/jobs/{id}/tasks", LIST, get(task_list::list)),
        route("POST", "/jobs/{id}/tasks", &[], post(tasks::add)),
        route(
            "GET",
            "/jobs/{id}/tasks/{task}",
            PROPERTIES,
            get(tasks::view),
        ),
        route("PUT", "/jobs/{id}/tasks/{task}", &[], put(tasks::change)),
        route(
            "GET",
            "/jobs/{id}/tasks/{task}/envVariables",
            NAMES,
            get(tasks::environment),
        ),
        route(
            "POST",
            "/jobs/{id}/tasks/{task}/envVariables",
            &[],
            post(tasks::set_environment),
        ),
        route(
            "POST",
            "/jobs/{id}/tasks/{task}/cancel",
            &["forced"],
            post(tasks::cancel),
        ),
        route(
            "POST",
            "/jobs/{id}/tasks/{task}/finish",
            &[],
            post(tasks::finish),
        ),
        route(
            "POST",
            "/jobs/{id}/tasks/{task}/requeue",
            &[],
            post(tasks::requeue),
        ),
        route(
            "GET",
            "/jobs/{id}/tasks/{task}/subtasks/{subtask}",
            PROPERTIES,
            get(tasks::view),
        ),
        route(
            "PUT",
            "/jobs/{id}/tasks/{task}/subtasks/{subtask}",
            &[],
            put(tasks::change),
        ),
        route(
            "POST",
            "/jobs/{id}/tasks/{task}/subtasks/{subtask}/cancel",
            &["forced"],
            post(tasks::cancel),
        ),
        route(
            "POST",
            "/jobs/{id}/tasks/{task}/subtasks/{subtask}/finish",
            &[],
            post(tasks::finish),
        ),
        route(
            "POST",
            "/jobs/{id}/tasks/{task}/subtasks/{subtask}/requeue",
            &[],
            post(tasks::requeue),
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
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(Extension(groups::Groups::default()))
        .layer(Extension(operations::Operations::default()))
        .layer(middleware::from_fn(answer::in_the_clients_language))
}

async fn unknown(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "UnknownRoute", detail)
}

async fn not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", detail)
}
