//! Jobs, tasks, nodes and parameters, from submit to output.

use std::io::Write;
use std::process::Stdio;

use jobyard_tests::{Said, root, run, wait_for};

use super::Daemon;

/// Runs until a file `go` is there.
const WAITS: &str = "while ! test -e go; do sleep 0.02; done";

#[test]
fn a_job_from_submit_to_output() {
    let daemon = Daemon::start();
    let job = daemon.submit(
        r#"
        name = "letters"
        [[task]]
        name = "count"
        sweep = "1-3"
        command = "echo line *; echo error * >&2"
        [[task]]
        name = "end"
        after = ["count"]
        command = "pwd; test * -eq 1 2> /dev/null; echo done"
        "#,
    );
    assert_eq!(job, "1");
    let said = daemon.done(&["job", "wait", &job]);
    assert_eq!(said, "job 1 letters: Finished\n");

    let view = daemon.json(&["job", "view", &job]);
    assert_eq!(
        (&view["state"], &view["status"], &view["counts"]["finished"]),
        (&"Finished".into(), &3.into(), &4.into())
    );
    assert_eq!(view["tasks"][0]["outcomes"][0]["instances"], "1-3");
    assert!(
        view["ended"].as_str().is_some_and(|at| at.ends_with('Z')),
        "{view}"
    );

    let here = daemon.place.path().canonicalize().unwrap();
    let all = format!("line 1\nline 2\nline 3\n{}\ndone\n", here.display());
    assert_eq!(daemon.done(&["job", "output", &job]), all);
    assert_eq!(daemon.done(&["job", "output", "1.1.2"]), "line 2\n");
    assert_eq!(
        daemon.done(&["job", "output", "1.1.3", "--stderr"]),
        "error 3\n"
    );
    daemon.refused(&["job", "output", "1.1.9"], &["task 1.1 has no instance 9"]);
    daemon.refused(&["job", "output", "1.7"], &["job 1 has no task 7"]);
    daemon.refused(&["job", "output", "1.1", "--follow"], &["name one"]);

    // Jobs that have ended are listed when they are asked for.
    assert!(!daemon.done(&["job", "list"]).contains("letters"));
    assert!(daemon.done(&["job", "list", "--all"]).contains("letters"));
    let list = daemon.json(&["job", "list", "--state", "finished,failed"]);
    assert_eq!(list["jobs"][0]["id"], 1);
}

#[test]
fn the_example_runs_in_each_of_its_three_languages() {
    let daemon = Daemon::start();
    for (index, file) in ["sweep.toml", "sweep.json", "sweep.xml"].iter().enumerate() {
        let file = root().join("examples").join(file);
        daemon.done(&["job", "submit", file.to_str().unwrap()]);
        let id = (index + 1).to_string();
        daemon.done(&["job", "wait", &id]);
        assert_eq!(daemon.done(&["job", "output", &id]).trim(), "33860");
    }
}

