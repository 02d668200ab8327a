//! Fair share: which account has had least of what it is entitled to.
//!
//! Usage decays: what was used one half-life ago counts half. Projects are compared by usage per share first, then the owners within
//! a project. That is the order of Slurm's Fair Tree (Cox and Morrison, 2014), for a tree of two levels: a project that has had less
//! of its share goes before another with all of its owners, whoever of them used it. For rankers.

use std::collections::BTreeMap;

pub use crate::accounts::{HALF_LIFE, HALF_LIFE_DEFAULT};
use crate::{
    accounts::Account,
    ranker::{Column, Instant, Span, numbers, texts},
    settings::refusal,
};

/// The columns that a ranker must ask for.
pub const COLUMNS: &[&str] = &[
    "job.project",
    "job.owner",
    "account.project",
    "account.owner",
    "account.used",
    "account.at",
    "account.cores",
];

/// What projects, and owners within projects, are entitled to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shares {
    projects: BTreeMap<String, f64>,
    owners: BTreeMap<(String, String), f64>,
}

impl Shares {
    /// Reads `physics=60,chemistry=40,physics/ann=2`: what is not named has one share among its like.
    ///
    /// # Errors
    /// A sentence for the admin that names the setting, the value and what would be right.
    pub fn read(name: &str, value: &str) -> Result<Shares, String> {
        let mut shares = Shares::default();
        for part in value
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let right = "PROJECT=SHARES or PROJECT/OWNER=SHARES, with a number above 0";
            let read = part.rsplit_once('=').and_then(|(account, number)| {
                let number: f64 = number.trim().parse().ok()?;
                (number.is_finite() && number > 0.0).then_some((account.trim(), number))
            });
            let (account, number) = read.ok_or_else(|| refusal(name, part, right))?;
            let before = match account.split_once('/') {
                Some((project, owner)) => {
                    let key = (project.to_owned(), owner.to_owned());
                    shares.owners.insert(key, number)
                }
                None => shares.projects.insert(account.to_owned(), number),
            };
            if before.is_some() {
                return Err(refusal(name, part, "the only part for its account"));
            }
        }
        Ok(shares)
    }

    fn of_project(&self, project: &str) -> f64 {
        self.projects.get(project).copied().unwrap_or(1.0)
    }

    fn of_owner(&self, project: &str, owner: &str) -> f64 {
        // Keys are pairs of strings, and building one for each question is cheap: questions are asked once an account.
        let key = (project.to_owned(), owner.to_owned());
        self.owners.get(&key).copied().unwrap_or(1.0)
    }
}

/// Where accounts stand at one time.
#[derive(Debug, Default)]
pub struct Standing<'a> {
    places: BTreeMap<(&'a str, &'a str), u32>,
    last: u32,
}

impl<'a> Standing<'a> {
    /// Puts all accounts in order: those of the table and those that jobs wait for.
    pub fn find(
        shares: &Shares,
        half_life: Span,
        now: Instant,
        columns: &'a [Column],
    ) -> Standing<'a> {
        let mut usage: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for account in accounts(columns, "job") {
            usage.insert(account, 0.0);
        }
        let column = |name| numbers(columns, name).unwrap_or_default();
        let (used, at, cores) = (
            column("account.used"),
            column("account.at"),
            column("account.cores"),
        );
        for (index, account) in accounts(columns, "account").enumerate() {
            let entry = |column: &[f64]| column.get(index).copied().unwrap_or_default();
            let had = Account {
                used: entry(used),
                at: entry(at),
                cores: entry(cores),
            };
            *usage.entry(account).or_default() += had.used_at(now, half_life);
        }

        let mut by_project: BTreeMap<&str, f64> = BTreeMap::new();
        for ((project, _), used) in &usage {
            *by_project.entry(project).or_default() += used;
        }
        let mut order: Vec<([f64; 2], (&str, &str))> = usage
            .iter()
            .map(|(&(project, owner), used)| {
                let of_project = by_project.get(project).copied().unwrap_or_default();
                let had = [
                    of_project / shares.of_project(project),
                    used / shares.of_owner(project, owner),
                ];
                (had, (project, owner))
            })
            .collect();
        order.sort_by(|(a, _), (b, _)| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));

        let mut standing = Standing::default();
        let mut before = None;
        for (had, account) in order {
            if before.is_some_and(|before| before != had) {
                standing.last += 1;
            }
            before = Some(had);
            standing.places.insert(account, standing.last);
        }
        standing
    }

    /// The places of the jobs' accounts, in the order of the jobs: 0 for the one that has had least of its share, equal ones for equals.
    pub fn of_jobs(&self, columns: &[Column]) -> Vec<u32> {
        let place = |account| self.places.get(&account).copied().unwrap_or_default();
        accounts(columns, "job").map(place).collect()
    }

    /// The last place.
    pub fn last(&self) -> u32 {
        self.last
    }
}

