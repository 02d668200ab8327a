//! A policy as it is asked in virtual time: with more patience than live, and no more once nobody waits for what comes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jobyard_kernel::{Changes, Columns, Instant, Plan, Span};
use jobyard_plugin::recovery::PolicyChoice;
use jobyard_sim::{Arrivals, Component, Scheduler, SchedulerFault};

/// How much longer than live a pass may take: other passes may be running beside it.
const PATIENCE: u32 = 10;

/// An instance, until `stop` becomes true: from then on each pass fails, and with it whatever is simulated.
pub(super) struct InVirtualTime {
    component: Component,
    stop: Arc<AtomicBool>,
}

impl InVirtualTime {
    /// A new instance under these cluster parameters.
    ///
    /// # Errors
    /// It does not take its settings.
    pub(super) fn new(
        choice: &PolicyChoice,
        parameters: &[(String, String)],
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, SchedulerFault> {
        let mut choice = choice.clone();
        choice.limits.deadline *= PATIENCE;
        let instance = choice.instance(parameters);
        let instance = instance.map_err(|error| SchedulerFault(error.to_string()))?;
        Ok(InVirtualTime {
            component: Component::new(instance),
            stop: stop.clone(),
        })
    }

    /// As [`Component::half_life`].
    pub(super) fn half_life(self, half_life: Option<Span>) -> Self {
        InVirtualTime {
            component: self.component.half_life(half_life),
            stop: self.stop,
        }
    }
}

impl Scheduler for InVirtualTime {
    fn arrivals(&self) -> Arrivals {
        self.component.arrivals()
    }

    fn columns(&self) -> Columns {
        self.component.columns()
    }

    fn half_life(&self) -> Option<Span> {
        Scheduler::half_life(&self.component)
    }

    fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, SchedulerFault> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(SchedulerFault("nobody waits for it any more".into()));
        }
        self.component.schedule(now, changes)
    }
}

#[cfg(test)]
mod tests {
    use jobyard_kernel::{Mirror, State};
    use jobyard_plugin::{Limits, PluginHost, World};

    use super::*;
    use crate::builtin;

    #[test]
    fn a_policy_is_asked_as_long_as_somebody_waits() {
        let host = PluginHost::new(None).unwrap();
        let fifo = builtin::POLICY_FIFO;
        let choice = PolicyChoice {
            plugin: host
                .load(fifo.name, fifo.bytes, World::SchedulingPolicy)
                .unwrap(),
            limits: Limits::for_world(World::SchedulingPolicy),
            settings: Vec::new(),
            number: 0,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let mut policy = InVirtualTime::new(&choice, &[], &stop).unwrap();
        let changes = || Mirror::new().take(&State::new());
        assert!(policy.schedule(0.0, changes()).is_ok());
        stop.store(true, Ordering::Relaxed);
        let fault = policy.schedule(1.0, changes()).unwrap_err();
        assert!(fault.to_string().contains("nobody waits"), "{fault}");
    }
}
