//! What a component is made from, as one number that is the same in every checkout.
//!
//! Component bytes differ a little between standard libraries, so whether a committed component is up to date is told
//! by its sources: its crate's and the sdk's, the WIT, and of the workspace's manifest what goes into the build.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::component::Builtin;

/// The digest of a component's sources, in hexadecimal.
pub(crate) fn of_sources(root: &Path, builtin: &Builtin) -> Result<String> {
    let mut files = BTreeMap::new();
    for package in ["sdk", builtin.name] {
        let package = format!("plugins/{package}");
        add(root, &format!("{package}/Cargo.toml"), &mut files)?;
        add(root, &format!("{package}/src"), &mut files)?;
    }
    add(root, "wit", &mut files)?;
    files.retain(|path, _| {
        path.ends_with(".rs") || path.ends_with(".toml") || path.ends_with(".wit")
    });
    files.insert("Cargo.toml".to_owned(), build_settings(root)?.into_bytes());
    Ok(of_files(&files))
}

/// What of an example's folder is no source.
const NO_SOURCES: &[&str] = &[".md", ".wasm", "plugin.toml"];

/// The digest of what an example is made from, in hexadecimal: its folder and what builds it. Not of the WIT: types do not change, and
/// comments do not go into it.
pub(crate) fn of_example(root: &Path, language: &str) -> Result<String> {
    let mut files = BTreeMap::new();
    add(root, &format!("plugins/examples/{language}"), &mut files)?;
    files.retain(|path, _| !NO_SOURCES.iter().any(|end| path.ends_with(end)));
    add(root, "plugins/examples/build.sh", &mut files)?;
    Ok(of_files(&files))
}

/// The digest of bytes, in hexadecimal.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The digest of paths and contents. Line ends count as one character, as git may have made two of them.
fn of_files(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut digest = Sha256::new();
    for (path, contents) in files {
        let contents: Vec<u8> = contents
            .iter()
            .copied()
            .filter(|&byte| byte != b'\r')
            .collect();
        for part in [path.as_bytes(), &contents] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
    hex(&digest.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Adds a file, or all files below a folder, under their paths from the root with `/` between the names.
fn add(root: &Path, path: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    let full = root.join(path);
    let cannot_read = || format!("cannot read {}", full.display());
    if !full.is_dir() {
        files.insert(path.to_owned(), fs::read(&full).with_context(cannot_read)?);
        return Ok(());
    }
    for entry in fs::read_dir(&full).with_context(cannot_read)? {
        let name = entry.with_context(cannot_read)?.file_name();
        add(root, &format!("{path}/{}", name.to_string_lossy()), files)?;
    }
    Ok(())
}

/// What of the workspace's manifest and lock goes into a component: the rest changes often and does not matter here.
fn build_settings(root: &Path) -> Result<String> {
    let read = |name: &str| -> Result<toml::Table> {
        let path = root.join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
        text.parse().with_context(|| format!("cannot read {name}"))
    };
    let manifest = read("Cargo.toml")?;
    let lock = read("Cargo.lock")?;
    let mut settings = String::new();
    let paths: [&[&str]; 6] = [
        &["workspace", "package", "edition"],
        &["workspace", "dependencies", "jiff"],
        &["workspace", "dependencies", "libm"],
        &["workspace", "dependencies", "wit-bindgen"],
        &["profile", "release"],
        &["profile", "plugin"],
    ];
    for path in paths {
        let mut value = manifest.get(path[0]);
        for key in &path[1..] {
            value = value.and_then(|value| value.get(key));
        }
        // Tables are sorted: the text is the same however the manifest is written.
        let value = value.map_or("none".to_owned(), ToString::to_string);
        let _ = writeln!(settings, "{} = {value}", path.join("."));
    }
    let packages = lock
        .get("package")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten();
    for package in packages {
        let text = |key| package.get(key).and_then(toml::Value::as_str);
        let (name, version) = (text("name"), text("version"));
        if let (Some(name @ ("jiff" | "libm" | "wit-bindgen")), Some(version)) = (name, version) {
            let _ = writeln!(settings, "locked {name} = {version}");
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_of_paths_and_contents_and_not_of_line_ends() {
        let files = |rows: &[(&str, &str)]| {
            let rows = rows
                .iter()
                .map(|(p, c)| ((*p).to_owned(), c.as_bytes().to_vec()));
            of_files(&rows.collect())
        };
        let digest = files(&[("a", "x\ny\n"), ("b", "")]);
        assert_eq!(digest.len(), 64);
        assert_eq!(digest, files(&[("b", ""), ("a", "x\r\ny\r\n")]));
        assert_ne!(digest, files(&[("a", "x\ny\n")]));
        assert_ne!(digest, files(&[("a", "x\ny\n"), ("c", "")]));
        assert_ne!(digest, files(&[("a", ""), ("b", "x\ny\n")]));
    }
}
