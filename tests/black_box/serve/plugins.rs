//! `/api/v1/plugins` of a real daemon: every component that it has, and whether one takes settings.

use jobyard_tests::{Place, ask, ask_with};
use serde_json::{Value, json};

use super::Daemon;
use crate::filter_wat::Filter;

fn get(daemon: &Daemon, path: &str) -> Value {
    let (status, answer) = ask(daemon.place.path(), "GET", path, "").unwrap();
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn names(list: &Value) -> Vec<(&str, &str)> {
    let all = list["plugins"].as_array().unwrap().iter();
    all.map(|p| (p["name"].as_str().unwrap(), p["origin"].as_str().unwrap()))
        .collect()
}

/// A daemon with a filter from a file.
fn daemon() -> Daemon {
    let place = Place::new();
    std::fs::write(
        place.path().join("gate.wasm"),
        Filter::doing("unreachable").build(),
    )
    .unwrap();
    Daemon::start_in(place, &["--filter", "gate.wasm"])
}

#[test]
fn every_component_that_a_daemon_has_is_listed() {
    let daemon = daemon();
    daemon.done(&["policy", "load", "fifo", "--name", "mine"]);
    let list = get(&daemon, "/plugins");
    let all = names(&list);
    for one in [
        ("policy-fifo", "built in"),
        ("ranker-fairshare", "built in"),
        ("executor-command", "built in"),
        ("gate", "file"),
        ("mine", "kept"),
    ] {
        assert!(all.contains(&one), "{one:?}: {all:?}");
    }
    let filters = get(&daemon, "/plugins?world=job-filter");
    assert_eq!(
        names(&filters),
        [("filter-licences", "built in"), ("gate", "file")]
    );
    let (status, problem) = ask(daemon.place.path(), "GET", "/plugins?world=x", "").unwrap();
    assert_eq!((status, &problem["code"]), (400, &json!("BadQuery")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("task-executor"), "{detail}");

    // By name, digest, the beginning of one, and the end of a name.
    let backfill = get(&daemon, "/plugins/policy-backfill");
    assert_eq!(backfill["world"], "scheduling-policy");
    assert!(
        backfill["limits"]["deadline_ms"].as_u64() > Some(0),
        "{backfill}"
    );
    let order = &backfill["settings_schema"]["properties"]["order"];
    assert!(order["enum"].to_string().contains("sjbf"), "{order}");
    assert_eq!(backfill["settings"]["order"], "fcfs", "{backfill}");
    let executor = get(&daemon, "/plugins/executor-command");
    assert_eq!(executor["programs"], json!(["*"]), "{executor}");
    let gate = get(&daemon, "/plugins/gate");
    assert_eq!(gate["settings_schema"], Value::Null, "{gate}");
    let digest = gate["digest"].as_str().unwrap();
    assert_eq!(get(&daemon, &format!("/plugins/{}", &digest[..8])), gate);
    let bytes = std::fs::metadata(daemon.place.path().join("gate.wasm"));
    assert_eq!(gate["bytes"].as_u64(), bytes.ok().map(|file| file.len()));
    assert_eq!(get(&daemon, "/plugins/mine")["origin"], "kept");
    assert_eq!(get(&daemon, "/plugins/licences")["name"], "filter-licences");
    for (path, part) in [
        ("/plugins/nobody", "nobody"),
        ("/plugins/command", "executor-command"),
    ] {
        let (status, problem) = ask(daemon.place.path(), "GET", path, "").unwrap();
        assert_eq!((status, &problem["code"]), (404, &json!("UnknownPlugin")));
        assert!(
            problem["detail"].as_str().unwrap().contains(part),
            "{problem}"
        );
    }
    let head = "x-ms-as-user: ann\r\n";
    for (method, path) in [
        ("GET", "/plugins"),
        ("GET", "/plugins/gate"),
        ("POST", "/plugins/gate/check"),
    ] {
        let (status, problem, _) = ask_with(daemon.place.path(), method, path, head, "").unwrap();
        let code = (status, problem["code"].as_str());
        assert_eq!(code, (403, Some("ForAdministrators")), "{problem}");
    }
}

#[test]
fn whether_a_component_takes_settings_is_said() {
    let daemon = daemon();
    daemon.done(&["policy", "load", "backfill", "--name", "mine"]);
    let table = [
        ("policy-backfill", json!({ "order": "sjbf" }), None),
        ("policy-backfill", json!({ "order": "lifo" }), Some("lifo")),
        (
            "policy-backfill",
            json!({ "colour": "red" }),
            Some("colour"),
        ),
        ("mine", json!({ "order": "sjbf" }), None),
        ("mine", json!({ "order": "lifo" }), Some("lifo")),
        ("ranker-formula", json!({ "formula": "sjf" }), None),
        ("ranker-formula", json!({ "formula": "abc" }), Some("abc")),
        ("filter-licences", json!({ "licences": "tool:1" }), None),
        (
            "filter-licences",
            json!({ "licences": "tool" }),
            Some("tool"),
        ),
        ("executor-command", json!({}), None),
        ("executor-command", json!({ "a": "b" }), Some("no settings")),
        ("gate", json!({}), None),
    ];
    for (plugin, settings, wrong) in table {
        let path = format!("/plugins/{plugin}/check");
        let body = json!({ "settings": settings }).to_string();
        let (status, answer) = ask(daemon.place.path(), "POST", &path, &body).unwrap();
        assert_eq!(status, 200, "{plugin} {settings}: {answer}");
        let why = answer["why"].as_str().unwrap();
        match wrong {
            None => assert_eq!(answer, json!({ "taken": true, "why": "" }), "{plugin}"),
            Some(part) => assert!(
                answer["taken"] == false && why.contains(part),
                "{plugin} {settings}: {answer}"
            ),
        }
    }
}
