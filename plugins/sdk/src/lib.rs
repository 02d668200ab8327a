//! What Rust guests share. A guest is a thin layer over one of these; each is natively usable and tested.
//!
//! - For policies (feature `policy`, or `ranked-policy` for those that a ranker is composed with; one of them in a component): [`policy`] the types and the trait, [`mirror`] the cluster as the host told it,
//!   [`pass`] what one pass gives away, [`pack`] nodes for a job, [`required`] those that it must have, and
//!   [`packing`] which, [`queued`] a whole policy, [`easy`] backfill and [`shadow`] the reservation of the
//!   first job that waits, [`conservative`] backfill and [`profile`] free cores over time, [`announce`] what people are told,
//!   [`preempt`] what to take from running jobs, [`rules`] what all policies have settings for, [`parameters`] the cluster's
//!   parameters that they follow, [`columns`] and [`accounts`] what they asked to be told beside the rows; [`rows`] to write down changes by hand; feature `testing`: `cluster`, a small one to
//!   test a policy with, `histories` of random ones, `replay` of traces.
//! - For rankers (feature `job-ranker`), and for policies that ask them: `ranker`, `fairshare`, and `time` as people write it.
//! - For executors, prepare and release tasks (features of these names): [`command_line`] and [`run`].
//! - For filters (features `submission-filter`, `activation-filter`, and `job-filter` for both in one): `filter`.
//! - For all: [`log`](mod@log), [`settings`], [`bindings`].
//!
//! Not here: anything that the host does. The host never depends on this crate.

pub mod accounts;
#[cfg(target_arch = "wasm32")]
pub mod allocator;
#[cfg(feature = "deciding")]
pub mod announce;
pub mod bindings;
#[cfg(feature = "testing")]
pub mod cluster;
#[cfg(feature = "deciding")]
pub mod columns;
pub mod command_line;
#[cfg(feature = "deciding")]
pub mod conservative;
#[cfg(feature = "deciding")]
pub mod easy;
#[cfg(feature = "job-ranker")]
pub mod fairshare;
#[cfg(any(
    feature = "submission-filter",
    feature = "activation-filter",
    feature = "job-filter"
))]
pub mod filter;
#[cfg(feature = "deciding")]
mod free;
#[cfg(feature = "testing")]
pub mod histories;
#[cfg(feature = "deciding")]
mod keys;
pub mod log;
#[cfg(feature = "deciding")]
pub mod mirror;
#[cfg(feature = "deciding")]
pub mod pack;
#[cfg(feature = "deciding")]
pub mod packing;
#[cfg(feature = "deciding")]
pub mod parameters;
#[cfg(feature = "deciding")]
pub mod pass;
#[cfg(feature = "deciding")]
pub mod policy;
#[cfg(feature = "deciding")]
pub mod preempt;
#[cfg(feature = "deciding")]
pub mod profile;
#[cfg(feature = "deciding")]
mod queue;
#[cfg(feature = "deciding")]
pub mod queued;
#[cfg(any(feature = "ranked-policy", feature = "job-ranker"))]
pub mod ranker;
#[cfg(feature = "testing")]
pub mod replay;
#[cfg(feature = "deciding")]
pub mod required;
#[cfg(feature = "deciding")]
pub mod rows;
#[cfg(feature = "deciding")]
pub mod rules;
pub mod run;
pub mod settings;
#[cfg(feature = "deciding")]
pub mod shadow;
pub mod time;
#[cfg(feature = "deciding")]
mod timeline;
pub mod work;
