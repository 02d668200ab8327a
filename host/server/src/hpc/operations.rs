//! The log of what was done to nodes through this interface, latest first. In memory: it begins anew with the daemon. The journal has all
//! that happened, see `/api/v1/events`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::extract::Path;
use axum::http::StatusCode;
use jobyard::Role;
use jobyard::kernel::Timestamp;
use serde::Serialize;

use super::answer::Answer;
use super::query::Query;
use super::value::parse_names;
use crate::Problem;
use crate::caller::Caller;

/// Operations that are kept.
const KEPT_MAX: usize = 1_000;

/// The log.
#[derive(Debug, Clone, Default)]
pub(super) struct Operations(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    count: u64,
    /// The latest last.
    kept: VecDeque<Operation>,
}

#[derive(Debug, Clone)]
struct Operation {
    number: u64,
    name: &'static str,
    operator: String,
    node: String,
    at: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct View {
    id: String,
    name: &'static str,
    state: &'static str,
    operator: String,
    node: String,
    cancelable: bool,
    update_time: String,
    /// None where they were not asked for.
    entries: Vec<Entry>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    message: String,
    severity: &'static str,
    source: &'static str,
    create_time: String,
}

impl Operation {
    /// Written as HPC Pack's ids are.
    fn id(&self) -> String {
        format!("00000000-0000-0000-0000-{:012x}", self.number)
    }

    fn view(&self, with_detail: bool) -> View {
        let at = jobyard::rfc3339(self.at);
        let entry = || Entry {
            message: format!("{}: {} by {}", self.name, self.node, self.operator),
            severity: "Information",
            source: "jobyard",
            create_time: at.clone(),
        };
        View {
            id: self.id(),
            name: self.name,
            state: "Committed",
            operator: self.operator.clone(),
            node: self.node.clone(),
            cancelable: false,
            entries: with_detail.then(entry).into_iter().collect(),
            update_time: at,
        }
    }
}

impl Operations {
    pub(super) fn happened(&self, name: &'static str, operator: &str, node: &str) {
        let now = jiff::Timestamp::now().as_microsecond();
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.count += 1;
        let operation = Operation {
            number: log.count,
            name,
            operator: operator.into(),
            node: node.into(),
            at: Timestamp(u64::try_from(now).unwrap_or_default()),
        };
        if log.kept.len() == KEPT_MAX {
            log.kept.pop_front();
        }
        log.kept.push_back(operation);
    }

    /// Those of these nodes between these times, both exclusive; the latest last.
    fn some(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        nodes: Option<&[String]>,
    ) -> Vec<Operation> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |operation: &&Operation| {
            from.is_none_or(|from| operation.at > from)
                && to.is_none_or(|to| operation.at < to)
                && nodes.is_none_or(|nodes| nodes.contains(&operation.node))
        };
        log.kept.iter().filter(fits).cloned().collect()
    }
}

pub(super) async fn list(
    caller: Caller,
    Extension(operations): Extension<Operations>,
    query: Query,
) -> Result<Answer, Problem> {
    let found = asked(&caller, &operations, &query)?;
    let limit = query
        .number("limit", 1, KEPT_MAX as u64)?
        .unwrap_or(KEPT_MAX as u64);
    let with_detail = query.flag("withDetail", false)?;
    let latest = found.iter().rev().take(limit as usize);
    let views = latest.map(|operation| operation.view(with_detail));
    Ok(Answer::new("OperationLog", views.collect::<Vec<_>>()))
}

pub(super) async fn first(
    caller: Caller,
    Extension(operations): Extension<Operations>,
    query: Query,
) -> Result<Answer, Problem> {
    let found = asked(&caller, &operations, &query)?;
    let first = found
        .first()
        .ok_or_else(|| unknown("no operation is kept that fits"))?;
    Ok(Answer::new("OperationLog", first.view(true)))
}

pub(super) async fn one(
    caller: Caller,
    Extension(operations): Extension<Operations>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    may_look(&caller)?;
    let all = operations.some(None, None, None);
    let found = all.iter().find(|operation| operation.id() == id);
    let detail = format!("no operation {id:?} is kept");
    let operation = found.ok_or_else(|| unknown(&detail))?;
    Ok(Answer::new("OperationLog", operation.view(true)))
}

fn asked(
    caller: &Caller,
    operations: &Operations,
    query: &Query,
) -> Result<Vec<Operation>, Problem> {
    may_look(caller)?;
    let (from, to) = (query.time("fromTime")?, query.time("toTime")?);
    let nodes = query.text("nodeNames").map(parse_names);
    Ok(operations.some(from, to, nodes.as_deref()))
}

/// Who did what is for those who see everybody's jobs.
fn may_look(caller: &Caller) -> Result<(), Problem> {
    let all = [
        Role::JobOperator,
        Role::JobAdministrator,
        Role::Administrator,
    ];
    if all.into_iter().any(|role| caller.0.is(role)) {
        return Ok(());
    }
    let detail = format!("{} may not look at the log of operations", caller.0.name);
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "PermissionDenied",
        detail,
    ))
}

fn unknown(detail: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "UnknownOperation", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way() {
        let operations = Operations::default();
        for _ in 0..=KEPT_MAX {
            operations.happened("Bring node online", "ann", "n1");
        }
        let kept = operations.some(None, None, None);
        assert_eq!((kept.len(), kept[0].number), (KEPT_MAX, 2));
        let last = kept[kept.len() - 1].at;
        assert_eq!(operations.some(Some(last), None, None).len(), 0);
        let others = ["n2".to_string()];
        assert_eq!(operations.some(None, None, Some(&others)).len(), 0);
    }
}
