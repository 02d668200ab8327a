//! `jobyard policy` with a daemon.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jobyard::kernel::Span;

use super::Show;
use crate::args::setting;

/// Verbs that a daemon answers.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// List the policies that the daemon keeps, and which of them decides
    List(Show),
    /// Keep a component, to be put in force or tried
    Load(PolicyLoad),
    /// Put a policy in force, between two passes and after a dry run
    Activate(PolicyActivate),
    /// Put back what was in force before
    Rollback(PolicyRollback),
    /// List which policies were in force, since when, and why
    History(Show),
    /// Ask a policy what it would do, beside the one in force; without one: no more
    Shadow(PolicyShadow),
    /// Print how the shadow and the policy in force differ, and what the shadow costs
    Diff(PolicyDiff),
    /// Let a policy decide for some of the nodes; without one: no more
    Canary(PolicyCanary),
    /// Say where a job stands in the queue, who has what it needs, when it will start, and what would make it start sooner
    Explain(PolicyExplain),
    /// Run passes of the journal again and compare: the proof of what decided what
    Verify(PolicyVerify),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyLoad {
    /// A built-in policy by name, or the file of a component
    #[arg(value_name = "NAME|FILE.wasm")]
    pub(crate) policy: String,
    /// What to call it [default: its name or file]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Its manifest [default: the file of the same name with .toml, or plugin.toml beside it]
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyActivate {
    /// A policy that the daemon keeps, by name or digest; a built-in one; or the file of a component
    #[arg(value_name = "POLICY")]
    pub(crate) policy: String,
    /// A setting of it; may be given again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// Why, for the history
    #[arg(short = 'm', long, default_value = "")]
    pub(crate) why: String,
    /// Put the one before back when this one does not keep the bounds below, for so long
    #[arg(long, value_name = "TIME", value_parser = span, requires = "bounds")]
    pub(crate) guard_for: Option<Span>,
    /// Faults that are allowed
    #[arg(long, value_name = "N", group = "bounds", requires = "guard_for")]
    pub(crate) max_faults: Option<u64>,
    /// Refused proposals that are allowed
    #[arg(long, value_name = "N", group = "bounds", requires = "guard_for")]
    pub(crate) max_refused: Option<u64>,
    /// How long a pass may take
    #[arg(long, value_name = "TIME", value_parser = span, group = "bounds", requires = "guard_for")]
    pub(crate) max_pass: Option<Span>,
    /// How long a job may wait that is submitted meanwhile and could start
    #[arg(long, value_name = "TIME", value_parser = span, group = "bounds", requires = "guard_for")]
    pub(crate) max_wait: Option<Span>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyRollback {
    /// The number of an activation [default: the one before]
    #[arg(long, value_name = "N")]
    pub(crate) to: Option<u32>,
    /// Why, for the history
    #[arg(short = 'm', long, default_value = "")]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyShadow {
    /// A policy that the daemon keeps, by name or digest; a built-in one; or the file of a component
    #[arg(value_name = "POLICY")]
    pub(crate) policy: Option<String>,
    /// A setting of it; may be given again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting, requires = "policy")]
    pub(crate) settings: Vec<(String, String)>,
    /// Why, for the journal
    #[arg(short = 'm', long, default_value = "")]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyDiff {
    /// Print so many of the latest passes in which they differ
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) passes: usize,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyCanary {
    /// A policy that the daemon keeps, by name or digest; a built-in one; or the file of a component
    #[arg(value_name = "POLICY")]
    pub(crate) policy: Option<String>,
    /// A setting of it; may be given again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting, requires = "policy")]
    pub(crate) settings: Vec<(String, String)>,
    /// Its nodes: those in this group; may be given again
    #[arg(
        long = "group",
        value_name = "GROUP",
        requires = "policy",
        conflicts_with = "percent"
    )]
    pub(crate) groups: Vec<String>,
    /// Its nodes: so many in a hundred
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=99), requires = "policy")]
    pub(crate) percent: Option<u8>,
    /// Why, for the journal
    #[arg(short = 'm', long, default_value = "")]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyExplain {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: u32,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyVerify {
    /// From this pass on, or from this time on (RFC 3339)
    #[arg(long, value_name = "PASS|TIME")]
    pub(crate) from: Option<String>,
    /// Up to this pass, or this time
    #[arg(long, value_name = "PASS|TIME")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// A length of time with its unit.
fn span(text: &str) -> Result<Span, String> {
    let span = jobyard::jobfile::parse_span(text).map_err(|error| error.to_string())?;
    span.ok_or_else(|| "it has an end: give a length of time, as 10m".to_string())
}
