//! A workload from what a host has recorded: the jobs that ran there, on the nodes that it has, to be run again under other policies.
//!
//! [`Workload::of_journal`] reads it, [`Workload::recorded`] is what really happened, [`crate::rerun`] what would have happened.
//!
//! # Rules
//!
//! Of each job these stay as they were: submit time, priority, owner, project, what it says of nodes, its run-time limit, and how long
//! it ran, from its start to its end. What differs from life, and what is not known:
//!
//! - A job is *rigid*: it has as many of its units from start to end as it had when it started. It neither grows, shrinks nor is preempted. Which cores
//!   it was given is in the events; where a compaction has dropped those, it is taken to have started with its minimum
//!   ([`Assumed::size_unknown`]).
//! - A job that was queued again counts with its last run, and as submitted when it came back into the queue; where the events are gone, as submitted when
//!   it was last submitted. Its earlier runs are left out ([`Assumed::queued_again`]).
//! - A job that never started is left out, and so is one that still waits: nobody knows how long it would have run. A job that still runs is taken to
//!   end with the record. Command jobs hold no cores and are left out.
//! - A job held by its own description (`HoldUntil`) counts as submitted when the hold was over.
//! - Jobs that it waited for (`ParentJobIds`) are waited for in the simulation where they are in the workload and were submitted before it.
//! - All nodes take jobs all of the time, as they are in the last state. A job that could not run on them is left out.
//! - The cluster's parameters are those of the last state. What owners have used (fair share) begins at nothing.
//! - Filters are not asked. Preparing and releasing nodes is part of the run time.

mod build;
mod runs;

use std::{path::Path, sync::Arc};

use jobyard_journal::{JournalError, Query, sqlite::Reader};
use jobyard_kernel::{Job, JobSpec, NodeSpec, Parameter, Parameters, State, TaskSpec, Timestamp};
use serde::Serialize;

pub use self::runs::Runs;
use crate::{
    compare::{Basis, Run},
    metrics::JobTimes,
    swf::JOBS_MAX,
};

/// Which jobs are compared: those that were submitted in it. What was in the queue or ran meanwhile is simulated with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// At this time or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
}

impl Window {
    /// Whether a job that was submitted then is compared.
    pub fn has(&self, submitted: Timestamp) -> bool {
        self.from.is_none_or(|from| submitted >= from) && self.to.is_none_or(|to| submitted < to)
    }

    /// Whether a job matters: it waited or ran at some time in the window.
    fn touches(&self, submitted: Timestamp, ended: Timestamp) -> bool {
        self.from.is_none_or(|from| ended > from) && self.to.is_none_or(|to| submitted < to)
    }
}

/// A job of a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadJob {
    /// Its number in the host that ran it.
    pub id: u32,
    /// What became of it there.
    pub times: JobTimes,
    /// Whether it is compared, or only simulated because it was in the way of those that are.
    pub compared: bool,
    /// How long it may run, as its user said; none when nobody said.
    pub limit_us: Option<u64>,
    /// What the kernel of the simulation is asked for.
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) task: Arc<TaskSpec>,
}

/// Jobs that were left out, by the first reason that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LeftOut {
    /// Ended without having started.
    pub never_started: u64,
    /// Not started yet.
    pub still_waiting: u64,
    /// Command jobs.
    pub command_jobs: u64,
    /// Cannot run on the nodes that there are now.
    pub impossible: u64,
}

/// Jobs of which something is not as it was, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Assumed {
    /// Were queued again: only the last run counts.
    pub queued_again: u64,
    /// Still run: taken to end with the record.
    pub still_running: u64,
    /// Grew or gave something back while they ran: taken to have kept what they started with.
    pub resized: u64,
    /// Nobody knows how much they started with: taken to be their minimum.
    pub size_unknown: u64,
    /// Waited for jobs that the workload does not have before them: taken not to.
    pub parents_unknown: u64,
}

/// Jobs that ran, and the nodes to run them on.
#[derive(Debug, Clone)]
pub struct Workload {
    /// What to call it in reports.
    pub name: String,
    /// The nodes.
    pub nodes: Vec<NodeSpec>,
    /// In the order of submission; of those submitted at one time the lower id first.
    pub jobs: Vec<WorkloadJob>,
    /// Owners of jobs, ascending; [`JobTimes::user`] is a place in it.
    pub users: Vec<String>,
    /// The cluster's parameters.
    pub cluster: Parameters,
    /// Jobs that are not in it.
    pub left_out: LeftOut,
    /// Jobs that are in it otherwise than they were.
    pub assumed: Assumed,
}

