//! Removes a folder with all that is in it, however deep, without following a link.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fchmod, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::walk::{FOLDER, Place, is_dot};

/// Folders held open at once; what lies deeper is moved up first.
const DEPTH_MAX: usize = 64;

/// How often it begins anew on a folder that is not empty afterwards, because it was deep or somebody fills it.
const PASSES_MAX: usize = 10_000;

/// Where below the removed path it went wrong, and how.
pub(super) type RemovalError = (PathBuf, Errno);

pub(super) struct Removal<'a> {
    pub(super) abandoned: &'a AtomicBool,
}

impl Removal<'_> {
    pub(super) fn remove(&self, place: &Place) -> Result<(), RemovalError> {
        let at_top = |errno| (PathBuf::new(), errno);
        match place.stat() {
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(at_top(errno)),
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::Directory => {
                return gone(unlinkat(&place.folder, &place.name, AtFlags::empty()))
                    .map_err(at_top);
            }
            Ok(_) => {}
        }
        // More than one pass where folders were moved up from the deep, or somebody writes at the same time.
        for _ in 0..PASSES_MAX {
            let name = CString::new(place.name.as_bytes()).map_err(|_| at_top(Errno::INVAL))?;
            let Some(top) = open_folder(place.folder.as_fd(), &name).map_err(at_top)? else {
                return Ok(());
            };
            self.empty(top.as_fd(), top.as_fd(), 0)?;
            match gone(unlinkat(&place.folder, &place.name, AtFlags::REMOVEDIR)) {
                Ok(()) => return Ok(()),
                Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                Err(errno) => return Err(at_top(errno)),
            }
        }
        Err(at_top(Errno::NOTEMPTY))
    }

    /// Removes what is in a folder, as far as it was there when it was read.
    fn empty(
        &self,
        folder: BorrowedFd<'_>,
        top: BorrowedFd<'_>,
        depth: usize,
    ) -> Result<(), RemovalError> {
        let here = |errno| (PathBuf::new(), errno);
        for entry in Dir::read_from(folder).map_err(here)? {
            if self.abandoned.load(Ordering::Relaxed) {
                return Err(here(Errno::CANCELED));
            }
            let entry = entry.map_err(here)?;
            let name = entry.file_name();
            if is_dot(name) {
                continue;
            }
            self.remove_entry(folder, name, top, depth)
                .map_err(|(below, errno)| {
                    (
                        Path::new(OsStr::from_bytes(name.to_bytes())).join(below),
                        errno,
                    )
                })?;
        }
        Ok(())
    }

    fn remove_entry(
        &self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        top: BorrowedFd<'_>,
        depth: usize,
    ) -> Result<(), RemovalError> {
        let here = |errno| (PathBuf::new(), errno);
        let refusal = match unlink(folder, name, AtFlags::empty()) {
            Ok(()) => return Ok(()),
            // What unlinking a folder gives: Linux says the first, POSIX the second.
            Err(errno @ (Errno::ISDIR | Errno::PERM)) => errno,
            Err(errno) => return Err(here(errno)),
        };
        if depth == DEPTH_MAX {
            // The next pass finds it at the top.
            let moved = format!(".removing-{}-{}", std::process::id(), unique());
            return gone(renameat(folder, name, top, moved.as_str())).map_err(here);
        }
        let child = match open_folder(folder, name) {
            Ok(Some(child)) => child,
            Ok(None) => return Ok(()),
            Err(Errno::NOTDIR) => return Err(here(refusal)),
            Err(errno) => return Err(here(errno)),
        };
        self.empty(child.as_fd(), top, depth + 1)?;
        match unlink(folder, name, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(()),
            // Filled again, or a folder was moved into it: another pass finds it.
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            Err(errno) => Err(here(errno)),
        }
    }
}

/// Removes a name; when the folder that holds it forbids that to its owner, allows it first.
fn unlink(folder: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> Result<(), Errno> {
    match gone(unlinkat(folder, name, flags)) {
        Err(Errno::ACCESS) if fchmod(folder, Mode::RWXU).is_ok() => {
            gone(unlinkat(folder, name, flags))
        }
        other => other,
    }
}

/// Opens a folder to be read, `None` when it is gone; one that forbids that to its owner is allowed it first.
fn open_folder(folder: BorrowedFd<'_>, name: &CStr) -> Result<Option<OwnedFd>, Errno> {
    let open = || openat(folder, name, FOLDER, Mode::empty());
    match open() {
        Ok(child) => Ok(Some(child)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::ACCESS) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let handle = openat(folder, name, flags, Mode::empty())?;
            // A handle that may not be read has no other way to its permissions.
            let path = format!("/proc/self/fd/{}", handle.as_raw_fd());
            rustix::fs::chmod(path, Mode::RWXU)?;
            open().map(Some)
        }
        Err(errno) => Err(errno),
    }
}

/// What is not there any more needs no removing.
fn gone(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
