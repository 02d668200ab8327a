//! Accounts: what owners have used for their projects, as the host told it to a policy that asked for [`COLUMNS`].
//!
//! Shares and priorities that follow from it are the policy's. Kept in the order of names, so that sums over all of them come out the same
//! whatever was told when.

use std::collections::BTreeMap;
use std::f64::consts::{LN_2, LOG2_E};

#[cfg(feature = "deciding")]
use crate::columns::{numbers, texts};
#[cfg(feature = "deciding")]
use crate::policy::Changes;
use crate::settings::refusal;
use crate::time::span;

/// Whole microseconds since 1970-01-01T00:00:00Z.
type Instant = f64;
/// Whole microseconds.
type Span = f64;

/// The columns that [`Accounts`] is made from.
pub const COLUMNS: [&str; 5] = [
    "account.project",
    "account.owner",
    "account.used",
    "account.at",
    "account.cores",
];

/// The cluster parameter that a policy follows to know how fast use is forgotten; see [`half_life`].
pub const HALF_LIFE: &str = "FairShareHalfLife";

/// The half-life of a cluster where nobody set another: 7 days.
pub const HALF_LIFE_DEFAULT: Span = 7.0 * 86_400e6;

/// One account.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Account {
    /// Core-seconds that were used until `at`, as they counted at `at`.
    pub used: f64,
    /// When cores were last taken or given back.
    pub at: Instant,
    /// Cores that are held since then.
    pub cores: f64,
}

impl Account {
    /// Core-seconds used, as they count at an instant from `at` on.
    pub fn used_at(&self, now: Instant, half_life: Span) -> f64 {
        if now <= self.at {
            return self.used;
        }
        let (kept, lost) = decay((now - self.at) / half_life);
        let mut used = self.used * kept;
        if self.cores > 0.0 {
            // What one core comes to if it is held for ever is LOG2_E half-lives.
            used += self.cores * (half_life / 1e6 * LOG2_E) * lost;
        }
        used
    }
}

/// Accounts by project, and by owner.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Accounts {
    all: BTreeMap<String, BTreeMap<String, Account>>,
}

impl Accounts {
    /// Takes what was told of accounts.
    ///
    /// # Panics
    /// When the columns of accounts are not all there, or not of one length: the host broke the contract.
    #[cfg(feature = "deciding")]
    pub fn apply(&mut self, changes: &Changes) {
        let Some(projects) = texts(&changes.columns, COLUMNS[0]) else {
            return;
        };
        let owners = texts(&changes.columns, COLUMNS[1]).expect("accounts have owners");
        let number = |name| numbers(&changes.columns, name).expect("accounts have numbers");
        let [used, at, cores] = [COLUMNS[2], COLUMNS[3], COLUMNS[4]].map(number);
        self.apply_columns((projects, owners), used, at, cores);
    }

    /// The same, from the columns one by one: projects and owners, what was used, when, and the cores that are held.
    ///
    /// # Panics
    /// When they are not of one length.
    pub fn apply_columns(
        &mut self,
        (projects, owners): (&[String], &[String]),
        used: &[f64],
        at: &[f64],
        cores: &[f64],
    ) {
        for (row, project) in projects.iter().enumerate() {
            let account = Account {
                used: used[row],
                at: at[row],
                cores: cores[row],
            };
            if account.used > 0.0 || account.cores > 0.0 {
                let of_project = self.all.entry(project.clone()).or_default();
                of_project.insert(owners[row].clone(), account);
            } else if let Some(of_project) = self.all.get_mut(project) {
                of_project.remove(&owners[row]);
                if of_project.is_empty() {
                    self.all.remove(project);
                }
            }
        }
    }

    /// All of them, with project and owner, in the order of those.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Account)> {
        self.all.iter().flat_map(|(project, owners)| {
            let owners = owners.iter();
            owners.map(|(owner, account)| (project.as_str(), owner.as_str(), account))
        })
    }

    /// One; of an owner who has used nothing for the project and holds nothing, an empty one.
    pub fn get(&self, project: &str, owner: &str) -> Account {
        let owners = self.all.get(project);
        let account = owners.and_then(|owners| owners.get(owner));
        account.copied().unwrap_or_default()
    }
}

