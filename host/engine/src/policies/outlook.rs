//! When the jobs of the queue will start, as the policy in force makes of it in virtual time: for plans of the near future.
//!
//! On a copy of the state, beside the loop, as [`Engine::explain`] does it for one job.

use jobyard_kernel::{Parameter, Span, State};
use jobyard_sim::forecast::{Limits, Outlook, STARTS_MAX, outlook};
use jobyard_sim::{Component, Scheduler, SchedulerFault};

use super::explain::PATIENCE;
use crate::clock::Clock;
use crate::{Engine, EngineError};

/// Passes of the policy in the simulation of a plan.
pub const PLAN_PASSES_MAX: u64 = 2_000;
/// How far a plan reaches.
pub const PLAN_HORIZON: Span = Span::from_secs(7 * 86_400);

impl Engine {
    /// The jobs that start first if nothing else comes, at most so many, and [`STARTS_MAX`]. Takes seconds of a core where the queue is long; one
    /// simulation is made at a time.
    ///
    /// # Errors
    /// The policy failed in the simulation, or the engine has stopped.
    pub async fn outlook(&self, starts_max: usize) -> Result<Outlook, EngineError> {
        let copy = |state: &State, _: &_| {
            let setup = state.policies().active().map(|active| active.setup.clone());
            (Box::new(state.clone()), setup)
        };
        let _turn = self.turn_to_explain().await?;
        let (state, setup) = self.look(copy).await?;
        // Not before anything that happened to the copy.
        let now = Clock::default().now();
        let Some(setup) = setup else {
            return Ok(Outlook {
                made_us: now.0,
                until_us: now.0,
                queued: state.queue_length() as u64,
                ..Outlook::default()
            });
        };
        let mut choice = self.choice(&setup).await?;
        choice.limits.deadline *= PATIENCE;
        let limits = Limits {
            passes_max: PLAN_PASSES_MAX,
            horizon: PLAN_HORIZON,
            ..Limits::default()
        };
        let made = self.beside(move || {
            let parameters = Parameter::all(state.parameters());
            let mut make = || -> Result<Box<dyn Scheduler>, SchedulerFault> {
                let instance = choice.instance(&parameters);
                let instance = instance.map_err(|error| SchedulerFault(error.to_string()))?;
                Ok(Box::new(Component::new(instance)))
            };
            outlook(&state, now, &mut make, starts_max.min(STARTS_MAX), limits)
        });
        Ok(made.await??)
    }
}
