//! `jobyard simulate`.

use std::process::ExitCode;

use comfy_table::{CellAlignment, Table, presets};
use jobyard_sim::{BadLines, Component, Options, Report, Trace, plot, simulate};

use crate::args::{Common, Estimate, Format, Simulate};
use crate::failure::Failure;
use crate::policy;

pub(crate) fn main(args: Simulate, common: &Common) -> Result<ExitCode, Failure> {
    let chosen = policy::choose(&args.policy)?;
    let host = policy::host(common)?;
    let plugin = policy::load(&host, &chosen)?;
    let instance = plugin
        .policy(plugin.limits(), &args.policy.settings)
        .map_err(Failure::input)?;
    if let Some(file) = &args.plot {
        let folder = file.parent().filter(|f| !f.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(Failure::Input(format!(
                "--plot {}: its folder does not exist",
                file.display()
            )));
        }
    }

    let trace = Trace::open(&args.trace, args.procs).map_err(Failure::input)?;
    if trace.bad_lines.count > 0 {
        eprintln!(
            "jobyard: {}: {}",
            args.trace.display(),
            bad_lines(&trace.bad_lines)
        );
    }
    let estimate = match args.estimate {
        Estimate::Requested => jobyard_sim::Estimate::Requested,
        Estimate::Actual => jobyard_sim::Estimate::Actual,
    };
    let settings: Vec<String> = args
        .policy
        .settings
        .iter()
        .map(|(n, v)| format!("{n}={v}"))
        .collect();
    let name = [vec![chosen.name], settings].concat().join(" ");
    let options = Options {
        policy: name,
        estimate,
    };
    let half_life = policy::half_life(&args.policy.settings)?;
    let simulation = simulate(
        &trace,
        &options,
        &mut Component::new(instance).half_life(half_life),
    )
    .map_err(Failure::work)?;

    if let Some(refusal) = &simulation.first_refusal {
        let count = simulation.report.refused_proposals;
        eprintln!("jobyard: {count} proposals of the policy were refused; the first: {refusal}");
    }
    if let Some(file) = &args.plot {
        plot(&simulation, file).map_err(Failure::work)?;
    }
    match args.format {
        Format::Json => println!(
            "{}",
            serde_json::to_string_pretty(&simulation.report).map_err(Failure::work)?
        ),
        Format::Csv => {
            let report = serde_json::to_value(&simulation.report).map_err(Failure::work)?;
            print!("{}", crate::table::csv_of(&[report]));
        }
        Format::Table => println!("{}", table(&simulation.report)),
    }
    Ok(ExitCode::SUCCESS)
}

fn bad_lines(bad: &BadLines) -> String {
    let first: Vec<String> = bad.first.iter().map(ToString::to_string).collect();
    let more = if bad.count > first.len() as u64 {
        "; …"
    } else {
        ""
    };
    format!(
        "{} bad lines were left out: {}{more}",
        bad.count,
        first.join("; ")
    )
}

fn table(report: &Report) -> Table {
    let seconds = |s: f64| format!("{s:.1} s");
    let rows = [
        ("trace", report.trace.clone()),
        ("policy", report.policy.clone()),
        ("estimate", report.estimate.to_string()),
        ("jobs", report.jobs.to_string()),
        ("processors", report.procs.to_string()),
        ("average wait", seconds(report.average_wait_s)),
        ("median wait", seconds(report.median_wait_s)),
        ("p95 wait", seconds(report.p95_wait_s)),
        ("maximum wait", seconds(report.maximum_wait_s)),
        (
            "average bounded slowdown",
            format!("{:.4}", report.average_bounded_slowdown),
        ),
        (
            "maximum bounded slowdown",
            format!("{:.1}", report.maximum_bounded_slowdown),
        ),
        (
            "utilisation",
            format!("{:.2} %", report.utilisation * 100.0),
        ),
        ("makespan", seconds(report.makespan_s)),
        ("longest queue", report.maximum_queue_length.to_string()),
        ("passes of the policy", report.passes.to_string()),
        (
            "lines left out by cleaning",
            report.dropped_lines.to_string(),
        ),
        (
            "processor time",
            format!(
                "{:.3} s, {:.0} jobs a second",
                report.cpu_s, report.jobs_per_cpu_s
            ),
        ),
    ];
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, value) in rows {
        table.add_row([name.to_string(), value]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    table
}
