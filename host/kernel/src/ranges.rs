//! Sets of small numbers as ranges: instances of a sweep, cores of a node.
//!
//! A million instances that are all queued are one range; memory follows the number of runs, not of members.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A set of `u32` kept as disjoint, non-touching ranges, cheap to take from the low end (`O(log runs)` an operation).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RangeSet {
    runs: Runs,
    len: u64,
}

/// First member → last member of each run, both included. Most sets are one run or none, and cost no memory of their own.
///
/// `Many` never has fewer than two, so that equal sets are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Runs {
    Few(Option<(u32, u32)>),
    Many(BTreeMap<u32, u32>),
}

impl Default for Runs {
    fn default() -> Self {
        Runs::Few(None)
    }
}

impl Runs {
    fn first(&self) -> Option<(u32, u32)> {
        match self {
            Runs::Few(run) => *run,
            Runs::Many(runs) => runs.first_key_value().map(|(&a, &b)| (a, b)),
        }
    }

    /// The last run that begins at or before `n`.
    fn up_to(&self, n: u32) -> Option<(u32, u32)> {
        match self {
            Runs::Few(run) => run.filter(|&(a, _)| a <= n),
            Runs::Many(runs) => runs.range(..=n).next_back().map(|(&a, &b)| (a, b)),
        }
    }

    /// Adds a run, or gives the one that begins there another end.
    fn put(&mut self, first: u32, last: u32) {
        match self {
            Runs::Few(None) => *self = Runs::Few(Some((first, last))),
            Runs::Few(Some((a, b))) if *a == first => *b = last,
            Runs::Few(Some(run)) => *self = Runs::Many(BTreeMap::from([*run, (first, last)])),
            Runs::Many(runs) => drop(runs.insert(first, last)),
        }
    }

    /// Takes the run out that begins there.
    fn take(&mut self, first: u32) {
        match self {
            Runs::Few(run) => *run = run.filter(|&(a, _)| a != first),
            Runs::Many(runs) => {
                runs.remove(&first);
                if runs.len() < 2 {
                    *self = Runs::Few(self.first());
                }
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let (few, many) = match self {
            Runs::Few(run) => (*run, None),
            Runs::Many(runs) => (None, Some(runs)),
        };
        few.into_iter()
            .chain(many.into_iter().flatten().map(|(&a, &b)| (a, b)))
    }
}

impl RangeSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// All from `first` to `last`, both included; empty when `first > last`.
    pub fn span(first: u32, last: u32) -> Self {
        let mut set = Self::new();
        if first <= last {
            set.runs.put(first, last);
            set.len = u64::from(last - first) + 1;
        }
        set
    }

    /// How many members.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The smallest member.
    pub fn first(&self) -> Option<u32> {
        self.runs.first().map(|(first, _)| first)
    }

    /// Whether `n` is a member.
    pub fn contains(&self, n: u32) -> bool {
        self.run_of(n).is_some()
    }

    /// Adds one; false if it was there.
    pub fn insert(&mut self, n: u32) -> bool {
        let below = self.runs.up_to(n);
        if below.is_some_and(|(_, last)| n <= last) {
            return false;
        }
        self.insert_span(n, n);
        true
    }

    /// Takes one out; false if it was not there.
    pub fn remove(&mut self, n: u32) -> bool {
        let Some((a, b)) = self.run_of(n) else {
            return false;
        };
        self.runs.take(a);
        if a < n {
            self.runs.put(a, n - 1);
        }
        if n < b {
            self.runs.put(n + 1, b);
        }
        self.len -= 1;
        true
    }

    /// Adds all of another set, run by run.
    pub fn extend(&mut self, other: &RangeSet) {
        if self.is_empty() {
            *self = other.clone();
            return;
        }
        for (first, last) in other.runs() {
            self.insert_span(first, last);
        }
    }

    /// Adds all from `first` to `last`; those that are there already stay.
    fn insert_span(&mut self, first: u32, last: u32) {
        let (mut first, mut last) = (first, last);
        // From the right: runs that overlap or touch become part of the new one.
        while let Some((a, b)) = self.runs.up_to(last.saturating_add(1)) {
            if b.saturating_add(1) < first {
                break;
            }
            self.len -= u64::from(b - a) + 1;
            last = last.max(b);
            if a <= first {
                // It gets another end, and nothing before it touches it.
                first = a;
                break;
            }
            self.runs.take(a);
        }
        self.runs.put(first, last);
        self.len += u64::from(last - first) + 1;
    }

    /// All members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.runs.iter().flat_map(|(a, b)| a..=b)
    }

