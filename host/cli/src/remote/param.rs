//! `jobyard param`.

use std::process::ExitCode;

use comfy_table::{Cell, Table};
use jobyard_server::parameters::{NewValue, ParameterList, ParameterView};

use super::args::ParamVerb;
use super::client::part;
use super::show::Shown;
use super::{Client, show};
use crate::failure::Failure;
use crate::table;

/// What a verb does.
pub(crate) fn run(verb: ParamVerb) -> impl AsyncFnOnce(Client) -> Result<ExitCode, Failure> {
    async move |client| {
        match verb {
            ParamVerb::List(args) => {
                let answer = client.get("/parameters", ()).await?;
                show::answer(args.form(), answer, |list: ParameterList| {
                    parameters(&list.parameters)
                })?;
            }
            ParamVerb::Get(args) => {
                let answer = client.get(&path(&args.name), ()).await?;
                show::answer(args.show.form(), answer, |p: ParameterView| {
                    let text = p.value.clone();
                    Shown::from(parameters(&[p])).saying(text)
                })?;
            }
            ParamVerb::Set(args) => {
                let value = args.value;
                let answer = client.put(&path(&args.name), NewValue { value }).await?;
                show::answer(args.show.form(), answer, |p: ParameterView| set(p))?;
            }
            ParamVerb::Reset(args) => {
                let answer = client.delete(&path(&args.name)).await?;
                show::answer(args.show.form(), answer, |p: ParameterView| set(p))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn set(parameter: ParameterView) -> Shown {
    let text = format!("{} = {}", parameter.name, parameter.value);
    Shown::from(parameters(&[parameter])).saying(text)
}

fn path(name: &str) -> String {
    format!("/parameters/{}", part(name))
}

fn parameters(parameters: &[ParameterView]) -> Table {
    let mut table = table::new(&["parameter", "value", "default", "takes"]);
    for parameter in parameters {
        table.add_row([
            Cell::new(&parameter.name),
            Cell::new(&parameter.value),
            Cell::new(&parameter.default),
            Cell::new(&parameter.takes),
        ]);
    }
    table
}
