//! Postcard's wire format, read without knowing the type.

use super::FormatError;

/// Bytes and how far they have been read.
#[derive(Debug)]
pub(super) struct Wire<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Wire<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Wire { bytes, at: 0 }
    }

    pub(super) fn damaged(&self, what: &'static str) -> FormatError {
        FormatError::Damaged { at: self.at, what }
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let end = self
            .at
            .checked_add(count)
            .filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.damaged("it ends too early"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, FormatError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut all = [0; N];
        all.copy_from_slice(self.take(N)?);
        Ok(all)
    }

    /// Seven bits a byte, the lowest first; the high bit says that more follow.
    pub(super) fn unsigned(&mut self, bits: u8) -> Result<u64, FormatError> {
        let mut value: u64 = 0;
        for shift in (0..u32::from(bits)).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part.leading_zeros() + shift.min(63) < 64 && (part << shift) >> shift != part {
                return Err(self.damaged("a number is too large"));
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return match bits < 64 && value >> bits != 0 {
                    true => Err(self.damaged("a number is too large")),
                    false => Ok(value),
                };
            }
        }
        Err(self.damaged("a number does not end"))
    }

    pub(super) fn signed(&mut self, bits: u8) -> Result<i64, FormatError> {
        let folded = self.unsigned(bits)?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    /// A length. Nothing that is written takes less than a byte, so no length is above what is left.
    pub(super) fn length(&mut self) -> Result<usize, FormatError> {
        let length = usize::try_from(self.unsigned(64)?).unwrap_or(usize::MAX);
        match length <= self.left() {
            true => Ok(length),
            false => Err(self.damaged("a length is beyond the end")),
        }
    }

    pub(super) fn string(&mut self) -> Result<&'a str, FormatError> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| self.damaged("text is not UTF-8"))
    }

    /// One byte, 0 or 1.
    pub(super) fn flag(&mut self) -> Result<bool, FormatError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged("neither yes nor no")),
        }
    }
}