#[test]
fn a_failed_job_is_queued_again() {
    let daemon = Daemon::start();
    let job = daemon.submit("[[task]]\ncommand = \"echo try; test -e go\"");
    let said = daemon.say(&["job", "wait", &job]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(
        said.out.contains("Failed") && said.out.contains("exit code 1"),
        "{}",
        said.out
    );

    daemon.place.file("go", "");
    assert!(daemon.done(&["job", "requeue", &job]).starts_with("job 1"));
    daemon.done(&["job", "wait", &job]);
    assert_eq!(daemon.json(&["job", "view", &job])["requeue_count"], 1);
    assert_eq!(daemon.done(&["job", "output", &job]), "try\n");
    daemon.refused(&["job", "requeue", &job], &["job 1 cannot be", "Finished"]);
}

#[test]
fn many_are_canceled_in_one_call_with_one_answer_each() {
    let daemon = Daemon::start();
    for _ in 0..2 {
        daemon.submit(&format!("[[task]]\ncommand = \"{WAITS}\""));
    }
    daemon.until("1", "Running");
    let late = daemon.say(&["job", "wait", "1", "--timeout", "50ms"]);
    assert_eq!(late.code, Some(3), "{}{}", late.out, late.err);

    let said = daemon.say(&["job", "cancel", "1", "99", "2", "--message", "enough"]);
    assert_eq!(said.code, Some(2));
    assert_eq!(said.err, "jobyard: there is no job 99\n");
    assert_eq!(said.out.lines().count(), 2, "{}", said.out);
    let said = daemon.say(&["job", "wait", "1", "2"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.out,
        "job 1: Canceled: enough\njob 2: Canceled: enough\n"
    );
    let view = daemon.json(&["job", "view", "1"]);
    assert_eq!(
        (&view["status"], &view["tasks"][0]["state"]),
        (&5.into(), &"Failed".into())
    );
    daemon.refused(
        &["job", "cancel", "1"],
        &["job 1 cannot be canceled: it is Canceled"],
    );
    let long = "x".repeat(321);
    daemon.refused(&["job", "cancel", "2", "-m", &long], &["321", "320"]);
}

#[test]
fn a_job_is_finished_before_its_end() {
    let daemon = Daemon::start();
    let job = daemon.submit(&format!("[[task]]\ncommand = \"{WAITS}\""));
    daemon.until(&job, "Running");
    daemon.done(&["job", "finish", &job, "-m", "good enough"]);
    assert_eq!(
        daemon.done(&["job", "wait", &job]),
        "job 1: Finished: good enough\n"
    );
}

#[test]
fn jobs_are_added_first_and_submitted_later() {
    let daemon = Daemon::start();
    daemon
        .place
        .file("job.json", r#"{"task": [{"command": "echo later"}]}"#);
    assert_eq!(
        daemon.done(&["job", "new", "job.json"]),
        "job 1: Configuring\n"
    );
    assert_eq!(daemon.json(&["job", "view", "1"])["status"], 0);
    daemon.done(&["job", "submit", "--id", "1"]);
    daemon.done(&["job", "wait", "1"]);
    daemon.refused(
        &["job", "submit", "--id", "1"],
        &["job 1 cannot be submitted"],
    );
}

#[test]
fn jobs_are_held_copied_edited_and_deleted() {
    let daemon = Daemon::start();
    daemon
        .place
        .file("job.toml", "name = \"j\"\n[[task]]\ncommand = \"true\"");
    daemon.done(&["job", "new", "job.toml"]);
    assert_eq!(
        daemon.done(&["job", "clone", "1"]),
        "job 2 j: Configuring\n"
    );
    daemon.done(&["job", "delete", "1"]);
    daemon.refused(&["job", "view", "1"], &["there is no job 1"]);

    let node = daemon.json(&["node", "list"])["nodes"][0]["name"].clone();
    daemon.done(&["node", "drain", node.as_str().unwrap()]);
    daemon.done(&["job", "submit", "--id", "2"]);
    daemon.refused(&["job", "delete", "2"], &["job 2", "submitted"]);
    daemon.refused(&["job", "hold", "2", "--until", "tomorrow"], &["tomorrow"]);
    daemon.refused(
        &["job", "hold", "2", "--until", "2020-01-01T00:00:00Z"],
        &["future"],
    );
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let soon = format!("{soon:.0}");
    daemon.done(&["job", "hold", "2", "--until", &soon]);
    assert_eq!(daemon.json(&["job", "view", "2"])["hold_until"], soon);
    daemon.done(&["job", "hold", "2", "--clear"]);
    assert!(daemon.json(&["job", "view", "2"])["hold_until"].is_null());
    assert_eq!(
        daemon.done(&["job", "configure", "2"]),
        "job 2 j: Configuring\n"
    );
}

#[test]
fn a_list_of_jobs_has_one_answer_each() {
    let daemon = Daemon::start();
    let mut submit = daemon.verb(&["job", "submit", "-"]);
    submit
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = submit.spawn().unwrap();
    let jobs = br#"[{"name": "a", "task": [{"command": "true"}]}, {"nmae": "b"}, {"name": "c", "task": [{"command": "true"}]}]"#;
    child.stdin.take().unwrap().write_all(jobs).unwrap();
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!(said.code, Some(2), "{}{}", said.out, said.err);
    let names: Vec<&str> = said.out.lines().filter_map(|line| line.get(..7)).collect();
    assert_eq!(names, ["job 1 a", "job 2 c"], "{}", said.out);
    assert!(
        said.err.contains("-[1]") && said.err.contains("nmae"),
        "{}",
        said.err
    );
    daemon.done(&["job", "wait", "1", "2"]);
}

#[test]
fn a_command_is_a_job_of_one_task() {
    let daemon = Daemon::start();
    daemon.done(&["job", "submit", "--", "printf", "%s|", "a b", "it's"]);
    daemon.done(&["job", "wait", "1"]);
    assert_eq!(daemon.done(&["job", "output", "1"]), "a b|it's|");
    daemon.done(&["job", "submit", "--chdir", "/", "--", "pwd"]);
    daemon.done(&["job", "wait", "2"]);
    assert_eq!(daemon.done(&["job", "output", "2"]), "/\n");
}

#[test]
fn output_is_followed_to_its_end() {
    let daemon = Daemon::start();
    let job = daemon.submit(&format!(
        "[[task]]\ncommand = \"echo first; {WAITS}; echo last\""
    ));
    let mut follow = daemon.verb(&["job", "output", &job, "--follow"]);
    let copy = std::fs::File::create(daemon.place.path().join("copy")).unwrap();
    let mut child = follow.stdout(copy).spawn().unwrap();
    wait_for("the first line", || {
        (daemon.place.read("copy") == "first\n").then_some(())
    });
    daemon.place.file("go", "");
    assert!(child.wait().unwrap().success());
    assert_eq!(daemon.place.read("copy"), "first\nlast\n");
}

#[test]
fn tasks_are_listed_canceled_and_run_again() {
    let daemon = Daemon::start();
    let job = daemon.submit(&format!(
        r#"
        [[task]]
        name = "each"
        sweep = "1-2"
        command = "{WAITS}; echo *"
        [[task]]
        name = "other"
        command = "{WAITS}"
        "#
    ));
    let view = wait_for("an instance to run", || {
        let view = daemon.json(&["task", "view", "1.1"]);
        (view["runs"][0]["state"] == "Running").then_some(view)
    });
    assert_eq!(view["runs"][0]["attempt"], 1, "{view}");
    assert!(view["runs"][0]["started"].is_string(), "{view}");
    assert!(daemon.done(&["task", "list", &job]).contains("other"));

    daemon.done(&["task", "cancel", "1.1.1", "--force"]);
    daemon.done(&["task", "cancel", "1.2"]);
    daemon.refused(&["task", "cancel", "1.1.9"], &["no instance 9"]);
    daemon.refused(&["task", "cancel", "1"], &["task list 1"]);
    wait_for("the instance to end", || {
        let view = daemon.json(&["task", "view", "1.1"]);
        (view["counts"]["failed"] == 1).then_some(())
    });
    daemon.done(&["task", "requeue", "1.1.1"]);
    daemon.place.file("go", "");
    daemon.say(&["job", "wait", &job]);
    let each = daemon.json(&["task", "view", "1.1"]);
    assert_eq!(each["counts"]["finished"], 2, "{each}");
    assert_eq!(daemon.done(&["job", "output", "1.1"]), "1\n2\n");
}

#[test]
fn a_node_is_drained_and_comes_back() {
    let daemon = Daemon::start();
    let node = daemon.json(&["node", "list"])["nodes"][0].clone();
    assert_eq!(node["state"], "Online");
    let name = node["name"].as_str().unwrap();
    assert!(daemon.done(&["node", "drain", name]).contains("Draining"));
    let job = daemon.submit("[[task]]\ncommand = \"true\"");
    let view = daemon.until(&job, "Queued");
    assert!(view["waiting"]["text"].is_string(), "{view}");
    assert!(daemon.done(&["node", "offline", name]).contains("Offline"));
    daemon.refused(&["node", "online", "no such/node"], &["no such/node"]);
    daemon.done(&["node", "online", name]);
    daemon.done(&["job", "wait", &job]);
}

#[test]
fn parameters_are_read_and_set_by_name_in_any_case() {
    let daemon = Daemon::start();
    assert_eq!(
        daemon
            .done(&["param", "get", "taskcancelgraceperiod"])
            .trim(),
        "15s"
    );
    daemon.done(&["param", "set", "TASKCANCELGRACEPERIOD", "2m"]);
    let set = daemon.json(&["param", "get", "TaskCancelGracePeriod"]);
    assert_eq!(
        (&set["name"], &set["value"]),
        (&"TaskCancelGracePeriod".into(), &"2m".into())
    );
    let reset = daemon.done(&["param", "reset", "TaskCancelGracePeriod"]);
    assert_eq!(reset, "TaskCancelGracePeriod = 15s\n");
    assert!(daemon.done(&["param", "list"]).contains("TTLCompletedJobs"));
    daemon.refused(&["param", "get", "Colour"], &["Colour", "TTLCompletedJobs"]);
    daemon.refused(
        &["param", "set", "JobRetryCount", "many"],
        &["many", "0 to"],
    );
    let job = daemon.submit("[[task]]\ncommand = \"true\"");
    daemon.done(&["job", "wait", &job]);
    daemon.done(&["param", "set", "TTLCompletedJobs", "0"]);
    wait_for("the job to go", || {
        let said = run(&mut daemon.verb(&["job", "view", &job]));
        (said.code == Some(2)).then_some(())
    });
}
