//! Reads what another version wrote, by the names in its own description.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::FormatError;
use super::shape::{Named, Shape, Shapes, Variant};
use super::wire::Wire;

/// A value written by a version whose types had these shapes.
///
/// # Errors
/// The bytes are damaged, or mean what this version has no place for.
pub fn decode<T: DeserializeOwned>(shapes: &Shapes, bytes: &[u8]) -> Result<T, FormatError> {
    let mut wire = Wire::new(bytes);
    let value = T::deserialize(At {
        shapes,
        shape: &shapes.root,
        wire: &mut wire,
    });
    match value {
        Ok(value) if wire.left() == 0 => Ok(value),
        Ok(_) => Err(wire.damaged("bytes are left over")),
        Err(error) => Err(error),
    }
}

impl de::Error for FormatError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        FormatError::Unknown(message.to_string())
    }
}

/// One place in what was written.
struct At<'s, 'w, 'b> {
    shapes: &'s Shapes,
    shape: &'s Shape,
    wire: &'w mut Wire<'b>,
}

impl<'s, 'b> At<'s, '_, 'b> {
    fn named(&self, name: &str) -> Result<&'s Named, FormatError> {
        let named = self.shapes.types.get(name);
        named.ok_or_else(|| FormatError::Unknown(format!("its description lacks {name}")))
    }

    fn parts<'w>(&'w mut self, shapes: impl Iterator<Item = &'s Shape> + 's) -> Parts<'s, 'w, 'b> {
        Parts {
            shapes: self.shapes,
            left: Box::new(shapes),
            wire: self.wire,
        }
    }

    fn fields<'w>(&'w mut self, fields: &'s [(String, Shape)]) -> Fields<'s, 'w, 'b> {
        Fields {
            shapes: self.shapes,
            fields: fields.iter(),
            value: None,
            wire: self.wire,
        }
    }

    /// Past a value that nobody wants.
    fn skip(mut self) -> Result<(), FormatError> {
        match self.shape {
            Shape::Unit => Ok(()),
            Shape::Bool => self.wire.flag().map(drop),
            Shape::U8 | Shape::I8 => self.wire.byte().map(drop),
            Shape::Unsigned(bits) | Shape::Signed(bits) => self.wire.unsigned(*bits).map(drop),
            Shape::Float(bits) => self.wire.take(usize::from(bits / 8)).map(drop),
            Shape::Char | Shape::String => self.wire.string().map(drop),
            Shape::Bytes => {
                let length = self.wire.length()?;
                self.wire.take(length).map(drop)
            }
            Shape::Option(inner) => match self.wire.flag()? {
                true => self.at(inner).skip(),
                false => Ok(()),
            },
            Shape::Seq(element) => {
                (0..self.wire.length()?).try_for_each(|_| self.at(element).skip())
            }
            Shape::Map(key, value) => (0..self.wire.length()?)
                .try_for_each(|_| self.at(key).skip().and_then(|()| self.at(value).skip())),
            Shape::Tuple(shapes) => shapes.iter().try_for_each(|shape| self.at(shape).skip()),
            Shape::Named(name) => match self.named(name)? {
                Named::Struct(fields) => fields.iter().try_for_each(|(_, s)| self.at(s).skip()),
                Named::Enum(variants) => {
                    let (_, variant) = self.variant(variants)?;
                    match variant {
                        Variant::Unit => Ok(()),
                        Variant::Newtype(shape) => self.at(shape).skip(),
                        Variant::Tuple(all) => all.iter().try_for_each(|s| self.at(s).skip()),
                        Variant::Struct(all) => all.iter().try_for_each(|(_, s)| self.at(s).skip()),
                    }
                }
            },
        }
    }

    fn at<'w>(&'w mut self, shape: &'s Shape) -> At<'s, 'w, 'b> {
        At {
            shapes: self.shapes,
            shape,
            wire: self.wire,
        }
    }

    fn variant(
        &mut self,
        variants: &'s [(String, Variant)],
    ) -> Result<&'s (String, Variant), FormatError> {
        let index = self.wire.unsigned(32)?;
        let variant = variants.get(index as usize);
        variant.ok_or_else(|| self.wire.damaged("there is no such variant"))
    }
}

