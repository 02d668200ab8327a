//! Starts an operating-system process.
//!
//! Not a supervisor: who waits for a process and who kills it is elsewhere (`processes`, `leftovers`); on which thread this
//! happens, and why, is in `spawner`. Called by `processes`, once for each `process.spawn` of a plugin.
//!
//! `std::process::Command` goes through `posix_spawn` as long as it needs neither a user id, nor a closure in the child, nor a search
//! of the `PATH`: about twice as fast as fork and exec, and no slower as the host's memory grows. So this keeps to that.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use jobyard_plugin::ProcessCommand;
use rustix::fs::OFlags;
use rustix::process::{Pid, PidfdFlags, Signal, WaitIdOptions};

use crate::account::Account;

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
    #[error("nothing can be done as user {user}: {source}")]
    Account { user: String, source: io::Error },
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
/// `marks` are added to the command's environment. Where there is an account the process is that user's: the folder and the program
/// are looked for with the user's rights, before and in the child.
pub(crate) fn start(
    command: &ProcessCommand,
    marks: &[(String, String)],
    streams: Streams,
    account: Option<&Account>,
) -> Result<Started, SpawnError> {
    let folder = Path::new(&command.working_folder);
    if !folder.is_absolute() {
        return Err(SpawnError::FolderRelative {
            folder: folder.to_owned(),
        });
    }
    let program = match account {
        None => resolve(command, folder)?,
        Some(account) => account
            .with_its_files(|| match open_folder(folder) {
                Some(problem) => Err(problem),
                None => resolve(command, folder),
            })
            .map_err(|source| SpawnError::of(account, source))?
            .map_err(|error| error.seen_by(account))?,
    };
    let stdio = |file: Option<File>| match file.map_or_else(nothing, Ok) {
        Ok(file) => Stdio::from(file),
        Err(_) => Stdio::null(),
    };
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
        .process_group(0)
        .stdin(stdio(streams.input))
        .stdout(stdio(streams.output))
        .stderr(stdio(streams.error));
    match account {
        None => drop(native.current_dir(folder)),
        Some(account) => become_in_child(&mut native, account, folder)?,
    }
    // A process that is dropped without being waited for goes on: it is watched by its number.
    let child = native
        .spawn()
        .map_err(|source| explain(program, folder, source))
        .map_err(|error| match account {
            None => error,
            Some(account) => error.seen_by(account),
        })?;
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

/// Has the child become that user before it enters its working folder and loads its program. This leaves `posix_spawn` for fork and exec.
fn become_in_child(
    native: &mut Command,
    account: &Account,
    folder: &Path,
) -> Result<(), SpawnError> {
    let account = account.clone();
    let path = CString::new(folder.as_os_str().as_bytes());
    let path = path.map_err(|error| SpawnError::Folder {
        folder: folder.to_owned(),
        source: error.into(),
    })?;
    let become_it = move || {
        account.become_it()?;
        Ok(rustix::process::chdir(&path)?)
    };
    // SAFETY: between fork and exec it makes system calls with what was made before the fork, and takes no lock and no memory.
    unsafe { native.pre_exec(become_it) };
    Ok(())
}

impl SpawnError {
    pub(crate) fn of(account: &Account, source: io::Error) -> SpawnError {
        SpawnError::Account {
            user: account.name.clone(),
            source,
        }
    }

    /// The same, where what the system refuses depends on who asks.
    pub(crate) fn seen_by(self, account: &Account) -> SpawnError {
        let named = |source: io::Error| match source.kind() == io::ErrorKind::PermissionDenied {
            true => io::Error::other(format!("{source}, as user {}", account.name)),
            false => source,
        };
        match self {
            SpawnError::Program { program, source } => SpawnError::Program {
                program,
                source: named(source),
            },
            SpawnError::Folder { folder, source } => SpawnError::Folder {
                folder,
                source: named(source),
            },
            SpawnError::Input { path, source } => SpawnError::Input {
                path,
                source: named(source),
            },
            SpawnError::Output { path, source } => SpawnError::Output {
                path,
                source: named(source),
            },
            other @ (SpawnError::NoProgram
            | SpawnError::NotInPath { .. }
            | SpawnError::FolderRelative { .. }
            | SpawnError::Capture { .. }
            | SpawnError::TooMany { .. }
            | SpawnError::Ending
            | SpawnError::NodeGone
            | SpawnError::Account { .. }
            | SpawnError::Watch { .. }) => other,
        }
    }
}

/// What is wrong with a working folder for whoever asks: it is entered with their rights.
fn open_folder(folder: &Path) -> Option<SpawnError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let entered = rustix::fs::open(folder.join("."), flags, rustix::fs::Mode::empty());
    let source = entered.err()?.into();
    Some(folder_problem(folder).unwrap_or(SpawnError::Folder {
        folder: folder.to_owned(),
        source,
    }))
}

/// `/dev/null`, which is opened once and not for each process.
fn nothing() -> io::Result<File> {
    static NOTHING: LazyLock<Option<File>> = LazyLock::new(|| {
        let mut options = OpenOptions::new();
        options.read(true).write(true).open("/dev/null").ok()
    });
    match &*NOTHING {
        Some(nothing) => nothing.try_clone(),
        None => Err(io::ErrorKind::NotFound.into()),
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
        start(command, &[], streams, None)
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
}
