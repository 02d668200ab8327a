//! Virtual time: runs a workload trace through the real kernel and a real policy, and reports the metrics of the field.
//!
//! What it is not: a second scheduler. State, commands, events and the check of every proposal are the kernel's;
//! decisions come from the same policy component that runs live. Only time is different: it jumps from one event to
//! the next. The command line's `simulate` calls this crate, and so do tests of policies.
//!
//! Three steps: [`Trace::open`] reads and cleans a trace, [`simulate`] runs it, [`Simulation::report`] and
//! [`plot`] say what came out. What-if goes the same way: a [`Workload`] is what a host has recorded, [`rerun`] runs it again, and
//! [`compare()`] puts what happened and what would have happened side by side. The
//! module [`forecast`] simulates the live state: when will a job start, and what would make it start sooner?
//!
//! ```no_run
//! use std::path::Path;
//!
//! use jobyard_plugin::{Limits, PluginHost, World};
//! use jobyard_sim::{Component, Estimate, Options, Trace, plot, simulate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let trace = Trace::open(Path::new("KTH-SP2-1996.swf.gz"), None)?;
//! let host = PluginHost::new(None)?;
//! let bytes = std::fs::read("policy-backfill.wasm")?;
//! let plugin = host.load("backfill", &bytes, World::SchedulingPolicy)?;
//! let limits = Limits::for_world(World::SchedulingPolicy);
//! let settings = [("order".to_string(), "sjbf".to_string())];
//! let mut policy = Component::new(plugin.policy(limits, &settings)?);
//!
//! let options = Options { policy: "backfill order=sjbf".into(), estimate: Estimate::Requested };
//! let simulation = simulate(&trace, &options, &mut policy)?;
//! println!("average wait: {} s", simulation.report.average_wait_s);
//! plot(&simulation, Path::new("sjbf.svg"))?;
//! # Ok(())
//! # }
//! ```

mod clock;
pub mod compare;
mod drive;
pub mod forecast;
mod metrics;
mod plot;
mod scheduler;
mod swf;
pub mod workload;

pub use compare::{Basis, Comparison, Run, compare};
pub use drive::{Estimate, Options, SimError, Simulation, rerun, simulate};
pub use metrics::{JobTimes, Report};
pub use plot::{PlotError, plot};
pub use scheduler::{Arrivals, Component, LOG_LINES_KEPT_MAX, Scheduler, SchedulerFault};
pub use swf::{
    BadLine, BadLines, BadReason, Dropped, JOBS_MAX, LINE_BYTES_MAX, PROCS_MAX, Trace, TraceError,
    TraceHeader, TraceJob, TraceProblem,
};
pub use workload::{Window, Workload, WorkloadError, WorkloadJob};
