//! Accounts: what the jobs of an owner for a project have used and hold, for policies that share fairly.
//!
//! Use is in core-seconds, and each is worth half after every `FairShareHalfLife`. An account is brought up to an instant only when cores are
//! taken or given back; at any later one its use follows from the numbers that were true then ([`Account::used_at`]).
//! Written by `apply` alone. Who is told of it, and how shares follow from it, is not known here.

use std::collections::BTreeMap;
use std::f64::consts::LOG2_E;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decay::decay;
use crate::limits::{ACCOUNT_CORE_SECONDS_MIN, ACCOUNTS_MAX};
use crate::{Span, Timestamp};

/// How many places are looked at for accounts to forget whenever one is made: with room left, and without.
const LOOKS: [usize; 2] = [2, 64];

/// What the jobs of one owner for one project have used, and what they hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The project; empty without one.
    pub project: Arc<str>,
    /// Whose jobs.
    pub owner: Arc<str>,
    /// Core-seconds that were used until `at`, as they counted at `at`.
    pub used: f64,
    /// When cores were last taken or given back.
    pub at: Timestamp,
    /// Cores that are held since then.
    pub cores: u64,
}

impl Account {
    /// Core-seconds used, as they count at an instant from `at` on.
    pub fn used_at(&self, now: Timestamp, half_life: Span) -> f64 {
        let elapsed = now.since(self.at);
        if elapsed == Span::ZERO {
            return self.used;
        }
        let (kept, lost) = decay(elapsed.0 as f64 / half_life.0 as f64);
        let mut used = self.used * kept;
        if self.cores > 0 {
            // What one core comes to if it is held for ever is LOG2_E half-lives.
            used += self.cores as f64 * (half_life.as_secs_f64() * LOG2_E) * lost;
        }
        used
    }

    fn settle(&mut self, now: Timestamp, half_life: Span) {
        self.used = self.used_at(now, half_life);
        self.at = now;
    }
}

/// All accounts, each at a place of its own; jobs that hold cores keep theirs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Accounts {
    places: Vec<Place>,
    /// Derived: places of accounts by project and owner.
    index: BTreeMap<Arc<str>, BTreeMap<Arc<str>, u32>>,
    /// Derived: places without an account, to be used again from the end.
    vacant: Vec<u32>,
    /// How often an account was changed, made or forgotten.
    changes: u64,
    /// The place that was last looked at for an account to forget.
    hand: u32,
}

/// Where an account is, or was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    account: Option<Account>,
    /// `Accounts::changes` when it was changed last.
    changed: u64,
}

