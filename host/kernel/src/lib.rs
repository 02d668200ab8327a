//! The pure core of jobyard: commands in, events out. No I/O, clock, randomness or async.
//!
//! [`step`] carries a command out: [`decide`] says which events it comes to or why it is refused, [`State::apply`] is the
//! only writer, and [`follow`] adds what the rules make of it. The same state, command and time give the same events; the
//! same events give the same state, live, after a crash and in simulation.
//!
//! What the outside world is owed is read off the state: [`State::message`] for nodes, [`Mirror`] for policies,
//! [`State::next_due`] for time, [`State::why_waiting`] for people.

mod accounts;
mod answers;
mod apply;
mod archive;
mod changes;
mod check;
mod columns;
mod command;
mod decay;
mod decide;
mod depend;
mod event;
mod exit_codes;
mod few;
pub mod filter;
mod follow;
mod id;
mod instances;
mod job;
mod jobs;
pub mod licence;
pub mod limits;
mod message;
mod mirror;
mod needs;
mod parameters;
mod parents;
mod place;
mod policies;
mod preempt;
mod property;
mod proposal;
mod ranges;
mod report;
mod select;
mod spec;
mod state;
mod step;
pub mod sweep;
mod task;
mod template;
mod time;
mod units;
mod validate;
pub mod waiting;
mod work;

pub use accounts::Account;
pub use answers::{BadRequestKey, KeptAnswer, RequestKey};
pub use changes::*;
pub use columns::{Columns, UnknownColumn};
pub use command::{Actor, Command, Manner, Rejection, Role, Roles};
pub use decide::decide;
pub use event::{Again, Dispatch, Event, Fact, Grant, TaskRequest, Verdict};
pub use exit_codes::{BadExitCodes, ExitCodes};
pub use few::FewMap;
pub use follow::follow;
pub use id::{Execution, InstanceId, JobId, NodeId, SetId, TaskId};
pub use job::{
    Closing, Counts, FilterEnd, GivingBack, HeldBy, Job, JobError, JobShare, JobState, JobStatus,
    Phase, Reservation, SharePhase, Then, Times, Waiting,
};
pub use mirror::Mirror;
pub use needs::Need;
pub use parameters::{BadParameter, PARAMETERS, Parameter};
pub use parents::check_parents;
pub use policies::{
    Activation, ActivationCause, Canary, Guard, Part, PassRecord, Policies, PolicyFault,
    PolicySetup, Seat, Shadowing, StoredPolicy, Watch,
};
pub use property::{PROPERTIES, Property, Value};
pub use proposal::Refusal;
pub use ranges::{CoreSet, RangeSet};
pub use select::Selector;
pub use spec::{
    Affinity, GroupOp, JobKind, JobSpec, NodeProperty, NodeSpec, OrderBy, Parameters,
    PreemptionType, PriorityBias, SchedulingMode, TaskKind, TaskSpec, Unit,
};
pub use state::{CandidateSet, Node, NodeState, QueueKey, State, Timer};
pub use step::{carry_out, carry_out_of, run_on, step};
pub use task::{CancelCause, FailureCause, Outcome, Run, Stop, StopCause, Task, TaskState, Tries};
pub use template::{DEFAULT_POOL, DEFAULT_TEMPLATE, Rule, Template};
pub use time::{BadSpan, Span, Timestamp};
pub use units::counted;
pub use validate::{Checked, Invalid, check_form, check_job, check_node};
pub use work::{Assignment, Ending, FromNode, ToNode, WorkKind, WorkShare};
