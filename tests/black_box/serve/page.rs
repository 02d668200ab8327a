//! What the web page asks for beside the rest of the interface, and the page's files. How the page behaves is tried in a browser: `tests/page`.

use std::collections::BTreeSet;
use std::thread;

use jobyard_tests::{ask, wait_for};
use serde_json::{Value, json};

use super::Daemon;
use super::http::get;

/// A daemon with one node of four cores.
fn yard() -> Daemon {
    let place = jobyard_tests::Place::new();
    let config =
        "[http]\nlisten = \"off\"\n[tasks]\nroot = true\n[[node]]\nname = \"n1\"\ncores = 4\n";
    place.file("jobyard.toml", config);
    Daemon::start_in(place, &["--config", "jobyard.toml"])
}

/// The JSON of an answer of 200 or 201.
fn said(daemon: &Daemon, method: &str, path: &str, body: &Value) -> Value {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (status, said) = ask(daemon.place.path(), method, path, &text).unwrap();
    assert!([200, 201].contains(&status), "{method} {path}: {said}");
    said
}

fn look(daemon: &Daemon, path: &str) -> Value {
    said(daemon, "GET", path, &Value::Null)
}

fn submit(daemon: &Daemon, name: &str, cores: &str, command: &str) -> u64 {
    let job =
        json!({"name": name, "cores": cores, "runtime": "10m", "task": [{"command": command}]});
    let made = said(daemon, "POST", "/jobs?submit=true", &job);
    made["id"].as_u64().unwrap()
}

fn ids(jobs: &Value) -> Vec<u64> {
    let jobs = jobs.as_array().unwrap().iter();
    jobs.map(|job| job["id"].as_u64().unwrap()).collect()
}

#[test]
fn the_queue_its_plan_and_what_was_are_shown_by_parts() {
    let daemon = yard();
    let was = submit(&daemon, "was", "4", "true");
    daemon.until(&was.to_string(), "Finished");
    let runs = submit(&daemon, "runs", "3", "sleep 600");
    daemon.until(&runs.to_string(), "Running");
    let waits: Vec<u64> = (0..3)
        .map(|_| submit(&daemon, "waits", "4", "true"))
        .collect();

    let queue = look(&daemon, "/queue");
    assert_eq!(
        (&queue["total"], ids(&queue["jobs"])),
        (&json!(3), waits.clone())
    );
    let part = look(&daemon, "/queue?offset=1&limit=1");
    assert_eq!(
        (&part["offset"], ids(&part["jobs"])),
        (&json!(1), vec![waits[1]])
    );
    let beyond = look(&daemon, "/queue?offset=9");
    assert_eq!(
        (&beyond["total"], ids(&beyond["jobs"])),
        (&json!(3), vec![])
    );
    assert_eq!(ids(&look(&daemon, "/running")["jobs"]), [runs]);

    let summary = look(&daemon, "/summary");
    let numbers = [
        "queued",
        "running",
        "finished",
        "nodes",
        "cores",
        "free_cores",
    ];
    let numbers = numbers.map(|name| summary[name].as_u64().unwrap());
    assert_eq!(numbers, [3, 1, 1, 1, 4, 1], "{summary}");

    // One after the other, each when the one before is over.
    let plan = look(&daemon, "/plan");
    let starts = plan["starts"].as_array().unwrap();
    let of =
        |name: &str| -> Vec<u64> { starts.iter().map(|s| s[name].as_u64().unwrap()).collect() };
    assert_eq!(
        (of("job"), plan["limit"].clone()),
        (waits.clone(), Value::Null)
    );
    let (begin, end) = (of("start_us"), of("end_us"));
    assert_eq!(begin[1..], end[..2]);
    assert_eq!(
        starts[0]["nodes"],
        json!([{"node": "n1", "cores": 4, "gpus": 0}])
    );
    let first = look(&daemon, "/plan?limit=1");
    assert_eq!(first["starts"].as_array().unwrap().len(), 1);

    let timeline = look(&daemon, "/timeline?seconds=600");
    let spans = timeline["spans"].as_array().unwrap();
    let jobs: Vec<u64> = spans.iter().map(|s| s["job"].as_u64().unwrap()).collect();
    assert_eq!(jobs, [was, runs]);
    assert!(spans[0]["end_us"].as_u64() >= spans[0]["start_us"].as_u64());
    assert_eq!(
        (&spans[0]["cores"], &spans[0]["node"]),
        (&json!(4), &json!("n1"))
    );
    assert_eq!(
        (&spans[1]["cores"], &spans[1]["end_us"]),
        (&json!(3), &Value::Null)
    );
    assert_eq!(spans[1]["limit_us"], json!(begin[0]));
    let forced = json!({"forced": true});
    said(&daemon, "POST", &format!("/jobs/{runs}/cancel"), &forced);
}

