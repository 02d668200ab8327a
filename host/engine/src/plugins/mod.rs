//! Components of every kind: what they say of themselves, and whether they take settings. Asked by `jobyard plugin`, with a daemon and without
//! one, and by `/api/v1/plugins`.
//!
//! What it is not: the life of a policy, which is [`crate::policies`].

mod running;
mod view;

use std::borrow::Cow;
use std::fmt;

use jobyard_plugin::{
    ComposeError, ConfigureError, FilterSlot, LoadError, Manifest, ManifestError, Part, Plugin,
    PluginHost, World, compose, digest_of,
};

use crate::EngineError;
use crate::builtin::{self, Component};
use crate::policies::PolicyView;

pub(crate) use running::Running;
pub use view::{LimitsView, PluginView, SettingsCheck};

/// Where a component comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is a part of the program.
    BuiltIn,
    /// It is kept with the journal.
    Kept,
    /// It was read from a file, or given by who embeds the engine.
    File,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::BuiltIn => "built in",
            Origin::Kept => "kept",
            Origin::File => "file",
        })
    }
}

/// A component that is not loaded.
#[derive(Debug, Clone)]
pub struct Found {
    /// What people call it.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// None where no manifest says it.
    pub world: Option<World>,
    /// The component itself.
    pub bytes: Bytes,
    /// The text of its manifest.
    pub manifest: Option<String>,
}

/// The bytes of a component. Of one that is kept elsewhere only what is known of them is brought, for a list.
#[derive(Debug, Clone)]
pub enum Bytes {
    /// All of them.
    Here(Cow<'static, [u8]>),
    /// How many there are, and their SHA-256 in hex.
    There {
        /// How many.
        count: u64,
        /// In hex.
        digest: String,
    },
}

/// Why a component cannot be used, or is not the one that is meant.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// There is none of that name.
    #[error("there is no component {0:?}")]
    Unknown(String),
    /// Several built-in ones end so.
    #[error("{named}: which of {}?", names.join(", "))]
    Ambiguous {
        /// What was asked for.
        named: String,
        /// Those.
        names: Vec<&'static str>,
    },
    /// Its manifest cannot be read.
    #[error("{name}: its manifest: {error}")]
    Manifest {
        /// Which component.
        name: String,
        /// Why.
        error: ManifestError,
    },
    /// It does not fit its world.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It is half of a policy and does not go with a built-in other half.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// It fits no world.
    #[error(
        "{name}: no manifest says what it is, and it fits none of {worlds} worlds; the first: {first}"
    )]
    FitsNone {
        /// Which component.
        name: String,
        /// How many were tried.
        worlds: usize,
        /// Why it does not fit the first.
        first: Box<PluginError>,
    },
    /// It does not take its settings, or failed at them.
    #[error("{name}: {error}")]
    Settings {
        /// Which component.
        name: String,
        /// Why.
        error: ConfigureError,
    },
    /// It has none.
    #[error("setting `{0}`: components that run on nodes have no settings")]
    NoSettings(String),
    /// It cannot be looked for.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A component that is compiled and fits its world and its manifest.
#[derive(Debug)]
pub struct Ready {
    plugin: Plugin,
    /// What stands before the names of its settings: a ranker has them through the policy around it.
    prefix: &'static str,
}

/// A built-in component by its name, or by the end of it where no other has that.
///
/// # Errors
/// Several end so.
pub fn built_in(named: &str) -> Result<Option<&'static Component>, PluginError> {
    let meant = |component: &&Component| {
        let end = component.name.split_once('-').map(|(_, end)| end);
        component.name == named || end == Some(named)
    };
    let meant: Vec<&Component> = builtin::ALL.iter().filter(meant).collect();
    match meant[..] {
        [] => Ok(None),
        [component] => Ok(Some(component)),
        _ => Err(PluginError::Ambiguous {
            named: named.into(),
            names: meant.iter().map(|component| component.name).collect(),
        }),
    }
}

/// The world that a manifest names: that of filters has three names.
pub fn world(name: &str) -> Option<World> {
    let filters = ["submission-filter", "activation-filter"];
    match filters.contains(&name) {
        true => Some(World::JobFilter),
        false => World::ALL
            .into_iter()
            .find(|world| world.to_string() == name),
    }
}

impl Bytes {
    /// How many there are.
    pub fn count(&self) -> u64 {
        match self {
            Bytes::Here(bytes) => bytes.len() as u64,
            Bytes::There { count, .. } => *count,
        }
    }

    /// Their SHA-256, in hex.
    pub fn digest(&self) -> String {
        match self {
            Bytes::Here(bytes) => digest_of(bytes),
            Bytes::There { digest, .. } => digest.clone(),
        }
    }

    fn here(&self) -> &[u8] {
        match self {
            Bytes::Here(bytes) => bytes,
            Bytes::There { .. } => &[],
        }
    }
}

impl Found {
    /// One that is built in.
    pub fn built_in(component: &Component) -> Found {
        Found {
            name: component.name.into(),
            origin: Origin::BuiltIn,
            world: Some(component.world),
            bytes: Bytes::Here(component.bytes.into()),
            manifest: Some(component.manifest.into()),
        }
    }

