//! The policy itself, without a component around it.

use jobyard_plugin_sdk::{
    announce::Announcements,
    conservative::conservative,
    mirror::Mirror,
    pass::Pass,
    policy::{Changes, Instant, Plan, Policy, Traits},
    preempt::preempt,
};

use crate::settings::Settings;

/// Conservative backfill.
///
/// It asks to be called for every new job, also for one that cannot start: each is told when it will.
#[derive(Debug)]
pub struct Conservative {
    settings: Settings,
    mirror: Mirror,
    announcements: Announcements,
}

impl Default for Conservative {
    fn default() -> Conservative {
        Conservative {
            settings: Settings::default(),
            mirror: Mirror::default(),
            announcements: Announcements::rough(),
        }
    }
}

impl Policy for Conservative {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        self.settings = Settings::read(settings)?;
        self.settings.rules.prepare(&mut self.mirror);
        Ok(self.settings.rules.traits(false))
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.mirror.apply(changes);
        let mut pass = Pass::new(&self.mirror, now);
        self.settings.rules.begin(&mut pass);
        let head = pass.start_in_order();
        let reserved = head.map(|head| {
            let job = self.mirror.job(head.slot);
            // What is taken from others is for the head.
            let taken = preempt(&mut pass, job, self.settings.rules.preemption);
            let queue = self.mirror.queue().iter();
            let waiting = queue.skip_while(|entry| entry.slot != head.slot);
            conservative(&mut pass, waiting, self.settings.depth, !taken)
        });
        self.announcements
            .update(&mut pass, &reserved.unwrap_or_default());
        Plan {
            decisions: pass.decisions,
            wake_at: None,
        }
    }
}
