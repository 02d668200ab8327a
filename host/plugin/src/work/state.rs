//! What the host keeps beside an instance that works on a node, and the functions that the guest may call.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::files::Folders;
use super::meter::Meter;
use super::processes::{AnyProcesses, Input, Output, ProcessCommand, ProcessEvent, Processes};
use crate::bindings::executor::jobyard::plugin::{files, log, process, work};
use crate::limits::{FAULT_LOG_LINES_MAX, Limits, PROCESSES_MAX};
use crate::log::{LogBudget, LogLevel, LogLine};
use crate::memory::MemoryBudget;
use crate::ticker::Ticker;

/// The store's data. Everything in it belongs to one call.
pub(crate) struct WorkState {
    processes: Box<dyn AnyProcesses>,
    folders: Folders,
    spawned: u32,
    memory: MemoryBudget,
    meter: Meter,
    budget: LogBudget,
    last_lines: VecDeque<LogLine>,
}

impl WorkState {
    pub(crate) fn new<P: Processes>(processes: P, limits: Limits, ticker: Ticker) -> Self {
        Self {
            folders: Folders::new(processes.files(), processes.folders_belong_to()),
            processes: Box::new(processes),
            spawned: 0,
            memory: MemoryBudget::new(limits.memory_bytes_max),
            meter: Meter::new(ticker, &limits),
            budget: LogBudget::new(limits.log_bytes_max),
            last_lines: VecDeque::new(),
        }
    }

    pub(crate) fn memory(&mut self) -> &mut MemoryBudget {
        &mut self.memory
    }

    pub(crate) fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }

    /// The processes that it was made with, which `P` names.
    pub(crate) fn into_processes<P: Processes>(self) -> P {
        let any = self.processes.into_any();
        *any.downcast()
            .expect("the type that `new` boxed in the same call")
    }

    pub(crate) fn report_dropped_log(&mut self) {
        if let Some(line) = self.budget.dropped() {
            self.keep(line);
        }
    }

    pub(crate) fn take_last_lines(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.last_lines).into()
    }

    fn keep(&mut self, line: LogLine) {
        if self.last_lines.len() == FAULT_LOG_LINES_MAX {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(line.clone());
        self.processes.log(line);
    }

    /// Works on files off the guest's thread; the guest sleeps meanwhile. When the guest is dropped before that is done,
    /// `abandoned` is set and the work stops at the next file.
    async fn on_files<R: Send + 'static>(
        &mut self,
        operation: impl FnOnce(&Folders, &AtomicBool) -> Result<R, String> + Send + 'static,
    ) -> Result<R, String> {
        struct Abandon(Arc<AtomicBool>);
        impl Drop for Abandon {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return operation(&self.folders, &AtomicBool::new(false));
        };
        let folders = self.folders.clone();
        let abandoned = Arc::new(AtomicBool::new(false));
        let _abandon = Abandon(abandoned.clone());
        self.meter.pause();
        let done = runtime
            .spawn_blocking(move || operation(&folders, &abandoned))
            .await;
        self.meter.resume();
        done.unwrap_or_else(|error| Err(format!("the host stopped working on files: {error}")))
    }
}

impl work::Host for WorkState {}

impl log::Host for WorkState {
    fn log(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Error => LogLevel::Error,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Info => LogLevel::Info,
            log::Level::Debug => LogLevel::Debug,
        };
        if let Some(line) = self.budget.admit(level, &message) {
            self.keep(line);
        }
    }
}

impl process::Host for WorkState {
    fn spawn(&mut self, command: process::Command) -> Result<u32, String> {
        if self.spawned == PROCESSES_MAX {
            return Err(format!(
                "more than {PROCESSES_MAX} processes for one piece of work"
            ));
        }
        let command = ProcessCommand {
            program: command.program,
            arguments: command.arguments,
            environment: command.environment,
            working_folder: command.working_folder,
            standard_input: match command.standard_input {
                process::Input::Nothing => Input::Nothing,
                process::Input::File(path) => Input::File(path),
            },
            standard_output: output(command.standard_output),
            standard_error: output(command.standard_error),
        };
        self.meter.pause();
        let spawned = self.processes.spawn(command);
        self.meter.resume();
        self.spawned += u32::from(spawned.is_ok());
        spawned
    }

    async fn next(&mut self, limit_ms: Option<u32>) -> process::Event {
        let limit = limit_ms.map(|ms| Duration::from_millis(ms.into()));
        self.meter.pause();
        let event = self.processes.next(limit).await;
        self.meter.resume();
        match event {
            ProcessEvent::Exited {
                process,
                code,
                signal,
            } => process::Event::Exited((process, work::Exit { code, signal })),
            ProcessEvent::CancelRequested { grace } => {
                let grace_ms = u32::try_from(grace.as_millis()).unwrap_or(u32::MAX);
                process::Event::CancelRequested(grace_ms)
            }
            ProcessEvent::Deadline => process::Event::Deadline,
        }
    }

    fn interrupt(&mut self, process: u32) {
        self.processes.interrupt(process);
    }

    fn kill(&mut self, process: u32) {
        self.processes.kill(process);
    }
}

fn output(output: process::Output) -> Output {
    match output {
        process::Output::Captured => Output::Captured,
        process::Output::File(path) => Output::File(path),
        process::Output::SameAsOutput => Output::SameAsOutput,
        process::Output::Nothing => Output::Nothing,
    }
}

impl files::Host for WorkState {
    async fn exists(&mut self, path: String) -> Result<bool, String> {
        self.on_files(move |folders, _| folders.exists(&path)).await
    }

    async fn create_folder(&mut self, path: String) -> Result<(), String> {
        self.on_files(move |folders, _| folders.create_folder(&path))
            .await
    }

    async fn remove_tree(&mut self, path: String) -> Result<(), String> {
        self.on_files(move |folders, abandoned| folders.remove_tree(&path, abandoned))
            .await
    }

    async fn list_folder(&mut self, path: String) -> Result<Vec<String>, String> {
        self.on_files(move |folders, _| folders.list_folder(&path))
            .await
    }
}
