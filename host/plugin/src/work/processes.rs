//! What a node gives to one piece of work. The node implements it with real processes, tests with a script.

use std::any::Any;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use crate::log::LogLine;

/// The processes and folders of one piece of work: one value a call of a plugin. `wit/process.wit` says what the
/// guest may expect of each function.
pub trait Processes: Send + 'static {
    /// Starts a program. Ids count from 0 in the order of the calls that did not fail. The error is
    /// a sentence for the user. Called at most [`PROCESSES_MAX`](crate::PROCESSES_MAX) times. May block for as long as
    /// starting a program takes.
    fn spawn(&mut self, command: ProcessCommand) -> Result<u32, String>;

    /// Waits for what comes next, at most `limit`. Must be cancel-safe: an event is handed out once, and not lost
    /// when the future is dropped.
    fn next(&mut self, limit: Option<Duration>) -> impl Future<Output = ProcessEvent> + Send;

    /// Asks a process and its group to end. An id that was never given out is ignored.
    fn interrupt(&mut self, process: u32);

    /// Ends a process and all that it started. An id that was never given out is ignored.
    fn kill(&mut self, process: u32);

    /// The granted folders, absolute. The `files` interface, which this crate implements, reaches what is in them
    /// and themselves, and never follows a symbolic link out of one; the way down to a granted
    /// folder is trusted, the folder itself must not be a link. They need not exist.
    fn files(&self) -> &[PathBuf];

    /// The user and the group whose the folders become that the `files` interface makes; none, the default: this process's.
    fn folders_belong_to(&self) -> Option<(u32, u32)> {
        None
    }

    /// Takes a message that the guest logged, as it comes. Those over the limits do not come here. Ignored by default.
    fn log(&mut self, line: LogLine) {
        let _ = line;
    }
}

/// What to start. No shell is involved, nothing is inherited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessCommand {
    /// A path, or a name to be looked up in the `PATH` of `environment`.
    pub program: String,
    /// Without the program's own name.
    pub arguments: Vec<String>,
    /// All of it.
    pub environment: Vec<(String, String)>,
    /// Absolute; must exist.
    pub working_folder: String,
    /// Where it reads from.
    pub standard_input: Input,
    /// Where it writes to.
    pub standard_output: Output,
    /// Where its complaints go.
    pub standard_error: Output,
}

/// Where a process reads from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Nothing: at its end from the start.
    Nothing,
    /// A file that exists; a relative path starts at the working folder.
    File(String),
}

/// Where a process writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The node keeps it for the user.
    Captured,
    /// A file, made or emptied; a relative path starts at the working folder.
    File(String),
    /// Where standard output goes; `Captured` for standard output itself.
    SameAsOutput,
    /// Away.
    Nothing,
}

/// What came next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessEvent {
    /// A process ended; once for each.
    Exited {
        /// Its id, from `spawn`.
        process: u32,
        /// 128 + the signal's number where a signal ended it.
        code: i32,
        /// The signal that ended it, if one did.
        signal: Option<u32>,
    },
    /// Somebody wants the work to end; once.
    CancelRequested {
        /// How long until it is ended by force.
        grace: Duration,
    },
    /// The time that was given is over.
    Deadline,
}

/// [`Processes`] without its type, so that one linker serves all.
pub(crate) trait AnyProcesses: Send {
    fn spawn(&mut self, command: ProcessCommand) -> Result<u32, String>;
    fn next(
        &mut self,
        limit: Option<Duration>,
    ) -> Pin<Box<dyn Future<Output = ProcessEvent> + Send + '_>>;
    fn interrupt(&mut self, process: u32);
    fn kill(&mut self, process: u32);
    fn log(&mut self, line: LogLine);
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<P: Processes> AnyProcesses for P {
    fn spawn(&mut self, command: ProcessCommand) -> Result<u32, String> {
        Processes::spawn(self, command)
    }

    fn next(
        &mut self,
        limit: Option<Duration>,
    ) -> Pin<Box<dyn Future<Output = ProcessEvent> + Send + '_>> {
        Box::pin(Processes::next(self, limit))
    }

    fn interrupt(&mut self, process: u32) {
        Processes::interrupt(self, process);
    }

    fn kill(&mut self, process: u32) {
        Processes::kill(self, process);
    }

    fn log(&mut self, line: LogLine) {
        Processes::log(self, line);
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
