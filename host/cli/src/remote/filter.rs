//! `jobyard filter`: what the job filters of a daemon are asked, and what they said.

use std::process::ExitCode;

use comfy_table::{Cell, CellAlignment, Table};
use jobyard::filter_log::{FilterAnswerView, FilterInFull, FilterView};
use jobyard_server::filters::FilterList;

use super::args::{FilterName, FilterVerb};
use super::client::part;
use super::show::Shown;
use super::{Client, show};
use crate::failure::Failure;
use crate::table;

/// What a verb does.
pub(crate) fn run(verb: FilterVerb) -> impl AsyncFnOnce(Client) -> Result<ExitCode, Failure> {
    async move |client| {
        match verb {
            FilterVerb::List(args) => {
                let answer = client.get("/filters", ()).await?;
                show::answer(args.form(), answer, |list: FilterList| rows(&list.filters))?;
            }
            FilterVerb::View(args) => view(&client, args).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn view(client: &Client, args: FilterName) -> Result<(), Failure> {
    let path = format!("/filters/{}", part(&args.name));
    let answer = client.get(&path, ()).await?;
    show::answer(args.show.form(), answer, |all: FilterInFull| {
        let name = all.filter.name.clone();
        let (filter, latest) = (in_full(&all.filter), latest(&all.latest));
        let text = match latest.row_count() {
            0 => filter,
            _ => format!("{filter}\n\n{latest}"),
        };
        Shown::from(latest).saying(text).called([name])
    })
}

fn rows(filters: &[FilterView]) -> Table {
    let mut table = table::new(&[
        "filter",
        "asked",
        "of",
        "questions",
        "faults",
        "mean ms",
        "longest",
        "digest",
    ]);
    for filter in filters {
        let faults = filter.answers.get("fault").copied().unwrap_or_default();
        let mean_us = filter.took_us / filter.questions.max(1);
        table.add_row([
            Cell::new(&filter.name),
            Cell::new(filter.asks.join(", ")),
            Cell::new(of_whom(filter)),
            right(filter.questions),
            right(faults),
            right(ms(mean_us)),
            right(ms(filter.slowest_us)),
            Cell::new(filter.digest.get(..12).unwrap_or(&filter.digest)),
        ]);
    }
    table
}

/// Whose jobs it is asked about.
fn of_whom(filter: &FilterView) -> String {
    match (&filter.everywhere[..], &filter.templates[..]) {
        ([], []) => "no job".into(),
        ([], templates) => format!("jobs of {}", templates.join(", ")),
        (_, _) => "all jobs".into(),
    }
}

fn in_full(filter: &FilterView) -> String {
    let pairs = |all: Vec<String>| all.join(", ");
    let settings = filter.settings.iter().map(|(n, v)| format!("{n}={v}"));
    let answers = filter.answers.iter().map(|(kind, n)| format!("{kind} {n}"));
    let fault = filter.last_fault.as_ref();
    let fault = fault.map(|f| format!("{}, job {}: {}: {}", f.at, f.job, f.kind, f.text));
    let mut lines = Vec::new();
    for (what, text) in [
        ("name", filter.name.clone()),
        ("digest", filter.digest.clone()),
        ("asked at", filter.asks.join(", ")),
        ("of", of_whom(filter)),
        ("settings", pairs(settings.collect())),
        ("holders", filter.holders.join(", ")),
        ("questions", filter.questions.to_string()),
        ("answers", pairs(answers.collect())),
        ("took", format!("{} ms in all", ms(filter.took_us))),
        ("longest", format!("{} ms", ms(filter.slowest_us))),
        ("last fault", fault.unwrap_or_default()),
    ] {
        if !text.is_empty() {
            lines.push(format!("{what:<11}{text}"));
        }
    }
    lines.join("\n")
}

fn latest(answers: &[FilterAnswerView]) -> Table {
    let mut table = table::new(&["at", "job", "asked", "answer", "ms", "text"]);
    for answer in answers {
        let mut text = answer.text.clone();
        if !answer.changes.is_empty() {
            text = answer.changes.join(", ");
        }
        table.add_row([
            Cell::new(show::time(&Some(answer.at.clone()))),
            right(answer.job),
            Cell::new(&answer.asked),
            Cell::new(&answer.answer),
            right(ms(answer.took_us)),
            Cell::new(text),
        ]);
    }
    table
}

fn right(value: impl ToString) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

fn ms(us: u64) -> String {
    format!("{:.3}", us as f64 / 1e3)
}
