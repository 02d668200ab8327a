//! How often somebody may be wrong about a password before they have to wait.
//!
//! Counted by name and address together, so that nobody can lock out somebody else from afar; and by address, so that one
//! machine cannot go through all names.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong passwords for one name from one address within [`WINDOW`].
const OF_NAME_MAX: u32 = 10;
/// The same for all names.
const OF_ADDRESS_MAX: u32 = 100;
/// How long a wrong password counts, from the first one on.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Names with addresses that are remembered; beyond, those whose window ends first are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// What went wrong lately.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<BTreeMap<(IpAddr, Option<String>), Failed>>);

#[derive(Debug, Clone, Copy)]
struct Failed {
    since: Instant,
    count: u32,
}

impl Attempts {
    /// How long this one has to wait before the next try, if they have to.
    pub(crate) fn wait(&self, name: &str, address: IpAddr, now: Instant) -> Option<Duration> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(name, address);
        let waits = keys.into_iter().filter_map(|(key, max)| {
            let failed = all.get(&key)?;
            let left = WINDOW.checked_sub(now.saturating_duration_since(failed.since))?;
            (failed.count >= max).then_some(left)
        });
        waits.max()
    }

    /// A wrong password.
    pub(crate) fn failed(&self, name: &str, address: IpAddr, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |failed: &Failed| now.saturating_duration_since(failed.since) >= WINDOW;
        for (key, _) in keys(name, address) {
            if all.len() >= REMEMBERED_MAX {
                all.retain(|_, failed| !is_over(failed));
            }
            if all.len() >= REMEMBERED_MAX
                && let Some((first, _)) = all.iter().min_by_key(|(_, failed)| failed.since)
            {
                let first = first.clone();
                all.remove(&first);
            }
            let new = Failed {
                since: now,
                count: 0,
            };
            let failed = all.entry(key).or_insert(new);
            if is_over(failed) {
                *failed = new;
            }
            failed.count = failed.count.saturating_add(1);
        }
    }

    /// The right one: what was wrong before does not count any more for this name.
    pub(crate) fn passed(&self, name: &str, address: IpAddr) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [(key, _), _] = keys(name, address);
        all.remove(&key);
    }
}

fn keys(name: &str, address: IpAddr) -> [((IpAddr, Option<String>), u32); 2] {
    let address = network(address);
    // Longer names are nobody's.
    let name: String = name.chars().take(80).collect();
    [
        ((address, Some(name)), OF_NAME_MAX),
        ((address, None), OF_ADDRESS_MAX),
    ]
}

/// Whoever has one address of version 6 has 2^64 of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_wrong_too_often_waits_and_others_do_not() {
        let (attempts, began) = (Attempts::default(), Instant::now());
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..OF_NAME_MAX {
            assert_eq!(attempts.wait("ann", here, began), None);
            attempts.failed("ann", here, began);
        }
        let later = began + Duration::from_secs(60);
        let left = WINDOW - Duration::from_secs(60);
        assert_eq!(attempts.wait("ann", here, later), Some(left));
        assert_eq!(attempts.wait("ann", there, later), None);
        assert_eq!(attempts.wait("bob", here, later), None);
        assert_eq!(
            attempts.wait("ann", here, began + WINDOW),
            Some(Duration::ZERO)
        );
        attempts.failed("ann", here, began + WINDOW);
        assert_eq!(
            attempts.wait("ann", here, began + WINDOW),
            None,
            "a new window"
        );
        attempts.passed("ann", here);
        for n in 0..OF_ADDRESS_MAX {
            attempts.failed(&format!("user{n}"), there, began);
        }
        assert_eq!(attempts.wait("carl", there, began), Some(WINDOW));
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for n in 0..6_000_u32 {
            attempts.failed("ann", IpAddr::from((n << 8).to_be_bytes()), now);
        }
        let count = attempts.0.lock().unwrap().len();
        assert_eq!(count, REMEMBERED_MAX);
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let other: IpAddr = "2001:db8::ffff:2".parse().unwrap();
        assert_eq!(network(one), network(other));
        assert_eq!(
            network("::ffff:10.0.0.1".parse().unwrap()),
            IpAddr::from([10, 0, 0, 1])
        );
    }
}
