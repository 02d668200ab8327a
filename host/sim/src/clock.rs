//! The processor time that this thread has used. Not virtual time: it only measures the simulator itself.

use std::time::Duration;

/// Processor time of the calling thread since it began.
pub(crate) fn thread_cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}
