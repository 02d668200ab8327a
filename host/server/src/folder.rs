//! The data folder of a daemon: who has it, and its socket.
//!
//! `DIR/jobyard.lock` is locked while a daemon has the folder and holds its process id; the lock goes with the process, however
//! it ends. `DIR/jobyard.sock` is the socket. One that a dead daemon left is replaced. Called by `jobyard serve`.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::Group;
use tokio::net::UnixListener;

/// The name of the socket in the data folder.
pub const SOCKET: &str = "jobyard.sock";
/// The name of the lock in the data folder.
const LOCK: &str = "jobyard.lock";
/// Bytes of a socket's path: what the system takes (`sun_path`), less the zero at its end.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A data folder that this process has to itself, until it is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    group: Option<u32>,
    /// Locked; the lock goes when it is closed.
    _lock: File,
}

/// Why a data folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another daemon has it.
    #[error("{} is in use by {by}; stop it, or choose another folder with --data", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// `process 123`, as far as it is known.
        by: String,
    },
    /// The system refuses.
    #[error("{}: {source}", path.display())]
    System {
        /// The folder or the file in it.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// No such group on this machine.
    #[error("there is no group {0}")]
    UnknownGroup(String),
    /// The system's limit of socket paths.
    #[error("the path of the socket, {}, has {} bytes, at most {SOCKET_PATH_BYTES_MAX} are possible: choose a shorter folder with --data",
        .0.display(), .0.as_os_str().len())]
    PathTooLong(PathBuf),
}

impl DataFolder {
    /// Makes the folder if it is not there, and locks it. With a group, its members may connect to the socket.
    ///
    /// A folder that is made here is open to this user only (0700), one that is there keeps its mode. With a group it becomes
    /// the group's, whose members may pass through (0710).
    ///
    /// # Errors
    /// Another daemon has it, or the system refuses.
    pub fn claim(path: &Path, group: Option<&str>) -> Result<DataFolder, FolderError> {
        let path = std::path::absolute(path).map_err(at(path))?;
        let socket = path.join(SOCKET);
        if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            return Err(FolderError::PathTooLong(socket));
        }
        let group = group.map(find_group).transpose()?;
        make(&path, group).map_err(at(&path))?;
        let lock = lock(&path)?;
        Ok(DataFolder {
            path,
            group,
            _lock: lock,
        })
    }

    /// Makes the folder if it is not there, for this user only, and leaves it to whoever wants it. Returns its absolute path.
    ///
    /// # Errors
    /// The system refuses.
    pub fn make(path: &Path) -> Result<PathBuf, FolderError> {
        let path = std::path::absolute(path).map_err(at(path))?;
        make(&path, None).map_err(at(&path)).map(|()| path)
    }

    /// The folder, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it for this user only, also where a group may pass through to the socket.
    ///
    /// # Errors
    /// The system refuses.
    pub fn private(&self, name: &str) -> Result<PathBuf, FolderError> {
        let path = self.path.join(name);
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&path);
        made.map_err(at(&path)).map(|()| path)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.path.join(SOCKET)
    }

    /// Listens on the socket. It appears under its name with its mode, in the place of one that was left there.
    pub(crate) fn listen(&self) -> Result<UnixListener, FolderError> {
        let (socket, new) = (self.socket(), self.path.join(".sock.new"));
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&new)(error)),
            _ => {}
        }
        let listen = || -> io::Result<UnixListener> {
            let listener = UnixListener::bind(&new)?;
            std::fs::set_permissions(&new, Permissions::from_mode(0o600))?;
            if let Some(group) = self.group {
                chown(&new, None, Some(group))?;
                std::fs::set_permissions(&new, Permissions::from_mode(0o660))?;
            }
            std::fs::rename(&new, &socket)?;
            Ok(listener)
        };
        listen().map_err(at(&socket))
    }

    /// Takes the socket away: nobody can connect any more.
    pub(crate) fn unlisten(&self) {
        // A socket that is left says so itself when somebody connects.
        let _ = std::fs::remove_file(self.socket());
    }
}

/// Whether there is a group of this name on this machine.
///
/// # Errors
/// There is none, or the system does not say.
pub fn check_group(name: &str) -> Result<(), FolderError> {
    find_group(name).map(drop)
}

pub(crate) fn find_group(name: &str) -> Result<u32, FolderError> {
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(FolderError::UnknownGroup(name.into())),
        Err(errno) => Err(FolderError::System {
            path: "the list of groups".into(),
            source: errno.into(),
        }),
    }
}

fn make(path: &Path, group: Option<u32>) -> io::Result<()> {
    if !path.is_dir() {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        DirBuilder::new().mode(0o700).create(path)?;
    }
    if let Some(group) = group {
        chown(path, None, Some(group))?;
        let mode = std::fs::metadata(path)?.permissions().mode();
        std::fs::set_permissions(path, Permissions::from_mode(mode & 0o777 | 0o010))?;
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<File, FolderError> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.mode(0o600).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let read = file.take(20).read_to_string(&mut pid);
            let by = match read.ok().and_then(|_| pid.trim().parse::<u32>().ok()) {
                Some(pid) => format!("process {pid}"),
                None => "another process".into(),
            };
            let path = folder.to_path_buf();
            return Err(FolderError::InUse { path, by });
        }
        Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
    }
    let mut write = || -> io::Result<()> {
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())
    };
    write().map_err(at(&path))?;
    Ok(file)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_path_buf();
    move |source| FolderError::System { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_for_one() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("data");
        let first = DataFolder::claim(&path, None).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        let refused = DataFolder::claim(&path, None).unwrap_err().to_string();
        let pid = format!("in use by process {};", std::process::id());
        assert!(refused.contains(&pid), "{refused}");
        drop(first);
        DataFolder::claim(&path, None).unwrap();
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_refused_at_once() {
        let long = Path::new("/tmp").join("x".repeat(120));
        let refused = DataFolder::claim(&long, None).unwrap_err().to_string();
        assert!(refused.contains("shorter folder"), "{refused}");
        assert!(!long.exists());
    }
}
