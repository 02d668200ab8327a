//! Manifests of the plugins of this repository, and what policies are told that they ask for.

use std::path::Path;
use std::time::Duration;

use jobyard::plugin::{FilterSlot, Manifest, Part, Plugin, PluginHost, World, compose};
use jobyard::{Actor, Engine, builtin};

use crate::wat::Policy;
use crate::{named, node, task};

#[test]
fn every_plugin_has_a_manifest() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let folders = std::fs::read_dir(plugins).unwrap();
    let crates = folders.map(|entry| entry.unwrap().path());
    let mut count = 0;
    for folder in crates.filter(|folder| folder.join("Cargo.toml").is_file()) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if ["sdk", "build"].contains(&name.as_str()) {
            continue;
        }
        let manifest = Manifest::read(&folder.join("plugin.toml"));
        let manifest = manifest.unwrap_or_else(|error| panic!("{error}"));
        assert!(
            name.ends_with(&manifest.name),
            "{name} is called {}",
            manifest.name
        );
        count += 1;
    }
    assert!(count >= builtin::ALL.len(), "{count}");
}

#[test]
fn built_in_components_take_the_defaults_that_their_manifests_name() {
    let host = PluginHost::new(None).unwrap();
    for component in builtin::ALL {
        // A ranker is asked by a ranked policy, and is no plugin alone.
        if component.world == World::JobRanker {
            takes_its_defaults(&composed(&host, component));
        }
        if matches!(component.world, World::RankedPolicy | World::JobRanker) {
            continue;
        }
        let plugin = component.load(&host);
        takes_its_defaults(&plugin.unwrap_or_else(|error| panic!("{error}")));
    }
}

/// The built-in ranked policy with this ranker in it.
fn composed(host: &PluginHost, ranker: &builtin::Component) -> Plugin {
    let part = |component: &builtin::Component| Part {
        name: component.name,
        bytes: component.bytes,
    };
    let ranked = builtin::POLICY_RANKED;
    let bytes = compose(part(&ranked), part(ranker)).unwrap();
    let manifest = ranked.manifest().unwrap();
    let manifest = manifest.composed(&ranker.manifest().unwrap());
    let world = World::SchedulingPolicy;
    let plugin = host.load(ranker.name, &bytes, world).unwrap();
    plugin.with_manifest(manifest).unwrap()
}

fn takes_its_defaults(plugin: &Plugin) {
    let defaults = plugin.manifest().expect("it has one").settings.defaults();
    let name = plugin.name();
    match plugin.world() {
        World::SchedulingPolicy => {
            let taken = plugin.policy(plugin.limits(), &defaults);
            taken.unwrap_or_else(|error| panic!("{name}: {error}"));
            let wrong = vec![("no-such-setting".to_owned(), "1".to_owned())];
            let refused = plugin.policy(plugin.limits(), &wrong).unwrap_err();
            let refused = refused.to_string();
            assert!(
                refused.contains("unknown setting `no-such-setting`"),
                "{refused}"
            );
        }
        World::JobFilter => {
            let taken = FilterSlot::new(plugin.clone(), plugin.limits(), defaults);
            taken.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        World::TaskExecutor | World::PrepareTask | World::ReleaseTask => {}
        World::RankedPolicy | World::JobRanker => panic!("{name} is half of a policy"),
    }
}

/// It traps where it is told of jobs without a column.
fn asking() -> (Vec<u8>, &'static str) {
    let manifest = "name = \"asks\"\nversion = \"1\"\nworld = \"scheduling-policy\"\ncolumns = [\"job.owner\"]";
    (Policy::asking("job.owner").build(), manifest)
}

/// The policy has had a pass that told it of job 1.
async fn said_of_it(engine: &Engine, job: jobyard::JobId) {
    let waits = async {
        loop {
            let view = engine.job(job).await.unwrap();
            if view.waiting.is_some_and(|waiting| waiting.reason == 1_000) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waits).await;
    assert!(
        waited.is_ok(),
        "the policy was not asked: {:?}",
        engine.stats().await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_told_the_columns_that_it_asks_for_from_the_start_and_after_a_swap() {
    let folder = tempfile::tempdir().unwrap();
    let (component, manifest) = asking();
    let engine = Engine::builder()
        .policy("asks", component.clone())
        .policy_manifest(manifest)
        .node(node(folder.path(), 2))
        .build()
        .await
        .unwrap();
    let ann = Actor::user("ann");
    let job = engine
        .submit(&ann, named("a"), vec![task("true")])
        .await
        .unwrap();
    said_of_it(&engine, job).await;

    // One that asks for nothing starts it; one that asks is told everything again.
    let (text, settings) = ("asks", Vec::new());
    let refused = engine
        .swap_policy(text, &component, settings)
        .await
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("job.owner, which its manifest does not grant"),
        "{refused}"
    );
    let root = Actor::administrator("root");
    let loaded = engine
        .load_policy(&root, "again", component, Some(manifest.into()))
        .await
        .unwrap();
    engine
        .activate_policy(&root, &loaded.digest, Vec::new(), "", None)
        .await
        .unwrap();
    let next = engine
        .submit(&ann, named("b"), vec![task("true")])
        .await
        .unwrap();
    let stats = engine.stats().await.unwrap();
    assert_eq!(
        (stats.policy_faults, &*stats.policy),
        (0, "again"),
        "{stats:?}"
    );
    engine
        .swap_policy("fifo", builtin::POLICY_FIFO.bytes, Vec::new())
        .await
        .unwrap();
    crate::ends(&engine, next, "Finished").await;
    assert_eq!(engine.stats().await.unwrap().policy_faults, 0);
}
