//! The ranker `formula`: published priority functions of a job's size, run-time limit, and submit or waiting time.
//!
//! F1 to F4 are those of Carastan-Santos and de Camargo, "Obtaining dynamic scheduling policies with simulation and machine learning" (SC'17),
//! where WFP3 and UNICEP, of Tang, Lan, Desai and Buettner (2009), are compared with them. `docs/policies/formula.md` has the formulas. The
//! component is made from [`Formula`]; natively it is used by tests.

mod formula;
mod settings;

pub use formula::Formula;
pub use settings::{Function, Settings};

jobyard_plugin_sdk::ranker_component!(crate::Formula);
