//! The examples in other languages that are committed as components: rankers, beside their sources in `plugins/examples/`.
//!
//! `plugins/examples/build.sh` builds them. JavaScript's tool puts random numbers into what it builds, so as with the
//! built-in ones it is the sources that tell whether a component is up to date.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    component::imports_and_exports,
    digest,
    records::{self, Record},
};

/// The folders of `plugins/examples/`. A component with a Python in it is too large to commit.
pub(crate) const COMMITTED: &[&str] = &["c", "javascript"];

const FOLDER: &str = "plugins/examples";
const EXPORT: &str = "jobyard:plugin/ranker@0.1.0";

/// The record's name of the component, and its path in [`FOLDER`].
fn file(language: &str) -> String {
    format!("{language}/sjf.wasm")
}

/// Builds those with which something is wrong, and puts them, with their records, beside their sources. The others keep their bytes.
pub(crate) fn build(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    let mut records = records::read(&folder).unwrap_or_default();
    let mut stale = Vec::new();
    for language in COMMITTED {
        match problems_of(root, language, &records)?.is_empty() {
            true => println!("{FOLDER}/{}: as before", file(language)),
            false => stale.push(*language),
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    let script = folder.join("build.sh");
    let status = Command::new(&script)
        .args(&stale)
        .status()
        .with_context(|| format!("cannot start {}", script.display()))?;
    if !status.success() {
        bail!("{} failed", script.display());
    }
    for language in stale {
        let built = root.join(format!("target/examples/sjf-{language}.wasm"));
        let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
        inspect(language, &bytes)?;
        let path = folder.join(file(language));
        fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        let record = Record {
            sources: digest::of_example(root, language)?,
            component: digest::of_bytes(&bytes),
        };
        records.insert(file(language), record);
    }
    let path = folder.join(records::FILE);
    fs::write(&path, records::text(&records))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// What is wrong with those that are committed, a line each.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    let records = records::read(&root.join(FOLDER))?;
    let mut problems = Vec::new();
    for language in COMMITTED {
        problems.extend(problems_of(root, language, &records)?);
    }
    Ok(problems)
}

fn problems_of(
    root: &Path,
    language: &str,
    records: &BTreeMap<String, Record>,
) -> Result<Vec<String>> {
    let file = file(language);
    let Some(record) = records.get(&file) else {
        return Ok(vec![format!("{FOLDER}/{file}: not in {}", records::FILE)]);
    };
    let mut problems = Vec::new();
    match fs::read(root.join(FOLDER).join(&file)) {
        Err(error) => problems.push(format!("cannot read {FOLDER}/{file}: {error}")),
        Ok(bytes) if digest::of_bytes(&bytes) != record.component => {
            problems.push(format!(
                "{FOLDER}/{file}: not what `cargo plugins examples` built"
            ));
        }
        Ok(bytes) => {
            if let Err(error) = inspect(language, &bytes) {
                problems.push(format!("{FOLDER}/{error:#}"));
            }
        }
    }
    if digest::of_example(root, language)? != record.sources {
        problems.push(format!("{FOLDER}/{file}: older than its sources"));
    }
    Ok(problems)
}

/// Fails unless these bytes are a ranker. What else it exports is its own: QuickJS leaves an `init` behind.
fn inspect(language: &str, bytes: &[u8]) -> Result<()> {
    let file = file(language);
    let (_, exports) = imports_and_exports(&file, bytes)?;
    if !exports.iter().any(|name| name == EXPORT) {
        bail!("{file} exports {exports:?}, and not {EXPORT}");
    }
    Ok(())
}
