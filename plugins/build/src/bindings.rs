//! Generates the sdk's bindings from `wit/`: what `wit_bindgen::generate!` would write, but once, into files.
//!
//! A guest that expands the macro builds in 15 s, one with ready bindings in 2 s. Only behind the cargo feature
//! `bindings`, because the generator itself takes long to build and its output changes with `wit/` only.
//! Called by `main`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use wit_bindgen_core::{Files, WorldGenerator, wit_parser::Resolve};
use wit_bindgen_rust::{Opts, WithOption};

/// What every guest imports, as one world: so the worlds below share the Rust types and functions of it.
const IMPORTS: &str = "
package jobyard:sdk;

world imports {
  import jobyard:plugin/log@0.1.0;
  import jobyard:plugin/process@0.1.0;
  import jobyard:plugin/files@0.1.0;
  import jobyard:plugin/work@0.1.0;
  import jobyard:plugin/jobs@0.1.0;
}
";

/// File of `plugins/sdk/src/bindings/` and the world that it is made from.
const MODULES: &[(&str, &str)] = &[
    ("imports", "imports"),
    ("policy", "scheduling-policy"),
    ("ranked_policy", "ranked-policy"),
    ("ranker", "job-ranker"),
    ("executor", "task-executor"),
    ("prepare", "prepare-task"),
    ("release", "release-task"),
    ("submission_filter", "submission-filter"),
    ("activation_filter", "activation-filter"),
    ("job_filter", "job-filter"),
];

/// Interfaces whose bindings the modules of the exports take from `imports`.
const SHARED: &[&str] = &["log", "process", "files", "work", "jobs"];

/// The modules of worlds that import `log` and types only, and what they take.
const COMPUTING: &[(&str, &[&str])] = &[
    ("policy", &["log"]),
    ("ranked_policy", &["log"]),
    ("ranker", &["log"]),
    ("submission_filter", &["log", "jobs"]),
    ("activation_filter", &["log", "jobs"]),
    ("job_filter", &["log", "jobs"]),
];

/// Module, and type in it that gets a `Default`.
const DEFAULTS: &[(&str, &str)] = &[
    ("imports", "work@0.1.0/assignment"),
    ("imports", "work@0.1.0/execution"),
    ("policy", "policy@0.1.0/changes"),
    ("policy", "policy@0.1.0/plan"),
    ("ranked_policy", "policy@0.1.0/changes"),
    ("ranked_policy", "policy@0.1.0/plan"),
];

/// Writes the files, or with `check` fails when one would change.
pub(crate) fn generate(root: &Path, check: bool) -> Result<()> {
    let folder = root.join("plugins/sdk/src/bindings");
    for (module, world) in MODULES {
        let path = folder.join(format!("{module}.rs"));
        let text = module_text(root, module, world)
            .with_context(|| format!("cannot generate bindings of the world `{world}`"))?;
        if !check {
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            bail!(
                "{} does not match wit/: run `cargo run -p jobyard-plugins --features bindings -- bindings`",
                path.display()
            );
        }
    }
    Ok(())
}

/// Whether a module takes an interface from `imports`.
fn takes(module: &str, interface: &str) -> bool {
    let computing = COMPUTING.iter().find(|(name, _)| *name == module);
    computing.map_or(interface != "jobs", |(_, taken)| taken.contains(&interface))
}

fn module_text(root: &Path, module: &str, world: &str) -> Result<String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root.join("wit"))?;
    let shared = resolve.push_str("imports.wit", IMPORTS)?;

    let exports = module != "imports";
    let mut opts = Opts {
        format: true,
        generate_all: true,
        ..Opts::default()
    };
    // All types are complete even where a world uses only some: the modules that share them need the others.
    opts.generate_unused_types = true;
    opts.additional_derive_attributes = vec!["PartialEq".into(), "Clone".into()];
    // For tests and benches, which fill in only what they mean. All that has no field without a default.
    opts.additional_type_attributes = DEFAULTS
        .iter()
        .filter(|(of, _)| *of == module)
        .map(|(_, name)| {
            (
                format!("jobyard:plugin/{name}"),
                "#[derive(Default)]".into(),
            )
        })
        .collect();
    if exports {
        opts.pub_export_macro = true;
        opts.export_macro_name = Some(format!("export_{module}"));
        opts.default_bindings_module = Some(format!("jobyard_plugin_sdk::bindings::{module}"));
        opts.with = SHARED
            .iter()
            .filter(|interface| takes(module, interface))
            .map(|interface| {
                (
                    format!("jobyard:plugin/{interface}@0.1.0"),
                    WithOption::Path(format!(
                        "crate::bindings::imports::jobyard::plugin::{interface}"
                    )),
                )
            })
            .collect();
    }
    let world = resolve.select_world(&[if exports { package } else { shared }], Some(world))?;
    let mut files = Files::default();
    opts.build().generate(&mut resolve, world, &mut files)?;
    let Some((_, contents)) = files.iter().next() else {
        bail!("the generator wrote nothing")
    };
    let text = String::from_utf8(contents.to_vec())?;
    // Two worlds export the same interface, and macros have one name space.
    Ok(
        match module.ends_with("_filter") || module == "ranked_policy" {
            true => text.replace("__export_", &format!("__export_{module}_")),
            false => text,
        },
    )
}
