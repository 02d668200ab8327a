//! The policy itself, without a component around it.

use jobyard_plugin_sdk::{
    announce::Announcements,
    conservative::Reserved,
    easy::backfill,
    mirror::Mirror,
    parameters::Parameters,
    pass::Pass,
    policy::{Changes, Instant, Plan, Policy, Traits},
    preempt::preempt,
    shadow::Shadow,
};

use crate::settings::{BackfillOrder, Settings};

/// EASY backfill.
///
/// Decides from the mirror, the settings and the time only. What it has announced before changes what it
/// announces again, never what it starts.
#[derive(Debug, Default)]
pub struct Backfill {
    settings: Settings,
    mirror: Mirror,
    announcements: Announcements,
}

impl Policy for Backfill {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        self.settings = Settings::read(settings)?;
        self.mirror
            .keep_shortest(self.settings.order == BackfillOrder::Sjbf);
        self.settings.rules.prepare(&mut self.mirror);
        let mut traits = Parameters::followed(true);
        if self.settings.order == BackfillOrder::Fcfs {
            traits.push(("arrivals".to_owned(), "fitting".to_owned()));
        }
        Ok(traits)
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.mirror.apply(changes);
        let mut pass = Pass::new(&self.mirror, now);
        self.settings.rules.begin(&mut pass);
        let head = pass.start_in_order();
        let reserved = head.map(|head| {
            let job = self.mirror.job(head.slot);
            let mut shadow = Shadow::find(&pass, job);
            let at = shadow.at;
            // What is taken from others is for the head.
            if !preempt(&mut pass, job, self.settings.rules.preemption) {
                let by_estimate = self.mirror.shortest();
                let candidates = by_estimate.unwrap_or(self.mirror.queue());
                let lookahead = self.settings.lookahead;
                backfill(&mut pass, head, &mut shadow, candidates, lookahead);
            }
            Reserved {
                slot: head.slot,
                at,
            }
        });
        self.announcements.update(&mut pass, reserved.as_slice());
        Plan {
            decisions: pass.decisions,
            wake_at: None,
        }
    }
}