    /// A policy that is kept, without its bytes.
    pub fn kept(policy: PolicyView) -> Found {
        Found {
            name: policy.name,
            origin: Origin::Kept,
            world: Some(World::SchedulingPolicy),
            bytes: Bytes::There {
                count: policy.bytes,
                digest: policy.digest,
            },
            manifest: policy.manifest,
        }
    }

    /// Bytes with or without the text of a manifest, which says what they are.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub fn of_bytes(
        name: String,
        origin: Origin,
        bytes: Vec<u8>,
        manifest: Option<String>,
    ) -> Result<Found, PluginError> {
        let mut found = Found {
            name,
            origin,
            world: None,
            bytes: Bytes::Here(bytes.into()),
            manifest,
        };
        let manifest = found.manifest()?;
        found.world = manifest.and_then(|manifest| world(&manifest.world));
        Ok(found)
    }

    /// Its manifest, if it has one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn manifest(&self) -> Result<Option<Manifest>, PluginError> {
        let parsed = self.manifest.as_deref().map(Manifest::parse).transpose();
        parsed.map_err(|error| PluginError::Manifest {
            name: self.name.clone(),
            error,
        })
    }

    /// Compiled and checked against its world and its manifest; half of a policy together with a built-in other half. Takes up to seconds.
    ///
    /// # Errors
    /// It fits no world, or not the one that its manifest names.
    pub fn ready(&self, host: &PluginHost) -> Result<Ready, PluginError> {
        if let Some(world) = self.world {
            return self.as_one_of(host, world);
        }
        let mut first = None;
        for world in World::ALL {
            match self.as_one_of(host, world) {
                Ok(ready) => return Ok(ready),
                Err(error) => first = first.or(Some(error)),
            }
        }
        let none = || PluginError::Unknown(self.name.clone());
        Err(PluginError::FitsNone {
            name: self.name.clone(),
            worlds: World::ALL.len(),
            first: Box::new(first.unwrap_or_else(none)),
        })
    }

    fn as_one_of(&self, host: &PluginHost, world: World) -> Result<Ready, PluginError> {
        let own = Part {
            name: &self.name,
            bytes: self.bytes.here(),
        };
        let part = |component: Component| Part {
            name: component.name,
            bytes: component.bytes,
        };
        let other = |component: Component| {
            component.manifest().map_err(|error| PluginError::Manifest {
                name: component.name.into(),
                error,
            })
        };
        let manifest = self.manifest()?;
        let (bytes, manifest, prefix) = match world {
            World::RankedPolicy => {
                let ranker = builtin::RANKER_FORMULA;
                let its = other(ranker)?;
                let manifest = manifest.map(|own| own.composed(&its));
                (Some(compose(own, part(ranker))?), manifest, "")
            }
            World::JobRanker => {
                let policy = builtin::POLICY_RANKED;
                let its = other(policy)?;
                let manifest = manifest.map(|own| its.composed(&own));
                (Some(compose(part(policy), own)?), manifest, "ranker.")
            }
            World::SchedulingPolicy
            | World::JobFilter
            | World::TaskExecutor
            | World::PrepareTask
            | World::ReleaseTask => (None, manifest, ""),
        };
        let plugin = match &bytes {
            Some(whole) => host.load(&self.name, whole, World::SchedulingPolicy)?,
            None => host.load(&self.name, own.bytes, world)?,
        };
        let plugin = match manifest {
            Some(manifest) => plugin.with_manifest(manifest)?,
            None => plugin,
        };
        Ok(Ready { plugin, prefix })
    }
}

impl Ready {
    /// One that is loaded already.
    pub(crate) fn of(plugin: Plugin) -> Ready {
        Ready { plugin, prefix: "" }
    }

    /// The world that it fits; a half of a policy is a whole one here.
    pub fn world(&self) -> World {
        self.plugin.world()
    }

    /// Whether it takes these settings, all of them: an instance is made and told them.
    ///
    /// # Errors
    /// It refuses them, or fails at them.
    pub fn takes(self, settings: Vec<(String, String)>) -> Result<(), PluginError> {
        let Ready { plugin, prefix } = self;
        let (name, limits) = (plugin.name().to_string(), plugin.limits());
        let refused = |error| PluginError::Settings { name, error };
        match plugin.world() {
            World::SchedulingPolicy | World::RankedPolicy | World::JobRanker => {
                let settings = settings.into_iter();
                let settings = settings.map(|(name, value)| (format!("{prefix}{name}"), value));
                let settings: Vec<_> = settings.collect();
                plugin.policy(limits, &settings).map_err(refused).map(drop)
            }
            World::JobFilter => {
                let slot = FilterSlot::new(plugin, limits, settings);
                slot.map_err(refused).map(drop)
            }
            World::TaskExecutor | World::PrepareTask | World::ReleaseTask => {
                match settings.into_iter().next() {
                    Some((name, _)) => Err(PluginError::NoSettings(name)),
                    None => Ok(()),
                }
            }
        }
    }
}
