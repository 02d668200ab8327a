//! Starts operating-system processes fast, on threads of their own.
//!
//! Not a supervisor: who waits for a process and who kills it is elsewhere (`processes`, `leftovers`). Called by
//! `processes`, once for each `process.spawn` of a plugin.
//!
//! # Why threads of their own?
//! - `std::process::Command` goes through `posix_spawn` as long as it needs neither a user id nor a closure in the child; that is
//!   about twice as fast as fork and exec, and does not slow down as the host's memory grows. But it blocks the calling
//!   thread until the program is loaded, which takes for ever on a file system that hangs. A tokio worker must not hang.
//! - `posix_spawn` knows nothing of CPU affinity. A child inherits the affinity of the *thread* that spawns it, so a thread
//!   here takes on the affinity of the work, spawns, and keeps it until a command wants another. There is no moment at which the
//!   child runs on cores that are not its own, which setting the affinity after the spawn could not promise.
//! - The kernel files a child under the thread that spawned it, and moves it to the main thread when that thread ends. Threads that
//!   live as long as the node keep the main thread's list of children free for adopted orphans (see `leftovers`).

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};

use jobyard_plugin::ProcessCommand;
use rustix::fs::OFlags;
use rustix::process::{Pid, PidfdFlags, Signal, WaitIdOptions};
use rustix::thread::CpuSet;

/// A process that was started and is not waited for yet: until it is, its number stays its own.
#[derive(Debug)]
pub(crate) struct Started {
    /// The process, leader of a process group of the same number.
    pub(crate) pid: Pid,
    /// Readable when the process has ended.
    pub(crate) pidfd: OwnedFd,
}

/// Why a process could not be started. Its text is what the user reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpawnError {
    #[error("the program's name is empty")]
    NoProgram,
    #[error("program `{program}` was not found in the PATH `{path}`")]
    NotInPath { program: String, path: String },
    #[error("program `{}` can not be started: {source}", program.display())]
    Program { program: PathBuf, source: io::Error },
    #[error("working folder `{}` can not be used: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("working folder `{}` is not an absolute path", folder.display())]
    FolderRelative { folder: PathBuf },
    #[error("input file `{}` can not be read: {source}", path.display())]
    Input { path: PathBuf, source: io::Error },
    #[error("output file `{}` can not be written: {source}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("output can not be captured in `{}`: {source}", folder.display())]
    Capture { folder: PathBuf, source: io::Error },
    #[error("one piece of work may start {max} processes, and has")]
    TooMany { max: usize },
    #[error("the work is being ended: nothing is started any more")]
    Ending,
    #[error("the node is going down: nothing is started any more")]
    NodeGone,
    #[error("the process was started but can not be watched: {source}")]
    Watch { source: io::Error },
}

/// The standard streams of a process, open.
pub(crate) struct Streams {
    pub(crate) input: Option<File>,
    pub(crate) output: Option<File>,
    pub(crate) error: Option<File>,
}

/// Starts `command`, on the calling thread, and returns when its program is loaded or could not be.
///
/// `marks` are added to the command's environment.
pub(crate) fn start(
    command: &ProcessCommand,
    marks: &[(String, String)],
    streams: Streams,
) -> Result<Started, SpawnError> {
    let folder = Path::new(&command.working_folder);
    if !folder.is_absolute() {
        return Err(SpawnError::FolderRelative {
            folder: folder.to_owned(),
        });
    }
    let program = resolve(command, folder)?;
    let stdio = |file: Option<File>| file.map_or_else(Stdio::null, Stdio::from);
    let mut native = Command::new(&program);
    native
        .args(&command.arguments)
        .env_clear()
        .envs(
            command
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .envs(marks.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .process_group(0)
        .stdin(stdio(streams.input))
        .stdout(stdio(streams.output))
        .stderr(stdio(streams.error));
    // A process that is dropped without being waited for goes on: it is watched by its number.
    let child = native
        .spawn()
        .map_err(|source| explain(program, folder, source))?;
    let pid = Pid::from_child(&child);
    match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Started { pid, pidfd }),
        Err(errno) => {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
            let _ =
                rustix::process::waitid(rustix::process::WaitId::Pid(pid), WaitIdOptions::EXITED);
            Err(SpawnError::Watch {
                source: errno.into(),
            })
        }
    }
}

