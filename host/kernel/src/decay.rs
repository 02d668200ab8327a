//! What is left of something that halves again and again: 2^-x, the same to the last bit on every machine.
//!
//! Made of `+`, `*` and `/` of `f64`, which IEEE 754 rounds in one way only; `exp2` of a system's mathematical library differs from machine to
//! machine. `plugins/sdk/src/accounts.rs` has the same function for policies.

use std::f64::consts::LN_2;

/// Beyond so many half-lives nothing is left: 2^-1000 is as good as nothing.
const HALVINGS_MAX: f64 = 1_000.0;

/// 2^-x, and 1 − 2^-x, for an `x` that is not negative. Both are off by less than 1e-14 of themselves; 2^-x is 0 from 1000 on.
pub(crate) fn decay(x: f64) -> (f64, f64) {
    if x >= HALVINGS_MAX {
        return (0.0, 1.0);
    }
    let whole = x as u32;
    // e^-4z = 2^-fraction; 1 - e^-z by its series, of which the first term that is left out is below 1e-15 of the sum.
    let z = (x - f64::from(whole)) * (LN_2 / 4.0);
    let mut lost = 1.0 / 3_628_800.0;
    for divisor in [
        362_880.0, 40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0,
    ] {
        lost = 1.0 / divisor - z * lost;
    }
    lost *= z;
    // 1 - (1 - a)^2 = a (2 - a), twice.
    lost *= 2.0 - lost;
    lost *= 2.0 - lost;
    if whole == 0 {
        return (1.0 - lost, lost);
    }
    let halvings = f64::from_bits(u64::from(1_023 - whole) << 52);
    let kept = halvings * (1.0 - lost);
    (kept, 1.0 - kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_two_to_the_minus_x() {
        let steps = (0..200_000u32).map(|n| f64::from(n) / 1_999.0);
        let small = (0..60).map(|n| 0.9 * 0.5f64.powi(n));
        for x in steps.chain(small) {
            let (kept, lost) = decay(x);
            let (right, gone) = ((-x).exp2(), -(-x * LN_2).exp_m1());
            assert!((kept - right).abs() <= 1e-14 * right, "{x}: {kept} {right}");
            assert!((lost - gone).abs() <= 1e-14 * gone, "{x}: {lost} {gone}");
        }
        assert_eq!(decay(0.0), (1.0, 0.0));
        assert_eq!(decay(1.0), (0.5, 0.5));
        assert_eq!(decay(3.0), (0.125, 0.875));
        assert_eq!(decay(1e9), (0.0, 1.0));
        assert_eq!(decay(f64::INFINITY), (0.0, 1.0));
        assert!(decay(999.9).0 > 0.0);
    }

    /// Should a compiler ever make something else of it, this says so.
    #[test]
    fn it_is_the_same_to_the_last_bit() {
        let table: [(f64, u64, u64); 4] = [
            (0.1, 0x3fed_db68_0117_ab12, 0x3fb1_24bf_f742_a770),
            (0.7, 0x3fe3_b2c4_7bff_8329, 0x3fd8_9a77_0800_f9ae),
            (2.5, 0x3fc6_a09e_667f_3bcc, 0x3fea_57d8_6660_310d),
            (1.6e-12, 0x3fef_ffff_ffff_d8fb, 0x3d73_82a6_dd51_2755),
        ];
        for (x, kept, lost) in table {
            let (k, l) = decay(x);
            assert_eq!((k.to_bits(), l.to_bits()), (kept, lost), "{x}: {k:e} {l:e}");
        }
    }
}
