//! `jobyard template`.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use comfy_table::{Cell, Table};
use jobyard_server::templates::{RuleView, TemplateList, TemplateView};
use serde_json::Value;

use super::args::{Form, TemplateName, TemplateSet, TemplateVerb};
use super::client::part;
use super::show::Shown;
use super::{Client, show};
use crate::failure::Failure;
use crate::table;

/// Bytes of a template's file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a verb does.
pub(crate) fn run(verb: TemplateVerb) -> impl AsyncFnOnce(Client) -> Result<ExitCode, Failure> {
    async move |client| {
        let client = &client;
        match verb {
            TemplateVerb::List(args) => {
                let answer = client.get("/templates", ()).await?;
                show::answer(args.form(), answer, |list: TemplateList| {
                    templates(&list.templates)
                })?;
            }
            TemplateVerb::View(args) => view(client, args).await?,
            TemplateVerb::Set(args) => set(client, args).await?,
            TemplateVerb::Delete(args) => {
                client.delete(&path(&args.name)).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// As a file that can be set again: in TOML, or as it came.
async fn view(client: &Client, args: TemplateName) -> Result<(), Failure> {
    let answer = client.get(&path(&args.name), ()).await?;
    match args.show.form() {
        Form::Json => show::answer(Form::Json, answer, |_: Value| String::new()),
        form @ (Form::Csv | Form::Ids) => show::answer(form, answer, |template: TemplateView| {
            Shown::from(rules(&template)).called([template.name])
        }),
        Form::Table => {
            let text = toml::to_string(&answer).map_err(Failure::work)?;
            show::line(text.trim_end())
        }
    }
}

async fn set(client: &Client, args: TemplateSet) -> Result<(), Failure> {
    let template = read(&args.file)?;
    let answer = client.put(&path(&args.name), template).await?;
    show::answer(args.show.form(), answer, |template: TemplateView| {
        templates(std::slice::from_ref(&template))
    })
}

/// The file as JSON. What is in it is the daemon's to judge.
fn read(file: &Path) -> Result<Value, Failure> {
    let bad =
        |error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", file.display()));
    let is_input = file.as_os_str() == "-";
    let path = if is_input {
        Path::new("/dev/stdin")
    } else {
        file
    };
    let opened = std::fs::File::open(path).map_err(|error| bad(&error))?;
    let mut text = String::new();
    let read = opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    if read.map_err(|error| bad(&error))? as u64 > FILE_BYTES_MAX {
        return Err(bad(&format!("more than {FILE_BYTES_MAX} bytes")));
    }
    match text.trim_start().starts_with('{') {
        true => serde_json::from_str(&text).map_err(|error| bad(&error)),
        false => toml::from_str(&text).map_err(|error| bad(&error)),
    }
}

fn path(name: &str) -> String {
    format!("/templates/{}", part(name))
}

fn templates(templates: &[TemplateView]) -> Table {
    let mut table = table::new(&["template", "users", "rules", "description"]);
    for template in templates {
        let users = template.users.as_ref();
        let names: Vec<&str> = template.rules.keys().map(String::as_str).collect();
        table.add_row([
            Cell::new(&template.name),
            Cell::new(users.map_or("all".into(), |users| users.join(", "))),
            Cell::new(names.join(", ")),
            Cell::new(&template.description),
        ]);
    }
    table
}

fn rules(template: &TemplateView) -> Table {
    let mut table = table::new(&["property", "default", "min", "max", "read only", "required"]);
    let text = |value: &Option<_>| match value {
        Some(value) => serde_json::to_string(value).unwrap_or_default(),
        None => String::new(),
    };
    for (property, rule) in &template.rules {
        let RuleView {
            default,
            read_only,
            required,
            min,
            max,
            ..
        } = rule;
        table.add_row([
            property.clone(),
            text(default),
            text(min),
            text(max),
            read_only.to_string(),
            required.to_string(),
        ]);
    }
    table
}
