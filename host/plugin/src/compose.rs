//! Puts a ranker into a ranked policy: two components become one, a scheduling policy like any other.
//!
//! Nothing of either is compiled or runs here. The same two give the same bytes, so what comes out is known by its digest as every component is.

use std::error::Error;

use wac_graph::types::{ItemKind, Package, Types};
use wac_graph::{CompositionGraph, EncodeOptions, PackageId};
use wasmparser::Validator;

use crate::error::{ComposeError, LoadError};
use crate::inspect::{Import, check_bytes, check_exports, check_imports};
use crate::world::{InterfaceName, RANKER, World};

/// A component, and what people call it.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// For error messages.
    pub name: &'a str,
    /// The component itself.
    pub bytes: &'a [u8],
}

/// Composes a `ranked-policy` and a `job-ranker` to a `scheduling-policy`.
///
/// # Errors
/// A sentence that says which of the two is not what it should be, or how they do not fit together.
pub fn compose(policy: Part<'_>, ranker: Part<'_>) -> Result<Vec<u8>, ComposeError> {
    let mut graph = CompositionGraph::new();
    let (policy_id, policy_has) = register(&mut graph, policy, World::RankedPolicy)?;
    let (ranker_id, ranker_has) = register(&mut graph, ranker, World::JobRanker)?;
    let Some(wanted) = policy_has.imports.iter().find(|name| is_ranker(name)) else {
        return Err(wrong_world(
            policy,
            "it is a scheduling-policy, which asks no ranker",
        ));
    };
    let [Some(offered), Some(decides)] = [
        find(&ranker_has.exports, World::JobRanker),
        find(&policy_has.exports, World::RankedPolicy),
    ] else {
        // Checked when they were registered.
        return Err(wrong_world(policy, "it exports nothing"));
    };
    let bytes = join(
        &mut graph,
        (policy_id, wanted, decides),
        (ranker_id, offered),
    )
    .map_err(|error| ComposeError::Misfit {
        policy: policy.name.to_owned(),
        ranker: ranker.name.to_owned(),
        reason: with_causes(&*error),
    })?;
    check_bytes(&format!("{}+{}", policy.name, ranker.name), &bytes)?;
    Ok(bytes)
}

/// Gives the policy's import the ranker's export, and exports what the policy does.
fn join(
    graph: &mut CompositionGraph,
    (policy, wanted, decides): (PackageId, &str, &str),
    (ranker, offered): (PackageId, &str),
) -> Result<Vec<u8>, Box<dyn Error>> {
    let ranker = graph.instantiate(ranker);
    let ranks = graph.alias_instance_export(ranker, offered)?;
    let policy = graph.instantiate(policy);
    graph.set_instantiation_argument(policy, wanted, ranks)?;
    let whole = graph.alias_instance_export(policy, decides)?;
    graph.export(whole, decides)?;
    Ok(graph.encode(EncodeOptions::default())?)
}

/// An error and what it came from, on one line.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    let texts = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
    let text = texts.collect::<Vec<_>>().join(": ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The names that a component imports and exports.
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Takes a component in if it is of the world.
fn register(
    graph: &mut CompositionGraph,
    part: Part<'_>,
    world: World,
) -> Result<(PackageId, Names), ComposeError> {
    check_bytes(part.name, part.bytes)?;
    let invalid = |reason: String| LoadError::Invalid {
        name: part.name.to_owned(),
        reason,
    };
    // The library takes it that what it reads is whole.
    Validator::new()
        .validate_all(part.bytes)
        .map_err(|error| invalid(error.to_string()))?;
    let package = Package::from_bytes(&world.to_string(), None, part.bytes, graph.types_mut())
        .map_err(|error| invalid(format!("{error:#}")))?;
    let ty = &graph.types()[package.ty()];
    let exports: Vec<String> = ty.exports.keys().cloned().collect();
    let imports: Vec<Import> = ty
        .imports
        .iter()
        .map(|(name, kind)| Import {
            name: name.clone(),
            only_types: only_types(graph.types(), *kind),
        })
        .collect();
    check_exports(part.name, &exports, world)?;
    check_imports(part.name, &imports, world)?;
    let imports = imports.into_iter().map(|import| import.name).collect();
    let registered = graph.register_package(package);
    let id = registered.map_err(|error| invalid(error.to_string()))?;
    Ok((id, Names { imports, exports }))
}

fn only_types(types: &Types, kind: ItemKind) -> bool {
    match kind {
        ItemKind::Type(_) => true,
        ItemKind::Instance(interface) => {
            let mut exports = types[interface].exports.values();
            exports.all(|kind| matches!(kind, ItemKind::Type(_)))
        }
        ItemKind::Func(_) | ItemKind::Component(_) | ItemKind::Module(_) | ItemKind::Value(_) => {
            false
        }
    }
}

/// The export that makes a component of a world.
fn find(exports: &[String], world: World) -> Option<&str> {
    let ours = |name: &&String| {
        InterfaceName::of_our_package(name)
            .is_some_and(|name| name.interface == world.export() && name.may_fit())
    };
    exports.iter().find(ours).map(String::as_str)
}

fn is_ranker(import: &str) -> bool {
    InterfaceName::of_our_package(import).is_some_and(|name| name.interface == RANKER)
}

fn wrong_world(part: Part<'_>, has: &str) -> ComposeError {
    let (name, wanted, has) = (part.name.to_owned(), World::RankedPolicy, has.to_owned());
    LoadError::WrongWorld { name, wanted, has }.into()
}
