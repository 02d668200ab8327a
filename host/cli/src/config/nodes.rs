//! The node pool of a configuration: which nodes there are, and what each of them has.
//!
//! All of them are on this machine, each with a process, a scratch folder and a data folder of its own; what a node says that
//! it has is what jobs are given of it, whatever the machine has.

use std::collections::BTreeSet;

use jobyard::kernel::{Command, NodeId, NodeSpec};
use jobyard::node::NodeProcess;
use jobyard::node::RunAs;
use jobyard::{Actor, Engine, LocalNode};
use jobyard_server::DataFolder;
use serde::Deserialize;

use super::{Config, tasks};
use crate::failure::Failure;

/// A node of the file. What it does not say is as this machine has it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Node {
    pub(crate) name: Option<String>,
    pub(crate) cores: Option<u32>,
    pub(crate) sockets: Option<u32>,
    pub(crate) gpus: Option<u32>,
    pub(crate) memory_mb: Option<u64>,
    /// Set at each start and with each reload; without it they stay as they are.
    pub(crate) groups: Option<Vec<String>>,
}

/// A node that says nothing.
pub(super) const THIS_MACHINE: Node = Node {
    name: None,
    cores: None,
    sockets: None,
    gpus: None,
    memory_mb: None,
    groups: None,
};

impl Node {
    /// The node where this is what the machine has.
    pub(super) fn over(&self, machine: NodeSpec) -> NodeSpec {
        NodeSpec {
            name: self.name.clone().unwrap_or(machine.name),
            cores: self.cores.unwrap_or(machine.cores),
            sockets: self.sockets.unwrap_or(machine.sockets),
            gpus: self.gpus.unwrap_or(machine.gpus),
            memory_mb: self.memory_mb.unwrap_or(machine.memory_mb),
            groups: self.groups.clone().unwrap_or(machine.groups),
        }
    }
}

/// A node to be served, and its process.
pub(crate) struct Wanted {
    pub(crate) spec: NodeSpec,
    pub(crate) process: NodeProcess,
}

/// What is wrong with the nodes by themselves; the kernel checks the rest as it adds them.
pub(super) fn check(nodes: &[Node]) -> Result<(), String> {
    let machine = LocalNode::this_machine("").spec.name;
    let mut names = BTreeSet::new();
    for node in nodes {
        let name = node.name.as_ref().unwrap_or(&machine);
        if name.contains('/') || name.starts_with('.') {
            return Err(format!(
                "node \"{name}\": it has a folder of this name, so there is no / in it and no . before it"
            ));
        }
        if !names.insert(name) {
            return Err(format!(
                "there are two nodes \"{name}\"; one without a name has this machine's"
            ));
        }
    }
    Ok(())
}

/// The nodes of a configuration, or this machine. The one that has this machine's name has its process where it has it without a configuration.
pub(crate) fn wanted(
    config: &Config,
    cores: Option<u32>,
    run_as: &RunAs,
    folder: &DataFolder,
) -> Result<Vec<Wanted>, Failure> {
    if cores.is_some() && !config.node.is_empty() {
        let text = "--cores: the configuration has [[node]]; say there how many cores each has";
        return Err(Failure::Input(text.into()));
    }
    let of_it = |node: Node| Node {
        cores: node.cores.or(cores),
        ..node
    };
    let nodes = config.pool().iter().cloned().map(of_it);
    nodes.map(|node| one(&node, run_as, folder)).collect()
}

fn one(node: &Node, run_as: &RunAs, folder: &DataFolder) -> Result<Wanted, Failure> {
    let machine = LocalNode::this_machine(folder.path());
    let is_machine = (node.name.as_ref()).is_none_or(|name| *name == machine.spec.name);
    let spec = node.over(machine.spec);
    let mut config = machine.config;
    config.name.clone_from(&spec.name);
    config.output_folder = folder.private("output").map_err(Failure::input)?;
    let (data, scratch) = match is_machine {
        true => (folder.path().to_path_buf(), "scratch".to_string()),
        false => {
            let data = folder.private(&format!("nodes/{}", spec.name));
            let scratch = format!("nodes/{}/scratch", spec.name);
            (data.map_err(Failure::input)?, scratch)
        }
    };
    config.scratch_root = folder.private(&scratch).map_err(Failure::input)?;
    config.run_as = run_as.clone();
    if let RunAs::Owner { .. } = run_as {
        let way = config.scratch_root.ancestors();
        let mut below = way.take_while(|above| above.starts_with(folder.path()));
        below.try_for_each(tasks::let_through)?;
    }
    Ok(Wanted {
        process: NodeProcess::new(data, config).map_err(Failure::input)?,
        spec,
    })
}

/// Puts nodes into the groups that a configuration says they are in.
pub(crate) async fn regroup(engine: &Engine, config: &Config) -> Result<(), Failure> {
    let machine = LocalNode::this_machine("").spec.name;
    for node in &config.node {
        let Some(groups) = node.groups.clone() else {
            continue;
        };
        let known = known(engine, node.name.as_ref().unwrap_or(&machine)).await?;
        if let Some((node, known)) = known.filter(|(_, known)| known.groups != groups) {
            let by = Actor::administrator("jobyard");
            let set = engine.command(Command::SetNodeGroups { by, node, groups });
            let refused = |error| Failure::Input(format!("node {}: {error}", known.name));
            set.await.map_err(refused)?;
        }
    }
    Ok(())
}

/// Nodes that are not what they are wanted to be, in words: one stays as it was added, and one that nobody wants any more is known.
pub(crate) async fn differing(engine: &Engine, nodes: &[Wanted]) -> Result<Vec<String>, Failure> {
    let mut differ = Vec::new();
    for node in nodes {
        let has = |spec: &NodeSpec| (spec.cores, spec.sockets, spec.gpus);
        let known = known(engine, &node.spec.name).await?;
        if let Some((_, known)) = known.filter(|(_, known)| has(known) != has(&node.spec)) {
            let (name, (cores, sockets, gpus)) = (&known.name, has(&known));
            differ.push(format!(
                "node {name} stays as it was added, with {cores} cores, {sockets} sockets and {gpus} GPUs; under another name it is added anew"
            ));
        }
    }
    let wanted: BTreeSet<String> = nodes.iter().map(|node| node.spec.name.clone()).collect();
    let others = engine.look(move |state, _| {
        let names = state.nodes().map(|node| node.spec.name.clone());
        names.filter(|name| !wanted.contains(name)).collect()
    });
    let others: Vec<String> = others.await.map_err(Failure::work)?;
    differ.extend(
        others.iter().map(|name| {
            format!("node {name} is not in the configuration any more: it takes no jobs")
        }),
    );
    Ok(differ)
}

/// The node of that name as the pool has it.
async fn known(engine: &Engine, name: &str) -> Result<Option<(NodeId, NodeSpec)>, Failure> {
    let name = name.to_string();
    let known = engine.look(move |state, _| {
        let known = state.node_by_name(&name);
        known.map(|known| (known.id, known.spec.clone()))
    });
    known.await.map_err(Failure::work)
}
