//! Maps and sets that are empty or have one member, as a rule: what a job holds of nodes, the attempts of a task, how its instances
//! ended.
//!
//! Why not the standard library's? Its trees make room for eleven entries with the first, one to two KiB for each of the maps of a job,
//! and most jobs are one task on one node. Here the first entry is kept by itself, and a tree is made with the second. It stays one until it
//! is empty: a job that goes back and forth between one and two does not make a tree each time.
//!
//! Equal, in order, and written as the standard ones are.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::ops::Index;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A sorted map with one entry or none, as a rule.
#[derive(Debug, Clone)]
pub struct FewMap<K, V>(Entries<K, V>);

#[derive(Debug, Clone)]
enum Entries<K, V> {
    One(Option<Box<(K, V)>>),
    /// Behind a pointer: the whole is two words.
    #[expect(
        clippy::box_collection,
        reason = "every job has several of these, and most are empty"
    )]
    Many(Box<BTreeMap<K, V>>),
}

impl<K, V> Default for FewMap<K, V> {
    fn default() -> Self {
        FewMap(Entries::One(None))
    }
}

impl<K: Ord, V> FewMap<K, V> {
    /// The empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        match &self.0 {
            Entries::One(one) => usize::from(one.is_some()),
            Entries::Many(many) => many.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The value of a key, with the key.
    pub fn get_key_value(&self, key: &K) -> Option<(&K, &V)> {
        match &self.0 {
            Entries::One(one) => one
                .as_deref()
                .filter(|(k, _)| k == key)
                .map(|(k, v)| (k, v)),
            Entries::Many(many) => many.get_key_value(key),
        }
    }

    /// The value of a key, to be changed.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match &mut self.0 {
            Entries::One(one) => one.as_deref_mut().filter(|(k, _)| k == key).map(|(_, v)| v),
            Entries::Many(many) => many.get_mut(key),
        }
    }

    /// Whether there is an entry of that key.
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Adds an entry; the value that the key had before, if it had one.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match &mut self.0 {
            Entries::One(Some(one)) if one.0 == key => Some(std::mem::replace(&mut one.1, value)),
            Entries::One(one) => {
                let new = (key, value);
                match one.take() {
                    None => *one = Some(Box::new(new)),
                    Some(one) => self.0 = Entries::Many(Box::new(BTreeMap::from([*one, new]))),
                }
                None
            }
            Entries::Many(many) => many.insert(key, value),
        }
    }

    /// The value of a key, made where there is none.
    pub(crate) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V
    where
        K: Clone,
    {
        if !self.contains_key(&key) {
            self.insert(key.clone(), make());
        }
        self.get_mut(&key).expect("it is there by now")
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match &mut self.0 {
            Entries::One(one) => one.take_if(|one| one.0 == *key).map(|one| one.1),
            Entries::Many(many) => {
                let gone = many.remove(key);
                if many.is_empty() {
                    *self = Self::default();
                }
                gone
            }
        }
    }

    /// All entries, by key.
    pub fn iter(&self) -> Iter<'_, K, V> {
        match &self.0 {
            Entries::One(one) => Iter(Few::One(one.as_deref())),
            Entries::Many(many) => Iter(Few::Many(many.iter())),
        }
    }

    /// All keys, ascending.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, by key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

/// Entries of a [`FewMap`], by key.
#[derive(Debug)]
pub struct Iter<'a, K, V>(Few<'a, K, V>);

#[derive(Debug)]
enum Few<'a, K, V> {
    One(Option<&'a (K, V)>),
    Many(btree_map::Iter<'a, K, V>),
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Few::One(one) => one.take().map(|(key, value)| (key, value)),
            Few::Many(many) => many.next(),
        }
    }
}

impl<'a, K: Ord, V> IntoIterator for &'a FewMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for FewMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = FewMap::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<K: Ord, V> Index<&K> for FewMap<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        self.get(key).expect("the key is there")
    }
}

impl<K: Ord, V: PartialEq> PartialEq for FewMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<K: Ord, V: Eq> Eq for FewMap<K, V> {}

