//! Jobs written as job files: what [`JobFile::parse`] reads back.
//!
//! Only what is not its default is written, and what the user gave all the same. TOML and JSON share one tree and the keys
//! of `keys`; XML is in `write_xml`. Called for `GET /jobs/{id}/file` and by the command line.

use std::fmt::Write;

use jobyard_kernel::{JobSpec, Property, TaskKind, TaskSpec, Unit};

use super::error::{JobFileError, Problem};
use super::keys::{JOB_KEYS, Key, TASK_KEYS, entry, unit_of};
use super::tree::{Entry, Node, Value};
use super::{Format, JobFile, write_xml};

/// Why a job cannot be written in a language.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its case means")]
pub enum NotWritable {
    #[error(
        "{place} has a plugin, \"{plugin}\", which HPC Pack job XML cannot say; write it as TOML or JSON"
    )]
    Plugin { place: String, plugin: String },
    #[error(
        "{place} has the character {character:?}, which XML cannot have; write the job as TOML or JSON"
    )]
    Character { place: String, character: char },
    #[error("{place} would not read back from {format} as it is; write the job as JSON")]
    Lossy { place: String, format: Format },
    #[error("the job cannot be written as {format}: {error}")]
    Unreadable {
        format: Format,
        error: Box<JobFileError>,
    },
}

impl JobFile {
    /// Writes the job in a language. In TOML and JSON the node prepare and node release tasks come behind the others.
    ///
    /// # Errors
    /// There is something in it that the language cannot say.
    pub fn write(&self, format: Format) -> Result<String, NotWritable> {
        let text = match format {
            Format::Toml => toml(&job(self)),
            Format::Json => {
                let mut text = String::new();
                json(&mut text, &Value::Table(job(self)), 0);
                text.push('\n');
                text
            }
            Format::HpcXml => write_xml::write(self)?,
        };
        self.compare(&text, format)?;
        Ok(text)
    }

    /// That it reads back as what it is. Lists of names with commas between them, and what embedders may ask for, need not.
    fn compare(&self, text: &str, format: Format) -> Result<(), NotWritable> {
        let lossy = |place: String| Err(NotWritable::Lossy { place, format });
        let read = match JobFile::parse("the job", text, format) {
            Ok(read) => read,
            // A job without tasks is no job file, but it can be shown.
            Err(error) if matches!(error.problem, Problem::NoTask) => return Ok(()),
            Err(error) => {
                let error = Box::new(error);
                return Err(NotWritable::Unreadable { format, error });
            }
        };
        for key in JOB_KEYS {
            if !(key.is_same)(&read.spec, &self.spec) {
                return lossy(format!("the job's {}", key.name));
            }
        }
        let (written, read) = (in_order(&self.tasks, format), in_order(&read.tasks, format));
        for (index, task) in written.iter().enumerate() {
            if read.get(index) != Some(task) {
                return lossy(format!("task {}", index + 1));
            }
        }
        Ok(())
    }
}

/// The tasks as a file of that language has them.
fn in_order(tasks: &[TaskSpec], format: Format) -> Vec<&TaskSpec> {
    let mut all: Vec<&TaskSpec> = tasks.iter().collect();
    match format {
        Format::HpcXml => {}
        Format::Toml | Format::Json => all.sort_by_key(|task| match task.kind {
            TaskKind::Basic | TaskKind::Sweep { .. } | TaskKind::Service => 0,
            TaskKind::NodePrepare => 1,
            TaskKind::NodeRelease => 2,
        }),
    }
    all
}

/// Writes tasks of a job that counts this unit in JSON, as [`parse_tasks`](super::parse_tasks) reads them.
pub fn write_tasks(tasks: &[TaskSpec], unit: Unit) -> String {
    let mut entries = Vec::new();
    put_tasks(&mut entries, tasks, unit);
    let mut text = String::new();
    json(&mut text, &Value::Table(entries), 0);
    text
}

fn job(file: &JobFile) -> Vec<Entry> {
    let unit = file.spec.unit;
    let given = |key: &Key<JobSpec>| {
        let names = key
            .properties
            .iter()
            .filter_map(|name| Property::find(name));
        names.into_iter().any(|p| {
            file.spec
                .given
                .iter()
                .any(|g| p.name.eq_ignore_ascii_case(g))
        })
    };
    let mut entries = entries(&file.spec, JOB_KEYS, unit, given);
    put_tasks(&mut entries, &file.tasks, unit);
    entries
}

