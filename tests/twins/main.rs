//! Components against the same code compiled natively, where more than a policy's own arithmetic is in between: a ranked policy that was composed with
//! a ranker must decide as the two do when one is called from the other, to the last bit of a rank. And the same ranker in other languages must decide as
//! the one in Rust.

#[path = "../benches/native/mod.rs"]
mod native;
mod yard;

use jobyard::builtin;
use jobyard_plugin::{Limits, Part, PluginHost, PolicyInstance, World, compose};
use jobyard_plugin_sdk::ranker::Ranker;
use jobyard_policy_ranked::Ranked;
use jobyard_ranker_fairshare::FairShare;
use jobyard_ranker_formula::Formula;
use jobyard_ranker_multifactor::Multifactor;

use crate::{native::Native, yard::Yard};

/// The built-in `ranked` with a built-in ranker, and with what the manifests of both grant.
fn composed(ranker: &str, settings: &[(String, String)]) -> PolicyInstance {
    let (policy, ranker) = (builtin::POLICY_RANKED, builtin::ranker(ranker));
    let ranker = ranker.expect("it is built in");
    let part = |component: &builtin::Component| Part {
        name: component.name,
        bytes: component.bytes,
    };
    let bytes = compose(part(&policy), part(&ranker)).expect("they fit");
    let [policy, order] = [&policy, &ranker].map(|half| half.manifest().expect("it reads"));
    let host = PluginHost::new(None).expect("a plugin host");
    let plugin = host.load(ranker.name, &bytes, World::SchedulingPolicy);
    let plugin = plugin.and_then(|plugin| plugin.with_manifest(policy.composed(&order)));
    let limits = Limits::for_world(World::SchedulingPolicy);
    let instance = plugin.expect("a policy").policy(limits, settings);
    instance.expect("good settings")
}

fn agree<R: Ranker>(ranker: &str, rows: &[&[(&str, &str)]]) {
    for given in rows {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let settings: Vec<(String, String)> = given.iter().map(owned).collect();
        let mut component = composed(ranker, &settings);
        let mut native: Native<Ranked<R>> = Native::new(&settings);
        let mut yard = Yard::new(7);
        let mut started = 0;
        for pass in 0..60 {
            let changes = yard.changes();
            let plan = native.pass(yard.now(), changes.clone());
            let by_component = component.schedule(yard.now(), changes).expect("no fault");
            assert_eq!(by_component, plan, "{given:?}, pass {pass}");
            started += yard.carry_out(&plan);
            yard.step();
        }
        assert!(started > 30, "{given:?}: only {started} jobs started");
    }
}

#[test]
fn formula() {
    let formulas = ["fcfs", "sjf", "f1", "f2", "f3", "f4", "wfp3", "unicep"];
    let rows = formulas.map(|formula| [("ranker.formula", formula), ("priority", "ignored")]);
    let rows: Vec<&[(&str, &str)]> = rows.iter().map(|row| &row[..]).collect();
    agree::<Formula>("formula", &rows);
}

#[test]
fn fairshare() {
    agree::<FairShare>(
        "fairshare",
        &[
            &[],
            &[
                ("ranker.shares", "red=3,blue/ann=2"),
                ("FairShareHalfLife", "1h"),
                ("backfill", "none"),
            ],
            &[("backfill", "conservative"), ("priority", "ignored")],
        ],
    );
}

#[test]
fn multifactor() {
    agree::<Multifactor>(
        "multifactor",
        &[
            &[("priority", "ignored")],
            &[
                ("priority", "ignored"),
                ("ranker.size", "-700"),
                ("ranker.fairshare", "0"),
                ("ranker.age-max", "1h"),
            ],
        ],
    );
}

/// The one in Python is not committed, being 18 MB: `.ci/run` builds it, and asks the program `rankers`.
#[test]
fn the_same_ranker_in_c_and_javascript() {
    let host = PluginHost::new(None).expect("a plugin host");
    for language in ["c", "javascript"] {
        let file = format!("plugins/examples/{language}/sjf.wasm");
        let ranker = std::fs::read(jobyard_tests::root().join(file)).expect("it is committed");
        let same = jobyard_tests::rankers::compare(&host, &ranker, 300);
        let same = same.unwrap_or_else(|error| panic!("{language}: {error}"));
        assert_eq!(same.jobs, 300);
    }
}
