//! SHA-256, by which components and compiled code are known.

use sha2::{Digest, Sha256};

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The first half of a SHA-256.
pub type Half = [u8; 16];

/// The first half of the SHA-256 of some bytes: what passes are compared by.
pub fn half_of(bytes: &[u8]) -> Half {
    let mut half = [0; 16];
    half.copy_from_slice(&sha256(bytes)[..16]);
    half
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_digest() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(b"abc")), expected);
    }
}
