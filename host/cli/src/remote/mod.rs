//! Verbs that talk to a daemon: `jobyard job`, `task`, `node`, `template`, `env`, `param` and `policy`.

pub(crate) mod args;
mod at_rest;
mod client;
pub(crate) mod env;
mod explain;
pub(crate) mod job;
mod job_file;
mod job_show;
pub(crate) mod node;
mod options;
pub(crate) mod param;
pub(crate) mod policy;
pub(crate) mod show;
pub(crate) mod task;
pub(crate) mod template;

use std::process::ExitCode;

use crate::args::Data;
use crate::failure::Failure;
use crate::folders;

pub(crate) use client::Client;

/// Runs a verb with the daemon of this folder.
pub(crate) fn main(
    data: &Data,
    verb: impl AsyncFnOnce(Client) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let folder = folders::data(data.data.as_deref()).ok_or_else(|| {
        Failure::Input(
            "there is no home folder to find a daemon by: name its folder with --data".into(),
        )
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .map_err(Failure::work)?
        .block_on(verb(Client::new(folder)))
}
