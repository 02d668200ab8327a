//! Groups of tasks in HPC Pack job XML, and the dependencies between them (reference 5.7, 10.5).
//!
//! HPC Pack numbers groups, the kernel knows them by the tasks' name. Called by `hpc_job`.

use std::collections::{BTreeMap, BTreeSet};

use jobyard_kernel::TaskSpec;
use jobyard_kernel::limits::DEPENDENCIES_PER_TASK_MAX;

use super::error::Fault;
use super::hpc_attributes::Known;
use super::hpc_parts::{Attributes, no_text, unknown_element};
use super::read_xml::Element;

/// Dependencies between tasks that `Dependencies` may come to, all in all.
const DEPENDENCIES_MAX: usize = 1_000_000;

/// Groups of tasks by number, and which group waits for which.
#[derive(Default)]
pub(super) struct Groups {
    /// The group of each task.
    members: Vec<Option<u32>>,
    /// All groups that have tasks.
    used: BTreeSet<u32>,
    /// Child → its parents, and where the file says so.
    parents: BTreeMap<u32, BTreeMap<u32, usize>>,
}

impl Groups {
    /// The next task is in this group.
    pub(super) fn add_task(&mut self, group: Option<u32>) {
        self.used.extend(group);
        self.members.push(group);
    }

    /// Reads the element `Dependencies`.
    pub(super) fn read(&mut self, dependencies: &Element) -> Result<(), Fault> {
        no_text(dependencies)?;
        for parent in &dependencies.children {
            let parent_id = group_id(parent, "Parent")?;
            for child in &parent.children {
                let child_id = group_id(child, "Child")?;
                if let Some(inner) = child.children.first() {
                    return Err(unknown_element(inner, &["Child"]));
                }
                let parents = self.parents.entry(child_id).or_default();
                parents.insert(parent_id, child.at);
            }
        }
        Ok(())
    }

    /// Writes the dependencies into the tasks, by name. Tasks that need a name for it and have none get one.
    pub(super) fn apply(&self, tasks: &mut [TaskSpec]) -> Result<(), Fault> {
        let mut linked = BTreeSet::new();
        for (&child, parents) in &self.parents {
            for (&parent, &at) in parents {
                for group in [parent, child] {
                    if !self.used.contains(&group) {
                        let what = format!("\"{group}\" is the group of no task");
                        return Err(Fault::value(at, "GroupId", what));
                    }
                }
                linked.extend([parent, child]);
            }
        }
        let mut names: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
        for (task, group) in tasks.iter_mut().zip(&self.members) {
            let Some(group) = group.filter(|g| linked.contains(g)) else {
                continue;
            };
            if task.name.is_empty() {
                task.name = format!("group {group}");
            }
            names.entry(group).or_default().insert(task.name.clone());
        }
        let mut total = 0;
        for (task, group) in tasks.iter_mut().zip(&self.members) {
            let Some(parents) = group.and_then(|group| self.parents.get(&group)) else {
                continue;
            };
            for (parent, &at) in parents {
                let parent_names = &names[parent];
                total += parent_names.len();
                if parent_names.len() > DEPENDENCIES_PER_TASK_MAX || total > DEPENDENCIES_MAX {
                    let what = format!(
                        "the tasks would have more than {DEPENDENCIES_MAX} dependencies, or one of them more than {DEPENDENCIES_PER_TASK_MAX}; give the tasks of group {parent} one name"
                    );
                    return Err(Fault::value(at, "GroupId", what));
                }
                let known: BTreeSet<&String> = task.depends_on.iter().collect();
                let new: Vec<String> = parent_names
                    .iter()
                    .filter(|n| !known.contains(n))
                    .cloned()
                    .collect();
                task.depends_on.extend(new);
            }
        }
        Ok(())
    }
}

fn group_id(element: &Element, name: &str) -> Result<u32, Fault> {
    if element.name != name {
        return Err(unknown_element(element, &[name]));
    }
    no_text(element)?;
    const KNOWN: Known = Known {
        read: &["GroupId"],
        ignored: &[],
        not_served: &[],
    };
    let given = Attributes::checked(element, &KNOWN)?;
    match given.number("GroupId", 0, u32::MAX)? {
        Some(group) => Ok(group),
        None => Err(Fault::value(element.at, name, "has no GroupId")),
    }
}
