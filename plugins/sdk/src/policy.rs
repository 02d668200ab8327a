//! What a policy is sent and what it answers: the types of `wit/policy.wit`, their constants, and the trait that
//! [`policy_component!`](crate::policy_component) and [`ranked_policy_component!`](crate::ranked_policy_component) turn into a component.

// A component is of one world and has the types of that world's bindings.
#[cfg(feature = "policy")]
use crate::bindings::policy as bindings;
#[cfg(not(feature = "policy"))]
use crate::bindings::ranked_policy as bindings;

pub use bindings::exports::jobyard::plugin::policy::{
    Allocation, CandidateSet, Changes, Column, ColumnValues, Decision, Instant, Job, JobId, Node,
    NodeId, Placement, Plan, Preemption, Reservation, SetId, Share, Span, Waiting,
};

/// A job that is free to start: one that was described and has no allocation.
pub const JOB_QUEUED: u32 = 0;
/// `allocation.state`: holds shares, may get more.
pub const JOB_RUNNING: u32 = 1;
/// `allocation.state`: holds shares until it has ended.
pub const JOB_ENDING: u32 = 2;

/// `job.flags`: no other job on its nodes.
pub const JOB_EXCLUSIVE: u32 = 1;
/// `job.flags`: may be given more while it runs.
pub const JOB_CAN_GROW: u32 = 2;
/// `job.flags`: what is above its minimum may be taken back.
pub const JOB_CAN_SHRINK: u32 = 4;
/// `job.flags`: may be preempted.
pub const JOB_CAN_PREEMPT: u32 = 8;
/// `job.flags`: all that it gets is on one node.
pub const JOB_SINGLE_NODE: u32 = 16;

/// `node.state`: takes jobs.
pub const NODE_USABLE: u32 = 0;
/// `node.state`: takes no new jobs.
pub const NODE_CLOSED: u32 = 1;
/// `node.state`: is to be forgotten.
pub const NODE_GONE: u32 = 2;

/// The column of candidate sets that says of which other set one is a part; 0: of none.
pub const COLUMN_PART_OF: &str = "set.part-of";
/// The column of nodes that says how many whole sockets are free.
pub const COLUMN_FREE_SOCKETS: &str = "node.free-sockets";
/// The column of jobs that says of which set one must have something; 0: of none.
pub const COLUMN_REQUIRED: &str = "job.required";
/// The column of candidate sets that says how many units of a part that is.
pub const COLUMN_LEAST: &str = "set.least";

/// `waiting.reason`: there is not enough free of what it needs.
pub const NOT_ENOUGH_RESOURCE: u32 = 1;
/// `waiting.reason`: a job of higher priority is served first.
pub const HIGHER_PRIORITY_JOB: u32 = 2;
/// `waiting.reason`: a job of the same priority stands before it.
pub const JOB_SUBMITTED_EARLIER: u32 = 3;
/// `waiting.reason`: the nodes that it may run on do not take jobs just now.
pub const REQUIRED_NODES_NOT_AVAILABLE: u32 = 5;

/// What a policy says of itself: names and values, see `configure` in `wit/policy.wit`.
pub type Traits = Vec<(String, String)>;

/// A scheduling policy, without the component around it. `Default` is a policy that has been told nothing.
pub trait Policy: Default {
    /// Takes all settings, by name. Refuses the whole when one is not known or not readable, and then goes on with those that
    /// it had; the error names the setting, the value and what would be right.
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String>;

    /// One pass: takes what changed since the last, answers what to do.
    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan;
}

/// Makes the crate a component of the world `scheduling-policy`: `policy_component!(MyPolicy);`. On any other target
/// than wasm32 it is nothing.
#[macro_export]
macro_rules! policy_component {
    ($policy:ty) => {
        jobyard_plugin_sdk::component_that_decides!($policy, policy, export_policy);
    };
}

/// Makes the crate a component of the world `ranked-policy`: `ranked_policy_component!(MyPolicy<Imported>);`, where `Imported` is
/// `ranker::Imported`. On any other target than wasm32 it is nothing.
#[macro_export]
macro_rules! ranked_policy_component {
    ($policy:ty) => {
        jobyard_plugin_sdk::component_that_decides!($policy, ranked_policy, export_ranked_policy);
    };
}

/// What the two macros have in common.
#[doc(hidden)]
#[macro_export]
macro_rules! component_that_decides {
    ($policy:ty, $bindings:ident, $export:ident) => {
        #[cfg(target_arch = "wasm32")]
        mod component {
            use std::cell::RefCell;

            use jobyard_plugin_sdk::{
                allocator,
                bindings::$bindings::exports::jobyard::plugin::policy::{Changes, Guest, Plan},
                log,
                policy::Policy,
            };

            thread_local! {
                /// The instance's only state.
                static POLICY: RefCell<$policy> = RefCell::default();
            }

            struct Component;

            impl Guest for Component {
                fn configure(
                    settings: Vec<(String, String)>,
                ) -> Result<Vec<(String, String)>, String> {
                    log::install_panic_hook();
                    allocator::make_room();
                    POLICY.with_borrow_mut(|policy| policy.configure(&settings))
                }

                fn schedule(now: f64, changes: Changes) -> Plan {
                    log::install_panic_hook();
                    POLICY.with_borrow_mut(|policy| policy.schedule(now, &changes))
                }
            }

            jobyard_plugin_sdk::bindings::$bindings::$export!(Component);
        }
    };
}
