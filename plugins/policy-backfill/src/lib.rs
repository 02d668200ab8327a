//! The scheduling policy `backfill`: EASY, in the order of the queue or shortest job first.
//!
//! Jobs start in the order of the queue, priority first, then submission, until one does not fit: the *head*. It gets a
//! reservation at the *shadow time*, when enough running jobs are expected to have ended. Jobs behind it start out of
//! turn if they end by then, or if they use no more than is left over beside the head (the *extra* cores).
//! So the head is never late because of a job that was let past, as long as estimates hold.
//!
//! The rules are those of Mu'alem and Feitelson, "Utilization, predictability, workloads, and user runtime estimates in scheduling the
//! IBM SP2 with backfilling" (2001), and, for the order by estimate (EASY-SJBF), of Tsafrir, Etsion and Feitelson
//! (2007). The algorithm is [`jobyard_plugin_sdk::queued`]. The component is made from [`Backfill`]; natively it is used by tests and
//! benches.

mod backfill;

pub use backfill::Backfill;

jobyard_plugin_sdk::policy_component!(crate::Backfill);
