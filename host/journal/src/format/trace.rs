//! Describes a type by deserializing it from nothing: every request that its `Deserialize` makes is noted, and answered
//! with a value that fits. Enums need one walk a variant.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::U32Deserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use super::FormatError;
use super::shape::{Named, Shape, Shapes, Variant};

/// Walks through a type before it is given up: more than variants that any type has.
const WALKS_MAX: usize = 10_000;
/// Nesting of types before one is taken to contain itself.
const DEPTH_MAX: usize = 64;

/// What a type looks like on the wire.
///
/// # Errors
/// It contains itself, or reads what this format has no form for, or refuses `"0"` and `0` as text and number.
pub fn trace<T: DeserializeOwned>() -> Result<Shapes, FormatError> {
    let mut known = Known::default();
    for _ in 0..WALKS_MAX {
        let mut root = Shape::Unit;
        known.open = 0;
        T::deserialize(Walk {
            known: &mut known,
            shape: &mut root,
            depth: 0,
        })
        .map_err(|stop| FormatError::Untraceable(stop.0))?;
        if known.open == 0 {
            return known.finish(root);
        }
    }
    let message = format!("it has more than {WALKS_MAX} variants");
    Err(FormatError::Untraceable(message))
}

/// Its name, what belongs to it once that was seen, and whether all in it was.
type KnownVariant = (&'static str, Option<Variant>, bool);

/// What has been learnt in all walks.
#[derive(Default)]
struct Known {
    structs: BTreeMap<String, Vec<(String, Shape)>>,
    enums: BTreeMap<String, Vec<KnownVariant>>,
    /// Enums met in this walk that have variants left.
    open: usize,
}

impl Known {
    fn finish(self, root: Shape) -> Result<Shapes, FormatError> {
        let mut types = BTreeMap::new();
        for (name, fields) in self.structs {
            types.insert(name, Named::Struct(fields));
        }
        for (name, variants) in self.enums {
            let whole: Option<Vec<_>> = variants
                .into_iter()
                .map(|(name, shape, _)| Some((name.to_string(), shape?)))
                .collect();
            let whole =
                whole.ok_or_else(|| FormatError::Untraceable(format!("{name} contains itself")))?;
            types.insert(name, Named::Enum(whole));
        }
        Ok(Shapes { root, types })
    }
}

/// Why a walk ended.
#[derive(Debug)]
struct Stop(String);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Stop(message.to_string())
    }
}

/// One place in a type.
struct Walk<'k> {
    known: &'k mut Known,
    shape: &'k mut Shape,
    depth: usize,
}

impl Walk<'_> {
    fn inner<'s>(&'s mut self, shape: &'s mut Shape) -> Walk<'s> {
        Walk {
            known: self.known,
            shape,
            depth: self.depth + 1,
        }
    }

    /// The name of a type; a second type of the same name gets another.
    fn name(&self, name: &str, parts: &[&str]) -> String {
        let fits = |candidate: &str| {
            let fields = self.known.structs.get(candidate);
            let variants = self.known.enums.get(candidate);
            match (fields, variants) {
                (None, None) => true,
                (Some(fields), _) => fields.iter().map(|(n, _)| n).eq(parts),
                (None, Some(variants)) => variants.iter().map(|(n, _, _)| n).eq(parts),
            }
        };
        let others = (2..).map(|n| format!("{name}#{n}"));
        let mut all = std::iter::once(name.to_string()).chain(others);
        all.find(|candidate| fits(candidate))
            .unwrap_or_else(|| name.to_string())
    }
}

