//! `jobyard policy check`.

use std::path::Path;
use std::process::ExitCode;

use comfy_table::{CellAlignment, Table};
use jobyard_conform::{Case, Claim, Component, Options, Outcome, Report, Tested, check, junit};
use jobyard_sim::Trace;

use crate::args::Common;
use crate::failure::Failure;
use crate::policy::args::{Check, CheckFormat};
use crate::remote::args::Daemon;
use crate::{policy, table};

/// The largest file of cases that is read, in bytes.
const SCENARIO_BYTES_MAX: u64 = 16 << 20;

pub(crate) fn main(args: Check, daemon: &Daemon, common: &Common) -> Result<ExitCode, Failure> {
    let chosen = policy::named_or_kept("policy", &args.policy, daemon)?;
    let only = args.scenario.as_deref().map_or(Ok(Vec::new()), cases)?;
    let trace = args.trace.as_deref().map(|file| Trace::open(file, None));
    let trace = trace.transpose().map_err(Failure::input)?;
    let plugin = policy::load(&policy::host(common)?, &chosen)?;
    // A manifest speaks of the policy as it is without settings.
    let claims = match args.claims.is_empty() && args.settings.is_empty() {
        true => Claim::of_manifest(&plugin)
            .map_err(|error| Failure::Input(format!("{}: its manifest: {error}", chosen.name)))?,
        false => args.claims.into_iter().collect(),
    };
    let subject = Component::new(plugin.clone(), plugin.limits());
    let tested = Tested {
        name: chosen.name,
        subject: &subject,
        settings: args.settings,
        claims,
    };
    let options = Options {
        seeds: args.seeds,
        first_seed: args.first_seed,
        measure: only.is_empty() && args.rules.is_empty(),
        rules: args.rules,
        only,
        trace,
        ..Options::default()
    };
    let report = check(&tested, &options).map_err(Failure::input)?;
    match args.format {
        CheckFormat::Table => print_table(&report),
        CheckFormat::Csv => print!("{}", table::csv(&results(&report))),
        CheckFormat::Junit => print!("{}", junit(&report)),
        CheckFormat::Json => println!(
            "{}",
            serde_json::to_string_pretty(&report).map_err(Failure::work)?
        ),
    }
    Ok(ExitCode::from(u8::from(report.failures().count() > 0)))
}

fn cases(file: &Path) -> Result<Vec<Case>, Failure> {
    let fail = |what: String| Failure::Input(format!("--scenario {}: {what}", file.display()));
    let size = std::fs::metadata(file).map_err(|e| fail(e.to_string()))?;
    if size.len() > SCENARIO_BYTES_MAX {
        let bytes = size.len();
        return Err(fail(format!(
            "has {bytes} bytes; a file of cases may have {SCENARIO_BYTES_MAX}"
        )));
    }
    let text = std::fs::read_to_string(file).map_err(|e| fail(e.to_string()))?;
    Case::read_all(&text).map_err(|bad| fail(bad.to_string()))
}

fn results(report: &Report) -> Table {
    let mut rows = table::new(&["", "what", "cases", "result"]);
    for checked in &report.results {
        let result = match &checked.outcome {
            Outcome::Passed => "passed".into(),
            Outcome::Failed { .. } => "FAILED".into(),
            Outcome::Skipped { why } => format!("skipped: {why}"),
        };
        let (sort, cases) = (checked.sort.to_string(), checked.cases.to_string());
        rows.add_row([sort, checked.name.clone(), cases, result]);
    }
    if let Some(column) = rows.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    rows
}

fn print_table(report: &Report) {
    println!("{}", results(report));
    if !report.measured.is_empty() {
        println!("\n{}", times(report));
    }
    for failed in report.failures() {
        if let Outcome::Failed { what, case, .. } = &failed.outcome {
            let sentence = match failed.sentence.as_str() {
                "" => String::new(),
                sentence => format!("\n{sentence}"),
            };
            println!("\nFAILED {}{sentence}\n{what}", failed.name);
            if let Some(case) = case {
                println!("\n{case}");
            }
        }
    }
    let failed = report.failures().count();
    let skipped = |outcome: &Outcome| matches!(outcome, Outcome::Skipped { .. });
    let skipped = report
        .results
        .iter()
        .filter(|c| skipped(&c.outcome))
        .count();
    let passed = report.results.len() - failed - skipped;
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
}

/// How the time of a pass grows with the queue.
fn times(report: &Report) -> Table {
    let mut rows = table::new(&[
        "queued jobs",
        "first pass",
        "after one more",
        "against n log n",
    ]);
    for row in &report.measured {
        let growth = row
            .against_n_log_n
            .map_or_else(|| "-".into(), |growth| format!("{growth:.2}"));
        rows.add_row([
            row.jobs.to_string(),
            format!("{:.0} µs", row.first_us),
            format!("{:.1} µs", row.next_us),
            growth,
        ]);
    }
    for index in 0..4 {
        if let Some(column) = rows.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    rows
}
