//! The mirror that a policy keeps, as small as it can be: what a policy in any language would do with `changes`.

use std::collections::BTreeMap;

use jobyard_kernel::{
    COLUMN_FREE_SOCKETS, COLUMN_LEAST, COLUMN_PART_OF, COLUMN_REQUIRED, Changes, Column,
    ColumnValues, Columns, JobId, JobRow, Mirror, NODE_GONE, State,
};

/// What an instance knows after all that it was told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Known {
    jobs: BTreeMap<u32, (JobRow, String)>,
    nodes: BTreeMap<u32, String>,
    sets: BTreeMap<u32, Vec<u32>>,
    /// Of sets that have them: their parts, in order.
    parts: BTreeMap<u32, Vec<u32>>,
    /// Of parts: how many units of them a job must have.
    least: BTreeMap<u32, f64>,
    /// Of which set each job must have something.
    required: BTreeMap<u32, f64>,
    /// Free sockets, where they were told.
    sockets: BTreeMap<u32, f64>,
    /// Of jobs and of nodes, by row and column: what was asked for.
    properties: BTreeMap<(&'static str, u32, String), String>,
    /// By project and owner, column by column.
    accounts: BTreeMap<(String, String), BTreeMap<String, String>>,
    /// How many of them were taken back.
    accounts_gone: usize,
}

/// The entries of a column, readable.
fn entries(column: &Column) -> Vec<String> {
    match &column.values {
        ColumnValues::Numbers(numbers) => numbers.iter().map(|n| format!("{n:?}")).collect(),
        ColumnValues::Texts(texts) => texts.clone(),
    }
}

impl Known {
    /// Applies one call's changes in the order that the contract names: removed jobs, nodes, sets, jobs, allocations.
    pub(crate) fn apply(&mut self, changes: &Changes) {
        for id in &changes.removed_jobs {
            self.jobs.remove(&id.0);
        }
        let column = |name: &str, rows: usize| {
            let column = changes.columns.iter().find(|c| c.name == name)?;
            let ColumnValues::Numbers(numbers) = &column.values else {
                panic!("{name} is no column of numbers")
            };
            assert_eq!(numbers.len(), rows, "{name} has an entry for each row");
            Some(numbers)
        };
        let sockets = column(COLUMN_FREE_SOCKETS, changes.nodes.len());
        for (at, node) in changes.nodes.iter().enumerate() {
            if let Some(sockets) = sockets {
                self.sockets.insert(node.id.0, sockets[at]);
            }
            if node.state == NODE_GONE {
                self.nodes.remove(&node.id.0);
            } else {
                self.nodes.insert(node.id.0, format!("{node:?}"));
            }
        }
        self.apply_asked(changes);
        let part_of = column(COLUMN_PART_OF, changes.sets.len());
        let least = column(COLUMN_LEAST, changes.sets.len());
        for (at, set) in changes.sets.iter().enumerate() {
            let least = least.map_or(0.0, |column| column[at]);
            self.least.insert(set.id.0, least);
            let whole = part_of.map_or(0.0, |column| column[at]);
            assert!(
                whole == 0.0 || self.sets.contains_key(&(whole as u32)),
                "set {} is part of one that was not told",
                set.id
            );
            match whole as u32 {
                0 => drop(self.parts.remove(&set.id.0)),
                whole => self.parts.entry(whole).or_default().push(set.id.0),
            }
            // An empty one is of no use just now, or for ever.
            let nodes = set.nodes.iter().map(|node| node.0).collect();
            self.sets.insert(set.id.0, nodes);
        }
        let required = column(COLUMN_REQUIRED, changes.jobs.len());
        for (at, job) in changes.jobs.iter().enumerate() {
            let required = required.map_or(0.0, |column| column[at]);
            assert!(
                required == 0.0 || self.sets.contains_key(&(required as u32)),
                "job {} must have something of set {required}, which was not told",
                job.id
            );
            self.required.insert(job.id.0, required);
            let (id, set) = (job.id, job.candidates);
            assert!(
                set.0 == 0 || self.sets.contains_key(&set.0),
                "job {id} refers to set {set}, which was not told"
            );
            self.jobs.insert(id.0, (*job, "queued".to_owned()));
        }
        let mut shares = &changes.shares[..];
        for given in &changes.allocations {
            let (held, rest) = shares.split_at(given.share_count as usize);
            shares = rest;
            let Some((job, holds)) = self.jobs.get_mut(&given.job.0) else {
                panic!("job {} holds something and was never described", given.job);
            };
            job.demand = given.demand;
            *holds = format!("state {} since {}: {held:?}", given.state, given.started);
        }
        assert!(shares.is_empty(), "no shares are left over");
    }

