//! `plugin.toml`: what a component says of itself, what it needs and what it is granted. An admin reads and signs it off; a component without one
//! has the default limits, is told no columns, and checks its settings itself.
//!
//! Not here: whether it is true of the component. [`Plugin::with_manifest`](crate::Plugin::with_manifest) compares digest and world, and
//! `configure` holds a policy to the columns.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jobyard_kernel::{Columns, UnknownColumn};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::schema::{Schema, SchemaError, document};
use crate::{Limits, World};

/// Bytes of a manifest, and of a schema in a file of its own.
pub const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Claims of one plugin.
const CLAIMS_MAX: usize = 100;

/// Worlds of `wit/worlds.wit`, and what each is to this host.
const WORLDS: &[(&str, World)] = &[
    ("scheduling-policy", World::SchedulingPolicy),
    ("ranked-policy", World::RankedPolicy),
    ("job-ranker", World::JobRanker),
    ("submission-filter", World::JobFilter),
    ("activation-filter", World::JobFilter),
    ("job-filter", World::JobFilter),
    ("task-executor", World::TaskExecutor),
    ("prepare-task", World::PrepareTask),
    ("release-task", World::ReleaseTask),
];

/// A manifest. Keys and their meaning are in `wit/README.md`.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// What the plugin is called.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// The world of `wit/worlds.wit` that it is a component of.
    pub world: String,
    /// For people, one line; may be empty.
    pub description: String,
    /// The digest of the component that it is about, in hex; of any when none.
    pub sha256: Option<String>,
    /// Columns that it may be told.
    pub columns: Columns,
    /// What the conformance kit may hold it to.
    pub claims: Vec<String>,
    /// Programs that it may start; `*` for any.
    pub programs: Vec<String>,
    /// Folders that it may use beside those of the work.
    pub folders: Vec<String>,
    /// What its settings may be.
    pub settings: Schema,
    limits: RawLimits,
}

/// Why there is no manifest. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// In a file.
    #[error("{}: {error}", path.display())]
    In {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<ManifestError>,
    },
    /// More than [`MANIFEST_BYTES_MAX`].
    #[error("more than {MANIFEST_BYTES_MAX} bytes")]
    TooLarge,
    /// Not TOML, a key that is not known, or a value of the wrong kind.
    #[error("line {line}: {message}")]
    Syntax {
        /// Which line.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The schema file is not JSON.
    #[error("the settings' schema is not JSON: {0}")]
    Json(String),
    /// A value that cannot be.
    #[error("{key} = \"{value}\" is not {right}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it is.
        value: String,
        /// What would be right.
        right: String,
    },
    /// A column that there is not.
    #[error("columns: {0}")]
    Column(#[from] UnknownColumn),
    /// The settings' schema cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// It cannot be written as TOML.
    #[error("cannot be said in TOML: {0}")]
    Unsaid(String),
    /// There are settings and a schema of them.
    #[error("there are both [settings] and settings_schema; one of them is to go")]
    TwoSchemas,
    /// It is about another component.
    #[error(
        "the manifest of {name} is about a component with the sha256 {wanted}, and this one has {digest}"
    )]
    OtherComponent {
        /// The manifest's name.
        name: String,
        /// What it says.
        wanted: String,
        /// What there is.
        digest: String,
    },
    /// It is about a component of another world.
    #[error("the manifest of {name} is about a {world}, and the component is used as a {used}")]
    OtherWorld {
        /// The manifest's name.
        name: String,
        /// What it says.
        world: String,
        /// What the component was loaded for.
        used: World,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    version: String,
    world: String,
    #[serde(default)]
    description: String,
    sha256: Option<String>,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    claims: Vec<String>,
    #[serde(default)]
    grants: RawGrants,
    settings: Option<BTreeMap<String, RawSetting>>,
    settings_schema: Option<RawSchema>,
}

/// What [`Raw`] reads, to be written.
#[derive(Debug, Serialize)]
struct Said<'a> {
    name: &'a str,
    version: &'a str,
    world: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    columns: Vec<String>,
    claims: &'a [String],
    limits: &'a RawLimits,
    grants: RawGrants,
    settings_schema: &'a Value,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct RawLimits {
    memory_bytes_max: Option<u64>,
    deadline_ms: Option<u64>,
    log_bytes_max: Option<u64>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct RawGrants {
    programs: Vec<String>,
    folders: Vec<String>,
}

/// One table of `[settings.NAME]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawSetting {
    description: Option<String>,
    r#type: Option<String>,
    values: Option<Vec<Value>>,
    minimum: Option<Value>,
    maximum: Option<Value>,
    pattern: Option<String>,
    default: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "settings_schema is the name of a file or a table"
)]
enum RawSchema {
    File(String),
    Inline(Map<String, Value>),
}

