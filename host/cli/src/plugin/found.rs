//! Which component is meant, and loading it whatever its world is.

use std::path::Path;

use jobyard::builtin::{self, Component};
use jobyard::plugin::{Manifest, Part, Plugin, PluginHost, World, compose};
use jobyard::policies::PolicyView;
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::policy::{self, Chosen};
use crate::remote;
use crate::remote::args::Daemon;

/// A component, not loaded.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) origin: &'static str,
    /// None where no manifest says it.
    pub(super) world: Option<World>,
    pub(super) bytes: Bytes,
    pub(super) manifest: Option<String>,
}

/// Of a component that a daemon keeps only what it says of it is brought here, for a list.
pub(super) enum Bytes {
    Here(Vec<u8>),
    There { count: u64, digest: String },
}

impl Bytes {
    pub(super) fn count(&self) -> u64 {
        match self {
            Bytes::Here(bytes) => bytes.len() as u64,
            Bytes::There { count, .. } => *count,
        }
    }

    fn here(&self) -> &[u8] {
        match self {
            Bytes::Here(bytes) => bytes,
            Bytes::There { .. } => &[],
        }
    }
}

/// One that takes settings.
pub(super) struct Ready {
    pub(super) plugin: Plugin,
    /// What stands before the names of its settings: a ranker has them through the policy around it.
    pub(super) prefix: &'static str,
}

impl Found {
    pub(super) fn built_in(component: &Component) -> Found {
        Found {
            name: component.name.into(),
            origin: "built in",
            world: Some(component.world),
            bytes: Bytes::Here(component.bytes.to_vec()),
            manifest: Some(component.manifest.into()),
        }
    }

    pub(super) fn kept(policy: PolicyView) -> Found {
        Found {
            name: policy.name,
            origin: "kept",
            world: Some(World::SchedulingPolicy),
            bytes: Bytes::There {
                count: policy.bytes,
                digest: policy.digest,
            },
            manifest: policy.manifest,
        }
    }

    fn chosen(chosen: Chosen, origin: &'static str) -> Result<Found, Failure> {
        let mut found = Found {
            name: chosen.name,
            origin,
            world: None,
            bytes: Bytes::Here(chosen.bytes),
            manifest: chosen.manifest,
        };
        let manifest = found.manifest()?;
        found.world = manifest.and_then(|manifest| world(&manifest.world));
        Ok(found)
    }

    pub(super) fn manifest(&self) -> Result<Option<Manifest>, Failure> {
        let parsed = self.manifest.as_deref().map(Manifest::parse).transpose();
        parsed.map_err(|error| Failure::Input(format!("{}: its manifest: {error}", self.name)))
    }

    pub(super) fn digest(&self) -> String {
        match &self.bytes {
            Bytes::Here(bytes) => format!("{:x}", Sha256::digest(bytes)),
            Bytes::There { digest, .. } => digest.clone(),
        }
    }

    /// Compiled and checked against its world and its manifest; half of a policy together with a built-in other half.
    pub(super) fn ready(&self, host: &PluginHost) -> Result<Ready, Failure> {
        let worlds = match self.world {
            Some(world) => vec![world],
            None => World::ALL.to_vec(),
        };
        let mut refusals = Vec::new();
        for &world in &worlds {
            match self.as_one_of(host, world) {
                Ok(ready) => return Ok(ready),
                Err(failure) => refusals.push(failure.to_string()),
            }
        }
        match &refusals[..] {
            [only] => Err(Failure::Input(only.clone())),
            all => Err(Failure::Input(format!(
                "{}: no manifest says what it is, and it fits none of {} worlds; the first: {}",
                self.name,
                worlds.len(),
                all.first().map_or("", String::as_str)
            ))),
        }
    }

    fn as_one_of(&self, host: &PluginHost, world: World) -> Result<Ready, Failure> {
        let own = Part {
            name: &self.name,
            bytes: self.bytes.here(),
        };
        let part = |component: Component| Part {
            name: component.name,
            bytes: component.bytes,
        };
        let whole = match world {
            World::RankedPolicy => Some(compose(own, part(builtin::RANKER_FORMULA))),
            World::JobRanker => Some(compose(part(builtin::POLICY_RANKED), own)),
            World::SchedulingPolicy
            | World::JobFilter
            | World::TaskExecutor
            | World::PrepareTask
            | World::ReleaseTask => None,
        };
        let manifest = self.manifest()?;
        let Some(whole) = whole.transpose().map_err(Failure::input)? else {
            let plugin = host.load(&self.name, self.bytes.here(), world);
            let plugin = plugin.map_err(Failure::input)?;
            let plugin = match manifest {
                Some(manifest) => plugin.with_manifest(manifest).map_err(Failure::input)?,
                None => plugin,
            };
            return Ok(Ready { plugin, prefix: "" });
        };
        let other = |component: Component| component.manifest().map_err(Failure::work);
        let manifest = match (manifest, world) {
            (None, _) => None,
            (Some(own), World::JobRanker) => Some(other(builtin::POLICY_RANKED)?.composed(&own)),
            (Some(own), _) => Some(own.composed(&other(builtin::RANKER_FORMULA)?)),
        };
        let plugin = host.load(&self.name, &whole, World::SchedulingPolicy);
        let plugin = plugin.map_err(Failure::input)?;
        let plugin = match manifest {
            Some(manifest) => plugin.with_manifest(manifest).map_err(Failure::input)?,
            None => plugin,
        };
        let prefix = if world == World::JobRanker {
            "ranker."
        } else {
            ""
        };
        Ok(Ready { plugin, prefix })
    }
}

/// The world of a manifest: that of filters has three names.
fn world(name: &str) -> Option<World> {
    let filters = ["submission-filter", "activation-filter"];
    match filters.contains(&name) {
        true => Some(World::JobFilter),
        false => World::ALL
            .into_iter()
            .find(|world| world.to_string() == name),
    }
}

/// A built-in one by its name, or by the end of it where no other has that; else a file; else one that the daemon keeps.
pub(super) fn find(named: &str, daemon: &Daemon) -> Result<Found, Failure> {
    let short = |component: &&Component| {
        let end = component.name.split_once('-').map(|(_, end)| end);
        component.name == named || end == Some(named)
    };
    let meant: Vec<&Component> = builtin::ALL.iter().filter(short).collect();
    match meant[..] {
        [component] => return Ok(Found::built_in(component)),
        [] => {}
        _ => {
            let names: Vec<&str> = meant.iter().map(|component| component.name).collect();
            let text = format!("{named}: which of {}?", names.join(", "));
            return Err(Failure::Input(text));
        }
    }
    let path = Path::new(named);
    if path.exists() || named.contains('/') || path.extension().is_some() {
        return Found::chosen(policy::read(path, None)?, "file");
    }
    match remote::policy::kept(daemon, named) {
        Ok(kept) => Found::chosen(kept, "kept"),
        Err(_) => {
            let names: Vec<&str> = builtin::ALL
                .iter()
                .map(|component| component.name)
                .collect();
            let names = names.join(", ");
            let text = format!(
                "{named}: no built-in component, no file and no policy of a daemon has that name; built in are: {names}"
            );
            Err(Failure::Input(text))
        }
    }
}
