//! What jobs and tasks say of nodes, memory, progress and mail, on a real daemon: from the command line to where it shows.

use jobyard_tests::wait_for;

use super::Daemon;

#[test]
fn a_task_runs_where_it_requires_and_no_job_starts_that_cannot_have_its_nodes() {
    let daemon = Daemon::start();
    let node = daemon.json(&["node", "list"])["nodes"][0]["name"].clone();
    let node = node.as_str().expect("a name");
    daemon.done(&["node", "set-groups", node, "fast", "big"]);
    let submit = |options: &[&str]| {
        let words = [&["job", "submit"], options, &["--", "true"]].concat();
        daemon.say(&words)
    };
    // The job says how much it wants, and names the node that its task requires.
    let said = submit(&[
        "--cores",
        "1",
        "--requested-nodes",
        node,
        "--required-nodes",
        node,
    ]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(daemon.done(&["job", "wait", "1"]), "job 1 true: Finished\n");
    let file = daemon.done(&["job", "export", "1"]);
    assert!(file.contains("required_nodes"), "{file}");
    let said = submit(&["--task-node-group", "fast"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(daemon.done(&["job", "wait", "2"]), "job 2 true: Finished\n");
    for (options, words) in [
        (
            &["--required-nodes", node][..],
            &["requires nodes", "minimum"][..],
        ),
        (&["--task-node-group", "slow"], &["slow"]),
        (&["--process-memory", "4000000000"], &["0 nodes"]),
        (&["--target", "7"], &["7"]),
    ] {
        let said = submit(options);
        assert_eq!(said.code, Some(2), "{options:?}: {}{}", said.out, said.err);
        for word in words {
            assert!(said.err.contains(word), "{options:?}: {}", said.err);
        }
    }
}

#[test]
fn progress_is_that_of_the_tasks_until_somebody_says_it_and_mail_is_logged() {
    let daemon = Daemon::start();
    let job = daemon.submit(
        "notify_on_start = true\nnotify_on_completion = true\nemail = \"ann@example.org\"\n\
         [[task]]\ncommand = \"true\"\n[[task]]\nname = \"waits\"\ncommand = \"while ! test -e go; do sleep 0.02; done\"\n",
    );
    wait_for("the first task to be half of it", || {
        let view = daemon.json(&["job", "view", &job]);
        (view["progress"] == 50).then_some(())
    });
    let modify = [
        "job",
        "modify",
        &job,
        "--progress",
        "70",
        "--progress-message",
        "nearly",
    ];
    daemon.done(&modify);
    let view = daemon.json(&["job", "view", &job]);
    assert_eq!(
        (&view["progress"], &view["progress_message"]),
        (&70.into(), &"nearly".into())
    );
    daemon.refused(
        &["job", "modify", &job, "--progress", "101"],
        &["101", "100"],
    );
    daemon.place.file("go", "");
    daemon.done(&["job", "wait", &job]);
    // Said by somebody, it stays as it was said.
    assert_eq!(daemon.json(&["job", "view", &job])["progress"], 70);
    for what in ["is Running", "is Finished"] {
        wait_for("the daemon to say whom it would write to", || {
            let log = daemon.place.read("log");
            let mut lines = log.lines().filter(|line| line.contains("ann@example.org"));
            lines.any(|line| line.contains(what)).then_some(())
        });
    }
}
