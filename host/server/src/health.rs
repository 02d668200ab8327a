//! Whether a daemon lives and is ready, and what it counts: `/livez`, `/readyz` and `/metrics`, for those who watch over it.
//!
//! | path | what |
//! |---|---|
//! | `GET /livez` | 200 as long as requests are answered at all |
//! | `GET /readyz` | 200 when the engine answers within two seconds and the daemon is not about to stop, else 503 `NotReady` |
//! | `GET /metrics` | numbers in the OpenMetrics text format, which Prometheus reads |
//!
//! The first two are for everybody who can connect, the numbers for everybody who is known: there is the name of the policy in them, and
//! nothing of any job. A number costs no walk over the jobs, so it may be asked for often.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jobyard::Stats;
use jobyard::kernel::{self, NodeState};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::Problem;
use crate::app::App;
use crate::caller::Caller;

/// How long a ready engine may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    let not = |detail: &str| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "NotReady", detail);
    if *app.stopping.borrow() {
        return Err(not("the daemon is about to stop"));
    }
    let answered = tokio::time::timeout(ANSWER_TIME_MAX, app.engine.stats()).await;
    match answered {
        Ok(Ok(_)) => Ok("ready\n"),
        Ok(Err(error)) => Err(not(&error.to_string())),
        Err(_) => Err(not("the engine has not answered within 2 s")),
    }
}

async fn metrics(State(app): State<App>, _: Caller) -> Result<Response, Problem> {
    let look = |state: &kernel::State, stats: &Stats| registry(state, stats);
    let registry = app.engine.look(look).await?;
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry);
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

/// What there is to tell.
fn registry(state: &kernel::State, stats: &Stats) -> Registry {
    let mut all = Registry::with_prefix("jobyard");
    let version = env!("CARGO_PKG_VERSION").to_string();
    let info = [("version", version), ("policy", stats.policy.clone())];
    let help = "The version, and the policy in force";
    all.register("build", help, Info::new(info));
    for (name, help, value) in counters(stats) {
        all.register(name, help, ConstCounter::new(value));
    }
    let help = "How long the passes of the policy in force took, in all";
    let took = ConstCounter::new(stats.pass_time.as_secs_f64());
    all.register_with_unit("passes_time", help, Unit::Seconds, took);
    all.register("jobs_ended", "Jobs that have ended, by how", ended(stats));
    all.register("nodes", "Nodes, by state", nodes(state));
    for (name, help, value) in gauges(state) {
        all.register(name, help, ConstGauge::new(value));
    }
    if let Some(bytes) = resident() {
        let help = "Memory that this process has of the machine's";
        all.register_with_unit("memory", help, Unit::Bytes, ConstGauge::new(bytes));
    }
    all
}

/// Name, help and value.
type Number<T> = (&'static str, &'static str, T);

#[rustfmt::skip]
fn counters(stats: &Stats) -> [Number<u64>; 10] {
    [
        ("attempts_dispatched", "Attempts of tasks that were sent to a node", stats.attempts_dispatched),
        ("attempts_ended", "Attempts that have ended", stats.attempts_ended),
        ("events", "Events that are durable, since the journal began", stats.durable_events),
        ("filter_faults", "Calls of job filters that failed", stats.filter_faults),
        ("jobs_started", "Starts of jobs; one that is queued again starts again", stats.jobs_started),
        ("jobs_submitted", "Jobs that were submitted", stats.jobs_submitted),
        ("passes", "Calls of the policy in force, and of those that were to come into force", stats.passes),
        ("policy_faults", "Calls of the policy in force that failed", stats.policy_faults),
        ("proposals_refused", "Proposals of policies that the kernel refused", stats.proposals_refused),
        ("stale_reports", "Reports of nodes on attempts that are not current", stats.stale_reports),
    ]
}

fn gauges(state: &kernel::State) -> [Number<i64>; 4] {
    let (mut cores, mut free) = (0, 0);
    for node in state.nodes() {
        cores += i64::from(node.spec.cores);
        free += i64::from(node.usable_cores());
    }
    let (live, queued) = (state.job_count() as i64, state.queue_length() as i64);
    let live_help = "Jobs in memory, the latest that have ended among them";
    [
        ("cores", "Cores of all nodes", cores),
        ("cores_free", "Cores that no job holds", free),
        ("jobs_live", live_help, live),
        ("jobs_queued", "Jobs in the queue, held ones too", queued),
    ]
}

fn ended(stats: &Stats) -> Family<[(&'static str, &'static str); 1], Counter> {
    let ended = Family::default();
    let states = [
        ("Finished", stats.jobs_finished),
        ("Failed", stats.jobs_failed),
        ("Canceled", stats.jobs_canceled),
    ];
    for (state, jobs) in states {
        let of_state: &Counter = &ended.get_or_create(&[("state", state)]);
        of_state.inc_by(jobs);
    }
    ended
}

fn nodes(state: &kernel::State) -> Family<[(&'static str, &'static str); 1], Gauge> {
    let nodes = Family::<_, Gauge>::default();
    for state in ["Online", "Draining", "Offline", "Unreachable"] {
        nodes.get_or_create(&[("state", state)]).set(0);
    }
    for node in state.nodes() {
        let is = match node.state {
            _ if node.unreachable => "Unreachable",
            NodeState::Online => "Online",
            NodeState::Draining => "Draining",
            NodeState::Offline => "Offline",
        };
        nodes.get_or_create(&[("state", is)]).inc();
    }
    nodes
}

/// None where the system does not say.
fn resident() -> Option<i64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as i64)
}
