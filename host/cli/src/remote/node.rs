//! `jobyard node`.

use std::process::ExitCode;

use comfy_table::{Cell, CellAlignment, Table};
use jobyard_server::nodes::{GroupList, GroupView, NewGroups, NodeList, NodeView};
use serde_json::{Value, json};

use super::args::{NodeNames, NodeVerb};
use super::client::part;
use super::{Client, show};
use crate::failure::Failure;
use crate::table;

/// What a verb does.
pub(crate) fn run(verb: NodeVerb) -> impl AsyncFnOnce(Client) -> Result<ExitCode, Failure> {
    async move |client| {
        let client = &client;
        match verb {
            NodeVerb::List(args) => {
                let answer = client.get("/nodes", ()).await?;
                show::answer(args.format, answer, |list: NodeList| nodes(&list.nodes))?;
                Ok(ExitCode::SUCCESS)
            }
            NodeVerb::Online(args) => set(client, "online", args).await,
            NodeVerb::Offline(args) => set(client, "offline", args).await,
            NodeVerb::Drain(args) => set(client, "drain", args).await,
            NodeVerb::Groups(args) => {
                let answer = client.get("/node-groups", ()).await?;
                show::answer(args.format, answer, |list: GroupList| groups(&list.groups))?;
                Ok(ExitCode::SUCCESS)
            }
            NodeVerb::SetGroups(args) => {
                let (path, groups) = (format!("/nodes/{}/groups", part(&args.node)), args.groups);
                let answer = client.put(&path, NewGroups { groups }).await?;
                show::answer(args.show.format, answer, |node: NodeView| nodes(&[node]))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// One after the other; the first that is refused ends it.
async fn set(client: &Client, verb: &str, args: NodeNames) -> Result<ExitCode, Failure> {
    let mut changed: Vec<Value> = Vec::new();
    for name in &args.names {
        let path = format!("/nodes/{}/{verb}", part(name));
        changed.push(client.post(&path, ()).await?);
    }
    let changed = json!({ "nodes": changed });
    show::answer(args.show.format, changed, |list: NodeList| {
        nodes(&list.nodes)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn groups(groups: &[GroupView]) -> Table {
    let mut table = table::new(&["group", "nodes"]);
    for group in groups {
        table.add_row([group.name.clone(), group.nodes.join(", ")]);
    }
    table
}

fn nodes(nodes: &[NodeView]) -> Table {
    let mut table = table::new(&[
        "node",
        "state",
        "free cores",
        "free GPUs",
        "memory MiB",
        "groups",
        "jobs",
    ]);
    for node in nodes {
        let of = |free: u32, all: u32| {
            Cell::new(format!("{free} of {all}")).set_alignment(CellAlignment::Right)
        };
        let jobs: Vec<String> = node.jobs.iter().take(8).map(u32::to_string).collect();
        let more = node.jobs.len().saturating_sub(jobs.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        table.add_row([
            Cell::new(&node.name),
            Cell::new(&node.state),
            of(node.free_cores, node.cores),
            of(node.free_gpus, node.gpus),
            Cell::new(node.memory_mb).set_alignment(CellAlignment::Right),
            Cell::new(node.groups.join(", ")),
            Cell::new(format!("{}{more}", jobs.join(", "))),
        ]);
    }
    table
}
