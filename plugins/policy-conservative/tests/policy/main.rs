//! The policy from outside: changes in, decisions out, carried out on a small cluster.

mod announcements;
mod fresh_instance;
mod reference;
mod rules;

use jobyard_plugin_sdk::{
    cluster::Cluster,
    histories::configured,
    policy::{Decision, Policy},
};
use jobyard_policy_conservative::Conservative;

/// A policy with settings.
fn conservative(settings: &[(&str, &str)]) -> Conservative {
    configured(settings)
}

/// One pass, carried out: the decisions, in short.
fn told(policy: &mut Conservative, cluster: &mut Cluster, now: f64) -> Vec<String> {
    let plan = policy.schedule(now, &cluster.changes());
    cluster.carry_out(now, &plan);
    let short = plan.decisions.iter().map(|decision| match decision {
        Decision::Start(placement) => format!("start {}", placement.job),
        Decision::Reserve(reservation) => format!("reserve {} {}", reservation.job, reservation.at),
        Decision::Wait(waiting) => format!("wait {} {}", waiting.job, waiting.reason),
        Decision::Preempt(preemption) => format!("preempt {}", preemption.job),
        Decision::Grow(_) | Decision::Shrink(_) => format!("{decision:?}"),
    });
    short.collect()
}
