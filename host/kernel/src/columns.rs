//! The columns that a policy may ask for beside the rows, by name: `wit/README.md` says what each holds. What is sent of them, and
//! when, is the mirror's.

use std::collections::BTreeSet;
use std::fmt;

use crate::{DEFAULT_POOL, Job, Node, Parameters};

/// A set of columns: those that a policy asks for, or is granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    pub(crate) jobs: BTreeSet<JobColumn>,
    pub(crate) nodes: BTreeSet<NodeColumn>,
    pub(crate) accounts: BTreeSet<AccountColumn>,
}

/// There is no column of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no column \"{name}\"; there are: {}", KNOWN.join(", "))]
pub struct UnknownColumn {
    /// What was asked for.
    pub name: String,
}

/// All names.
const KNOWN: &[&str] = &[
    "job.owner",
    "job.project",
    "job.pool",
    "job.requeues",
    "job.custom.NAME",
    "node.name",
    "node.groups",
    "account.project",
    "account.owner",
    "account.used",
    "account.at",
    "account.cores",
];

/// What the column of a custom property begins with.
const CUSTOM: &str = "job.custom.";

/// A column with an entry for each job that is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum JobColumn {
    Owner,
    Project,
    Pool,
    Requeues,
    Custom(String),
}

/// A column with an entry for each node that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NodeColumn {
    Name,
    Groups,
}

/// A column of the table of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AccountColumn {
    Project,
    Owner,
    Used,
    At,
    Cores,
}

impl Columns {
    /// Reads names with commas between, as a policy says `columns` of itself. An empty text is no column.
    ///
    /// # Errors
    /// The first name that is none; the error lists all that there are.
    pub fn parse(names: &str) -> Result<Self, UnknownColumn> {
        let mut columns = Self::default();
        let names = names.split(',').map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .try_for_each(|name| columns.insert(name))?;
        Ok(columns)
    }

    /// Adds one by its name.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn insert(&mut self, name: &str) -> Result<(), UnknownColumn> {
        match name {
            "job.owner" => self.jobs.insert(JobColumn::Owner),
            "job.project" => self.jobs.insert(JobColumn::Project),
            "job.pool" => self.jobs.insert(JobColumn::Pool),
            "job.requeues" => self.jobs.insert(JobColumn::Requeues),
            "node.name" => self.nodes.insert(NodeColumn::Name),
            "node.groups" => self.nodes.insert(NodeColumn::Groups),
            "account.project" => self.accounts.insert(AccountColumn::Project),
            "account.owner" => self.accounts.insert(AccountColumn::Owner),
            "account.used" => self.accounts.insert(AccountColumn::Used),
            "account.at" => self.accounts.insert(AccountColumn::At),
            "account.cores" => self.accounts.insert(AccountColumn::Cores),
            _ => match name.strip_prefix(CUSTOM) {
                Some(property) if !property.is_empty() => {
                    self.jobs.insert(JobColumn::Custom(property.into()))
                }
                _ => return Err(UnknownColumn { name: name.into() }),
            },
        };
        Ok(())
    }

    /// Adds these.
    pub fn extend(&mut self, others: &Columns) {
        self.jobs.extend(others.jobs.iter().cloned());
        self.nodes.extend(&others.nodes);
        self.accounts.extend(&others.accounts);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.nodes.is_empty() && self.accounts.is_empty()
    }

    /// Their names: those of jobs, of nodes, of accounts.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        let jobs = self.jobs.iter().map(ToString::to_string);
        let nodes = self.nodes.iter().map(ToString::to_string);
        let accounts = self.accounts.iter().map(ToString::to_string);
        jobs.chain(nodes).chain(accounts)
    }

    /// The first that is not among these.
    pub fn first_beyond(&self, granted: &Columns) -> Option<String> {
        let job = self.jobs.difference(&granted.jobs).next();
        let node = self.nodes.difference(&granted.nodes).next();
        let account = self.accounts.difference(&granted.accounts).next();
        job.map(ToString::to_string)
            .or_else(|| node.map(ToString::to_string))
            .or_else(|| account.map(ToString::to_string))
    }
}

impl fmt::Display for JobColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobColumn::Owner => f.write_str("job.owner"),
            JobColumn::Project => f.write_str("job.project"),
            JobColumn::Pool => f.write_str("job.pool"),
            JobColumn::Requeues => f.write_str("job.requeues"),
            JobColumn::Custom(name) => write!(f, "{CUSTOM}{name}"),
        }
    }
}

impl fmt::Display for NodeColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NodeColumn::Name => "node.name",
            NodeColumn::Groups => "node.groups",
        })
    }
}

impl fmt::Display for AccountColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AccountColumn::Project => "account.project",
            AccountColumn::Owner => "account.owner",
            AccountColumn::Used => "account.used",
            AccountColumn::At => "account.at",
            AccountColumn::Cores => "account.cores",
        })
    }
}

/// One entry of a column.
pub(crate) enum Entry {
    Number(f64),
    Text(String),
}

impl JobColumn {
    pub(crate) fn of(&self, job: &Job, parameters: &Parameters) -> Entry {
        let spec = &job.spec;
        Entry::Text(match self {
            JobColumn::Owner => spec.owner.clone(),
            JobColumn::Project => spec.project.clone(),
            JobColumn::Pool => match parameters.pools && !spec.pool.is_empty() {
                true => spec.pool.clone(),
                false => DEFAULT_POOL.into(),
            },
            JobColumn::Requeues => return Entry::Number(f64::from(job.requeue_count)),
            JobColumn::Custom(name) => {
                let mut custom = spec.custom_properties.iter();
                let found = custom.find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            }
        })
    }
}

impl NodeColumn {
    pub(crate) fn of(self, node: &Node) -> Entry {
        Entry::Text(match self {
            NodeColumn::Name => node.spec.name.clone(),
            NodeColumn::Groups => node.spec.groups.join(","),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &str) -> Columns {
        Columns::parse(names).expect("known names")
    }

    #[test]
    fn every_column_is_read_by_the_name_that_it_shows() {
        let all = Columns::parse(&KNOWN.join(" , ")).expect("they are known");
        let mut names: Vec<String> = all.names().collect();
        let mut known = KNOWN.to_vec();
        names.sort();
        known.sort_unstable();
        assert_eq!(names, known);
        assert_eq!(Columns::parse(&names.join(",")), Ok(all));
        assert_eq!(Columns::parse(" ,"), Ok(Columns::default()));
        assert!(Columns::default().is_empty());
        let (mut some, more) = (columns("job.owner"), columns("node.name,account.at"));
        some.extend(&more);
        assert_eq!(some, columns("job.owner,node.name,account.at"));
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_all_that_there_are() {
        for name in [
            "job.colour",
            "owner",
            "job.custom.",
            "Job.Owner",
            "set.part-of",
        ] {
            let refused = Columns::parse(&format!("job.owner,{name}")).expect_err(name);
            let text = refused.to_string();
            assert!(text.contains(&format!("\"{name}\"")), "{text}");
            assert!(text.contains("account.cores"), "{text}");
        }
    }

    #[test]
    fn what_is_beyond_a_grant_is_named() {
        let granted = columns("job.owner,job.custom.site,account.used,account.at");
        assert_eq!(columns("account.at,job.owner").first_beyond(&granted), None);
        for (asked, beyond) in [
            ("job.owner,job.custom.Site", "job.custom.Site"),
            ("account.used,node.name", "node.name"),
            ("account.used,account.cores", "account.cores"),
        ] {
            let found = columns(asked).first_beyond(&granted);
            assert_eq!(found.as_deref(), Some(beyond));
        }
    }
}
