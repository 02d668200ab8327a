//! The policy itself, without a component around it.

use jobyard_plugin_sdk::{
    mirror::Mirror,
    parameters::Parameters,
    pass::Pass,
    policy::{Changes, Instant, Plan, Policy, Traits},
    preempt::{Preemption, preempt},
    settings,
};

/// Strict queue order.
#[derive(Debug)]
pub struct Fifo {
    mirror: Mirror,
    preemption: Preemption,
    grow: bool,
    shrink: bool,
}

impl Default for Fifo {
    fn default() -> Fifo {
        Fifo {
            mirror: Mirror::default(),
            preemption: Preemption::None,
            grow: true,
            shrink: true,
        }
    }
}

impl Policy for Fifo {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        settings::each_once(settings)?;
        let mut parameters = Parameters::default();
        let mut preemption = None;
        for (name, value) in settings {
            match name.as_str() {
                "preemption" => preemption = Some(Preemption::read(name, value)?),
                _ if parameters.read(name, value)? => {}
                _ => return Err(settings::unknown(name, &["preemption"])),
            }
        }
        self.preemption = parameters.preemption(preemption);
        (self.grow, self.shrink) = (parameters.grow(true), parameters.shrink(true));
        self.mirror.keep_ranks(self.preemption != Preemption::None);
        let mut traits = Parameters::followed(false);
        traits.push(("arrivals".to_owned(), "fitting".to_owned()));
        Ok(traits)
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.mirror.apply(changes);
        let mut pass = Pass::new(&self.mirror, now);
        if self.shrink {
            pass.shrink();
        }
        match (self.grow, self.preemption) {
            (false, _) => {}
            (true, Preemption::None) => pass.grow(),
            (true, Preemption::Graceful | Preemption::WholeJobs | Preemption::Immediate) => {
                pass.grow_unless_waited_for();
            }
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
