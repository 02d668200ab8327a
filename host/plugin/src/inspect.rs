//! Looks at a component before anything of it runs: what it is at all, and what it wants and offers.

use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, ComponentNamedList, Lift, Lower};

use crate::bindings::executor::jobyard::plugin::work;
use crate::bindings::filter::exports::jobyard::plugin::{activation, submission};
use crate::bindings::filter::jobyard::plugin::jobs;
use crate::bindings::policy::exports::jobyard::plugin::policy;

use crate::error::LoadError;
use crate::limits::COMPONENT_BYTES_MAX;
use crate::world::{InterfaceName, PACKAGE, PACKAGE_VERSION, RANKER, World};

/// Refuses by the first bytes what is not a binary component.
pub(crate) fn check_bytes(name: &str, bytes: &[u8]) -> Result<(), LoadError> {
    let name = name.to_owned();
    if bytes.is_empty() {
        return Err(LoadError::Empty { name });
    }
    if bytes.len() > COMPONENT_BYTES_MAX {
        let bytes_max = COMPONENT_BYTES_MAX;
        return Err(LoadError::TooLarge {
            name,
            bytes: bytes.len(),
            bytes_max,
        });
    }
    if bytes.starts_with(b"\0asm\x01\0\0\0") {
        return Err(LoadError::CoreModule { name });
    }
    if bytes.starts_with(b"\0asm") {
        return Ok(());
    }
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"(component") || text.starts_with(b"(module") || text.starts_with(b";;") {
        return Err(LoadError::Text { name });
    }
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(LoadError::Compiled { name });
    }
    let begins = bytes[..bytes.len().min(8)].escape_ascii().to_string();
    Err(LoadError::NotWebAssembly {
        name,
        begins: format!("\"{begins}\""),
    })
}

/// Refuses by names and versions what does not fit the world. Types are compared later, when it is linked.
pub(crate) fn check_names(
    name: &str,
    engine: &Engine,
    component: &Component,
    world: World,
) -> Result<(), LoadError> {
    let ty = component.component_type();
    let exports: Vec<String> = ty
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    check_exports(name, &exports, world)?;

    let imports: Vec<Import> = ty
        .imports(engine)
        .map(|(name, item)| Import {
            name: name.to_owned(),
            only_types: only_types(engine, &item.ty),
        })
        .collect();
    check_imports(name, &imports, world)
}

/// Refuses exported functions whose types are not the world's, which instantiating would find only later.
pub(crate) fn check_types(
    name: &str,
    engine: &Engine,
    component: &Component,
    world: World,
) -> Result<(), LoadError> {
    type Settings = Vec<(String, String)>;
    type Ended = Result<work::Exit, work::Failure>;

    let check = || match world {
        World::SchedulingPolicy | World::RankedPolicy | World::JobRanker => {
            let functions = Functions::of(engine, component, world.export())?;
            functions.check::<(Settings,), (Result<Settings, String>,)>("configure")?;
            functions.check::<(f64, &policy::Changes), (policy::Plan,)>("schedule")
        }
        World::JobFilter => {
            let functions = Functions::of(engine, component, world.export())?;
            functions.check::<(Settings,), (Result<Settings, String>,)>("configure")?;
            let (submits, starts) = filter_kinds(engine, component);
            if submits {
                let functions = Functions::of(engine, component, SUBMISSION)?;
                functions.check::<(f64, &jobs::Job), (submission::Verdict,)>("check")?;
                functions.check::<(f64, &jobs::Job), ()>("revert")?;
            }
            if starts {
                let functions = Functions::of(engine, component, ACTIVATION)?;
                functions.check::<(f64, &activation::Candidate), (activation::Answer,)>("check")?;
            }
            (submits || starts).then_some(()).ok_or_else(|| {
                format!("it exports neither {PACKAGE}/{SUBMISSION}@{PACKAGE_VERSION} nor {PACKAGE}/{ACTIVATION}@{PACKAGE_VERSION}")
            })
        }
        World::TaskExecutor | World::PrepareTask | World::ReleaseTask => {
            let functions = Functions::of(engine, component, world.export())?;
            functions.check::<(&work::Assignment,), (Ended,)>("run")
        }
    };
    let name = name.to_owned();
    check().map_err(|reason| LoadError::WrongTypes {
        name,
        world,
        reason,
    })
}

/// The interface of filters that look at submitted jobs.
pub(crate) const SUBMISSION: &str = "submission";
/// The interface of filters that look at jobs which are about to start or to grow.
pub(crate) const ACTIVATION: &str = "activation";

/// Whether a filter looks at submitted jobs, and whether at those that are about to start.
pub(crate) fn filter_kinds(engine: &Engine, component: &Component) -> (bool, bool) {
    let has = |interface| Functions::of(engine, component, interface).is_ok();
    (has(SUBMISSION), has(ACTIVATION))
}

