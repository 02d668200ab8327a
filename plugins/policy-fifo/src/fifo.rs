//! The policy itself, without a component around it.

use jobyard_plugin_sdk::{
    mirror::Mirror,
    pass::Pass,
    policy::{Changes, Instant, Plan, Policy, Traits},
    preempt::{Preemption, preempt},
    settings,
};

/// Strict queue order.
#[derive(Debug, Default)]
pub struct Fifo {
    mirror: Mirror,
    preemption: Preemption,
}

impl Policy for Fifo {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        settings::each_once(settings)?;
        let mut preemption = Preemption::None;
        for (name, value) in settings {
            match name.as_str() {
                "preemption" => preemption = Preemption::read(name, value)?,
                _ => return Err(settings::unknown(name, &["preemption"])),
            }
        }
        self.preemption = preemption;
        // A job that does not fit may be one that others are preempted for.
        Ok(match preemption {
            Preemption::None => vec![("arrivals".to_owned(), "fitting".to_owned())],
            Preemption::Graceful | Preemption::Immediate => Vec::new(),
        })
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.mirror.apply(changes);
        let mut pass = Pass::new(&self.mirror, now);
        pass.shrink();
        match self.preemption {
            Preemption::None => pass.grow(),
            Preemption::Graceful | Preemption::Immediate => pass.grow_unless_waited_for(),
        }
        if let Some(head) = pass.start_in_order() {
            let job = self.mirror.job(head.slot);
            preempt(&mut pass, job, self.preemption);
        }
        Plan {
            decisions: pass.decisions,
            wake_at: None,
        }
    }
}
