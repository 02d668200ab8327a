//! What types look like on the wire. Kept with what was written, as JSON that people and other programs can read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The form of a value in postcard's wire format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Nothing.
    Unit,
    /// One byte, 0 or 1.
    Bool,
    /// One byte.
    U8,
    /// One byte.
    I8,
    /// A variable-length number of up to 16, 32, 64 bits.
    Unsigned(u8),
    /// The same, folded (zigzag).
    Signed(u8),
    /// Little-endian, of 32 or 64 bits.
    Float(u8),
    /// As a string.
    Char,
    /// Length, then UTF-8.
    String,
    /// Length, then bytes.
    Bytes,
    /// 0, or 1 and the value.
    Option(Box<Shape>),
    /// Length, then values.
    Seq(Box<Shape>),
    /// Length, then keys and values in turns.
    Map(Box<Shape>, Box<Shape>),
    /// One after the other.
    Tuple(Vec<Shape>),
    /// A type by its name in [`Shapes`].
    Named(String),
}

/// A type with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// Its fields, one after the other.
    Struct(Vec<(String, Shape)>),
    /// The number of the variant, from 0, then what belongs to it.
    Enum(Vec<(String, Variant)>),
}

/// What belongs to a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Nothing.
    Unit,
    /// One value.
    Newtype(Shape),
    /// Several values.
    Tuple(Vec<Shape>),
    /// Fields.
    Struct(Vec<(String, Shape)>),
}

/// A type and all that it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shapes {
    /// The type itself.
    pub root: Shape,
    /// Types that have names.
    pub types: BTreeMap<String, Named>,
}
