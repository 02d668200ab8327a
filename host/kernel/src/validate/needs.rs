//! Checks of what tasks ask of certain nodes: nodes that they require, node groups that they want to run in (reference 5.1, 6.5).

use std::collections::{BTreeMap, BTreeSet};

use super::Invalid;
use super::selection::{check_groups, known_groups, unknown_node};
use crate::{GroupOp, JobKind, JobSpec, Node, NodeState, Selector, State, TaskSpec};

/// Checks that need no cluster.
pub(super) fn check_needs_form(
    job: &JobSpec,
    tasks: &[impl AsRef<TaskSpec>],
) -> Result<(), Invalid> {
    if !certain_nodes_are_needed(tasks) {
        return Ok(());
    }
    let mut all: BTreeSet<&str> = BTreeSet::new();
    let mut grouped = None;
    for (task, spec) in (1..).zip(tasks.iter().map(AsRef::as_ref)) {
        if let Some(group) = &spec.node_group {
            check_groups(&format!("task {task}"), std::slice::from_ref(group))?;
            if !job.node_groups.is_empty() {
                return Err(Invalid::TaskGroupInJobGroups { task });
            }
            grouped = grouped.or(Some(task));
        }
        check_required(job, task, spec)?;
        all.extend(spec.required_nodes.iter().map(String::as_str));
    }
    let count = all.len();
    match (grouped, job.min) {
        (Some(task), _) if count > 0 => Err(Invalid::TaskGroupWithRequired { task }),
        _ if job.kind == JobKind::Command => Ok(()),
        _ if job.single_node && count > 1 => Err(Invalid::SingleNodeRequires { count }),
        (_, Some(min)) if count > min as usize => {
            let unit = job.unit;
            Err(Invalid::RequiredAboveMin { unit, count, min })
        }
        _ => Ok(()),
    }
}

fn certain_nodes_are_needed(tasks: &[impl AsRef<TaskSpec>]) -> bool {
    tasks.iter().any(|task| task.as_ref().needs_certain_nodes())
}

fn check_required(job: &JobSpec, task: u32, spec: &TaskSpec) -> Result<(), Invalid> {
    let names: BTreeSet<&String> = spec.required_nodes.iter().collect();
    let unit = job.unit;
    let strange =
        |name: &&&String| !job.requested_nodes.is_empty() && !job.requested_nodes.contains(*name);
    if let Some(&name) = names.iter().find(strange) {
        let node = name.clone();
        return Err(Invalid::RequiredNotRequested { task, node });
    }
    if let Some(&name) = names.iter().find(|name| job.excluded_nodes.contains(name)) {
        let node = name.clone();
        return Err(Invalid::RequiredExcluded { task, node });
    }
    let count = names.len();
    if count == 0 || job.kind == JobKind::Command {
        return Ok(());
    }
    match (job.min, job.max) {
        (Some(_), Some(max)) if count > max as usize => Err(Invalid::RequiredAboveMax {
            unit,
            task,
            count,
            max,
        }),
        (Some(_), Some(_)) if count > spec.max as usize => Err(Invalid::RequiredAboveTask {
            unit,
            task,
            count,
            max: spec.max,
        }),
        (Some(_), Some(_)) => Ok(()),
        _ => Err(Invalid::RequiredAuto { task }),
    }
}

/// Checks against the cluster, and how many units a job must have at least to have what its tasks need of node groups.
pub(super) fn check_needs(
    state: &State,
    job: &JobSpec,
    tasks: &[impl AsRef<TaskSpec>],
) -> Result<u32, Invalid> {
    if !certain_nodes_are_needed(tasks) {
        return Ok(0);
    }
    let lazy = state.parameters().disable_resource_validation;
    let selector = Selector::of(job);
    let usable = |node: &Node| {
        let there = node.state != NodeState::Offline || job.kind == JobKind::Command;
        there && selector.allows(&node.spec)
    };
    let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
    let mut required: BTreeSet<&str> = BTreeSet::new();
    for (task, spec) in (1..).zip(tasks.iter().map(AsRef::as_ref)) {
        if let Some(group) = &spec.node_group {
            let least = groups.entry(group).or_default();
            *least = spec.min.max(*least);
            if !lazy {
                check_group(state, job, (task, spec), group, &usable)?;
            }
        }
        for name in spec.required_nodes.iter().filter(|_| !lazy) {
            let Some(node) = state.node_by_name(name) else {
                return Err(unknown_node(state, name));
            };
            let units = match job.kind {
                JobKind::Batch => job.unit.of_node(&node.spec),
                JobKind::Command => 1,
            };
            if !usable(node) || units == 0 {
                let node = name.clone();
                return Err(Invalid::RequiredNotAvailable { task, node });
            }
            required.insert(name);
        }
    }
    if job.node_group_op == GroupOp::Uniform && !required.is_empty() {
        let has = |group: &String| {
            let mut nodes = required.iter().filter_map(|name| state.node_by_name(name));
            nodes.all(|node| node.spec.groups.contains(group))
        };
        if !job.node_groups.iter().any(has) {
            return Err(Invalid::RequiredNotUniform);
        }
    }
    let at_once = units_at_once(state, &groups);
    let all_groups = |node: &Node| {
        groups
            .keys()
            .all(|g| node.spec.groups.iter().any(|of| of == g))
    };
    let on_one = |node: &Node| job.unit.of_node(&node.spec) >= at_once && all_groups(node);
    let alone = job.single_node && job.kind == JobKind::Batch && !groups.is_empty() && !lazy;
    if alone && !state.nodes().any(|node| usable(node) && on_one(node)) {
        let units = state.nodes().filter(|n| usable(n) && all_groups(n));
        return Err(Invalid::NoNodeLargeEnough {
            unit: job.unit,
            min: at_once,
            largest: units.map(|n| job.unit.of_node(&n.spec)).max().unwrap_or(0),
        });
    }
    match job.max {
        Some(max) if at_once > max && job.kind == JobKind::Batch => {
            let (unit, units) = (job.unit, at_once);
            Err(Invalid::TaskGroupsAboveMax { unit, units, max })
        }
        _ => Ok(at_once),
    }
}

fn check_group(
    state: &State,
    job: &JobSpec,
    (task, spec): (u32, &TaskSpec),
    group: &String,
    usable: &impl Fn(&Node) -> bool,
) -> Result<(), Invalid> {
    let known = known_groups(state);
    if !known.contains(group.as_str()) {
        return Err(super::selection::unknown_group(group, &known));
    }
    let nodes = state.nodes().filter(|node| usable(node));
    let nodes = nodes.filter(|node| node.spec.groups.contains(group));
    let units: u64 = match job.kind {
        JobKind::Batch => nodes.map(|n| u64::from(job.unit.of_node(&n.spec))).sum(),
        JobKind::Command => u64::from(spec.min) * nodes.count() as u64,
    };
    match units >= u64::from(spec.min) {
        true => Ok(()),
        false => Err(Invalid::TaskGroupTooSmall {
            unit: job.unit,
            task,
            group: group.clone(),
            min: spec.min,
            units,
        }),
    }
}

/// Groups that have a node in common may be served by the same units; others add up.
fn units_at_once(state: &State, groups: &BTreeMap<&str, u32>) -> u32 {
    let named = |node: &Node| {
        let of = node.spec.groups.iter();
        of.filter(|g| groups.contains_key(g.as_str())).count()
    };
    match groups.len() > 1 && state.nodes().any(|node| named(node) > 1) {
        true => groups.values().copied().max().unwrap_or(0),
        false => groups
            .values()
            .fold(0, |sum, &least| sum.saturating_add(least)),
    }
}
