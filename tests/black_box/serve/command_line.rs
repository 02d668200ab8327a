//! The command line as such: what verbs are called, what they print for scripts, and what they say of themselves.

use super::{Daemon, refused};
use jobyard_tests::{Place, run};

/// What runs until it is stopped.
const WAITS: &str = "while :; do sleep 0.05; done";

#[test]
fn a_job_is_made_without_tasks_gets_some_and_is_submitted() {
    let daemon = Daemon::start();
    assert_eq!(
        daemon.done(&["job", "new", "--name", "later", "--priority", "3000"]),
        "job 1 later: Configuring\n"
    );
    assert_eq!(
        daemon.json(&["task", "list", "1"])["tasks"],
        serde_json::json!([])
    );
    daemon.done(&["job", "add", "1", "--task-name", "one", "--", "echo", "hi"]);
    daemon.done(&["job", "add", "1", "--sweep", "1-2", "--", "echo", "*"]);
    assert_eq!(daemon.done(&["task", "list", "1", "-q"]), "1.1\n1.2\n");
    daemon.done(&["job", "submit", "--id", "1"]);
    daemon.done(&["job", "wait", "1"]);
    assert_eq!(daemon.done(&["job", "output", "1.1"]), "hi\n");

    daemon.refused(&["job", "submit", "--name", "x"], &["job file", "after --"]);
    daemon.place.file("none.toml", "name = \"x\"");
    daemon.refused(&["job", "submit", "none.toml"], &["the job has no task"]);
    daemon.refused(&["job", "new", "--task-name", "x"], &["after --"]);
}

#[test]
fn ids_alone_go_into_other_verbs() {
    let daemon = Daemon::start();
    let mut ids = String::new();
    for _ in 0..2 {
        ids += &daemon.done(&["job", "submit", "-q", "--", "sh", "-c", WAITS]);
    }
    assert_eq!(ids, "1\n2\n");
    assert_eq!(daemon.done(&["job", "list", "-q"]), "2\n1\n");
    assert_eq!(daemon.done(&["job", "view", "1", "-q"]), "1\n");
    assert_eq!(daemon.done(&["job", "cancel", "-q", "1", "2"]), "1\n2\n");
    let some_refused = daemon.say(&["job", "purge", "9"]);
    assert_eq!(some_refused.code, Some(2));
    let node = daemon.done(&["node", "list", "-q"]);
    assert_eq!(daemon.done(&["node", "view", node.trim(), "-q"]), node);
    assert_eq!(
        daemon.done(&["param", "get", "TaskRetryCount", "-q"]),
        "TaskRetryCount\n"
    );
    daemon.refused(
        &["job", "list", "-q", "--format", "json"],
        &["--quiet", "--format"],
    );
}

#[test]
fn rows_for_spreadsheets_are_quoted_and_compute_nothing() {
    let daemon = Daemon::start();
    daemon.done(&["job", "new", "--name", "=1+1, \"x\""]);
    let list = daemon.done(&["job", "list", "--format", "csv"]);
    let row = list.lines().nth(1).unwrap();
    assert!(row.starts_with("1,\"'=1+1, \"\"x\"\"\","), "{row}");
    let count = list.lines().next().unwrap().split(',').count();
    assert_eq!(count, 9, "{list}");
    for words in [
        &["node", "list"][..],
        &["node", "groups"],
        &["env", "list"],
        &["param", "list"],
        &["template", "list"],
        &["policy", "list"],
        &["policy", "history"],
        &["plugin", "list"],
        &["job", "explain", "1"],
        &["task", "list", "1"],
    ] {
        let said = daemon.done(&[words, &["--format", "csv"]].concat());
        let header = said.lines().next().unwrap_or_default();
        assert!(header.contains(','), "{words:?}: {said}");
    }
}