impl<'de, 's, 'b> Deserializer<'de> for At<'s, '_, 'b> {
    type Error = FormatError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, FormatError> {
        match self.shape {
            Shape::Unit => visitor.visit_unit(),
            Shape::Bool => visitor.visit_bool(self.wire.flag()?),
            Shape::U8 => visitor.visit_u8(self.wire.byte()?),
            Shape::I8 => visitor.visit_i8(self.wire.byte()? as i8),
            Shape::Unsigned(bits) => visitor.visit_u64(self.wire.unsigned(*bits)?),
            Shape::Signed(bits) => visitor.visit_i64(self.wire.signed(*bits)?),
            Shape::Float(32) => visitor.visit_f32(f32::from_le_bytes(self.wire.array()?)),
            Shape::Float(_) => visitor.visit_f64(f64::from_le_bytes(self.wire.array()?)),
            Shape::Char | Shape::String => visitor.visit_str(self.wire.string()?),
            Shape::Bytes => {
                let length = self.wire.length()?;
                visitor.visit_bytes(self.wire.take(length)?)
            }
            Shape::Option(inner) => match self.wire.flag()? {
                true => visitor.visit_some(self.at(inner)),
                false => visitor.visit_none(),
            },
            Shape::Seq(element) => {
                let count = self.wire.length()?;
                visitor.visit_seq(self.parts(std::iter::repeat_n(&**element, count)))
            }
            Shape::Map(key, value) => {
                let count = self.wire.length()?;
                let parts = std::iter::repeat_n([&**key, &**value], count).flatten();
                visitor.visit_map(self.parts(parts))
            }
            Shape::Tuple(shapes) => visitor.visit_seq(self.parts(shapes.iter())),
            Shape::Named(name) => match self.named(name)? {
                Named::Struct(fields) => visitor.visit_map(self.fields(fields)),
                Named::Enum(variants) => {
                    let (name, variant) = self.variant(variants)?;
                    visitor.visit_enum(OneVariant {
                        at: self,
                        name,
                        variant,
                    })
                }
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormatError> {
        if matches!(self.shape, Shape::Option(_)) {
            return self.deserialize_any(visitor);
        }
        // What was always there may be left out now.
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormatError> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Elements, or keys and values in turns.
struct Parts<'s, 'w, 'b> {
    shapes: &'s Shapes,
    left: Box<dyn Iterator<Item = &'s Shape> + 's>,
    wire: &'w mut Wire<'b>,
}

impl<'de> SeqAccess<'de> for Parts<'_, '_, '_> {
    type Error = FormatError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, FormatError> {
        let Some(shape) = self.left.next() else {
            return Ok(None);
        };
        let (shapes, wire) = (self.shapes, &mut *self.wire);
        seed.deserialize(At {
            shapes,
            shape,
            wire,
        })
        .map(Some)
    }
}

impl<'de> MapAccess<'de> for Parts<'_, '_, '_> {
    type Error = FormatError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, FormatError> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, FormatError> {
        let value = self.next_element_seed(seed)?;
        value.ok_or_else(|| self.wire.damaged("a key without a value"))
    }
}

/// Fields with their names.
struct Fields<'s, 'w, 'b> {
    shapes: &'s Shapes,
    fields: std::slice::Iter<'s, (String, Shape)>,
    value: Option<&'s Shape>,
    wire: &'w mut Wire<'b>,
}

impl<'de> MapAccess<'de> for Fields<'_, '_, '_> {
    type Error = FormatError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, FormatError> {
        let Some((name, shape)) = self.fields.next() else {
            return Ok(None);
        };
        self.value = Some(shape);
        let name: StrDeserializer<'_, FormatError> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, FormatError> {
        let shape = self.value.take();
        let shape = shape.ok_or_else(|| self.wire.damaged("a key without a value"))?;
        let (shapes, wire) = (self.shapes, &mut *self.wire);
        seed.deserialize(At {
            shapes,
            shape,
            wire,
        })
    }
}

/// A variant by its name, and what belongs to it.
struct OneVariant<'s, 'w, 'b> {
    at: At<'s, 'w, 'b>,
    name: &'s str,
    variant: &'s Variant,
}

impl OneVariant<'_, '_, '_> {
    fn other(&self) -> FormatError {
        FormatError::Unknown(format!("{} holds something else now", self.name))
    }
}

impl<'de, 's, 'w, 'b> EnumAccess<'de> for OneVariant<'s, 'w, 'b> {
    type Error = FormatError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), FormatError> {
        let name: StrDeserializer<'_, FormatError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for OneVariant<'_, '_, '_> {
    type Error = FormatError;

    fn unit_variant(self) -> Result<(), FormatError> {
        match self.variant {
            Variant::Unit => Ok(()),
            Variant::Newtype(_) | Variant::Tuple(_) | Variant::Struct(_) => Err(self.other()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        mut self,
        seed: S,
    ) -> Result<S::Value, FormatError> {
        match self.variant {
            Variant::Newtype(shape) => seed.deserialize(self.at.at(shape)),
            Variant::Unit | Variant::Tuple(_) | Variant::Struct(_) => Err(self.other()),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(
        mut self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        match self.variant {
            Variant::Tuple(shapes) => visitor.visit_seq(self.at.parts(shapes.iter())),
            Variant::Unit | Variant::Newtype(_) | Variant::Struct(_) => Err(self.other()),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FormatError> {
        match self.variant {
            Variant::Struct(fields) => visitor.visit_map(self.at.fields(fields)),
            // A variant that had nothing may have fields now, each with a default.
            Variant::Unit => visitor.visit_map(self.at.fields(&[])),
            Variant::Newtype(_) | Variant::Tuple(_) => Err(self.other()),
        }
    }
}
