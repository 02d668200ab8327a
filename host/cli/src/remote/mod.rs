//! Verbs that talk to a daemon: `jobyard job`, `task`, `node`, `template`, `env`, `param`, `policy`, `filter` and `top`.

pub(crate) mod args;
mod at_rest;
mod client;
pub(crate) mod env;
mod explain;
pub(crate) mod filter;
mod https;
pub(crate) mod job;
mod job_file;
pub(crate) mod job_show;
pub(crate) mod node;
mod options;
pub(crate) mod param;
pub(crate) mod policy;
pub(crate) mod show;
pub(crate) mod task;
pub(crate) mod template;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::Config;
use crate::failure::Failure;
use crate::folders;
use args::Daemon;

pub(crate) use client::Client;
use https::Https;

/// Runs a verb with the daemon that is meant.
pub(crate) fn main(
    daemon: &Daemon,
    verb: impl AsyncFnOnce(Client) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let client = client(daemon)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(Failure::work)?.block_on(verb(client))
}

/// The one at the address, or the one whose data folder is meant.
fn client(daemon: &Daemon) -> Result<Client, Failure> {
    // An empty variable is as good as none.
    let server = daemon.server.as_deref().filter(|server| !server.is_empty());
    if let Some(server) = server {
        let folder = folder(daemon).ok();
        let (token, ca) = (daemon.token_file.as_deref(), daemon.ca.as_deref());
        let https = Https::new(server, token, ca, folder.as_deref())?;
        return Ok(Client::Https(https));
    }
    folder(daemon).map(Client::Socket)
}

/// The data folder: of the option, else of the configuration, else the user's.
pub(crate) fn folder(daemon: &Daemon) -> Result<PathBuf, Failure> {
    let mut chosen = daemon.data.data.clone();
    if let (None, Some(file)) = (&chosen, &daemon.config) {
        chosen = Config::read(file)?.data;
    }
    folders::data(chosen.as_deref()).ok_or_else(|| {
        Failure::Input(
            "there is no home folder to find a daemon by: name its folder with --data".into(),
        )
    })
}

/// The same for what is done with the journal in it, which no address has.
pub(crate) fn folder_here(daemon: &Daemon) -> Result<PathBuf, Failure> {
    match daemon.server.as_deref().filter(|server| !server.is_empty()) {
        None => folder(daemon),
        Some(server) => Err(Failure::Input(format!(
            "this reads the journal in the data folder: say it where the daemon runs, with --data in place of --server {server}"
        ))),
    }
}
