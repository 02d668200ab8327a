//! What job filters are asked and what they answer: the types of `wit/filter.wit`, and for filters of one interface a trait and a macro that
//! make a component of it. A component of both interfaces implements the guest traits of `bindings::job_filter` itself.

pub use crate::bindings::imports::jobyard::plugin::jobs::{Holder, Instant, Job, Property};

/// A property by name, in any case.
pub fn property<'a>(properties: &'a [Property], name: &str) -> Option<&'a str> {
    let mut named = properties
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.as_str())
}

/// What a filter says of itself: names and values, see `configure` in `wit/filter.wit`.
pub type Traits = Vec<(String, String)>;

/// Filters of jobs that are submitted.
#[cfg(feature = "submission-filter")]
pub mod submission {
    use super::{Instant, Job, Traits};

    pub use crate::bindings::submission_filter::exports::jobyard::plugin::submission::{
        Change, Verdict,
    };

    /// A submission filter, without the component around it. It remembers its settings only: a fresh one answers as an old one.
    pub trait SubmissionFilter: Default {
        /// Takes all settings, by name. Refuses the whole when one is not known or not readable; the error names the setting,
        /// the value and what would be right.
        fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String>;

        /// Whether a job may be queued.
        fn check(&self, now: Instant, job: &Job) -> Verdict;

        /// A job that it had passed did not get past the others.
        fn revert(&self, _now: Instant, _job: &Job) {}
    }

    /// Makes the crate a component of the world `submission-filter`. On any other target than wasm32 it is nothing.
    #[macro_export]
    macro_rules! submission_filter_component {
        ($filter:ty) => {
            #[cfg(target_arch = "wasm32")]
            mod component {
                use std::cell::RefCell;

                use jobyard_plugin_sdk::{
                    bindings::submission_filter::exports::jobyard::plugin::{filter, submission},
                    filter::{Instant, Job, submission::SubmissionFilter},
                    log,
                };

                thread_local! {
                    static FILTER: RefCell<$filter> = RefCell::default();
                }

                struct Component;

                impl filter::Guest for Component {
                    fn configure(
                        settings: Vec<(String, String)>,
                    ) -> Result<Vec<(String, String)>, String> {
                        log::install_panic_hook();
                        FILTER.with_borrow_mut(|filter| filter.configure(&settings))
                    }
                }

                impl submission::Guest for Component {
                    fn check(now: Instant, job: Job) -> submission::Verdict {
                        log::install_panic_hook();
                        FILTER.with_borrow(|filter| filter.check(now, &job))
                    }

                    fn revert(now: Instant, job: Job) {
                        log::install_panic_hook();
                        FILTER.with_borrow(|filter| filter.revert(now, &job));
                    }
                }

                jobyard_plugin_sdk::bindings::submission_filter::export_submission_filter!(
                    Component
                );
            }
        };
    }
}

/// Filters of jobs that are about to start or to grow.
#[cfg(feature = "activation-filter")]
pub mod activation {
    use super::{Instant, Traits};

    pub use crate::bindings::activation_filter::exports::jobyard::plugin::activation::{
        Answer, Candidate,
    };

    /// `answer.code`: it starts, or grows.
    pub const START: u32 = 0;
    /// `answer.code`: neither it nor another of its priority or below starts until it has passed.
    pub const HOLD_QUEUE: u32 = 1;
    /// `answer.code`: what it would be given stays reserved for it.
    pub const KEEP: u32 = 2;
    /// `answer.code`: it is held.
    pub const HOLD: u32 = 3;
    /// `answer.code`: it has failed.
    pub const FAIL: u32 = 4;

    /// An activation filter, without the component around it. It remembers its settings only: a fresh one answers as an old one.
    pub trait ActivationFilter: Default {
        /// Takes all settings, by name. Refuses the whole when one is not known or not readable; the error names the setting,
        /// the value and what would be right.
        fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String>;

        /// Whether a job may start or grow.
        fn check(&self, now: Instant, candidate: &Candidate) -> Answer;
    }

    /// An answer without a time.
    pub fn answer(code: u32, text: impl Into<String>) -> Answer {
        Answer {
            code,
            until: 0.0,
            text: text.into(),
        }
    }

    /// Makes the crate a component of the world `activation-filter`. On any other target than wasm32 it is nothing.
    #[macro_export]
    macro_rules! activation_filter_component {
        ($filter:ty) => {
            #[cfg(target_arch = "wasm32")]
            mod component {
                use std::cell::RefCell;

                use jobyard_plugin_sdk::{
                    bindings::activation_filter::exports::jobyard::plugin::{activation, filter},
                    filter::{Instant, activation::ActivationFilter},
                    log,
                };

                thread_local! {
                    static FILTER: RefCell<$filter> = RefCell::default();
                }

                struct Component;

                impl filter::Guest for Component {
                    fn configure(
                        settings: Vec<(String, String)>,
                    ) -> Result<Vec<(String, String)>, String> {
                        log::install_panic_hook();
                        FILTER.with_borrow_mut(|filter| filter.configure(&settings))
                    }
                }

                impl activation::Guest for Component {
                    fn check(now: Instant, candidate: activation::Candidate) -> activation::Answer {
                        log::install_panic_hook();
                        FILTER.with_borrow(|filter| filter.check(now, &candidate))
                    }
                }

                jobyard_plugin_sdk::bindings::activation_filter::export_activation_filter!(
                    Component
                );
            }
        };
    }
}
