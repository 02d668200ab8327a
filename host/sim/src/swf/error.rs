//! What can be wrong with a trace: with one line, which is left out, or with all of it.

use std::{fmt, io};

use super::{JOBS_MAX, LINE_BYTES_MAX, PROCS_MAX};

/// Bad lines that are kept word by word; more are only counted.
const BAD_LINES_KEPT_MAX: usize = 5;

/// Why a line is not a job.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadReason {
    /// Fewer fields than a simulation needs.
    #[error("{found} fields; a job has 18, and at least the first 9 are needed")]
    TooFewFields {
        /// Fields on the line.
        found: usize,
    },
    /// A field that is not a number.
    #[error("field {field} ({name}) is {text:?}, not a number", name = field_name(*.field))]
    NotANumber {
        /// From 1.
        field: usize,
        /// What stands there, shortened.
        text: String,
    },
    /// A number of things with a fraction.
    #[error("field {field} ({name}) is {value:?}, not a whole number", name = field_name(*.field))]
    NotWhole {
        /// From 1.
        field: usize,
        /// What stands there.
        value: f64,
    },
    /// A time that microseconds in an `f64` cannot hold.
    #[error("field {field} ({name}) is {value} s; at most 9,007,199,254 s", name = field_name(*.field), value = short(*.value))]
    TooLate {
        /// From 1.
        field: usize,
        /// What stands there.
        value: f64,
    },
}

fn field_name(field: usize) -> &'static str {
    const NAMES: [&str; 18] = [
        "job number",
        "submit time",
        "wait time",
        "run time",
        "allocated processors",
        "average CPU time",
        "used memory",
        "requested processors",
        "requested time",
        "requested memory",
        "status",
        "user",
        "group",
        "executable",
        "queue",
        "partition",
        "preceding job",
        "think time",
    ];
    field
        .checked_sub(1)
        .and_then(|index| NAMES.get(index))
        .copied()
        .unwrap_or("not in the format")
}

/// A line that is not a job, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct BadLine {
    /// From 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: BadReason,
}

/// A number as it is, or with an exponent where it would be a line of digits.
fn short(value: f64) -> String {
    match value.abs() < 1e15 {
        true => value.to_string(),
        false => format!("{value:e}"),
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// All bad lines of a trace: how many, and the first few.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BadLines {
    /// How many.
    pub count: u64,
    /// The first of them, at most five.
    pub first: Vec<BadLine>,
}

impl BadLines {
    pub(super) fn push(&mut self, line: u64, reason: BadReason) {
        self.count += 1;
        if self.first.len() < BAD_LINES_KEPT_MAX {
            self.first.push(BadLine { line, reason });
        }
    }
}

/// A trace that cannot be simulated.
#[derive(Debug, thiserror::Error)]
#[error("trace {name}: {problem}")]
pub struct TraceError {
    /// The file.
    pub name: String,
    /// What is wrong with it; the error's text ends with it.
    pub problem: TraceProblem,
}

/// What is wrong with a trace as a whole.
#[derive(Debug, thiserror::Error)]
pub enum TraceProblem {
    /// It cannot be opened.
    #[error("cannot open: {0}")]
    Open(io::Error),
    /// The text cannot be read on.
    #[error("cannot read on after line {line}: {error}")]
    Read {
        /// The last whole line.
        line: u64,
        /// What the system says.
        error: io::Error,
    },
    /// gzip data that stop early.
    #[error("the gzip data end early, after line {line}: the file is cut off; get it again")]
    GzipCutOff {
        /// The last whole line.
        line: u64,
    },
    /// gzip data that are damaged.
    #[error("the gzip data are damaged, found after line {line} ({error}); get the file again")]
    GzipDamaged {
        /// The last whole line.
        line: u64,
        /// What the decoder says.
        error: io::Error,
    },
    /// Some other compression.
    #[error("{format} data; a trace is plain text or gzip: unpack it first")]
    OtherCompression {
        /// Its name.
        format: &'static str,
    },
    /// Bytes that no text has.
    #[error(
        "line {line} holds the byte 0x{byte:02x}: not a text file; a trace is text in the Standard Workload Format, plain or gzip"
    )]
    NotText {
        /// Where.
        line: u64,
        /// The first such byte.
        byte: u8,
    },
    /// A line without an end.
    #[error("line {line} is longer than {LINE_BYTES_MAX} bytes: not the Standard Workload Format")]
    LineTooLong {
        /// Where.
        line: u64,
    },
    /// The machine's size is not known when the first job comes.
    #[error("line {line}: the first job, but no header line `; MaxProcs: N` before it{}; say the machine's size with --procs N",
        max_nodes.map(|n| format!(" (`MaxNodes` is {n})")).unwrap_or_default())]
    NoMaxProcs {
        /// Where the first job stands.
        line: u64,
        /// What the header says of nodes, which is a hint.
        max_nodes: Option<u64>,
    },
    /// A header's `MaxProcs` that is no size.
    #[error(
        "line {line}: MaxProcs is {text:?}; a number from 1 to {PROCS_MAX} is needed: say the machine's size with --procs N"
    )]
    BadMaxProcs {
        /// Where.
        line: u64,
        /// What stands there, shortened.
        text: String,
    },
    /// The caller's size is no size.
    #[error("a machine of {procs} processors was asked for; from 1 to {PROCS_MAX} are possible")]
    BadProcs {
        /// What was asked for.
        procs: u32,
    },
    /// More jobs than the simulator takes.
    #[error("line {line}: more than {JOBS_MAX} jobs; cut the trace into parts")]
    TooManyJobs {
        /// Where the first job too many stands.
        line: u64,
    },
    /// Nothing is left.
    #[error("no usable job in {lines} lines{}", leftovers(*.dropped, .bad))]
    NoJobs {
        /// Lines in all.
        lines: u64,
        /// Jobs that the cleaning left out.
        dropped: u64,
        /// Lines that were not jobs.
        bad: BadLines,
    },
}

fn leftovers(dropped: u64, bad: &BadLines) -> String {
    let mut text = String::new();
    if dropped > 0 {
        text += &format!(
            ": {dropped} jobs were dropped (no run time, no requested time, no processors, or larger than the machine)"
        );
    }
    if let Some(first) = bad.first.first() {
        text += &format!("; {} lines are not jobs, the first is {first}", bad.count);
    }
    if text.is_empty() {
        text += ": a trace is text in the Standard Workload Format, one job a line";
    }
    text
}
