//! Components against the same code compiled natively, where more than a policy's own arithmetic is in between: a ranked policy that was composed with
//! a ranker must decide as the two do when one is called from the other, to the last bit of a rank.

#[path = "../benches/native/mod.rs"]
mod native;
mod yard;

use jobyard_plugin::{Limits, Part, PluginHost, PolicyInstance, World, compose};
use jobyard_plugin_sdk::ranker::Ranker;
use jobyard_policy_ranked::Ranked;
use jobyard_ranker_fairshare::FairShare;
use jobyard_ranker_formula::Formula;
use jobyard_ranker_multifactor::Multifactor;

use crate::{native::Native, yard::Yard};

/// The built-in `ranked` with a built-in ranker.
fn composed(ranker: &str, settings: &[(String, String)]) -> PolicyInstance {
    let read = |name: &str| {
        let file = jobyard_tests::root().join("plugins/builtin").join(name);
        std::fs::read(file.with_extension("wasm")).expect("it is committed")
    };
    let (policy, ranker_bytes) = (read("policy-ranked"), read(&format!("ranker-{ranker}")));
    let part = |name, bytes| Part { name, bytes };
    let bytes = compose(part("ranked", &policy), part(ranker, &ranker_bytes)).expect("they fit");
    let host = PluginHost::new(None).expect("a plugin host");
    let plugin = host
        .load(ranker, &bytes, World::SchedulingPolicy)
        .expect("a policy");
    let limits = Limits::for_world(World::SchedulingPolicy);
    plugin.policy(limits, settings).expect("good settings")
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
