//! What is to change of a job or a task that is there already: some keys of a job file with their new values, in JSON.
//!
//! As in a JSON merge patch (RFC 7396), null sets a key to what it is where nobody gives it, and tables (environment, custom
//! properties) are merged by name. What may change when is the kernel's rule. Called by the HTTP API and the command line.

use jobyard_kernel::{JobSpec, TaskSpec, Unit};

use super::error::{Fault, JobFileError, Place};
use super::keys::{JOB_KEYS, Key, TASK_KEYS, given};
use super::model;
use super::read_json;
use super::tree::{Entry, Node, Value};

/// Changes of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobChanges(Changes<JobSpec>);

/// Changes of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskChanges(Changes<TaskSpec>);

#[derive(Debug, Clone, PartialEq)]
struct Changes<S> {
    /// The new values.
    to: S,
    /// The keys that are given, or set back.
    keys: Vec<String>,
    /// Those of them that are set back.
    unset: Vec<String>,
    /// Names that leave a table, with its key.
    removed: Vec<(String, String)>,
}

impl JobChanges {
    /// Reads them from a JSON table; `name` is what errors call it. Tasks are changed by themselves.
    ///
    /// # Errors
    /// As [`JobFile::parse`](super::JobFile::parse).
    pub fn parse(name: &str, text: &str) -> Result<JobChanges, JobFileError> {
        let read = || {
            let (changes, rest) = Changes::begin(text)?;
            let tasks = rest
                .entries()
                .iter()
                .find(|e| ["task", "prepare", "release"].contains(&e.key.as_str()));
            if let Some(entry) = tasks {
                let what = "tasks are changed, and added, by themselves";
                return Err(Fault::value(entry.key_at, &entry.key, what));
            }
            let to = model::read_job(&rest)?;
            Ok(JobChanges(Changes { to, ..changes }))
        };
        read().map_err(|fault: Fault| error(name, text, fault))
    }

    /// Makes the changes. What is set is a property that the user gave: a template's default does not replace it.
    pub fn apply(&self, spec: &mut JobSpec) {
        let Changes { keys, unset, .. } = &self.0;
        self.0.apply(spec, JOB_KEYS);
        let names = |key: &String| {
            let known = JOB_KEYS.iter().find(|known| known.name == key);
            known.map_or(&[][..], |known| known.properties)
        };
        let changed: Vec<&str> = keys.iter().flat_map(names).copied().collect();
        spec.given
            .retain(|name| !changed.iter().any(|c| c.eq_ignore_ascii_case(name)));
        let set = keys.iter().filter(|key| !unset.contains(key));
        let now = given(spec, set.flat_map(names).copied());
        spec.given.extend(now);
    }
}

impl TaskChanges {
    /// Reads them from a JSON table; `unit` is what the task's job counts.
    ///
    /// # Errors
    /// As [`JobFile::parse`](super::JobFile::parse).
    pub fn parse(name: &str, text: &str, unit: Unit) -> Result<TaskChanges, JobFileError> {
        let read = || {
            let (changes, rest) = Changes::begin(text)?;
            let to = model::read_task(&rest, unit)?;
            Ok(TaskChanges(Changes { to, ..changes }))
        };
        read().map_err(|fault: Fault| error(name, text, fault))
    }

    /// Makes the changes.
    pub fn apply(&self, spec: &mut TaskSpec) {
        self.0.apply(spec, TASK_KEYS);
    }
}

impl<S: Default> Changes<S> {
    /// What is set back or removed, and the rest of the tree.
    fn begin(text: &str) -> Result<(Self, Node), Fault> {
        let Node { at, value } = read_json::read(text)?;
        let Value::Table(entries) = value else {
            let what = format!("{value} is not a table of changes; write {{ \"priority\": 3000 }}");
            return Err(Fault::value(at, "the changes", what));
        };
        let mut changes = Changes {
            to: S::default(),
            keys: entries.iter().map(|entry| entry.key.clone()).collect(),
            unset: Vec::new(),
            removed: Vec::new(),
        };
        for entry in &entries {
            match &entry.node.value {
                Value::Null => changes.unset.push(entry.key.clone()),
                Value::Table(inner) => {
                    let nulls = inner.iter().filter(|e| e.node.value == Value::Null);
                    let removed = nulls.map(|e| (entry.key.clone(), e.key.clone()));
                    changes.removed.extend(removed);
                }
                Value::Truth(_)
                | Value::Whole(_)
                | Value::Number(_)
                | Value::Text(_)
                | Value::Time(_)
                | Value::List(_) => {}
            }
        }
        // Null stays at the top, where the model takes it for not given, and leaves tables.
        let value = Value::Table(entries.into_iter().map(without_nulls).collect());
        Ok((changes, Node { at, value }))
    }
}

impl<S> Changes<S> {
    fn apply(&self, spec: &mut S, known: &[Key<S>]) {
        let named = known
            .iter()
            .filter(|key| self.keys.iter().any(|k| k == key.name));
        for key in named {
            let merges = key
                .table
                .filter(|_| !self.unset.iter().any(|k| k == key.name));
            let Some(table) = merges else {
                (key.copy)(&self.to, spec);
                continue;
            };
            let table = table(spec);
            table.retain(|(name, _)| {
                let removed = |(k, n): &(String, String)| k == key.name && n == name;
                !self.removed.iter().any(removed)
            });
            let Value::Table(new) = (key.show)(&self.to) else {
                continue;
            };
            for Entry { key, node, .. } in new {
                let Value::Text(value) = node.value else {
                    continue;
                };
                match table.iter_mut().find(|(name, _)| *name == key) {
                    Some((_, old)) => *old = value,
                    None => table.push((key, value)),
                }
            }
        }
    }
}

fn without_nulls(mut entry: Entry) -> Entry {
    if let Value::Table(inner) = &mut entry.node.value {
        inner.retain(|e| e.node.value != Value::Null);
    }
    entry
}

fn error(name: &str, text: &str, fault: Fault) -> JobFileError {
    JobFileError::new(name, Some(Place::of(text, fault.at)), fault.problem)
}
