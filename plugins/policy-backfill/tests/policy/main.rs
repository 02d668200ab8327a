//! The policy from outside: changes in, decisions out, carried out on a small cluster.

mod announcements;
mod fresh_instance;
mod preemption;
mod reference;
mod rules;

use jobyard_plugin_sdk::{cluster::Cluster, policy::Policy};
use jobyard_policy_backfill::Backfill;

/// A policy with settings.
fn backfill(settings: &[(&str, &str)]) -> Backfill {
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut policy = Backfill::default();
    policy.configure(&settings).unwrap();
    policy
}

/// One pass, carried out: the jobs that were started, in order.
fn pass(policy: &mut Backfill, cluster: &mut Cluster, now: f64) -> Vec<u32> {
    let plan = policy.schedule(now, &cluster.changes());
    cluster.carry_out(now, &plan)
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }
}