impl Accounts {
    /// Those that there are.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Account> {
        self.places.iter().filter_map(|p| p.account.as_ref())
    }

    /// How often an account was changed, made or forgotten.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Places that have changed since there were so many changes, with what is there now.
    pub(crate) fn changed_since(
        &self,
        changes: u64,
    ) -> impl Iterator<Item = (usize, Option<&Account>)> {
        let places = self.places.iter().enumerate();
        places
            .filter(move |(_, place)| place.changed > changes)
            .map(|(at, place)| (at, place.account.as_ref()))
    }

    /// The place of an account, if there is one.
    pub(crate) fn find(&self, project: &str, owner: &str) -> Option<u32> {
        self.index.get(project)?.get(owner).copied()
    }

    /// Cores are taken by a job of this project and owner; the place of the account, which is made where there is none.
    pub(crate) fn open(
        &mut self,
        (project, owner): (&str, &str),
        cores: u32,
        now: Timestamp,
        half_life: Span,
    ) -> u32 {
        let found = self.find(project, owner);
        let place = found.unwrap_or_else(|| self.make(project, owner, now, half_life));
        self.take(place, cores, now, half_life);
        place
    }

    /// More cores are taken.
    pub(crate) fn take(&mut self, place: u32, cores: u32, now: Timestamp, half_life: Span) {
        let account = self.settled(place, now, half_life);
        account.cores += u64::from(cores);
    }

    /// Cores are given back.
    pub(crate) fn give_back(&mut self, place: u32, cores: u32, now: Timestamp, half_life: Span) {
        let account = self.settled(place, now, half_life);
        let left = account.cores.checked_sub(cores.into());
        account.cores = left.expect("cores that are given back were taken");
    }

    /// The half-life is to be another one: what was used so far counts by the one that there was.
    pub(crate) fn settle(&mut self, now: Timestamp, half_life: Span) {
        self.changes += 1;
        for place in &mut self.places {
            if let Some(account) = &mut place.account {
                account.settle(now, half_life);
                place.changed = self.changes;
            }
        }
    }

    fn settled(&mut self, place: u32, now: Timestamp, half_life: Span) -> &mut Account {
        self.changes += 1;
        let place = &mut self.places[place as usize];
        place.changed = self.changes;
        let account = place.account.as_mut().expect("a job's account is there");
        account.settle(now, half_life);
        account
    }

    fn make(&mut self, project: &str, owner: &str, now: Timestamp, half_life: Span) -> u32 {
        self.forget_some(now, half_life);
        let account = Account {
            project: self
                .index
                .get_key_value(project)
                .map_or_else(|| project.into(), |(known, _)| known.clone()),
            owner: owner.into(),
            used: 0.0,
            at: now,
            cores: 0,
        };
        let place = self.vacant.pop().unwrap_or_else(|| {
            let place = Place {
                account: None,
                changed: 0,
            };
            self.places.push(place);
            self.places.len() as u32 - 1
        });
        let owners = self.index.entry(account.project.clone()).or_default();
        owners.insert(account.owner.clone(), place);
        self.places[place as usize].account = Some(account);
        place
    }

    /// Looks at a few for those that hold nothing and have used next to nothing. Where there is no room, the one of them that has used the least
    /// goes too: with ever new projects a user could fill the memory otherwise.
    fn forget_some(&mut self, now: Timestamp, half_life: Span) {
        let full = self.places.len() - self.vacant.len() >= ACCOUNTS_MAX;
        let mut least: Option<(f64, u32)> = None;
        for _ in 0..LOOKS[usize::from(full)].min(self.places.len()) {
            self.hand = (self.hand + 1) % self.places.len() as u32;
            let account = self.places[self.hand as usize].account.as_ref();
            let Some(account) = account.filter(|account| account.cores == 0) else {
                continue;
            };
            let used = account.used_at(now, half_life);
            if used < ACCOUNT_CORE_SECONDS_MIN {
                self.forget(self.hand);
            } else if least.is_none_or(|(least, _)| used < least) {
                least = Some((used, self.hand));
            }
        }
        if self.places.len() - self.vacant.len() >= ACCOUNTS_MAX
            && let Some((_, place)) = least
        {
            self.forget(place);
        }
    }

    fn forget(&mut self, at: u32) {
        self.changes += 1;
        let place = &mut self.places[at as usize];
        place.changed = self.changes;
        let account = place.account.take().expect("it was looked at");
        self.vacant.push(at);
        if let Some(owners) = self.index.get_mut(&account.project) {
            owners.remove(&account.owner);
            if owners.is_empty() {
                self.index.remove(&account.project);
            }
        }
    }

    /// What does not hold of the accounts: cores by place are given, as the jobs have them.
    pub(crate) fn check(&self, held: &BTreeMap<u32, u64>) -> Result<(), String> {
        let mut index: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        let mut vacant = Vec::new();
        for (at, place) in (0..).zip(&self.places) {
            let cores = held.get(&at).copied().unwrap_or_default();
            let Some(account) = &place.account else {
                if cores > 0 {
                    return Err(format!(
                        "account {at} is gone, and {cores} cores of it are held"
                    ));
                }
                vacant.push(at);
                continue;
            };
            let Account {
                project,
                owner,
                used,
                ..
            } = account;
            if account.cores != cores {
                let kept = account.cores;
                return Err(format!(
                    "account {project}/{owner} holds {kept} cores, its jobs {cores}"
                ));
            }
            if !(used.is_finite() && *used >= 0.0) {
                return Err(format!("account {project}/{owner} has used {used}"));
            }
            let owners = index.entry(project.clone()).or_default();
            owners.insert(owner.clone(), at);
        }
        let mut kept = self.vacant.clone();
        kept.sort_unstable();
        match (index == self.index, kept == vacant) {
            (true, true) => Ok(()),
            (false, _) => Err(format!("accounts by name: {:?}, not {index:?}", self.index)),
            (_, false) => Err(format!(
                "places without an account: {kept:?}, not {vacant:?}"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Span = Span::from_secs(3_600);
    const DAY: Span = Span::from_secs(86_400);

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    fn held(accounts: &Accounts) -> BTreeMap<u32, u64> {
        let places = accounts.changed_since(0);
        places
            .filter_map(|(place, account)| Some((place as u32, account?.cores)))
            .collect()
    }

    fn used(accounts: &Accounts, owner: &str, now: Timestamp) -> f64 {
        let mut all = accounts.iter().filter(|a| &*a.owner == owner);
        all.next().map_or(0.0, |a| a.used_at(now, HOUR))
    }

    #[test]
    fn use_grows_while_cores_are_held_and_halves_afterwards() {
        let mut accounts = Accounts::default();
        let ann = accounts.open(("p", "ann"), 4, at(0), HOUR);
        // A second of four cores, of which hardly anything is lost.
        let second = used(&accounts, "ann", at(1));
        assert!((second - 4.0).abs() < 1e-3, "{second}");
        accounts.take(ann, 2, at(10), HOUR);
        accounts.give_back(ann, 5, at(20), HOUR);
        let (held, right) = (used(&accounts, "ann", at(20)), 4.0 * 10.0 + 6.0 * 10.0);
        assert!((held - right).abs() < 0.2 && held < right, "{held}");
        accounts.give_back(ann, 1, at(20), HOUR);
        let later = used(&accounts, "ann", at(20 + 3_600));
        assert_eq!(later, held / 2.0);
        assert_eq!(used(&accounts, "ann", at(20 + 7_200)), held / 4.0);
        // Held for ever it comes to 3,600 / ln 2 core-seconds for each core.
        accounts.take(ann, 1, at(30), HOUR);
        let forever = used(&accounts, "ann", at(1_000_000));
        assert!((forever - 5_193.7).abs() < 0.1, "{forever}");
        assert_eq!(accounts.find("p", "ann"), Some(ann));
        assert_eq!(accounts.find("", "ann"), None);
    }

    /// Looking at it in between, as `settle` does, changes no more than the last digits.
    #[test]
    fn it_matters_little_when_an_account_is_brought_up_to_date() {
        let once = Account {
            project: "".into(),
            owner: "ann".into(),
            used: 1_000.0,
            at: at(0),
            cores: 3,
        };
        let mut often = once.clone();
        for second in 0..10_000 {
            often.settle(at(second), HOUR);
        }
        let (a, b) = (once.used_at(at(9_999), HOUR), often.used);
        assert!((a - b).abs() < 1e-9 * a, "{a} {b}");
    }

    #[test]
    fn another_half_life_counts_from_now_on() {
        let mut accounts = Accounts::default();
        let ann = accounts.open(("", "ann"), 1, at(0), HOUR);
        accounts.give_back(ann, 1, at(100), HOUR);
        let before = used(&accounts, "ann", at(3_700));
        let changes = accounts.changes();
        accounts.settle(at(3_700), HOUR);
        let told: Vec<_> = accounts.changed_since(changes).collect();
        assert_eq!(told.len(), 1, "all are told anew");
        assert_eq!(used(&accounts, "ann", at(3_700)), before);
    }

    #[test]
    fn accounts_that_used_next_to_nothing_are_forgotten_and_their_places_used_again() {
        let mut accounts = Accounts::default();
        for n in 0..1_000 {
            let owner = format!("u{n}");
            let place = accounts.open(("p", &owner), 1, at(n), HOUR);
            let end = Timestamp(at(n).0 + 500_000);
            accounts.give_back(place, 1, end, HOUR);
            assert_eq!(accounts.check(&held(&accounts)), Ok(()));
        }
        assert!(accounts.places.len() < 10, "{}", accounts.places.len());
        // One that holds cores stays, and one that has used much.
        let mut accounts = Accounts::default();
        accounts.open(("p", "holds"), 1, at(0), HOUR);
        let much = accounts.open(("p", "used"), 1, at(0), HOUR);
        accounts.give_back(much, 1, at(3_600), HOUR);
        for n in 0..100 {
            let place = accounts.open(("p", &format!("u{n}")), 1, at(3_600), HOUR);
            accounts.give_back(place, 1, at(3_600), HOUR);
        }
        assert!(accounts.find("p", "holds").is_some() && accounts.find("p", "used").is_some());
        // Some hundred half-lives later it has used nothing either.
        for n in 0..10 {
            accounts.open(("q", &format!("u{n}")), 1, at(1_000_000), HOUR);
        }
        assert!(accounts.find("p", "holds").is_some() && accounts.find("p", "used").is_none());
        assert_eq!(accounts.check(&held(&accounts)), Ok(()));
    }

    #[test]
    fn there_are_never_many_more_than_the_limit() {
        let mut accounts = Accounts::default();
        for n in 0..ACCOUNTS_MAX as u64 + 500 {
            let place = accounts.open((&format!("p{n}"), "ann"), 1, at(n), DAY);
            accounts.give_back(place, 1, at(n + 2), DAY);
        }
        assert_eq!(accounts.places.len(), ACCOUNTS_MAX);
        assert_eq!(accounts.iter().count(), ACCOUNTS_MAX);
        assert_eq!(accounts.check(&held(&accounts)), Ok(()));
    }
}
