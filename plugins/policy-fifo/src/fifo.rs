//! The policy itself, without a component around it.

use jobyard_plugin_sdk::{
    mirror::Mirror,
    pass::Pass,
    policy::{Changes, Instant, Plan, Policy, Traits},
    preempt::preempt,
    rules::{Reader, Rules},
    settings,
};

/// Strict queue order.
#[derive(Debug, Default)]
pub struct Fifo {
    mirror: Mirror,
    rules: Rules,
}

impl Policy for Fifo {
    fn configure(&mut self, given: &[(String, String)]) -> Result<Traits, String> {
        settings::each_once(given)?;
        let mut rules = Reader::default();
        for (name, value) in given {
            if !rules.read(name, value)? {
                return Err(settings::unknown(name, Rules::SETTINGS));
            }
        }
        self.rules = rules.rules(Rules::default())?;
        self.rules.prepare(&mut self.mirror);
        let mut traits = self.rules.traits(false);
        traits.push(("arrivals".to_owned(), "fitting".to_owned()));
        Ok(traits)
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.mirror.apply(changes);
        let mut pass = Pass::new(&self.mirror, now);
        self.rules.begin(&mut pass);
        if let Some(head) = pass.start_in_order() {
            preempt(&mut pass, self.mirror.job(head.slot), self.rules.preemption);
        }
        Plan {
            decisions: pass.decisions,
            wake_at: None,
        }
    }
}
