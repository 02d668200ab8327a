//! A daemon with a configuration: what it may say, what is refused, and what SIGHUP does.

use jobyard_tests::{Place, root, run, wait_for};
use rustix::process::Signal;

use super::{Daemon, refused};

fn check(place: &Place, text: &str) -> jobyard_tests::Said {
    place.file("jobyard.toml", text);
    let mut command = place.jobyard("config");
    run(command.args(["check", "--config", "jobyard.toml"]))
}

/// The keys that the program names when it meets one that it does not know.
fn known_keys(place: &Place, text: &str) -> Vec<String> {
    let said = check(place, text).err;
    let (_, list) = said.split_once("expected").expect("keys are listed");
    let keys = list.split('`').skip(1).step_by(2);
    keys.map(str::to_string).collect()
}

#[test]
fn the_example_is_good_and_says_every_key() {
    let place = Place::new();
    let example = std::fs::read_to_string(root().join("examples/jobyard.toml")).unwrap();
    let said = check(&place, &example);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let lines = [
        "data    /tmp/jobyard-example",
        "policy  backfill",
        "filter  filter-licences",
        "node    big: 8 cores, 2 sockets, 1 GPUs, 16384 MiB, in gpu, fast",
        "node    small: 2 cores, ",
    ];
    for line in lines {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    let nothing = check(&place, "").out;
    assert!(
        nothing.contains("policy  the one that was in force"),
        "{nothing}"
    );
    let keys = [
        "x = 1",
        "[policy]\nx = 1",
        "[[node]]\nx = 1",
        "[log]\nx = 1",
        "[http]\nx = 1",
        "[tasks]\nx = 1",
        "[telemetry]\nx = 1",
    ]
    .map(|text| known_keys(&place, text));
    let keys: Vec<&String> = keys.iter().flatten().collect();
    assert_eq!(keys.len(), 11 + 2 + 6 + 2 + 4 + 2 + 1, "{keys:?}");
    for key in keys {
        let ways = [
            format!("\n{key} = "),
            format!("\n# {key} = "),
            format!("\n[{key}]\n"),
            format!("\n[[{key}]]\n"),
        ];
        let is_explained = ways.iter().any(|way| example.contains(way));
        assert!(is_explained, "{key} is not in examples/jobyard.toml");
    }
}

#[test]
fn what_is_wrong_is_said_with_the_value_and_the_way_out() {
    let place = Place::new();
    let cases: &[(&str, &[&str])] = &[
        ("dta = \"d\"", &["jobyard.toml:1:", "dta", "data"]),
        (
            "group = \"no-such-group\"",
            &["jobyard.toml: ", "no-such-group"],
        ),
        ("operators = \"no-such-group\"", &["no-such-group"]),
        ("[policy]\nuse = \"backfil\"", &["backfil", "backfill"]),
        (
            "[policy]\nuse = \"own.wasm\"",
            &["own.wasm", "No such file"],
        ),
        (
            "[policy]\nuse = \"backfill\"\nsettings = { order = \"lifo\" }",
            &["lifo", "sjbf"],
        ),
        (
            "[[filter]]\nuse = \"filter-licences\"\nsettings = { licenses = 1 }",
            &["licenses"],
        ),
        (
            "[[filter]]\nuse = \"filter-licences\"\n[[filter]]\nuse = \"filter-licences\"",
            &["two filters", "filter-licences"],
        ),
        (
            "[log]\nlevel = \"loud\"",
            &["jobyard.toml:2:", "loud", "debug"],
        ),
        ("[http]\nlisten = \"here\"", &["here", "HOST:PORT", "off"]),
        ("[http]\ncertificate = \"c.pem\"", &["http.key"]),
        (
            "[http]\ncertificate = \"c.pem\"\nkey = \"k.pem\"",
            &["c.pem", "No such file"],
        ),
        (
            "[http]\nrequests_per_second = 0",
            &["jobyard.toml:2:", "nonzero"],
        ),
        (
            "[telemetry]\notlp = \"https://x\"",
            &["https://x", "http://127.0.0.1:4318"],
        ),
        ("[[node]]\ncores = 0", &["0 cores"]),
        ("[[node]]\nname = \"a b\"", &["a b", "white space"]),
        ("[[node]]\nname = \"../a\"", &["../a", "no /"]),
        (
            "[[node]]\nname = \"a\"\n[[node]]\nname = \"a\"",
            &["two nodes \"a\""],
        ),
    ];
    for (text, expected) in cases {
        refused(&check(&place, text), &[text], expected);
    }
    let said = run(place
        .jobyard("config")
        .args(["check", "--config", "none.toml"]));
    refused(&said, &["check"], &["none.toml", "No such file"]);
    place.file("nodes.toml", "[[node]]\nname = \"a\"");
    let serve = ["--data", "data", "--config", "nodes.toml", "--cores", "2"];
    let said = run(place.jobyard("serve").args(serve));
    refused(&said, &serve, &["--cores", "[[node]]"]);
}

#[test]
fn several_nodes_on_one_machine_run_jobs_and_are_read_again() {
    let place = Place::new();
    let node = |name: &str, cores: u32, more: &str| {
        format!("[[node]]\nname = \"{name}\"\ncores = {cores}\n{more}\n")
    };
    let policy = "[policy]\nuse = \"fifo\"\n";
    let first = format!(
        "{policy}{}{}",
        node("n1", 3, "groups = [\"a\"]"),
        node("n2", 2, "gpus = 1")
    );
    place.file("jobyard.toml", &first);
    let mut daemon = Daemon::start_in(place, &["--config", "jobyard.toml"]);
    // More cores than either has; what prepares a node has a scratch folder of that node's own.
    let marks = daemon.place.path().join("marks");
    let job = daemon.submit(&format!(
        "cores = 5\n[prepare]\ncommand = 'echo \"$JOBYARD_SCRATCH\" >> {}'\n[[task]]\ncores = 5\ncommand = \"true\"\n",
        marks.display()
    ));
    daemon.until(&job, "Finished");
    let marks = daemon.place.read("marks");
    for node in ["n1", "n2"] {
        let scratch = format!("/data/nodes/{node}/scratch/job-{job}\n");
        assert!(marks.contains(&scratch), "{node}: {marks}");
    }
    let groups = |daemon: &Daemon| -> Vec<String> {
        let nodes = daemon.json(&["node", "list"]);
        let nodes = nodes["nodes"].as_array().cloned().unwrap_or_default();
        let groups = nodes.iter().map(|node| node["groups"].to_string());
        groups.collect()
    };
    assert_eq!(groups(&daemon), ["[\"a\"]", "[]"]);
    let policies = daemon.json(&["policy", "list"]);
    assert_eq!(policies["active"]["name"], "fifo", "{policies}");

    // Another group counts at once, another policy from the next start on.
    daemon.place.file(
        "jobyard.toml",
        format!(
            "[policy]\nuse = \"backfill\"\n{}{}",
            node("n1", 3, "groups = [\"b\", \"c\"]"),
            node("n2", 2, "gpus = 1")
        ),
    );
    daemon.signal(Signal::HUP);
    let log = |daemon: &Daemon, words: &str| {
        wait_for(words, || {
            daemon.place.read("log").contains(words).then_some(())
        });
    };
    log(&daemon, "policy is not as it was at the start");
    assert_eq!(groups(&daemon), ["[\"b\",\"c\"]", "[]"]);

    daemon
        .place
        .file("jobyard.toml", "[[node]]\nnme = \"n1\"\n");
    daemon.signal(Signal::HUP);
    log(
        &daemon,
        "everything stays as it was: jobyard.toml:2: unknown field `nme`",
    );
    assert_eq!(groups(&daemon), ["[\"b\",\"c\"]", "[]"]);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));

    // A node is what it was added as; an option goes before the file.
    daemon
        .place
        .file("jobyard.toml", format!("{policy}{}", node("n1", 4, "")));
    daemon.again(&["--config", "jobyard.toml", "--policy", "backfill"]);
    log(&daemon, "node n1 stays as it was added, with 3 cores");
    let policies = daemon.json(&["policy", "list"]);
    assert_eq!(policies["active"]["name"], "backfill", "{policies}");
    let nodes = daemon.json(&["node", "list"]);
    assert_eq!(nodes["nodes"][1]["reachable"], false, "{nodes}");
    log(&daemon, "node n2 is not in the configuration any more");
}

