//! The policy from outside: changes in, decisions out, carried out on a small cluster.

mod rules;

use jobyard_plugin_sdk::{
    cluster::Cluster,
    histories::{configured, fresh_instances_decide_alike},
    policy::{Changes, Column, ColumnValues, Decision, Placement, Plan, Policy},
};
use jobyard_policy_balanced::Balanced;

/// Microseconds of a second.
const SECOND: f64 = 1e6;

/// What a new instance decides, in short: `start 1 by 2`, `grow 1 by 2`, `preempt 1 how 2 by 1`, `shrink 1 by 1`.
fn decided(
    settings: &[(&str, &str)],
    cluster: &Cluster,
    pools: &[(u32, &str)],
    now: f64,
) -> (Vec<String>, Plan) {
    let mut changes = cluster.snapshot();
    tell_pools(&mut changes, pools);
    let plan = configured::<Balanced>(settings).schedule(now, &changes);
    let cores =
        |placement: &Placement| -> u32 { placement.shares.iter().map(|share| share.cores).sum() };
    let short = plan.decisions.iter().filter_map(|decision| match decision {
        Decision::Start(placement) => {
            Some(format!("start {} by {}", placement.job, cores(placement)))
        }
        Decision::Grow(placement) => {
            Some(format!("grow {} by {}", placement.job, cores(placement)))
        }
        Decision::Shrink(placement) => {
            Some(format!("shrink {} by {}", placement.job, cores(placement)))
        }
        Decision::Preempt(p) => Some(format!("preempt {} how {} by {}", p.job, p.how, p.cores)),
        Decision::Reserve(_) | Decision::Wait(_) => None,
    });
    (short.collect(), plan)
}

fn tell_pools(changes: &mut Changes, pools: &[(u32, &str)]) {
    let of = |id: u32| pools.iter().find(|(job, _)| *job == id);
    let pools = changes
        .jobs
        .iter()
        .map(|job| of(job.id).map_or("Default", |(_, pool)| pool));
    let values = ColumnValues::Texts(pools.map(str::to_owned).collect());
    changes.columns.push(Column {
        name: "job.pool".to_owned(),
        values,
    });
}

#[test]
fn a_fresh_instance_decides_as_a_long_lived_one() {
    // A history is over within the first tenth of the interval that begins at 0: every pass may give and take.
    let settings: &[&[(&str, &str)]] = &[
        &[],
        &[("bias", "none"), ("preemption", "graceful")],
        &[("pools", "physics=60,Default=40"), ("packing", "spread")],
        &[
            ("SchedulingMode", "Queued"),
            ("AutomaticGrowthEnabled", "true"),
        ],
    ];
    let seen = fresh_instances_decide_alike::<Balanced>(80, settings);
    assert!(seen.starts > 1_000 && seen.grows > 50, "{seen:?}");
    assert!(seen.preemptions > 50 && seen.shrinks > 10, "{seen:?}");
}
