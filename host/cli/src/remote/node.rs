//! `jobyard node`.

use std::process::ExitCode;

use comfy_table::{Cell, CellAlignment, Table};
use jobyard_server::nodes::{GroupList, GroupView, NewGroups, NodeList, NodeView};
use serde_json::{Value, json};

use super::args::{NodeNames, NodeVerb};
use super::client::part;
use super::show::Shown;
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
                show::answer(args.form(), answer, |list: NodeList| nodes(&list.nodes))?;
                Ok(ExitCode::SUCCESS)
            }
            NodeVerb::View(args) => view(client, args).await,
            NodeVerb::Online(args) => set(client, "online", args).await,
            NodeVerb::Offline(args) => set(client, "offline", args).await,
            NodeVerb::Drain(args) => set(client, "drain", args).await,
            NodeVerb::Groups(args) => {
                let answer = client.get("/node-groups", ()).await?;
                show::answer(args.form(), answer, |list: GroupList| groups(&list.groups))?;
                Ok(ExitCode::SUCCESS)
            }
            NodeVerb::SetGroups(args) => {
                let (path, groups) = (format!("/nodes/{}/groups", part(&args.node)), args.groups);
                let answer = client.put(&path, NewGroups { groups }).await?;
                show::answer(args.show.form(), answer, |node: NodeView| nodes(&[node]))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn view(client: &Client, args: NodeNames) -> Result<ExitCode, Failure> {
    let mut found: Vec<Value> = Vec::new();
    for name in &args.names {
        found.push(client.get(&format!("/nodes/{}", part(name)), ()).await?);
    }
    let found = json!({ "nodes": found });
    show::answer(args.show.form(), found, |list: NodeList| {
        let all: Vec<String> = list.nodes.iter().map(detail).collect();
        Shown::from(nodes(&list.nodes)).saying(all.join("\n\n"))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// All of a node, a line each.
fn detail(node: &NodeView) -> String {
    let reached = match node.reachable {
        true => "",
        false => ", not heard of lately",
    };
    let jobs: Vec<String> = node.jobs.iter().map(u32::to_string).collect();
    let memory = match node.memory_mb {
        0 => "not known".into(),
        mb => format!("{mb} MiB"),
    };
    let lines = [
        ("", format!("node {}: {}{reached}", node.name, node.state)),
        ("id", node.id.to_string()),
        (
            "cores",
            format!("{}, {} of them free", node.cores, node.free_cores),
        ),
        ("sockets", node.sockets.to_string()),
        (
            "GPUs",
            format!("{}, {} of them free", node.gpus, node.free_gpus),
        ),
        ("memory", memory),
        ("groups", node.groups.join(", ")),
        ("jobs", jobs.join(", ")),
    ];
    let lines = lines.iter().filter(|(_, text)| !text.is_empty());
    let lines = lines.map(|(what, text)| match *what {
        "" => text.clone(),
        what => format!("{what:<12}{text}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// One after the other; the first that is refused ends it.
async fn set(client: &Client, verb: &str, args: NodeNames) -> Result<ExitCode, Failure> {
    let mut changed: Vec<Value> = Vec::new();
    for name in &args.names {
        let path = format!("/nodes/{}/{verb}", part(name));
        changed.push(client.post(&path, ()).await?);
    }
    let changed = json!({ "nodes": changed });
    show::answer(args.show.form(), changed, |list: NodeList| {
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
            table::state(&node.state),
            of(node.free_cores, node.cores),
            of(node.free_gpus, node.gpus),
            Cell::new(node.memory_mb).set_alignment(CellAlignment::Right),
            Cell::new(node.groups.join(", ")),
            Cell::new(format!("{}{more}", jobs.join(", "))),
        ]);
    }
    table
}
