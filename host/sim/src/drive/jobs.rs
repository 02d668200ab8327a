//! The jobs of a simulation as the loop and the machine see them, whatever they come from.

use std::{collections::BTreeMap, sync::Arc};

use jobyard_kernel::{JobSpec, Span, TaskSpec};

use super::{Estimate, machine::Machine};
use crate::{swf::TraceJob, workload::WorkloadJob};

/// Who adds and submits the jobs of a trace.
pub(super) const OWNER: &str = "trace";

/// Jobs by index, in the order in which they are submitted.
pub(super) trait Jobs {
    /// How many there are.
    fn count(&self) -> usize;

    /// When one is submitted.
    fn submit_us(&self, index: usize) -> u64;

    /// How long it runs.
    fn run_us(&self, index: usize) -> u64;

    /// How long the policy is told that it may run; none: it is not told.
    fn limit_us(&self, index: usize) -> Option<u64>;

    /// What the kernel is asked for: the job, and the one task that is all its work.
    fn request(&mut self, index: usize) -> (Arc<JobSpec>, Arc<TaskSpec>);

    /// Whether a policy that need not be called for jobs that do not fit is to be called for this one, which has just been submitted.
    fn may_fit(&self, index: usize, machine: &Machine) -> bool;

    /// For people: which job it is, and what it needs.
    fn describe(&self, index: usize, machine: &Machine) -> String;
}

/// Size, time limit, user and group of a job.
type Wish = (u32, u64, Option<u32>, Option<u32>);

/// The jobs of a trace: each so many cores of one pool.
pub(super) struct TraceJobs<'a> {
    jobs: &'a [TraceJob],
    estimate: Estimate,
    /// The task of a job of each size: they differ in nothing else.
    tasks: BTreeMap<u32, Arc<TaskSpec>>,
    /// The job of each size, time limit, user and group, with its task: people ask for round numbers, so these are few.
    requests: BTreeMap<Wish, (Arc<JobSpec>, Arc<TaskSpec>)>,
    /// Whether it matters whose a job is.
    owners: bool,
}

impl<'a> TraceJobs<'a> {
    pub(super) fn new(jobs: &'a [TraceJob], estimate: Estimate, owners: bool) -> Self {
        TraceJobs {
            owners,
            jobs,
            estimate,
            tasks: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }

    fn limit_of(&self, index: usize) -> u64 {
        let job = &self.jobs[index];
        match self.estimate {
            Estimate::Requested => job.requested_us,
            Estimate::Actual => job.run_us,
        }
    }
}

impl Jobs for TraceJobs<'_> {
    fn count(&self) -> usize {
        self.jobs.len()
    }

    fn submit_us(&self, index: usize) -> u64 {
        self.jobs[index].submit_us
    }

    fn run_us(&self, index: usize) -> u64 {
        self.jobs[index].run_us
    }

    fn limit_us(&self, index: usize) -> Option<u64> {
        Some(self.limit_of(index))
    }

    fn request(&mut self, index: usize) -> (Arc<JobSpec>, Arc<TaskSpec>) {
        let TraceJob {
            procs, user, group, ..
        } = self.jobs[index];
        let limit_us = self.limit_of(index);
        let (user, group) = (user.filter(|_| self.owners), group.filter(|_| self.owners));
        let key = (procs, limit_us, user, group);
        let request = self.requests.entry(key).or_insert_with(|| {
            let spec = JobSpec {
                owner: user.map_or_else(|| OWNER.into(), |user| user.to_string()),
                project: group.map_or_else(String::new, |group| group.to_string()),
                min: Some(procs),
                max: Some(procs),
                runtime: Some(Span(limit_us)),
                can_preempt: false,
                can_grow: false,
                can_shrink: false,
                ..JobSpec::default()
            };
            let task = self.tasks.entry(procs).or_insert_with(|| work(procs));
            (Arc::new(spec), task.clone())
        });
        request.clone()
    }

    fn may_fit(&self, index: usize, machine: &Machine) -> bool {
        self.jobs[index].procs <= machine.free_cores()
    }

    fn describe(&self, index: usize, machine: &Machine) -> String {
        let TraceJob { line, procs, .. } = self.jobs[index];
        let machine = machine.cores();
        format!("is on line {line} of the trace and needs {procs} of {machine} processors")
    }
}

/// The jobs of a workload: each as large as it was, on nodes that it may use.
pub(super) struct WorkloadJobs<'a> {
    jobs: &'a [WorkloadJob],
    estimate: Estimate,
}

impl<'a> WorkloadJobs<'a> {
    pub(super) fn new(jobs: &'a [WorkloadJob], estimate: Estimate) -> Self {
        WorkloadJobs { jobs, estimate }
    }
}

impl Jobs for WorkloadJobs<'_> {
    fn count(&self) -> usize {
        self.jobs.len()
    }

    fn submit_us(&self, index: usize) -> u64 {
        self.jobs[index].times.submit_us
    }

    fn run_us(&self, index: usize) -> u64 {
        let times = &self.jobs[index].times;
        times.end_us - times.start_us
    }

    fn limit_us(&self, index: usize) -> Option<u64> {
        match self.estimate {
            Estimate::Requested => self.jobs[index].limit_us,
            Estimate::Actual => Some(self.run_us(index)),
        }
    }

    fn request(&mut self, index: usize) -> (Arc<JobSpec>, Arc<TaskSpec>) {
        let job = &self.jobs[index];
        let spec = match self.estimate {
            Estimate::Requested => job.spec.clone(),
            Estimate::Actual => Arc::new(JobSpec {
                runtime: self.limit_us(index).map(Span),
                ..JobSpec::clone(&job.spec)
            }),
        };
        (spec, job.task.clone())
    }

    fn may_fit(&self, _: usize, machine: &Machine) -> bool {
        !machine.only_arrivals_that_do_not_fit()
    }

    fn describe(&self, index: usize, _: &Machine) -> String {
        let job = &self.jobs[index];
        let (id, units) = (job.id, job.task.min);
        format!("was job {id} and needs {units} {}", job.spec.unit.plural())
    }
}

/// The one task of a simulated job: so many units, all of the time.
pub(crate) fn work(units: u32) -> Arc<TaskSpec> {
    Arc::new(TaskSpec {
        command_line: "true".into(),
        min: units,
        max: units,
        ..TaskSpec::default()
    })
}
