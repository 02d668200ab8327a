//! The components that the engine brings along, under their names.

use jobyard_node::PluginSet;
use jobyard_plugin::{
    LoadError, Manifest, ManifestError, Part, Plugin, PluginHost, World, compose, digest_of,
};

macro_rules! components {
    ($($(#[$doc:meta])* $name:ident = $file:literal, $world:ident;)*) => {
        $($(#[$doc])* pub const $name: Component = Component {
            name: $file,
            world: World::$world,
            bytes: include_bytes!(concat!("../../../plugins/builtin/", $file, ".wasm")),
            manifest: include_str!(concat!("../../../plugins/", $file, "/plugin.toml")),
        };)*

        /// All of them.
        pub const ALL: &[Component] = &[$($name),*];
    };
}

/// A component that is part of the program.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    /// What people call it.
    pub name: &'static str,
    /// What it is.
    pub world: World,
    /// The component itself.
    pub bytes: &'static [u8],
    /// Its `plugin.toml`.
    pub manifest: &'static str,
}

/// A policy that is part of the program, as a whole.
#[derive(Debug, Clone)]
pub struct Whole {
    /// What people call it: `fifo`, `ranked+formula`.
    pub name: String,
    /// The component itself.
    pub bytes: Vec<u8>,
    /// Its `plugin.toml`.
    pub manifest: String,
}

components! {
    /// Strict queue order.
    POLICY_FIFO = "policy-fifo", SchedulingPolicy;
    /// EASY backfill; the policy where nobody chose another, and the last resort when one fails.
    POLICY_BACKFILL = "policy-backfill", SchedulingPolicy;
    /// HPC Pack's queued mode.
    POLICY_QUEUED = "policy-queued", SchedulingPolicy;
    /// HPC Pack's balanced mode.
    POLICY_BALANCED = "policy-balanced", SchedulingPolicy;
    /// Conservative backfill: a reservation for every job that waits.
    POLICY_CONSERVATIVE = "policy-conservative", SchedulingPolicy;
    /// Backfill in the order of a ranker: half of a policy.
    POLICY_RANKED = "policy-ranked", RankedPolicy;
    /// Published priority functions.
    RANKER_FORMULA = "ranker-formula", JobRanker;
    /// Fair share of projects and owners.
    RANKER_FAIRSHARE = "ranker-fairshare", JobRanker;
    /// Age, size, fair share, priority and deadline, weighted.
    RANKER_MULTIFACTOR = "ranker-multifactor", JobRanker;
    /// Activation filter: a job starts when the licences that it needs are free.
    FILTER_LICENCES = "filter-licences", JobFilter;
    /// Runs command lines.
    EXECUTOR_COMMAND = "executor-command", TaskExecutor;
    /// Runs the job's node prepare command line.
    PREPARE_COMMAND = "prepare-command", PrepareTask;
    /// Runs the job's node release command line.
    RELEASE_COMMAND = "release-command", ReleaseTask;
    /// Removes the job's scratch folder.
    RELEASE_SCRATCH = "release-scratch", ReleaseTask;
}

/// A built-in policy by name: `fifo`, or `policy-fifo`.
pub fn policy(name: &str) -> Option<Component> {
    named(World::SchedulingPolicy, name)
}

/// A whole policy by name: a built-in one, or the built-in halves of one with a plus between, which are composed: `ranked+formula`. Takes
/// milliseconds of a core.
pub fn whole_policy(name: &str) -> Option<Whole> {
    if let Some(own) = policy(name) {
        return Some(Whole {
            name: own.short_name().into(),
            bytes: own.bytes.into(),
            manifest: own.manifest.into(),
        });
    }
    let (ranked, order) = name.split_once('+')?;
    let (ranked, order) = (ranked_policy(ranked)?, ranker(order)?);
    // Those of the program fit together and have manifests: a test composes all of them.
    let manifest = ranked.manifest().ok()?.composed(&order.manifest().ok()?);
    Some(Whole {
        name: composed_name(&ranked, &order),
        bytes: compose(ranked.part(), order.part()).ok()?,
        manifest: manifest.text().ok()?,
    })
}

/// The names of all whole policies.
pub fn whole_policy_names() -> Vec<String> {
    let own = policy_names().into_iter().map(String::from);
    let both = of_world(World::RankedPolicy).flat_map(|ranked| {
        of_world(World::JobRanker).map(move |ranker| composed_name(ranked, ranker))
    });
    own.chain(both).collect()
}

fn composed_name(ranked: &Component, ranker: &Component) -> String {
    format!("{}+{}", ranked.short_name(), ranker.short_name())
}

/// A built-in ranked policy by name: `ranked`, or `policy-ranked`.
pub fn ranked_policy(name: &str) -> Option<Component> {
    named(World::RankedPolicy, name)
}

/// A built-in ranker by name: `formula`, or `ranker-formula`.
pub fn ranker(name: &str) -> Option<Component> {
    named(World::JobRanker, name)
}

/// A built-in filter by name: `licences`, or `filter-licences`.
pub fn filter(name: &str) -> Option<Component> {
    named(World::JobFilter, name)
}

/// The names of the built-in policies, without `policy-`.
pub fn policy_names() -> Vec<&'static str> {
    names(World::SchedulingPolicy)
}

