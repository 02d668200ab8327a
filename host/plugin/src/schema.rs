//! The schema of a plugin's settings, and whether settings fit it: before the component is asked, so that a wrong name or value is said the same way
//! whatever the component was written in.
//!
//! A schema is a JSON Schema document (draft 2020-12) about an object of flat values. Of the keywords those are known that say something about such
//! values (see `wit/README.md`); any other is an error, because a rule that is not heeded is worse than none. Settings are text: `type` says what the
//! text must read as.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use regex_lite::Regex;
use serde_json::{Map, Value, json};

/// The dialect that documents are written in.
pub(crate) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Settings that one plugin may have.
pub(crate) const SETTINGS_MAX: usize = 1_000;

/// What a plugin's settings may be.
#[derive(Debug, Clone)]
pub struct Schema {
    document: Value,
    settings: BTreeMap<String, Setting>,
    required: BTreeSet<String>,
    /// Settings of other names are the component's to judge.
    open: bool,
}

/// Why a document is not a schema that settings can be checked against: one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct SchemaError {
    /// Where in the schema: `settings`, or a setting.
    pub place: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

/// Why settings do not fit: one line that names the setting, its value and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSetting {
    /// There is none of that name.
    #[error("unknown setting `{name}`: {}", there_are(known))]
    Unknown {
        /// What was given.
        name: String,
        /// All names.
        known: Vec<String>,
    },
    /// It is there more than once.
    #[error("setting `{name}` is given twice")]
    Twice {
        /// Which.
        name: String,
    },
    /// It must be given.
    #[error("setting `{name}` is missing: it is to be {right}")]
    Missing {
        /// Which.
        name: String,
        /// What would be right.
        right: String,
    },
    /// It does not take that value.
    #[error("setting `{name}`: `{value}` is not {right}")]
    Value {
        /// Which.
        name: String,
        /// What was given.
        value: String,
        /// What would be right.
        right: String,
    },
}

fn there_are(known: &[String]) -> String {
    match known {
        [] => "this plugin has none".into(),
        known => format!("there are {}", known.join(", ")),
    }
}

/// What one setting may be.
#[derive(Debug, Clone, Default)]
struct Setting {
    kind: Kind,
    values: Vec<Value>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    above: Option<f64>,
    below: Option<f64>,
    chars_min: Option<u64>,
    chars_max: Option<u64>,
    pattern: Option<Regex>,
    default: Option<Value>,
}

/// What the text of a setting reads as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Text,
    Integer,
    Number,
    Flag,
}

impl Default for Schema {
    /// The schema of a plugin that has no settings.
    fn default() -> Self {
        Self {
            document: document(Map::new()),
            settings: BTreeMap::new(),
            required: BTreeSet::new(),
            open: false,
        }
    }
}

