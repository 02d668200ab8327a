//! The plugin host: two engines, the clock of the deadlines, the cache of compiled code, and what comes out of them, plugins.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jobyard_kernel::{Columns, PARAMETERS};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Config, Engine};

use crate::bindings::{executor, policy, prepare, release};
use crate::cache::{CacheRefusal, CodeCache, engine_key};
use crate::digest::{Half, half_of, hex, sha256};
use crate::error::{ConfigureError, HostError, LoadError};
use crate::inspect::{check_bytes, check_names, check_types, one_line};
use crate::instance::GuestState;
use crate::limits::{
    Limits, POLICY_STACK_BYTES, SPARES_PER_THREAD, WORK_FIBER_BYTES, WORK_MEMORY_GROWTH_BYTES,
    WORK_MEMORY_RESERVATION_BYTES, WORK_STACK_BYTES,
};
use crate::manifest::Manifest;
use crate::policy_memory;
use crate::ticker::Ticker;
use crate::work::WorkState;
use crate::work::spare::{Creator, Spares};
use crate::world::World;

/// Loads components. Cheap to clone; clones share everything. Make one a process.
#[derive(Clone)]
pub struct PluginHost {
    inner: Arc<Inner>,
}

struct Inner {
    policies: Side<GuestState>,
    node_side: Side<WorkState>,
    ticker: Ticker,
    cache: Option<CodeCache>,
    cache_refusal: Option<CacheRefusal>,
}

/// One engine, what its guests may call, and the name of its compiled code.
struct Side<T: 'static> {
    engine: Engine,
    linker: Linker<T>,
    key: String,
}

/// A component that fits its world, compiled and linked. Cheap to clone. Instances of it are made by
/// [`Plugin::policy`] and [`Plugin::run`].
#[derive(Clone)]
pub struct Plugin {
    inner: Arc<Loaded>,
    manifest: Option<Arc<Manifest>>,
}

struct Loaded {
    name: Arc<str>,
    digest: Arc<str>,
    half: Half,
    bytes: u64,
    world: World,
    ticker: Ticker,
    linked: Linked,
}

/// Checked against its world and ready to be instantiated.
pub(crate) enum Linked {
    Policy(policy::SchedulingPolicyPre<GuestState>),
    Filter(InstancePre<GuestState>),
    Executor(executor::TaskExecutorPre<WorkState>),
    Prepare(prepare::PrepareTaskPre<WorkState>),
    Release(release::ReleaseTaskPre<WorkState>),
}

