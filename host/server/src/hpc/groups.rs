//! Node groups: listed, created, described, renamed, deleted, and which nodes are in them.
//!
//! To the kernel a group is what nodes say they are in. Descriptions, and groups that no node is in yet, are kept here, in a file of the data
//! folder; a job can ask for a group as soon as a node is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use jobyard::Actor;
use jobyard::kernel::{self, Command, NodeId};
use serde::Serialize;
use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::answer::Answer;
use crate::Problem;
use crate::app::App;
use crate::body::{self, NamePath};
use crate::caller::{Caller, must_administer};

/// Groups that are described.
const GROUPS_MAX: usize = 1_000;
/// Characters of a group's name: the kernel's limit too.
const NAME_CHARS_MAX: usize = 64;
/// Characters of a description.
const DESCRIPTION_CHARS_MAX: usize = 1_024;
/// The file in the data folder.
const FILE: &str = "hpc-node-groups.json";

/// Descriptions by name. One request changes them at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups(Arc<Mutex<()>>);

/// A group. All of them may be changed: none is built in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupView {
    name: String,
    description: String,
    managed: bool,
}

/// A body: keys in any case, as in all bodies of this interface.
#[derive(Debug, Default)]
struct Wanted {
    name: Option<String>,
    description: Option<String>,
    operation: Option<String>,
    nodes: Vec<String>,
}

type Descriptions = BTreeMap<String, String>;

impl Groups {
    /// Names and descriptions, by name.
    pub(super) async fn all(&self, app: &App) -> Result<Descriptions, Problem> {
        let _turn = self.0.lock().await;
        self.read(app).await
    }

    async fn read(&self, app: &App) -> Result<Descriptions, Problem> {
        let path = app.folder.join(FILE);
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let mut all = read
            .map_err(|error| Problem::failed(error.to_string()))?
            .map_err(failed)?;
        let look = |state: &kernel::State, _: &_| {
            let groups = state
                .nodes()
                .flat_map(|node| node.spec.groups.iter().cloned());
            groups.collect::<BTreeSet<String>>()
        };
        for name in app.engine.look(look).await? {
            all.entry(name).or_default();
        }
        Ok(all)
    }

    async fn write(&self, app: &App, all: Descriptions) -> Result<(), Problem> {
        if all.len() > GROUPS_MAX {
            let detail = format!("at most {GROUPS_MAX} groups are kept");
            return Err(Problem::new(StatusCode::CONFLICT, "TooManyGroups", detail));
        }
        let path = app.folder.join(FILE);
        let written = tokio::task::spawn_blocking(move || write(&path, &all)).await;
        written
            .map_err(|error| Problem::failed(error.to_string()))?
            .map_err(failed)
    }
}

fn failed(error: io::Error) -> Problem {
    Problem::failed(format!("{FILE}: {error}"))
}

fn read(path: &Path) -> io::Result<Descriptions> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Descriptions::new()),
        Err(error) => Err(error),
    }
}

/// All of it or nothing.
fn write(path: &Path, all: &Descriptions) -> io::Result<()> {
    let new: PathBuf = path.with_extension("new");
    let file = std::fs::File::create(&new)?;
    serde_json::to_writer_pretty(&file, all)?;
    file.sync_all()?;
    std::fs::rename(new, path)
}

fn view(name: &str, description: &str) -> GroupView {
    GroupView {
        name: name.into(),
        description: description.into(),
        managed: false,
    }
}

pub(super) async fn list(
    State(app): State<App>,
    _: Caller,
    Extension(groups): Extension<Groups>,
) -> Result<Answer, Problem> {
    let all = groups.all(&app).await?;
    let views = all
        .iter()
        .map(|(name, description)| view(name, description));
    Ok(Answer::new("NodeGroup", views.collect::<Vec<_>>()))
}