    /// The runs, ascending: first and last member of each.
    pub fn runs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.runs.iter()
    }

    fn run_of(&self, n: u32) -> Option<(u32, u32)> {
        self.runs.up_to(n).filter(|&(_, last)| n <= last)
    }
}

/// As `1-5,7,9-10`.
impl fmt::Display for RangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (a, b)) in self.runs().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match a == b {
                true => write!(f, "{comma}{a}")?,
                false => write!(f, "{comma}{a}-{b}")?,
            }
        }
        Ok(())
    }
}

/// Cores of one node, by id. Few runs as a rule, so a sorted list of half-open ranges.
#[derive(Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(u32, u32)>", into = "Vec<(u32, u32)>")]
pub struct CoreSet {
    runs: CoreRuns,
}

/// One or two runs are kept in place.
type CoreRuns = SmallVec<[(u32, u32); 2]>;

/// As a copy of bytes, which the vector's own is not.
impl Clone for CoreSet {
    fn clone(&self) -> Self {
        CoreSet {
            runs: CoreRuns::from_slice(&self.runs),
        }
    }
}

impl From<Vec<(u32, u32)>> for CoreSet {
    fn from(runs: Vec<(u32, u32)>) -> Self {
        CoreSet { runs: runs.into() }
    }
}

impl From<CoreSet> for Vec<(u32, u32)> {
    fn from(set: CoreSet) -> Self {
        set.runs.into_vec()
    }
}

impl CoreSet {
    /// Cores 0 to `count` − 1.
    pub fn first_n(count: u32) -> Self {
        Self::span(0, count)
    }

    /// Cores `first` to `end` − 1.
    pub fn span(first: u32, end: u32) -> Self {
        CoreSet {
            runs: (first < end).then_some((first, end)).into_iter().collect(),
        }
    }

    /// The runs, ascending: the first core of each, and the one behind its last.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.runs.iter().copied()
    }

    /// How many.
    pub fn len(&self) -> u32 {
        self.runs.iter().map(|(a, b)| b - a).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// All ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.runs.iter().flat_map(|&(a, b)| a..b)
    }

    /// The `count` lowest; all if there are fewer.
    pub fn lowest(&self, count: u32) -> CoreSet {
        let mut left = count;
        let mut lowest = CoreRuns::new();
        for &(first, end) in &self.runs {
            if left == 0 {
                break;
            }
            let n = (end - first).min(left);
            lowest.push((first, first + n));
            left -= n;
        }
        CoreSet { runs: lowest }
    }

    /// Takes the `count` lowest out; all if there are fewer.
    pub fn take_lowest(&mut self, count: u32) -> CoreSet {
        if count >= self.len() {
            return std::mem::take(self);
        }
        let mut left = count;
        let mut taken = CoreRuns::new();
        let mut whole = 0;
        for run in &mut self.runs {
            if left == 0 {
                break;
            }
            let n = (run.1 - run.0).min(left);
            taken.push((run.0, run.0 + n));
            run.0 += n;
            left -= n;
            whole += usize::from(run.0 == run.1);
        }
        self.runs.drain(..whole);
        CoreSet { runs: taken }
    }

    /// Adds cores that are not in the set yet.
    ///
    /// # Panics
    /// When one is: a core given twice is our bug.
    pub fn put(&mut self, other: &CoreSet) {
        if self.is_empty() {
            return self.runs.extend_from_slice(&other.runs);
        }
        for &(a, b) in &other.runs {
            let at = self.runs.partition_point(|r| r.0 < a);
            let touches_left = at > 0 && self.runs[at - 1].1 == a;
            let touches_right = at < self.runs.len() && self.runs[at].0 == b;
            assert!(
                at == 0 || self.runs[at - 1].1 <= a,
                "cores {a}..{b} are in the set already"
            );
            assert!(
                at == self.runs.len() || b <= self.runs[at].0,
                "cores {a}..{b} are in the set already"
            );
            match (touches_left, touches_right) {
                (true, true) => {
                    self.runs[at - 1].1 = self.runs[at].1;
                    self.runs.remove(at);
                }
                (true, false) => self.runs[at - 1].1 = b,
                (false, true) => self.runs[at].0 = a,
                (false, false) => self.runs.insert(at, (a, b)),
            }
        }
    }

    /// Takes cores out that are in the set.
    ///
    /// # Panics
    /// When one is not: that is our bug.
    pub fn take(&mut self, other: &CoreSet) {
        for &(a, b) in &other.runs {
            let at = self.runs.partition_point(|r| r.1 <= a);
            let run = self.runs.get(at).copied().filter(|r| r.0 <= a && b <= r.1);
            let Some((x, y)) = run else {
                panic!("cores {a}..{b} are not in the set")
            };
            match (x == a, y == b) {
                (true, true) => {
                    self.runs.remove(at);
                }
                (true, false) => self.runs[at].0 = b,
                (false, true) => self.runs[at].1 = a,
                (false, false) => {
                    self.runs[at].1 = a;
                    self.runs.insert(at + 1, (b, y));
                }
            }
        }
    }
}

