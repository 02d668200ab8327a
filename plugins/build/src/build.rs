//! Building components: one call of cargo for each, so that the sdk's features do not unify and a component carries
//! only its own world.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    component::{BUILTINS, Builtin, inspect},
    digest,
    records::{self, Record},
};

const TARGET: &str = "wasm32-unknown-unknown";
const RUSTFLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";

/// Where the committed components are.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("plugins/builtin")
}

/// Builds all components into `plugins/builtin/`, with their records.
pub(crate) fn build(root: &Path) -> Result<()> {
    let components = components(root, &root.join("target/plugins"))?;
    let folder = folder(root);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut records = BTreeMap::new();
    for (builtin, bytes) in &components {
        let path = folder.join(builtin.file());
        let is_new = fs::read(&path).ok().as_ref() != Some(bytes);
        if is_new {
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let record = Record {
            sources: digest::of_sources(root, builtin)?,
            component: digest::of_bytes(bytes),
        };
        records.insert(builtin.file(), record);
        let note = if is_new { "" } else { ", as before" };
        println!("{:22} {:>7} bytes{note}", builtin.file(), bytes.len());
    }
    let path = folder.join(records::FILE);
    fs::write(&path, records::text(&records))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// All components, built and looked at.
pub(crate) fn components(
    root: &Path,
    target_folder: &Path,
) -> Result<Vec<(&'static Builtin, Vec<u8>)>> {
    find_target(root)?;
    let build = |builtin: &'static Builtin| {
        let bytes = component(root, target_folder, builtin)
            .with_context(|| format!("cannot build {}", builtin.file()))?;
        inspect(builtin, &bytes)?;
        Ok((builtin, bytes))
    };
    BUILTINS.iter().map(build).collect()
}

fn component(root: &Path, target_folder: &Path, builtin: &Builtin) -> Result<Vec<u8>> {
    let package = builtin.package();
    let status = Command::new(tool("CARGO", "cargo"))
        .current_dir(root)
        .args([
            "build",
            "--quiet",
            "--locked",
            "--profile",
            "plugin",
            "--target",
            TARGET,
        ])
        .args(["--package", &package, "--target-dir"])
        .arg(target_folder)
        // They would take the place of the flags below.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env(RUSTFLAGS, rustflags(root))
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("cargo build of {package} failed");
    }
    let file = format!("{}.wasm", package.replace('-', "_"));
    let path = target_folder.join(TARGET).join("plugin").join(file);
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Panic messages name source files: not by where they lie on this machine, so that every machine builds the same bytes.
fn rustflags(root: &Path) -> OsString {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let mut flags = std::env::var_os(RUSTFLAGS).unwrap_or_default();
    let mut remap = |from: &Path, to: &str| {
        if !from.to_string_lossy().contains(' ') {
            flags.push(" --remap-path-prefix=");
            flags.push(from);
            flags.push("=");
            flags.push(to);
        }
    };
    // The last one that matches counts.
    if let Some(home) = cargo_home {
        remap(&home, "/cargo");
        let registries = fs::read_dir(home.join("registry/src"))
            .into_iter()
            .flatten()
            .flatten();
        registries.for_each(|registry| remap(&registry.path(), "/cargo/registry"));
    }
    remap(root, "/jobyard");
    flags
}

/// Fails with a way out where the standard library for components is missing.
fn find_target(root: &Path) -> Result<()> {
    let flags = std::env::var_os(RUSTFLAGS).unwrap_or_default();
    if flags.to_string_lossy().contains("--sysroot") {
        return Ok(()); // it is elsewhere: cargo will tell
    }
    let output = Command::new(tool("RUSTC", "rustc"))
        .current_dir(root)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("cannot start rustc")?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let names = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name());
    if names
        .into_iter()
        .any(|name| name.to_string_lossy().starts_with("libstd-"))
    {
        return Ok(());
    }
    bail!("the target {TARGET} is not installed: run `plugins/setup.sh`, which gets it")
}

fn tool(variable: &str, name: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| name.into())
}
