//! What was released stays: each released WIT package is part of today's, and components compiled against it are loaded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jobyard_plugin::{Limits, PACKAGE_VERSION, World};

use crate::load;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn released() -> Vec<PathBuf> {
    let folder = root().join("tests/released");
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

/// The package that is worked on follows until it is released.
fn bless() {
    if std::env::var_os("BLESS").is_none() {
        return;
    }
    let folder = root().join("tests/released").join(PACKAGE_VERSION);
    for (from, to) in [("wit", "wit"), ("plugins/builtin", "")] {
        for entry in fs::read_dir(folder.join(to)).unwrap() {
            let path = entry.unwrap().path();
            let live = root().join(from).join(path.file_name().unwrap());
            if path.is_file() && live.is_file() {
                fs::copy(live, path).unwrap();
            }
        }
    }
}

/// The items of each interface and world, without comments and spaces: `interface policy` to `record job {…}`.
fn package(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            let text = fs::read_to_string(path).unwrap();
            let lines = text.lines().filter(|line| !line.trim().starts_with("//"));
            let bare: String = lines.collect::<Vec<_>>().join(" ");
            for block in items(&bare) {
                if let Some((name, body)) = block.split_once('{') {
                    let body = body.strip_suffix('}').unwrap_or(body);
                    all.insert(name.trim().to_string(), items(body));
                }
            }
        }
    }
    all
}

/// What ends with `;` or with a closing brace outside of others.
fn items(text: &str) -> Vec<String> {
    let (mut items, mut item, mut depth) = (Vec::new(), String::new(), 0);
    for c in text.chars() {
        item.push(c);
        depth += i32::from(c == '{') - i32::from(c == '}');
        let ends = depth == 0 && (c == ';' || c == '}');
        // `use work.{exit};` goes on after its brace.
        if ends && !(c == '}' && item.trim_start().starts_with("use ")) {
            let words: Vec<&str> = item.split_whitespace().collect();
            items.push(words.join(" "));
            item.clear();
        }
    }
    items
}

#[test]
fn the_package_has_all_that_was_released() {
    bless();
    let live = package(&root().join("wit"));
    for version in released() {
        let frozen = package(&version.join("wit"));
        assert!(frozen.len() > 10, "{}: {frozen:?}", version.display());
        for (name, items) in frozen {
            let now = live.get(&name);
            let now = now.unwrap_or_else(|| panic!("{name} was released and is gone"));
            for item in &items {
                assert!(
                    now.contains(item),
                    "{name}: `{item}` was released in {} and is gone or is another",
                    version.display()
                );
            }
            // Whoever implements an interface or a world would have to implement more.
            let exports = |items: &[String]| {
                let exported = items.iter().filter(|item| item.starts_with("export "));
                exported.count()
            };
            assert_eq!(exports(now), exports(&items), "exports of {name}");
        }
    }
}

#[test]
fn released_components_are_loaded_and_take_their_settings() {
    let mut seen = 0;
    for version in released() {
        for entry in fs::read_dir(&version).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let kind = name.split('-').next().unwrap_or_default();
            let world = match kind {
                _ if path.extension().is_none_or(|extension| extension != "wasm") => continue,
                "policy" => World::SchedulingPolicy,
                "filter" => World::JobFilter,
                "executor" => World::TaskExecutor,
                "prepare" => World::PrepareTask,
                "release" => World::ReleaseTask,
                other => panic!("what is a {other}?"),
            };
            let plugin = load(&name, &fs::read(&path).unwrap(), world);
            let limits = Limits::for_world(world);
            if world == World::SchedulingPolicy {
                plugin.policy(limits, &[]).unwrap();
            } else if world == World::JobFilter {
                jobyard_plugin::FilterSlot::new(plugin, limits, Vec::new()).unwrap();
            }
            seen += 1;
        }
    }
    // The halves of a policy are not loaded by themselves.
    let halves = [World::RankedPolicy, World::JobRanker];
    assert!(seen >= World::ALL.len() - halves.len(), "{seen} components");
}
