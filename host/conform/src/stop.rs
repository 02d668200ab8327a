//! A policy that is called no more once nobody waits for what comes of it. Whatever a check is at ends by that soon: each call is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jobyard_kernel::{Changes, Instant, Plan};

use crate::subject::{Instance, NotTaken, Subject};

const STOPPED: &str = "the check was stopped";

/// What makes the policy, until it is stopped.
pub(crate) struct Stoppable<'a> {
    pub(crate) subject: &'a dyn Subject,
    pub(crate) stop: &'a Arc<AtomicBool>,
}

struct Watched {
    instance: Box<dyn Instance>,
    stop: Arc<AtomicBool>,
}

fn go_on(stop: &AtomicBool) -> Result<(), String> {
    match stop.load(Ordering::Relaxed) {
        true => Err(STOPPED.into()),
        false => Ok(()),
    }
}

impl Subject for Stoppable<'_> {
    fn fresh(&self, settings: &[(String, String)]) -> Result<Box<dyn Instance>, NotTaken> {
        go_on(self.stop).map_err(NotTaken::Faulted)?;
        let (instance, stop) = (self.subject.fresh(settings)?, self.stop.clone());
        Ok(Box::new(Watched { instance, stop }))
    }
}

impl Instance for Watched {
    fn traits(&self) -> &[(String, String)] {
        self.instance.traits()
    }

    fn configure(&mut self, settings: &[(String, String)]) -> Result<(), NotTaken> {
        go_on(&self.stop).map_err(NotTaken::Faulted)?;
        self.instance.configure(settings)
    }

    fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, String> {
        go_on(&self.stop)?;
        self.instance.schedule(now, changes)
    }

    fn memory_bytes(&self) -> Option<usize> {
        self.instance.memory_bytes()
    }
}
