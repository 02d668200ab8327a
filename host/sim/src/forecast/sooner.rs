//! What would make a job start sooner: it is changed as its user could change it, and each change is simulated.
//!
//! Each variant goes through the kernel's own commands. What can be changed in the queue keeps the job's place; for the rest it is configured
//! and submitted again, which puts it behind others of its priority, and the simulation says what comes of that.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, GroupOp, Job, JobId, JobSpec, Span, State, TaskId, TaskSpec, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::world::{World, may_start};
use super::{Expected, ForecastError, Limit, Limits, Make, run};

/// Variants that are tried at most.
pub const VARIANTS_MAX: usize = 10;
/// The limit that is tried for a job that has none.
const LIMIT_TRIED: Span = Span::from_secs(3_600);

/// Changes that let a job start sooner: one JSON object. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Sooner {
    /// The job.
    pub job: u32,
    /// What is expected of it as it is.
    pub as_it_is: Expected,
    /// Variants that were simulated.
    pub tried: u64,
    /// Variants that the kernel refused: the job cannot be so.
    pub impossible: u64,
    /// Passes of all simulations.
    pub passes: u64,
    /// Those that start sooner, the soonest first.
    pub variants: Vec<Variant>,
}

/// A change and what would come of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Variant {
    /// The change, for people.
    pub change: String,
    /// Whether the job keeps its place in the queue.
    pub keeps_place: bool,
    /// When it would start.
    pub at_us: u64,
    /// How much sooner that is, in seconds; none where nobody knows when it starts as it is.
    pub sooner_by_s: Option<f64>,
}

/// Another way in which the job could have been asked for.
struct Other {
    change: String,
    spec: JobSpec,
    /// Tasks that are others too; then the job has to be configured.
    tasks: Vec<(TaskId, TaskSpec)>,
    keeps_place: bool,
}

/// Simulates the job as it is, and then each of its variants until it is no sooner; the limits hold for each simulation.
///
/// # Errors
///
/// When there is no such job, or the policy fails.
pub fn sooner(
    state: &State,
    now: Timestamp,
    make: Make<'_>,
    id: JobId,
    limits: Limits,
) -> Result<Sooner, ForecastError> {
    let as_it_is = super::forecast(state, now, make, id, limits)?;
    let job = state.job(id).ok_or(ForecastError::UnknownJob(id))?;
    let mut found = Sooner {
        job: id.0,
        tried: 0,
        impossible: 0,
        passes: as_it_is.passes,
        variants: Vec::new(),
        as_it_is: as_it_is.expected,
    };
    let too_much = matches!(
        found.as_it_is,
        Expected::NotWithin {
            limit: Limit::JobsMax,
            ..
        }
    );
    let starts_now = found.as_it_is.start() == Some(now);
    if !may_start(job) || starts_now || too_much {
        return Ok(found);
    }
    // What does not start before that is not sooner.
    let before = found.as_it_is.start();
    let limits = Limits {
        horizon: before.map_or(limits.horizon, |before| {
            limits.horizon.min(before.since(now))
        }),
        ..limits
    };
    for other in others(job).into_iter().take(VARIANTS_MAX) {
        let mut world = World::new(state, now);
        if !ask(&mut world, id, &other) {
            found.impossible += 1;
            continue;
        }
        let forecast = run(world, make, id, limits)?;
        found.tried += 1;
        found.passes += forecast.passes;
        let Some(at) = forecast.expected.start() else {
            continue;
        };
        // Within the limits is sooner than not within them.
        if before.is_none_or(|before| at < before) {
            found.variants.push(Variant {
                change: other.change,
                keeps_place: other.keeps_place,
                at_us: at.0,
                sooner_by_s: before.map(|before| before.since(at).as_secs_f64()),
            });
        }
    }
    found.variants.sort_by_key(|variant| variant.at_us);
    Ok(found)
}

