//! Generated from `wit/` by `cargo run -p jobyard-plugins --features bindings -- bindings`; never edited by hand, see `plugins/build/src/bindings.rs`.
//!
//! The other modules of this crate give the types better names; a guest needs this one only through their macros.
#![expect(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::undocumented_unsafe_blocks,
    reason = "generated: what is documented in the WIT is documented here"
)]

#[rustfmt::skip]
#[cfg(feature = "activation-filter")]
pub mod activation_filter;
#[rustfmt::skip]
#[cfg(feature = "job-filter")]
pub mod job_filter;
#[rustfmt::skip]
#[cfg(feature = "submission-filter")]
pub mod submission_filter;
#[rustfmt::skip]
#[cfg(feature = "executor")]
pub mod executor;
#[rustfmt::skip]
pub mod imports;
#[rustfmt::skip]
#[cfg(feature = "policy")]
pub mod policy;
#[rustfmt::skip]
#[cfg(feature = "ranked-policy")]
pub mod ranked_policy;
#[rustfmt::skip]
#[cfg(feature = "job-ranker")]
pub mod ranker;
#[rustfmt::skip]
#[cfg(feature = "prepare")]
pub mod prepare;
#[rustfmt::skip]
#[cfg(feature = "release")]
pub mod release;
