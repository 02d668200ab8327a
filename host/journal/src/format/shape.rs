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

/// A type and all that it is made of. One that is read from outside is known to end: no type in it contains itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Shapes {
    /// The type itself.
    pub root: Shape,
    /// Types that have names.
    pub types: BTreeMap<String, Named>,
}

/// As somebody wrote it.
#[derive(Deserialize)]
struct Unchecked {
    root: Shape,
    types: BTreeMap<String, Named>,
}

/// Types within types. Those of the kernel have about 20; reading takes stack for each.
const DEPTH_MAX: usize = 200;

impl TryFrom<Unchecked> for Shapes {
    type Error = String;

    fn try_from(Unchecked { root, types }: Unchecked) -> Result<Self, String> {
        let mut depths = Depths {
            types: &types,
            known: BTreeMap::new(),
        };
        depths.of(&root, 0)?;
        Ok(Shapes { root, types })
    }
}

/// How many types are within each other.
struct Depths<'s> {
    types: &'s BTreeMap<String, Named>,
    /// None: it is being looked at.
    known: BTreeMap<&'s str, Option<usize>>,
}

impl<'s> Depths<'s> {
    /// Of a type that is within `around` others.
    fn of(&mut self, shape: &'s Shape, around: usize) -> Result<usize, String> {
        let too_deep = || format!("more than {DEPTH_MAX} types are within each other");
        if around > DEPTH_MAX {
            return Err(too_deep());
        }
        let inner = match shape {
            Shape::Unit
            | Shape::Bool
            | Shape::U8
            | Shape::I8
            | Shape::Unsigned(_)
            | Shape::Signed(_)
            | Shape::Float(_)
            | Shape::Char
            | Shape::String
            | Shape::Bytes => 0,
            Shape::Option(inner) | Shape::Seq(inner) => self.of(inner, around + 1)?,
            Shape::Map(key, value) => {
                let key = self.of(key, around + 1)?;
                key.max(self.of(value, around + 1)?)
            }
            Shape::Tuple(all) => self.most(all.iter(), around)?,
            Shape::Named(name) => match self.known.get(name.as_str()) {
                Some(Some(known)) => *known,
                Some(None) => return Err(format!("{name} contains itself")),
                None => {
                    let types = self.types;
                    let named = types.get(name);
                    let named = named.ok_or_else(|| format!("{name} is not described"))?;
                    self.known.insert(name, None);
                    let depth = self.of_named(named, around)?;
                    self.known.insert(name, Some(depth));
                    depth
                }
            },
        };
        match around + inner > DEPTH_MAX {
            true => Err(too_deep()),
            false => Ok(inner + 1),
        }
    }

    fn of_named(&mut self, named: &'s Named, around: usize) -> Result<usize, String> {
        let fields = |all: &'s [(String, Shape)]| all.iter().map(|(_, shape)| shape);
        match named {
            Named::Struct(all) => self.most(fields(all), around),
            Named::Enum(variants) => {
                let mut most = 0;
                for (_, variant) in variants {
                    let depth = match variant {
                        Variant::Unit => 0,
                        Variant::Newtype(shape) => self.of(shape, around + 1)?,
                        Variant::Tuple(all) => self.most(all.iter(), around)?,
                        Variant::Struct(all) => self.most(fields(all), around)?,
                    };
                    most = most.max(depth);
                }
                Ok(most)
            }
        }
    }

    fn most(
        &mut self,
        mut shapes: impl Iterator<Item = &'s Shape>,
        around: usize,
    ) -> Result<usize, String> {
        shapes.try_fold(0, |most, shape| Ok(most.max(self.of(shape, around + 1)?)))
    }
}
