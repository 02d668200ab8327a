//! Several runs of the same jobs side by side: what really happened, and what would have happened under other policies.
//!
//! [`compare`] computes a [`Comparison`], which is one JSON object; the names of its fields are kept. [`page`] makes a page for people of it.
//! Pure arithmetic: it knows neither kernel nor policy.
//!
//! The first run is what the others are compared with.

mod changes;
mod charts;
mod page;

use serde::Serialize;

pub use self::changes::{Changes, ClassChange, UserChange};
pub use self::page::{page, rows};
use crate::{
    drive::{Estimate, Simulation},
    metrics::{BOUNDED_SLOWDOWN_TAU_S, JobTimes, Metrics},
    plot::file_name,
    swf::Trace,
    workload::counts,
};

/// Runs that are compared at most.
pub const RUNS_MAX: usize = 6;
/// Starved jobs that are listed for a run at most; all are counted.
pub const STARVED_LISTED_MAX: usize = 20;
/// Users that are listed at most for a run; all are counted.
pub const USERS_LISTED_MAX: usize = 1_000;
/// A job has starved when it waited longer than so many times the median wait of the first run …
pub const STARVATION_MEDIANS: f64 = 10.0;
/// … and longer than this.
pub const STARVATION_FLOOR_S: f64 = 3_600.0;

/// One way in which the jobs of a workload went.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What to call it: the policy, with its settings where it has some, or `recorded`.
    pub name: String,
    /// It is what really happened.
    pub recorded: bool,
    /// What became of each job, in the order of the workload.
    pub jobs: Vec<JobTimes>,
    /// How often the policy was called; none where that is not known.
    pub passes: Option<u64>,
    /// Proposals of the policy that the kernel refused, likewise.
    pub refused_proposals: Option<u64>,
    /// What the kernel said of the first of them.
    pub first_refusal: Option<String>,
}

impl From<Simulation> for Run {
    fn from(simulation: Simulation) -> Run {
        Run {
            name: simulation.report.policy,
            recorded: false,
            jobs: simulation.jobs,
            passes: Some(simulation.report.passes),
            refused_proposals: Some(simulation.report.refused_proposals),
            first_refusal: simulation.first_refusal,
        }
    }
}

/// What the runs have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    /// What to call the jobs: the trace's file, or the journal's folder.
    pub workload: String,
    /// What policies were told of run times.
    pub estimate: Estimate,
    /// Nodes.
    pub nodes: u64,
    /// Cores of all of them.
    pub cores: u64,
    /// Names of users; [`JobTimes::user`] is a place in it. Empty: users have only numbers.
    pub users: Vec<String>,
    /// For each job what to call it: its id, or its line in the trace.
    pub ids: Vec<u32>,
    /// For each job whether it counts; the others were in the way of those that do.
    pub compared: Vec<bool>,
    /// Times are since 1970, and not since something that only the trace knows.
    pub since_1970: bool,
    /// Jobs that were left out, by reason.
    pub left_out: Vec<(String, u64)>,
    /// Jobs that were simulated otherwise than they were, by reason.
    pub assumed: Vec<(String, u64)>,
}

impl Basis {
    /// Of a trace: all its jobs count.
    pub fn of_trace(trace: &Trace, estimate: Estimate) -> Basis {
        let mut left_out = counts(&trace.dropped);
        left_out.push(("bad_lines".into(), trace.bad_lines.count));
        Basis {
            workload: file_name(&trace.name).to_string(),
            estimate,
            nodes: 1,
            cores: u64::from(trace.procs),
            users: Vec::new(),
            ids: trace.jobs.iter().map(|job| job.line).collect(),
            compared: vec![true; trace.jobs.len()],
            since_1970: false,
            left_out,
            assumed: Vec::new(),
        }
    }

    /// Only these jobs count, of those that did.
    pub fn only(&mut self, counts: impl Fn(usize) -> bool) {
        let compared = self.compared.iter_mut().enumerate();
        compared.for_each(|(at, compared)| *compared &= counts(at));
    }

    /// What to call a user.
    fn user(&self, user: u32) -> String {
        let name = self.users.get(user as usize).cloned();
        name.unwrap_or_else(|| format!("user {user}"))
    }
}

/// Runs that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// None, or too many.
    #[error("{count} runs cannot be compared: 1 to {RUNS_MAX} can")]
    Runs {
        /// How many there are.
        count: usize,
    },
    /// They are not of the same jobs.
    #[error("run \"{name}\" is not of the same jobs: {what}")]
    OtherJobs {
        /// Which run.
        name: String,
        /// How it differs.
        what: String,
    },
    /// No job counts.
    #[error("no job is to be compared")]
    NoJobs,
}

