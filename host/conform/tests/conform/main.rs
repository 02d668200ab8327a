//! The kit on policies that are known: bad ones, each of which one rule must catch, and the built-in ones, which keep all.

mod bad;
mod built_in;
mod docs;
mod greedy;
mod spoiled;

use std::path::Path;
use std::sync::LazyLock;

use jobyard_conform::Component;
use jobyard_plugin::{Limits, Manifest, Part, PluginHost, World, compose};

/// The repository's root.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A committed component and its manifest, by the name of its file.
fn committed(name: &str) -> (Vec<u8>, Manifest) {
    let plugins = root().join("plugins");
    let file = plugins.join("builtin").join(name).with_extension("wasm");
    let bytes = std::fs::read(file).expect("it is committed");
    let manifest = Manifest::read(&plugins.join(name).join("plugin.toml"));
    (bytes, manifest.expect("it reads"))
}

/// A committed policy with what its manifest grants; with a plus in its name a ranked policy and a ranker.
fn component(name: &str) -> Component {
    static HOST: LazyLock<PluginHost> =
        LazyLock::new(|| PluginHost::new(None).expect("the host can be made"));
    let (bytes, manifest) = match name.split_once('+') {
        None => committed(name),
        Some((ranked, ranker)) => {
            let [(policy, manifest), (order, its)] = [ranked, ranker].map(committed);
            let part = |name, bytes| Part { name, bytes };
            let bytes = compose(part(ranked, &policy), part(ranker, &order));
            (bytes.expect("they fit"), manifest.composed(&its))
        }
    };
    let world = World::SchedulingPolicy;
    let plugin = HOST.load(name, &bytes, world);
    let plugin = plugin.and_then(|plugin| plugin.with_manifest(manifest));
    Component::new(plugin.expect("it is a policy"), Limits::for_world(world))
}

fn settings(given: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    given.iter().map(owned).collect()
}

/// What `JOBYARD_FUZZ` says, else 1.
fn times() -> u64 {
    let times = std::env::var("JOBYARD_FUZZ").ok();
    times.and_then(|times| times.parse().ok()).unwrap_or(1)
}
