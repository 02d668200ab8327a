//! `jobyard plugin`: components of every kind: policies and their halves, filters, executors, prepare and release components.
//!
//! What it is not: the life of a policy on a daemon, which is `jobyard policy`.

pub(crate) mod args;
mod found;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::process::ExitCode;

use comfy_table::{Cell, CellAlignment, Table};
use jobyard::builtin;
use jobyard::plugin::{FilterSlot, Manifest, World};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::args::{Check, Inspect, List, PluginVerb, Plugins};
use self::found::Found;
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

/// A component, for people and programs.
#[derive(Debug, Serialize, Deserialize)]
struct View {
    name: String,
    world: String,
    /// `built in`, `kept` by a daemon, or `file`.
    origin: String,
    /// Its own; none where nothing says it.
    version: Option<String>,
    /// SHA-256.
    digest: String,
    bytes: u64,
    description: String,
    /// What can be set, and what each setting is without.
    settings: BTreeMap<String, Option<String>>,
    /// Columns that it is told.
    columns: Vec<String>,
    /// What it claims.
    claims: Vec<String>,
    /// Programs that it may start.
    programs: Vec<String>,
    /// Folders that it may use beside those of the work.
    folders: Vec<String>,
    /// What it says of itself, beyond this.
    manifest: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ViewList {
    plugins: Vec<View>,
}

impl View {
    fn of(found: &Found) -> Result<View, Failure> {
        let manifest = found.manifest()?;
        let mut settings = BTreeMap::new();
        if let Some(manifest) = &manifest {
            let defaults: BTreeMap<_, _> = manifest.settings.defaults().into_iter().collect();
            for name in manifest.settings.names() {
                settings.insert(name.to_string(), defaults.get(name).cloned());
            }
        }
        let said = |list: fn(&Manifest) -> Vec<String>| manifest.as_ref().map_or(Vec::new(), list);
        Ok(View {
            name: found.name.clone(),
            world: found
                .world
                .map_or_else(|| "unknown".into(), |world| world.to_string()),
            origin: found.origin.into(),
            version: manifest.as_ref().map(|manifest| manifest.version.clone()),
            digest: found.digest(),
            bytes: found.bytes.count(),
            description: manifest
                .as_ref()
                .map_or(String::new(), |m| m.description.clone()),
            settings,
            columns: said(|m| m.columns.names().map(|name| name.to_string()).collect()),
            claims: said(|m| m.claims.clone()),
            programs: said(|m| m.programs.clone()),
            folders: said(|m| m.folders.clone()),
            manifest: found.manifest.clone(),
        })
    }
}

fn list(args: List, daemon: &Daemon) -> Result<(), Failure> {
    let mut all: Vec<Found> = builtin::ALL.iter().map(Found::built_in).collect();
    all.extend(
        remote::policy::all_kept(daemon)?
            .into_iter()
            .map(Found::kept),
    );
    let mut plugins = Vec::new();
    for found in &all {
        plugins.push(View::of(found)?);
    }
    if let Some(world) = &args.world {
        if !World::ALL.iter().any(|one| one.to_string() == *world) {
            let all = World::ALL.map(|world| world.to_string()).join(", ");
            let text = format!("--world {world}: there are {all}");
            return Err(Failure::Input(text));
        }
        plugins.retain(|view| view.world == *world);
    }
    let answer = json!(ViewList { plugins });
    show::answer(args.show.form(), answer, |list: ViewList| {
        rows(&list.plugins)
    })
}

fn rows(plugins: &[View]) -> Table {
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
    let view = json!(View::of(&found)?);
    show::answer(args.show.form(), view, |view: View| {
        let text = in_full(&view);
        Shown::from(rows(&[view])).saying(text)
    })
}

fn in_full(view: &View) -> String {
    let mut lines = Vec::new();
    let settings = view.settings.iter().map(|(name, default)| match default {
        Some(default) => format!("{name}={default}"),
        None => name.clone(),
    });
    let settings: Vec<String> = settings.collect();
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
    let ready = found.ready(&policy::host(common)?)?;
    let refused = |error: &dyn Display| Failure::input(format!("{}: {error}", found.name));
    let (limits, plugin) = (ready.plugin.limits(), ready.plugin);
    match plugin.world() {
        World::SchedulingPolicy | World::RankedPolicy | World::JobRanker => {
            let settings = args.settings.into_iter();
            let settings = settings.map(|(name, value)| (format!("{}{name}", ready.prefix), value));
            let settings: Vec<_> = settings.collect();
            let taken = plugin.policy(limits, &settings);
            taken.map_err(|error| refused(&error))?;
        }
        World::JobFilter => {
            let taken = FilterSlot::new(plugin, limits, args.settings);
            taken.map_err(|error| refused(&error))?;
        }
        World::TaskExecutor | World::PrepareTask | World::ReleaseTask => {
            if let Some((name, _)) = args.settings.first() {
                let text = format!("--set {name}: components that run on nodes have no settings");
                return Err(Failure::Input(text));
            }
        }
    }
    let view = View::of(&found)?;
    show::answer(args.show.form(), json!(view), |view: View| {
        let text = format!(
            "{}: nothing is wrong with it as a {}",
            view.name, view.world
        );
        Shown::from(rows(&[view])).saying(text)
    })
}
