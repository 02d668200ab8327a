//! As which user of this machine work runs.
//!
//! A node that is root runs the work of each owner as the user of that name, with that user's groups; a node that is not has no choice.
//! Never as root, unless an administrator said so. Called by `work` for each piece of it, and by `spawn` in the child.
//!
//! What a process gives up it cannot get back: `no_new_privs` is set, so neither set-user-id programs nor `sudo` work in a task.

use std::ffi::{CString, OsStr};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::unistd::{User, getgrouplist, setfsgid, setfsuid};
use rustix::process::{Gid, Resource, Rlimit, Uid, getrlimit, setrlimit};
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use serde::{Deserialize, Serialize};

/// Processes and threads of one user of the machine, where work of theirs is begun, root aside: a task that starts without end harms its owner only.
const PROCESSES_MAX: u64 = 16_384;

/// As whom work runs, where the node is root. A node that is not runs everything as itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "lowercase")]
pub enum RunAs {
    /// As the node itself: for hosts that serve the person who started them.
    #[default]
    Node,
    /// As its owner.
    Owner {
        /// Whether root's work runs as root.
        root: bool,
        /// The user for owners who have none on this machine, and for root's work where that may not be root's; empty: such work is
        /// refused.
        guest: String,
    },
}

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    groups: Vec<Gid>,
    pub(crate) home: PathBuf,
    pub(crate) shell: PathBuf,
}

/// Why work runs as nobody. Its text is what the job's owner reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error(
        "root's work does not run as root here: an administrator can allow it with `root = true` in [tasks]"
    )]
    Root,
    #[error("owner `{0}` has no account on this node, and no guest is named for such owners")]
    None(String),
    #[error(
        "there is no user `{0}` on this node, as whom the work of owners without an account should run"
    )]
    NoGuest(String),
    #[error("the account of `{name}` can not be looked up: {source}")]
    Lookup { name: String, source: io::Error },
}

impl RunAs {
    /// The account for work of this owner; none: as the node. May ask the network, where names come from there.
    pub(crate) fn account(&self, owner: &str) -> Result<Option<Account>, AccountError> {
        let RunAs::Owner { root, guest } = self else {
            return Ok(None);
        };
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        // As HPC Pack writes owners: DOMAIN\name.
        let name = owner.rsplit('\\').next().unwrap_or(owner);
        let found = find(name)?;
        let is_root = found.as_ref().is_some_and(|account| account.uid.is_root());
        match found {
            Some(account) if !is_root || *root => Ok(Some(account)),
            Some(_) if guest.is_empty() => Err(AccountError::Root),
            None if guest.is_empty() => Err(AccountError::None(owner.into())),
            Some(_) | None => match find(guest)? {
                Some(account) if !account.uid.is_root() => Ok(Some(account)),
                Some(_) => Err(AccountError::Root),
                None => Err(AccountError::NoGuest(guest.clone())),
            },
        }
    }
}

fn find(name: &str) -> Result<Option<Account>, AccountError> {
    let failed = |errno: nix::Error| AccountError::Lookup {
        name: name.into(),
        source: errno.into(),
    };
    let Some(user) = User::from_name(name).map_err(failed)? else {
        return Ok(None);
    };
    // A name with a zero in it is nobody's.
    let text = CString::new(user.name.as_bytes()).unwrap_or_default();
    let groups = getgrouplist(&text, user.gid).map_err(failed)?;
    Ok(Some(Account {
        uid: Uid::from_raw(user.uid.as_raw()),
        gid: Gid::from_raw(user.gid.as_raw()),
        groups: groups
            .iter()
            .map(|group| Gid::from_raw(group.as_raw()))
            .collect(),
        name: user.name,
        home: user.dir,
        shell: user.shell,
    }))
}

impl Account {
    /// Becomes this user, for good. For the child of a fork: only system calls, no memory.
    pub(crate) fn become_it(&self) -> io::Result<()> {
        set_no_new_privs(true)?;
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        setrlimit(Resource::Core, none)?;
        let most = getrlimit(Resource::Nproc)
            .maximum
            .unwrap_or(u64::MAX)
            .min(PROCESSES_MAX);
        let few = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(Resource::Nproc, few)?;
        set_thread_groups(&self.groups)?;
        set_thread_res_gid(self.gid, self.gid, self.gid)?;
        set_thread_res_uid(self.uid, self.uid, self.uid)?;
        Ok(())
    }

