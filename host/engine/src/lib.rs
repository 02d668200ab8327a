//! A job scheduler whose brains are WebAssembly plugins: the front door for services that embed it.
//!
//! An [`Engine`] owns the jobs and the nodes. Which job runs where is decided by a policy component, tasks are run by
//! executor components; both may be the built-in ones or a site's own.
//!
//! ```
//! use jobyard::{Actor, Engine, JobSpec, LocalNode, Notice, TaskSpec};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("jobyard-doc-{}", std::process::id()));
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // The policy: any component of the world `scheduling-policy`.
//! let policy = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/builtin/policy-fifo.wasm"))?;
//!
//! let engine = Engine::builder()
//!     .policy("fifo", policy)
//!     .node(LocalNode::this_machine(&folder))
//!     .build()
//!     .await?;
//! let mut notices = engine.notices();
//!
//! let ann = Actor::user("ann");
//! let spec = JobSpec { name: "greeting".into(), ..JobSpec::default() };
//! let task = TaskSpec { command_line: "echo hello".into(), ..TaskSpec::default() };
//! let job = engine.submit(&ann, spec, vec![task]).await?;
//!
//! let done = engine.wait(job).await?;
//! assert_eq!((done.state.as_str(), done.status), ("Finished", 3));
//!
//! // Everything that happened is an event; what a task wrote to the end of its output comes beside them.
//! while let Some(Ok(notice)) = notices.next().await {
//!     if let Notice::Output { execution, tail } = notice {
//!         assert_eq!((execution.job, tail.as_str()), (job, "hello\n"));
//!         break;
//!     }
//! }
//! engine.shutdown(std::time::Duration::from_secs(5)).await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//! Transitions of a job or task are recorded exactly once and in order; a task is started at least once and has at most one live
//! attempt; nothing is acknowledged before the [journal](jobyard_journal::Journal) has it; and no plugin can take the
//! process down. With `Builder::data` nothing that was acknowledged is lost; with the journal in memory that ends with the process.

mod archive;
mod asking;
mod builder;
pub mod builtin;
mod clock;
mod commit;
pub mod core;
mod error;
pub mod filter_log;
mod filters;
mod handle;
pub mod jobfile;
mod long;
mod many;
mod notice;
mod once;
mod pass;
pub mod plugins;
pub mod policies;
mod run;
mod seat;
pub mod shadow;
mod swap;
mod view;
mod waiters;

pub use builder::{Builder, LocalNode};
pub use error::{BuildError, EngineError};
pub use handle::Engine;
pub use jobyard_conform as conform;
pub use jobyard_journal as journal;
pub use jobyard_journal::history;
pub use jobyard_kernel as kernel;
pub use jobyard_kernel::{
    Actor, JobId, JobSpec, Manner, Parameters, Role, Roles, TaskId, TaskSpec,
};
pub use jobyard_node as node;
pub use jobyard_plugin as plugin;
pub use jobyard_sim as sim;
pub use many::{JobFilter, NewJob, adding};
pub use notice::{Lagged, Notice, Notices, Notification, Stats};
pub use view::{AllocationView, CountsView, JobView, OutcomeView, TaskView, WaitingView, rfc3339};
pub use waiters::Waiter;
