//! What a ranker is asked and what it answers: the types of `wit/ranker.wit`, and the trait that
//! [`ranker_component!`](crate::ranker_component) turns into a component. For a `ranked-policy` also the ranker that it is composed with.

// A component is of one world and has the types of that world's bindings.
#[cfg(not(feature = "job-ranker"))]
use crate::bindings::ranked_policy::jobyard::plugin::ranker as bindings;
#[cfg(feature = "job-ranker")]
use crate::bindings::ranker::exports::jobyard::plugin::ranker as bindings;

pub use bindings::{Candidate, Column, ColumnValues, Instant, Span};

/// What a ranker says of itself: names and values, see `configure` in `wit/ranker.wit`.
pub type Traits = Vec<(String, String)>;

/// A ranker, without the component around it. It keeps its settings, and what it has computed of them, but nothing that it has been told: a
/// fresh one answers as an old one.
pub trait Ranker: Default {
    /// Takes all settings, by name. Refuses the whole when one is not known or not readable, and then goes on with those that
    /// it had; the error names the setting, the value and what would be right.
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String>;

    /// A rank for each job, in their order: the smallest goes first, equal ones in the order of the queue. NaN goes last.
    fn rank(&mut self, now: Instant, jobs: &[Candidate], columns: &[Column]) -> Vec<f64>;
}

/// A column of numbers by name, if it was sent.
pub fn numbers<'a>(columns: &'a [Column], name: &str) -> Option<&'a [f64]> {
    let column = columns.iter().find(|column| column.name == name)?;
    match &column.values {
        ColumnValues::Numbers(numbers) => Some(numbers),
        ColumnValues::Texts(_) => None,
    }
}

/// A column of texts by name, if it was sent.
pub fn texts<'a>(columns: &'a [Column], name: &str) -> Option<&'a [String]> {
    let column = columns.iter().find(|column| column.name == name)?;
    match &column.values {
        ColumnValues::Texts(texts) => Some(texts),
        ColumnValues::Numbers(_) => None,
    }
}

/// The ranker that a ranked policy is composed with: another component, which has the instance's life.
#[cfg(all(
    feature = "ranked-policy",
    not(feature = "job-ranker"),
    target_arch = "wasm32"
))]
#[derive(Debug, Default)]
pub struct Imported;

#[cfg(all(
    feature = "ranked-policy",
    not(feature = "job-ranker"),
    target_arch = "wasm32"
))]
impl Ranker for Imported {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        bindings::configure(settings)
    }

    fn rank(&mut self, now: Instant, jobs: &[Candidate], columns: &[Column]) -> Vec<f64> {
        bindings::rank(now, jobs, columns)
    }
}

/// Makes the crate a component of the world `job-ranker`: `ranker_component!(MyRanker);`. On any other target than wasm32 it
/// is nothing.
#[macro_export]
macro_rules! ranker_component {
    ($ranker:ty) => {
        #[cfg(target_arch = "wasm32")]
        mod component {
            use std::cell::RefCell;

            use jobyard_plugin_sdk::{
                bindings::ranker::exports::jobyard::plugin::ranker::{Candidate, Column, Guest},
                log,
                ranker::Ranker,
            };

            thread_local! {
                static RANKER: RefCell<$ranker> = RefCell::default();
            }

            struct Component;

            impl Guest for Component {
                fn configure(
                    settings: Vec<(String, String)>,
                ) -> Result<Vec<(String, String)>, String> {
                    log::install_panic_hook();
                    RANKER.with_borrow_mut(|ranker| ranker.configure(&settings))
                }

                fn rank(now: f64, jobs: Vec<Candidate>, columns: Vec<Column>) -> Vec<f64> {
                    log::install_panic_hook();
                    RANKER.with_borrow_mut(|ranker| ranker.rank(now, &jobs, &columns))
                }
            }

            jobyard_plugin_sdk::bindings::ranker::export_ranker!(Component);
        }
    };
}
