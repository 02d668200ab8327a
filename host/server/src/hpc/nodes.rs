//! Nodes as the interface of 2019 has them: listed, counted, brought online and taken offline.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jobyard::kernel::{self, Command, JobId, Node, NodeState};
use serde::Serialize;

use super::answer::Answer;
use super::cluster::VERSION;
use super::operations::Operations;
use super::query::Query;
use crate::Problem;
use crate::app::App;
use crate::body::NamePath;
use crate::caller::{Caller, must_administer};

/// A node. What jobyard does not know of it is empty.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct NodeView {
    name: String,
    state: &'static str,
    health: &'static str,
    template: &'static str,
    location: &'static str,
    memory_size: u64,
    cores: u32,
    sockets: u32,
    hpc_pack_version: &'static str,
    on_azure: bool,
    groups: Vec<String>,
    roles: [&'static str; 1],
    installed_service_roles: [&'static str; 1],
    active_service_roles: [&'static str; 1],
}

/// How many nodes are so.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stat {
    name: &'static str,
    value: usize,
}

impl NodeView {
    fn of(node: &Node) -> NodeView {
        const ROLE: &str = "ComputeNode";
        NodeView {
            name: node.spec.name.clone(),
            state: state(node),
            health: health(node),
            template: "",
            location: "",
            memory_size: node.spec.memory_mb,
            cores: node.spec.cores,
            sockets: node.spec.sockets,
            hpc_pack_version: VERSION,
            on_azure: false,
            groups: node.spec.groups.clone(),
            roles: [ROLE],
            installed_service_roles: [ROLE],
            active_service_roles: [ROLE],
        }
    }
}

pub(super) fn state(node: &Node) -> &'static str {
    match node.state {
        NodeState::Offline => "Offline",
        NodeState::Draining => "Draining",
        NodeState::Online => "Online",
    }
}

/// One that was not heard of for too long is in error; jobyard knows of no other trouble.
pub(super) fn health(node: &Node) -> &'static str {
    match node.unreachable {
        false => "OK",
        true => "Error",
    }
}

pub(super) async fn list(
    State(app): State<App>,
    _: Caller,
    query: Query,
) -> Result<Answer, Problem> {
    let names = query.names("names");
    let jobs = query.ids("jobs")?;
    let text = |name| query.text(name).map(String::from);
    let (group, wanted_state, wanted_health) = (text("group"), text("state"), text("health"));
    let takes = move |node: &Node| {
        let is = |wanted: &Option<String>, value: &str| {
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
        };
        let named = |names: &Vec<String>| {
            names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&node.spec.name))
        };
        let runs = |jobs: &Vec<u32>| jobs.iter().any(|&job| node.jobs.contains(&JobId(job)));
        names.as_ref().is_none_or(named)
            && jobs.as_ref().is_none_or(runs)
            && group
                .as_ref()
                .is_none_or(|group| node.spec.groups.contains(group))
            && is(&wanted_state, state(node))
            && is(&wanted_health, health(node))
    };
    let look = move |state: &kernel::State, _: &_| {
        let nodes = state.nodes().filter(|node| takes(node));
        nodes.map(NodeView::of).collect::<Vec<_>>()
    };
    Ok(Answer::new("Node", app.engine.look(look).await?))
}

pub(super) async fn view(
    State(app): State<App>,
    _: Caller,
    NamePath(name): NamePath,
) -> Result<Answer, Problem> {
    let node = look_at(&app, name, NodeView::of).await?;
    Ok(Answer::new("Node", node))
}

/// Looks at a node.
pub(super) async fn look_at<T: Send + 'static>(
    app: &App,
    name: String,
    read: impl FnOnce(&Node) -> T + Send + 'static,
) -> Result<T, Problem> {
    let detail = format!("there is no node {name:?}");
    let look = move |state: &kernel::State, _: &_| state.node_by_name(&name).map(read);
    let found = app.engine.look(look).await?;
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "UnknownNode", detail))
}

pub(super) async fn states(State(app): State<App>, _: Caller) -> Result<Answer, Problem> {
    stats(&app, state).await
}

pub(super) async fn healths(State(app): State<App>, _: Caller) -> Result<Answer, Problem> {
    stats(&app, health).await
}

async fn stats(app: &App, of: fn(&Node) -> &'static str) -> Result<Answer, Problem> {
    let look = move |state: &kernel::State, _: &_| {
        let mut counts = BTreeMap::new();
        state
            .nodes()
            .for_each(|node| *counts.entry(of(node)).or_default() += 1);
        counts
    };
    let counts = app.engine.look(look).await?.into_iter();
    let stats: Vec<Stat> = counts.map(|(name, value)| Stat { name, value }).collect();
    Ok(Answer::new("Stat", stats))
}

/// What can be done with a node.
enum Operation {
    Set(NodeState, &'static str),
    /// Of machines, which jobyard neither starts nor stops.
    OfMachines,
}

/// Carried out when it is answered; 202 as HPC Pack answers.
pub(super) async fn operate(
    State(app): State<App>,
    Caller(by): Caller,
    Extension(operations): Extension<Operations>,
    Path((name, operation)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (state, title) = match named(&operation)? {
        Operation::Set(state, title) => (state, title),
        Operation::OfMachines => {
            must_administer(&by, "start and stop nodes")?;
            let detail = format!(
                "{operation}: jobyard does not start or stop machines; bringOnline and takeOffline say whether a node takes jobs"
            );
            return Err(Problem::new(
                StatusCode::NOT_IMPLEMENTED,
                "NotServed",
                detail,
            ));
        }
    };
    let node = look_at(&app, name.clone(), |node| node.id).await?;
    let set = Command::SetNodeState {
        by: by.clone(),
        node,
        state,
    };
    app.engine.command(set).await?;
    operations.happened(title, &by.name, &name);
    Ok(StatusCode::ACCEPTED)
}

fn named(operation: &str) -> Result<Operation, Problem> {
    match operation.to_ascii_lowercase().as_str() {
        "bringonline" => Ok(Operation::Set(NodeState::Online, "Bring node online")),
        // As HPC Pack does it: what runs may end, nothing new starts.
        "takeoffline" => Ok(Operation::Set(NodeState::Offline, "Take node offline")),
        "start" | "stop" | "reboot" | "shutdown" => Ok(Operation::OfMachines),
        _ => {
            let detail = format!(
                "{operation:?} is none of start, stop, reboot, shutdown, bringOnline and takeOffline"
            );
            Err(Problem::bad("UnknownOperation", detail))
        }
    }
}