impl Manifest {
    /// Reads a manifest that needs no other file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        Self::parse_with(text, |file| {
            Err(ManifestError::Value {
                key: "settings_schema",
                value: file.into(),
                right: "a table; there are no other files here".into(),
            })
        })
    }

    /// Reads a manifest from a file; its schema may be in a file beside it.
    ///
    /// # Errors
    /// A file cannot be read, or what is wrong with it, and where.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = read_text(path)?;
        let beside = |file: &str| {
            let plain = Path::new(file).file_name().is_some_and(|name| name == file);
            match plain {
                true => read_text(&path.with_file_name(file)),
                false => Err(ManifestError::Value {
                    key: "settings_schema",
                    value: file.into(),
                    right: "the name of a file in the same folder".into(),
                }),
            }
        };
        Self::parse_with(&text, beside).map_err(|error| in_file(path, error))
    }

    /// The manifest of a component in a file: `fair.toml` beside `fair.wasm`, or else `plugin.toml` in that folder; none when there is neither.
    ///
    /// # Errors
    /// There is one that cannot be read.
    pub fn beside(component: &Path) -> Result<Option<Self>, ManifestError> {
        let named = component.with_extension("toml");
        let common = component.with_file_name("plugin.toml");
        let found = [named, common].into_iter().find(|path| path.is_file());
        found.map(|path| Self::read(&path)).transpose()
    }

    fn parse_with(
        text: &str,
        schema_file: impl FnOnce(&str) -> Result<String, ManifestError>,
    ) -> Result<Self, ManifestError> {
        let raw: Raw = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        let right = |key, value: &str, right: &str| ManifestError::Value {
            key,
            value: value.into(),
            right: right.into(),
        };
        let is_name = |text: &str| !text.trim().is_empty() && !text.contains(char::is_control);
        for (key, value) in [("name", &raw.name), ("version", &raw.version)] {
            if !is_name(value) {
                return Err(right(key, value, "a text of printable characters"));
            }
        }
        if !WORLDS.iter().any(|(world, _)| *world == raw.world) {
            let worlds: Vec<&str> = WORLDS.iter().map(|(world, _)| *world).collect();
            let worlds = format!("one of {}", worlds.join(", "));
            return Err(right("world", &raw.world, &worlds));
        }
        let sha256 = raw.sha256.map(|digest| digest.to_ascii_lowercase());
        if let Some(digest) = &sha256
            && (digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            return Err(right("sha256", digest, "64 hexadecimal digits"));
        }
        let is_claim = |claim: &&String| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            !claim.is_empty() && claim.bytes().all(plain)
        };
        if let Some(claim) = raw.claims.iter().find(|claim| !is_claim(claim)) {
            return Err(right("claims", claim, "a name like no-starvation"));
        }
        if raw.claims.len() > CLAIMS_MAX {
            let count = raw.claims.len().to_string();
            return Err(right("claims", &count, "at most 100"));
        }
        raw.limits.check()?;
        let mut columns = Columns::default();
        for name in &raw.columns {
            columns.insert(name)?;
        }
        let settings = match (raw.settings, raw.settings_schema) {
            (Some(_), Some(_)) => return Err(ManifestError::TwoSchemas),
            (None, Some(RawSchema::Inline(schema))) => Schema::new(Value::Object(schema))?,
            (None, Some(RawSchema::File(file))) => {
                let text = schema_file(&file)?;
                let schema = serde_json::from_str(&text);
                Schema::new(schema.map_err(|error| ManifestError::Json(error.to_string()))?)?
            }
            (settings, None) => {
                let settings = settings.unwrap_or_default().into_iter();
                let properties = settings.map(|(name, setting)| (name, setting.document()));
                Schema::new(document(properties.collect()))?
            }
        };
        Ok(Self {
            name: raw.name,
            version: raw.version,
            world: raw.world,
            description: raw.description,
            sha256,
            columns,
            claims: raw.claims,
            programs: raw.grants.programs,
            folders: raw.grants.folders,
            settings,
            limits: raw.limits,
        })
    }

    /// The limits of its calls as a component of this world: the defaults, where it says nothing.
    pub fn limits(&self, world: World) -> Limits {
        let default = Limits::for_world(world);
        let bytes = |said: Option<u64>, default| {
            said.map_or(default, |bytes| {
                usize::try_from(bytes).unwrap_or(usize::MAX)
            })
        };
        Limits {
            memory_bytes_max: bytes(self.limits.memory_bytes_max, default.memory_bytes_max),
            deadline: self
                .limits
                .deadline_ms
                .map_or(default.deadline, Duration::from_millis),
            log_bytes_max: bytes(self.limits.log_bytes_max, default.log_bytes_max),
        }
    }

    /// What holds for a component that has none: the default limits, no columns, and settings of any name.
    pub fn bare(name: &str, world: World) -> Manifest {
        Manifest {
            name: name.into(),
            version: "0".into(),
            world: world.to_string(),
            description: String::new(),
            sha256: None,
            columns: Columns::default(),
            claims: Vec::new(),
            programs: Vec::new(),
            folders: Vec::new(),
            settings: Schema::open(),
            limits: RawLimits::default(),
        }
    }

    /// The manifest of this `ranked-policy` with that ranker in it: a `scheduling-policy` that may be told what either may, has the settings of the
    /// ranker as `ranker.NAME`, claims what both claim, and has the larger limits.
    pub fn composed(&self, ranker: &Manifest) -> Manifest {
        let mut columns = self.columns.clone();
        columns.extend(&ranker.columns);
        let both = |claim: &&String| ranker.claims.contains(claim);
        let limits = RawLimits {
            memory_bytes_max: self
                .limits
                .memory_bytes_max
                .max(ranker.limits.memory_bytes_max),
            deadline_ms: self.limits.deadline_ms.max(ranker.limits.deadline_ms),
            log_bytes_max: self.limits.log_bytes_max.max(ranker.limits.log_bytes_max),
        };
        Manifest {
            name: format!("{}+{}", self.name, ranker.name),
            version: format!("{}+{}", self.version, ranker.version),
            world: World::SchedulingPolicy.to_string(),
            sha256: None,
            columns,
            claims: self.claims.iter().filter(both).cloned().collect(),
            settings: self.settings.with("ranker.", &ranker.settings),
            limits,
            ..self.clone()
        }
    }

    /// It as the text of a `plugin.toml`, which reads as the same manifest. The schema of the settings is a part of it.
    ///
    /// # Errors
    /// The schema has a `null` in it, which TOML cannot say.
    pub fn text(&self) -> Result<String, ManifestError> {
        let said = Said {
            name: &self.name,
            version: &self.version,
            world: &self.world,
            description: &self.description,
            sha256: self.sha256.as_deref(),
            columns: self.columns.names().collect(),
            claims: &self.claims,
            limits: &self.limits,
            grants: RawGrants {
                programs: self.programs.clone(),
                folders: self.folders.clone(),
            },
            settings_schema: self.settings.document(),
        };
        toml::to_string(&said).map_err(|error| ManifestError::Unsaid(error.to_string()))
    }

    /// Whether it is about a component with this digest that is used as one of this world.
    pub(crate) fn fits(&self, digest: &str, used: World) -> Result<(), ManifestError> {
        if let Some(wanted) = self.sha256.as_ref().filter(|wanted| *wanted != digest) {
            return Err(ManifestError::OtherComponent {
                name: self.name.clone(),
                wanted: wanted.clone(),
                digest: digest.into(),
            });
        }
        let mut worlds = WORLDS.iter();
        match worlds.any(|(name, world)| *name == self.world && *world == used) {
            true => Ok(()),
            false => Err(ManifestError::OtherWorld {
                name: self.name.clone(),
                world: self.world.clone(),
                used,
            }),
        }
    }
}

