//! The arguments of `jobyard top`.

use clap::Args;

use crate::remote::args::Daemon;

/// `jobyard top`.
#[derive(Debug, Args)]
#[command(
    after_help = "Keys: Tab another list, arrows or j and k up and down, PgUp and PgDn a page, Enter a job in full, c cancel it, q the end"
)]
pub(crate) struct Top {
    /// Print what there is now, as text, and end
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) daemon: Daemon,
}
