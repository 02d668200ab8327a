//! Keeps `docs/semantics.md` true: every rule has its row, and every test that a row names is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The lists that the page must have, and how long each is.
const ROWS: &[(&str, u32)] = &[
    ("J", 28),
    ("T", 19),
    ("C", 8),
    ("D", 18),
    ("V", 24),
    ("K", 14),
    ("M", 9),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[test]
fn every_rule_names_tests_that_exist() {
    let text = read(&root().join("docs/semantics.md")).expect("the page is there");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, what, tested] = cells[..] else {
            panic!("not three cells: {line}");
        };
        if id == "row" {
            continue;
        }
        assert!(!what.is_empty(), "{id} says nothing");
        assert!(rows.insert(id, tested).is_none(), "{id} is there twice");
    }
    let expected = ROWS
        .iter()
        .flat_map(|&(list, count)| (1..=count).map(move |n| format!("{list}{n}")));
    for id in expected {
        let tested = rows.remove(id.as_str());
        let tested = tested.unwrap_or_else(|| panic!("{id} has no row"));
        if let Err(what) = check(tested) {
            panic!("{id}: {what}");
        }
    }
    assert!(rows.is_empty(), "these rows are of no list: {rows:?}");
}

/// Tests between backticks, or why there is none.
fn check(tested: &str) -> Result<(), String> {
    if let Some(why) = tested.strip_prefix("not served: ") {
        return (why.len() > 10)
            .then_some(())
            .ok_or_else(|| "it does not say why".into());
    }
    let names: Vec<&str> = tested.split('`').skip(1).step_by(2).collect();
    match names.is_empty() {
        true => Err("it names no test".into()),
        false => names.into_iter().try_for_each(exists),
    }
}

fn exists(name: &str) -> Result<(), String> {
    let (file, test) = name
        .split_once(": ")
        .ok_or_else(|| format!("\"{name}\" is not FILE: TEST"))?;
    if file.ends_with(".md") {
        let text = read(&root().join("tests/scenarios").join(file))?;
        let section = text
            .split("\n## ")
            .skip(1)
            .find(|section| section.lines().next() == Some(test))
            .ok_or_else(|| format!("{file} has no heading \"{test}\""))?;
        return section
            .contains("```scenario\n")
            .then_some(())
            .ok_or_else(|| format!("{file}: nothing is played under \"{test}\""));
    }
    let path = match file.contains('/') {
        true => root().join(file),
        false => root().join("host/kernel/tests/kernel").join(file),
    };
    let text = read(&path)?;
    let (function, case) = match test.strip_suffix(')').and_then(|test| test.split_once('(')) {
        Some((function, case)) => (function, Some(case)),
        None => (test, None),
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let named = format!("fn {function}()");
    let is = |pair: &[&str]| match pair[1].strip_prefix("async ") {
        None => pair[0] == "#[test]" && pair[1].starts_with(&named),
        Some(rest) => pair[0].starts_with("#[tokio::test") && rest.starts_with(&named),
    };
    if !lines.windows(2).any(is) {
        return Err(format!("{file} has no test {function}"));
    }
    let Some(case) = case else { return Ok(()) };
    // The rows of a table may be in a file of their own, below its test.
    let below = std::fs::read_dir(path.with_extension(""))
        .into_iter()
        .flatten();
    let below: Result<Vec<String>, String> =
        below.flatten().map(|entry| read(&entry.path())).collect();
    let row = format!("\"{case}\"");
    match std::iter::once(text)
        .chain(below?)
        .any(|text| text.contains(&row))
    {
        true => Ok(()),
        false => Err(format!("{file} has no case {case}")),
    }
}
