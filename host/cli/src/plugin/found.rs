//! Which component is meant.

use std::path::Path;

use jobyard::builtin;
use jobyard::plugins::{Found, Origin, built_in};

use crate::failure::Failure;
use crate::policy::{self, Chosen};
use crate::remote;
use crate::remote::args::Daemon;

fn chosen(chosen: Chosen, origin: Origin) -> Result<Found, Failure> {
    let Chosen {
        name,
        bytes,
        manifest,
    } = chosen;
    Found::of_bytes(name, origin, bytes, manifest).map_err(Failure::input)
}

/// A built-in one by its name, or by the end of it where no other has that; else a file; else one that the daemon keeps.
pub(super) fn find(named: &str, daemon: &Daemon) -> Result<Found, Failure> {
    if let Some(component) = built_in(named).map_err(Failure::input)? {
        return Ok(Found::built_in(component));
    }
    let path = Path::new(named);
    if path.exists() || named.contains('/') || path.extension().is_some() {
        return chosen(policy::read(path, None)?, Origin::File);
    }
    match remote::policy::kept(daemon, named) {
        Ok(kept) => chosen(kept, Origin::Kept),
        Err(_) => {
            let names: Vec<&str> = builtin::ALL
                .iter()
                .map(|component| component.name)
                .collect();
            let names = names.join(", ");
            let text = format!(
                "{named}: no built-in component, no file and no policy of a daemon has that name; built in are: {names}"
            );
            Err(Failure::Input(text))
        }
    }
}
