//! The plugin host against tiny components that misbehave, each in one way, and against the built-in ones.

mod built_in;
mod cache;
#[path = "../../../../tests/fuzz.rs"]
mod cases;
mod composing;
mod deciding;
mod filter_wat;
mod filters;
mod fuzz;
mod loading;
mod manifests;
mod policies;
mod recovering;
mod released;
mod wat;
mod working;

use std::path::Path;

use jobyard_plugin::{Plugin, PluginHost, World};

/// One host for all tests. The built-in components are compiled once a checkout.
fn host() -> &'static PluginHost {
    static HOST: std::sync::OnceLock<PluginHost> = std::sync::OnceLock::new();
    HOST.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
        PluginHost::new(Some(cache)).unwrap()
    })
}

fn load(name: &str, bytes: &[u8], world: World) -> Plugin {
    host()
        .load(name, bytes, world)
        .unwrap_or_else(|error| panic!("{error}"))
}
