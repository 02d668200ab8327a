//! Which policy component is meant: a built-in one by name, a file, or a ranked policy and a ranker with a plus between; and what it is. Below it what is done with policies here:
//! `jobyard policy …`.

pub(crate) mod args;
pub(crate) mod check;
pub(crate) mod compose;
pub(crate) mod simulate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jobyard::builtin;
use jobyard::kernel::{Parameter, Parameters, Span};
use jobyard::plugin::{Manifest, Part, Plugin, PluginHost, World, compose as join};

use crate::args::{Common, Format, PolicyArgs};
use crate::failure::Failure;
use crate::remote::args::Daemon;
use crate::{folders, remote, table};

/// The largest component that is read, in bytes: larger ones are refused unread.
const COMPONENT_BYTES_MAX: u64 = 256 << 20;

/// The policy where none is named.
const DEFAULT: &str = "backfill";

/// A policy component and what people call it.
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// The text of its manifest, where it has one.
    pub(crate) manifest: Option<String>,
}

impl Chosen {
    fn part(&self) -> Part<'_> {
        Part {
            name: &self.name,
            bytes: &self.bytes,
        }
    }
}

/// The policy of `--policy`.
pub(crate) fn choose(args: &PolicyArgs) -> Result<Chosen, Failure> {
    named("--policy", args.policy.as_deref().unwrap_or(DEFAULT))
}

/// The one of that name; `option` is where it was given.
fn named(option: &str, policy: &str) -> Result<Chosen, Failure> {
    find(policy, None).map_err(|failure| given_at(option, failure))
}

fn given_at(option: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Input(text) => Failure::Input(format!("{option} {text}")),
        other => other,
    }
}

/// The one of that name here, or that the daemon of this folder, or its journal, keeps; `option` is where it was given.
pub(crate) fn named_or_kept(
    option: &str,
    policy: &str,
    daemon: &Daemon,
) -> Result<Chosen, Failure> {
    named(option, policy).or_else(|here| {
        let is_file = Path::new(policy).exists();
        let kept = remote::policy::kept(daemon, policy).ok();
        kept.filter(|_| !is_file).ok_or(here)
    })
}

/// A built-in policy by name, or the file of a component with the manifest that is named or lies beside it.
pub(crate) fn find(named: &str, manifest: Option<&Path>) -> Result<Chosen, Failure> {
    let is_whole = builtin::policy(named).is_some() || Path::new(named).exists();
    if let Some((ranked, ranker)) = named.split_once('+').filter(|_| !is_whole) {
        let mut whole = composed(ranked, ranker)?;
        if let Some(path) = manifest {
            whole.manifest = Some(read_manifest(path)?);
        }
        return Ok(whole);
    }
    component(named, manifest, &POLICY)
}

/// A ranked policy with a ranker in it, and a manifest that says what either's does.
fn composed(ranked: &str, ranker: &str) -> Result<Chosen, Failure> {
    let ranked = component(ranked, None, &RANKED)?;
    let ranker = component(ranker, None, &RANKER)?;
    let bytes = join(ranked.part(), ranker.part()).map_err(Failure::input)?;
    let [policy, order] = [(&ranked, &RANKED), (&ranker, &RANKER)].map(manifest_of);
    let manifest = policy?.composed(&order?).text();
    let name = format!("{}+{}", ranked.name, ranker.name);
    let said = |error| Failure::Input(format!("{name}: its manifest: {error}"));
    Ok(Chosen {
        bytes,
        manifest: Some(manifest.map_err(said)?),
        name,
    })
}

/// The manifest of a half; one that grants nothing where there is none.
fn manifest_of((half, kind): (&Chosen, &Kind)) -> Result<Manifest, Failure> {
    let bare = || Ok(Manifest::bare(&half.name, kind.world));
    half.manifest.as_deref().map_or_else(bare, |text| {
        Manifest::parse(text)
            .map_err(|error| Failure::Input(format!("{}: its manifest: {error}", half.name)))
    })
}

/// What a component is to be: a whole policy, or one of the halves.
struct Kind {
    what: &'static str,
    world: World,
    built_in: fn(&str) -> Option<builtin::Component>,
    names: fn() -> Vec<&'static str>,
}

const POLICY: Kind = Kind {
    what: "policy",
    world: World::SchedulingPolicy,
    built_in: builtin::policy,
    names: builtin::policy_names,
};

const RANKED: Kind = Kind {
    what: "ranked policy",
    world: World::RankedPolicy,
    built_in: builtin::ranked_policy,
    names: builtin::ranked_policy_names,
};

const RANKER: Kind = Kind {
    what: "ranker",
    world: World::JobRanker,
    built_in: builtin::ranker,
    names: builtin::ranker_names,
};