impl<K: Ord + Serialize, V: Serialize> Serialize for FewMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for FewMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<K, V>::deserialize(deserializer)?;
        Ok(map.into_iter().collect())
    }
}

/// A sorted set with one member or none, as a rule: that one is kept in place.
#[derive(Debug, Clone)]
pub(crate) struct FewSet<T>(Members<T>);

#[derive(Debug, Clone)]
enum Members<T> {
    One(Option<T>),
    #[expect(
        clippy::box_collection,
        reason = "every job has several of these, and most are empty"
    )]
    Many(Box<BTreeSet<T>>),
}

impl<T> Default for FewSet<T> {
    fn default() -> Self {
        FewSet(Members::One(None))
    }
}

impl<T: Ord + Copy> FewSet<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.iter().next()
    }

    pub(crate) fn contains(&self, member: &T) -> bool {
        match &self.0 {
            Members::One(one) => one.as_ref() == Some(member),
            Members::Many(many) => many.contains(member),
        }
    }

    /// Adds one; false if it was there.
    pub(crate) fn insert(&mut self, member: T) -> bool {
        match &mut self.0 {
            Members::One(None) => self.0 = Members::One(Some(member)),
            Members::One(Some(one)) if *one == member => return false,
            Members::One(Some(one)) => {
                self.0 = Members::Many(Box::new(BTreeSet::from([*one, member])));
            }
            Members::Many(many) => return many.insert(member),
        }
        true
    }

    /// Takes one out; false if it was not there.
    pub(crate) fn remove(&mut self, member: &T) -> bool {
        match &mut self.0 {
            Members::One(one) => one.take_if(|one| one == member).is_some(),
            Members::Many(many) => {
                let was_there = many.remove(member);
                if many.is_empty() {
                    self.clear();
                }
                was_there
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All members, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let (one, many) = match &self.0 {
            Members::One(one) => (one.as_ref(), None),
            Members::Many(many) => (None, Some(many.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl<T: Ord + Copy> FromIterator<T> for FewSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        let mut set = FewSet::default();
        for member in members {
            set.insert(member);
        }
        set
    }
}

impl<T: Ord + Copy> PartialEq for FewSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Ord + Copy + Serialize> Serialize for FewSet<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Members::One(one) => serializer.collect_seq(one.as_slice()),
            Members::Many(many) => many.serialize(serializer),
        }
    }
}

impl<'de, T: Ord + Copy + Deserialize<'de>> Deserialize<'de> for FewSet<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let set = BTreeSet::<T>::deserialize(deserializer)?;
        Ok(set.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is compared with the standard one after each of many random changes.
    #[test]
    fn they_are_maps_and_sets() {
        let mut seed = 1_u64;
        let mut number = |below: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let (mut map, mut of_map) = (FewMap::new(), BTreeMap::new());
        let (mut set, mut of_set) = (FewSet::default(), BTreeSet::new());
        for _ in 0..5_000 {
            // Mostly taken out, so that both are empty, or have one, again and again.
            let (key, value) = (number(4), number(100));
            match number(5) {
                0 => {
                    assert_eq!(map.insert(key, value), of_map.insert(key, value));
                    assert_eq!(set.insert(key), of_set.insert(key));
                }
                1 => {
                    let made = map.get_or_insert_with(key, || value);
                    assert_eq!(made, of_map.entry(key).or_insert(value));
                }
                _ => {
                    assert_eq!(map.remove(&key), of_map.remove(&key));
                    assert_eq!(set.remove(&key), of_set.remove(&key));
                }
            }
            assert_eq!(map.len(), of_map.len());
            assert_eq!(map.get(&key), of_map.get(&key));
            assert_eq!(map.get_mut(&key), of_map.get_mut(&key));
            assert!(map.iter().eq(of_map.iter()));
            assert_eq!(map, of_map.clone().into_iter().collect());
            assert!(set.iter().eq(of_set.iter()));
            assert_eq!(set.contains(&key), of_set.contains(&key));
            assert_eq!(set.is_empty(), of_set.is_empty());
            assert!(set == of_set.iter().copied().collect());
        }
    }
}
