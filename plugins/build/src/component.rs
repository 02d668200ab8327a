//! The built-in components, and what a component says of itself.

use anyhow::{Context, Result, bail};
use wasmparser::{Parser, Payload};

/// A component of `plugins/builtin/`: also the name of its folder, and of its package after `jobyard-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Builtin {
    /// File name without `.wasm`.
    pub(crate) name: &'static str,
    /// The interfaces that it exports.
    pub(crate) exports: &'static [&'static str],
    /// An interface that it must import: what a `ranked-policy` is composed by.
    pub(crate) composed_by: Option<&'static str>,
}

impl Builtin {
    /// File name.
    pub(crate) fn file(&self) -> String {
        format!("{}.wasm", self.name)
    }

    /// Cargo package.
    pub(crate) fn package(&self) -> String {
        format!("jobyard-{}", self.name)
    }
}

const fn builtin(name: &'static str, exports: &'static [&'static str]) -> Builtin {
    Builtin {
        name,
        exports,
        composed_by: None,
    }
}

const fn ranked(name: &'static str) -> Builtin {
    Builtin {
        name,
        exports: &["jobyard:plugin/policy@0.1.0"],
        composed_by: Some("jobyard:plugin/ranker@0.1.0"),
    }
}

/// All of them.
pub(crate) const BUILTINS: &[Builtin] = &[
    builtin("executor-command", &["jobyard:plugin/executor@0.1.0"]),
    builtin(
        "filter-licences",
        &[
            "jobyard:plugin/filter@0.1.0",
            "jobyard:plugin/activation@0.1.0",
        ],
    ),
    builtin("policy-backfill", &["jobyard:plugin/policy@0.1.0"]),
    builtin("policy-balanced", &["jobyard:plugin/policy@0.1.0"]),
    builtin("policy-conservative", &["jobyard:plugin/policy@0.1.0"]),
    builtin("policy-fifo", &["jobyard:plugin/policy@0.1.0"]),
    builtin("policy-queued", &["jobyard:plugin/policy@0.1.0"]),
    ranked("policy-ranked"),
    builtin("prepare-command", &["jobyard:plugin/prepare@0.1.0"]),
    builtin("ranker-fairshare", &["jobyard:plugin/ranker@0.1.0"]),
    builtin("ranker-formula", &["jobyard:plugin/ranker@0.1.0"]),
    builtin("ranker-multifactor", &["jobyard:plugin/ranker@0.1.0"]),
    builtin("release-command", &["jobyard:plugin/release@0.1.0"]),
    builtin("release-scratch", &["jobyard:plugin/release@0.1.0"]),
];

/// Fails unless these bytes are a component that exports what it is for, and nothing else, and wants nothing but this
/// package's interfaces.
pub(crate) fn inspect(builtin: &Builtin, bytes: &[u8]) -> Result<()> {
    let (imports, exports) = imports_and_exports(&builtin.file(), bytes)?;
    let is_there = |name: &str| imports.iter().any(|import| import == name);
    if let Some(missing) = builtin.composed_by.filter(|name| !is_there(name)) {
        bail!("{} does not import {missing}", builtin.file());
    }
    if exports != builtin.exports {
        bail!(
            "{} exports {exports:?}, it must export {:?} only",
            builtin.file(),
            builtin.exports
        );
    }
    Ok(())
}

/// Names that a component imports and exports. Fails if it wants what is not of this package.
pub(crate) fn imports_and_exports(file: &str, bytes: &[u8]) -> Result<(Vec<String>, Vec<String>)> {
    let (imports, exports) = names(bytes).with_context(|| format!("{file} is not a component"))?;
    if let Some(foreign) = imports
        .iter()
        .find(|name| !name.starts_with("jobyard:plugin/"))
    {
        bail!("{file} imports {foreign}, which no host of this package serves");
    }
    Ok((imports, exports))
}

/// Names that a component imports and exports, itself and not the parts in it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one case for each kind of section there is"
)]
fn names(bytes: &[u8]) -> Result<(Vec<String>, Vec<String>)> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0;
    let mut is_component = false;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } if depth == 0 => {
                is_component = encoding == wasmparser::Encoding::Component;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) if depth > 0 => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    if !is_component {
        bail!("it is a core module");
    }
    Ok((imports, exports))
}