/// As `0-3,7`.
impl fmt::Display for CoreSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, &(a, b)) in self.runs.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match b - a {
                1 => write!(f, "{comma}{a}")?,
                _ => write!(f, "{comma}{a}-{}", b - 1)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A small deterministic source of numbers for model tests.
    fn numbers(mut seed: u64) -> impl FnMut(u32) -> u32 {
        move |below| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            ((seed >> 33) as u32) % below
        }
    }

    #[test]
    fn a_range_set_is_a_set() {
        let mut next = numbers(1);
        let (mut set, mut model) = (RangeSet::new(), BTreeSet::new());
        for _ in 0..5_000 {
            let n = next(64);
            match next(2) {
                0 => assert_eq!(set.insert(n), model.insert(n)),
                _ => assert_eq!(set.remove(n), model.remove(&n)),
            }
            assert_eq!(set.len(), model.len() as u64);
            assert_eq!(set.first(), model.first().copied());
            assert!(set.iter().eq(model.iter().copied()));
            assert!(
                set.runs()
                    .zip(set.runs().skip(1))
                    .all(|(l, r)| l.1 + 1 < r.0),
                "{set}"
            );
        }
    }

    #[test]
    fn sets_are_united() {
        let mut next = numbers(3);
        for _ in 0..2_000 {
            let (mut a, mut b, mut model) = (RangeSet::new(), RangeSet::new(), BTreeSet::new());
            for set in [&mut a, &mut b] {
                for _ in 0..next(20) {
                    let n = next(40);
                    set.insert(n);
                    model.insert(n);
                }
            }
            a.extend(&b);
            assert!(a.iter().eq(model.iter().copied()), "{a}");
            assert_eq!(a.len(), model.len() as u64);
            assert!(
                a.runs().zip(a.runs().skip(1)).all(|(l, r)| l.1 + 1 < r.0),
                "{a}"
            );
        }
    }

    #[test]
    fn a_million_instances_are_one_run() {
        let mut set = RangeSet::span(1, 1_000_000);
        assert_eq!((set.len(), set.runs().count()), (1_000_000, 1));
        assert!(set.remove(500_000));
        assert_eq!(set.to_string(), "1-499999,500001-1000000");
    }

    #[test]
    fn cores_taken_and_put_back_are_the_same_cores() {
        let mut next = numbers(2);
        let mut free = CoreSet::first_n(64);
        let mut held: Vec<CoreSet> = Vec::new();
        for _ in 0..5_000 {
            if next(2) == 0 {
                let want = next(9);
                let before = free.len();
                let lowest = free.lowest(want);
                let got = free.take_lowest(want);
                assert_eq!(got, lowest);
                assert_eq!(got.len(), want.min(before));
                held.push(got);
            } else if !held.is_empty() {
                let back = held.swap_remove(next(held.len() as u32) as usize);
                free.put(&back);
            }
            let mut all: Vec<u32> = held
                .iter()
                .flat_map(CoreSet::iter)
                .chain(free.iter())
                .collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..64));
        }
        let mut all = CoreSet::first_n(8);
        all.take(&CoreSet::from(vec![(2, 4)]));
        assert_eq!(all.to_string(), "0-1,4-7");
    }

    #[test]
    #[should_panic(expected = "in the set already")]
    fn a_core_given_twice_is_a_bug() {
        CoreSet::first_n(4).put(&CoreSet::first_n(1));
    }
}
