//! The scheduling policy `fifo`: jobs start strictly in the order of the queue, priority first, then submission.
//!
//! A job that does not fit holds up all behind it. No backfill; preemption if it is asked for; running jobs that may grow get free cores
//! before queued jobs do. The built-in policy of last resort: what the host falls back to when others fault.
//! The component is made from [`Fifo`]; natively it is used by tests and benches.

mod fifo;

pub use fifo::Fifo;

jobyard_plugin_sdk::policy_component!(crate::Fifo);
