//! The policy itself, without a component around it.

use jobyard_plugin_sdk::{
    policy::{Changes, Instant, Plan, Policy, Traits},
    queued::{Queued, Settings},
};

/// EASY backfill.
#[derive(Debug, Default)]
pub struct Backfill(Queued);

impl Policy for Backfill {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        self.0.configure(settings, Settings::default())
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.0.schedule(now, changes)
    }
}
