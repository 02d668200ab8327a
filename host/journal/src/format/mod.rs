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
/// The type cannot be expressed, such as a sequence of unknown length.
pub fn encode<T: Serialize + ?Sized, W: Extend<u8>>(value: &T, to: W) -> Result<W, FormatError> {
    postcard::to_extend(value, to).map_err(|error| FormatError::Untraceable(error.to_string()))
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