#[test]
fn a_node_and_a_job_that_waits_are_shown_in_full() {
    let daemon = Daemon::start();
    let node = daemon.done(&["node", "list", "-q"]);
    let node = node.trim();
    daemon.done(&["node", "drain", node]);
    let view = daemon.done(&["node", "view", node]);
    assert!(
        view.starts_with(&format!("node {node}: Draining\n")),
        "{view}"
    );
    assert!(view.contains("of them free"), "{view}");
    daemon.refused(
        &["node", "view", "nobody"],
        &["there is no node \"nobody\""],
    );

    let job = daemon.done(&["job", "submit", "-q", "--", "true"]);
    let job = job.trim();
    let by_job = daemon.json(&["job", "explain", job]);
    assert_eq!(by_job["state"], "Queued");
    let said = daemon.done(&["job", "explain", job]);
    assert!(said.starts_with(&format!("job {job} is Queued")), "{said}");
}

#[test]
fn components_of_every_kind_are_listed_inspected_and_checked() {
    let place = Place::new();
    let say = |words: &[&str]| {
        let mut command = place.jobyard("plugin");
        run(command.args(words).env("JOBYARD_DATA", "data"))
    };
    let list = say(&["list", "--format", "json"]).json();
    let plugins = list["plugins"].as_array().unwrap().clone();
    let worlds = |world: &str| plugins.iter().filter(|p| p["world"] == world).count();
    for world in [
        "scheduling-policy",
        "ranked-policy",
        "job-ranker",
        "job-filter",
        "task-executor",
        "prepare-task",
        "release-task",
    ] {
        assert!(worlds(world) > 0, "{world}");
        let only = say(&["list", "--world", world, "-q"]);
        assert_eq!(only.out.lines().count(), worlds(world), "{world}");
    }
    let formula = say(&["inspect", "formula"]).out;
    for part in [
        "world     job-ranker",
        "version   0.1.0",
        "formula=fcfs",
        "built in",
    ] {
        assert!(formula.contains(part), "{part} is not in {formula}");
    }
    for plugin in &plugins {
        let name = plugin["name"].as_str().unwrap();
        let said = say(&["check", name]);
        assert_eq!(said.code, Some(0), "{name}: {}", said.err);
    }
    assert_eq!(
        say(&["check", "formula", "--set", "formula=sjf"]).code,
        Some(0)
    );
    place.file("bad.wasm", "no component");
    for (words, expected) in [
        (
            &["check", "formula", "--set", "formula=abc"][..],
            &["formula", "abc", "sjf"][..],
        ),
        (&["check", "executor-command", "--set", "a=b"], &["--set a"]),
        (&["check", "./bad.wasm"], &["bad.wasm"]),
        (
            &["inspect", "command"],
            &["executor-command", "prepare-command"],
        ),
        (&["inspect", "nobody"], &["nobody", "policy-fifo"]),
        (&["list", "--world", "x"], &["--world x", "job-ranker"]),
    ] {
        refused(&say(words), words, expected);
    }
}

#[test]
fn a_policy_that_a_daemon_keeps_is_listed_with_the_others() {
    let daemon = Daemon::start();
    daemon.done(&["policy", "load", "fifo", "--name", "mine"]);
    let list = daemon.json(&["plugin", "list"]);
    let kept = list["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["name"] == "mine");
    let kept = kept.expect("it is kept");
    assert_eq!(
        (&kept["origin"], &kept["version"]),
        (&"kept".into(), &"0.1.0".into())
    );
    let inspected = daemon.json(&["plugin", "inspect", "mine"]);
    assert_eq!(inspected["digest"], kept["digest"]);
}

#[test]
fn shells_get_completions_and_man_gets_pages() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let said = run(place.jobyard("completions").arg(shell));
        assert_eq!(said.code, Some(0), "{shell}: {}", said.err);
        assert!(
            said.out.contains("jobyard") && said.out.contains("requeue"),
            "{shell}"
        );
    }
    let said = run(place.jobyard("man").arg("pages"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    for (page, part) in [
        ("jobyard.1", "Exit codes"),
        ("jobyard-job-submit.1", "jobyard job submit"),
    ] {
        let text = place.read(&format!("pages/{page}"));
        assert!(
            text.starts_with(".ie") || text.contains(".TH"),
            "{page}: {text}"
        );
        assert!(text.replace("\\-", "-").contains(part), "{page}: {text}");
    }
    assert!(!place.path().join("pages/jobyard-node-process.1").exists());
    let help = run(&mut place.jobyard("--help"));
    assert!(
        help.out.contains("Exit codes:") && !help.out.contains('\u{1b}'),
        "{}",
        help.out
    );
}
