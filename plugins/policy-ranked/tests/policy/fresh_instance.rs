//! An instance that was just given everything decides as one that was told the changes one by one, whatever it has kept of ranks.

use jobyard_plugin_sdk::histories::fresh_instances_decide_alike;
use jobyard_policy_ranked::Ranked;
use jobyard_ranker_formula::Formula;

#[test]
fn with_ranks_that_are_kept_and_ranks_that_change() {
    let settings: &[&[(&str, &str)]] = &[
        &[("ranker.formula", "sjf")],
        &[("ranker.formula", "sjf"), ("priority", "ignored")],
        &[("ranker.formula", "wfp3"), ("priority", "ignored")],
        &[("ranker.formula", "f2"), ("backfill", "conservative")],
        &[("ranker.formula", "f4"), ("backfill", "none")],
        &[("ranker.formula", "unicep"), ("preemption", "immediate")],
        &[("ranker.formula", "sjf"), ("lookahead", "3")],
    ];
    let seen = fresh_instances_decide_alike::<Ranked<Formula>>(70, settings);
    assert!(seen.starts > 1_500 && seen.grows > 50, "{seen:?}");
    assert!(seen.shrinks > 15 && seen.preemptions > 20, "{seen:?}");
}