impl PluginHost {
    /// Sets the engines up. `cache` is a folder for compiled code, which is made if it is not there; one that is not
    /// safe to take code from is not used, see [`PluginHost::cache_refusal`].
    pub fn new(cache: Option<PathBuf>) -> Result<Self, HostError> {
        let engine_error = |error: wasmtime::Error| HostError::Engine(format!("{error:#}"));
        let policies = policy_side().map_err(engine_error)?;
        let node_side = node_side().map_err(engine_error)?;
        let ticker = Ticker::start(vec![policies.engine.clone(), node_side.engine.clone()])?;
        let (cache, cache_refusal) = match cache.map(|folder| CodeCache::open(&folder)) {
            None => (None, None),
            Some(Ok(cache)) => (Some(cache), None),
            Some(Err(refusal)) => (None, Some(refusal)),
        };
        let inner = Inner {
            policies,
            node_side,
            ticker,
            cache,
            cache_refusal,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Why the folder for compiled code is not used, if it is not: to be told to the admin.
    pub fn cache_refusal(&self) -> Option<&CacheRefusal> {
        self.inner.cache_refusal.as_ref()
    }

    /// Checks and compiles a component, or takes its code from the cache. `name` is what people call it.
    ///
    /// The halves of a policy, ranked policies and rankers, are refused: see [`compose`](crate::compose). Nothing of the component runs. Compiling takes 20 ms for a small Rust component and seconds for one with a
    /// JavaScript or Python inside: do not call it where that hurts.
    pub fn load(&self, name: &str, bytes: &[u8], world: World) -> Result<Plugin, LoadError> {
        check_bytes(name, bytes)?;
        if let World::RankedPolicy | World::JobRanker = world {
            let name = name.to_owned();
            return Err(LoadError::Half { name, world });
        }
        let digest = hex(&sha256(bytes));
        let linked = match world {
            World::SchedulingPolicy | World::RankedPolicy | World::JobRanker => {
                let pre = self.link(&self.inner.policies, name, &digest, bytes, world)?;
                policy::SchedulingPolicyPre::new(pre).map(Linked::Policy)
            }
            World::JobFilter => {
                let pre = self.link(&self.inner.policies, name, &digest, bytes, world)?;
                Ok(Linked::Filter(pre))
            }
            World::TaskExecutor => {
                let pre = self.link(&self.inner.node_side, name, &digest, bytes, world)?;
                executor::TaskExecutorPre::new(pre).map(Linked::Executor)
            }
            World::PrepareTask => {
                let pre = self.link(&self.inner.node_side, name, &digest, bytes, world)?;
                prepare::PrepareTaskPre::new(pre).map(Linked::Prepare)
            }
            World::ReleaseTask => {
                let pre = self.link(&self.inner.node_side, name, &digest, bytes, world)?;
                release::ReleaseTaskPre::new(pre).map(Linked::Release)
            }
        }
        .map_err(|error| wrong_types(name, world, &error))?;
        let ticker = self.inner.ticker.clone();
        let loaded = Loaded {
            name: name.into(),
            digest: digest.into(),
            half: half_of(bytes),
            bytes: bytes.len() as u64,
            world,
            ticker,
            linked,
        };
        Ok(Plugin {
            inner: Arc::new(loaded),
            manifest: None,
        })
    }

    fn link<T>(
        &self,
        side: &Side<T>,
        name: &str,
        digest: &str,
        bytes: &[u8],
        world: World,
    ) -> Result<InstancePre<T>, LoadError> {
        let component = self.compile(side, name, digest, bytes)?;
        check_names(name, &side.engine, &component, world)?;
        check_types(name, &side.engine, &component, world)?;
        side.linker
            .instantiate_pre(&component)
            .map_err(|error| wrong_types(name, world, &error))
    }

    fn compile<T>(
        &self,
        side: &Side<T>,
        name: &str,
        digest: &str,
        bytes: &[u8],
    ) -> Result<Component, LoadError> {
        let cache = self.inner.cache.as_ref();
        if let Some(component) = cache.and_then(|cache| cache.load(&side.engine, &side.key, digest))
        {
            return Ok(component);
        }
        let component =
            Component::from_binary(&side.engine, bytes).map_err(|error| LoadError::Invalid {
                name: name.to_owned(),
                reason: one_line(&error),
            })?;
        if let Some(cache) = cache {
            cache.store(&side.key, digest, &component);
        }
        Ok(component)
    }
}

impl Plugin {
    /// What people call it.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// SHA-256 of the component's bytes, in hex: what a journal names it by.
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// How many bytes the component has.
    pub fn bytes(&self) -> u64 {
        self.inner.bytes
    }

    /// The first half of [`Plugin::digest`], as bytes.
    pub fn digest_half(&self) -> Half {
        self.inner.half
    }

    /// The world that it was loaded for.
    pub fn world(&self) -> World {
        self.inner.world
    }

    /// The same plugin with what its manifest says: limits, columns, settings.
    ///
    /// # Errors
    /// The manifest is about another component, by its digest or its world.
    pub fn with_manifest(self, manifest: Manifest) -> Result<Self, LoadError> {
        manifest
            .fits(self.digest(), self.world())
            .map_err(|error| LoadError::Manifest {
                name: self.name().into(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            manifest: Some(Arc::new(manifest)),
            ..self
        })
    }

    /// Its manifest, if it has one.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_deref()
    }

    /// The limits of its calls: what its manifest says, or the defaults of its world.
    pub fn limits(&self) -> Limits {
        let manifest = self.manifest();
        manifest.map_or_else(
            || Limits::for_world(self.world()),
            |manifest| manifest.limits(self.world()),
        )
    }

    /// The columns that it may be told: those that its manifest names, none without one.
    pub fn columns(&self) -> Columns {
        let manifest = self.manifest();
        manifest.map_or_else(Columns::default, |manifest| manifest.columns.clone())
    }

    /// Whether settings fit the schema of the manifest, where there is one. Cluster parameters, which a policy may follow, are none of its
    /// business.
    pub(crate) fn check_settings(
        &self,
        settings: &[(String, String)],
    ) -> Result<(), ConfigureError> {
        let is_parameter = |name: &str| {
            let name = name.strip_prefix("ranker.").unwrap_or(name);
            PARAMETERS.iter().any(|parameter| parameter.name == name)
        };
        let Some(manifest) = self.manifest() else {
            return Ok(());
        };
        let checked = manifest.settings.check(settings, is_parameter);
        checked.map_err(|bad| ConfigureError::Refused(bad.to_string()))
    }

    pub(crate) fn name_and_digest(&self) -> (Arc<str>, Arc<str>) {
        (self.inner.name.clone(), self.inner.digest.clone())
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.inner.ticker
    }

    pub(crate) fn linked(&self) -> &Linked {
        &self.inner.linked
    }
}

impl fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost")
            .field("cache", &self.inner.cache)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loaded {
            name,
            digest,
            world,
            ..
        } = &*self.inner;
        write!(f, "Plugin({name}, {world}, {digest})")
    }
}