fn put_tasks(entries: &mut Vec<Entry>, all: &[TaskSpec], unit: Unit) {
    for (key, kind) in [
        ("prepare", TaskKind::NodePrepare),
        ("release", TaskKind::NodeRelease),
    ] {
        if let Some(spec) = all.iter().find(|task| task.kind == kind) {
            entries.push(entry(key, Value::Table(task(spec, unit))));
        }
    }
    let ordinary = all.iter().filter(|task| task.kind.is_ordinary());
    let tasks = ordinary.map(|spec| Node {
        at: 0,
        value: Value::Table(task(spec, unit)),
    });
    let tasks: Vec<Node> = tasks.collect();
    if !tasks.is_empty() {
        entries.push(entry("task", Value::List(tasks)));
    }
}

fn task(spec: &TaskSpec, unit: Unit) -> Vec<Entry> {
    entries(spec, TASK_KEYS, unit, |_| false)
}

/// What is not the default, and what is given.
fn entries<S: Default>(
    spec: &S,
    keys: &[Key<S>],
    unit: Unit,
    given: impl Fn(&Key<S>) -> bool,
) -> Vec<Entry> {
    let default = S::default();
    let mine = |key: &&Key<S>| unit_of(key.name).is_none_or(|of| of == unit);
    let said = |key: &&Key<S>| !(key.is_same)(spec, &default) || given(key);
    let shown = keys.iter().filter(mine).filter(said);
    let entries = shown.map(|key| entry(key.name, (key.show)(spec)));
    entries
        .filter(|entry| entry.node.value != Value::Null)
        .collect()
}

fn json(out: &mut String, value: &Value, depth: usize) {
    let inner = "  ".repeat(depth + 1);
    match value {
        Value::Table(entries) if !entries.is_empty() => {
            out.push('{');
            for (index, entry) in entries.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let key = quoted(&entry.key);
                // Writing to a string does not fail.
                let _ = write!(out, "{comma}\n{inner}{key}: ");
                json(out, &entry.node.value, depth + 1);
            }
            let _ = write!(out, "\n{}}}", "  ".repeat(depth));
        }
        Value::List(items)
            if items
                .iter()
                .any(|item| matches!(item.value, Value::Table(_))) =>
        {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let _ = write!(out, "{comma}\n{inner}");
                json(out, &item.value, depth + 1);
            }
            let _ = write!(out, "\n{}]", "  ".repeat(depth));
        }
        Value::Null
        | Value::Truth(_)
        | Value::Whole(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Time(_)
        | Value::List(_)
        | Value::Table(_) => out.push_str(&inline(value, ": ", &quoted)),
    }
}

fn toml(entries: &[Entry]) -> String {
    let is_section = |value: &Value| match value {
        Value::Table(_) => true,
        Value::List(items) => items
            .iter()
            .any(|item| matches!(item.value, Value::Table(_))),
        Value::Null
        | Value::Truth(_)
        | Value::Whole(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Time(_) => false,
    };
    let mut out = String::new();
    toml_lines(
        &mut out,
        entries.iter().filter(|e| !is_section(&e.node.value)),
    );
    for entry in entries.iter().filter(|e| is_section(&e.node.value)) {
        let key = bare(&entry.key);
        if !matches!(entry.node.value, Value::List(_)) {
            let _ = write!(out, "\n[{key}]\n");
            toml_lines(&mut out, entry.node.entries().iter());
        }
        for item in entry.node.items() {
            let _ = write!(out, "\n[[{key}]]\n");
            toml_lines(&mut out, item.entries().iter());
        }
    }
    out.trim_start().into()
}

fn toml_lines<'e>(out: &mut String, entries: impl Iterator<Item = &'e Entry>) {
    for entry in entries {
        let value = inline(&entry.node.value, " = ", &bare);
        let _ = writeln!(out, "{} = {value}", bare(&entry.key));
    }
}

/// A value on one line.
fn inline(value: &Value, is: &str, key: &dyn Fn(&str) -> String) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Null => "null".into(),
        Value::Truth(truth) => truth.to_string(),
        Value::Whole(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) | Value::Time(text) => quoted(text),
        Value::List(items) => {
            let items = items.iter().map(|item| inline(&item.value, is, key));
            format!("[{}]", join(items.collect()))
        }
        Value::Table(entries) if entries.is_empty() => "{}".into(),
        Value::Table(entries) => {
            let entries = entries.iter().map(|entry| {
                let value = inline(&entry.node.value, is, key);
                format!("{}{is}{value}", key(&entry.key))
            });
            format!("{{ {} }}", join(entries.collect()))
        }
    }
}

/// A text as both JSON and TOML take it.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 || control == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

/// A key of TOML, in quotation marks where it needs them.
fn bare(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !key.is_empty() && key.chars().all(plain) {
        true => key.into(),
        false => quoted(key),
    }
}