pub(super) async fn create(
    State(app): State<App>,
    Caller(by): Caller,
    Extension(groups): Extension<Groups>,
    body::Any(body): body::Any,
) -> Result<Answer, Problem> {
    must_administer(&by, "create node groups")?;
    let wanted = Wanted::of(body)?;
    let name = wanted.name.unwrap_or_default();
    check_name(&name)?;
    let description = wanted.description.unwrap_or_default();
    let _turn = groups.0.lock().await;
    let mut all = groups.read(&app).await?;
    if all.contains_key(&name) {
        let detail = format!("there is a node group {name:?} already");
        return Err(Problem::new(StatusCode::CONFLICT, "GroupExists", detail));
    }
    all.insert(name.clone(), description.clone());
    groups.write(&app, all).await?;
    Ok(Answer::new("NodeGroup", view(&name, &description)))
}

pub(super) async fn one(
    State(app): State<App>,
    _: Caller,
    Extension(groups): Extension<Groups>,
    NamePath(name): NamePath,
) -> Result<Answer, Problem> {
    let all = groups.all(&app).await?;
    let description = all.get(&name).ok_or_else(|| unknown(&name))?;
    Ok(Answer::new("NodeGroup", view(&name, description)))
}

/// Another description, another name, or both. Jobs that ask for it by its old name still do.
pub(super) async fn update(
    State(app): State<App>,
    Caller(by): Caller,
    Extension(groups): Extension<Groups>,
    NamePath(name): NamePath,
    body::Any(body): body::Any,
) -> Result<Answer, Problem> {
    must_administer(&by, "change node groups")?;
    let wanted = Wanted::of(body)?;
    let new = wanted.name.unwrap_or_else(|| name.clone());
    check_name(&new)?;
    let _turn = groups.0.lock().await;
    let mut all = groups.read(&app).await?;
    let old = all.remove(&name).ok_or_else(|| unknown(&name))?;
    if all.contains_key(&new) {
        let detail = format!("there is a node group {new:?} already");
        return Err(Problem::new(StatusCode::CONFLICT, "GroupExists", detail));
    }
    let description = wanted.description.unwrap_or(old);
    all.insert(new.clone(), description.clone());
    groups.write(&app, all).await?;
    if new != name {
        let renamed = new.clone();
        let rename = move |_: &str, groups: &mut Vec<String>| {
            let own = groups.iter_mut().filter(|group| **group == name);
            own.for_each(|group| group.clone_from(&renamed));
        };
        regroup(&app, &by, rename).await?;
    }
    Ok(Answer::new("NodeGroup", view(&new, &description)))
}

pub(super) async fn delete(
    State(app): State<App>,
    Caller(by): Caller,
    Extension(groups): Extension<Groups>,
    NamePath(name): NamePath,
) -> Result<StatusCode, Problem> {
    must_administer(&by, "delete node groups")?;
    let _turn = groups.0.lock().await;
    let mut all = groups.read(&app).await?;
    all.remove(&name).ok_or_else(|| unknown(&name))?;
    groups.write(&app, all).await?;
    let leave = move |_: &str, groups: &mut Vec<String>| groups.retain(|group| *group != name);
    regroup(&app, &by, leave).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn nodes(
    State(app): State<App>,
    _: Caller,
    Extension(groups): Extension<Groups>,
    NamePath(name): NamePath,
) -> Result<Answer, Problem> {
    if !groups.all(&app).await?.contains_key(&name) {
        return Err(unknown(&name));
    }
    members(&app, name).await
}

/// Adds nodes, or removes them; answers those that are in it then.
pub(super) async fn move_nodes(
    State(app): State<App>,
    Caller(by): Caller,
    Extension(groups): Extension<Groups>,
    NamePath(name): NamePath,
    body::Any(body): body::Any,
) -> Result<Answer, Problem> {
    must_administer(&by, "change node groups")?;
    let wanted = Wanted::of(body)?;
    let adds = match wanted
        .operation
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "add" => true,
        "remove" => false,
        other => {
            return Err(bad(format!(
                "Operation: {other:?} is neither add nor remove"
            )));
        }
    };
    let _turn = groups.0.lock().await;
    if !groups.read(&app).await?.contains_key(&name) {
        return Err(unknown(&name));
    }
    let nodes = wanted.nodes.clone();
    let missing = move |state: &kernel::State, _: &_| {
        let mut nodes = nodes.into_iter();
        nodes.find(|node| state.node_by_name(node).is_none())
    };
    if let Some(node) = app.engine.look(missing).await? {
        let detail = format!("there is no node {node:?}");
        return Err(Problem::new(StatusCode::NOT_FOUND, "UnknownNode", detail));
    }
    let group = name.clone();
    let change = move |node: &str, groups: &mut Vec<String>| {
        if wanted.nodes.iter().any(|wanted| wanted == node) {
            groups.retain(|other| *other != group);
            groups.extend(adds.then(|| group.clone()));
        }
    };
    regroup(&app, &by, change).await?;
    members(&app, name).await
}

