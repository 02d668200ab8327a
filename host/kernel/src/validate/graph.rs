//! The graph of dependencies between a job's tasks: names exist, no circle, not too deep.

use std::collections::{BTreeMap, BTreeSet};

use super::Invalid;
use crate::TaskSpec;
use crate::limits::{DEPENDENCIES_PER_TASK_MAX, DEPENDENCY_DEPTH_MAX};

/// How deep each task stands in the graph of dependencies: 0 depends on nothing.
pub(super) fn levels(tasks: &[impl AsRef<TaskSpec>]) -> Result<Vec<usize>, Invalid> {
    let mut levels = vec![0; tasks.len()];
    if !any_depends(tasks) {
        return Ok(levels);
    }
    // A name is a group: its tasks share their dependencies.
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for task in tasks
        .iter()
        .map(AsRef::as_ref)
        .filter(|t| !t.name.is_empty() && t.kind.is_ordinary())
    {
        let depends: BTreeSet<&str> = task.depends_on.iter().map(String::as_str).collect();
        match groups.get(task.name.as_str()) {
            Some(first) if *first != depends => {
                return Err(Invalid::GroupDiffers {
                    name: task.name.clone(),
                });
            }
            Some(_) => {}
            None => drop(groups.insert(&task.name, depends)),
        }
    }
    for (index, task) in tasks.iter().map(AsRef::as_ref).enumerate() {
        let number = index as u32 + 1;
        if task.depends_on.len() > DEPENDENCIES_PER_TASK_MAX {
            return Err(Invalid::TooManyDependencies {
                task: number,
                count: task.depends_on.len(),
            });
        }
        if !task.depends_on.is_empty() && task.name.is_empty() {
            return Err(Invalid::DependsWithoutName { task: number });
        }
        if let Some(name) = task
            .depends_on
            .iter()
            .find(|n| !groups.contains_key(n.as_str()))
        {
            return Err(Invalid::UnknownDependency {
                task: number,
                name: name.clone(),
            });
        }
    }
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for &name in groups.keys() {
        depth(name, &groups, &mut done)?;
    }
    for (level, task) in levels.iter_mut().zip(tasks.iter().map(AsRef::as_ref)) {
        *level = done.get(task.name.as_str()).copied().unwrap_or(0);
    }
    Ok(levels)
}

/// Whether there is a graph at all.
pub(super) fn any_depends(tasks: &[impl AsRef<TaskSpec>]) -> bool {
    tasks.iter().any(|t| !t.as_ref().depends_on.is_empty())
}

/// Depth-first without recursion: a chain may be as long as there are tasks.
fn depth<'a>(
    name: &'a str,
    groups: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    done: &mut BTreeMap<&'a str, usize>,
) -> Result<(), Invalid> {
    let mut path: Vec<(&str, std::collections::btree_set::Iter<'_, &str>)> = Vec::new();
    let mut on_path: BTreeSet<&str> = BTreeSet::new();
    if !done.contains_key(name) {
        path.push((name, groups[name].iter()));
        on_path.insert(name);
    }
    while let Some((current, rest)) = path.last_mut() {
        let current = *current;
        match rest.next() {
            Some(&next) if on_path.contains(next) => {
                let from = path.iter().position(|(n, _)| *n == next).unwrap_or(0);
                let mut circle: Vec<String> =
                    path[from..].iter().map(|(n, _)| n.to_string()).collect();
                circle.push(next.to_string());
                return Err(Invalid::DependencyCycle { circle });
            }
            Some(&next) if done.contains_key(next) => {}
            Some(&next) => {
                path.push((next, groups[next].iter()));
                on_path.insert(next);
            }
            None => {
                let level = groups[current]
                    .iter()
                    .map(|n| done[n] + 1)
                    .max()
                    .unwrap_or(0);
                if level >= DEPENDENCY_DEPTH_MAX {
                    return Err(Invalid::DependenciesTooDeep { depth: level + 1 });
                }
                done.insert(current, level);
                on_path.remove(current);
                path.pop();
            }
        }
    }
    Ok(())
}
