//! The adapter of the worlds that work on a node: `task-executor`, `prepare-task`, `release-task`.
//!
//! One call is one instance on a fiber of its own: while the guest waits in `process.next` it is suspended and costs
//! memory, not a thread. What processes and folders it reaches is the node's business, behind [`Processes`].

mod files;
mod meter;
mod processes;
mod removal;
pub(crate) mod spare;
mod state;
mod walk;

use std::path::Path;

use jobyard_kernel::Assignment;
use wasmtime::{Store, UpdateDeadline};

pub use processes::{Input, Output, ProcessCommand, ProcessEvent, Processes};
pub(crate) use state::WorkState;

use crate::bindings::executor::jobyard::plugin::work as wit;
use crate::convert;
use crate::fault::{Fault, FaultKind, FaultReport, diagnose};
use crate::host::{Linked, Plugin};
use crate::limits::{Limits, TEXT_BYTES_MAX, WORK_ANSWER_BYTES_MAX};
use crate::text::cut;

/// How a piece of work ended that did start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkExit {
    /// The exit code; 128 + the signal's number where a signal ended it.
    pub code: i32,
    /// The signal that ended it, if one did.
    pub signal: Option<u32>,
}

/// Why a piece of work could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkFailure {
    /// The plugin says so.
    #[error("{text}")]
    Reported {
        /// `failure.code` of `wit/work.wit`.
        code: u32,
        /// For the user, at most 1,024 bytes.
        text: String,
    },
    /// The plugin faulted.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Plugin {
    /// Does one piece of work, start to end, with the node's `processes`, which are given back so that the node
    /// can clean up after them.
    ///
    /// Dropping the future drops the instance, wherever it waits, and `processes` with it: that is a forced cancel.
    /// The guest never blocks a thread for longer than 10 ms at a time; while it waits it holds none. Files are worked
    /// on in tokio's blocking threads when there is a runtime.
    pub async fn run<P: Processes>(
        &self,
        assignment: &Assignment,
        scratch: &Path,
        limits: Limits,
        processes: P,
    ) -> (Result<WorkExit, WorkFailure>, P) {
        let state = WorkState::new(processes, limits, self.ticker().clone());
        let mut work = Work {
            plugin: self,
            limits,
            function: "instantiate",
        };
        let (result, state) = work.run(assignment, scratch, state).await;
        let result = result.map_err(|failure| match failure {
            Failure::Reported(wit::Failure { code, text }) => WorkFailure::Reported {
                code,
                text: cut(text, TEXT_BYTES_MAX),
            },
            Failure::Fault(kind, text, log) => {
                let (plugin, digest) = self.name_and_digest();
                let function = work.function;
                let report = FaultReport {
                    plugin,
                    digest,
                    function,
                    kind,
                    text,
                    log,
                    limits,
                };
                WorkFailure::Fault(report.into())
            }
        });
        (result, state.into_processes())
    }
}

/// One call on its way.
struct Work<'a> {
    plugin: &'a Plugin,
    limits: Limits,
    /// What is being called, for the report of a fault.
    function: &'static str,
}

enum Failure {
    Reported(wit::Failure),
    Fault(FaultKind, String, Vec<crate::LogLine>),
}

impl Work<'_> {
    async fn run(
        &mut self,
        assignment: &Assignment,
        scratch: &Path,
        state: WorkState,
    ) -> (Result<WorkExit, Failure>, WorkState) {
        let engine = match self.plugin.linked() {
            Linked::Policy(_) | Linked::Filter(_) => {
                let text = format!("is a {}, which does no work", self.plugin.world());
                let failure = Failure::Fault(FaultKind::Instantiate, text, Vec::new());
                return (Err(failure), state);
            }
            Linked::Executor(linked) => linked.engine(),
            Linked::Prepare(linked) => linked.engine(),
            Linked::Release(linked) => linked.engine(),
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| state.memory());
        store.set_hostcall_fuel(WORK_ANSWER_BYTES_MAX);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| {
            Ok(match context.data_mut().meter().tick() {
                true => UpdateDeadline::Yield(1),
                false => UpdateDeadline::Interrupt,
            })
        });
        store.data_mut().meter().resume();
        let answer = self
            .call(&mut store, convert::assignment(assignment, scratch))
            .await;
        store.data_mut().meter().pause();
        store.data_mut().report_dropped_log();

        let result = match answer {
            Ok(Ok(wit::Exit { code, signal })) => Ok(WorkExit { code, signal }),
            Ok(Err(failure)) => Err(Failure::Reported(failure)),
            Err(error) => {
                let denied = store.data_mut().memory().denied();
                let instantiating = self.function == "instantiate";
                let (kind, text) = diagnose(&error, denied, &self.limits, instantiating);
                Err(Failure::Fault(
                    kind,
                    text,
                    store.data_mut().take_last_lines(),
                ))
            }
        };
        (result, store.into_data())
    }

    async fn call(
        &mut self,
        store: &mut Store<WorkState>,
        work: wit::Assignment,
    ) -> wasmtime::Result<Result<wit::Exit, wit::Failure>> {
        match self.plugin.linked() {
            Linked::Policy(_) | Linked::Filter(_) => {
                Err(wasmtime::Error::msg("it is not for work on a node"))
            }
            Linked::Executor(linked) => {
                let instance = linked.instantiate_async(&mut *store).await?;
                self.function = "run";
                instance
                    .jobyard_plugin_executor()
                    .call_run(&mut *store, &work)
                    .await
            }
            Linked::Prepare(linked) => {
                let instance = linked.instantiate_async(&mut *store).await?;
                self.function = "run";
                instance
                    .jobyard_plugin_prepare()
                    .call_run(&mut *store, &work)
                    .await
            }
            Linked::Release(linked) => {
                let instance = linked.instantiate_async(&mut *store).await?;
                self.function = "run";
                instance
                    .jobyard_plugin_release()
                    .call_run(&mut *store, &work)
                    .await
            }
        }
    }
}
