//! Numbers that look random and are the same in every run.

/// Xorshift; the seed is not 0.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// From 0 up to this, without it.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The first numbers of small seeds are small.
        (self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % below
    }
}
