//! `jobyard policy check`: what it prints, and its exit codes. What the rules find is tested in `host/conform`.

use jobyard_tests::{Place, run};

/// The second job cannot start before the first has ended.
const WRONG: &str = "## Two at once

```case
node n1 cores=1
job cores=1
job cores=1
> 0s starts 1 2
```
";

#[test]
fn a_good_policy_passes_in_each_format() {
    let place = Place::new();
    let check = |more: &[&str]| {
        let rules = ["check", "fifo", "--rule", "no-fault", "--rule", "settles"];
        run(place
            .jobyard("policy")
            .args(rules)
            .args(["--seeds", "3"])
            .args(more))
    };
    let table = check(&[]);
    assert_eq!((table.code, table.err.as_str()), (Some(0), ""));
    assert!(
        table.out.contains("2 passed, 0 failed, 0 skipped"),
        "{}",
        table.out
    );
    let json = check(&["--format", "json"]).json();
    assert_eq!(json["results"][1]["name"], "settles");
    assert_eq!(json["results"][1]["outcome"], "passed");
    assert_eq!(json["results"][1]["cases"], 3);
    let junit = check(&["--format", "junit"]).out;
    assert!(
        junit.contains("<testsuite name=\"fifo\" tests=\"2\" failures=\"0\""),
        "{junit}"
    );
}

#[test]
fn what_a_scenario_expects_in_vain_is_shown_with_it() {
    let place = Place::new();
    place.file("wrong.md", WRONG);
    let said = run(place
        .jobyard("policy")
        .args(["check", "backfill", "--scenario", "wrong.md"]));
    assert_eq!(said.code, Some(1), "{}", said.err);
    let words = "expected starts: job 1 at 0s, job 2 at 0s; these came: job 1 at 0s, job 2 at 60s";
    assert!(
        said.out.contains(words) && said.out.contains(WRONG),
        "{}",
        said.out
    );
}

#[test]
fn bad_input_is_one_line_and_exit_code_2() {
    let place = Place::new();
    place.file("bad.md", "```case\njob\n```\n");
    let rows: &[(&[&str], &str)] = &[
        (&["fifo", "--claim", "luck"], "no-starvation"),
        (&["fifo", "--rule", "luck"], "same-calls-same-plans"),
        (&["fifo", "--set", "luck=1"], "luck"),
        (
            &["fifo", "--scenario", "bad.md"],
            "bad.md: line 2: the job asks for nothing",
        ),
        (&["fifo", "--scenario", "none.md"], "none.md"),
        (&["luck"], "policy luck: no built-in policy"),
    ];
    for (arguments, words) in rows {
        let said = run(place.jobyard("policy").arg("check").args(*arguments));
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        assert!(
            said.err.contains(words) && said.err.lines().count() == 1,
            "{arguments:?}: {}",
            said.err
        );
    }
}
