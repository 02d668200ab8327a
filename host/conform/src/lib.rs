//! Conformance and fuzz kit: whether a scheduling policy keeps to the contract of `wit/`, and to what it claims of itself.
//!
//! It works on anything that makes fresh policy instances ([`Subject`]): a component through the plugin host ([`Component`]), or native
//! code. A [`Case`] is played on the real kernel, so what is checked is what a host would do; [`RULES`] say what must hold. Cases are random, from
//! seeds, and what breaks a rule is made small and printed as text that can be kept and played again; [`scenarios`] come with
//! the kit, with the starts that are expected of them. The table of rules and the form of cases are in `docs/conformance.md`.
//!
//! What it is not: a judge of how good a policy is. For waits and utilisation see `jobyard simulate`.
//!
//! ```no_run
//! use std::collections::BTreeSet;
//!
//! use jobyard_conform::{Claim, Component, Options, Tested, check};
//! use jobyard_plugin::{Limits, PluginHost, World};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let world = World::SchedulingPolicy;
//! let plugin = PluginHost::new(None)?.load("mine", &std::fs::read("mine.wasm")?, world)?;
//! let tested = Tested {
//!     name: "mine".into(),
//!     subject: &Component::new(plugin, Limits::for_world(world)),
//!     settings: Vec::new(),
//!     claims: BTreeSet::from([Claim::NoStarvation]),
//! };
//! let report = check(&tested, &Options { seeds: 100, ..Options::default() })?;
//! for failed in report.failures() {
//!     println!("{}: {:?}", failed.name, failed.outcome);
//! }
//! # Ok(())
//! # }
//! ```

mod case;
mod claim;
mod fit;
mod generate;
mod goldens;
mod growth;
mod kit;
mod numbers;
mod recording;
mod report;
mod rules;
mod shrink;
mod stop;
mod subject;
mod tested;
mod vectors;
mod yard;

pub use case::{BadCase, Case, Expect, JobLine, JobStep, NodeLine, NodeStep, Step};
pub use claim::{Claim, UnknownClaim};
pub use growth::PassTime;
pub use kit::{NotChecked, Options, check};
pub use report::{Checked, Outcome, Report, Sort, junit};
pub use rules::{RULES, Rule, rule};
pub use subject::{Component, Instance, NotTaken, Settings, Subject};
pub use tested::Tested;
pub use vectors::scenarios;
pub use yard::Unplayable;
