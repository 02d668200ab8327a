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
//! One node with as many cores as the machine has processors; a job is one task on `procs` cores, with its estimate as
//! the job's run-time limit. All goes through the kernel's own commands and state machine. Jobs do not grow, shrink and are not
//! preempted.

mod error;
mod machine;
mod queue;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::error::SimError;
use self::{machine::Machine, queue::Ends};
use crate::{
    clock::thread_cpu_time,
    metrics::{JobTimes, Metrics, Report},
    scheduler::{Arrivals, Scheduler},
    swf::{Trace, TraceJob},
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

impl Estimate {
    fn of(self, job: &TraceJob) -> u64 {
        match self {
            Estimate::Requested => job.requested_us,
            Estimate::Actual => job.run_us,
        }
    }
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
    let mut driver = Driver::new(trace, options.estimate, scheduler)?;
    driver.run()?;
    let jobs = driver.job_times();
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

/// The state of the loop: what the kernel does not know, because in life it comes from outside.
struct Driver<'a> {
    jobs: &'a [TraceJob],
    estimate: Estimate,
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

impl<'a> Driver<'a> {
    fn new(
        trace: &'a Trace,
        estimate: Estimate,
        scheduler: &'a mut dyn Scheduler,
    ) -> Result<Self, SimError> {
        let arrivals = scheduler.arrivals();
        Ok(Self {
            jobs: &trace.jobs,
            estimate,
            scheduler,
            arrivals,
            machine: Machine::new(trace.procs)?,
            next_job: 0,
            ends: Ends::default(),
            start_us: vec![NOT_STARTED; trace.jobs.len()],
            started: 0,
            wake_us: None,
            idle_wakes: 0,
            passes: 0,
            refused: 0,
            first_refusal: None,
            longest_queue: 0,
        })
    }

    fn run(&mut self) -> Result<(), SimError> {
        let mut due = Vec::new();
        while let Some(now) = self.next_instant() {
            if now >= TIME_END_US {
                return Err(SimError::TimeOver {
                    ended: self.ended(),
                    jobs: self.jobs.len(),
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
        let arrival = self.jobs.get(self.next_job).map(|job| job.submit_us);
        let wake = self.wake_us.filter(|_| self.queued() > 0);
        [arrival, self.ends.first(), wake]
            .into_iter()
            .flatten()
            .min()
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
        while let Some(job) = self
            .jobs
            .get(self.next_job)
            .filter(|job| job.submit_us == now)
        {
            self.machine.submit(job, self.estimate.of(job), now)?;
            self.next_job += 1;
            if self.arrivals == Arrivals::All || job.procs <= self.machine.free_procs() {
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
        self.start_us[job] + self.estimate.of(&self.jobs[job]) == now
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
                jobs: self.jobs.len(),
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
        self.ends.push(now + self.jobs[job].run_us, job);
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
        let job = &self.jobs[first];
        SimError::NeverStarted {
            queued: self.queued(),
            line: job.line,
            procs: job.procs,
            machine: self.machine.procs(),
            refusal: self.first_refusal.clone(),
        }
    }

    fn job_times(&self) -> Vec<JobTimes> {
        let times = |(job, &start_us): (&TraceJob, &u64)| JobTimes {
            submit_us: job.submit_us,
            start_us,
            end_us: start_us + job.run_us,
            procs: job.procs,
            user: job.user,
        };
        self.jobs.iter().zip(&self.start_us).map(times).collect()
    }
}