/// The system says "no such file" of a missing folder and of a missing program alike.
fn explain(program: PathBuf, folder: &Path, source: io::Error) -> SpawnError {
    match folder_problem(folder) {
        Some(problem) => problem,
        None => SpawnError::Program { program, source },
    }
}

/// What is wrong with a working folder, if something is.
pub(crate) fn folder_problem(folder: &Path) -> Option<SpawnError> {
    let source = match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => return None,
        Ok(_) => io::ErrorKind::NotADirectory.into(),
        Err(source) => source,
    };
    Some(SpawnError::Folder {
        folder: folder.to_owned(),
        source,
    })
}

/// The program as a path with a `/` in it: `std` leaves `posix_spawn` for a slower way if it has to search a `PATH` itself.
fn resolve(command: &ProcessCommand, folder: &Path) -> Result<PathBuf, SpawnError> {
    if command.program.is_empty() {
        return Err(SpawnError::NoProgram);
    }
    if command.program.contains('/') {
        return Ok(folder.join(&command.program));
    }
    let path = command
        .environment
        .iter()
        .rev()
        .find(|(name, _)| name == "PATH")
        .map_or("", |(_, value)| value.as_str());
    path.split(':')
        // An empty entry means the working folder, as in a shell.
        .map(|entry| folder.join(entry).join(&command.program))
        .find(|candidate| is_program(candidate))
        .ok_or_else(|| SpawnError::NotInPath {
            program: command.program.clone(),
            path: path.to_owned(),
        })
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Opens a file that the job named, to read from.
pub(crate) fn open_input(folder: &Path, name: &str) -> Result<File, SpawnError> {
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    options.read(true);
    open_blocking(&path, &mut options)
        .and_then(|file| match file.metadata()?.is_dir() {
            true => Err(io::ErrorKind::IsADirectory.into()),
            false => Ok(file),
        })
        .map_err(|source| folder_problem(folder).unwrap_or(SpawnError::Input { path, source }))
}

/// Opens a file that the job named, to write to: makes or empties it.
pub(crate) fn open_output(folder: &Path, name: &str) -> Result<File, SpawnError> {
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    open_blocking(&path, &mut options)
        .map_err(|source| folder_problem(folder).unwrap_or(SpawnError::Output { path, source }))
}

/// Opens without waiting for the other end of a named pipe, then gives the process the blocking file that it expects.
fn open_blocking(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = options
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// The CPUs that the node was allowed when it started. A node's core `n` is the `n`-th of them, so that a node that was itself
/// pinned (a container, `taskset`) stays where it was put.
#[derive(Debug, Clone)]
pub(crate) struct Cpus {
    all: CpuSet,
    ids: Vec<usize>,
}

impl Cpus {
    pub(crate) fn allowed() -> io::Result<Cpus> {
        let all = rustix::thread::sched_getaffinity(None)?;
        let ids = (0..CpuSet::MAX_CPU).filter(|&id| all.is_set(id)).collect();
        Ok(Cpus { all, ids })
    }

    /// The affinity for these cores of the node. Cores that the machine does not have are left out; if it has none of
    /// them the work is not pinned.
    pub(crate) fn set(&self, cores: &[u32]) -> CpuSet {
        let mut set = CpuSet::new();
        let mut any = false;
        for id in cores.iter().filter_map(|&core| self.ids.get(core as usize)) {
            set.set(*id);
            any = true;
        }
        if any { set } else { self.all }
    }

    pub(crate) fn everything(&self) -> CpuSet {
        self.all
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// The threads that spawn. They end when the last `Spawner` is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Spawner(Arc<Threads>);

#[derive(Debug)]
struct Threads(Arc<Queue>);

struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

struct Waiting {
    jobs: VecDeque<(CpuSet, Job)>,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Spawner {
    pub(crate) fn new(threads: usize) -> io::Result<Spawner> {
        let queue = Arc::new(Queue {
            waiting: Mutex::new(Waiting {
                jobs: VecDeque::new(),
                closed: false,
            }),
            more: Condvar::new(),
        });
        // Made first: if a thread can not be, the ones before it end.
        let spawner = Spawner(Arc::new(Threads(queue.clone())));
        for n in 0..threads.max(1) {
            let queue = queue.clone();
            std::thread::Builder::new()
                .name(format!("spawn-{n}"))
                .spawn(move || queue.work())?;
        }
        Ok(spawner)
    }

    /// Runs `job` on a thread whose affinity is `cpus`. The answer is closed when the threads are gone.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        cpus: CpuSet,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> mpsc::Receiver<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        let job: Job = Box::new(move || {
            let _ = answer.send(job());
        });
        self.0.0.lock().jobs.push_back((cpus, job));
        self.0.0.more.notify_one();
        answered
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.more.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut affinity = None;
        while let Some((cpus, job)) = self.next() {
            if affinity.as_ref() != Some(&cpus) {
                // Refused when the CPUs were taken from this process meanwhile: then it runs where it may.
                let _ = rustix::thread::sched_setaffinity(None, &cpus);
                affinity = Some(cpus);
            }
            job();
        }
    }

    fn next(&self) -> Option<(CpuSet, Job)> {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            waiting = self
                .more
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use jobyard_plugin::{Input, Output};

    use super::*;

    fn command(program: &str, folder: &Path, path: &str) -> ProcessCommand {
        ProcessCommand {
            program: program.into(),
            arguments: Vec::new(),
            environment: vec![("PATH".into(), path.into())],
            working_folder: folder.display().to_string(),
            standard_input: Input::Nothing,
            standard_output: Output::Nothing,
            standard_error: Output::Nothing,
        }
    }

    fn refusal(command: &ProcessCommand) -> String {
        let streams = Streams {
            input: None,
            output: None,
            error: None,
        };
        start(command, &[], streams)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::write(folder.join("tool"), "").unwrap();
        let find =
            |program: &str, path: &str| resolve(&command(program, folder, path), folder).ok();
        assert_eq!(find("tool", "/nowhere:"), None, "not executable");
        std::fs::set_permissions(folder.join("tool"), PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(find("tool", "/nowhere:"), Some(folder.join("tool")));
        assert_eq!(find("./tool", ""), Some(folder.join("./tool")));
        assert_eq!(find("sh", "/nowhere:/bin"), Some("/bin/sh".into()));
        assert_eq!(find("/bin/sh", ""), Some("/bin/sh".into()));
        assert_eq!(find("bin", "/"), None, "a folder is no program");
    }

    #[test]
    fn refusals_name_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let here = folder.display().to_string();
        assert_eq!(
            refusal(&command("no-such", folder, "/nowhere")),
            "program `no-such` was not found in the PATH `/nowhere`"
        );
        assert_eq!(
            refusal(&command("./no-such", folder, "")),
            format!(
                "program `{here}/./no-such` can not be started: No such file or directory (os error 2)"
            )
        );
        assert_eq!(
            refusal(&command("/bin/true", &folder.join("missing"), "")),
            format!(
                "working folder `{here}/missing` can not be used: No such file or directory (os error 2)"
            )
        );
        std::fs::write(folder.join("file"), "").unwrap();
        assert_eq!(
            refusal(&command("/bin/true", &folder.join("file"), "")),
            format!("working folder `{here}/file` can not be used: not a directory")
        );
        assert_eq!(
            refusal(&command("/bin/true", Path::new("relative"), "")),
            "working folder `relative` is not an absolute path"
        );
        assert_eq!(
            refusal(&command("", folder, "")),
            "the program's name is empty"
        );
        let nul = refusal(&command("/bin/tr\0ue", folder, ""));
        assert!(nul.contains("nul byte"), "{nul}");
    }

    #[test]
    fn cores_are_the_ones_that_the_node_was_given() {
        let mut all = CpuSet::new();
        [4, 6, 9].into_iter().for_each(|id| all.set(id));
        let cpus = Cpus {
            all,
            ids: vec![4, 6, 9],
        };
        let ids = |set: CpuSet| (0..20).filter(|&id| set.is_set(id)).collect::<Vec<_>>();
        assert_eq!(ids(cpus.set(&[0, 2])), [4, 9]);
        assert_eq!(ids(cpus.set(&[1, 70])), [6]);
        assert_eq!(ids(cpus.set(&[70])), [4, 6, 9]);
        assert_eq!(ids(cpus.set(&[])), [4, 6, 9]);
    }
}