/// A workload that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nothing ran.
    #[error("{name}: no job ran that was submitted in that time; {left_out} others are on record")]
    Empty {
        /// The workload.
        name: String,
        /// Jobs that were left out.
        left_out: u64,
    },
    /// Too much ran.
    #[error(
        "{name}: more than {max} jobs ran in that time: give an earlier end or a later beginning"
    )]
    TooManyJobs {
        /// The workload.
        name: String,
        /// The limit.
        max: usize,
    },
    /// The cluster has no nodes.
    #[error("{name}: there are no nodes")]
    NoNodes {
        /// The workload.
        name: String,
    },
}

impl Workload {
    /// What a journal has of jobs that were submitted in a time, at rest or in use.
    ///
    /// # Errors
    /// The journal cannot be read, or there is nothing to simulate.
    pub fn of_journal(folder: &Path, window: Window) -> Result<Workload, WorkloadError> {
        let name = folder.display().to_string();
        let reader = Reader::open(folder)?;
        let (state, ended) = reader.state()?;
        let mut runs = Runs::new(&state);
        reader.events(|_, event| runs.note(event))?;
        let mut jobs: Vec<Arc<Job>> = state
            .jobs()
            .filter_map(|job| state.shared_job(job.id))
            .collect();
        let history = reader.history()?;
        let mut query = Query {
            ended_from: window.from,
            ..Query::default()
        };
        loop {
            let page = history.jobs(&query)?;
            for summary in &page.jobs {
                // A job that has left the state since it was read is in both.
                let is_known = state.job(summary.id).is_some();
                let submitted = summary.submitted.unwrap_or(summary.created);
                if is_known || !window.touches(submitted, summary.ended) {
                    continue;
                }
                if jobs.len() > JOBS_MAX * 2 {
                    let max = JOBS_MAX;
                    return Err(WorkloadError::TooManyJobs { name, max });
                }
                jobs.extend(history.job(summary.id)?.map(|record| record.job));
            }
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        Workload::of_jobs(name, (&state, ended), jobs, &runs, window)
    }

    /// Of jobs that a host knows; `state` says which nodes there are, and is of the time beside it.
    ///
    /// # Errors
    /// There is nothing to simulate.
    pub fn of_jobs(
        name: String,
        state: (&State, Timestamp),
        jobs: Vec<Arc<Job>>,
        runs: &Runs,
        window: Window,
    ) -> Result<Workload, WorkloadError> {
        build::workload(name, state, jobs, runs, window)
    }

    /// The cluster's parameters by name, for policies that follow some of them.
    pub fn parameters(&self) -> Vec<(String, String)> {
        Parameter::all(&self.cluster)
    }

    /// Resource pools that jobs draw on, but for the default one; as often as there are such jobs.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &str> {
        let pools = self.jobs.iter().map(|job| job.spec.pool.as_str());
        pools.filter(|pool| !pool.is_empty())
    }

    /// What really happened.
    pub fn recorded(&self) -> Run {
        Run {
            name: "recorded".into(),
            recorded: true,
            jobs: self.jobs.iter().map(|job| job.times).collect(),
            passes: None,
            refused_proposals: None,
            first_refusal: None,
        }
    }

    /// What all runs of it have in common.
    pub fn basis(&self, estimate: crate::Estimate) -> Basis {
        Basis {
            workload: self.name.clone(),
            estimate,
            nodes: self.nodes.len() as u64,
            cores: self.nodes.iter().map(|node| u64::from(node.cores)).sum(),
            users: self.users.clone(),
            ids: self.jobs.iter().map(|job| job.id).collect(),
            compared: self.jobs.iter().map(|job| job.compared).collect(),
            since_1970: true,
            left_out: counts(&self.left_out),
            assumed: counts(&self.assumed),
        }
    }
}

/// Names and numbers of a record of counts.
pub(crate) fn counts(record: &impl Serialize) -> Vec<(String, u64)> {
    let value = serde_json::to_value(record).unwrap_or_default();
    let fields = value.as_object().into_iter().flatten();
    fields
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0)))
        .collect()
}
