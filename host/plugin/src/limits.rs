//! What one call of a plugin may use. Every limit is named here, with its unit.

use std::fmt;
use std::time::Duration;

use crate::World;

/// A component's file may be this large: 64 MiB. Python in a component is about 18 MB.
pub const COMPONENT_BYTES_MAX: usize = 64 << 20;

/// Decisions of one plan.
pub const DECISIONS_MAX: usize = 1_000_000;

/// Shares of one decision, and there is at most one a node.
pub const SHARES_MAX: usize = 100_000;

/// Names and values that a policy may say of itself in answer to `configure`.
pub const TRAITS_MAX: usize = 1_000;

/// Bytes that a guest may hand to the host in one call or answer, as the host stores them: 128 MiB for a
/// policy, which is a plan of a million decisions with a share each and room to spare.
pub const POLICY_ANSWER_BYTES_MAX: usize = 128 << 20;

/// As [`POLICY_ANSWER_BYTES_MAX`], for filters: 16 MiB, which is 10,000 changes of 1,600 bytes.
pub const FILTER_ANSWER_BYTES_MAX: usize = 16 << 20;

/// As [`POLICY_ANSWER_BYTES_MAX`], for work on a node: 16 MiB, which is more than any command line.
pub const WORK_ANSWER_BYTES_MAX: usize = 16 << 20;

/// One log message is cut after this many bytes.
pub const LOG_MESSAGE_BYTES_MAX: usize = 4096;

/// Log messages of one call; more are dropped, and counted.
pub const LOG_LINES_MAX: usize = 4096;

/// How many of the last log lines are kept with a fault.
pub const FAULT_LOG_LINES_MAX: usize = 50;

/// Frames of a guest's backtrace that are kept with a fault.
pub const BACKTRACE_FRAMES_MAX: usize = 12;

/// Bytes of a text that a plugin writes for a user: a failure's, or why settings were refused.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Processes that one call may spawn.
pub const PROCESSES_MAX: u32 = 1024;

/// Core modules that one component may be instantiated into.
pub(crate) const CORE_INSTANCES_MAX: usize = 256;

/// Linear memories, and likewise tables, that one instance may have.
pub(crate) const MEMORIES_MAX: usize = 64;

/// Length of one tick of the clock that deadlines are measured with.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of guest code in a policy.
pub(crate) const POLICY_STACK_BYTES: usize = 1 << 20;

/// Stack of guest code on a node: small, because each waiting task holds one.
pub(crate) const WORK_STACK_BYTES: usize = 256 << 10;

/// Stack of guest code on a node plus that of the host functions it calls.
pub(crate) const WORK_FIBER_BYTES: usize = 768 << 10;

/// Address space for the memory of a guest on a node: several times what one in Rust or C needs.
pub(crate) const WORK_MEMORY_RESERVATION_BYTES: u64 = 4 << 20;

/// Address space on top, once a guest outgrows that and its memory has to move: enough for the default limit.
pub(crate) const WORK_MEMORY_GROWTH_BYTES: u64 = 64 << 20;

/// Memories and stacks of ended instances on a node that are kept for the next, for each thread of the machine.
pub(crate) const SPARES_PER_THREAD: usize = 4;

/// Limits of one call of a plugin: memory, time, words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory and tables that an instance may have in all.
    pub memory_bytes_max: usize,
    /// How long a call may run, in steps of 10 ms. For node-side worlds: without the time that it is
    /// asleep in `process.next` or waits for the file system.
    pub deadline: Duration,
    /// Bytes that one call may log.
    pub log_bytes_max: usize,
}

impl Limits {
    /// The limits of a plugin whose manifest says nothing: 256 MiB and 1 s for policies, 64 MiB and 10 s
    /// for work on a node and for filters, 64 KiB of log for all. How long a filter may take is said with each question.
    pub fn for_world(world: World) -> Self {
        let (memory_bytes_max, deadline) = match world {
            World::SchedulingPolicy | World::RankedPolicy | World::JobRanker => {
                (256 << 20, Duration::from_secs(1))
            }
            World::JobFilter | World::TaskExecutor | World::PrepareTask | World::ReleaseTask => {
                (64 << 20, Duration::from_secs(10))
            }
        };
        Self {
            memory_bytes_max,
            deadline,
            log_bytes_max: 64 << 10,
        }
    }

    /// The deadline in whole ticks, at least one, plus the one that has begun already.
    pub(crate) fn deadline_ticks(&self) -> u64 {
        let ticks = self.deadline.as_nanos().div_ceil(TICK.as_nanos()).max(1);
        u64::try_from(ticks)
            .unwrap_or(u64::MAX / 4)
            .min(u64::MAX / 4)
            + 1
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits {
            memory_bytes_max,
            deadline,
            log_bytes_max,
        } = self;
        write!(
            f,
            "memory {memory_bytes_max} bytes, deadline {deadline:?}, log {log_bytes_max} bytes"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_at_least_a_tick_and_never_overflows() {
        let ticks = |deadline| {
            Limits {
                deadline,
                ..Limits::for_world(World::SchedulingPolicy)
            }
            .deadline_ticks()
        };
        assert_eq!(ticks(Duration::ZERO), 2);
        assert_eq!(ticks(Duration::from_millis(11)), 3);
        assert_eq!(ticks(Duration::from_secs(1)), 101);
        assert!(ticks(Duration::MAX) <= u64::MAX / 4 + 1);
    }
}
