//! `jobyard node`, `template`, `filter`, `env` and `param`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::super::options::pair;
use super::{Daemon, Show};

/// `jobyard node`.
#[derive(Debug, Args)]
pub(crate) struct Node {
    #[command(flatten)]
    pub(crate) daemon: Daemon,
    #[command(subcommand)]
    pub(crate) verb: NodeVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeVerb {
    /// List the nodes
    List(Show),
    /// Show nodes: what they have, what of it is free, and who holds the rest
    View(NodeNames),
    /// Give nodes jobs again
    Online(NodeNames),
    /// Give nodes no jobs; running tasks may end there
    Offline(NodeNames),
    /// Give nodes no new jobs
    Drain(NodeNames),
    /// List the node groups
    Groups(Show),
    /// Say which groups a node is in, in place of those before
    SetGroups(SetGroups),
}

#[derive(Debug, Args)]
pub(crate) struct NodeNames {
    /// The nodes
    #[arg(value_name = "NODE", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct SetGroups {
    /// The node
    #[arg(value_name = "NODE")]
    pub(crate) node: String,
    /// All groups that it shall be in; none for none
    #[arg(value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// `jobyard template`.
#[derive(Debug, Args)]
pub(crate) struct Template {
    #[command(flatten)]
    pub(crate) daemon: Daemon,
    #[command(subcommand)]
    pub(crate) verb: TemplateVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TemplateVerb {
    /// List the job templates
    List(Show),
    /// Print one, as a file that can be set again
    View(TemplateName),
    /// Add one, or replace the one of that name
    Set(TemplateSet),
    /// Take one away that no job needs
    Delete(TemplateName),
}

#[derive(Debug, Args)]
pub(crate) struct TemplateName {
    /// Its name, in any case
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct TemplateSet {
    /// Its name
    pub(crate) name: String,
    /// What it says: a file in TOML, or in JSON (.json); `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// `jobyard filter`.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    #[command(flatten)]
    pub(crate) daemon: Daemon,
    #[command(subcommand)]
    pub(crate) verb: FilterVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FilterVerb {
    /// List the job filters of the daemon: which jobs they are asked about, how often, and how long they took
    List(Show),
    /// Show one, with its last answers
    View(FilterName),
}

#[derive(Debug, Args)]
pub(crate) struct FilterName {
    /// Its name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// `jobyard env`.
#[derive(Debug, Args)]
pub(crate) struct Env {
    #[command(flatten)]
    pub(crate) daemon: Daemon,
    #[command(subcommand)]
    pub(crate) verb: EnvVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvVerb {
    /// List the variables that every task gets
    List(Show),
    /// Set some
    Set(EnvSet),
    /// Do not set them any more
    Unset(EnvUnset),
}

#[derive(Debug, Args)]
pub(crate) struct EnvSet {
    /// The variables
    #[arg(value_name = "NAME=VALUE", required = true, value_parser = pair)]
    pub(crate) variables: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct EnvUnset {
    /// Their names
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// `jobyard param`.
#[derive(Debug, Args)]
pub(crate) struct Param {
    #[command(flatten)]
    pub(crate) daemon: Daemon,
    #[command(subcommand)]
    pub(crate) verb: ParamVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ParamVerb {
    /// List the cluster parameters
    List(Show),
    /// Print the value of one
    Get(ParamGet),
    /// Set one
    Set(ParamSet),
    /// Set one to its default
    Reset(ParamGet),
}

#[derive(Debug, Args)]
pub(crate) struct ParamGet {
    /// Its name, in any case
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct ParamSet {
    /// Its name, in any case
    pub(crate) name: String,
    /// Its value
    pub(crate) value: String,
    #[command(flatten)]
    pub(crate) show: Show,
}