#[test]
fn what_is_said_can_be_objects_and_more_or_less_of_it() {
    let place = Place::new();
    place.file("json.toml", "[log]\nformat = \"json\"\nlevel = \"debug\"");
    let mut daemon = Daemon::start_in(place, &["--config", "json.toml"]);
    daemon.done(&["job", "submit", "--name", "secret", "--", "true"]);
    daemon.until("1", "Finished");
    daemon.refused(&["job", "view", "9"], &["no job 9"]);
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0));
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let said = |message: &str| {
        let found = lines.iter().find(|line| {
            let text = line["message"].as_str();
            text.is_some_and(|text| text.contains(message))
        });
        found.unwrap_or_else(|| panic!("{message}: {log}"))
    };
    let ready = said("ready on");
    assert_eq!(ready["level"], "INFO");
    let socket = ready["socket"].as_str().unwrap_or_default();
    assert!(socket.ends_with("data/jobyard.sock"), "{ready}");
    assert!(
        ready["timestamp"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z'))
    );
    let submit = said("POST /api/v1/jobs");
    assert_eq!(
        (&submit["level"], &submit["status"]),
        (&"DEBUG".into(), &201.into())
    );
    assert_eq!(said("/api/v1/jobs/9")["status"], 404);
    assert!(said("connected to its process")["node"].is_string());
    // What jobs say is theirs.
    assert!(!log.contains("secret"), "{log}");
}