impl RawLimits {
    fn check(&self) -> Result<(), ManifestError> {
        for (key, value, least, most) in [
            ("memory_bytes_max", self.memory_bytes_max, 1 << 16, 4 << 30),
            ("deadline_ms", self.deadline_ms, 1, 120_000),
            ("log_bytes_max", self.log_bytes_max, 0, 16 << 20),
        ] {
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                return Err(ManifestError::Value {
                    key,
                    value: value.to_string(),
                    right: format!("from {least} to {most}"),
                });
            }
        }
        Ok(())
    }
}

impl RawSetting {
    fn document(self) -> Value {
        // `default = "-1"` beside `type = "integer"` is the number.
        let typed = |value: Value| match (self.r#type.as_deref(), &value) {
            (Some("integer" | "number" | "boolean"), Value::String(text)) => {
                serde_json::from_str(text).unwrap_or(value)
            }
            _ => value,
        };
        let mut keywords = Map::new();
        let mut say = |keyword: &str, value: Option<Value>| {
            keywords.extend(value.map(|value| (keyword.to_owned(), value)));
        };
        say("description", self.description.map(Value::String));
        say(
            "type",
            Some(json!(self.r#type.as_deref().unwrap_or("string"))),
        );
        say(
            "enum",
            self.values.map(|all| all.into_iter().map(typed).collect()),
        );
        say("minimum", self.minimum);
        say("maximum", self.maximum);
        say("pattern", self.pattern.map(Value::String));
        say("default", self.default.map(typed));
        Value::Object(keywords)
    }
}

fn read_text(path: &Path) -> Result<String, ManifestError> {
    let failed = |error| ManifestError::Read {
        path: path.into(),
        error,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    let read = file.take(MANIFEST_BYTES_MAX + 1).read_to_string(&mut text);
    match read.map_err(failed)? as u64 > MANIFEST_BYTES_MAX {
        true => Err(in_file(path, ManifestError::TooLarge)),
        false => Ok(text),
    }
}

fn in_file(path: &Path, error: ManifestError) -> ManifestError {
    let says_where = matches!(error, ManifestError::Read { .. } | ManifestError::In { .. });
    if says_where {
        return error;
    }
    ManifestError::In {
        path: path.into(),
        error: Box::new(error),
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> ManifestError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    ManifestError::Syntax {
        line: text.as_bytes()[..at]
            .iter()
            .filter(|&&b| b == b'\n')
            .count()
            + 1,
        message: error.message().replace('\n', "; "),
    }
}
