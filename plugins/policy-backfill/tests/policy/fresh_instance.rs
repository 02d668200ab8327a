//! An instance that was just given everything decides as one that was told the changes one by one.

use jobyard_plugin_sdk::histories::fresh_instances_decide_alike;
use jobyard_policy_backfill::Backfill;

#[test]
fn decides_as_a_long_lived_one() {
    let settings: &[&[(&str, &str)]] = &[
        &[],
        &[("order", "sjbf")],
        &[("lookahead", "3"), ("preemption", "immediate")],
        &[("preemption", "graceful")],
    ];
    let seen = fresh_instances_decide_alike::<Backfill>(120, settings);
    assert!(seen.starts > 2_000 && seen.grows > 100, "{seen:?}");
    assert!(seen.shrinks > 30 && seen.preemptions > 100, "{seen:?}");
}