/// What came out: one JSON object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The version of this object's names: 1. New names may come without a new version.
    pub format: u32,
    /// What to call the jobs.
    pub workload: String,
    /// What policies were told of run times.
    pub estimate: Estimate,
    /// Jobs that are compared.
    pub jobs: u64,
    /// Jobs that were simulated with them and do not count.
    pub jobs_beside: u64,
    /// Nodes.
    pub nodes: u64,
    /// Cores of all of them.
    pub cores: u64,
    /// Users that the compared jobs are of; jobs without a user do not count.
    pub users: u64,
    /// Jobs were simulated as large as they were from start to end: none grew, shrank or was preempted. Always true.
    pub rigid: bool,
    /// Jobs that were left out, by reason.
    pub left_out: std::collections::BTreeMap<String, u64>,
    /// Jobs that were simulated otherwise than they were, by reason.
    pub assumed: std::collections::BTreeMap<String, u64>,
    /// What the numbers below mean.
    pub terms: Terms,
    /// One for each run, in the order given.
    pub runs: Vec<RunReport>,
}

/// The constants behind the numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Terms {
    /// τ of the bounded slowdown, max(1, (wait + run) / max(τ, run)), in seconds.
    pub bounded_slowdown_tau_s: f64,
    /// What `fairness` is.
    pub fairness: String,
    /// A job starved when it waited longer than this, in seconds: ten times the median wait of the first run, and an hour at least.
    pub starvation_bound_s: f64,
    /// How much a wait must differ from the first run's to count as better or worse, in seconds.
    pub same_within_s: f64,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// What to call it.
    pub name: String,
    /// It is what really happened.
    pub recorded: bool,
    /// Times from submission to start.
    pub wait: Waits,
    /// max(1, (wait + run) / max(τ, run)).
    pub bounded_slowdown: Slowdowns,
    /// Cores in use over all cores, from the first submission to the last end of a compared job: 0 to 1. Jobs that do not count
    /// are in it as far as they ran in that time.
    pub utilisation: f64,
    /// That time, in seconds.
    pub makespan_s: f64,
    /// Jain's index, see [`Terms::fairness`]; none without users.
    pub fairness: Option<f64>,
    /// Jobs that waited too long.
    pub starvation: Starvation,
    /// Against the first run; none for that one.
    pub changes: Option<Changes>,
    /// How often the policy was called; none where that is not known.
    pub passes: Option<u64>,
    /// Proposals of the policy that the kernel refused, likewise.
    pub refused_proposals: Option<u64>,
    /// What the kernel said of the first of them.
    pub first_refusal: Option<String>,
}

/// Waits, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waits {
    /// Mean.
    pub average_s: f64,
    /// The middle one, or the mean of the two middle ones.
    pub median_s: f64,
    /// The smallest that at least 95 % of the jobs do not exceed.
    pub p95_s: f64,
    /// The longest.
    pub maximum_s: f64,
}

/// Bounded slowdowns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slowdowns {
    /// Mean.
    pub average: f64,
    /// The largest.
    pub maximum: f64,
}

/// Jobs that waited longer than [`Terms::starvation_bound_s`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Starvation {
    /// How many.
    pub jobs: u64,
    /// The same over all compared jobs: 0 to 1.
    pub share: f64,
    /// Those that waited longest, the worst first.
    pub worst: Vec<Starved>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Starved {
    /// Its id, or its line in the trace.
    pub job: u32,
    /// Its user; none where nobody says.
    pub user: Option<String>,
    /// Its size.
    pub cores: u32,
    /// How long it waited, in seconds.
    pub wait_s: f64,
    /// How long it ran, in seconds.
    pub run_s: f64,
}

/// A wait that differs by less counts as the same, in seconds.
pub(crate) const SAME_WITHIN_S: f64 = 1.0;