/// A document of these settings and no others.
pub(crate) fn document(properties: Map<String, Value>) -> Value {
    json!({
        "$schema": DIALECT,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

impl Schema {
    /// The schema of a plugin that says nothing of its settings: any may be given.
    pub(crate) fn open() -> Self {
        let mut schema = Self {
            open: true,
            ..Self::default()
        };
        schema.document["additionalProperties"] = json!(true);
        schema
    }

    /// Reads a document.
    ///
    /// # Errors
    /// It is no schema, has a keyword that is not known here, or a default that it does not allow itself.
    pub fn new(document: Value) -> Result<Self, SchemaError> {
        let root = |what: String| SchemaError {
            place: "settings".into(),
            what,
        };
        let Value::Object(keywords) = &document else {
            return Err(root("a schema is an object".into()));
        };
        let mut schema = Self {
            open: true,
            ..Self::default()
        };
        for (keyword, value) in keywords {
            match (keyword.as_str(), value) {
                ("$schema", Value::String(dialect)) if dialect.trim_end_matches('#') == DIALECT => {
                }
                ("type", Value::String(kind)) if kind == "object" => {}
                ("properties", Value::Object(properties)) => {
                    if properties.len() > SETTINGS_MAX {
                        return Err(root(format!("more than {SETTINGS_MAX} settings")));
                    }
                    for (name, value) in properties {
                        let setting = Setting::new(value).map_err(|what| SchemaError {
                            place: format!("setting `{name}`"),
                            what,
                        })?;
                        schema.settings.insert(name.clone(), setting);
                    }
                }
                ("required", Value::Array(names)) => {
                    for name in names {
                        let name = name.as_str();
                        let name =
                            name.ok_or_else(|| root("`required` is a list of names".into()))?;
                        schema.required.insert(name.into());
                    }
                }
                ("additionalProperties", Value::Bool(open)) => schema.open = *open,
                ("$id" | "$comment" | "title" | "description", Value::String(_)) => {}
                (known @ ("$schema" | "type" | "properties" | "required"), _)
                | (known @ ("additionalProperties" | "$id" | "$comment"), _)
                | (known @ ("title" | "description"), _) => {
                    return Err(root(format!("`{known}` cannot be {value}")));
                }
                (other, _) => {
                    return Err(root(format!(
                        "`{other}` is not known; of JSON Schema there are $schema, $id, $comment, title, description, type, properties, \
                         required, additionalProperties"
                    )));
                }
            }
        }
        let unknown = |name: &&String| !schema.settings.contains_key(*name);
        if let Some(name) = schema.required.iter().find(unknown) {
            return Err(root(format!(
                "`{name}` is required and not among the properties"
            )));
        }
        schema.document = document;
        Ok(schema)
    }

    /// The JSON Schema document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Names of the settings that there are.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.settings.keys().map(String::as_str)
    }

    /// Names and values of all settings that have a default.
    pub fn defaults(&self) -> Vec<(String, String)> {
        let settings = self.settings.iter();
        let pair = |(name, setting): (&String, &Setting)| {
            Some((name.clone(), text(setting.default.as_ref()?)))
        };
        settings.filter_map(pair).collect()
    }

    /// Whether all of these settings are known and may have their values, none is there twice and none is missing. `passes` says which names
    /// are none of the schema's business.
    ///
    /// # Errors
    /// The first that does not fit.
    pub fn check(
        &self,
        settings: &[(String, String)],
        passes: impl Fn(&str) -> bool,
    ) -> Result<(), BadSetting> {
        let mut seen = BTreeSet::new();
        for (name, value) in settings {
            if !seen.insert(name) {
                return Err(BadSetting::Twice { name: name.clone() });
            }
            match self.settings.get(name) {
                Some(setting) if setting.takes(value) => {}
                Some(setting) => {
                    return Err(BadSetting::Value {
                        name: name.clone(),
                        value: value.clone(),
                        right: setting.to_string(),
                    });
                }
                None if self.open || passes(name) => {}
                None => {
                    return Err(BadSetting::Unknown {
                        name: name.clone(),
                        known: self.settings.keys().cloned().collect(),
                    });
                }
            }
        }
        match self.required.iter().find(|name| !seen.contains(name)) {
            None => Ok(()),
            Some(name) => Err(BadSetting::Missing {
                name: name.clone(),
                right: self.settings[name].to_string(),
            }),
        }
    }

    /// This schema with the settings of another beside its own, under names that begin with `prefix`.
    pub(crate) fn with(&self, prefix: &str, other: &Schema) -> Schema {
        let mut all = self.clone();
        all.open |= other.open;
        let named = |name: &String| format!("{prefix}{name}");
        let settings = other.settings.iter();
        all.settings
            .extend(settings.map(|(name, setting)| (named(name), setting.clone())));
        all.required.extend(other.required.iter().map(named));
        let properties = |schema: &Schema| match schema.document.get("properties") {
            Some(Value::Object(properties)) => properties.clone(),
            _ => Map::new(),
        };
        let mut joined = properties(self);
        joined.extend(
            properties(other)
                .into_iter()
                .map(|(name, value)| (named(&name), value)),
        );
        all.document = document(joined);
        all.document["required"] = json!(all.required);
        all.document["additionalProperties"] = json!(all.open);
        all
    }
}

impl Setting {
    fn new(document: &Value) -> Result<Self, String> {
        let Value::Object(keywords) = document else {
            return Err("its schema is not an object".into());
        };
        let mut setting = Self::default();
        for (keyword, value) in keywords {
            let cannot = || format!("`{keyword}` cannot be {value}");
            let number = || value.as_f64().map(Some).ok_or_else(cannot);
            let count = || value.as_u64().map(Some).ok_or_else(cannot);
            match keyword.as_str() {
                "type" => {
                    setting.kind = match value.as_str() {
                        Some("string") => Kind::Text,
                        Some("integer") => Kind::Integer,
                        Some("number") => Kind::Number,
                        Some("boolean") => Kind::Flag,
                        _ => {
                            return Err(format!(
                                "{}; there are string, integer, number and boolean",
                                cannot()
                            ));
                        }
                    }
                }
                "enum" => match value.as_array() {
                    Some(values) if !values.is_empty() && values.iter().all(is_flat) => {
                        setting.values.clone_from(values);
                    }
                    _ => return Err(format!("{}; it is a list of texts or numbers", cannot())),
                },
                "const" if is_flat(value) => setting.values = vec![value.clone()],
                "minimum" => setting.minimum = number()?,
                "maximum" => setting.maximum = number()?,
                "exclusiveMinimum" => setting.above = number()?,
                "exclusiveMaximum" => setting.below = number()?,
                "minLength" => setting.chars_min = count()?,
                "maxLength" => setting.chars_max = count()?,
                "pattern" => {
                    let pattern = value.as_str().ok_or_else(cannot)?;
                    let regex = Regex::new(pattern);
                    setting.pattern =
                        Some(regex.map_err(|error| format!("{}: {error}", cannot()))?);
                }
                "default" if is_flat(value) => setting.default = Some(value.clone()),
                "const" | "default" => return Err(cannot()),
                "title" | "description" | "$comment" | "examples" | "deprecated" => {}
                other => {
                    return Err(format!(
                        "`{other}` is not known; of JSON Schema there are type, enum, const, minimum, maximum, exclusiveMinimum, \
                         exclusiveMaximum, minLength, maxLength, pattern, default, title, description, $comment, examples, deprecated"
                    ));
                }
            }
        }
        match &setting.default {
            Some(default) if !setting.takes(&text(default)) => {
                Err(format!("its default `{}` is not {setting}", text(default)))
            }
            _ => Ok(setting),
        }
    }

    fn takes(&self, value: &str) -> bool {
        let number = match self.kind {
            Kind::Text => None,
            Kind::Integer => match value.parse::<i64>() {
                Ok(number) => Some(number as f64),
                Err(_) => return false,
            },
            Kind::Number => match value.parse::<f64>() {
                Ok(number) if number.is_finite() => Some(number),
                _ => return false,
            },
            Kind::Flag if matches!(value, "true" | "false") => None,
            Kind::Flag => return false,
        };
        let among = |values: &[Value]| {
            values.iter().any(|one| match number {
                Some(number) => one.as_f64() == Some(number),
                None => text(one) == value,
            })
        };
        let in_range = number.is_none_or(|number| {
            self.minimum.is_none_or(|least| number >= least)
                && self.maximum.is_none_or(|most| number <= most)
                && self.above.is_none_or(|edge| number > edge)
                && self.below.is_none_or(|edge| number < edge)
        });
        let chars = value.chars().count() as u64;
        let fits = self.kind != Kind::Text
            || (self.chars_min.is_none_or(|least| chars >= least)
                && self.chars_max.is_none_or(|most| chars <= most)
                && self.pattern.as_ref().is_none_or(|p| p.is_match(value)));
        in_range && fits && (self.values.is_empty() || among(&self.values))
    }
}

fn is_flat(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

/// A value as a setting has it.
fn text(value: &Value) -> String {
    let plain = value.as_str().map(str::to_owned);
    plain.unwrap_or_else(|| value.to_string())
}

/// What would be right.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [others @ .., last] = &self.values[..] {
            let others: Vec<_> = others.iter().map(|v| format!("`{}`", text(v))).collect();
            let or = if others.is_empty() { "" } else { " or " };
            return write!(f, "{}{or}`{}`", others.join(", "), text(last));
        }
        f.write_str(match self.kind {
            Kind::Text => "a text",
            Kind::Integer => "a whole number",
            Kind::Number => "a number",
            Kind::Flag => return f.write_str("`true` or `false`"),
        })?;
        let mut rules = Vec::new();
        let mut rule = |words: &str, edge: Option<f64>| {
            rules.extend(edge.map(|edge| format!("{words} {edge}")));
        };
        rule("at least", self.minimum);
        rule("above", self.above);
        rule("at most", self.maximum);
        rule("below", self.below);
        let chars = |words: &str, edge: Option<u64>| {
            edge.map(|edge| format!("of {words} {edge} characters"))
        };
        rules.extend(chars("at least", self.chars_min));
        rules.extend(chars("at most", self.chars_max));
        let pattern = self.pattern.as_ref();
        rules.extend(pattern.map(|pattern| format!("that matches `{pattern}`")));
        match rules.is_empty() {
            true => Ok(()),
            false => write!(f, " {}", rules.join(" and ")),
        }
    }
}
