//! Which policy component is meant: a built-in one by name, or a file. Below it what is done with policies: `jobyard policy …`.

pub(crate) mod args;
pub(crate) mod check;
pub(crate) mod simulate;

use std::path::Path;

use jobyard::builtin;
use jobyard::plugin::PluginHost;

use crate::args::{Common, PolicyArgs};
use crate::failure::Failure;
use crate::folders;

/// The largest component that is read, in bytes: larger ones are refused unread.
const COMPONENT_BYTES_MAX: u64 = 256 << 20;

/// A policy component and what people call it.
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn choose(args: &PolicyArgs) -> Result<Chosen, Failure> {
    named("--policy", &args.policy)
}

/// The one of that name; `option` is where it was given.
fn named(option: &str, policy: &str) -> Result<Chosen, Failure> {
    if let Some(built_in) = builtin::policy(policy) {
        return Ok(Chosen {
            name: policy.to_string(),
            bytes: built_in.bytes.to_vec(),
        });
    }
    let path = Path::new(policy);
    let is_path = policy.contains('/') || path.extension().is_some();
    if !is_path && !path.exists() {
        let names = builtin::policy_names().join(", ");
        let text = format!(
            "{option} {policy}: no built-in policy and no file has that name; built in are: {names}"
        );
        return Err(Failure::Input(text));
    }
    let fail = |what: String| Failure::Input(format!("{option} {policy}: {what}"));
    let size = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?;
    if size.is_dir() {
        return Err(fail("is a folder, not the file of a component".into()));
    }
    if size.len() > COMPONENT_BYTES_MAX {
        return Err(fail(format!(
            "has {} bytes; a component may have {COMPONENT_BYTES_MAX}",
            size.len()
        )));
    }
    let bytes = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
    Ok(Chosen {
        name: policy.to_string(),
        bytes,
    })
}

/// A plugin host with the user's cache. A cache that cannot be used is said, and done without.
pub(crate) fn host(common: &Common) -> Result<PluginHost, Failure> {
    let host = PluginHost::new(folders::cache(common.cache.as_deref())).map_err(Failure::work)?;
    if let Some(refusal) = host.cache_refusal() {
        eprintln!("jobyard: compiled components are not kept: {refusal}");
    }
    Ok(host)
}
