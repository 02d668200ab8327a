//! The simulator's loop: from instant to instant, what happens in each, and in which order.
//!
//! # One instant
//!
//! Many things happen in one second of a real log, and their order decides published numbers. It is
//!
//! 1. jobs that end now *and were expected to* (their estimate is up) give their processors back;
//! 2. each job that is submitted now, in the order of the trace, and after each a pass of the policy; no pass for a job that does
//!    not fit into the free processors, if the policy says that such a job changes nothing ([`Arrivals::Fitting`]);
//! 3. each job that ends now, in the order in which they were started: it gives its processors back, unless it
//!    has (1), and the policy has a pass;
//! 4. a pass that the policy asked for (`wake-at`), if it had none in this instant.
//!
//! Why 1 before 2, and the passes for those ends after 2? Simulators whose results are published keep the book of free
//! processors by expected ends, so a job that ends just when it said is off the book before its end event is handled.
//! With each processor given out once, this order, and no other that was tried, gives their numbers.
//!
//! No pass is made while no job is queued: with jobs that neither grow nor shrink there is nothing to decide. What
//! happens meanwhile is sent with the next pass; the contract lets changes be gathered.
//!
//! # What is simulated
//!
//! Of a trace: one node with as many cores as the machine has processors; a job is one task on `procs` cores, with its estimate as
//! the job's run-time limit. To a policy that asks for columns, the trace's user and group are its owner and project, by number. Of a workload: the nodes and jobs that it says. All goes through the kernel's own commands and state machine.
//!
//! Jobs are rigid: they do not grow, shrink and are not preempted, and policies are told so. How long a job runs is known for
//! the size that it had; for another size it would have to be guessed, and then so would all that is compared.

mod error;
mod jobs;
mod machine;
mod queue;

use std::{collections::BTreeSet, fmt};

use jobyard_kernel::Parameters;
use serde::{Deserialize, Serialize};

pub use self::error::SimError;
pub(crate) use self::{
    jobs::work,
    machine::{Machine, template_of},
};
use self::{
    jobs::{Jobs, TraceJobs, WorkloadJobs},
    queue::Ends,
};
use crate::{
    clock::thread_cpu_time,
    compare::Run,
    metrics::{JobTimes, Metrics, Report},
    scheduler::{Arrivals, Scheduler},
    swf::{Trace, TraceJob},
    workload::Workload,
};

/// Passes in a row that only the policy itself asked for and in which no job was submitted, started or ended.
const IDLE_WAKES_MAX: u64 = 1_000_000;
/// The first point in time that is out of range: 2^53 microseconds.
const TIME_END_US: u64 = 1 << 53;
/// `start_us` of a job that has not started.
const NOT_STARTED: u64 = u64::MAX;

/// What a policy is told of how long a job will run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Estimate {
    /// What its user asked for, as in life.
    #[default]
    Requested,
    /// How long it did run: what perfect predictions would give.
    Actual,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Estimate::Requested => "requested",
            Estimate::Actual => "actual",
        })
    }
}

/// How to simulate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What to call the policy in the report.
    pub policy: String,
    /// What to tell it of run times.
    pub estimate: Estimate,
}

/// A finished simulation.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// The numbers.
    pub report: Report,
    /// What became of each job, in the order of [`Trace::jobs`].
    pub jobs: Vec<JobTimes>,
    /// The kernel's words about the first proposal that it refused, if it refused one.
    pub first_refusal: Option<String>,
}

