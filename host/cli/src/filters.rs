//! `--filter` and `--filter-set`: which components are job filters, and what they are told.

use std::path::Path;

use jobyard::builtin;

use crate::args::FilterArgs;
use crate::failure::Failure;

/// A filter that was chosen.
pub(crate) struct Chosen {
    /// The file's name without `.wasm`.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) settings: Vec<(String, String)>,
}

/// The filters in the order given, each with its settings.
pub(crate) fn choose(args: &FilterArgs) -> Result<Vec<Chosen>, Failure> {
    let mut all: Vec<Chosen> = Vec::new();
    for file in &args.filters {
        let built_in = file.to_str().and_then(builtin::filter);
        let name = built_in.map_or_else(|| name_of(file), |one| one.name.into());
        if all.iter().any(|other| other.name == name) {
            return Err(Failure::Input(format!("there are two filters \"{name}\"")));
        }
        let read = || {
            std::fs::read(file)
                .map_err(|error| Failure::Input(format!("cannot read {}: {error}", file.display())))
        };
        let bytes = built_in.map_or_else(read, |one| Ok(one.bytes.to_vec()))?;
        let settings = Vec::new();
        all.push(Chosen {
            name,
            bytes,
            settings,
        });
    }
    let names: Vec<String> = all.iter().map(|filter| filter.name.clone()).collect();
    for (full, value) in &args.filter_settings {
        let of = |filter: &Chosen| {
            let rest = full.strip_prefix(filter.name.as_str())?.strip_prefix('.')?;
            Some(rest.to_string())
        };
        let found = all
            .iter_mut()
            .find_map(|filter| Some((of(filter)?, filter)));
        let (setting, filter) = found.ok_or_else(|| {
            let names = names.join(", ");
            let text = format!("--filter-set {full}: say whose it is, as FILTER.NAME=VALUE; there are the filters: {names}");
            Failure::Input(text)
        })?;
        filter.settings.push((setting, value.clone()));
    }
    Ok(all)
}

/// What a filter is called: its file's name without `.wasm`, or the built-in one's.
pub(crate) fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}
