//! When the jobs of the queue will start, all that start first: the same simulation as for one job, until there are enough of them.

use jobyard_kernel::{Job, State, Timestamp};
use serde::{Deserialize, Serialize};

use super::world::{Next, World, expected_end};
use super::{ForecastError, Limit, Limits, Make, Place};

/// Starts in one plan.
pub const STARTS_MAX: usize = 1_000;

/// Jobs in the order in which they are expected to start: one JSON object. Times are microseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outlook {
    /// When it was made.
    pub made_us: u64,
    /// Up to when it was simulated.
    pub until_us: u64,
    /// The limit of the simulation that was reached; none where nothing was left to start, or there were enough.
    pub limit: Option<Limit>,
    /// Jobs in the queue when it was made.
    pub queued: u64,
    /// What starts first.
    pub starts: Vec<ExpectedStart>,
    /// Passes that were simulated.
    pub passes: u64,
}

/// A job that is expected to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExpectedStart {
    /// The job.
    pub job: u32,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: String,
    /// When.
    pub start_us: u64,
    /// When its limit is over; none where it has none.
    pub end_us: Option<u64>,
    /// On what; in the order of the nodes.
    pub nodes: Vec<Place>,
}

/// Simulates until so many jobs have started, nothing is left that could, or a limit is reached. `now` is not before anything that happened to the
/// state.
///
/// # Errors
///
/// When the policy fails.
pub fn outlook(
    state: &State,
    now: Timestamp,
    make: Make<'_>,
    starts_max: usize,
    limits: Limits,
) -> Result<Outlook, ForecastError> {
    let queued = state.queue_length();
    let mut outlook = Outlook {
        made_us: now.0,
        until_us: now.0,
        queued: queued as u64,
        ..Outlook::default()
    };
    if queued > limits.jobs_max {
        outlook.limit = Some(Limit::JobsMax);
        return Ok(outlook);
    }
    let mut world = World::new(state, now);
    let failed = |fault, passes| ForecastError::Policy { fault, passes };
    let mut scheduler = make().map_err(|fault| failed(fault, 0))?;
    let horizon = now + limits.horizon;
    'instants: loop {
        world.due();
        while world.is_pass_due(scheduler.arrivals()) {
            if world.passes() == limits.passes_max {
                outlook.limit = Some(Limit::PassesMax);
                break 'instants;
            }
            let passes = world.passes();
            let passed = world.pass(scheduler.as_mut());
            passed.map_err(|fault| failed(fault, passes))?;
            let begun = world.take_begun();
            let room = starts_max - outlook.starts.len();
            let jobs = begun.iter().filter_map(|id| world.state().job(*id));
            let starts = jobs.take(room).map(|job| start(&world, job));
            outlook.starts.extend(starts);
            if outlook.starts.len() == starts_max {
                break 'instants;
            }
        }
        match world.next(horizon) {
            Next::Instant => {}
            Next::Nothing => break,
            Next::Horizon => {
                outlook.limit = Some(Limit::Horizon);
                break;
            }
        }
    }
    outlook.until_us = world.now().0;
    outlook.passes = world.passes();
    Ok(outlook)
}

fn start(world: &World, job: &Job) -> ExpectedStart {
    ExpectedStart {
        job: job.id.0,
        name: job.spec.name.clone(),
        owner: job.spec.owner.clone(),
        start_us: world.now().0,
        end_us: expected_end(job).map(|end| end.0),
        nodes: world.places(job),
    }
}
