//! What can be said about jobs besides running them: options, changes, files, templates, the environment, groups, histories. A test each.

use serde_json::json;

use super::Daemon;

/// A time to hold a job until: in the future, and within a year.
fn later() -> String {
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(48);
    later.strftime("%Y-%m-%dT%H:00:00Z").to_string()
}

/// A job that waits to be submitted, and its id.
fn draft(daemon: &Daemon, words: &[&str]) -> String {
    let words = [&["job", "new"], words, &["--", "true"]].concat();
    let format = ["--format", "json"];
    // Options come before the command.
    let at = words.len() - 2;
    let words = [&words[..at], &format, &words[at..]].concat();
    let said = daemon.say(&words);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.json()["id"].to_string()
}

fn file(daemon: &Daemon, job: &str) -> serde_json::Value {
    let said = daemon.done(&["job", "export", job, "--format", "json"]);
    serde_json::from_str(&said).unwrap()
}

#[test]
fn every_option_becomes_the_property_that_it_names() {
    let daemon = Daemon::start();
    let parent = draft(&daemon, &[]);
    let words = [
        "--name",
        "all",
        "--template",
        "Default",
        "--project",
        "p",
        "--priority",
        "AboveNormal",
        "--nodes",
        "2-4",
        "--exclusive",
        "--requested-nodes",
        "n1,n2",
        "--excluded-nodes",
        "n3",
        "--node-groups",
        "a,b",
        "--node-group-op",
        "union",
        "--node-memory",
        "1024-*",
        "--node-cores",
        "2-8",
        "--order-by",
        "-cores",
        "--runtime",
        "2h",
        "--hold-until",
        "2027-06-01T00:00:00Z",
        "--parent-jobs",
        &parent,
        "--licences",
        "x:1",
        "--run-until-canceled",
        "--fail-on-task-failure",
        "--fail-dependent-tasks",
        "--task-retry-limit",
        "2",
        "--valid-exit-codes",
        "-1..1",
        "--preemptable=false",
        "--can-grow=false",
        "--can-shrink=true",
        "--job-env",
        "A=1",
        "--custom",
        "k=v",
        "--task-name",
        "t",
        "--stdin",
        "in",
        "--stdout",
        "out",
        "--stderr",
        "err",
        "--task-runtime",
        "1h",
        "--rerunnable=false",
        "--task-exit-codes",
        "3",
        "--fail-job-on-failure-count",
        "1",
        "--env",
        "B=2",
        "--chdir",
        "/",
    ];
    let job = draft(&daemon, &words);
    let expected = r#"name = "all"
project = "p"
template = "Default"
priority = 3000
nodes = "2-4"
exclusive = true
can_preempt = false
can_grow = false
can_shrink = true
run_until_canceled = true
fail_on_task_failure = true
fail_dependent_tasks = true
task_retry_limit = 2
valid_exit_codes = "-1..1"
runtime = "2h"
hold_until = "2027-06-01T00:00:00Z"
requested_nodes = ["n1", "n2"]
excluded_nodes = ["n3"]
node_groups = ["a", "b"]
node_group_op = "union"
node_memory_mb = "1024-*"
node_cores = "2-8"
order_by = "-cores"
licences = "x:1"
parent_jobs = [1]

[environment]
A = "1"

[custom_properties]
k = "v"

[[task]]
name = "t"
command = "true"
working_folder = "/"
standard_input = "in"
standard_output = "out"
standard_error = "err"
nodes = "2-4"
runtime = "1h"
rerunnable = false
valid_exit_codes = "3"
fail_job_on_failure_count = 1
environment = { B = "2" }
"#;
    assert_eq!(daemon.done(&["job", "export", &job]), expected);
}

