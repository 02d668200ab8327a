//! An instance that was just given everything decides as one that was told the changes one by one.

use jobyard_plugin_sdk::histories::fresh_instances_decide_alike;
use jobyard_policy_conservative::Conservative;

#[test]
fn decides_as_a_long_lived_one() {
    let settings: &[&[(&str, &str)]] = &[
        &[],
        &[("depth", "2")],
        &[("depth", "-1"), ("preemption", "immediate")],
        &[("depth", "0"), ("grow", "no")],
    ];
    let seen = fresh_instances_decide_alike::<Conservative>(60, settings);
    assert!(seen.starts > 1_000 && seen.grows > 50, "{seen:?}");
    assert!(seen.shrinks > 15 && seen.preemptions > 50, "{seen:?}");
}