/// Puts runs of the same jobs side by side.
///
/// # Errors
///
/// When there are none or too many, when they are not of the same jobs, or when no job counts.
pub fn compare(basis: &Basis, runs: &[Run]) -> Result<Comparison, CompareError> {
    check(basis, runs)?;
    let counted: Vec<Vec<JobTimes>> = runs.iter().map(|run| compared(basis, &run.jobs)).collect();
    let first = &counted[0];
    let metrics: Vec<Metrics> = counted.iter().map(|jobs| Metrics::of(jobs, 1)).collect();
    let bound_s = (metrics[0].median_wait_s * STARVATION_MEDIANS).max(STARVATION_FLOOR_S);
    let all = runs.iter().zip(&counted).zip(&metrics).enumerate();
    let reports = all.map(|(at, ((run, jobs), metrics))| RunReport {
        name: run.name.clone(),
        recorded: run.recorded,
        wait: Waits {
            average_s: metrics.average_wait_s,
            median_s: metrics.median_wait_s,
            p95_s: metrics.p95_wait_s,
            maximum_s: metrics.maximum_wait_s,
        },
        bounded_slowdown: Slowdowns {
            average: metrics.average_bounded_slowdown,
            maximum: metrics.maximum_bounded_slowdown,
        },
        utilisation: utilisation(jobs, &run.jobs, basis.cores),
        makespan_s: metrics.makespan_s,
        fairness: metrics.user_fairness,
        starvation: starvation(basis, &run.jobs, bound_s),
        changes: (at > 0).then(|| changes::changes(basis, first, jobs)),
        passes: run.passes,
        refused_proposals: run.refused_proposals,
        first_refusal: run.first_refusal.clone(),
    });
    Ok(Comparison {
        format: 1,
        workload: basis.workload.clone(),
        estimate: basis.estimate,
        jobs: first.len() as u64,
        jobs_beside: (basis.compared.len() - first.len()) as u64,
        nodes: basis.nodes,
        cores: basis.cores,
        users: metrics[0].users,
        rigid: true,
        left_out: basis.left_out.iter().cloned().collect(),
        assumed: basis.assumed.iter().cloned().collect(),
        terms: Terms {
            bounded_slowdown_tau_s: BOUNDED_SLOWDOWN_TAU_S,
            fairness: "Jain's index over users of the average bounded slowdown of each: 1 when all fare alike, 1/users when one bears everything".into(),
            starvation_bound_s: bound_s,
            same_within_s: SAME_WITHIN_S,
        },
        runs: reports.collect(),
    })
}

fn check(basis: &Basis, runs: &[Run]) -> Result<(), CompareError> {
    if runs.is_empty() || runs.len() > RUNS_MAX {
        return Err(CompareError::Runs { count: runs.len() });
    }
    for run in runs {
        let other = |what: String| CompareError::OtherJobs {
            name: run.name.clone(),
            what,
        };
        let (wanted, found) = (basis.compared.len(), run.jobs.len());
        if wanted != found {
            return Err(other(format!("it has {found} jobs instead of {wanted}")));
        }
        let part = |job: &JobTimes| {
            let ran_us = job.end_us.saturating_sub(job.start_us);
            (job.submit_us, job.user, ran_us)
        };
        let same = |(a, b): (&JobTimes, &JobTimes)| part(a) == part(b);
        if let Some(at) = runs[0]
            .jobs
            .iter()
            .zip(&run.jobs)
            .position(|pair| !same(pair))
        {
            let id = basis.ids.get(at).copied().unwrap_or_default();
            return Err(other(format!(
                "job {id} was submitted at another time, ran for another time or is of another user"
            )));
        }
    }
    match basis.compared.contains(&true) {
        true => Ok(()),
        false => Err(CompareError::NoJobs),
    }
}

/// Those that count.
pub(crate) fn compared(basis: &Basis, jobs: &[JobTimes]) -> Vec<JobTimes> {
    let all = jobs.iter().zip(&basis.compared);
    all.filter(|(_, counts)| **counts)
        .map(|(job, _)| *job)
        .collect()
}

/// Of all jobs, in the time of those that count.
fn utilisation(counted: &[JobTimes], all: &[JobTimes], cores: u64) -> f64 {
    let from = counted.iter().map(|job| job.submit_us).min().unwrap_or(0);
    let to = counted.iter().map(|job| job.end_us).max().unwrap_or(0);
    let span = |job: &JobTimes| {
        let (start, end) = (job.start_us.max(from), job.end_us.min(to));
        end.saturating_sub(start) as f64 / 1e6
    };
    let area: f64 = all.iter().map(|job| span(job) * f64::from(job.procs)).sum();
    let whole = cores as f64 * (to.saturating_sub(from) as f64 / 1e6);
    if whole > 0.0 { area / whole } else { 0.0 }
}

fn starvation(basis: &Basis, jobs: &[JobTimes], bound_s: f64) -> Starvation {
    let all = jobs.iter().zip(&basis.compared).zip(&basis.ids);
    let mut starved: Vec<(f64, u32, &JobTimes)> = all
        .filter(|((job, counts), _)| **counts && job.wait_s() > bound_s)
        .map(|((job, _), id)| (job.wait_s(), *id, job))
        .collect();
    starved.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let count = basis.compared.iter().filter(|counts| **counts).count();
    let worst = starved.iter().take(STARVED_LISTED_MAX);
    Starvation {
        jobs: starved.len() as u64,
        share: starved.len() as f64 / count.max(1) as f64,
        worst: worst
            .map(|(wait_s, job, times)| Starved {
                job: *job,
                user: times.user.map(|user| basis.user(user)),
                cores: times.procs,
                wait_s: *wait_s,
                run_s: times.run_s(),
            })
            .collect(),
    }
}
