//! The `process` interface of one piece of work: what its plugin spawns, waits for and kills.
//!
//! Not the end of the work: when the plugin's call is over, `work` clears what is left through `leftovers`. Called by the
//! plugin host, on behalf of the guest.

use std::fs::File;
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::task::{Context, Poll};
use std::time::Duration;

use jobyard_plugin::{Input, Output, ProcessCommand, ProcessEvent, Processes};
use rustix::process::Signal;
use rustix::thread::CpuSet;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

use crate::account::Account;
use crate::capture::{Capture, Which};
use crate::leftovers::{Exit, Groups, MARK_EXECUTION, MARK_RUN, peek_exit};
use crate::spawn::{self, SpawnError, Streams};
use crate::spawner::Spawner;
use crate::stop::Stopping;

/// How long a thread of the runtime waits for a spawn before its other tasks are handed to another.
const SPAWN_WAIT_MAX: Duration = Duration::from_millis(100);

/// What one piece of work is given.
#[derive(Debug)]
pub(crate) struct WorkProcesses {
    pub(crate) spawner: Spawner,
    pub(crate) cpus: CpuSet,
    /// Added to the environment of each process, so that it can be found again.
    pub(crate) marks: [(String, String); 2],
    pub(crate) groups: Arc<Groups>,
    pub(crate) capture: Arc<Capture>,
    pub(crate) folders: Vec<PathBuf>,
    /// As whom processes run; none: as the node.
    pub(crate) account: Option<Arc<Account>>,
    pub(crate) stopping: Stopping,
    /// Whether the plugin knows that it is to end.
    pub(crate) told: bool,
    /// By number; none when the end was reported.
    pub(crate) waiting: Vec<Option<Waiting>>,
}

/// A process whose end was not reported yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Its index in the groups.
    group: usize,
    /// Readable when it has ended.
    ended: AsyncFd<Arc<OwnedFd>>,
}

/// The marks of [`WorkProcesses::marks`].
pub(crate) fn marks(run: &str, execution: jobyard_kernel::Execution) -> [(String, String); 2] {
    let jobyard_kernel::Execution {
        job,
        task,
        instance,
        attempt,
    } = execution;
    [
        (
            MARK_EXECUTION.to_owned(),
            format!("{job}.{task}.{instance}.{attempt}"),
        ),
        (MARK_RUN.to_owned(), run.to_owned()),
    ]
}

impl Processes for WorkProcesses {
    fn spawn(&mut self, command: ProcessCommand) -> Result<u32, String> {
        self.start(command).map_err(|error| error.to_string())
    }

    async fn next(&mut self, limit: Option<Duration>) -> ProcessEvent {
        let until = limit.map(|limit| Instant::now() + limit);
        let WorkProcesses {
            waiting,
            stopping,
            told,
            ..
        } = self;
        tokio::select! {
            // An end that was there before the wish to end is reported first.
            biased;
            (process, exit) = poll_fn(|context| poll_exits(waiting, context)) => {
                ProcessEvent::Exited { process, code: exit.code, signal: exit.signal }
            }
            grace = stopping.asked(), if !*told => {
                *told = true;
                ProcessEvent::CancelRequested { grace }
            }
            () = sleep_until(until) => ProcessEvent::Deadline,
        }
    }

    fn interrupt(&mut self, process: u32) {
        if let Some(group) = self.running(process) {
            self.groups.signal(group, Signal::INT);
            // A process that was stopped hears it only when it goes on.
            self.groups.signal(group, Signal::CONT);
        }
    }

    fn kill(&mut self, process: u32) {
        if let Some(group) = self.running(process) {
            self.groups.signal(group, Signal::KILL);
        }
    }

    fn files(&self) -> &[PathBuf] {
        &self.folders
    }

    fn folders_belong_to(&self) -> Option<(u32, u32)> {
        let account = self.account.as_deref()?;
        Some((account.uid.as_raw(), account.gid.as_raw()))
    }
}

