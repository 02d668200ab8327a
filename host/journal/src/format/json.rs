//! Bytes of any version as JSON, by their own description: for people and other programs, not to be read back.

use serde_json::{Map, Number, Value};

use super::FormatError;
use super::shape::{Named, Shape, Shapes, Variant};
use super::wire::Wire;

/// A value as JSON. Maps whose keys are no text become lists of pairs, bytes lists of numbers.
///
/// # Errors
/// The bytes are damaged.
pub fn to_json(shapes: &Shapes, bytes: &[u8]) -> Result<Value, FormatError> {
    let mut wire = Wire::new(bytes);
    let value = read(shapes, &shapes.root, &mut wire)?;
    match wire.left() {
        0 => Ok(value),
        _ => Err(wire.damaged("bytes are left over")),
    }
}

fn read(shapes: &Shapes, shape: &Shape, wire: &mut Wire<'_>) -> Result<Value, FormatError> {
    Ok(match shape {
        Shape::Unit => Value::Null,
        Shape::Bool => wire.flag()?.into(),
        Shape::U8 => wire.byte()?.into(),
        Shape::I8 => (wire.byte()? as i8).into(),
        Shape::Unsigned(bits) => wire.unsigned(*bits)?.into(),
        Shape::Signed(bits) => wire.signed(*bits)?.into(),
        Shape::Float(32) => float(f64::from(f32::from_le_bytes(wire.array()?))),
        Shape::Float(_) => float(f64::from_le_bytes(wire.array()?)),
        Shape::Char | Shape::String => wire.string()?.into(),
        Shape::Bytes => {
            let length = wire.length()?;
            wire.take(length)?.into()
        }
        Shape::Option(inner) => match wire.flag()? {
            true => read(shapes, inner, wire)?,
            false => Value::Null,
        },
        Shape::Seq(element) => {
            let count = wire.length()?;
            let all = (0..count).map(|_| read(shapes, element, wire));
            Value::Array(all.collect::<Result<_, _>>()?)
        }
        Shape::Map(key, value) => {
            let count = wire.length()?;
            let pairs = (0..count)
                .map(|_| Ok((read(shapes, key, wire)?, read(shapes, value, wire)?)))
                .collect::<Result<Vec<_>, FormatError>>()?;
            map(pairs)
        }
        Shape::Tuple(all) => tuple(shapes, all, wire)?,
        Shape::Named(name) => match shapes.types.get(name) {
            Some(Named::Struct(fields)) => object(shapes, fields, wire)?,
            Some(Named::Enum(variants)) => {
                let index = wire.unsigned(32)? as usize;
                let variant = variants.get(index);
                let (name, variant) =
                    variant.ok_or_else(|| wire.damaged("there is no such variant"))?;
                let inside = match variant {
                    Variant::Unit => return Ok(name.as_str().into()),
                    Variant::Newtype(shape) => read(shapes, shape, wire)?,
                    Variant::Tuple(all) => tuple(shapes, all, wire)?,
                    Variant::Struct(fields) => object(shapes, fields, wire)?,
                };
                Value::Object(Map::from_iter([(name.clone(), inside)]))
            }
            None => {
                let text = format!("its description lacks {name}");
                return Err(FormatError::Unknown(text));
            }
        },
    })
}

fn tuple(shapes: &Shapes, all: &[Shape], wire: &mut Wire<'_>) -> Result<Value, FormatError> {
    let all = all.iter().map(|shape| read(shapes, shape, wire));
    Ok(Value::Array(all.collect::<Result<_, _>>()?))
}

fn object(
    shapes: &Shapes,
    fields: &[(String, Shape)],
    wire: &mut Wire<'_>,
) -> Result<Value, FormatError> {
    let fields = fields
        .iter()
        .map(|(name, shape)| Ok((name.clone(), read(shapes, shape, wire)?)));
    Ok(Value::Object(fields.collect::<Result<_, FormatError>>()?))
}

fn map(pairs: Vec<(Value, Value)>) -> Value {
    if pairs.iter().all(|(key, _)| key.is_string()) {
        let text = |key: Value| key.as_str().unwrap_or_default().to_string();
        return Value::Object(pairs.into_iter().map(|(k, v)| (text(k), v)).collect());
    }
    let pair = |(key, value)| Value::Array(vec![key, value]);
    Value::Array(pairs.into_iter().map(pair).collect())
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
}
