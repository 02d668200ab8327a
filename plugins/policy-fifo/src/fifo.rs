//! The policy itself, without a component around it.

use jobyard_plugin_sdk::{
    mirror::Mirror,
    pass::Pass,
    policy::{Changes, Instant, Plan, Policy, Traits},
    settings,
};

/// Strict queue order.
#[derive(Debug, Default)]
pub struct Fifo {
    mirror: Mirror,
}

impl Policy for Fifo {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        match settings.first() {
            Some((name, _)) => Err(settings::unknown(name, &[])),
            None => Ok(vec![("arrivals".to_owned(), "fitting".to_owned())]),
        }
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.mirror.apply(changes);
        let mut pass = Pass::new(&self.mirror, now);
        pass.grow();
        pass.start_in_order();
        Plan {
            decisions: pass.decisions,
            wake_at: None,
        }
    }
}