    /// Does something with the files that this user may use, on this thread. Files that a job names are opened so: they are
    /// the owner's matter, not root's.
    ///
    /// # Errors
    /// The system does not let this thread be that user: nothing was done.
    pub(crate) fn with_its_files<T>(&self, act: impl FnOnce() -> T) -> io::Result<T> {
        let _back = FilesOf::enter(self)?;
        Ok(act())
    }

    /// Makes a folder for this user alone, in one that is the node's; one that is there stays as it is.
    pub(crate) fn make_folder(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {
                std::os::unix::fs::lchown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Its part of a login's environment.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        let text = |path: &OsStr| String::from_utf8_lossy(path.as_bytes()).into_owned();
        [
            ("HOME", text(self.home.as_os_str())),
            ("LOGNAME", self.name.clone()),
            ("SHELL", text(self.shell.as_os_str())),
            ("USER", self.name.clone()),
        ]
    }
}

/// A thread whose rights to files are those of another user, until it is dropped. It can still start processes, and come back.
struct FilesOf {
    groups: Vec<Gid>,
}

impl FilesOf {
    fn enter(account: &Account) -> io::Result<FilesOf> {
        let groups = rustix::process::getgroups()?;
        // From here on it goes back in any case.
        let back = FilesOf { groups };
        set_thread_groups(&account.groups)?;
        match become_for_files(account.uid, account.gid) {
            true => Ok(back),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}

impl Drop for FilesOf {
    fn drop(&mut self) {
        let is_back = become_for_files(Uid::ROOT, Gid::ROOT);
        if !is_back || set_thread_groups(&self.groups).is_err() {
            // A thread with the rights of one owner must not do the work of another.
            std::process::abort();
        }
    }
}

/// Sets user and group for files of this thread; says whether they are these.
fn become_for_files(uid: Uid, gid: Gid) -> bool {
    let (user, group) = (
        nix::unistd::Uid::from_raw(uid.as_raw()),
        nix::unistd::Gid::from_raw(gid.as_raw()),
    );
    setfsgid(group);
    setfsuid(user);
    // Each answers what was before; a number that nobody has changes nothing.
    let nobody = u32::MAX;
    setfsgid(nix::unistd::Gid::from_raw(nobody)) == group
        && setfsuid(nix::unistd::Uid::from_raw(nobody)) == user
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn of_owner(root: bool, guest: &str) -> RunAs {
        RunAs::Owner {
            root,
            guest: guest.into(),
        }
    }

    fn named(run_as: &RunAs, owner: &str) -> String {
        match run_as.account(owner) {
            Ok(Some(account)) => account.name,
            Ok(None) => "the node".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn owners_run_as_themselves_and_never_as_root_unless_it_was_said() {
        if !rustix::process::geteuid().is_root() {
            assert_eq!(named(&of_owner(false, "nobody"), "root"), "the node");
            return;
        }
        let table = [
            (RunAs::Node, "root", "the node"),
            (of_owner(false, "nobody"), "daemon", "daemon"),
            (of_owner(false, "nobody"), "CORP\\daemon", "daemon"),
            (of_owner(false, "nobody"), "root", "nobody"),
            (of_owner(true, "nobody"), "root", "root"),
            (of_owner(false, "nobody"), "no-such-user", "nobody"),
            (
                of_owner(true, ""),
                "no-such-user",
                "owner `no-such-user` has no account on this node",
            ),
            (
                of_owner(false, ""),
                "root",
                "root's work does not run as root here",
            ),
            (
                of_owner(false, "root"),
                "no-such-user",
                "root's work does not run as root here",
            ),
            (
                of_owner(false, "no-guest"),
                "",
                "there is no user `no-guest`",
            ),
        ];
        for (run_as, owner, expected) in table {
            let found = named(&run_as, owner);
            assert!(found.starts_with(expected), "{run_as:?}, {owner}: {found}");
        }
    }

    #[test]
    fn files_are_opened_as_the_owner_and_the_thread_comes_back() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("for-root");
        std::fs::write(&file, "x").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        let nobody = of_owner(false, "nobody").account("root").unwrap().unwrap();
        let read = nobody.with_its_files(|| std::fs::read(&file)).unwrap();
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(std::fs::read(&file).unwrap(), b"x");
    }
}
