//! Codes of [`Ending::Failed`](jobyard_kernel::Ending::Failed), as `wit/work.wit` has them, and the node's own.

/// The program could not be started.
pub const NOT_STARTED: u32 = 1;
/// Something that the work needs is not granted, or there is no such plugin.
pub const NOT_GRANTED: u32 = 2;
/// Input or output could not be used.
pub const INPUT_OUTPUT: u32 = 3;
/// A prepare or release task could not leave the node clean.
pub const NOT_CLEAN: u32 = 4;
/// The work ran over its limit and was killed.
pub const OVER_LIMIT: u32 = 5;
/// The plugin failed: a trap, or a limit of its own.
pub const PLUGIN_FAULT: u32 = 6;