/// Asks for the job so; false where the kernel refuses it.
fn ask(world: &mut World, job: JobId, other: &Other) -> bool {
    let by = Actor::administrator("forecast");
    let modify = Command::ModifyJob {
        by: by.clone(),
        job,
        spec: Arc::new(other.spec.clone()),
    };
    let mut commands = vec![modify];
    if !other.keeps_place {
        let by = || by.clone();
        commands.insert(0, Command::ConfigureJob { by: by(), job });
        let tasks = other.tasks.iter().map(|(task, spec)| Command::ModifyTask {
            by: by(),
            job,
            task: *task,
            spec: Arc::new(spec.clone()),
        });
        // Smaller tasks first: the job may not be smaller than they are.
        let smaller: Vec<Command> = tasks.collect();
        commands.splice(1..1, smaller);
        commands.push(Command::SubmitJob { by: by(), job });
    }
    let done = commands.iter().all(|command| world.change(command).is_ok());
    done && world.state().job(job).is_some_and(may_start)
}

fn others(job: &Job) -> Vec<Other> {
    let spec = || JobSpec::clone(&job.spec);
    let unit = job.spec.unit;
    let mut all = Vec::new();
    for part in [2, 4] {
        let least = job.min.div_ceil(part);
        if least == job.min || (part == 4 && least == job.min.div_ceil(2)) {
            continue;
        }
        let (smaller, tasks) = smaller(job, least);
        let what = format!("{} instead of {}", unit.count(least), job.min);
        let more = |change, runtime| Other {
            change,
            spec: JobSpec {
                runtime,
                ..smaller.clone()
            },
            tasks: tasks.clone(),
            keeps_place: false,
        };
        all.push(more(what.clone(), job.spec.runtime));
        // Half as many cores may take twice as long.
        if let Some(limit) = job.spec.runtime {
            let longer = Span(
                limit
                    .0
                    .saturating_mul(u64::from(part))
                    .min(Timestamp::MAX.0),
            );
            let what = format!("{what}, with a run-time limit of {longer} instead of {limit}");
            all.push(more(what, Some(longer)));
        }
    }
    let limits = match job.spec.runtime {
        Some(limit) => vec![Span(limit.0 / 2), Span(limit.0 / 4)],
        None => vec![LIMIT_TRIED],
    };
    for limit in limits.into_iter().filter(|limit| *limit > Span::ZERO) {
        let before = job
            .spec
            .runtime
            .map_or("none".to_string(), |l| l.to_string());
        all.push(Other {
            change: format!("a run-time limit of {limit} instead of {before}"),
            spec: JobSpec {
                runtime: Some(limit),
                ..spec()
            },
            tasks: Vec::new(),
            keeps_place: true,
        });
    }
    let mut without = |is_so: bool, change: &str, spec: JobSpec| {
        if is_so {
            all.push(Other {
                change: change.into(),
                spec,
                tasks: Vec::new(),
                keeps_place: false,
            });
        }
    };
    without(
        job.spec.exclusive && job.tasks.iter().all(|task| !task.spec.exclusive),
        "not exclusive: other jobs may be on its nodes",
        JobSpec {
            exclusive: false,
            ..spec()
        },
    );
    without(
        job.spec.single_node,
        "on several nodes",
        JobSpec {
            single_node: false,
            ..spec()
        },
    );
    let any_node = JobSpec {
        requested_nodes: Vec::new(),
        node_groups: Vec::new(),
        node_group_op: GroupOp::default(),
        memory_mb_min: None,
        memory_mb_max: None,
        cores_per_node_min: None,
        cores_per_node_max: None,
        ..spec()
    };
    without(any_node != *job.spec, "on any nodes", any_node);
    all
}

/// The job with a smaller minimum, and those of its tasks that would be too large for it. What had one size has one size still.
fn smaller(job: &Job, least: u32) -> (JobSpec, Vec<(TaskId, TaskSpec)>) {
    let mut spec = JobSpec::clone(&job.spec);
    spec.min = spec.min.map(|_| least);
    if job.min == job.max {
        spec.max = spec.max.map(|_| least);
    }
    let most = if job.min == job.max { least } else { job.max };
    let tasks = (1..).zip(&job.tasks).filter(|(_, task)| {
        task.spec.kind.is_ordinary() && (task.spec.min > least || task.spec.max > most)
    });
    let tasks = tasks.map(|(id, task)| {
        let min = task.spec.min.min(least);
        let max = match task.spec.min == task.spec.max {
            true => min,
            false => task.spec.max.min(most),
        };
        let spec = TaskSpec {
            min,
            max,
            ..TaskSpec::clone(&task.spec)
        };
        (TaskId(id), spec)
    });
    (spec, tasks.collect())
}
