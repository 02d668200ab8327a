//! Keeps `docs/hpc-rest.md` true: each path, verb and parameter has a row, and the test that a row names is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::routing::MethodFilter;

use super::{DELETE, GET, PATCH, POST, PUT, table};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> Result<String, String> {
    let path = root().join(path);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Its name.
pub(super) fn verb(filter: MethodFilter) -> &'static str {
    let verbs = [
        (GET, "GET"),
        (POST, "POST"),
        (PUT, "PUT"),
        (PATCH, "PATCH"),
        (DELETE, "DELETE"),
    ];
    let found = verbs.into_iter().find(|(verb, _)| *verb == filter);
    found.expect("no other is in the table").1
}

/// What the page must have: `VERB PATH` and its parameters, below `/hpc`.
fn expected() -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for route in table() {
        let place = format!("{} {}", verb(route.verb), route.path);
        rows.push((place.clone(), String::new()));
        let parameters = route.takes.iter();
        rows.extend(parameters.map(|name| (place.clone(), name.to_string())));
    }
    // Of all of them.
    rows.push(("all".into(), "x-ms-as-user".into()));
    rows.push(("all".into(), "api-version".into()));
    rows
}

#[test]
fn every_path_verb_and_parameter_names_a_test_that_exists() {
    let text = read("docs/hpc-rest.md").expect("the page is there");
    let mut rows = BTreeMap::new();
    let mut place = String::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [at, parameter, _, test] = cells[..] else {
            continue;
        };
        if at == "verb and path" {
            continue;
        }
        // A row without a place is of the place above it.
        if !at.is_empty() {
            place = at.trim_matches('`').to_string();
        }
        let parameter = parameter.trim_matches('`').to_string();
        let key = (place.clone(), parameter);
        let before = rows.insert(key, test.trim_matches('`').to_string());
        assert_eq!(before, None, "there twice: {line}");
    }
    for key in expected() {
        let test = rows.remove(&key);
        let test = test.unwrap_or_else(|| panic!("no row for {key:?}"));
        if let Err(what) = exists(&test) {
            panic!("{key:?}: {what}");
        }
    }
    assert!(rows.is_empty(), "rows of nothing: {rows:?}");
}

/// `FILE: FUNCTION`, the file below `tests/black_box/serve/hpc`.
fn exists(test: &str) -> Result<(), String> {
    let (file, function) = test
        .split_once(": ")
        .ok_or_else(|| format!("{test:?} is not FILE: FUNCTION"))?;
    let text = read(&format!("tests/black_box/serve/hpc/{file}"))?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is =
        |pair: &[&str]| pair[0] == "#[test]" && pair[1].starts_with(&format!("fn {function}()"));
    match lines.windows(2).any(is) {
        true => Ok(()),
        false => Err(format!("{file} has no test {function}")),
    }
}
