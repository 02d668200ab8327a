//! A path's way from a granted folder down, one name at a time.
//!
//! Each folder is opened relative to the one above and never through a link, so that nobody can put a link in the
//! way between a look and a use. A link is read, judged and walked by the same rules.

use std::collections::VecDeque;
use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, readlinkat, statat};
use rustix::io::Errno;

/// Links that one path may lead through, as the kernel has it.
const LINKS_MAX: usize = 40;

/// Why a walk ended before its end.
pub(super) enum Stop {
    /// Something on the way is not there.
    Missing,
    /// A link leads out of the granted folder, or is one where none may be.
    Outside(PathBuf),
    Failed(Errno),
}

impl Stop {
    pub(super) fn say(self, what: &str, path: &str) -> String {
        match self {
            Stop::Missing => format!("cannot {what} {path}: {}", Errno::NOENT),
            Stop::Outside(link) => {
                format!(
                    "cannot {what} {path}: the link {} leads out of the granted folder",
                    link.display()
                )
            }
            Stop::Failed(errno) => format!("cannot {what} {path}: {errno}"),
        }
    }
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        if errno == Errno::NOENT {
            Stop::Missing
        } else {
            Stop::Failed(errno)
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum OnMissing {
    Stop,
    /// Make it, for this user and group where they are given.
    Create(Option<(u32, u32)>),
}

/// A name in an open folder.
pub(super) struct Place {
    pub(super) folder: OwnedFd,
    pub(super) name: OsString,
}

impl Place {
    pub(super) fn stat(&self) -> Result<rustix::fs::Stat, Errno> {
        statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW)
    }
}

/// A path on its way from a granted folder down.
pub(super) struct Walk {
    granted: PathBuf,
    /// The folder that holds the granted one: trusted.
    above: PathBuf,
    own_name: OsString,
    /// What is still to be walked, below the granted folder.
    names: VecDeque<OsString>,
}

impl Walk {
    /// From the granted folder, which lies in `above` under `own_name`, to what is `below` it.
    pub(super) fn new(granted: &Path, above: &Path, own_name: &OsStr, below: &Path) -> Self {
        Self {
            granted: granted.to_owned(),
            above: above.to_owned(),
            own_name: own_name.to_owned(),
            names: below.iter().map(OsStr::to_owned).collect(),
        }
    }

    /// Walks to the folder that holds the last name, which is not looked at.
    pub(super) fn last_name(mut self) -> Result<Place, Stop> {
        match self.names.pop_back() {
            None => Ok(Place {
                folder: open_trusted(&self.above)?,
                name: self.own_name,
            }),
            Some(name) => Ok(Place {
                folder: self.all_the_way(OnMissing::Stop)?,
                name,
            }),
        }
    }

    /// Walks to the end, through links that stay inside, and opens what is there, which must be a folder.
    pub(super) fn all_the_way(mut self, missing: OnMissing) -> Result<OwnedFd, Stop> {
        if let OnMissing::Create(_) = missing {
            std::fs::create_dir_all(&self.above)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        }
        let mut links_left = LINKS_MAX;
        let above = open_trusted(&self.above)?;
        // The folders from the granted one down to where the walk stands.
        let mut way = vec![match step(&above, &self.own_name, missing)? {
            Step::Folder(folder) => folder,
            Step::Link(_) => return Err(Stop::Outside(self.granted)),
        }];
        while let Some(name) = self.names.pop_front() {
            let Some(here) = way.last() else {
                return Err(Stop::Outside(self.granted));
            };
            if name == ".." {
                // Only a link's target can hold one.
                way.pop();
                if way.is_empty() {
                    return Err(Stop::Outside(self.granted));
                }
                continue;
            }
            match step(here, &name, missing)? {
                Step::Folder(folder) => way.push(folder),
                Step::Link(target) => {
                    if links_left == 0 {
                        return Err(Stop::Failed(Errno::LOOP));
                    }
                    links_left -= 1;
                    let target = match target.strip_prefix(&self.granted) {
                        Ok(below) => {
                            way.truncate(1);
                            below
                        }
                        Err(_) if target.is_absolute() => return Err(Stop::Outside(target)),
                        Err(_) => &target,
                    };
                    for name in target.components().rev() {
                        match name {
                            Component::Normal(name) => self.names.push_front(name.to_owned()),
                            Component::ParentDir => self.names.push_front("..".into()),
                            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
                        }
                    }
                }
            }
        }
        way.pop().ok_or(Stop::Outside(self.granted))
    }
}

enum Step {
    Folder(OwnedFd),
    Link(PathBuf),
}

/// One name further down, without following it.
fn step(folder: &OwnedFd, name: &OsStr, missing: OnMissing) -> Result<Step, Stop> {
    let mut give = None;
    if let OnMissing::Create(belongs_to) = missing {
        match mkdirat(folder, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => give = belongs_to,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(Stop::Failed(errno)),
        }
    }
    match openat(folder, name, FOLDER, Mode::empty()) {
        Ok(folder) => {
            if let Some(belongs_to) = give {
                give_away(&folder, belongs_to)?;
            }
            Ok(Step::Folder(folder))
        }
        // What an open folder that must not be a link says of a link depends on the system.
        Err(Errno::NOTDIR | Errno::LOOP) => match readlinkat(folder, name, Vec::new()) {
            Ok(target) => Ok(Step::Link(OsString::from_vec(target.into_bytes()).into())),
            Err(Errno::INVAL) => Err(Stop::Failed(Errno::NOTDIR)),
            Err(errno) => Err(errno.into()),
        },
        Err(errno) => Err(errno.into()),
    }
}

/// Gives a folder that was just made to somebody. By what is open, since the name may be another's by now; and only what is this process's: no
/// folder of anybody else changes hands.
fn give_away(folder: &OwnedFd, (user, group): (u32, u32)) -> Result<(), Errno> {
    let own = rustix::process::geteuid();
    if rustix::fs::fstat(folder)?.st_uid != own.as_raw() {
        return Ok(());
    }
    let (user, group) = (
        rustix::fs::Uid::from_raw(user),
        rustix::fs::Gid::from_raw(group),
    );
    rustix::fs::fchown(folder, Some(user), Some(group))
}

/// To be read, not followed, not handed to processes.
pub(super) const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

fn open_trusted(folder: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(
        folder,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

pub(super) fn is_dot(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}
