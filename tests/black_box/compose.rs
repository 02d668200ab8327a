//! `jobyard policy compose`, and POLICY+RANKER wherever a policy is chosen.

use jobyard_tests::{Place, run};

use crate::bad_input::trace;

/// A trace of three jobs on one processor: a long one runs, then a long and a short one wait.
const THREE: &str = "; MaxProcs: 1\n\
    1 0 0 100 1 -1 -1 1 100 -1 1 1 1 1 1 -1 -1 -1\n\
    2 10 0 100 1 -1 -1 1 100 -1 1 1 1 1 1 -1 -1 -1\n\
    3 20 0 10 1 -1 -1 1 10 -1 1 1 1 1 1 -1 -1 -1\n";

#[test]
fn what_is_composed_decides_as_the_two_that_are_named_together() {
    let place = Place::new();
    let file = place.file("three.swf", THREE);
    for name in ["one.wasm", "two.wasm"] {
        let said = run(place
            .jobyard("policy")
            .args(["compose", "ranked", "formula", "-o", name]));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.out.starts_with(&format!("{name}: ")), "{}", said.out);
    }
    let read = |name| std::fs::read(place.path().join(name)).unwrap();
    assert!(
        read("one.wasm") == read("two.wasm"),
        "the same bytes each time"
    );
    // Waits of 0, 90 and 180 seconds in order, of 0, 100 and 80 with the short one first.
    for (formula, average) in [("fcfs", 90.0), ("sjf", 60.0)] {
        for policy in [
            "./one.wasm",
            "ranked+formula",
            "policy-ranked+ranker-formula",
        ] {
            let setting = format!("ranker.formula={formula}");
            let said = run(place
                .jobyard("simulate")
                .arg(&file)
                .args(["--policy", policy, "--set", &setting, "--format", "json"]));
            assert_eq!(said.code, Some(0), "{}", said.err);
            assert_eq!(said.json()["average_wait_s"], average, "{policy} {formula}");
        }
    }
    // A file may be either half.
    let said =
        run(place
            .jobyard("policy")
            .args(["compose", "./one.wasm", "formula", "-o", "three.wasm"]));
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("one.wasm: wanted a ranked-policy"),
        "{}",
        said.err
    );
}

#[test]
fn what_is_no_half_is_named_in_one_line() {
    let place = Place::new();
    for (policy, words) in [
        (
            "ranked",
            "ranked: is half of a policy: name both halves, as in ranked+formula",
        ),
        ("formula", "formula: is half of a policy"),
        (
            "ranked+nobody",
            "nobody: no built-in ranker and no file has that name; built in are: formula, fairshare, multifactor",
        ),
        (
            "nobody+formula",
            "nobody: no built-in ranked policy and no file has that name; built in are: ranked",
        ),
        (
            "nobody",
            "nobody: no built-in policy and no file has that name; built in are: fifo, backfill",
        ),
        ("ranked+", "--policy : no built-in ranker"),
    ] {
        let said = run(place
            .jobyard("simulate")
            .arg(trace())
            .args(["--policy", policy]));
        assert_eq!(said.code, Some(2), "{policy}");
        assert!(said.err.contains(words), "{policy}: {}", said.err);
        assert_eq!(said.err.trim().lines().count(), 1, "{}", said.err);
    }
}