/// Project and owner, row by row.
fn accounts<'a>(columns: &'a [Column], of: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let column = |what| texts(columns, &format!("{of}.{what}")).unwrap_or_default();
    let (projects, owners) = (column("project"), column("owner"));
    let pair = |(project, owner): (&'a String, &'a String)| (project.as_str(), owner.as_str());
    projects.iter().zip(owners).map(pair)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranker::ColumnValues;

    const DAY: Span = 86_400e6;

    fn texts(name: &str, texts: &[&str]) -> Column {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Column {
            name: name.to_owned(),
            values: ColumnValues::Texts(texts),
        }
    }

    fn numbers(name: &str, numbers: Vec<f64>) -> Column {
        Column {
            name: name.to_owned(),
            values: ColumnValues::Numbers(numbers),
        }
    }

    /// Accounts with what they used at instant 0, and cores held since.
    fn columns(jobs: &[(&str, &str)], table: &[(&str, &str, f64, f64)]) -> Vec<Column> {
        let projects: Vec<&str> = jobs.iter().map(|job| job.0).collect();
        let owners: Vec<&str> = jobs.iter().map(|job| job.1).collect();
        let of_projects: Vec<&str> = table.iter().map(|row| row.0).collect();
        let of_owners: Vec<&str> = table.iter().map(|row| row.1).collect();
        vec![
            texts("job.project", &projects),
            texts("job.owner", &owners),
            texts("account.project", &of_projects),
            texts("account.owner", &of_owners),
            numbers("account.used", table.iter().map(|row| row.2).collect()),
            numbers("account.at", vec![0.0; table.len()]),
            numbers("account.cores", table.iter().map(|row| row.3).collect()),
        ]
    }

    fn places(shares: &str, now: Instant, columns: &[Column]) -> Vec<u32> {
        let shares = Shares::read("shares", shares).unwrap();
        Standing::find(&shares, DAY, now, columns).of_jobs(columns)
    }

    #[test]
    fn projects_first_then_owners_by_usage_per_share() {
        let jobs = [
            ("physics", "ann"),
            ("physics", "bob"),
            ("chemistry", "cid"),
            ("biology", "dan"),
        ];
        let table = [
            ("physics", "ann", 500.0, 0.0),
            ("physics", "bob", 300.0, 0.0),
            ("chemistry", "cid", 600.0, 0.0),
        ];
        let columns = columns(&jobs, &table);
        // Physics 800 and chemistry 600: biology had nothing, chemistry less than physics.
        assert_eq!(places("", 0.0, &columns), [3, 2, 1, 0]);
        // With 60 to 40 physics had 13.3 a share, chemistry 15, and ann is entitled to twice what bob is.
        let shares = "physics=60, chemistry=40, physics/ann=2";
        assert_eq!(places(shares, 0.0, &columns), [1, 2, 3, 0]);
    }

    #[test]
    fn equals_share_a_place() {
        let jobs = [("a", "x"), ("b", "x"), ("b", "y"), ("c", "x")];
        let columns = columns(&jobs, &[("c", "x", 1.0, 0.0)]);
        assert_eq!(places("", 0.0, &columns), [0, 0, 0, 1]);
        let shares = Shares::default();
        assert_eq!(Standing::find(&shares, DAY, 0.0, &columns).last(), 1);
        assert!(places("", 0.0, &[]).is_empty());
    }

    #[test]
    fn usage_decays_and_cores_that_are_held_count() {
        let decayed = |used, cores, since| {
            Account {
                used,
                at: 0.0,
                cores,
            }
            .used_at(since, DAY)
        };
        assert_eq!(decayed(100.0, 0.0, DAY), 50.0);
        assert_eq!(decayed(100.0, 0.0, 3.0 * DAY), 12.5);
        // For a short time a core used is what it used; over all times it comes to half-life / ln 2.
        let second = decayed(0.0, 2.0, 1e6);
        assert!((second - 2.0).abs() < 1e-4, "{second}");
        let ever = decayed(0.0, 1.0, 1000.0 * DAY);
        assert!(
            (ever - 86_400.0 / core::f64::consts::LN_2).abs() < 1e-6,
            "{ever}"
        );
        // What runs overtakes what is over.
        let columns = columns(
            &[("a", "x"), ("b", "x")],
            &[("a", "x", 90_000.0, 0.0), ("b", "x", 0.0, 1.0)],
        );
        assert_eq!(places("", 0.0, &columns), [1, 0]);
        assert_eq!(places("", DAY, &columns), [0, 1]);
    }

    #[test]
    fn shares_that_cannot_be_read_are_named() {
        for (value, part) in [
            ("physics", "physics"),
            ("a=1,b=", "b="),
            ("a=0", "a=0"),
            ("a=-1", "a=-1"),
            ("a=inf", "a=inf"),
            ("a=1,a=2", "a=2"),
            ("a/x=1,a/x=1", "a/x=1"),
        ] {
            let error = Shares::read("shares", value).unwrap_err();
            let begins = format!("setting `shares`: `{part}` is not ");
            assert!(error.starts_with(&begins), "{error}");
        }
    }
}
