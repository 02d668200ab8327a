//! How events and states become bytes: postcard, with the writer's own description of its types kept beside them.
//!
//! Postcard is small and fast, and says nothing of itself: one more field, and old bytes mean something else. So what is
//! written names a [`Shape`], made by walking the types as they are compiled in ([`trace`]). A reader whose shape is the
//! same decodes directly. Any other reads field by field and variant by variant **by name** ([`decode`]), which gives what
//! self-describing formats give, at their cost only where it is needed: fields may be added (with a default), removed and
//! moved, variants added and moved, numbers widened. What cannot be understood is an error that names it, never a guess.
//!
//! What it is not: a place that knows any event. Nothing here is written by hand for a type.

mod decode;
mod json;
mod shape;
mod trace;
mod wire;

use std::io::Write;

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use decode::decode;
pub use json::to_json;
pub use shape::{Shape, Shapes, Variant};
pub use trace::trace;

/// Why bytes could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// They end too early, or a length or a tag in them cannot be.
    #[error("damaged at byte {at}: {what}")]
    Damaged {
        /// Where.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// They are whole, and say what this version does not know or lack what it needs.
    #[error("written by a version that this one does not understand: {0}")]
    Unknown(String),
    /// A type cannot be described.
    #[error("a type cannot be described: {0}")]
    Untraceable(String),
}

/// Adds the bytes of a value, without its shape, to what is given.
///
/// # Errors
/// The type cannot be expressed, such as a sequence of unknown length; or what is given does not take the bytes.
pub fn encode<T: Serialize + ?Sized, W: Write>(value: &T, to: W) -> Result<W, FormatError> {
    let taken = postcard::serialize_with_flavor(value, Buffered::new(to));
    taken.map_err(|error| FormatError::Untraceable(error.to_string()))
}

/// Hands bytes on many at a time: nearly all values are a byte or two.
struct Buffered<W> {
    to: W,
    bytes: [u8; BUFFERED],
    count: usize,
}

const BUFFERED: usize = 1 << 10;

impl<W: Write> Buffered<W> {
    fn new(to: W) -> Self {
        Buffered {
            to,
            bytes: [0; BUFFERED],
            count: 0,
        }
    }

    fn hand_on(&mut self) -> postcard::Result<()> {
        let bytes = &self.bytes[..self.count];
        self.count = 0;
        let taken = self.to.write_all(bytes);
        taken.map_err(|_| postcard::Error::SerializeBufferFull)
    }
}

impl<W: Write> Flavor for Buffered<W> {
    type Output = W;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if self.count == BUFFERED {
            self.hand_on()?;
        }
        self.bytes[self.count] = byte;
        self.count += 1;
        Ok(())
    }

    fn try_extend(&mut self, mut bytes: &[u8]) -> postcard::Result<()> {
        while bytes.len() > BUFFERED - self.count {
            let (now, later) = bytes.split_at(BUFFERED - self.count);
            self.bytes[self.count..].copy_from_slice(now);
            self.count = BUFFERED;
            self.hand_on()?;
            bytes = later;
        }
        self.bytes[self.count..][..bytes.len()].copy_from_slice(bytes);
        self.count += bytes.len();
        Ok(())
    }

    fn finalize(mut self) -> postcard::Result<W> {
        self.hand_on()?;
        Ok(self.to)
    }
}

/// A value written by this very version.
///
/// # Errors
/// The bytes are not such a value, or there are more of them.
pub fn decode_same<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FormatError> {
    let damaged = |what| FormatError::Damaged {
        at: bytes.len(),
        what,
    };
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, _)) => Err(damaged("bytes are left over")),
        Err(_) => Err(damaged("not what was written")),
    }
}

#[cfg(test)]
mod tests;
