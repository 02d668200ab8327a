//! The kit on policies that are known: bad ones, each of which one rule must catch, and the built-in ones, which keep all.

mod bad;
mod built_in;
mod docs;
mod greedy;
mod spoiled;

use std::path::Path;
use std::sync::LazyLock;

use jobyard_conform::Component;
use jobyard_plugin::{Limits, PluginHost, World};

/// The repository's root.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A committed policy component, by the name of its file.
fn component(name: &str) -> Component {
    static HOST: LazyLock<PluginHost> =
        LazyLock::new(|| PluginHost::new(None).expect("the host can be made"));
    let file = root()
        .join("plugins/builtin")
        .join(name)
        .with_extension("wasm");
    let bytes = std::fs::read(file).expect("it is committed");
    let world = World::SchedulingPolicy;
    let plugin = HOST.load(name, &bytes, world).expect("it is a policy");
    Component::new(plugin, Limits::for_world(world))
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
