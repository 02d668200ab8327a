//! Nodes as the interface of 2016 has them, below `/hpc/nodes`: property pairs, sorted, some rows at a time.

use axum::Extension;
use axum::extract::State;
use jobyard::kernel::{self, Node};

use super::answer::Answer;
use super::filter::node_state;
use super::groups::Groups;
use super::nodes::{health, look_at, state};
use super::paging::{From, Row, part};
use super::pairs::{Object, Pair};
use super::property::{Property, Set, find, pair, select};
use super::query::{Query, bad};
use super::value::Value;
use crate::Problem;
use crate::app::App;
use crate::body::NamePath;
use crate::caller::Caller;

type NodeProperty = Property<fn(&Node) -> Option<Value>, ()>;

const fn shown(name: &'static str, show: fn(&Node) -> Option<Value>) -> NodeProperty {
    Property {
        name,
        open: true,
        show,
        set: Set::ReadOnly,
    }
}

/// All of them.
static NODE: &[NodeProperty] = &[
    shown("Id", |node| Value::number(node.id.0)),
    shown("Name", |node| Value::text(&node.spec.name)),
    shown("State", |node| Value::text(state(node))),
    shown("Health", |node| Value::text(health(node))),
    shown("Reachable", |node| Some(Value::Flag(!node.unreachable))),
    shown("Availability", |_| Value::text("AlwaysOn")),
    shown("NodeGroups", |node| {
        Value::list(node.spec.groups.iter().cloned())
    }),
    shown("NumberOfCores", |node| Value::number(node.spec.cores)),
    shown("NumberOfSockets", |node| Value::number(node.spec.sockets)),
    shown("NumberOfGpus", |node| Value::number(node.spec.gpus)),
    shown("FreeCoreCount", |node| Value::number(node.free.len())),
    shown("MemorySize", |node| {
        i64::try_from(node.spec.memory_mb).ok().map(Value::Number)
    }),
    shown("JobType", |_| Value::text("Batch")),
    shown("Location", |_| Value::text("OnPremise")),
    shown("CpuSpeed", |_| None),
    shown("Guid", |_| None),
    shown("OfflineTime", |_| None),
    shown("OnlineTime", |_| None),
];

fn pairs(node: &Node, selected: &[&'static NodeProperty], by_name: bool) -> Vec<Pair> {
    let pairs = selected.iter().filter_map(|property| {
        let value = (property.show)(node);
        pair(property.name, value, by_name)
    });
    pairs.collect()
}

pub(super) async fn list(
    State(app): State<App>,
    _: Caller,
    query: Query,
) -> Result<Answer, Problem> {
    let names = query.names("properties");
    let by_name = names.is_some();
    let selected = select(NODE, names, None)?;
    let wanted = node_state(query.text("$filter").unwrap_or_default());
    let wanted = wanted.map_err(|error| bad("$filter", error))?;
    let sorted_by = query.text("sortNodesBy").and_then(|name| find(NODE, name));
    let rows = move |kernel: &kernel::State, _: &_| {
        let takes = |node: &&Node| {
            let is = |wanted: &String| wanted.eq_ignore_ascii_case(state(node));
            wanted.as_ref().is_none_or(is)
        };
        let row = |node: &Node| Row {
            key: sorted_by.and_then(|property| (property.show)(node)),
            id: vec![node.id.0],
        };
        kernel.nodes().filter(takes).map(row).collect()
    };
    let rows = app.engine.look(rows).await?;
    let part = part(rows, query.flag("asc", true)?, query.from(), query.rows()?);
    let ids: Vec<u32> = part
        .rows
        .iter()
        .flat_map(|row| row.id.first().copied())
        .collect();
    let show = move |state: &kernel::State, _: &_| {
        let nodes = ids.iter().filter_map(|&id| state.node(kernel::NodeId(id)));
        let object = |node| Object {
            properties: pairs(node, &selected, by_name),
        };
        nodes.map(object).collect::<Vec<_>>()
    };
    let answer = Answer::new("Object", app.engine.look(show).await?);
    Ok(match query.from() {
        From::Row(_) => answer.counting(part.count),
        From::Start | From::Behind(_) => {
            let last = part.rows.last().filter(|_| part.more).cloned();
            answer.going_on_with(last.map(|row| query.cursor(row.key, row.id).text()))
        }
    })
}

pub(super) async fn view(
    State(app): State<App>,
    _: Caller,
    NamePath(name): NamePath,
) -> Result<Answer, Problem> {
    let all: Vec<_> = NODE.iter().collect();
    let pairs = look_at(&app, name, move |node| pairs(node, &all, false)).await?;
    Ok(Answer::new("Property", pairs))
}

pub(super) async fn groups(
    State(app): State<App>,
    _: Caller,
    Extension(groups): Extension<Groups>,
) -> Result<Answer, Problem> {
    let all = groups.all(&app).await?.into_iter();
    let object = |(name, description): (String, String)| Object {
        properties: vec![
            Pair::new("Name", name),
            Pair::new("Description", description),
        ],
    };
    Ok(Answer::new("Object", all.map(object).collect::<Vec<_>>()))
}