#[test]
fn what_is_wrong_with_an_option_is_said_on_one_line() {
    let daemon = Daemon::start();
    for (words, expected) in [
        (
            &["job", "submit", "--cores", "9-2", "--", "x"][..],
            "\"9-2\" starts above its end; write the smaller number first; see --help",
        ),
        (
            &["job", "submit", "--cores", "2", "--nodes", "3", "--", "x"],
            "'--cores <MIN-MAX>' cannot be used with '--nodes <MIN-MAX>'",
        ),
        (
            &["job", "submit", "--priority", "high", "--", "x"],
            "\"high\" is not a priority",
        ),
        (
            &["job", "submit", "--node-memory", "0", "--", "x"],
            "from 1 to 4294967295",
        ),
        (
            &["job", "modify", "1", "--job-env", "A"],
            "write it as NAME=VALUE",
        ),
        (
            &["job", "modify", "1", "--prority", "1"],
            "a similar argument exists: '--priority'",
        ),
        (&["env", "set", "A"], "write it as NAME=VALUE"),
        (&["job", "export"], "were not provided: <JOB>"),
    ] {
        daemon.refused(words, &[expected]);
    }
}

#[test]
fn options_win_over_the_file() {
    let daemon = Daemon::start();
    let toml = "name = 'old'\npriority = 1000\ncores = 2\n[[task]]\ncommand = 'true'";
    daemon.place.file("job.toml", toml);
    let words = [
        "job",
        "new",
        "job.toml",
        "--priority",
        "3000",
        "--cores",
        "1-3",
        "--template",
        "default",
    ];
    let job = daemon.json(&words)["id"].to_string();
    let file = file(&daemon, &job);
    assert_eq!(
        (&file["name"], &file["priority"], &file["cores"]),
        (&json!("old"), &json!(3000), &json!("1-3"))
    );
    let task_option = ["job", "new", "job.toml", "--task-name", "x"];
    daemon.refused(&task_option, &["options of a task go with a command"]);
}

#[test]
fn a_job_is_modified_and_taken_back() {
    let daemon = Daemon::start();
    let job = draft(
        &daemon,
        &["--runtime", "1h", "--job-env", "A=1", "--job-env", "B=2"],
    );
    let words = [
        "job",
        "modify",
        &job,
        "--priority",
        "3500",
        "--job-env",
        "B=3",
        "--unset",
        "runtime",
        "--unset",
        "environment.A",
    ];
    let said = daemon.done(&words);
    assert_eq!(said, format!("job {job} true: Configuring\n"));
    let file = file(&daemon, &job);
    assert_eq!(file["environment"], json!({"B": "3"}));
    assert_eq!(
        (&file["priority"], &file["runtime"]),
        (&json!(3500), &json!(null))
    );
    daemon.refused(&["job", "modify", &job], &["say what is to change"]);
    daemon.refused(
        &["job", "modify", &job, "--unset", "colour"],
        &["unknown key \"colour\""],
    );
    daemon.done(&["job", "submit", "--id", &job]);
    daemon.done(&["job", "wait", &job]);
    daemon.refused(
        &["job", "modify", &job, "--priority", "1"],
        &["Finished", "clone it"],
    );
}

#[test]
fn what_is_exported_can_be_submitted_again() {
    let daemon = Daemon::start();
    let job = draft(
        &daemon,
        &[
            "--cores",
            "1-2",
            "--custom",
            "a=b c",
            "--sweep",
            "1-3",
            "--runtime",
            "90m",
        ],
    );
    for format in ["toml", "json", "xml"] {
        let name = format!("again.{format}");
        let text = daemon.done(&["job", "export", &job, "--format", format]);
        daemon.place.file(&name, &text);
        let again = daemon.json(&["job", "new", &name])["id"].to_string();
        assert_eq!(file(&daemon, &again), file(&daemon, &job), "{text}");
    }
}

