//! The files of a node process in its data folder. The table in the parent module says which.
//!
//! Both sides use it: the host writes the configuration and finds the socket, the node process has the rest.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};

use super::ProcessConfig;

const FOLDER: &str = "node";
const LOCK: &str = "lock";
const SOCKET: &str = "socket";
const CONFIGURATION: &str = "configuration.json";
const RUNS: &str = "runs.json";
const LOG: &str = "log";
/// How much of a log is shown when a process did not start, in bytes.
const LOG_TAIL_BYTES: u64 = 2048;
/// A log that is longer when a process is started is moved to `log.old` first, in bytes.
const LOG_BYTES_MAX: u64 = 4 << 20;

/// The folder of a node process.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    /// A way to the socket that is short enough for one: its address holds 107 bytes.
    folder: File,
}

/// Held as long as this process has the data folder. No process that is started inherits it, but one that is just being started holds it
/// until its program is loaded: so whoever gets the lock finds every process of the former holder by its marks.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// What is wrong with the files of a node process.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A file or folder can not be used.
    #[error("`{}` can not be used: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{}` is not understood: {source}; remove it, and the host writes it again", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The folder is somebody else's.
    #[error("`{}` belongs to user {owner}, not to {user}, as whom this runs", path.display())]
    Owner {
        /// Which.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// A node process has this data folder already.
    #[error("the data folder `{}` has a node process already: process {process}", data.display())]
    Busy {
        /// The data folder.
        data: PathBuf,
        /// Its number, as it wrote it.
        process: String,
    },
}

impl Place {
    /// Opens the folder, which is made if it is not there.
    pub(crate) fn open(data: &Path) -> Result<Place, PlaceError> {
        let path = data.join(FOLDER);
        let wrong = at(&path);
        let open = || {
            std::fs::create_dir_all(data)?;
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(flags.bits().cast_signed());
            options.open(&path)
        };
        let folder = open().map_err(wrong)?;
        let owner = folder.metadata().map_err(at(&path))?.uid();
        let user = rustix::process::geteuid().as_raw();
        // Another's folder could hold another's socket.
        if owner != user && owner != 0 {
            return Err(PlaceError::Owner { path, owner, user });
        }
        Ok(Place { path, folder })
    }

    /// Takes the data folder for this process.
    pub(crate) fn lock(&self) -> Result<Lock, PlaceError> {
        let path = self.path.join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.mode(0o600).open(&path).map_err(at(&path))?;
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut process = String::new();
            let _ = file.read_to_string(&mut process);
            let data = self.path.parent().unwrap_or(&self.path).to_owned();
            let process = process.trim().to_owned();
            return Err(PlaceError::Busy { data, process });
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(at(&path))?;
        Ok(Lock { _file: file })
    }

    /// Where the socket is, in a way that lasts as long as this.
    pub(crate) fn socket(&self) -> PathBuf {
        PathBuf::from(format!(
            "/proc/self/fd/{}/{SOCKET}",
            self.folder.as_raw_fd()
        ))
    }

    /// Where the socket is, for people.
    pub(crate) fn socket_shown(&self) -> PathBuf {
        self.path.join(SOCKET)
    }

    /// What the host wrote last; none when no host has.
    pub(crate) fn configuration(&self) -> Result<Option<(ProcessConfig, String)>, PlaceError> {
        let path = self.path.join(CONFIGURATION);
        let Some(text) = read(&path)? else {
            return Ok(None);
        };
        match serde_json::from_str(&text) {
            Ok(config) => Ok(Some((config, text))),
            Err(source) => Err(PlaceError::Content { path, source }),
        }
    }

    /// The text of a configuration, which is written if it is not there already.
    pub(crate) fn configure(&self, config: &ProcessConfig) -> Result<String, PlaceError> {
        let path = self.path.join(CONFIGURATION);
        let text = written(config, &path)?;
        if read(&path)?.as_deref() != Some(text.as_str()) {
            replace(&path, &text)?;
        }
        Ok(text)
    }

    /// The runs of which processes may be left.
    pub(crate) fn runs(&self) -> Result<Vec<String>, PlaceError> {
        let path = self.path.join(RUNS);
        match read(&path)? {
            None => Ok(Vec::new()),
            Some(text) => {
                serde_json::from_str(&text).map_err(|source| PlaceError::Content { path, source })
            }
        }
    }

    /// Writes them, durably.
    pub(crate) fn set_runs(&self, runs: &[String]) -> Result<(), PlaceError> {
        let path = self.path.join(RUNS);
        replace(&path, &written(&runs, &path)?)?;
        self.folder.sync_all().map_err(at(&self.path))
    }

    /// The log, to append to.
    pub(crate) fn log(&self) -> Result<File, PlaceError> {
        let path = self.path.join(LOG);
        if std::fs::metadata(&path).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
            std::fs::rename(&path, self.path.join("log.old")).map_err(at(&path))?;
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.open(&path).map_err(at(&path))
    }

    /// The end of the log.
    pub(crate) fn log_tail(&self) -> String {
        let tail = || {
            let mut file = File::open(self.path.join(LOG))?;
            let length = file.metadata()?.len();
            file.seek(io::SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
            Ok::<_, io::Error>(String::from_utf8_lossy(&bytes).trim_end().to_owned())
        };
        let all = tail().unwrap_or_default();
        all.lines().last().unwrap_or_default().to_owned()
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> PlaceError + use<> {
    let path = path.to_owned();
    move |source| PlaceError::File {
        path: path.clone(),
        source,
    }
}

fn read(path: &Path) -> Result<Option<String>, PlaceError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(at(path)(source)),
    }
}

fn written(value: &impl serde::Serialize, path: &Path) -> Result<String, PlaceError> {
    serde_json::to_string_pretty(value).map_err(|source| PlaceError::Content {
        path: path.to_owned(),
        source,
    })
}

/// Never half a file, whatever happens meanwhile.
fn replace(path: &Path, text: &str) -> Result<(), PlaceError> {
    let new = path.with_extension("new");
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().map_err(at(path))
}
