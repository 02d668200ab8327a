//! What went wrong in one call of a plugin, complete enough to be journaled and shown as it is.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmtime::{Trap, WasmBacktrace};

use crate::limits::{BACKTRACE_FRAMES_MAX, Limits};
use crate::log::LogLine;
use crate::text::cut;

/// A call of a plugin that did not end well. It ended that call, and nothing else. Reads as a [`FaultReport`];
/// displays as one line: the plugin, the function, the kind, and the first line of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(Box<FaultReport>);

/// All that is known of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultReport {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// SHA-256 of the component's bytes, in hex.
    pub digest: Arc<str>,
    /// The function that was called: `instantiate`, `configure`, `schedule` or `run`.
    pub function: &'static str,
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// For people: what happened in the first line, then the guest's backtrace where there is one.
    pub text: String,
    /// The last lines that the guest logged in that call.
    pub log: Vec<LogLine>,
    /// The limits that were in force.
    pub limits: Limits,
}

/// Kinds of faults. A newer host may tell more of them apart, so store [`FaultKind::code`] where old readers matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FaultKind {
    /// The guest trapped: a panic, an access out of bounds, a stack that ran over.
    Trap,
    /// It ran longer than its deadline.
    Deadline,
    /// It was refused memory over its limit, and gave up.
    Memory,
    /// It answered what the contract rules out: too long a list, an impossible instant, bytes that are not
    /// what the types say.
    Nonsense,
    /// The host could not make an instance of it, for lack of the host's own memory for instance.
    Instantiate,
    /// The instance had a fault before and cannot be called again.
    Poisoned,
}

impl FaultKind {
    /// One word, as journals and metrics name it.
    pub fn code(self) -> &'static str {
        match self {
            FaultKind::Trap => "trap",
            FaultKind::Deadline => "deadline",
            FaultKind::Memory => "memory",
            FaultKind::Nonsense => "nonsense",
            FaultKind::Instantiate => "instantiate",
            FaultKind::Poisoned => "poisoned",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<FaultReport> for Fault {
    fn from(report: FaultReport) -> Self {
        Self(Box::new(report))
    }
}

impl Deref for Fault {
    type Target = FaultReport;

    fn deref(&self) -> &FaultReport {
        &self.0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FaultReport {
            plugin,
            function,
            kind,
            text,
            ..
        } = &**self;
        let digest = self.digest.get(..12).unwrap_or(&self.digest);
        let first = text.lines().next().unwrap_or_default();
        write!(f, "plugin {plugin} ({digest}): {function}: {kind}: {first}")
    }
}

impl std::error::Error for Fault {}

/// Tells from wasmtime's error, and from what the limiter saw, what kind of fault it was; the text says it
/// in words.
pub(crate) fn diagnose(
    error: &wasmtime::Error,
    memory_denied: Option<usize>,
    limits: &Limits,
    during_instantiation: bool,
) -> (FaultKind, String) {
    let trap = error.downcast_ref::<Trap>().copied();
    if trap == Some(Trap::Interrupt) {
        let text = format!("ran longer than its deadline of {:?}", limits.deadline);
        return (FaultKind::Deadline, with_backtrace(text, error));
    }
    if let Some(wanted) = memory_denied {
        let text = format!(
            "wanted {wanted} bytes of memory, over its limit of {} bytes, and gave up: {}",
            limits.memory_bytes_max,
            error.root_cause()
        );
        return (FaultKind::Memory, with_backtrace(text, error));
    }
    let kind = match (trap, during_instantiation) {
        (Some(_), _) => FaultKind::Trap,
        (None, true) => FaultKind::Instantiate,
        (None, false) => FaultKind::Nonsense,
    };
    (kind, with_backtrace(error.root_cause().to_string(), error))
}

/// The text, then a line a frame, innermost first.
fn with_backtrace(text: String, error: &wasmtime::Error) -> String {
    let mut text = cut(text, 4096);
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return text;
    };
    let frames = backtrace.frames();
    for frame in frames.iter().take(BACKTRACE_FRAMES_MAX) {
        match frame.func_name() {
            Some(name) => text.push_str(&format!("\n  at {}", cut(name.to_owned(), 200))),
            None => text.push_str(&format!("\n  at function {}", frame.func_index())),
        }
    }
    if frames.len() > BACKTRACE_FRAMES_MAX {
        text.push_str(&format!(
            "\n  and {} more",
            frames.len() - BACKTRACE_FRAMES_MAX
        ));
    }
    text
}
