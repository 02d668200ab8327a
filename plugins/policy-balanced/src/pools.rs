//! Resource pools: what each is owed of the cluster, and which jobs draw on which.
//!
//! HPC Pack (2008 R2 SP2 and later): a pool has a weight, and is guaranteed its part of the cores of open nodes by it. What a pool does
//! not use is lent to others.

use std::collections::BTreeMap;

use jobyard_plugin_sdk::{
    mirror::{Job, Mirror},
    policy::{Changes, ColumnValues, JOB_RUNNING, JobId},
};

use crate::divide::{Claim, divide};

/// The column with the pools of jobs.
pub(crate) const COLUMN: &str = "job.pool";
/// The pool of jobs that name none.
const DEFAULT: &str = "Default";

/// The pools of jobs, as the host told them.
#[derive(Debug, Default)]
pub(crate) struct PoolsOfJobs(BTreeMap<JobId, String>);

impl PoolsOfJobs {
    pub(crate) fn apply(&mut self, changes: &Changes) {
        for id in &changes.removed_jobs {
            self.0.remove(id);
        }
        let column = changes.columns.iter().find(|column| column.name == COLUMN);
        if let Some(ColumnValues::Texts(pools)) = column.map(|column| &column.values) {
            for (job, pool) in changes.jobs.iter().zip(pools) {
                self.0.insert(job.id, pool.clone());
            }
        }
    }

    fn of(&self, job: JobId) -> &str {
        self.0.get(&job).map_or(DEFAULT, String::as_str)
    }
}

/// What the pools are owed in one pass, and hold.
#[derive(Debug)]
pub(crate) struct Pools<'a> {
    jobs: &'a PoolsOfJobs,
    names: Vec<&'a str>,
    /// Cores that each is guaranteed.
    pub(crate) guaranteed: Vec<u64>,
    /// Sums of the minima of what runs.
    pub(crate) minima: Vec<u64>,
}

impl<'a> Pools<'a> {
    /// Of so many cores, by weight. A pool without a weight is owed nothing.
    pub(crate) fn new(
        jobs: &'a PoolsOfJobs,
        weights: &'a [(String, u32)],
        cores: u64,
    ) -> Pools<'a> {
        let mut names: Vec<&str> = weights.iter().map(|(name, _)| name.as_str()).collect();
        let mut claims: Vec<Claim> = weights.iter().map(|(_, weight)| claim(*weight)).collect();
        if !names.contains(&DEFAULT) {
            names.push(DEFAULT);
            claims.push(claim(0));
        }
        Pools {
            jobs,
            minima: vec![0; names.len()],
            names,
            guaranteed: divide(cores, &claims),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The pool of a job. One that has no weight counts as the default one.
    pub(crate) fn of(&self, job: JobId) -> usize {
        let default = || self.names.iter().position(|name| *name == DEFAULT);
        let name = self.jobs.of(job);
        let own = self.names.iter().position(|own| *own == name);
        own.or_else(default).unwrap_or(0)
    }

    /// Counts what runs.
    pub(crate) fn count(&mut self, mirror: &Mirror, minimum: impl Fn(&Job) -> u64) {
        for job in mirror.running().filter(|job| job.state == JOB_RUNNING) {
            let pool = self.of(job.id);
            self.minima[pool] += minimum(job);
        }
    }
}

fn claim(weight: u32) -> Claim {
    Claim {
        weight: u64::from(weight),
        most: u64::MAX >> 32,
    }
}
