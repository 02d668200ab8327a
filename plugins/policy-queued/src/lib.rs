//! The scheduling policy `queued`: HPC Pack's queued mode.
//!
//! It is EASY backfill with growth, shrinking, preemption and growth by preemption, in [`jobyard_plugin_sdk::queued`], with HPC Pack's
//! defaults where no parameter says otherwise. On a host that has HPC Pack's parameters `backfill` decides the same; without them, in a
//! simulation for instance, this one preempts gracefully and looks at 1,000 jobs.

use jobyard_plugin_sdk::{
    policy::{Changes, Instant, Plan, Policy, Traits},
    queued::{self, Settings},
};

/// HPC Pack's queued mode.
#[derive(Debug, Default)]
pub struct Queued(queued::Queued);

impl Policy for Queued {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        self.0.configure(settings, Settings::queued())
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.0.schedule(now, changes)
    }
}

jobyard_plugin_sdk::policy_component!(crate::Queued);