impl WorkProcesses {
    fn start(&mut self, command: ProcessCommand) -> Result<u32, SpawnError> {
        let expected = self.groups.expect()?;
        let number = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        let (capture, marks) = (self.capture.clone(), self.marks.clone());
        let account = self.account.clone();
        let job = move || {
            let account = account.as_deref();
            let streams = open(&command, &capture, account)?;
            expected.start(|| spawn::start(&command, &marks, streams, account))
        };
        let started = wait_for(&self.spawner.ask(self.cpus, job));
        let (group, pidfd) = started.ok_or(SpawnError::NodeGone)??;
        // SAFETY: the `Arc` keeps this very descriptor open as long as the `AsyncFd` has it.
        match unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) } {
            Ok(ended) => self.waiting.push(Some(Waiting { group, ended })),
            Err(error) => {
                // Nobody can wait for it: it goes with the work.
                self.groups.signal(group, Signal::KILL);
                return Err(SpawnError::Watch {
                    source: error.into(),
                });
            }
        }
        Ok(number)
    }

    /// The group of a process that was not reported ended.
    fn running(&self, process: u32) -> Option<usize> {
        let index = usize::try_from(process).ok()?;
        self.waiting
            .get(index)?
            .as_ref()
            .map(|waiting| waiting.group)
    }
}

/// Opens what the command's standard streams are to be: captured output as the node, files that the job names as whom it runs.
fn open(
    command: &ProcessCommand,
    capture: &Arc<Capture>,
    account: Option<&Account>,
) -> Result<Streams, SpawnError> {
    let folder = std::path::Path::new(&command.working_folder);
    let captured = |which| {
        let file = capture.file(which).and_then(|file| match account {
            // Programs open their own output again, as /dev/stdout.
            Some(account) => fchown(&file, account).map(|()| file),
            None => Ok(file),
        });
        file.map(Some).map_err(|source| SpawnError::Capture {
            folder: capture.folder(),
            source,
        })
    };
    let input_of = |name: &str| as_it(account, || spawn::open_input(folder, name));
    let output_to = |name: &str| as_it(account, || spawn::open_output(folder, name));
    let again = |file: &Option<File>, name: &str| match file {
        Some(file) => file
            .try_clone()
            .map(Some)
            .map_err(|source| SpawnError::Output {
                path: folder.join(name),
                source,
            }),
        None => Ok(None),
    };
    let input = match &command.standard_input {
        Input::Nothing => None,
        Input::File(name) => Some(input_of(name)?),
    };
    let output = match &command.standard_output {
        Output::Captured | Output::SameAsOutput => captured(Which::Output)?,
        Output::File(name) => Some(output_to(name)?),
        Output::Nothing => None,
    };
    let error = match (&command.standard_error, &command.standard_output) {
        (Output::Captured, _) => captured(Which::Error)?,
        // Opened twice, each would write over the other.
        (Output::File(name), Output::File(same)) if name == same => again(&output, name)?,
        (Output::File(name), _) => Some(output_to(name)?),
        (Output::SameAsOutput, _) => again(&output, "standard output")?,
        (Output::Nothing, _) => None,
    };
    Ok(Streams {
        input,
        output,
        error,
    })
}

/// Opens with the rights of the account.
fn as_it(
    account: Option<&Account>,
    open: impl FnOnce() -> Result<File, SpawnError>,
) -> Result<File, SpawnError> {
    match account {
        None => open(),
        Some(account) => account
            .with_its_files(open)
            .map_err(|source| SpawnError::of(account, source))?
            .map_err(|error| error.seen_by(account)),
    }
}

fn fchown(file: &File, account: &Account) -> std::io::Result<()> {
    Ok(rustix::fs::fchown(
        file,
        Some(account.uid),
        Some(account.gid),
    )?)
}

/// Waits for a spawn. Mostly that takes less than to hand this thread's other tasks to another thread, so they wait too; when it takes
/// longer (a program on a file system that hangs) they go on without this thread, where the runtime can do that.
fn wait_for<T>(spawn: &Receiver<T>) -> Option<T> {
    match spawn.recv_timeout(SPAWN_WAIT_MAX) {
        Ok(started) => return Some(started),
        Err(RecvTimeoutError::Disconnected) => return None,
        Err(RecvTimeoutError::Timeout) => {}
    }
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| spawn.recv()).ok(),
        Ok(_) | Err(_) => spawn.recv().ok(),
    }
}

/// The first of these processes that has ended and was not reported.
fn poll_exits(waiting: &mut [Option<Waiting>], context: &mut Context<'_>) -> Poll<(u32, Exit)> {
    for (number, slot) in (0..).zip(waiting) {
        while let Some(Waiting { ended, .. }) = slot {
            let exit = match ended.poll_read_ready(context) {
                Poll::Pending => break,
                Poll::Ready(Ok(mut ready)) => match peek_exit(ended) {
                    Some(exit) => exit,
                    None => {
                        ready.clear_ready();
                        continue;
                    }
                },
                // The runtime is going down: nothing will ever be ready again.
                Poll::Ready(Err(_)) => break,
            };
            *slot = None;
            return Poll::Ready((number, exit));
        }
    }
    Poll::Pending
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