/// Runs a trace through the kernel with one policy, from the first submission to the last end.
///
/// Deterministic: the same trace, options and policy give the same [`Simulation`], but for the processor time.
///
/// # Errors
///
/// When the policy faults, when it leaves jobs unstarted for ever, or when virtual time runs out. The error
/// says when it was and which job.
pub fn simulate(
    trace: &Trace,
    options: &Options,
    scheduler: &mut dyn Scheduler,
) -> Result<Simulation, SimError> {
    let begun = thread_cpu_time();
    let mut driver = Driver::new(
        TraceJobs::new(
            &trace.jobs,
            options.estimate,
            !scheduler.columns().is_empty(),
        ),
        Machine::pool(trace.procs, parameters(Parameters::default(), scheduler))?,
        scheduler,
    );
    driver.run()?;
    let times = |(job, &start_us): (&TraceJob, &u64)| JobTimes {
        submit_us: job.submit_us,
        start_us,
        end_us: start_us + job.run_us,
        procs: job.procs,
        user: job.user,
    };
    let jobs: Vec<JobTimes> = trace.jobs.iter().zip(&driver.start_us).map(times).collect();
    let metrics = Metrics::of(&jobs, trace.procs);
    let cpu = thread_cpu_time().saturating_sub(begun) + trace.read_cpu;
    let cpu_s = cpu.as_secs_f64();
    let report = Report {
        policy: options.policy.clone(),
        trace: trace.name.clone(),
        estimate: options.estimate,
        jobs: jobs.len() as u64,
        procs: trace.procs,
        average_wait_s: metrics.average_wait_s,
        median_wait_s: metrics.median_wait_s,
        p95_wait_s: metrics.p95_wait_s,
        maximum_wait_s: metrics.maximum_wait_s,
        average_bounded_slowdown: metrics.average_bounded_slowdown,
        maximum_bounded_slowdown: metrics.maximum_bounded_slowdown,
        utilisation: metrics.utilisation,
        makespan_s: metrics.makespan_s,
        maximum_queue_length: driver.longest_queue,
        users: metrics.users,
        user_fairness: metrics.user_fairness,
        passes: driver.passes,
        refused_proposals: driver.refused,
        dropped_lines: trace.dropped.total(),
        dropped: trace.dropped,
        bad_lines: trace.bad_lines.count,
        out_of_order_lines: trace.out_of_order,
        cpu_s,
        jobs_per_cpu_s: jobs.len() as f64 / cpu_s.max(1e-9),
    };
    Ok(Simulation {
        report,
        jobs,
        first_refusal: driver.first_refusal,
    })
}

/// Runs the jobs of a workload again on its nodes, with another policy deciding, or the same.
///
/// Deterministic likewise. The jobs are as [`Workload`] says: rigid, and as long as they were.
///
/// # Errors
///
/// As [`simulate`].
pub fn rerun(
    workload: &Workload,
    options: &Options,
    scheduler: &mut dyn Scheduler,
) -> Result<Run, SimError> {
    let parameters = parameters(workload.cluster.clone(), scheduler);
    let mut machine = Machine::new(&workload.nodes, parameters)?;
    let pools: BTreeSet<&str> = workload.pools().collect();
    for pool in pools {
        machine.add_pool(pool)?;
    }
    let jobs = WorkloadJobs::new(&workload.jobs, options.estimate);
    let mut driver = Driver::new(jobs, machine, scheduler);
    driver.run()?;
    let times = |(job, &start_us): (&crate::WorkloadJob, &u64)| JobTimes {
        start_us,
        end_us: start_us + (job.times.end_us - job.times.start_us),
        ..job.times
    };
    Ok(Run {
        name: options.policy.clone(),
        recorded: false,
        jobs: workload
            .jobs
            .iter()
            .zip(&driver.start_us)
            .map(times)
            .collect(),
        passes: Some(driver.passes),
        refused_proposals: Some(driver.refused),
        first_refusal: driver.first_refusal,
    })
}

/// Use is counted with the half-life that the policy was given, if it was given one.
fn parameters(cluster: Parameters, scheduler: &dyn Scheduler) -> Parameters {
    Parameters {
        fair_share_half_life: scheduler
            .half_life()
            .unwrap_or(cluster.fair_share_half_life),
        ..cluster
    }
}

/// The state of the loop: what the kernel does not know, because in life it comes from outside.
struct Driver<'a, J> {
    jobs: J,
    scheduler: &'a mut dyn Scheduler,
    arrivals: Arrivals,
    machine: Machine,
    /// Index of the next job to be submitted.
    next_job: usize,
    /// Running jobs by their end.
    ends: Ends,
    /// When each job started.
    start_us: Vec<u64>,
    started: u64,
    /// When the policy wants to be called even if nothing happens.
    wake_us: Option<u64>,
    idle_wakes: u64,
    passes: u64,
    refused: u64,
    first_refusal: Option<String>,
    longest_queue: u64,
}

impl<'a, J: Jobs> Driver<'a, J> {
    fn new(jobs: J, mut machine: Machine, scheduler: &'a mut dyn Scheduler) -> Self {
        let arrivals = scheduler.arrivals();
        machine.wants(scheduler.columns());
        let count = jobs.count();
        Self {
            jobs,
            scheduler,
            arrivals,
            machine,
            next_job: 0,
            ends: Ends::default(),
            start_us: vec![NOT_STARTED; count],
            started: 0,
            wake_us: None,
            idle_wakes: 0,
            passes: 0,
            refused: 0,
            first_refusal: None,
            longest_queue: 0,
        }
    }

