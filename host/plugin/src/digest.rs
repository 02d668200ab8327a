//! SHA-256, by which components and compiled code are known.

use std::io;

use sha2::{Digest, Sha256};

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The SHA-256 of some bytes, in hex: what components are known by.
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// The first half of a SHA-256.
pub type Half = [u8; 16];

/// The first half of the SHA-256 of some bytes: what passes are compared by.
pub fn half_of(bytes: &[u8]) -> Half {
    let mut half = [0; 16];
    half.copy_from_slice(&sha256(bytes)[..16]);
    half
}

/// Takes bytes one after the other, for [`half_of`] of all of them: what is compared may be megabytes, which are not to be in one place for it.
#[derive(Clone, Default)]
pub struct HalfOf(Sha256);

impl io::Write for HalfOf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl HalfOf {
    /// Of all that it took.
    pub fn finish(self) -> Half {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0.finalize()[..16]);
        half
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_known_digest() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(b"abc")), expected);
    }

    #[test]
    fn bytes_one_after_the_other_are_as_all_at_once() {
        let bytes: Vec<u8> = (0..5_000_u32).map(|n| ((n * n) >> 3) as u8).collect();
        for count in [0, 1, 1_023, 1_024, 1_025, 4_096, 5_000] {
            let mut taken = HalfOf::default();
            for part in bytes[..count].chunks(7) {
                taken.write_all(part).unwrap();
            }
            assert_eq!(taken.finish(), half_of(&bytes[..count]), "{count}");
        }
    }
}
