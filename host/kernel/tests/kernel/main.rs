//! Tests of the kernel through its public face: scenario files, tables of refusals, seeded model runs, scale.

mod anything;
mod archive;
mod extremes;
mod filters;
#[path = "../../../../tests/fuzz.rs"]
mod fuzz;
mod mirror;
mod model;
mod numbers;
mod plans;
mod policies;
mod proposals;
mod random;
mod random_policies;
mod refusals;
mod roles;
mod scale;
mod scenarios;
mod semantics;
