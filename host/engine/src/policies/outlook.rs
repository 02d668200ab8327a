//! When the jobs of the queue will start, as the policy in force makes of it in virtual time: for plans of the near future.
//!
//! On a copy of the state, beside the loop, as [`Engine::explain`] does it for one job. A plan is kept: however many ask, one is made.

use std::time::{Duration, Instant};

use jobyard_kernel::{Parameter, Span, State};
use jobyard_sim::Scheduler;
use jobyard_sim::forecast::{Limits, Outlook, STARTS_MAX, outlook};

use super::virtual_time::InVirtualTime;
use crate::clock::Clock;
use crate::{Engine, EngineError, Stats};

/// Passes of the policy in the simulation of a plan.
pub const PLAN_PASSES_MAX: u64 = 2_000;
/// How far a plan reaches.
pub const PLAN_HORIZON: Span = Span::from_secs(7 * 86_400);
/// A plan stands for so long where nothing happens: what is overdue is expected now.
pub const PLAN_STANDS: Duration = Duration::from_secs(10);
/// Whatever happens, a plan stands for so many times as long as it took: plans have a quarter of a core at most.
pub const PLAN_REST: u32 = 3;

/// The plan that was made last.
#[derive(Debug)]
pub(crate) struct KeptPlan {
    plan: Outlook,
    /// How many starts it was asked for.
    starts_max: usize,
    /// Events that had happened.
    events: u64,
    made: Instant,
    took: Duration,
}

impl KeptPlan {
    /// The answer to who asks for so many starts now; none where that takes a new plan.
    fn answer(&self, starts_max: usize, events: u64, now: Instant) -> Option<Outlook> {
        let age = now.saturating_duration_since(self.made);
        let stands = match events == self.events {
            true => PLAN_STANDS.max(self.took * PLAN_REST),
            false => self.took * PLAN_REST,
        };
        if starts_max > self.starts_max || age >= stands {
            return None;
        }
        let mut plan = self.plan.clone();
        if let Some(last) = plan.starts.get(starts_max.saturating_sub(1))
            && plan.starts.len() > starts_max
        {
            // It would have ended there.
            (plan.until_us, plan.limit) = (last.start_us, None);
            plan.starts.truncate(starts_max);
        }
        Some(plan)
    }
}

impl Engine {
    /// The jobs that start first if nothing else comes, at most so many, and [`STARTS_MAX`]. Takes seconds of a core where the queue is long; one
    /// simulation is made at a time, for all who ask meanwhile, and stands for a while: [`PLAN_STANDS`], [`PLAN_REST`].
    ///
    /// # Errors
    /// The policy failed in the simulation, or the engine has stopped.
    pub async fn outlook(&self, starts_max: usize) -> Result<Outlook, EngineError> {
        let engine = self.clone();
        // Who stops waiting does not stop what others wait for.
        let made = tokio::spawn(async move { engine.kept_outlook(starts_max).await });
        made.await.map_err(|_| EngineError::Stopped)?
    }

    async fn kept_outlook(&self, starts_max: usize) -> Result<Outlook, EngineError> {
        let mut kept = self.plan().lock().await;
        let events = self.look(|_, stats: &Stats| stats.durable_events).await?;
        let began = Instant::now();
        let known = kept.as_ref();
        if let Some(plan) = known.and_then(|kept| kept.answer(starts_max, events, began)) {
            return Ok(plan);
        }
        let plan = self.new_outlook(starts_max).await?;
        let made = Instant::now();
        *kept = Some(KeptPlan {
            plan: plan.clone(),
            starts_max,
            events,
            made,
            took: made - began,
        });
        Ok(plan)
    }

    async fn new_outlook(&self, starts_max: usize) -> Result<Outlook, EngineError> {
        let copy = |state: &State, _: &_| {
            let setup = state.policies().active().map(|active| active.setup.clone());
            (Box::new(state.clone()), setup)
        };
        let turn = self.simulations().wait().await?;
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
        let choice = self.choice(&setup).await?;
        let limits = Limits {
            passes_max: PLAN_PASSES_MAX,
            horizon: PLAN_HORIZON,
            ..Limits::default()
        };
        let made = turn.work(move |stop| {
            let parameters = Parameter::all(state.parameters());
            let mut make = || {
                let policy = InVirtualTime::new(&choice, &parameters, &stop)?;
                Ok(Box::new(policy) as Box<dyn Scheduler>)
            };
            outlook(&state, now, &mut make, starts_max.min(STARTS_MAX), limits)
        });
        Ok(made.await??)
    }
}

#[cfg(test)]
mod tests {
    use jobyard_sim::forecast::{ExpectedStart, Limit};

    use super::*;

    fn plan(starts: u64) -> Outlook {
        let start = |at| ExpectedStart {
            job: at as u32,
            name: String::new(),
            owner: String::new(),
            start_us: at,
            end_us: None,
            nodes: Vec::new(),
        };
        Outlook {
            until_us: 1_000,
            limit: Some(Limit::Horizon),
            starts: (1..=starts).map(start).collect(),
            ..Outlook::default()
        }
    }

    #[test]
    fn a_plan_stands_until_something_happens_and_a_while_longer_where_it_took_long() {
        let made = Instant::now();
        for (took_ms, events, age_ms, stands) in [
            (1, 7, 0, true),
            (1, 7, 9_999, true),
            (1, 7, 10_000, false),
            (1, 8, 2, true),
            (1, 8, 3, false),
            (2_000, 8, 5_999, true),
            (2_000, 8, 6_000, false),
            (4_000, 7, 11_999, true),
        ] {
            let kept = KeptPlan {
                plan: plan(3),
                starts_max: 3,
                events: 7,
                made,
                took: Duration::from_millis(took_ms),
            };
            let now = made + Duration::from_millis(age_ms);
            let case = (took_ms, events, age_ms);
            let answer = kept.answer(3, events, now);
            assert_eq!(answer, stands.then(|| plan(3)), "{case:?}");
        }
    }

    #[test]
    fn a_plan_serves_those_who_want_less_of_it() {
        let made = Instant::now();
        for (of, starts_max, expected) in [
            // How many starts there are, up to when, and whether a limit ended it.
            (3, 2, Some((2, 2, false))),
            (3, 3, Some((3, 1_000, true))),
            (2, 3, Some((2, 1_000, true))),
            (3, 4, None),
        ] {
            let kept = KeptPlan {
                plan: plan(of),
                starts_max: 3,
                events: 7,
                made,
                took: Duration::ZERO,
            };
            let answer = kept.answer(starts_max, 7, made);
            let seen = answer.map(|plan| (plan.starts.len(), plan.until_us, plan.limit.is_some()));
            assert_eq!(seen, expected, "{starts_max} of {of}");
        }
    }
}
