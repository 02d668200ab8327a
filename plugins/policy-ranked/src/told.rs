//! What a ranker is told beside what the mirror keeps: when jobs were submitted, columns of jobs, the table of accounts.
//!
//! Kept as the host sent it, and told in an order that does not depend on when that was.

use std::collections::BTreeMap;

use jobyard_plugin_sdk::{
    mirror::{Job, Mirror},
    policy::{self, Changes, Instant},
    ranker::{Candidate, Column, ColumnValues},
};

/// Columns of accounts begin with this.
const ACCOUNT: &str = "account.";
/// What an account is known by.
const KEYS: [&str; 2] = ["account.project", "account.owner"];

/// What this policy says of the cluster by itself.
const CLUSTER: &[&str] = &[
    "cluster.nodes",
    "cluster.sockets",
    "cluster.cores",
    "cluster.gpus",
];

/// The memory beside the mirror.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// What the ranker asked for, by name.
    wanted: Vec<String>,
    /// When jobs were submitted, by their slot in the mirror.
    submitted: Vec<Instant>,
    /// Columns of jobs, each by slot.
    jobs: Vec<(String, Cells)>,
    /// Numbers of accounts, beside `numbers`.
    accounts: BTreeMap<[String; 2], Vec<f64>>,
    /// The names of those numbers.
    numbers: Vec<String>,
}

/// Entries of a column.
#[derive(Debug)]
enum Cells {
    /// No entry was sent yet.
    None,
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

impl Told {
    /// Takes the names that the ranker asked for. What is known of columns that are still asked for stays.
    ///
    /// # Errors
    /// When one of them says nothing of jobs, accounts or the cluster.
    pub(crate) fn ask(&mut self, columns: &[&str]) -> Result<(), String> {
        let is_told = |name: &str| {
            name.starts_with("job.") || name.starts_with(ACCOUNT) || CLUSTER.contains(&name)
        };
        if let Some(name) = columns.iter().find(|name| !is_told(name)) {
            return Err(format!(
                "the ranker asks for the column `{name}`: rankers are told job.NAME, account.NAME, {}",
                CLUSTER.join(", ")
            ));
        }
        let wanted: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let mut known = std::mem::take(&mut self.jobs);
        for name in wanted.iter().filter(|name| name.starts_with("job.")) {
            let at = known.iter().position(|(known, _)| known == name);
            let cells = at.map_or(Cells::None, |at| known.swap_remove(at).1);
            self.jobs.push((name.clone(), cells));
        }
        let numbers = wanted
            .iter()
            .filter(|name| name.starts_with(ACCOUNT) && !KEYS.contains(&name.as_str()));
        let numbers: Vec<String> = numbers.cloned().collect();
        if numbers != self.numbers {
            self.numbers = numbers;
            self.accounts.clear();
        }
        self.wanted = wanted;
        Ok(())
    }

    /// The columns that the host is to be asked for.
    pub(crate) fn asks_host_for(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .wanted
            .iter()
            .map(String::as_str)
            .filter(|name| !CLUSTER.contains(name))
            .collect();
        if names.iter().any(|name| name.starts_with(ACCOUNT)) {
            let missing = KEYS.into_iter().filter(|key| !names.contains(key));
            names.extend(missing.collect::<Vec<_>>());
        }
        names
    }

    /// Takes what changed; the mirror has taken it before.
    pub(crate) fn apply(&mut self, mirror: &Mirror, changes: &Changes) {
        for (row, job) in changes.jobs.iter().enumerate() {
            let Some(slot) = mirror.slot(job.id) else {
                continue;
            };
            let slot = slot as usize;
            if self.submitted.len() <= slot {
                self.submitted.resize(slot + 1, 0.0);
            }
            self.submitted[slot] = job.submitted;
            for (name, cells) in &mut self.jobs {
                let column = changes.columns.iter().find(|column| column.name == *name);
                cells.set(slot, row, column);
            }
        }
        self.apply_accounts(&changes.columns);
    }

    fn apply_accounts(&mut self, columns: &[policy::Column]) {
        let find = |name: &str| columns.iter().find(|column| column.name == name);
        let [Some(projects), Some(owners)] = KEYS.map(|key| find(key).map(texts)) else {
            return;
        };
        let numbers: Vec<&[f64]> = self
            .numbers
            .iter()
            .map(|name| find(name).map_or(&[][..], numbers))
            .collect();
        for (row, (project, owner)) in projects.iter().zip(owners).enumerate() {
            let entry = |column: &&[f64]| column.get(row).copied().unwrap_or_default();
            let entries = numbers.iter().map(entry).collect();
            self.accounts
                .insert([project.clone(), owner.clone()], entries);
        }
    }