/// Reads the value of the parameter [`HALF_LIFE`], like `7d` or `1d12h`, in microseconds.
///
/// # Errors
/// A sentence for the admin that names the value and what would be right.
pub fn half_life(value: &str) -> Result<Span, String> {
    span(value).filter(|span| *span >= 1e6).ok_or_else(|| {
        refusal(
            HALF_LIFE,
            value,
            "a time of a second or more, like `7d` or `12h`",
        )
    })
}

/// 2^-x, and 1 − 2^-x, for an `x` that is not negative: the kernel's function (`host/kernel/src/decay.rs`), to the last bit.
fn decay(x: f64) -> (f64, f64) {
    if x >= 1_000.0 {
        return (0.0, 1.0);
    }
    let whole = x as u32;
    let z = (x - f64::from(whole)) * (LN_2 / 4.0);
    let mut lost = 1.0 / 3_628_800.0;
    for divisor in [
        362_880.0, 40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0,
    ] {
        lost = 1.0 / divisor - z * lost;
    }
    lost *= z;
    lost *= 2.0 - lost;
    lost *= 2.0 - lost;
    if whole == 0 {
        return (1.0 - lost, lost);
    }
    let halvings = f64::from_bits(u64::from(1_023 - whole) << 52);
    let kept = halvings * (1.0 - lost);
    (kept, 1.0 - kept)
}

#[cfg(all(test, feature = "deciding"))]
mod tests {
    use super::*;
    use crate::policy::{Column, ColumnValues};

    fn told(rows: &[(&str, &str, f64, f64, f64)]) -> Changes {
        let texts = |of: fn(&(&str, &str, f64, f64, f64)) -> String| {
            ColumnValues::Texts(rows.iter().map(of).collect())
        };
        let numbers = |of: fn(&(&str, &str, f64, f64, f64)) -> f64| {
            ColumnValues::Numbers(rows.iter().map(of).collect())
        };
        let values = [
            texts(|row| row.0.to_owned()),
            texts(|row| row.1.to_owned()),
            numbers(|row| row.2),
            numbers(|row| row.3),
            numbers(|row| row.4),
        ];
        let columns = COLUMNS.iter().zip(values).map(|(&name, values)| Column {
            name: name.to_owned(),
            values,
        });
        Changes {
            columns: columns.collect(),
            ..Changes::default()
        }
    }

    #[test]
    fn accounts_are_replaced_and_forgotten() {
        let mut accounts = Accounts::default();
        accounts.apply(&told(&[
            ("q", "ann", 5.0, 1e6, 0.0),
            ("p", "bob", 0.0, 0.0, 4.0),
        ]));
        let names: Vec<_> = accounts.iter().map(|(p, o, _)| (p, o)).collect();
        assert_eq!(names, [("p", "bob"), ("q", "ann")]);
        accounts.apply(&Changes::default());
        accounts.apply(&told(&[
            ("q", "ann", 0.0, 0.0, 0.0),
            ("p", "bob", 2.0, 1e6, 1.0),
        ]));
        assert_eq!(accounts.get("p", "bob").used, 2.0);
        assert_eq!(accounts.get("q", "ann"), Account::default());
        assert_eq!(accounts.iter().count(), 1);
    }

    #[test]
    fn use_halves_and_grows() {
        let hour = 3_600e6;
        let idle = Account {
            used: 8.0,
            at: 0.0,
            cores: 0.0,
        };
        assert_eq!(idle.used_at(0.0, hour), 8.0);
        assert_eq!(idle.used_at(3.0 * hour, hour), 1.0);
        assert_eq!(idle.used_at(5_000.0 * hour, hour), 0.0);
        let busy = Account { cores: 2.0, ..idle };
        let second = busy.used_at(1e6, hour);
        assert!((second - 10.0).abs() < 2e-3, "{second}");
        let forever = busy.used_at(5_000.0 * hour, hour);
        assert!((forever - 2.0 * 3_600.0 * LOG2_E).abs() < 1e-6, "{forever}");
    }

    #[test]
    fn half_lives_are_read_as_the_host_writes_them() {
        assert_eq!(half_life("7d"), Ok(HALF_LIFE_DEFAULT));
        assert_eq!(half_life("1d2h"), Ok(93_600e6));
        assert_eq!(half_life("90s"), Ok(90e6));
        for bad in ["", "7", "0.5s", "1h1d", "soon", "1e9d"] {
            let error = half_life(bad).expect_err(bad);
            assert!(error.contains(HALF_LIFE) && error.contains(bad), "{error}");
        }
    }
}
