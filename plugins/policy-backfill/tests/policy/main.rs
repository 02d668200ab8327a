//! The policy from outside: changes in, decisions out, carried out on a small cluster.

mod announcements;
mod fresh_instance;
mod preemption;
mod reference;
mod required;
mod rules;

use jobyard_plugin_sdk::{cluster::Cluster, histories::configured, policy::Policy};
use jobyard_policy_backfill::Backfill;

/// A policy with settings.
fn backfill(settings: &[(&str, &str)]) -> Backfill {
    configured(settings)
}

/// One pass, carried out: the jobs that were started, in order.
fn pass(policy: &mut Backfill, cluster: &mut Cluster, now: f64) -> Vec<u32> {
    let plan = policy.schedule(now, &cluster.changes());
    cluster.carry_out(now, &plan)
}
