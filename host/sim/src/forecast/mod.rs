//! When a queued job will start, what it waits for, and what would make it start sooner: the live state goes on in virtual time, under a fresh
//! instance of the policy.
//!
//! Pure and deterministic: a copy of the state is simulated, nothing is read or written. What is taken for granted:
//!
//! - What runs ends when its run-time limit is over; what has none never ends, and what is overdue ends now.
//! - No job is submitted any more. Holds end as they were set; jobs that wait for others wait for them.
//! - Nodes answer at once: starts, stops, preparations and releases take no time. Filters say yes at once.
//! - There is no canary: the policy has all nodes.
//! - A pass of the policy takes no time. Growth, shrinking and preemption happen as the policy proposes them; a job's limit stays what it is.
//!
//! So a forecast is late rather than early where jobs end before their limits, and early where others come that go first.

mod plan;
mod sooner;
mod standing;
mod world;

use jobyard_kernel::{JobId, Span, State, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::plan::{ExpectedStart, Outlook, STARTS_MAX, outlook};
pub use self::sooner::{Sooner, VARIANTS_MAX, Variant, sooner};
pub use self::standing::{Ahead, Holder, JOBS_LISTED_MAX, Standing, standing};
use self::world::World;
use crate::scheduler::{Scheduler, SchedulerFault};

/// Makes a policy that has had no pass yet: each simulation has one of its own.
pub type Make<'a> = &'a mut dyn FnMut() -> Result<Box<dyn Scheduler>, SchedulerFault>;

/// What a forecast may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Passes of the policy in one simulation.
    pub passes_max: u64,
    /// Virtual time in one simulation.
    pub horizon: Span,
    /// Queued jobs: with more than that nothing is simulated.
    pub jobs_max: usize,
}

impl Default for Limits {
    /// 10,000 passes, 90 days, 100,000 queued jobs.
    fn default() -> Self {
        Limits {
            passes_max: 10_000,
            horizon: Span::from_secs(90 * 86_400),
            jobs_max: 100_000,
        }
    }
}

/// Which limit ended a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// [`Limits::passes_max`].
    PassesMax,
    /// [`Limits::horizon`].
    Horizon,
    /// [`Limits::jobs_max`].
    JobsMax,
}

/// What a forecast says: one JSON object. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Forecast {
    /// The job.
    pub job: u32,
    /// When it was made.
    pub made_us: u64,
    /// Whether it will start, and when.
    pub expected: Expected,
    /// Passes that were simulated.
    pub passes: u64,
    /// Proposals in them that the kernel refused.
    pub refused_proposals: u64,
}

/// What is expected of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Expected {
    /// It starts.
    Starts {
        /// When.
        at_us: u64,
        /// On what; in the order of the nodes.
        nodes: Vec<Place>,
    },
    /// As far as is known it never starts: nothing will end any more that could make room for it.
    Never {
        /// Running jobs that nobody knows the end of.
        endless_jobs: u64,
    },
    /// It had not started when a limit of the simulation was reached.
    NotWithin {
        /// Which one.
        limit: Limit,
        /// Up to when it had not.
        until_us: u64,
    },
    /// It is not in the queue.
    NotQueued {
        /// Its state.
        state: String,
    },
}

impl Expected {
    /// When it starts, where that is known.
    pub fn start(&self) -> Option<Timestamp> {
        match self {
            Expected::Starts { at_us, .. } => Some(Timestamp(*at_us)),
            Expected::Never { .. } | Expected::NotWithin { .. } | Expected::NotQueued { .. } => {
                None
            }
        }
    }
}

/// What a job gets of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Place {
    /// The node's name.
    pub node: String,
    /// Cores of it.
    pub cores: u32,
    /// GPUs of it.
    pub gpus: u32,
}

/// Why there is no forecast.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForecastError {
    /// There is no such job in the state.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// The policy could not be made, or failed.
    #[error("the policy failed after {passes} simulated passes: {fault}")]
    Policy {
        /// Its fault.
        fault: SchedulerFault,
        /// Passes that went well.
        passes: u64,
    },
}

/// Simulates until the job starts, or a limit is reached. `now` is not before anything that happened to the state.
///
/// # Errors
///
/// When there is no such job, or the policy fails.
pub fn forecast(
    state: &State,
    now: Timestamp,
    make: Make<'_>,
    job: JobId,
    limits: Limits,
) -> Result<Forecast, ForecastError> {
    let known = state.job(job).ok_or(ForecastError::UnknownJob(job))?;
    if !world::may_start(known) {
        return Ok(Forecast {
            job: job.0,
            made_us: now.0,
            expected: Expected::NotQueued {
                state: known.state().to_string(),
            },
            passes: 0,
            refused_proposals: 0,
        });
    }
    run(World::new(state, now), make, job, limits)
}

/// The same from a world that may have been changed.
fn run(
    mut world: World,
    make: Make<'_>,
    job: JobId,
    limits: Limits,
) -> Result<Forecast, ForecastError> {
    let made_us = world.now().0;
    let expected = if world.queued() > limits.jobs_max {
        Expected::NotWithin {
            limit: Limit::JobsMax,
            until_us: made_us,
        }
    } else {
        let policy = |fault| ForecastError::Policy { fault, passes: 0 };
        let mut scheduler = make().map_err(policy)?;
        let end = world.run(scheduler.as_mut(), job, limits);
        let passes = world.passes();
        end.map_err(|fault| ForecastError::Policy { fault, passes })?
    };
    Ok(Forecast {
        job: job.0,
        made_us,
        expected,
        passes: world.passes(),
        refused_proposals: world.refused(),
    })
}
