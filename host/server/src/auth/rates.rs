//! How many requests a second one user may make: a bucket each, that fills at that rate and holds two seconds' worth.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Users whose buckets are kept; a bucket that is full says as much as none.
const BUCKETS_MAX: usize = 10_000;
/// Seconds' worth that a bucket holds.
const BURST: f64 = 2.0;

/// The buckets.
#[derive(Debug)]
pub(crate) struct Rates {
    per_second: f64,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    pub(crate) fn new(per_second: NonZeroU32) -> Rates {
        Rates {
            per_second: per_second.get().into(),
            buckets: Mutex::default(),
        }
    }

    /// Takes one request from a user's bucket; how long to wait where there is none.
    pub(crate) fn take(&self, user: &str, now: Instant) -> Result<(), Duration> {
        let full = self.per_second * BURST;
        let filled = |bucket: &Bucket| {
            let since = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.left + since * self.per_second).min(full)
        };
        let mut all = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = all.get_mut(user) {
            let left = filled(bucket);
            if left < 1.0 {
                return Err(Duration::from_secs_f64((1.0 - left) / self.per_second));
            }
            *bucket = Bucket {
                left: left - 1.0,
                at: now,
            };
            return Ok(());
        }
        if all.len() >= BUCKETS_MAX {
            all.retain(|_, bucket| filled(bucket) < full);
        }
        let bucket = Bucket {
            left: full - 1.0,
            at: now,
        };
        all.insert(user.into(), bucket);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let rates = Rates::new(NonZeroU32::new(10).unwrap());
        let began = Instant::now();
        let passed = (0..100)
            .filter(|_| rates.take("ann", began).is_ok())
            .count();
        assert_eq!(passed, 20);
        let wait = rates.take("ann", began).unwrap_err();
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
        assert!(rates.take("bob", began).is_ok(), "each has their own");
        let later = began + Duration::from_secs(1);
        let passed = (0..100)
            .filter(|_| rates.take("ann", later).is_ok())
            .count();
        assert!((9..=10).contains(&passed), "{passed}");
    }
}
