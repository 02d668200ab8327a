//! `[tasks]`: as whom tasks run, where the daemon is root's.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jobyard::node::RunAs;
use rustix::process::geteuid;
use serde::Deserialize;
use tracing::info;

use crate::failure::Failure;

/// The user for owners who have no account, where nobody says.
const GUEST: &str = "nobody";

/// As whom tasks run.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tasks {
    /// Whether root's tasks run as root.
    pub(crate) root: bool,
    /// The user for owners without an account; empty for none.
    pub(crate) guest: Option<String>,
}

impl Tasks {
    /// What nodes are told: a daemon that is root runs tasks as their owners, another can only run them as itself.
    pub(crate) fn run_as(&self, root: bool) -> RunAs {
        match geteuid().is_root() {
            true => RunAs::Owner {
                root,
                guest: self.guest.clone().unwrap_or_else(|| GUEST.into()),
            },
            false => RunAs::Node,
        }
    }
}

/// Says it, since it is not what everybody expects.
pub(crate) fn say(run_as: &RunAs) {
    let RunAs::Owner { root, guest } = run_as else {
        return;
    };
    let who = match root {
        true => "those of owners without an account here",
        false => "root's, and those of owners without an account here,",
    };
    match guest.is_empty() {
        true => info!("tasks run as their owners; {who} are refused"),
        false => info!("tasks run as their owners; {who} run as {guest}"),
    }
}

/// Lets owners pass through a folder to what is theirs in it, and see nothing else there.
pub(crate) fn let_through(folder: &Path) -> Result<(), Failure> {
    let open = || {
        let mode = folder.metadata()?.permissions().mode();
        std::fs::set_permissions(folder, Permissions::from_mode(mode & 0o777 | 0o011))
    };
    let failed = |error: std::io::Error| Failure::Input(format!("{}: {error}", folder.display()));
    open().map_err(failed)
}