/// A component, built in or in a file.
fn component(named: &str, manifest: Option<&Path>, kind: &Kind) -> Result<Chosen, Failure> {
    if let Some(built_in) = (kind.built_in)(named) {
        return Ok(Chosen {
            name: built_in.short_name().into(),
            bytes: built_in.bytes.to_vec(),
            manifest: Some(built_in.manifest.into()),
        });
    }
    let path = Path::new(named);
    let is_path = named.contains('/') || path.extension().is_some();
    if !is_path && !path.exists() {
        if builtin::ranked_policy(named).is_some() || builtin::ranker(named).is_some() {
            let text = "is half of a policy: name both halves, as in ranked+formula";
            return Err(Failure::Input(format!("{named}: {text}")));
        }
        let (what, names) = (kind.what, (kind.names)().join(", "));
        let text =
            format!("{named}: no built-in {what} and no file has that name; built in are: {names}");
        return Err(Failure::Input(text));
    }
    read(path, manifest)
}

/// The component in a file, with the manifest that is named or lies beside it.
pub(crate) fn read(path: &Path, manifest: Option<&Path>) -> Result<Chosen, Failure> {
    let named = path.display();
    let fail = |what: String| Failure::Input(format!("{named}: {what}"));
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
        name: named.to_string(),
        bytes,
        manifest: self::manifest(path, manifest)?,
    })
}

/// The manifest that is named, or the file of the component's name with `.toml`, or `plugin.toml` beside it.
fn manifest(component: &Path, named: Option<&Path>) -> Result<Option<String>, Failure> {
    let beside = [
        component.with_extension("toml"),
        component.with_file_name("plugin.toml"),
    ];
    let there = || {
        beside
            .iter()
            .map(PathBuf::as_path)
            .find(|path| path.is_file())
    };
    let Some(path) = named.or_else(there) else {
        return Ok(None);
    };
    read_manifest(path).map(Some)
}

fn read_manifest(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path);
    text.map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

/// What a component is: read, checked against its world and compiled, not run.
pub(crate) fn inspect(
    args: &args::Inspect,
    daemon: &Daemon,
    common: &Common,
) -> Result<ExitCode, Failure> {
    let chosen = named_or_kept("policy", &args.policy, daemon)?;
    let plugin = load(&host(common)?, &chosen)?;
    let instance = plugin.policy(plugin.limits(), &[]);
    let traits = instance.map_or(Vec::new(), |instance| instance.traits().to_vec());
    let inspected = serde_json::json!({
        "name": chosen.name,
        "digest": plugin.digest(),
        "world": plugin.world().to_string(),
        "bytes": chosen.bytes.len(),
        "says": traits.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "manifest": chosen.manifest,
    });
    match args.format {
        Format::Json => println!("{inspected:#}"),
        Format::Csv => print!("{}", table::csv_of(&[inspected])),
        Format::Table => {
            let rows = ["name", "world", "digest", "bytes"];
            for row in rows {
                let value = &inspected[row];
                println!(
                    "{row:<8} {}",
                    value.as_str().map_or(value.to_string(), String::from)
                );
            }
            for (name, value) in inspected["says"].as_object().into_iter().flatten() {
                println!("says     {name} = {}", value.as_str().unwrap_or_default());
            }
            if let Some(manifest) = &chosen.manifest {
                println!("\n{}", manifest.trim_end());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A policy that follows FairShareHalfLife takes it as a setting here, where there is no cluster to have it; then use is counted by it too.
pub(crate) fn half_life(settings: &[(String, String)]) -> Result<Option<Span>, Failure> {
    const NAME: &str = "FairShareHalfLife";
    let own = |name: &str| name.strip_prefix("ranker.").unwrap_or(name) == NAME;
    let Some((_, value)) = settings.iter().find(|(name, _)| own(name)) else {
        return Ok(None);
    };
    let mut parameters = Parameters::default();
    let parameter = Parameter::find(NAME).map_err(Failure::input)?;
    parameter
        .set(&mut parameters, Some(value))
        .map_err(Failure::input)?;
    Ok(Some(parameters.fair_share_half_life))
}

/// Loads it, with its manifest.
pub(crate) fn load(host: &PluginHost, chosen: &Chosen) -> Result<Plugin, Failure> {
    let manifest = chosen.manifest.as_deref().map(Manifest::parse).transpose();
    let manifest = manifest
        .map_err(|error| Failure::Input(format!("{}: its manifest: {error}", chosen.name)))?;
    let (name, bytes) = (&chosen.name, &chosen.bytes);
    builtin::load(host, name, bytes, World::SchedulingPolicy, manifest).map_err(Failure::input)
}

/// A plugin host with the user's cache. A cache that cannot be used is said, and done without.
pub(crate) fn host(common: &Common) -> Result<PluginHost, Failure> {
    let host = PluginHost::new(folders::cache(common.cache.as_deref())).map_err(Failure::work)?;
    if let Some(refusal) = host.cache_refusal() {
        let text = format!("compiled components are not kept: {refusal}");
        match tracing::dispatcher::has_been_set() {
            // A daemon has a log.
            true => tracing::warn!("{text}"),
            false => eprintln!("jobyard: {text}"),
        }
    }
    Ok(host)
}
