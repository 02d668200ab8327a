//! What a job says of nodes: whether it is well formed, names what is there, and leaves enough to run on.

use std::collections::BTreeSet;

use super::Invalid;
use super::form::check_chars;
use crate::limits::{LICENCES_CHARS_MAX, NODE_GROUP_CHARS_MAX, NODE_GROUPS_MAX, ORDER_BY_MAX};
use crate::{
    GroupOp, JobKind, JobSpec, NodeSpec, NodeState, OrderBy, Selector, State, Unit, licence,
};

/// Checks that need no cluster.
pub(super) fn check_selection(spec: &JobSpec) -> Result<(), Invalid> {
    check_groups("the job", &spec.node_groups)?;
    match spec.node_group_op {
        GroupOp::Intersect => {}
        op @ (GroupOp::Uniform | GroupOp::Union) if spec.node_groups.is_empty() => {
            return Err(Invalid::GroupOpWithoutGroups { op });
        }
        GroupOp::Uniform if spec.kind == JobKind::Command => {
            return Err(Invalid::UniformCommandJob);
        }
        GroupOp::Uniform | GroupOp::Union => {}
    }
    check_filter("memory in MiB", spec.memory_mb_min, spec.memory_mb_max)?;
    let (least, most) = (spec.cores_per_node_min, spec.cores_per_node_max);
    check_filter("cores", least.map(u64::from), most.map(u64::from))?;
    let order = &spec.order_by;
    let again = |(at, by): (usize, &OrderBy)| order[..at].iter().any(|b| b.property == by.property);
    if order.len() > ORDER_BY_MAX || order.iter().enumerate().any(again) {
        let count = order.len();
        return Err(Invalid::OrderBy { count });
    }
    match (spec.single_node, spec.unit, spec.min) {
        (true, Unit::Node, Some(min)) if min > 1 => return Err(Invalid::SingleNodeOfMany { min }),
        _ => {}
    }
    check_chars("the list of licences", &spec.licences, LICENCES_CHARS_MAX)?;
    licence::parse(&spec.licences).map(drop)
}

/// Checks the groups of a job or a node.
pub(crate) fn check_groups(what: &str, groups: &[String]) -> Result<(), Invalid> {
    if groups.len() > NODE_GROUPS_MAX {
        return Err(Invalid::TooManyNodeGroups {
            what: what.into(),
            count: groups.len(),
        });
    }
    let bad = |name: &&String| {
        let chars = name.trim().chars().count();
        !(1..=NODE_GROUP_CHARS_MAX).contains(&chars)
            || name.contains(|c: char| c == ',' || c.is_control())
    };
    match groups.iter().find(bad) {
        Some(name) => Err(Invalid::NodeGroupName { name: name.clone() }),
        None => Ok(()),
    }
}

fn check_filter(what: &str, least: Option<u64>, most: Option<u64>) -> Result<(), Invalid> {
    match (least, most) {
        (Some(least), Some(most)) if least > most => Err(Invalid::NodeFilter {
            what: what.into(),
            least,
            most,
        }),
        _ => Ok(()),
    }
}

/// Whether the cluster could ever give a job its minimum, and has the nodes and groups that it names. Skipped with
/// `DisableResourceValidation`: then the job waits for what is not there yet.
pub(super) fn check_feasible(state: &State, spec: &JobSpec, min: u32) -> Result<(), Invalid> {
    if state.parameters().disable_resource_validation {
        return Ok(());
    }
    check_names(state, spec)?;
    let unit = spec.unit;
    let selector = (!Selector::is_not_needed(spec)).then(|| Selector::of(spec));
    let selector = selector.as_ref();
    let nodes = || {
        let nodes = state.nodes().filter(|n| n.state != NodeState::Offline);
        nodes.filter(|n| selector.is_none_or(|selector| selector.allows(&n.spec)))
    };
    // Whether it is enough is known after a few nodes, for most jobs; how much there is is asked when it is not.
    let enough = |of: &dyn Fn(&NodeSpec) -> bool| {
        let mut wanted = min;
        nodes().filter(|n| of(&n.spec)).any(|n| {
            wanted = wanted.saturating_sub(unit.of_node(&n.spec));
            wanted == 0
        })
    };
    let sum = |of: &dyn Fn(&NodeSpec) -> bool| -> u64 {
        let units = |n: &crate::Node| u64::from(unit.of_node(&n.spec));
        nodes().filter(|n| of(&n.spec)).map(units).sum()
    };
    if !enough(&|_| true) {
        let units = sum(&|_| true);
        let nodes = match nodes().count() {
            1 => "node".to_string(),
            count => format!("{count} nodes"),
        };
        return Err(Invalid::NotEnoughUnits {
            unit,
            min,
            units,
            nodes,
        });
    }
    if spec.single_node && !nodes().any(|n| unit.of_node(&n.spec) >= min) {
        let largest = nodes().map(|n| unit.of_node(&n.spec)).max().unwrap_or(0);
        return Err(Invalid::NoNodeLargeEnough { unit, min, largest });
    }
    if let Some(groups) = selector.and_then(Selector::uniform_groups) {
        let is_in = |spec: &NodeSpec, group| spec.groups.contains(group);
        if !groups
            .iter()
            .any(|group| enough(&|spec| is_in(spec, group)))
        {
            let sizes = groups.iter().map(|group| sum(&|spec| is_in(spec, group)));
            let largest = sizes.max().unwrap_or(0);
            return Err(Invalid::NoGroupLargeEnough { unit, min, largest });
        }
    }
    Ok(())
}

/// Names shown in an error.
const SHOWN_MAX: usize = 10;

/// Whether the nodes and groups that a job names are there.
pub(super) fn check_names(state: &State, spec: &JobSpec) -> Result<(), Invalid> {
    if !spec.requested_nodes.is_empty() || !spec.excluded_nodes.is_empty() {
        let known: BTreeSet<&str> = state.nodes().map(|n| n.spec.name.as_str()).collect();
        let mut named = spec.requested_nodes.iter().chain(&spec.excluded_nodes);
        if let Some(name) = named.find(|name| !known.contains(name.as_str())) {
            return Err(unknown_node(state, name));
        }
    }
    if !spec.node_groups.is_empty() {
        let known = known_groups(state);
        let unknown = |name: &&String| !known.contains(name.as_str());
        if let Some(name) = spec.node_groups.iter().find(unknown) {
            return Err(unknown_group(name, &known));
        }
    }
    Ok(())
}

pub(super) fn unknown_node(state: &State, name: &str) -> Invalid {
    Invalid::UnknownNode {
        name: name.into(),
        // In the site's order.
        known: some(state.nodes().map(|n| n.spec.name.as_str())),
    }
}

pub(super) fn known_groups(state: &State) -> BTreeSet<&str> {
    let groups = state.nodes().flat_map(|n| &n.spec.groups);
    groups.map(String::as_str).collect()
}

pub(super) fn unknown_group(name: &str, known: &BTreeSet<&str>) -> Invalid {
    Invalid::UnknownNodeGroup {
        name: name.into(),
        known: some(known.iter().copied()),
    }
}

fn some<'a>(mut names: impl Iterator<Item = &'a str>) -> String {
    let mut shown: Vec<&str> = names.by_ref().take(SHOWN_MAX).collect();
    if names.next().is_some() {
        shown.push("…");
    }
    match shown.is_empty() {
        true => "none".into(),
        false => shown.join(", "),
    }
}
