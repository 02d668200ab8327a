//! Why a simulation did not come to its end.

use jobyard_kernel::Rejection;

use crate::scheduler::SchedulerFault;

/// A simulation that ended early: what the rest of the trace would have given is not known.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The policy faulted.
    #[error("the policy failed at {at:.6} s of the trace, when {ended} of {jobs} jobs had ended: {fault}", at = seconds(*.at_us))]
    Policy {
        /// Its fault.
        fault: SchedulerFault,
        /// Virtual time.
        at_us: u64,
        /// Jobs that had ended.
        ended: u64,
        /// Jobs of the trace.
        jobs: usize,
    },
    /// Nothing runs, nothing comes, and the policy starts nothing.
    #[error(
        "the policy never starts {queued} jobs, though nothing runs any more; the first {first}{}",
        refusal.as_ref().map(|text| format!("; the first proposal that was refused: {text}")).unwrap_or_default()
    )]
    NeverStarted {
        /// Jobs that wait.
        queued: u64,
        /// Which the first of them is, and what it needs, in words.
        first: String,
        /// What the kernel said of the first proposal that it refused.
        refusal: Option<String>,
    },
    /// The policy asks for pass after pass and starts nothing.
    #[error("the policy asked to be called again {wakes} times in a row without starting a job, up to {at:.6} s of the trace; {queued} jobs are queued", at = seconds(*.at_us))]
    Restless {
        /// The limit.
        wakes: u64,
        /// Virtual time.
        at_us: u64,
        /// Jobs that wait.
        queued: u64,
    },
    /// Virtual time left the range of the kernel's clock.
    #[error(
        "virtual time passed 2^53 microseconds (285 years) when {ended} of {jobs} jobs had ended: the trace is too much for the machine"
    )]
    TimeOver {
        /// Jobs that had ended.
        ended: u64,
        /// Jobs of the trace.
        jobs: usize,
    },
    /// The kernel refused what a trace may ask for: a defect of the simulator.
    #[error("the kernel refused {what}: {rejection}; this is a defect of the simulator")]
    Kernel {
        /// What it was asked.
        what: &'static str,
        /// What it said.
        rejection: Rejection,
    },
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}