/// The functions of an interface that a component exports.
struct Functions<'a> {
    engine: &'a Engine,
    component: &'a Component,
    interface: ComponentInstance,
}

impl<'a> Functions<'a> {
    fn of(engine: &'a Engine, component: &'a Component, wanted: &str) -> Result<Self, String> {
        let ty = component.component_type();
        let ours = |name: &str| {
            InterfaceName::of_our_package(name)
                .is_some_and(|name| name.interface == wanted && name.may_fit())
        };
        let found = ty
            .exports(engine)
            .find(|(name, _)| ours(name))
            .map(|(_, item)| item.ty);
        match found {
            Some(ComponentItem::ComponentInstance(interface)) => Ok(Self {
                engine,
                component,
                interface,
            }),
            _ => Err(format!("{wanted} is not an interface")),
        }
    }

    fn check<Params, Return>(&self, function: &str) -> Result<(), String>
    where
        Params: ComponentNamedList + Lower,
        Return: ComponentNamedList + Lift,
    {
        match self
            .interface
            .get_export(self.engine, function)
            .map(|item| item.ty)
        {
            Some(ComponentItem::ComponentFunc(found)) => found
                .typecheck::<Params, Return>(&self.component.component_type().instance_type())
                .map_err(|error| format!("function {function}: {}", one_line(&error))),
            Some(_) => Err(format!("{function} is not a function")),
            None => Err(format!("function {function} is missing")),
        }
    }
}

/// The causes of an error on one line.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    format!("{error:#}")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Something that a component imports.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) name: String,
    /// Nothing to call: such an import needs nobody to serve it.
    pub(crate) only_types: bool,
}

fn only_types(engine: &Engine, item: &ComponentItem) -> bool {
    match item {
        ComponentItem::Type(_) => true,
        ComponentItem::ComponentInstance(instance) => instance
            .exports(engine)
            .all(|(_, item)| matches!(item.ty, ComponentItem::Type(_))),
        ComponentItem::ComponentFunc(_)
        | ComponentItem::CoreFunc(_)
        | ComponentItem::Module(_)
        | ComponentItem::Component(_)
        | ComponentItem::Resource(_) => false,
    }
}

/// Refuses what does not export the world's interface.
pub(crate) fn check_exports(name: &str, exports: &[String], world: World) -> Result<(), LoadError> {
    let ours: Vec<InterfaceName<'_>> = exports
        .iter()
        .filter_map(|name| InterfaceName::of_our_package(name))
        .collect();
    let wanted = |export: &&InterfaceName<'_>| export.interface == world.export();
    if ours.iter().filter(wanted).any(InterfaceName::may_fit) {
        return Ok(());
    }
    if let Some(other) = ours.iter().find(wanted) {
        return Err(wrong_version(name, world, "exports", other));
    }
    let has = match ours
        .iter()
        .find_map(|export| World::exporting(export.interface))
    {
        Some(half @ World::JobRanker) if world == World::SchedulingPolicy => {
            return Err(LoadError::Half {
                name: name.to_owned(),
                world: half,
            });
        }
        Some(other) => format!("it is a {other}"),
        None if exports.is_empty() => "it exports nothing".to_owned(),
        None => format!("it exports {}", listed(exports)),
    };
    Err(LoadError::WrongWorld {
        name: name.to_owned(),
        wanted: world,
        has,
    })
}

/// Refuses what imports more than the world is given.
pub(crate) fn check_imports(name: &str, imports: &[Import], world: World) -> Result<(), LoadError> {
    let mut not_served = Vec::new();
    for import in imports.iter().filter(|import| !import.only_types) {
        match InterfaceName::of_our_package(&import.name) {
            Some(ours) if ours.interface == RANKER && world == World::SchedulingPolicy => {
                return Err(LoadError::Half {
                    name: name.to_owned(),
                    world: World::RankedPolicy,
                });
            }
            Some(ours) if !world.imports().contains(&ours.interface) => {
                not_served.push(import.name.clone());
            }
            Some(ours) if !ours.may_fit() => {
                return Err(wrong_version(name, world, "imports", &ours));
            }
            Some(_) => {}
            None => not_served.push(import.name.clone()),
        }
    }
    if not_served.is_empty() {
        return Ok(());
    }
    let served = world
        .imports()
        .iter()
        .map(|name| format!("{PACKAGE}/{name}@{PACKAGE_VERSION}"))
        .collect();
    Err(LoadError::NotServed {
        name: name.to_owned(),
        world,
        imports: not_served,
        served,
    })
}

fn wrong_version(
    name: &str,
    world: World,
    direction: &'static str,
    found: &InterfaceName<'_>,
) -> LoadError {
    LoadError::WrongVersion {
        name: name.to_owned(),
        world,
        direction,
        interface: format!("{PACKAGE}/{}", found.interface),
        version: if found.version.is_empty() {
            "none"
        } else {
            found.version
        }
        .to_owned(),
    }
}

/// The first few of a list of names.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(5) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