async fn members(app: &App, group: String) -> Result<Answer, Problem> {
    let look = move |state: &kernel::State, _: &_| {
        let nodes = state
            .nodes()
            .filter(|node| node.spec.groups.contains(&group));
        nodes.map(|node| node.spec.name.clone()).collect::<Vec<_>>()
    };
    Ok(Answer::new("string", app.engine.look(look).await?))
}

/// Changes the groups of all nodes, of each as `change` does.
async fn regroup(
    app: &App,
    by: &Actor,
    change: impl Fn(&str, &mut Vec<String>) + Send + 'static,
) -> Result<(), Problem> {
    let look = move |state: &kernel::State, _: &_| {
        let changed = |node: &kernel::Node| {
            let mut groups = node.spec.groups.clone();
            change(&node.spec.name, &mut groups);
            (groups != node.spec.groups).then_some((node.id, groups))
        };
        state
            .nodes()
            .filter_map(changed)
            .collect::<Vec<(NodeId, Vec<String>)>>()
    };
    let changed = app.engine.look(look).await?.into_iter();
    let set = |(node, groups)| Command::SetNodeGroups {
        by: by.clone(),
        node,
        groups,
    };
    let done = app.engine.commands(changed.map(set).collect()).await;
    done.into_iter()
        .try_for_each(|done| done.map(drop))
        .map_err(Problem::from)
}

impl Wanted {
    fn of(json: Json) -> Result<Wanted, Problem> {
        let Json::Object(members) = json else {
            return Err(bad("the body is no object"));
        };
        let mut wanted = Wanted::default();
        for (key, value) in members {
            let text = value.as_str().map(String::from);
            match key.to_ascii_lowercase().as_str() {
                "name" => wanted.name = text,
                "description" => wanted.description = text,
                "operation" => wanted.operation = text,
                // It is in the path, and no group is built in.
                "groupname" | "managed" => {}
                "nodenames" => {
                    let names = serde_json::from_value(value);
                    wanted.nodes = names.map_err(|error| bad(format!("NodeNames: {error}")))?;
                }
                _ => return Err(bad(format!("{key:?} is no key of a node group"))),
            }
        }
        let description = wanted.description.as_deref().unwrap_or_default();
        match description.chars().count() > DESCRIPTION_CHARS_MAX {
            true => Err(bad(format!(
                "Description: at most {DESCRIPTION_CHARS_MAX} characters are kept"
            ))),
            false => Ok(wanted),
        }
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    let usable = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.contains(',');
    match usable {
        true => Ok(()),
        false => Err(bad(format!(
            "Name: {name:?} is no name of 1 to {NAME_CHARS_MAX} characters without a comma"
        ))),
    }
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::bad("BadJson", detail)
}

fn unknown(name: &str) -> Problem {
    let detail = format!("there is no node group {name:?}");
    Problem::new(StatusCode::NOT_FOUND, "UnknownGroup", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_read_back_and_a_broken_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(read(&path).unwrap(), Descriptions::new());
        let all = Descriptions::from([("fast".to_string(), "the new ones".to_string())]);
        write(&path, &all).unwrap();
        assert_eq!(read(&path).unwrap(), all);
        std::fs::write(&path, "{").unwrap();
        assert!(read(&path).is_err());
    }
}