    fn run(&mut self) -> Result<(), SimError> {
        let mut due = Vec::new();
        while let Some(now) = self.next_instant() {
            if now >= TIME_END_US {
                return Err(SimError::TimeOver {
                    ended: self.ended(),
                    jobs: self.jobs.count(),
                });
            }
            self.instant(now, &mut due)?;
        }
        match self.queued() {
            0 => Ok(()),
            _ => Err(self.stuck()),
        }
    }

    /// When something happens next: none when all is done, and also when nothing can happen any more.
    fn next_instant(&self) -> Option<u64> {
        let arrival = self.arrival();
        let wake = self.wake_us.filter(|_| self.queued() > 0);
        [arrival, self.ends.first(), wake]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the next job is submitted.
    fn arrival(&self) -> Option<u64> {
        (self.next_job < self.jobs.count()).then(|| self.jobs.submit_us(self.next_job))
    }

    /// All that happens at one point in time, in the order of this module's documentation.
    fn instant(&mut self, now: u64, due: &mut Vec<usize>) -> Result<(), SimError> {
        let passes_before = self.passes;
        self.ends.take_due(now, due);
        for &job in due.iter() {
            if self.ends_as_expected(job, now) {
                self.machine.end(job, now)?;
            }
        }
        while self.arrival() == Some(now) {
            let job = self.next_job;
            self.machine.submit(self.jobs.request(job), now)?;
            self.next_job += 1;
            if self.arrivals == Arrivals::All || self.jobs.may_fit(job, &self.machine) {
                self.pass(now)?;
            }
            self.longest_queue = self.longest_queue.max(self.queued());
        }
        for &job in due.iter() {
            if !self.ends_as_expected(job, now) {
                self.machine.end(job, now)?;
            }
            self.pass(now)?;
        }
        let asked_for = self.wake_us.is_some_and(|wake| wake <= now) && self.queued() > 0;
        if self.passes == passes_before && asked_for {
            return self.wake(now);
        }
        self.idle_wakes = 0;
        Ok(())
    }

    fn ends_as_expected(&self, job: usize, now: u64) -> bool {
        let limit = self.jobs.limit_us(job);
        limit.is_some_and(|limit| self.start_us[job] + limit == now)
    }

    /// A pass that only the policy asked for.
    fn wake(&mut self, now: u64) -> Result<(), SimError> {
        let started_before = self.started;
        self.pass(now)?;
        self.idle_wakes = if self.started == started_before {
            self.idle_wakes + 1
        } else {
            0
        };
        match self.idle_wakes < IDLE_WAKES_MAX {
            true => Ok(()),
            false => Err(SimError::Restless {
                wakes: IDLE_WAKES_MAX,
                at_us: now,
                queued: self.queued(),
            }),
        }
    }

    /// One pass of the policy, and what the kernel makes of its proposals; none when no job is queued.
    fn pass(&mut self, now: u64) -> Result<(), SimError> {
        if self.queued() == 0 {
            return Ok(());
        }
        let changes = self.machine.changes();
        let plan = self
            .scheduler
            .schedule(now as f64, changes)
            .map_err(|fault| SimError::Policy {
                fault,
                at_us: now,
                ended: self.ended(),
                jobs: self.jobs.count(),
            })?;
        self.passes += 1;
        // A time in the past, or one that is no number, wakes at once: the plugin host lets neither pass.
        let wake = plan.wake_at.map(|at| (at as u64).max(now));
        self.wake_us = wake.filter(|at| *at < TIME_END_US);
        for decision in plan.decisions {
            match self.machine.propose(decision, now) {
                Ok(Some(job)) => self.job_started(job, now),
                Ok(None) => {}
                Err(refusal) => {
                    self.refused += 1;
                    self.first_refusal
                        .get_or_insert_with(|| refusal.to_string());
                }
            }
        }
        Ok(())
    }

    fn job_started(&mut self, job: usize, now: u64) {
        self.start_us[job] = now;
        self.started += 1;
        self.ends.push(now + self.jobs.run_us(job), job);
    }

    fn queued(&self) -> u64 {
        self.next_job as u64 - self.started
    }

    fn ended(&self) -> u64 {
        self.started - self.ends.len() as u64
    }

    fn stuck(&self) -> SimError {
        let first = self
            .start_us
            .iter()
            .position(|start| *start == NOT_STARTED)
            .unwrap_or(0);
        SimError::NeverStarted {
            queued: self.queued(),
            first: self.jobs.describe(first, &self.machine),
            refusal: self.first_refusal.clone(),
        }
    }
}
