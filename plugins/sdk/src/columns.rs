//! Columns of jobs or of nodes that a policy asked for (`job.…`, `node.…` of `wit/README.md`), kept by job or node.
//!
//! Knows no meaning of any column. Accounts, which are a table of their own, are in [`accounts`](crate::accounts).

use std::collections::HashMap;

use crate::{
    keys::HashNumbers,
    policy::{Changes, Column, ColumnValues, NODE_GONE},
};

/// A column of texts, if it was sent.
pub(crate) fn texts<'a>(columns: &'a [Column], name: &str) -> Option<&'a [String]> {
    let column = columns.iter().find(|column| column.name == name)?;
    match &column.values {
        ColumnValues::Texts(texts) => Some(texts),
        ColumnValues::Numbers(_) => None,
    }
}

/// A column of numbers, if it was sent.
pub(crate) fn numbers<'a>(columns: &'a [Column], name: &str) -> Option<&'a [f64]> {
    let column = columns.iter().find(|column| column.name == name)?;
    match &column.values {
        ColumnValues::Numbers(numbers) => Some(numbers),
        ColumnValues::Texts(_) => None,
    }
}

/// What a policy says of itself to be told these columns.
pub fn asked(names: &[&str]) -> (String, String) {
    ("columns".to_owned(), names.join(","))
}

/// What the host said beside the rows of jobs, or of nodes.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    names: Vec<String>,
    /// Asked only, never walked. What a row has of each of `names`.
    rows: HashMap<u32, Box<[Value]>, HashNumbers>,
}

/// One entry of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Columns {
    /// Keeps these columns, by their full names. All must be of jobs, or all of nodes.
    pub fn new(names: &[&str]) -> Columns {
        Columns {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            rows: HashMap::default(),
        }
    }

    /// Their names, in the order in which they are numbered from 0.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Takes what was told of jobs. A job keeps what it has when only its allocation changes.
    pub fn apply_jobs(&mut self, changes: &Changes) {
        if self.names.is_empty() {
            return;
        }
        for id in &changes.removed_jobs {
            self.rows.remove(id);
        }
        self.take(changes.jobs.iter().map(|row| row.id), &changes.columns);
    }

    /// Takes what was told of nodes.
    pub fn apply_nodes(&mut self, changes: &Changes) {
        if self.names.is_empty() {
            return;
        }
        self.take(changes.nodes.iter().map(|row| row.id), &changes.columns);
        for row in changes.nodes.iter().filter(|row| row.state == NODE_GONE) {
            self.rows.remove(&row.id);
        }
    }

    fn take(&mut self, ids: impl Iterator<Item = u32>, columns: &[Column]) {
        let find = |name: &String| columns.iter().find(|column| column.name == *name);
        let told: Vec<Option<&Column>> = self.names.iter().map(find).collect();
        for (row, id) in ids.enumerate() {
            let entries = told.iter().map(|column| match column.map(|c| &c.values) {
                Some(ColumnValues::Numbers(numbers)) => {
                    Value::Number(numbers.get(row).copied().unwrap_or_default())
                }
                Some(ColumnValues::Texts(texts)) => {
                    Value::Text(texts.get(row).cloned().unwrap_or_default())
                }
                None => Value::Text(String::new()),
            });
            self.rows.insert(id, entries.collect());
        }
    }

    /// What a job or a node has of a column, by the column's number; none for one that was never told.
    pub fn get(&self, id: u32, column: usize) -> Option<&Value> {
        self.rows.get(&id)?.get(column)
    }

    /// A text; empty where there is none.
    pub fn text(&self, id: u32, column: usize) -> &str {
        match self.get(id, column) {
            Some(Value::Text(text)) => text,
            Some(Value::Number(_)) | None => "",
        }
    }

    /// A number; 0 where there is none.
    pub fn number(&self, id: u32, column: usize) -> f64 {
        match self.get(id, column) {
            Some(Value::Number(number)) => *number,
            Some(Value::Text(_)) | None => 0.0,
        }
    }

    /// The entries of a column for these, in their order: to be handed on to a ranker.
    pub fn values(&self, column: usize, ids: impl Iterator<Item = u32>) -> ColumnValues {
        let mut ids = ids.peekable();
        let first = ids.peek().and_then(|&id| self.get(id, column));
        match first {
            Some(Value::Number(_)) => {
                ColumnValues::Numbers(ids.map(|id| self.number(id, column)).collect())
            }
            Some(Value::Text(_)) | None => {
                ColumnValues::Texts(ids.map(|id| self.text(id, column).to_owned()).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{JobRow, NodeRow};

    fn texts(name: &str, values: &[&str]) -> Column {
        Column {
            name: name.to_owned(),
            values: ColumnValues::Texts(values.iter().map(|&v| v.to_owned()).collect()),
        }
    }

    #[test]
    fn jobs_keep_what_they_were_told_last() {
        let mut columns = Columns::new(&["job.owner", "job.requeues"]);
        let mut changes = Changes::default();
        for id in [3, 5] {
            changes.push_job(&JobRow::queued(id, 1, 1.0));
        }
        changes.columns.push(Column {
            name: "job.requeues".to_owned(),
            values: ColumnValues::Numbers(vec![0.0, 2.0]),
        });
        changes.columns.push(texts("job.owner", &["ann", "bob"]));
        columns.apply_jobs(&changes);
        assert_eq!((columns.text(3, 0), columns.number(3, 1)), ("ann", 0.0));
        assert_eq!((columns.text(5, 0), columns.number(5, 1)), ("bob", 2.0));
        assert!(matches!(
            columns.values(1, [5, 3].into_iter()),
            ColumnValues::Numbers(numbers) if numbers == [2.0, 0.0]
        ));
        assert!(matches!(
            columns.values(0, [5, 9].into_iter()),
            ColumnValues::Texts(texts) if texts == ["bob", ""]
        ));

        let mut changes = Changes::default();
        changes.removed_jobs.push(3);
        columns.apply_jobs(&changes);
        assert_eq!(columns.get(3, 0), None);
        assert_eq!(columns.text(5, 0), "bob");
    }

    #[test]
    fn nodes_that_are_gone_are_forgotten() {
        let mut columns = Columns::new(&["node.groups"]);
        let mut changes = Changes::default();
        changes.nodes.push(NodeRow::idle(1, 4));
        changes.nodes.push(NodeRow::idle(2, 4));
        changes
            .columns
            .push(texts("node.groups", &["fast,gpu", ""]));
        columns.apply_nodes(&changes);
        assert_eq!(columns.text(1, 0), "fast,gpu");
        let mut changes = Changes::default();
        changes.nodes.push(NodeRow {
            state: NODE_GONE,
            ..NodeRow::idle(1, 0)
        });
        changes.columns.push(texts("node.groups", &[""]));
        columns.apply_nodes(&changes);
        assert_eq!(columns.get(1, 0), None);
        assert!(columns.get(2, 0).is_some());
        assert_eq!(columns.names(), ["node.groups"]);
        assert_eq!(asked(&["a", "b"]).1, "a,b");
    }
}
