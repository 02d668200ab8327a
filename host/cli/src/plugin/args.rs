//! The arguments of `jobyard plugin`.

use clap::{Args, Subcommand};

use crate::args::setting;
use crate::remote::args::{Daemon, Show};

/// `jobyard plugin`.
#[derive(Debug, Args)]
pub(crate) struct Plugins {
    #[command(flatten)]
    pub(crate) daemon: Daemon,
    #[command(subcommand)]
    pub(crate) verb: PluginVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginVerb {
    /// List the components that are built in, and the policies that a daemon keeps, if there is one
    List(List),
    /// Say what a component is, what it may use, and what can be set
    Inspect(Inspect),
    /// Whether a component could be used: it fits its world and its manifest, and takes these settings. What a policy does is tried by `jobyard policy check`
    Check(Check),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only components of this world, as task-executor
    #[arg(long, value_name = "WORLD")]
    pub(crate) world: Option<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A built-in component by name (policy-fifo, or fifo where no other has that name), a file, or a policy that the daemon keeps
    #[arg(value_name = "NAME|FILE.wasm")]
    pub(crate) plugin: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A built-in component by name, a file, or a policy that the daemon keeps
    #[arg(value_name = "NAME|FILE.wasm")]
    pub(crate) plugin: String,
    /// A setting; may be given again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) show: Show,
}
