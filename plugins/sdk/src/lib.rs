//! What Rust guests share. A guest is a thin layer over one of these; each is natively usable and tested.
//!
//! - For policies (feature `policy`): [`policy`] the types and the trait, [`mirror`] the cluster as the host told it,
//!   [`pass`] what one pass gives away, [`shadow`] the reservation of the first job that waits, [`pack`] nodes for a job,
//!   [`preempt`] what to take from running jobs, [`parameters`] the cluster's parameters that policies follow,
//!   [`profile`] free cores over time; [`rows`] to write down changes by hand; feature `testing`: `cluster`, a small one to
//!   test a policy with.
//! - For executors, prepare and release tasks (features of these names): [`command_line`] and [`run`].
//! - For filters (features `submission-filter`, `activation-filter`, and `job-filter` for both in one): `filter`.
//! - For all: [`log`](mod@log), [`settings`], [`bindings`].
//!
//! Not here: anything that the host does. The host never depends on this crate.

#[cfg(target_arch = "wasm32")]
pub mod allocator;
pub mod bindings;
#[cfg(feature = "testing")]
pub mod cluster;
pub mod command_line;
#[cfg(any(
    feature = "submission-filter",
    feature = "activation-filter",
    feature = "job-filter"
))]
pub mod filter;
#[cfg(feature = "policy")]
mod free;
#[cfg(feature = "policy")]
mod keys;
pub mod log;
#[cfg(feature = "policy")]
pub mod mirror;
#[cfg(feature = "policy")]
pub mod pack;
#[cfg(feature = "policy")]
pub mod parameters;
#[cfg(feature = "policy")]
pub mod pass;
#[cfg(feature = "policy")]
pub mod policy;
#[cfg(feature = "policy")]
pub mod preempt;
#[cfg(feature = "policy")]
pub mod profile;
#[cfg(feature = "policy")]
mod queue;
#[cfg(feature = "policy")]
pub mod rows;
pub mod run;
pub mod settings;
#[cfg(feature = "policy")]
pub mod shadow;
pub mod work;
