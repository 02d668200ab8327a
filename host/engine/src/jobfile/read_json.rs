//! JSON text to a tree: `serde_json` says whether it is JSON, a walk over the good text finds where everything is.

use std::collections::BTreeSet;

use super::Format;
use super::error::{Fault, Problem};
use super::tree::{Entry, Node, Value};

/// Reads JSON. The depth is limited by `serde_json` (128).
pub(super) fn read(text: &str) -> Result<Node, Fault> {
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| {
        let line_start: usize = text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum();
        syntax(line_start + error.column().saturating_sub(1), &error)
    })?;
    let mut walk = Walk { text, at: 0 };
    walk.value()
}

fn syntax(at: usize, error: &serde_json::Error) -> Fault {
    let message = error.to_string();
    // The place is told as the place of the fault.
    let what = match message.rfind(" at line ") {
        Some(end) => &message[..end],
        None => &message,
    };
    Fault::new(
        at,
        Problem::Syntax {
            format: Format::Json,
            what: what.into(),
        },
    )
}

/// A walk over text that is known to be JSON. On other text it ends early or finds nonsense, but it ends.
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl Walk<'_> {
    fn value(&mut self) -> Result<Node, Fault> {
        self.skip_space();
        let at = self.at;
        let value = match self.peek() {
            Some(b'{') => self.table()?,
            Some(b'[') => self.list()?,
            Some(b'"') => Value::Text(self.string()?),
            _ => self.word()?,
        };
        Ok(Node { at, value })
    }

    fn table(&mut self) -> Result<Value, Fault> {
        let mut entries = Vec::new();
        let mut names = BTreeSet::new();
        self.at += 1;
        while self.next_item(b'}') {
            let key_at = self.at;
            let key = self.string()?;
            if !names.insert(key.clone()) {
                let (what, name) = ("key", key);
                return Err(Fault::new(key_at, Problem::Twice { what, name }));
            }
            self.skip_space();
            self.at += 1; // the colon
            let node = self.value()?;
            entries.push(Entry { key_at, key, node });
        }
        Ok(Value::Table(entries))
    }

    fn list(&mut self) -> Result<Value, Fault> {
        let mut items = Vec::new();
        self.at += 1;
        while self.next_item(b']') {
            items.push(self.value()?);
        }
        Ok(Value::List(items))
    }

    /// Steps over white space and a comma; false, and behind the bracket, if no item is left.
    fn next_item(&mut self, close: u8) -> bool {
        self.skip_space();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip_space();
        }
        match self.peek() {
            None => false,
            Some(byte) if byte == close => {
                self.at += 1;
                false
            }
            Some(_) => true,
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => break,
                _ => {}
            }
        }
        let slice = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(slice).map_err(|error| syntax(start, &error))
    }

    /// `null`, `true`, `false` or a number.
    fn word(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        while let Some(byte) = self.peek()
            && !matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n')
        {
            self.at += 1;
        }
        let slice = self.text.get(start..self.at).unwrap_or_default();
        let value = serde_json::from_str(slice).map_err(|error| syntax(start, &error))?;
        Ok(match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(truth) => Value::Truth(truth),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Value::Whole(whole),
                None => Value::Number(number.as_f64().unwrap_or(f64::INFINITY)),
            },
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => Value::Null,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }
}