/// What both engines have in common: nothing in guest code may depend on the machine or on chance, and a
/// deadline can stop it.
fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(64));
    config
}

/// Few instances that live long and compute: the address space that makes loads cheap, and no fibers.
fn policy_side() -> wasmtime::Result<Side<GuestState>> {
    let mut config = config();
    config
        .max_wasm_stack(POLICY_STACK_BYTES)
        .memory_init_cow(false)
        .with_host_memory(Arc::new(policy_memory::Creator));
    let engine = Engine::new(&config)?;
    let mut linker = Linker::new(&engine);
    policy::SchedulingPolicy::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(Side {
        key: engine_key(&engine),
        engine,
        linker,
    })
}

/// Many instances that mostly wait: little address space, small stacks, few mappings (a process may have 65,530 on
/// Linux unless told otherwise). Loads check their bounds instead of running into guard pages, which costs
/// work that waits for processes nothing.
fn node_side() -> wasmtime::Result<Side<WorkState>> {
    let mut config = config();
    config
        .max_wasm_stack(WORK_STACK_BYTES)
        .async_stack_size(WORK_FIBER_BYTES)
        .memory_reservation(WORK_MEMORY_RESERVATION_BYTES)
        .memory_reservation_for_growth(WORK_MEMORY_GROWTH_BYTES)
        .memory_guard_size(0)
        .guard_before_linear_memory(false)
        .memory_may_move(true)
        .memory_init_cow(false);
    let creator = Arc::new(Creator(Spares::new(spares_max())));
    config
        .with_host_memory(creator.clone())
        .with_host_stack(creator);
    let engine = Engine::new(&config)?;
    let mut linker = Linker::new(&engine);
    executor::TaskExecutor::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(Side {
        key: engine_key(&engine),
        engine,
        linker,
    })
}

/// How many memories and stacks of ended instances are kept: as many as short pieces of work overlap.
fn spares_max() -> usize {
    SPARES_PER_THREAD * std::thread::available_parallelism().map_or(1, |n| n.get())
}

fn wrong_types(name: &str, world: World, error: &wasmtime::Error) -> LoadError {
    LoadError::WrongTypes {
        name: name.to_owned(),
        world,
        reason: one_line(error),
    }
}