    /// Columns that are only sent to those who ask.
    fn apply_asked(&mut self, changes: &Changes) {
        for id in &changes.removed_jobs {
            let of_job = |kind: &str, row: u32| kind == "job." && row == id.0;
            self.properties
                .retain(|(kind, row, _), _| !of_job(kind, *row));
        }
        let jobs: Vec<u32> = changes.jobs.iter().map(|row| row.id.0).collect();
        let nodes: Vec<u32> = changes.nodes.iter().map(|row| row.id.0).collect();
        for (kind, rows) in [("job.", jobs), ("node.", nodes)] {
            for row in &rows {
                let other = |of: &str, id: u32| of != kind || id != *row;
                self.properties.retain(|(of, id, _), _| other(of, *id));
            }
            let own = changes.columns.iter().filter(|c| c.name.starts_with(kind));
            let unasked = [COLUMN_FREE_SOCKETS, COLUMN_REQUIRED];
            for column in own.filter(|column| !unasked.contains(&column.name.as_str())) {
                let entries = entries(column);
                assert_eq!(entries.len(), rows.len(), "{} fits its rows", column.name);
                for (&row, entry) in rows.iter().zip(entries) {
                    let key = (kind, row, column.name.clone());
                    assert!(self.properties.insert(key, entry).is_none());
                }
            }
        }
        let all = changes
            .columns
            .iter()
            .filter(|c| c.name.starts_with("account."));
        let table: BTreeMap<&str, Vec<String>> =
            all.map(|c| (c.name.as_str(), entries(c))).collect();
        let Some(owners) = table.get("account.owner") else {
            assert!(table.is_empty(), "no account without its owner: {table:?}");
            return;
        };
        for (at, owner) in owners.iter().enumerate() {
            let row = table
                .iter()
                .map(|(name, entries)| ((*name).into(), entries[at].clone()));
            let row: BTreeMap<String, String> = row.collect();
            let name = (row["account.project"].clone(), owner.clone());
            let is_nothing = |column: &str| row.get(column).is_none_or(|entry| entry == "0.0");
            match is_nothing("account.used") && is_nothing("account.cores") {
                true => self.accounts_gone += usize::from(self.accounts.remove(&name).is_some()),
                false => drop(self.accounts.insert(name, row)),
            }
        }
    }

    /// The instance is about to ask for other columns: what it knows of accounts it will be told again.
    pub(crate) fn asks_anew(&mut self) {
        self.accounts.clear();
    }

    /// How much it knows that only those know who asked: properties, accounts, and accounts that were taken back.
    pub(crate) fn asked_len(&self) -> [usize; 3] {
        [
            self.properties.len(),
            self.accounts.len(),
            self.accounts_gone,
        ]
    }

    /// Whether it knows a job.
    pub(crate) fn has_job(&self, id: JobId) -> bool {
        self.jobs.contains_key(&id.0)
    }

    /// That it knows what a new instance would be told that asks for these columns, and no set that has gone.
    pub(crate) fn check(&self, state: &State, columns: &Columns) {
        let mut fresh = Known::default();
        let mut mirror = Mirror::new();
        mirror.wants(columns.clone());
        fresh.apply(&mirror.take(state));
        assert_eq!(self.properties, fresh.properties, "properties asked for");
        assert_eq!(
            self.accounts, fresh.accounts,
            "accounts as told and as they are"
        );
        assert_eq!(self.jobs, fresh.jobs, "jobs as told and as they are");
        assert_eq!(self.nodes, fresh.nodes, "nodes as told and as they are");
        // Parts have numbers of the instance's own.
        let own = |id: u32| state.sets().any(|(set, _)| set.0 == id);
        for (id, nodes) in fresh.sets.iter().filter(|(id, _)| own(**id)) {
            assert_eq!(self.sets.get(id), Some(nodes), "set {id}");
        }
        for id in fresh.jobs.keys() {
            let (told, is) = (self.required.get(id), fresh.required.get(id));
            assert_eq!(told, is, "what job {id} must have");
        }
        let nodes_of = |known: &Known, parts: &[u32]| -> Vec<(Vec<u32>, f64)> {
            let of = |part| (known.sets[part].clone(), known.least[part]);
            parts.iter().map(of).collect()
        };
        for (id, parts) in &fresh.parts {
            let told = self.parts.get(id).map(|parts| nodes_of(self, parts));
            assert_eq!(told, Some(nodes_of(&fresh, parts)), "parts of set {id}");
        }
        for (node, free) in &fresh.sockets {
            assert_eq!(self.sockets.get(node), Some(free), "sockets of node {node}");
        }
        let mut live: Vec<u32> = state.sets().map(|(id, _)| id.0).collect();
        let parts = live.iter().filter_map(|id| self.parts.get(id)).flatten();
        let parts: Vec<u32> = parts.copied().collect();
        live.extend(parts);
        for (id, nodes) in &self.sets {
            let gone = nodes.is_empty() && !live.contains(id);
            assert!(
                gone || live.contains(id),
                "set {id} has gone and is still known"
            );
        }
    }
}