    /// What there is to tell of some jobs.
    pub(crate) fn columns(&self, mirror: &Mirror, slots: &[u32]) -> Vec<Column> {
        let told = self.wanted.iter().filter_map(|name| {
            let values = match name.split_once('.')? {
                ("job", _) => {
                    let (_, cells) = self.jobs.iter().find(|(known, _)| known == name)?;
                    cells.of(slots)?
                }
                ("account", _) => self.account_column(name)?,
                _ => ColumnValues::Numbers(vec![total(mirror, name)]),
            };
            Some(Column {
                name: name.clone(),
                values,
            })
        });
        told.collect()
    }

    fn account_column(&self, name: &str) -> Option<ColumnValues> {
        if let Some(at) = KEYS.iter().position(|key| *key == name) {
            let keys = self.accounts.keys().map(|account| account[at].clone());
            return Some(ColumnValues::Texts(keys.collect()));
        }
        let at = self.numbers.iter().position(|known| known == name)?;
        let numbers = self.accounts.values().map(|numbers| numbers[at]);
        Some(ColumnValues::Numbers(numbers.collect()))
    }

    /// A job as rankers see it.
    pub(crate) fn candidate(&self, job: &Job, slot: u32) -> Candidate {
        Candidate {
            id: job.id,
            flags: job.flags,
            priority: job.priority,
            unit: job.shape.unit as u32,
            min: job.min,
            max: job.max,
            position: job.position,
            submitted: self.submitted[slot as usize],
            walltime: job.walltime,
        }
    }
}

impl Cells {
    fn set(&mut self, slot: usize, row: usize, column: Option<&policy::Column>) {
        let Some(column) = column else { return };
        match &column.values {
            policy::ColumnValues::Numbers(numbers) => {
                if !matches!(self, Cells::Numbers(_)) {
                    *self = Cells::Numbers(Vec::new());
                }
                if let Cells::Numbers(cells) = self {
                    put(cells, slot, numbers.get(row).copied().unwrap_or_default());
                }
            }
            policy::ColumnValues::Texts(texts) => {
                if !matches!(self, Cells::Texts(_)) {
                    *self = Cells::Texts(Vec::new());
                }
                if let Cells::Texts(cells) = self {
                    put(cells, slot, texts.get(row).cloned().unwrap_or_default());
                }
            }
        }
    }

    fn of(&self, slots: &[u32]) -> Option<ColumnValues> {
        Some(match self {
            Cells::None => return None,
            Cells::Numbers(cells) => ColumnValues::Numbers(pick(cells, slots)),
            Cells::Texts(cells) => ColumnValues::Texts(pick(cells, slots)),
        })
    }
}

fn put<T: Clone + Default>(cells: &mut Vec<T>, slot: usize, value: T) {
    if cells.len() <= slot {
        cells.resize(slot + 1, T::default());
    }
    cells[slot] = value;
}

fn pick<T: Clone + Default>(cells: &[T], slots: &[u32]) -> Vec<T> {
    let cell = |slot: &u32| cells.get(*slot as usize).cloned().unwrap_or_default();
    slots.iter().map(cell).collect()
}

fn texts(column: &policy::Column) -> &[String] {
    match &column.values {
        policy::ColumnValues::Texts(texts) => texts,
        policy::ColumnValues::Numbers(_) => &[],
    }
}

fn numbers(column: &policy::Column) -> &[f64] {
    match &column.values {
        policy::ColumnValues::Numbers(numbers) => numbers,
        policy::ColumnValues::Texts(_) => &[],
    }
}

/// What all nodes have of something, whether or not they take jobs.
fn total(mirror: &Mirror, name: &str) -> f64 {
    let nodes = mirror.nodes().iter();
    match name {
        "cluster.nodes" => nodes.len() as f64,
        "cluster.sockets" => nodes.map(|node| f64::from(node.sockets)).sum(),
        "cluster.cores" => nodes.map(|node| f64::from(node.cores)).sum(),
        _ => nodes.map(|node| f64::from(node.gpus)).sum(),
    }
}
