//! TOML text to a tree, by the `toml` crate, which says where everything is.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Format;
use super::error::{Fault, Problem};
use super::tree::{Entry, Node, Value};

/// Reads TOML. The depth is limited by the parser.
pub(super) fn read(text: &str) -> Result<Node, Fault> {
    match DeTable::parse(text) {
        Ok(table) => Ok(Node {
            at: 0,
            value: self::table(table.into_inner()),
        }),
        Err(error) => {
            let span = error.span().unwrap_or(text.len()..text.len());
            let problem = match (error.message(), text.get(span.clone())) {
                ("duplicate key", Some(name)) if !name.is_empty() => Problem::Twice {
                    what: "key",
                    name: name.into(),
                },
                (message, _) => Problem::Syntax {
                    format: Format::Toml,
                    what: message.replace('\n', "; "),
                },
            };
            Err(Fault::new(span.start, problem))
        }
    }
}

fn table(table: DeTable<'_>) -> Value {
    let entry = |(key, value): (Spanned<_>, Spanned<_>)| Entry {
        key_at: key.span().start,
        key: std::borrow::Cow::into_owned(key.into_inner()),
        node: node(value),
    };
    let mut entries: Vec<Entry> = table.into_iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.key_at);
    Value::Table(entries)
}

fn node(value: Spanned<DeValue<'_>>) -> Node {
    let at = value.span().start;
    let value = match value.into_inner() {
        DeValue::Boolean(truth) => Value::Truth(truth),
        DeValue::Integer(number) => {
            match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(whole) => Value::Whole(whole),
                // Too large for any property of a job; the message shows about how large.
                Err(_) => Value::Number(number.as_str().parse().unwrap_or(f64::INFINITY)),
            }
        }
        DeValue::Float(number) => Value::Number(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Datetime(time) => Value::Time(time.to_string()),
        DeValue::Array(items) => Value::List(items.into_iter().map(node).collect()),
        DeValue::Table(entries) => table(entries),
    };
    Node { at, value }
}
