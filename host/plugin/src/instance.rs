//! One instance of a component that computes, kept from call to call: its limits, its log, and its end at the first fault.
//!
//! Policies and filters are such. What they export, and what a fault means, is known to the adapters: [`crate::policy`] and [`crate::filter`].

use std::time::Duration;

use wasmtime::{Engine, Store};

use crate::bindings::policy::jobyard::plugin::log;
use crate::fault::{Fault, FaultKind, FaultReport, diagnose};
use crate::host::Plugin;
use crate::limits::Limits;
use crate::log::{LogBudget, LogLevel, LogLine, last_lines};
use crate::memory::MemoryBudget;

/// What the host keeps beside an instance while it runs.
pub(crate) struct GuestState {
    memory: MemoryBudget,
    budget: LogBudget,
    log: Vec<LogLine>,
}

/// An instance with its exports, until it faults.
pub(crate) struct Kept<E> {
    pub(crate) plugin: Plugin,
    pub(crate) limits: Limits,
    live: Option<Live<E>>,
    log: Vec<LogLine>,
    /// The next call has no more time than this.
    hurry: Option<Duration>,
}

/// What a call works with.
pub(crate) struct Live<E> {
    pub(crate) store: Store<GuestState>,
    pub(crate) exports: E,
}

impl<E> Kept<E> {
    pub(crate) fn new(plugin: Plugin, limits: Limits) -> Self {
        Kept {
            plugin,
            limits,
            live: None,
            log: Vec::new(),
            hurry: None,
        }
    }

    /// Gives the next call no more time than this.
    pub(crate) fn hurry(&mut self, time: Duration) {
        self.hurry = Some(time);
    }

    /// What it holds of memory now, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.live
            .as_ref()
            .map_or(0, |live| live.store.data().memory.bytes())
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.live.is_none()
    }

    pub(crate) fn take_log(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.log)
    }

    /// Makes the instance. Its answers may take so many bytes in the host's memory.
    pub(crate) fn instantiate(
        &mut self,
        engine: &Engine,
        answer_bytes_max: usize,
        make: impl FnOnce(&mut Store<GuestState>) -> wasmtime::Result<E>,
    ) -> Result<(), Fault> {
        let state = GuestState {
            memory: MemoryBudget::new(self.limits.memory_bytes_max),
            budget: LogBudget::new(self.limits.log_bytes_max),
            log: Vec::new(),
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(answer_bytes_max);
        store.set_epoch_deadline(self.limits.deadline_ticks());
        let made = {
            let _running = self.plugin.ticker().run();
            make(&mut store)
        };
        let log = take_log(store.data_mut());
        self.log.extend_from_slice(&log);
        match made {
            Ok(exports) => {
                self.live = Some(Live { store, exports });
                Ok(())
            }
            Err(error) => {
                let denied = store.data().memory.denied();
                let (kind, text) = diagnose(&error, denied, &self.limits, true);
                Err(self.fault("instantiate", kind, text, last_lines(&log)))
            }
        }
    }

    /// One call within the limits. After a fault the instance is gone.
    pub(crate) fn call<R>(
        &mut self,
        function: &'static str,
        call: impl FnOnce(&mut Live<E>) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        let time = self.hurry.take().unwrap_or(self.limits.deadline);
        let limits = Limits {
            deadline: self.limits.deadline.min(time),
            ..self.limits
        };
        let Some(live) = &mut self.live else {
            let text = "had a fault before; a new instance is needed".to_owned();
            return Err(self.fault(function, FaultKind::Poisoned, text, Vec::new()));
        };
        let state = live.store.data_mut();
        state.memory.begin_call();
        state.budget = LogBudget::new(self.limits.log_bytes_max);
        live.store.set_epoch_deadline(limits.deadline_ticks());
        let answer = {
            let _running = self.plugin.ticker().run();
            call(live)
        };
        let log = take_log(live.store.data_mut());
        let answer = answer.map_err(|error| {
            let denied = live.store.data().memory.denied();
            let (kind, text) = diagnose(&error, denied, &limits, false);
            (kind, text, last_lines(&log))
        });
        self.log.extend(log);
        answer.map_err(|(kind, text, log)| {
            self.live = None;
            self.fault(function, kind, text, log)
        })
    }

    /// The guest answered in time what the contract rules out: it is not trusted with another call.
    pub(crate) fn nonsense(&mut self, function: &'static str, text: String) -> Fault {
        self.live = None;
        self.fault(function, FaultKind::Nonsense, text, last_lines(&self.log))
    }

    pub(crate) fn fault(
        &self,
        function: &'static str,
        kind: FaultKind,
        text: String,
        log: Vec<LogLine>,
    ) -> Fault {
        let (plugin, digest) = self.plugin.name_and_digest();
        FaultReport {
            plugin,
            digest,
            function,
            kind,
            text,
            log,
            limits: self.limits,
        }
        .into()
    }
}

fn take_log(state: &mut GuestState) -> Vec<LogLine> {
    state.log.extend(state.budget.dropped());
    std::mem::take(&mut state.log)
}

impl log::Host for GuestState {
    fn log(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Error => LogLevel::Error,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Info => LogLevel::Info,
            log::Level::Debug => LogLevel::Debug,
        };
        self.log.extend(self.budget.admit(level, &message));
    }
}
