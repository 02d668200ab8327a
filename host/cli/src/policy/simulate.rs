//! `jobyard policy simulate`: runs of the same jobs side by side.

use std::path::Path;
use std::process::ExitCode;

use jobyard::plugin::PluginHost;
use jobyard::plugin::recovery::PolicyChoice;
use jobyard_sim::compare::{page, rows};
use jobyard_sim::{
    Basis, Comparison, Component, Options, Run, Trace, Window, Workload, compare, rerun, simulate,
};

use super::args::Simulate;
use super::{Chosen, host, named_or_kept};
use crate::args::{Common, Estimate, Format};
use crate::failure::Failure;
use crate::remote::args::Daemon;
use crate::{remote, table};

/// A policy with its settings.
struct Candidate {
    chosen: Chosen,
    settings: Vec<(String, String)>,
}

/// The jobs.
enum Jobs {
    Recorded(Box<Workload>),
    Trace(Box<Trace>),
}

pub(crate) fn main(args: &Simulate, daemon: &Daemon, common: &Common) -> Result<ExitCode, Failure> {
    let mut candidates = Vec::new();
    for text in &args.against {
        candidates.push(against(text, daemon)?);
    }
    candidates.push(Candidate {
        chosen: named_or_kept("POLICY", &args.policy, daemon)?,
        settings: args.settings.clone(),
    });
    if let Some(file) = &args.html {
        let folder = file.parent().filter(|f| !f.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            let text = format!("--html {}: its folder does not exist", file.display());
            return Err(Failure::Input(text));
        }
    }
    let estimate = match args.estimate {
        Estimate::Requested => jobyard_sim::Estimate::Requested,
        Estimate::Actual => jobyard_sim::Estimate::Actual,
    };
    let (jobs, basis) = jobs(args, daemon, estimate)?;
    let host = host(common)?;
    let mut runs = Vec::new();
    if let Jobs::Recorded(workload) = &jobs {
        runs.push(workload.recorded());
    }
    for candidate in &candidates {
        runs.push(run(&host, candidate, &jobs, estimate)?);
    }
    let comparison = compare(&basis, &runs).map_err(Failure::input)?;
    for run in &comparison.runs {
        if let (Some(refusal), Some(count)) = (&run.first_refusal, run.refused_proposals) {
            let name = &run.name;
            eprintln!("jobyard: {name}: {count} proposals were refused; the first: {refusal}");
        }
    }
    if let Some(file) = &args.html {
        let html = page(&comparison, &basis, &runs).map_err(Failure::work)?;
        std::fs::write(file, html)
            .map_err(|error| Failure::Work(format!("--html {}: {error}", file.display())))?;
    }
    match args.format {
        Format::Json => println!(
            "{}",
            serde_json::to_string_pretty(&comparison).map_err(Failure::work)?
        ),
        Format::Csv => {
            let runs = comparison.runs.iter().map(serde_json::to_value);
            let runs = runs.collect::<Result<Vec<_>, _>>().map_err(Failure::work)?;
            print!("{}", table::csv_of(&runs));
        }
        Format::Table => print(&comparison),
    }
    Ok(ExitCode::SUCCESS)
}

/// `NAME [SETTING=VALUE …]`, or a file with blanks in its name.
fn against(text: &str, daemon: &Daemon) -> Result<Candidate, Failure> {
    let mut words = text.split_whitespace();
    let name = match Path::new(text).exists() {
        true => text,
        false => words.next().unwrap_or_default(),
    };
    let settings = match name == text {
        true => Ok(Vec::new()),
        false => words.map(crate::args::setting).collect(),
    };
    let wrong = |error| Failure::Input(format!("--against {text}: {error}"));
    Ok(Candidate {
        chosen: named_or_kept("--against", name, daemon)?,
        settings: settings.map_err(wrong)?,
    })
}

fn jobs(
    args: &Simulate,
    daemon: &Daemon,
    estimate: jobyard_sim::Estimate,
) -> Result<(Jobs, Basis), Failure> {
    let window = Window {
        from: args.from,
        to: args.to,
    };
    let Some(file) = &args.trace else {
        let folder = remote::folder_here(daemon)?;
        let workload = Workload::of_journal(&folder, window).map_err(Failure::input)?;
        let basis = workload.basis(estimate);
        return Ok((Jobs::Recorded(Box::new(workload)), basis));
    };
    let trace = Trace::open(file, args.procs).map_err(Failure::input)?;
    let mut basis = Basis::of_trace(&trace, estimate);
    if window != Window::default() {
        let start = trace
            .header
            .unix_start_time
            .and_then(|s| u64::try_from(s).ok());
        let start = start.ok_or_else(|| {
            let file = file.display();
            Failure::Input(format!(
                "{file}: --from and --to need a trace that says when it began (UnixStartTime)"
            ))
        })?;
        let start = start.saturating_mul(1_000_000);
        basis.only(|at| {
            let submitted = start.saturating_add(trace.jobs[at].submit_us);
            window.has(jobyard::kernel::Timestamp(submitted))
        });
    }
    Ok((Jobs::Trace(Box::new(trace)), basis))
}

fn run(
    host: &PluginHost,
    candidate: &Candidate,
    jobs: &Jobs,
    estimate: jobyard_sim::Estimate,
) -> Result<Run, Failure> {
    let Candidate { chosen, settings } = candidate;
    let plugin = super::load(host, chosen)?;
    let choice = PolicyChoice {
        limits: plugin.limits(),
        plugin,
        settings: settings.clone(),
        number: 0,
    };
    // A trace has no cluster whose parameters could be followed.
    let parameters = match jobs {
        Jobs::Recorded(workload) => workload.parameters(),
        Jobs::Trace(_) => Vec::new(),
    };
    let instance = choice.instance(&parameters).map_err(Failure::input)?;
    let mut component = Component::new(instance).half_life(super::half_life(settings)?);
    let words = settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let words: Vec<String> = std::iter::once(chosen.name.clone()).chain(words).collect();
    let options = Options {
        policy: words.join(" "),
        estimate,
    };
    let failed = |error| Failure::Work(format!("{}: {error}", words.join(" ")));
    match jobs {
        Jobs::Recorded(workload) => rerun(workload, &options, &mut component).map_err(failed),
        Jobs::Trace(trace) => {
            let simulation = simulate(trace, &options, &mut component);
            simulation.map(Run::from).map_err(failed)
        }
    }
}

fn print(comparison: &Comparison) {
    println!(
        "{} jobs of {} users on {} cores: {}",
        comparison.jobs, comparison.users, comparison.cores, comparison.workload
    );
    let names = comparison.runs.iter().map(|run| run.name.as_str());
    let mut runs = table::new(&std::iter::once("").chain(names).collect::<Vec<_>>());
    for (what, cells) in rows(comparison) {
        runs.add_row(std::iter::once(what.to_string()).chain(cells));
    }
    println!("{runs}");
    let first = &comparison.runs[0].name;
    for run in &comparison.runs {
        let Some(changes) = &run.changes else {
            continue;
        };
        println!(
            "{} against {first}: {} jobs wait less, {} longer; {} users gain, {} lose",
            run.name,
            changes.jobs_better,
            changes.jobs_worse,
            changes.users_better,
            changes.users_worse
        );
    }
    let left_out: u64 = comparison.left_out.values().sum();
    let assumed: u64 = comparison.assumed.values().sum();
    if left_out + assumed > 0 {
        println!(
            "{left_out} jobs were left out, {assumed} were simulated otherwise than they were: --format json says why"
        );
    }
}
