//! Workload traces in the Standard Workload Format of the Parallel Workloads Archive.
//!
//! A trace is text, plain or in gzip (told by its first bytes, not by its name): header lines that start with `;`, then one job a
//! line in 18 numeric fields, -1 for what is not known (<https://www.cs.huji.ac.il/labs/parallel/workload/swf.html>).
//! This module reads, judges and cleans; it runs nothing. [`crate::simulate`] takes what it returns.
//!
//! # Cleaning
//!
//! Of the 18 fields six say what a simulation needs: submit time (2), run time (4), processors allocated (5) and requested (8),
//! requested time (9) and user (12); the group (13) is taken where it is there. A job is dropped, and counted in [`Dropped`], when
//!
//! 1. field 5 or field 8 is larger than the machine;
//! 2. neither is above 0 (when only one is, it stands for the other);
//! 3. the run time, or the requested time, is not above 0;
//! 4. the submit time is below 0.
//!
//! A job's size is field 8. A run time above the requested time is cut to it: a live system would have ended the job there.
//!
//! A line that is no job at all (too few fields, letters in them) is a *bad line*: counted, the first few kept, left out.

mod error;
mod field;
mod header;
mod read;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use error::{BadLine, BadLines, BadReason, TraceError, TraceProblem};
pub use header::TraceHeader;
pub use read::LINE_BYTES_MAX;

/// Most jobs that are left of a trace after cleaning.
pub const JOBS_MAX: usize = 500_000;

/// Most processors that the machine of a trace may have.
pub const PROCS_MAX: u32 = 100_000;

/// One job of a trace, cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceJob {
    /// Where it stands in the file, from 1.
    pub line: u32,
    /// When it was submitted, in microseconds of the trace's own clock.
    pub submit_us: u64,
    /// How long it ran, in microseconds; at least 1, at most [`TraceJob::requested_us`].
    pub run_us: u64,
    /// How long its user said that it might run, in microseconds.
    pub requested_us: u64,
    /// Processors, at least 1, at most the machine's.
    pub procs: u32,
    /// The user's number in the trace, where the trace says it.
    pub user: Option<u32>,
    /// The group's number in the trace, where the trace says it.
    pub group: Option<u32>,
}

/// Lines that describe a job which cannot be simulated, by the first reason that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dropped {
    /// Allocated or requested processors are more than the machine has.
    pub over_machine_size: u64,
    /// Neither allocated nor requested processors are known.
    pub no_procs: u64,
    /// The run time is unknown or 0: canceled before it started, mostly.
    pub no_run_time: u64,
    /// The requested time is unknown or 0.
    pub no_requested_time: u64,
    /// The submit time is below 0.
    pub negative_submit_time: u64,
}

impl Dropped {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.over_machine_size
            + self.no_procs
            + self.no_run_time
            + self.no_requested_time
            + self.negative_submit_time
    }
}

/// A trace that can be simulated: at least one job.
#[derive(Debug, Clone)]
pub struct Trace {
    /// What to call it in reports: the file's name.
    pub name: String,
    /// Processors of the machine: what the caller said, else the header's `MaxProcs`.
    pub procs: u32,
    /// By submit time; jobs of one time in the order of the file.
    pub jobs: Vec<TraceJob>,
    /// What the header lines say.
    pub header: TraceHeader,
    /// Jobs left out by the cleaning.
    pub dropped: Dropped,
    /// Lines left out because they are not jobs.
    pub bad_lines: BadLines,
    /// How many jobs stand in the file after one with a later submit time. They were put in order.
    pub out_of_order: u64,
    /// Processor time that reading took.
    pub read_cpu: Duration,
}
