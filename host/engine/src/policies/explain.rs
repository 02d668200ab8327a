//! Why a job waits and when it will start, as far as that can be known: where it stands, who has what it needs, and what the policy in force makes of
//! it in virtual time.
//!
//! All on a copy of the state, beside the loop. What a forecast takes for granted is said in `host/sim/src/forecast`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jobyard_kernel::{JobId, Parameter, State, Timestamp};
use jobyard_plugin::recovery::PolicyChoice;
use jobyard_sim::Scheduler;
use jobyard_sim::forecast::{Limits, Sooner, Standing, sooner, standing};
use serde::{Deserialize, Serialize};

use super::views::ActivationView;
use super::virtual_time::InVirtualTime;
use crate::clock::Clock;
use crate::{Engine, EngineError, rfc3339};

/// What is known of a job that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Explanation {
    /// The job.
    pub job: u32,
    /// Its state, as `Queued`.
    pub state: String,
    /// When this was found out; all of it may be otherwise a moment later.
    pub at: String,
    /// The policy in force, which the forecast was made with.
    pub policy: Option<ActivationView>,
    /// Its place in the queue and who has what it needs; none where it is not in the queue.
    pub standing: Option<Standing>,
    /// When it starts, and what would make it start sooner: each was simulated. None where no policy is in force.
    pub outlook: Option<Sooner>,
}

impl Engine {
    /// Why a job waits, when it starts if nothing else comes, and what would make it start sooner. Takes seconds of a core where the queue is long; one
    /// is made at a time.
    ///
    /// # Errors
    /// There is no such job, or the policy failed in the simulation.
    pub async fn explain(&self, job: JobId) -> Result<Explanation, EngineError> {
        let view = self.job(job).await?;
        let copy = move |state: &State, _: &_| {
            let setup = state.policies().active().map(|active| active.setup.clone());
            let is_live = state.job(job).is_some();
            is_live.then(|| (Box::new(state.clone()), setup))
        };
        let turn = self.simulations().wait().await?;
        let copy = self.look(copy).await?;
        // Not before anything that happened to the copy.
        let now = Clock::default().now();
        let Some((state, setup)) = copy else {
            return Ok(Explanation {
                job: job.0,
                state: view.state,
                at: rfc3339(now),
                policy: None,
                standing: None,
                outlook: None,
            });
        };
        let choice = match setup {
            Some(setup) => Some(self.choice(&setup).await?),
            None => None,
        };
        let made = turn.work(move |stop| explanation(&state, now, job, choice.as_ref(), &stop));
        made.await?
    }
}

/// What is known of a job of this state, which is as it was at that time. It ends soon after `stop` has become true.
pub(crate) fn explanation(
    state: &State,
    now: Timestamp,
    job: JobId,
    in_force: Option<&PolicyChoice>,
    stop: &Arc<AtomicBool>,
) -> Result<Explanation, EngineError> {
    let known = state.job(job).ok_or(EngineError::UnknownJob(job))?;
    let outlook = match in_force {
        Some(choice) => {
            let parameters = Parameter::all(state.parameters());
            let mut make = || {
                let policy = InVirtualTime::new(choice, &parameters, stop)?;
                Ok(Box::new(policy) as Box<dyn Scheduler>)
            };
            Some(sooner(state, now, &mut make, job, Limits::default())?)
        }
        None => None,
    };
    let policies = state.policies();
    let active = policies.active();
    Ok(Explanation {
        job: job.0,
        state: known.state().to_string(),
        at: rfc3339(now),
        policy: active.map(|active| ActivationView::of(policies, active)),
        standing: standing(state, job),
        outlook,
    })
}
