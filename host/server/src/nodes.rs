//! `/api/v1/nodes`: the pool. Everybody may look; only administrators take nodes in and out.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /nodes` | all of them: [`NodeList`] |
//! | `GET /nodes/{name}` | one: [`NodeView`] |
//! | `POST /nodes/{name}/online` | it takes jobs again |
//! | `POST /nodes/{name}/drain` | it takes no new jobs; those that have it keep it |
//! | `POST /nodes/{name}/offline` | it leaves its jobs too, when what runs on it has ended |
//! | `PUT /nodes/{name}/groups` | the groups that it is in: [`NewGroups`] |
//! | `GET /node-groups` | the groups, with their nodes: [`GroupList`] |

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use jobyard::kernel::{Command, Node, NodeState};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{self, NamePath};
use crate::caller::Caller;

/// All nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NodeList {
    /// In the order in which they joined.
    pub nodes: Vec<NodeView>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NodeView {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Online, Draining or Offline.
    pub state: String,
    /// Whether it was heard of lately; without that it takes no jobs.
    pub reachable: bool,
    /// Cores that jobs may have.
    pub cores: u32,
    /// Cores that no job holds.
    pub free_cores: u32,
    /// Sockets that the cores are spread over.
    pub sockets: u32,
    /// GPUs.
    pub gpus: u32,
    /// GPUs that no job holds.
    pub free_gpus: u32,
    /// Memory in MiB; 0 when it is not known.
    pub memory_mb: u64,
    /// Groups that it is in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Jobs that hold part of it.
    pub jobs: Vec<u32>,
}

/// Which groups a node is in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroups {
    /// All of them.
    pub groups: Vec<String>,
}

/// All groups that nodes are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GroupList {
    /// By name.
    pub groups: Vec<GroupView>,
}

/// A node group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Its nodes.
    pub nodes: Vec<String>,
}

impl NodeView {
    fn of(node: &Node) -> NodeView {
        NodeView {
            id: node.id.0,
            name: node.spec.name.clone(),
            state: match node.state {
                NodeState::Offline => "Offline",
                NodeState::Draining => "Draining",
                NodeState::Online => "Online",
            }
            .into(),
            reachable: !node.unreachable,
            cores: node.spec.cores,
            free_cores: node.free.len(),
            sockets: node.spec.sockets,
            gpus: node.spec.gpus,
            free_gpus: node.free_gpus.len(),
            memory_mb: node.spec.memory_mb,
            groups: node.spec.groups.clone(),
            jobs: node.jobs.iter().map(|job| job.0).collect(),
        }
    }
}

pub(crate) fn routes() -> Router<App> {
    let mut routes = Router::new()
        .route("/", get(list))
        .route("/{name}", get(view))
        .route("/{name}/groups", put(set_groups));
    for (verb, wanted) in [
        ("online", NodeState::Online),
        ("drain", NodeState::Draining),
        ("offline", NodeState::Offline),
    ] {
        let set = move |app, caller, name| set(wanted, app, caller, name);
        routes = routes.route(&format!("/{{name}}/{verb}"), post(set));
    }
    routes
}

async fn list(State(app): State<App>, _: Caller) -> Result<Json<NodeList>, Problem> {
    let look = |state: &jobyard::kernel::State, _: &_| NodeList {
        nodes: state.nodes().map(NodeView::of).collect(),
    };
    Ok(Json(app.engine.look(look).await?))
}

async fn view(
    State(app): State<App>,
    _: Caller,
    NamePath(name): NamePath,
) -> Result<Json<NodeView>, Problem> {
    node(&app, &name, NodeView::of).await.map(Json)
}

async fn set(
    wanted: NodeState,
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<Json<NodeView>, Problem> {
    let node_id = node(&app, &name, |node| node.id).await?;
    let command = Command::SetNodeState {
        by: caller.0,
        node: node_id,
        state: wanted,
    };
    app.engine.command(command).await?;
    node(&app, &name, NodeView::of).await.map(Json)
}

pub(crate) fn group_routes() -> Router<App> {
    Router::new().route("/", get(list_groups))
}

async fn list_groups(State(app): State<App>, _: Caller) -> Result<Json<GroupList>, Problem> {
    let look = |state: &jobyard::kernel::State, _: &_| {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for node in state.nodes() {
            for group in &node.spec.groups {
                let nodes = groups.entry(group.clone()).or_default();
                nodes.push(node.spec.name.clone());
            }
        }
        let view = |(name, nodes)| GroupView { name, nodes };
        GroupList {
            groups: groups.into_iter().map(view).collect(),
        }
    };
    Ok(Json(app.engine.look(look).await?))
}

async fn set_groups(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
    body::Json(new): body::Json<NewGroups>,
) -> Result<Json<NodeView>, Problem> {
    let (by, node_id) = (caller.0, node(&app, &name, |node| node.id).await?);
    let command = Command::SetNodeGroups {
        by,
        node: node_id,
        groups: new.groups,
    };
    app.engine.command(command).await?;
    node(&app, &name, NodeView::of).await.map(Json)
}

async fn node<T: Send + 'static>(
    app: &App,
    name: &str,
    look: impl FnOnce(&Node) -> T + Send + 'static,
) -> Result<T, Problem> {
    let wanted = name.to_string();
    let found = app
        .engine
        .look(move |state, _| state.node_by_name(&wanted).map(look))
        .await?;
    found.ok_or_else(|| {
        let detail = format!("there is no node {name:?}");
        Problem::new(StatusCode::NOT_FOUND, "UnknownNode", detail)
    })
}
