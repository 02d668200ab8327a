//! The columns that one instance asked for: which rows they go with, and what of the accounts it has been told.

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::columns::{AccountColumn, Entry, JobColumn};
use crate::{Account, Changes, Column, ColumnValues, Columns, State, Timestamp};

/// What an instance asked for beside the rows. As long as it is nothing, nothing here does anything.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    columns: Columns,
    /// Other columns were asked for after rows had been told: those are to be told again.
    again: bool,
    /// Whether jobs drew on pools of their own when they were told.
    pools: bool,
    /// How often accounts had changed when they were told last.
    seen: u64,
    /// Project and owner of each account that was told, by its place.
    told: Vec<Option<(Arc<str>, Arc<str>)>>,
}

impl Asked {
    /// The same columns, for an instance that has been told nothing.
    pub(super) fn again(&mut self) -> Self {
        Self {
            columns: std::mem::take(&mut self.columns),
            ..Self::default()
        }
    }

    pub(super) fn ask(&mut self, columns: Columns, told: bool) {
        if columns != self.columns {
            self.columns = columns;
            self.again = told;
            self.seen = 0;
        }
    }

    /// Whether there is a reason to tell something though nothing has happened.
    pub(super) fn is_news(&self) -> bool {
        self.again
    }

    pub(super) fn of_nodes(&self) -> bool {
        !self.columns.nodes.is_empty()
    }

    /// Whether all jobs and nodes have to be told once more.
    pub(super) fn must_tell_again(&mut self, state: &State) -> bool {
        let other =
            self.columns.jobs.contains(&JobColumn::Pool) && self.pools != state.parameters.pools;
        std::mem::take(&mut self.again) || other
    }

    /// Puts the columns to the rows that `changes` has, and accounts that are others than they were.
    pub(super) fn tell(&mut self, state: &State, changes: &mut Changes) {
        if self.columns.is_empty() {
            return;
        }
        let Columns { jobs, nodes, .. } = &self.columns;
        self.pools = state.parameters.pools;
        for column in jobs.iter().filter(|_| !changes.jobs.is_empty()) {
            let of_job = |id| Some(column.of(state.job(id)?, &state.parameters));
            let entries = changes.jobs.iter().filter_map(|row| of_job(row.id));
            let values = values(entries.collect());
            let name = column.to_string();
            changes.columns.push(Column { name, values });
        }
        for column in nodes.iter().filter(|_| !changes.nodes.is_empty()) {
            // One that is gone has no name any more.
            let gone = || Entry::Text(String::new());
            let entries = changes
                .nodes
                .iter()
                .map(|row| state.node(row.id).map_or_else(gone, |node| column.of(node)));
            let values = values(entries.collect());
            let name = column.to_string();
            changes.columns.push(Column { name, values });
        }
        if !self.columns.accounts.is_empty() {
            self.tell_accounts(&state.accounts, changes);
        }
    }

    /// Those that changed since they were told last. One that was forgotten comes once more, as one that has used nothing and holds nothing:
    /// that is what an instance has of it which never heard of it.
    fn tell_accounts(&mut self, accounts: &Accounts, changes: &mut Changes) {
        if accounts.changes() == self.seen {
            return;
        }
        let (mut gone, mut rows) = (Vec::new(), Vec::new());
        for (place, account) in accounts.changed_since(self.seen) {
            if self.told.len() <= place {
                self.told.resize(place + 1, None);
            }
            let name = account.map(|account| (account.project.clone(), account.owner.clone()));
            let before = std::mem::replace(&mut self.told[place], name);
            if let Some((project, owner)) =
                before.filter(|name| Some(name) != self.told[place].as_ref())
                && accounts.find(&project, &owner).is_none()
            {
                gone.push(Account {
                    project,
                    owner,
                    used: 0.0,
                    at: Timestamp(0),
                    cores: 0,
                });
            }
            rows.extend(account);
        }
        self.seen = accounts.changes();
        let rows: Vec<&Account> = gone.iter().chain(rows).collect();
        if rows.is_empty() {
            return;
        }
        for column in &self.columns.accounts {
            let name = column.to_string();
            let values = account_values(*column, &rows);
            changes.columns.push(Column { name, values });
        }
    }
}

/// All entries of a column are of one kind.
fn values(entries: Vec<Entry>) -> ColumnValues {
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Number(number) => numbers.push(number),
            Entry::Text(text) => texts.push(text),
        }
    }
    match texts.is_empty() {
        true => ColumnValues::Numbers(numbers),
        false => ColumnValues::Texts(texts),
    }
}

fn account_values(column: AccountColumn, rows: &[&Account]) -> ColumnValues {
    let texts = |of: fn(&Account) -> &Arc<str>| {
        ColumnValues::Texts(rows.iter().map(|row| of(row).to_string()).collect())
    };
    let numbers =
        |of: fn(&Account) -> f64| ColumnValues::Numbers(rows.iter().map(|row| of(row)).collect());
    match column {
        AccountColumn::Project => texts(|row| &row.project),
        AccountColumn::Owner => texts(|row| &row.owner),
        AccountColumn::Used => numbers(|row| row.used),
        AccountColumn::At => numbers(|row| row.at.as_instant()),
        AccountColumn::Cores => numbers(|row| row.cores as f64),
    }
}
