//! Whole numbers that sort as what they stand for: one way to compare, sort and index instead of one for each type.
//!
//! A component carries a copy of every generic function for every type that it is used with; this keeps them few.

use std::hash::{BuildHasherDefault, Hasher};

/// Bits that sort as the number does.
pub(crate) fn ordered(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 0 {
        bits | 1 << 63
    } else {
        !bits
    }
}

/// The number that [`ordered`] made these bits of.
pub(crate) fn instant(bits: u64) -> f64 {
    if bits >> 63 == 1 {
        f64::from_bits(bits & !(1 << 63))
    } else {
        f64::from_bits(!bits)
    }
}

/// Sorts first by `major`, then by `minor`.
pub(crate) fn key(major: u64, minor: u32) -> u128 {
    u128::from(major) << 32 | u128::from(minor)
}

/// The `minor` of a [`key`].
pub(crate) fn minor(key: u128) -> u32 {
    key as u32
}

/// Place in the queue: priority first, then position; the number last, so that no two are equal.
pub(crate) fn queue_key(priority: u32, position: f64, number: u32) -> u128 {
    u128::from(u32::MAX - priority) << 96 | key(ordered(position), number)
}

/// Sorts keys, ascending.
pub(crate) fn sort(keys: &mut [u128]) {
    keys.sort_unstable();
}

/// Hashes one `u32`, the same way always: for maps that are asked and never walked.
#[derive(Debug, Clone, Default)]
pub(crate) struct NumberHasher(u64);

/// For `HashMap::with_hasher`.
pub(crate) type HashNumbers = BuildHasherDefault<NumberHasher>;

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // The map takes its bits from both ends.
        let mixed = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_what_they_stand_for() {
        let numbers = [
            f64::NEG_INFINITY,
            -2.5,
            -0.0,
            0.0,
            1e-300,
            1.0,
            9e15,
            f64::INFINITY,
        ];
        assert!(
            numbers
                .windows(2)
                .all(|pair| ordered(pair[0]) < ordered(pair[1]))
        );
        let same = |number: &f64| instant(ordered(*number)).to_bits() == number.to_bits();
        assert!(numbers.iter().all(same));
        let places = [
            (4000, 9.0, 9),
            (2000, -3.0, 9),
            (2000, 7.0, 1),
            (2000, 7.0, 2),
            (0, 0.0, 0),
        ];
        let keys = places.map(|(priority, position, number)| queue_key(priority, position, number));
        assert!(keys.is_sorted());
        assert_eq!(minor(keys[0]), 9);
        assert!(key(1, u32::MAX) < key(2, 0));
    }
}
