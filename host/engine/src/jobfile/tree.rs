//! A parsed TOML or JSON text: values with their places, and serde's view of them.
//!
//! Both languages become this tree, so that one serde model reads both, and an error names the place of the very key
//! or value that it is about. No numbers but whole ones matter to jobs; the others are kept for error messages.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::error::{Fault, Problem, quoted};
use super::suggest::key_hint;

/// A value and where it begins, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) value: Value,
}

/// A value of TOML or JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Truth(bool),
    Whole(i64),
    /// Any other number.
    Number(f64),
    Text(String),
    /// A date or time of TOML, as written.
    Time(String),
    List(Vec<Node>),
    /// In the order of the file.
    Table(Vec<Entry>),
}

/// A key, where it begins, and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key_at: usize,
    pub(super) key: String,
    pub(super) node: Node,
}

impl Node {
    /// The entry of a table; none if there is none, or this is no table.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|e| e.key == key)
    }

    /// The entries of a table; none if this is no table.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            Value::Null
            | Value::Truth(_)
            | Value::Whole(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Time(_)
            | Value::List(_) => &[],
        }
    }

    /// The items of a list; none if this is no list.
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Null
            | Value::Truth(_)
            | Value::Whole(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Time(_)
            | Value::Table(_) => &[],
        }
    }
}

/// As an error message repeats it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Truth(truth) => write!(f, "{truth}"),
            Value::Whole(number) => write!(f, "{number}"),
            Value::Number(number) => write!(f, "{number:?}"),
            Value::Text(text) => f.write_str(&quoted(text)),
            Value::Time(text) => f.write_str(text),
            Value::List(_) => f.write_str("a list"),
            Value::Table(_) => f.write_str("a table"),
        }
    }
}

/// What serde says is wrong, before it is known where.
#[derive(Debug)]
pub(super) struct Wrong {
    at: Option<usize>,
    key: Option<String>,
    problem: Problem,
}

impl Wrong {
    /// With the place and key if there is none yet: the innermost wins.
    fn within(mut self, at: usize, key: Option<&str>) -> Wrong {
        self.at.get_or_insert(at);
        if let (None, Some(key)) = (&self.key, key) {
            self.key = Some(key.into());
        }
        self
    }

    /// As the error of the file; `at` is the whole.
    fn fault(self, at: usize) -> Fault {
        let mut problem = self.problem;
        if let Problem::Value { key, .. } = &mut problem
            && key.is_empty()
        {
            *key = self.key.unwrap_or_else(|| "the file".into());
        }
        Fault::new(self.at.unwrap_or(at), problem)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(what: T) -> Wrong {
        Wrong {
            at: None,
            key: None,
            problem: Problem::value("", what),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Wrong {
        let found = match found {
            Unexpected::Bool(truth) => truth.to_string(),
            Unexpected::Unsigned(number) => number.to_string(),
            Unexpected::Signed(number) => number.to_string(),
            Unexpected::Float(number) => format!("{number:?}"),
            Unexpected::Str(text) => quoted(text),
            Unexpected::Map => "a table".into(),
            Unexpected::Seq => "a list".into(),
            Unexpected::Unit | Unexpected::Option => "null".into(),
            Unexpected::Bytes(_) => "a date".into(),
            Unexpected::Char(_)
            | Unexpected::NewtypeStruct
            | Unexpected::Enum
            | Unexpected::UnitVariant
            | Unexpected::NewtypeVariant
            | Unexpected::TupleVariant
            | Unexpected::StructVariant
            | Unexpected::Other(_) => found.to_string(),
        };
        Wrong::custom(format_args!("{found} is not {expected}"))
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Wrong {
        Wrong {
            at: None,
            key: None,
            problem: Problem::Unknown {
                what: "key",
                name: name.into(),
                hint: key_hint(name, known),
            },
        }
    }
}

/// Reads a tree through a serde model.
pub(super) fn from_tree<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, Fault> {
    T::deserialize(node).map_err(|wrong| wrong.fault(node.at))
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let result = match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Truth(truth) => visitor.visit_bool(*truth),
            Value::Whole(number) => visitor.visit_i64(*number),
            Value::Number(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            // serde has no dates: only a `Value` takes one, see there.
            Value::Time(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Table(entries) => visitor.visit_map(Entries {
                rest: entries.iter(),
                current: None,
            }),
        };
        result.map_err(|wrong| wrong.within(self.at, None))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.value {
            Value::Null => visitor.visit_none(),
            Value::Truth(_)
            | Value::Whole(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Time(_)
            | Value::List(_)
            | Value::Table(_) => visitor.visit_some(self),
        }
    }

    /// From a table only: serde would take a list too, by position.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.value {
            Value::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            Value::Null
            | Value::Truth(_)
            | Value::Whole(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Time(_)
            | Value::Table(_) => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let read = |node: &'de Node| {
            let read = seed.deserialize(node);
            read.map_err(|wrong| wrong.within(node.at, None))
        };
        self.0.next().map(read).transpose()
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, Entry>,
    current: Option<&'de Entry>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        self.current = self.rest.next();
        let read = |entry: &'de Entry| {
            let key = de::value::BorrowedStrDeserializer::new(&entry.key);
            let read = seed.deserialize(key);
            read.map_err(|wrong: Wrong| wrong.within(entry.key_at, None))
        };
        self.current.map(read).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Wrong> {
        let Some(entry) = self.current.take() else {
            return Err(de::Error::custom("a value without a key"));
        };
        let read = seed.deserialize(&entry.node);
        read.map_err(|wrong| wrong.within(entry.node.at, Some(&entry.key)))
    }
}

/// Any value, for model types that take several shapes. The places of what is inside are not kept.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Truth(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Whole(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_bytes<E>(self, time: &[u8]) -> Result<Value, E> {
        Ok(Value::Time(String::from_utf8_lossy(time).into_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = items.next_element()? {
            list.push(Node { at: 0, value });
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some((key, value)) = entries.next_entry()? {
            table.push(Entry {
                key_at: 0,
                key,
                node: Node { at: 0, value },
            });
        }
        Ok(Value::Table(table))
    }
}