#[test]
fn tasks_are_added_modified_and_submitted_by_themselves() {
    let daemon = Daemon::start();
    let later = later();
    let hold = ["--hold-until", &later, "--cores", "1-2"];
    let job = draft(&daemon, &hold);
    daemon.done(&["job", "submit", "--id", &job]);
    let said = daemon.done(&[
        "task",
        "add",
        &job,
        "--draft",
        "--task-name",
        "two",
        "--",
        "echo",
        "2",
    ]);
    assert_eq!(said, format!("task {job}.2: Configuring\n"));
    let two = format!("{job}.2");
    daemon.done(&["task", "modify", &two, "--env", "A=1", "--", "echo", "two"]);
    let said = daemon.done(&["task", "submit", &two]);
    assert_eq!(said, format!("task {two} two: Queued\n"));
    daemon.refused(&["task", "modify", &two, "--env", "A=2"], &["Queued"]);
    daemon.done(&["task", "configure", &two]);
    daemon
        .place
        .file("more.toml", "[[task]]\nname = 'three'\ncommand = 'true'");
    daemon.done(&["task", "add", &job, "more.toml"]);
    daemon
        .place
        .file("bad.toml", "name = 'x'\n[[task]]\ncommand = 'true'");
    daemon.refused(
        &["task", "add", &job, "bad.toml"],
        &["bad.toml:1:1", "the job is there already"],
    );
    let tasks = &file(&daemon, &job)["task"];
    assert_eq!(
        (&tasks[1]["command"], &tasks[1]["environment"]),
        (&json!("echo two"), &json!({"A": "1"}))
    );
    assert_eq!(tasks[2]["name"], "three");
    daemon.done(&["task", "submit", &two]);
    daemon.done(&["job", "release", &job]);
    daemon.done(&["job", "wait", &job]);
    assert_eq!(daemon.done(&["job", "output", &two]), "two\n");
    daemon.refused(&["task", "conclude", &two], &["no service"]);
}

#[test]
fn a_service_is_concluded() {
    let daemon = Daemon::start();
    let words = [
        "job",
        "submit",
        "--cores",
        "1",
        "--service",
        "--",
        "sleep",
        "1000",
    ];
    let said = daemon.done(&words);
    assert!(said.starts_with("job 1 "), "{said}");
    daemon.until("1", "Running");
    daemon.done(&["task", "conclude", "1.1", "--stop"]);
    daemon.say(&["job", "wait", "1"]);
    let list = daemon.done(&["job", "list", "--all", "--format", "csv"]);
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(list.starts_with("job,name,owner,state,"), "{list}");
}