/// The names of the built-in ranked policies, without `policy-`.
pub fn ranked_policy_names() -> Vec<&'static str> {
    names(World::RankedPolicy)
}

/// The names of the built-in rankers, without `ranker-`.
pub fn ranker_names() -> Vec<&'static str> {
    names(World::JobRanker)
}

fn of_world(world: World) -> impl Iterator<Item = &'static Component> {
    ALL.iter().filter(move |component| component.world == world)
}

fn named(world: World, name: &str) -> Option<Component> {
    let mut components = of_world(world);
    let found = components.find(|c| c.name == name || c.short_name() == name);
    found.copied()
}

fn names(world: World) -> Vec<&'static str> {
    of_world(world).map(Component::short_name).collect()
}

impl Component {
    /// Loads it, with its manifest.
    pub fn load(&self, host: &PluginHost) -> Result<Plugin, LoadError> {
        load(host, self.name, self.bytes, self.world, None)
    }

    /// Its manifest.
    ///
    /// # Errors
    /// None that a test would not have found: it is part of the program.
    pub fn manifest(&self) -> Result<Manifest, ManifestError> {
        Manifest::parse(self.manifest)
    }

    fn part(&self) -> Part<'static> {
        Part {
            name: self.name,
            bytes: self.bytes,
        }
    }

    /// Whether that plugin was made of it.
    pub(crate) fn is(&self, plugin: &Plugin) -> bool {
        plugin.digest() == digest_of(self.bytes)
    }

    /// The name that people and jobs use: what follows `policy-`, `executor-` and so on.
    pub fn short_name(&self) -> &'static str {
        self.name
            .split_once('-')
            .map_or(self.name, |(_, short)| short)
    }
}

/// The manifest of a component, if it is one of those here.
pub(crate) fn manifest_of(bytes: &[u8]) -> Option<String> {
    let own = ALL.iter().find(|component| component.bytes == bytes);
    own.map(|component| component.manifest.to_string())
}

/// Loads a component with this manifest; without one, with its own if it is one of those here, whatever it is called.
pub fn load(
    host: &PluginHost,
    name: &str,
    bytes: &[u8],
    world: World,
    manifest: Option<Manifest>,
) -> Result<Plugin, LoadError> {
    let plugin = host.load(name, bytes, world)?;
    let own = || Manifest::parse(&manifest_of(bytes)?).ok();
    match manifest.or_else(own) {
        Some(manifest) => plugin.with_manifest(manifest),
        None => Ok(plugin),
    }
}

/// The built-in executor, prepare and release components, by the names that jobs use: `command`, `scratch`.
pub fn node_plugins(host: &PluginHost) -> Result<PluginSet, LoadError> {
    let mut set = PluginSet::new();
    for component in ALL.iter().filter(|c| c.world.is_node_side()) {
        let plugin = component.load(host)?;
        let limits = plugin.limits();
        set.insert(component.short_name(), plugin, limits);
    }
    Ok(set)
}
