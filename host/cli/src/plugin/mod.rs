//! `jobyard plugin`: components of every kind: policies and their halves, filters, executors, prepare and release components.
//!
//! What it is not: the life of a policy on a daemon, which is `jobyard policy`.

pub(crate) mod args;
mod found;

use std::process::ExitCode;

use comfy_table::{Cell, CellAlignment, Table};
use jobyard::builtin;
use jobyard::plugin::World;
use jobyard::plugins::{Found, PluginError, PluginView};
use jobyard_server::plugins::PluginList;
use serde_json::json;

use self::args::{Check, Inspect, List, PluginVerb, Plugins};
use crate::args::Common;
use crate::failure::Failure;
use crate::remote::show::{self, Shown};
use crate::remote::{self, args::Daemon};
use crate::{policy, table};

pub(crate) fn main(plugins: Plugins, common: &Common) -> Result<ExitCode, Failure> {
    let daemon = &plugins.daemon;
    match plugins.verb {
        PluginVerb::List(args) => list(args, daemon)?,
        PluginVerb::Inspect(args) => inspect(args, daemon)?,
        PluginVerb::Check(args) => check(args, daemon, common)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn view(found: &Found) -> Result<PluginView, Failure> {
    PluginView::of(found).map_err(Failure::input)
}

fn list(args: List, daemon: &Daemon) -> Result<(), Failure> {
    let mut all: Vec<Found> = builtin::ALL.iter().map(Found::built_in).collect();
    all.extend(
        remote::policy::all_kept(daemon)?
            .into_iter()
            .map(Found::kept),
    );
    let mut plugins: Vec<_> = all.iter().map(PluginView::listed).collect();
    if let Some(world) = &args.world {
        if !World::ALL.iter().any(|one| one.to_string() == *world) {
            let all = World::ALL.map(|world| world.to_string()).join(", ");
            let text = format!("--world {world}: there are {all}");
            return Err(Failure::Input(text));
        }
        plugins.retain(|view| view.world == *world);
    }
    let answer = json!(PluginList { plugins });
    show::answer(args.show.form(), answer, |list: PluginList| {
        rows(&list.plugins)
    })
}

fn rows(plugins: &[PluginView]) -> Table {
    let mut table = table::new(&[
        "plugin", "world", "origin", "version", "digest", "bytes", "settings",
    ]);
    for view in plugins {
        let settings: Vec<&str> = view.settings.keys().map(String::as_str).collect();
        table.add_row([
            Cell::new(&view.name),
            Cell::new(&view.world),
            Cell::new(&view.origin),
            Cell::new(view.version.as_deref().unwrap_or("-")),
            Cell::new(view.digest.get(..12).unwrap_or(&view.digest)),
            Cell::new(view.bytes).set_alignment(CellAlignment::Right),
            Cell::new(settings.join(", ")),
        ]);
    }
    table
}

fn inspect(args: Inspect, daemon: &Daemon) -> Result<(), Failure> {
    let found = found::find(&args.plugin, daemon)?;
    let view = json!(view(&found)?);
    show::answer(args.show.form(), view, |view: PluginView| {
        let text = in_full(&view);
        Shown::from(rows(&[view])).saying(text)
    })
}

fn in_full(view: &PluginView) -> String {
    let mut lines = Vec::new();
    let settings = view.settings.iter().map(|(name, default)| match default {
        Some(default) => format!("{name}={default}"),
        None => name.clone(),
    });
    let settings: Vec<String> = settings.collect();
    let limits = view.limits.map_or_else(String::new, |limits| {
        let (memory, log) = (limits.memory_bytes_max, limits.log_bytes_max);
        let ms = limits.deadline_ms;
        format!("memory {memory} bytes, a call {ms} ms, its log {log} bytes")
    });
    for (what, text) in [
        ("name", view.name.clone()),
        ("is", view.description.clone()),
        ("world", view.world.clone()),
        ("origin", view.origin.clone()),
        ("version", view.version.clone().unwrap_or_default()),
        ("digest", view.digest.clone()),
        ("bytes", view.bytes.to_string()),
        ("settings", settings.join(", ")),
        ("is told", view.columns.join(", ")),
        ("claims", view.claims.join(", ")),
        ("programs", view.programs.join(", ")),
        ("folders", view.folders.join(", ")),
        ("limits", limits),
    ] {
        if !text.is_empty() {
            lines.push(format!("{what:<10}{text}"));
        }
    }
    if let Some(manifest) = &view.manifest {
        lines.push(format!("\n{}", manifest.trim_end()));
    }
    lines.join("\n")
}

fn check(args: Check, daemon: &Daemon, common: &Common) -> Result<(), Failure> {
    let found = found::find(&args.plugin, daemon)?;
    let ready = found.ready(&policy::host(common)?);
    let ready = ready.map_err(Failure::input)?;
    let taken = ready.takes(args.settings);
    if let Err(PluginError::NoSettings(name)) = &taken {
        let text = format!("--set {name}: components that run on nodes have no settings");
        return Err(Failure::Input(text));
    }
    taken.map_err(Failure::input)?;
    let view = view(&found)?;
    show::answer(args.show.form(), json!(view), |view: PluginView| {
        let text = format!(
            "{}: nothing is wrong with it as a {}",
            view.name, view.world
        );
        Shown::from(rows(&[view])).saying(text)
    })
}