#[test]
fn templates_are_set_used_and_deleted() {
    let daemon = Daemon::start();
    let toml = "description = 'Nightly'\nenvironment = { SITE = 'x' }\n[rules.Priority]\ndefault = 1000\nmax = 2000\n[rules.Runtime]\ndefault = '2h'\n[prepare]\ncommand = 'true'";
    daemon.place.file("night.toml", toml);
    daemon.done(&["template", "set", "Nightly", "night.toml"]);
    // What is printed can be set again.
    let printed = daemon.done(&["template", "view", "nightly"]);
    daemon.place.file("again.toml", &printed);
    daemon.done(&["template", "set", "Nightly", "again.toml"]);
    assert_eq!(daemon.done(&["template", "view", "nightly"]), printed);
    let list = daemon.json(&["template", "list"]);
    let names: Vec<_> = list["templates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["name"])
        .collect();
    assert_eq!(names, ["Default", "Nightly"]);

    let job = draft(&daemon, &["--template", "nightly"]);
    let made = file(&daemon, &job);
    assert_eq!(
        (&made["priority"], &made["runtime"]),
        (&json!(1000), &json!("2h"))
    );
    assert_eq!(made["prepare"]["command"], "true");
    // What the user gave stays, also where it is what it would be anyway.
    let given = draft(&daemon, &["--template", "nightly", "--priority", "2000"]);
    assert_eq!(file(&daemon, &given)["priority"], 2000);
    daemon.refused(
        &[
            "job",
            "new",
            "--template",
            "nightly",
            "--priority",
            "2001",
            "--",
            "true",
        ],
        &["Priority", "2000"],
    );
    daemon.refused(&["template", "delete", "Nightly"], &["was made from it"]);
    daemon.refused(
        &["template", "delete", "Weekly"],
        &["Weekly", "Default, Nightly"],
    );
    daemon.refused(&["template", "view", "Weekly"], &["Weekly"]);
    daemon.done(&["job", "delete", &job, &given]);
    daemon.done(&["template", "delete", "Nightly"]);
    let text = include_str!("../../../docs/job-files.md");
    let (_, example) = text.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    daemon.place.file("documented.toml", example);
    daemon.done(&["template", "set", "Documented", "documented.toml"]);
    daemon.place.file("bad.toml", "[rules.Colour]\ndefault = 1");
    daemon.refused(&["template", "set", "Bad", "bad.toml"], &["Colour"]);
    daemon.place.file("worse.toml", "colour = 1");
    daemon.refused(&["template", "set", "Bad", "worse.toml"], &["colour"]);
}

#[test]
fn the_clusters_environment_reaches_tasks() {
    let daemon = Daemon::start();
    let list = daemon.json(&["env", "set", "SITE=here", "GONE=1"]);
    assert_eq!(list["environment"], json!({"GONE": "1", "SITE": "here"}));
    daemon.done(&["env", "unset", "GONE"]);
    daemon.done(&["job", "submit", "--", "sh", "-c", "echo $SITE-$GONE"]);
    daemon.done(&["job", "wait", "1"]);
    assert_eq!(daemon.done(&["job", "output", "1"]), "here-\n");
}

#[test]
fn node_groups_choose_nodes() {
    let daemon = Daemon::start();
    let nodes = daemon.json(&["node", "list"]);
    let node = nodes["nodes"][0]["name"].as_str().unwrap();
    daemon.done(&["node", "set-groups", node, "fast", "near"]);
    let groups = daemon.json(&["node", "groups"]);
    assert_eq!(
        groups["groups"],
        json!([{"name": "fast", "nodes": [node]}, {"name": "near", "nodes": [node]}])
    );
    daemon.done(&["job", "submit", "--node-groups", "fast", "--", "true"]);
    daemon.done(&["job", "wait", "1"]);
    let words = ["job", "submit", "--node-groups", "slow", "--", "true"];
    daemon.refused(&words, &["\"slow\"", "fast, near"]);
}

#[test]
fn a_held_job_says_so_and_is_released() {
    let (daemon, later) = (Daemon::start(), later());
    let words = [
        "job",
        "submit",
        "--hold-until",
        &later,
        "--project",
        "p",
        "--",
        "true",
    ];
    daemon.done(&words);
    let view = daemon.done(&["job", "view", "1"]);
    for part in [
        &format!("held until  {later}"),
        "waiting     ",
        "project     p",
        "template    Default",
    ] {
        assert!(view.contains(part), "{part:?} is not in {view}");
    }
    assert_eq!(daemon.done(&["job", "release", "1"]).lines().count(), 1);
    daemon.done(&["job", "wait", "1"]);
}

#[test]
fn ended_jobs_are_listed_and_purged() {
    let daemon = Daemon::start();
    for _ in 0..3 {
        daemon.done(&["job", "submit", "--", "true"]);
    }
    daemon.done(&["job", "wait", "1", "2", "3"]);
    let ids = |words: &[&str]| -> Vec<u64> {
        let list = daemon.json(words);
        let jobs = list["jobs"].as_array().unwrap().iter();
        jobs.filter_map(|job| job["id"].as_u64()).collect()
    };
    assert_eq!(ids(&["job", "list"]), [0_u64; 0]);
    assert_eq!(ids(&["job", "list", "--all"]), [3, 2, 1]);
    assert_eq!(ids(&["job", "list", "--all", "--limit", "2"]), [3, 2]);
    assert_eq!(
        ids(&["job", "list", "--all", "--since", "2100-01-01T00:00:00Z"]),
        [0_u64; 0]
    );
    let ended = &daemon.json(&["job", "view", "3"])["ended"];
    let ended = ended.as_str().expect("it has ended");
    let before = ["job", "list", "--ended-before", ended];
    assert!(ids(&before).iter().all(|id| *id < 3), "{ended}");
    let before = ["job", "list", "--ended-before", "2100-01-01T00:00:00Z"];
    assert_eq!(ids(&before), [3, 2, 1]);
    assert_eq!(ids(&[&before[..], &["--since", ended]].concat())[0], 3);
    daemon.done(&["job", "purge", "2"]);
    daemon.refused(&["job", "view", "2"], &["there is no job 2"]);
    assert_eq!(ids(&["job", "list", "--state", "finished"]), [3, 1]);
    daemon.done(&["job", "purge", "--ended-before", "2100-01-01T00:00:00Z"]);
    assert_eq!(ids(&["job", "list", "--all"]), [0_u64; 0]);
}
