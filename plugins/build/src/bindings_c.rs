//! Generates the C bindings of `plugins/examples/c` from `wit/`, as `wit-bindgen c` would: committed, so that building the
//! example needs no generator. Called by `main`, behind the cargo feature `bindings`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use wit_bindgen_c::Opts;
use wit_bindgen_core::{Files, wit_parser::Resolve};

const FOLDER: &str = "plugins/examples/c/bindings";
const WORLD: &str = "job-ranker";

/// What the interfaces are called in C: without package and version.
const NAMES: &[(&str, &str)] = &[
    ("jobyard:plugin/ranker@0.1.0", "ranker"),
    ("jobyard:plugin/log@0.1.0", "log"),
];

/// Writes header, source, and the object file with the component's type, or with `check` fails when one would change.
pub(crate) fn generate(root: &Path, check: bool) -> Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root.join("wit"))?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    let opts = Opts {
        rename: NAMES
            .iter()
            .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
            .collect(),
        ..Opts::default()
    };
    let mut files = Files::default();
    opts.build()
        .generate(&mut resolve, world, &mut files)
        .with_context(|| format!("cannot generate C bindings of the world `{WORLD}`"))?;

    let folder = root.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {FOLDER}"))?;
    for (name, contents) in files.iter() {
        let path = folder.join(name);
        if !check {
            std::fs::write(&path, contents)
                .with_context(|| format!("cannot write {}", path.display()))?;
        } else if std::fs::read(&path).ok().as_deref() != Some(contents) {
            bail!(
                "{} does not match wit/: run `cargo run -p jobyard-plugins --features bindings -- bindings`",
                path.display()
            );
        }
    }
    Ok(())
}