#[test]
fn the_events_of_a_job_come_by_pages() {
    let daemon = yard();
    submit(&daemon, "other", "1", "true");
    let job = submit(&daemon, "mine", "1", "true");
    daemon.until(&job.to_string(), "Finished");
    let kinds = |page: &Value| -> Vec<String> {
        let events = page["events"].as_array().unwrap().iter();
        events
            .inspect(|event| assert_eq!(event["job"], job))
            .map(|event| event["kind"].as_str().unwrap().to_string())
            .collect()
    };
    let all = look(&daemon, &format!("/jobs/{job}/events"));
    let whole = kinds(&all);
    assert_eq!(all["complete"], true);
    assert_eq!(whole.first().map(String::as_str), Some("JobAdded"));
    assert_eq!(whole.last().map(String::as_str), Some("JobEnded"));
    let (mut after, mut pieces) = (String::new(), Vec::new());
    wait_for("the last page", || {
        let page = look(&daemon, &format!("/jobs/{job}/events?limit=2{after}"));
        after = format!("&after={}", page["next"]);
        pieces.extend(kinds(&page));
        (page["complete"] == true).then_some(())
    });
    assert_eq!(pieces, whole);
}

#[test]
fn a_plan_is_made_once_for_all_who_ask() {
    let daemon = yard();
    let runs = submit(&daemon, "runs", "4", "sleep 600");
    daemon.until(&runs.to_string(), "Running");
    let waits = submit(&daemon, "waits", "4", "true");
    let planned = |job: u64| {
        let plan = look(&daemon, "/plan");
        let starts = plan["starts"].as_array().unwrap();
        let has = starts.iter().any(|start| start["job"] == job);
        has.then(|| plan["made_us"].as_u64().unwrap())
    };
    wait_for("the plan with the job that waits", || planned(waits));
    let made: BTreeSet<u64> = thread::scope(|scope| {
        let ask = || planned(waits).unwrap();
        let asked: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    // Something may have happened in between, once: that the last pass came to nothing.
    assert!(made.len() <= 2, "{made:?}");
    let more = submit(&daemon, "more", "4", "true");
    let later = wait_for("the plan with one more", || planned(more));
    assert!(Some(&later) > made.last());
}

#[test]
fn recorded_jobs_are_simulated_under_other_policies() {
    let daemon = yard();
    for _ in 0..3 {
        let job = submit(&daemon, "was", "4", "true");
        daemon.until(&job.to_string(), "Finished");
    }
    let names = look(&daemon, "/builtin-policies");
    assert!(names["names"].as_array().unwrap().contains(&json!("fifo")));
    let kept = said(&daemon, "POST", "/builtin-policies/fifo", &Value::Null);
    assert_eq!(kept["name"], "fifo");
    // Ranked policies are whole with a ranker in them, and are composed when they are asked for.
    let ranked = names["names"].as_array().unwrap();
    let ranked = ranked.iter().filter_map(Value::as_str);
    let ranked: Vec<&str> = ranked.filter(|name| name.contains('+')).collect();
    assert_eq!(ranked.len(), 3, "{ranked:?}");
    for name in &ranked {
        let path = format!("/builtin-policies/{}", name.replace('+', "%2B"));
        let kept = said(&daemon, "POST", &path, &Value::Null);
        assert_eq!(kept["name"], **name);
        let manifest = kept["manifest"].as_str().unwrap();
        assert!(manifest.contains("\"ranker."), "{manifest}");
        let digest = &kept["digest"];
        let inspected = daemon.json(&["policy", "inspect", name]);
        assert_eq!(
            inspected["digest"], *digest,
            "as the command line composes it"
        );
    }
    daemon.done(&[
        "policy",
        "shadow",
        "ranked+formula",
        "--set",
        "ranker.formula=sjf",
    ]);
    let asked = json!({"policies": [{"policy": "fifo"}, {"policy": "backfill", "settings": {"order": "sjbf"}}, {"policy": "ranked+multifactor"}]});
    let report = said(&daemon, "POST", "/simulation", &asked);
    let runs = report["comparison"]["runs"].as_array().unwrap().iter();
    let runs: Vec<&str> = runs.map(|run| run["name"].as_str().unwrap()).collect();
    assert_eq!(
        runs,
        [
            "recorded",
            "fifo",
            "backfill order=sjbf",
            "ranked+multifactor"
        ]
    );
    assert_eq!(report["comparison"]["jobs"], 3);
    assert!(
        report["page"]
            .as_str()
            .unwrap()
            .starts_with("<!doctype html>")
    );

    let nothing = "2001-01-01T00:00:00Z";
    let cases = [
        (json!({"policies": []}), 400, "BadSimulation"),
        (
            json!({"policies": [{"policy": "fifo"}], "from": "soon"}),
            400,
            "BadSimulation",
        ),
        (
            json!({"policies": [{"policy": "nosuch"}]}),
            404,
            "UnknownPolicy",
        ),
        (
            json!({"policies": [{"policy": "fifo", "settings": {"odrer": "x"}}]}),
            409,
            "CannotSimulate",
        ),
        (
            json!({"policies": [{"policy": "fifo"}], "to": nothing}),
            409,
            "CannotSimulate",
        ),
    ];
    for (body, status, code) in cases {
        let asked = ask(
            daemon.place.path(),
            "POST",
            "/simulation",
            &body.to_string(),
        );
        let (is, said) = asked.unwrap();
        assert_eq!(
            (is, &said["code"]),
            (status, &json!(code)),
            "{body}: {said}"
        );
    }
}

#[test]
fn the_page_is_there() {
    let daemon = yard();
    let (status, index) = get(&daemon, "/");
    assert_eq!(status, 200);
    assert!(index.contains("/assets/main.js"));
    let (status, script) = get(&daemon, "/assets/main.js");
    assert!(status == 200 && script.contains("import "), "{script}");
    assert_eq!(get(&daemon, "/assets/nothing.js").0, 404);
}
