//! `jobyard user`: who may use a daemon over the network. Writes the file that the daemon reads, so it works before there is one and while it
//! runs; whoever may write that file may do this.

pub(crate) mod args;

use std::io::{BufRead, Read};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use comfy_table::Cell;
use jobyard::{Role, Roles};
use jobyard_server::DataFolder;
use jobyard_server::tokens::TokenView;
use jobyard_server::users::UserView;
use jobyard_users::{Kind, PASSWORD_BYTES_MAX, PasswordHash, Users};
use serde_json::json;

use self::args::{NewToken, User, UserVerb};
use crate::config::Config;
use crate::failure::Failure;
use crate::remote::show;
use crate::{folders, table};

pub(crate) fn main(user: User) -> Result<ExitCode, Failure> {
    let config = user.config.as_deref().map(Config::read).transpose()?;
    let data = user
        .data
        .data
        .or_else(|| config.and_then(|config| config.data));
    let path = folders::data(data.as_deref()).ok_or_else(|| {
        Failure::Input(
            "there is no home folder to find users in: name a data folder with --data".into(),
        )
    })?;
    let path = DataFolder::make(&path).map_err(Failure::input)?;
    let users = Users::open(&path).map_err(Failure::input)?;
    run(&users, user.verb)?;
    Ok(ExitCode::SUCCESS)
}

fn run(users: &Users, verb: UserVerb) -> Result<(), Failure> {
    match verb {
        UserVerb::Add(add) => {
            let hash = add.password_stdin.then(password).transpose()?;
            let roles: Roles = add.roles.into_iter().collect();
            let added = users.add(&add.name, roles, hash.as_ref(), now());
            added.map_err(Failure::input)?;
            show::line(&format!("{} was added: {}", add.name, names(roles)))
        }
        UserVerb::Set(set) => {
            if !set.roles.is_empty() {
                let roles = set.roles.into_iter().collect();
                users.set_roles(&set.name, roles).map_err(Failure::input)?;
            }
            let hash = set.password_stdin.then(password).transpose()?;
            if hash.is_some() || set.no_password {
                let changed = users.set_password(&set.name, hash.as_ref());
                changed.map_err(Failure::input)?;
            }
            show::line(&format!("{} was changed", set.name))
        }
        UserVerb::Remove(who) => {
            users.remove(&who.name).map_err(Failure::input)?;
            show::line(&format!("{} was removed", who.name))
        }
        UserVerb::List(args) => {
            let all = users.list().map_err(Failure::work)?;
            let all: Vec<UserView> = all.into_iter().map(UserView::from).collect();
            show::answer(
                args.form(),
                json!({ "users": all }),
                |_: serde_json::Value| {
                    let mut table = table::new(&["user", "roles", "password", "since"]);
                    for user in &all {
                        table.add_row([
                            Cell::new(&user.name),
                            Cell::new(names(user.roles.iter().copied().collect())),
                            Cell::new(if user.has_password { "yes" } else { "no" }),
                            Cell::new(show::time(&Some(user.created.clone()))),
                        ]);
                    }
                    table
                },
            )
        }
        UserVerb::Token(new) => token(users, new),
        UserVerb::Tokens(args) => {
            let all = users.tokens(&args.name, now()).map_err(Failure::work)?;
            let all: Vec<TokenView> = all.into_iter().map(TokenView::from).collect();
            show::answer(
                args.show.form(),
                json!({ "tokens": all }),
                |_: serde_json::Value| {
                    let mut table = table::new(&["token", "note", "at most", "expires"]);
                    for token in &all {
                        let mut may = names(token.roles.iter().copied().collect());
                        if token.read_only {
                            may += ", looking only";
                        }
                        table.add_row([
                            Cell::new(token.id),
                            Cell::new(&token.note),
                            Cell::new(may),
                            Cell::new(show::time(&Some(token.expires.clone()))),
                        ]);
                    }
                    table
                },
            )
        }
        UserVerb::Revoke(revoke) => {
            let revoked = users.revoke(&revoke.name, revoke.token);
            revoked.map_err(Failure::input)?;
            show::line(&format!(
                "token {} of {} has ended",
                revoke.token, revoke.name
            ))
        }
    }
}

fn token(users: &Users, new: NewToken) -> Result<(), Failure> {
    let now = now();
    let roles: Roles = match new.roles.is_empty() {
        true => Role::ALL.into_iter().collect(),
        false => new.roles.into_iter().collect(),
    };
    let token = jobyard_users::NewToken {
        kind: Kind::Token,
        note: new.note,
        roles,
        read_only: new.read_only,
        expires: now + i64::from(new.days) * 86_400,
    };
    let made = users.new_token(&new.name, &token, now);
    let (_, secret) = made.map_err(Failure::input)?;
    show::line(secret.reveal())
}

/// The first line of standard input, hashed.
fn password() -> Result<PasswordHash, Failure> {
    let mut line = String::new();
    // A line break more than what may be read.
    let input = std::io::stdin().lock().take(PASSWORD_BYTES_MAX as u64 + 2);
    let mut input = std::io::BufReader::new(input);
    input.read_line(&mut line).map_err(Failure::input)?;
    PasswordHash::of(line.trim_end_matches(['\r', '\n'])).map_err(Failure::input)
}

fn names(roles: Roles) -> String {
    let names: Vec<String> = roles.iter().map(|role| role.to_string()).collect();
    names.join(", ")
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}
