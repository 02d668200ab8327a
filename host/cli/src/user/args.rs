//! The arguments of `jobyard user`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jobyard::Role;

use crate::args::Data;
use crate::remote::args::Show;

/// `jobyard user`.
#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Or the configuration of the daemon, which says where its data folder is
    #[arg(long, global = true, value_name = "FILE.toml", env = "JOBYARD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) verb: UserVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserVerb {
    /// Add a user; a daemon that runs knows them at once
    Add(Add),
    /// List the users
    List(Show),
    /// Change a user's roles or password
    Set(Set),
    /// Take a user away, with their tokens; their jobs stay
    Remove(Name),
    /// Make a token for a user, and print it: it is not seen again
    Token(NewToken),
    /// List a user's tokens
    Tokens(Tokens),
    /// End a token
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Their name; it becomes the owner of their jobs
    pub(crate) name: String,
    /// What they may do: User, JobOperator, JobAdministrator or Administrator; may be given again
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = role)]
    pub(crate) roles: Vec<Role>,
    /// Read their password from standard input, up to the end of its first line. Without it they have none, and use tokens
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct Set {
    /// Who
    pub(crate) name: String,
    /// What they may do, in place of what they might before; may be given again
    #[arg(long = "role", value_name = "ROLE", value_parser = role, group = "what")]
    pub(crate) roles: Vec<Role>,
    /// Read a new password from standard input; sessions end
    #[arg(long, group = "what")]
    pub(crate) password_stdin: bool,
    /// Take the password away: they use tokens only
    #[arg(long, group = "what", conflicts_with = "password_stdin")]
    pub(crate) no_password: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Who
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct NewToken {
    /// For whom
    pub(crate) name: String,
    /// What to call it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
    /// At most these roles [default: all of the user's]; may be given again
    #[arg(long = "role", value_name = "ROLE", value_parser = role)]
    pub(crate) roles: Vec<Role>,
    /// It may only look
    #[arg(long)]
    pub(crate) read_only: bool,
    /// When it ends
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub(crate) days: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Tokens {
    /// Whose
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Whose
    pub(crate) name: String,
    /// Its number
    #[arg(value_name = "TOKEN")]
    pub(crate) token: i64,
}

/// A role by its name, in any case and with or without dashes.
fn role(text: &str) -> Result<Role, String> {
    let plain = text.replace(['-', '_'], "").to_ascii_lowercase();
    let mut all = Role::ALL.into_iter();
    let found = all.find(|role| role.to_string().to_ascii_lowercase() == plain);
    found.ok_or_else(|| "it is User, JobOperator, JobAdministrator or Administrator".into())
}