macro_rules! leaves {
    ($($method:ident => $shape:expr, $visit:ident($($value:expr)?);)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            *self.shape = $shape;
            visitor.$visit($($value)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Walk<'_> {
    type Error = Stop;

    leaves! {
        deserialize_bool => Shape::Bool, visit_bool(false);
        deserialize_i8 => Shape::I8, visit_i8(0);
        deserialize_i16 => Shape::Signed(16), visit_i16(0);
        deserialize_i32 => Shape::Signed(32), visit_i32(0);
        deserialize_i64 => Shape::Signed(64), visit_i64(0);
        deserialize_u8 => Shape::U8, visit_u8(0);
        deserialize_u16 => Shape::Unsigned(16), visit_u16(0);
        deserialize_u32 => Shape::Unsigned(32), visit_u32(0);
        deserialize_u64 => Shape::Unsigned(64), visit_u64(0);
        deserialize_f32 => Shape::Float(32), visit_f32(0.0);
        deserialize_f64 => Shape::Float(64), visit_f64(0.0);
        deserialize_char => Shape::Char, visit_char('0');
        deserialize_str => Shape::String, visit_borrowed_str("0");
        deserialize_string => Shape::String, visit_string("0".into());
        deserialize_bytes => Shape::Bytes, visit_bytes(&[]);
        deserialize_byte_buf => Shape::Bytes, visit_byte_buf(Vec::new());
        deserialize_unit => Shape::Unit, visit_unit();
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(Stop("it reads what it is not told about".into()))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        let mut some = Shape::Unit;
        let value = visitor.visit_some(self.inner(&mut some))?;
        *self.shape = Shape::Option(some.into());
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        let mut shapes = Vec::new();
        let value = visitor.visit_seq(self.parts(&mut shapes, 1))?;
        let element = shapes.pop().unwrap_or(Shape::Unit);
        *self.shape = Shape::Seq(element.into());
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let mut shapes = Vec::new();
        let value = visitor.visit_seq(self.parts(&mut shapes, count))?;
        *self.shape = Shape::Tuple(shapes);
        Ok(value)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_tuple(count, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        let mut shapes = Vec::new();
        let value = visitor.visit_map(self.parts(&mut shapes, 2))?;
        let mut shapes = shapes.into_iter();
        let mut next = || Box::new(shapes.next().unwrap_or(Shape::Unit));
        *self.shape = Shape::Map(next(), next());
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let name = self.name(name, fields);
        let mut shapes = Vec::new();
        let value = visitor.visit_seq(self.parts(&mut shapes, fields.len()))?;
        let fields = fields.iter().map(ToString::to_string).zip(shapes).collect();
        self.known.structs.insert(name.clone(), fields);
        *self.shape = Shape::Named(name);
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let name = self.name(name, variants);
        let all = self.known.enums.entry(name.clone());
        let all = all.or_insert_with(|| variants.iter().map(|&v| (v, None, false)).collect());
        let index = all.iter().position(|(_, _, done)| !done).unwrap_or(0);
        let before = self.known.open;
        let mut shape = Variant::Unit;
        let value = visitor.visit_enum(OneVariant {
            walk: self.inner(&mut Shape::Unit),
            index: index as u32,
            shape: &mut shape,
        })?;
        let inside_done = self.known.open == before;
        if let Some(all) = self.known.enums.get_mut(&name) {
            all[index] = (variants[index], Some(shape), inside_done);
            self.known.open += usize::from(all.iter().any(|(_, _, done)| !done));
        }
        *self.shape = Shape::Named(name);
        Ok(value)
    }
}

impl Walk<'_> {
    fn parts<'s>(&'s mut self, shapes: &'s mut Vec<Shape>, left: usize) -> Parts<'s> {
        Parts {
            known: self.known,
            depth: self.depth + 1,
            shapes,
            left,
        }
    }
}

/// Elements, fields, or a key and a value.
struct Parts<'k> {
    known: &'k mut Known,
    depth: usize,
    shapes: &'k mut Vec<Shape>,
    left: usize,
}

impl Parts<'_> {
    fn next<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        if self.depth > DEPTH_MAX {
            return Err(Stop("it contains itself".into()));
        }
        let mut shape = Shape::Unit;
        let value = seed.deserialize(Walk {
            known: self.known,
            shape: &mut shape,
            depth: self.depth,
        })?;
        self.shapes.push(shape);
        self.left -= 1;
        Ok(value)
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        match self.left {
            0 => Ok(None),
            _ => self.next(seed).map(Some),
        }
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        self.next(seed)
    }
}

/// A variant and what belongs to it.
struct OneVariant<'k> {
    walk: Walk<'k>,
    index: u32,
    shape: &'k mut Variant,
}

impl<'de> EnumAccess<'de> for OneVariant<'_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        let index: U32Deserializer<Stop> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for OneVariant<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        *self.shape = Variant::Unit;
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<S::Value, Stop> {
        let mut shape = Shape::Unit;
        let value = seed.deserialize(self.walk.inner(&mut shape))?;
        *self.shape = Variant::Newtype(shape);
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(
        mut self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let mut shapes = Vec::new();
        let value = visitor.visit_seq(self.walk.parts(&mut shapes, count))?;
        *self.shape = Variant::Tuple(shapes);
        Ok(value)
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let mut shapes = Vec::new();
        let value = visitor.visit_seq(self.walk.parts(&mut shapes, fields.len()))?;
        let fields = fields.iter().map(ToString::to_string).zip(shapes).collect();
        *self.shape = Variant::Struct(fields);
        Ok(value)
    }
}
