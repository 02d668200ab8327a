//! `jobyard env`: the cluster's environment.

use std::process::ExitCode;

use comfy_table::Table;
use jobyard_server::environment::Environment;
use jobyard_server::parameters::NewValue;

use super::args::EnvVerb;
use super::client::part;
use super::{Client, show};
use crate::failure::Failure;
use crate::table;

/// What a verb does. Several variables are set one after the other; the first that is refused ends it.
pub(crate) fn run(verb: EnvVerb) -> impl AsyncFnOnce(Client) -> Result<ExitCode, Failure> {
    async move |client| {
        let form = match verb {
            EnvVerb::List(args) => args.form(),
            EnvVerb::Set(args) => {
                for (name, value) in args.variables {
                    client.put(&path(&name), NewValue { value }).await?;
                }
                args.show.form()
            }
            EnvVerb::Unset(args) => {
                for name in &args.names {
                    client.delete(&path(name)).await?;
                }
                args.show.form()
            }
        };
        let answer = client.get("/environment", ()).await?;
        show::answer(form, answer, |all: Environment| variables(&all))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn path(name: &str) -> String {
    format!("/environment/{}", part(name))
}

fn variables(all: &Environment) -> Table {
    let mut table = table::new(&["variable", "value"]);
    for (name, value) in &all.environment {
        table.add_row([name, value]);
    }
    table
}
