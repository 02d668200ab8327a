//! Job filters under a real daemon: licences that are never used twice, a job that is turned away, a filter that traps.

use jobyard_tests::{Place, ask_with, wait_for};
use serde_json::Value;

use super::Daemon;
use crate::filter_wat::Filter;
use crate::wat::{Bytes, DATA};

/// A job that needs one licence, and says when it begins and ends.
fn licensed(name: &str) -> String {
    format!(
        r#"
        name = "{name}"
        licences = "tool:1"
        [[task]]
        command = "echo {name} begins >> said; while ! test -e go; do sleep 0.02; done; sleep 0.1; echo {name} ends >> said"
        "#
    )
}

#[test]
fn two_jobs_that_need_the_same_licence_never_run_at_once() {
    let filter = ["--filter", "filter-licences", "--cores", "4"];
    let set = ["--filter-set", "filter-licences.licences=tool:1"];
    let daemon = Daemon::start_in(Place::new(), &[filter.as_slice(), &set].concat());
    let first = daemon.submit(&licensed("first"));
    daemon.until(&first, "Running");
    let second = daemon.submit(&licensed("second"));
    let view = wait_for("the second job to be kept waiting", || {
        let view = daemon.json(&["job", "view", &second]);
        let text = view["waiting"]["text"].as_str().unwrap_or_default();
        text.contains("1 of 1 are in use").then_some(view)
    });
    assert_eq!(
        (&view["state"], &view["waiting"]["reason"]),
        (&"Queued".into(), &6.into())
    );
    // One that needs none goes on beside them.
    let free = daemon.submit("[[task]]\ncommand = \"true\"\n");
    assert_eq!(
        daemon.done(&["job", "wait", &free]),
        format!("job {free}: Finished\n")
    );

    daemon.place.file("go", "");
    for job in [&first, &second] {
        daemon.until(job, "Finished");
    }
    let said = daemon.place.read("said");
    assert_eq!(
        said,
        "first begins\nfirst ends\nsecond begins\nsecond ends\n"
    );

    // More than there ever are.
    let greedy = daemon.submit("licences = \"tool:2\"\n[[task]]\ncommand = \"true\"\n");
    let view = daemon.until(&greedy, "Failed");
    let error = view["error_message"].as_str().unwrap_or_default();
    assert!(
        error.contains("needs 2 licences of tool, there are 1"),
        "{view}"
    );
}

#[test]
fn a_submission_filter_turns_jobs_away() {
    let place = Place::new();
    let reject = Filter {
        submission: Some(format!("i32.const {DATA}")),
        activation: None,
        data: Bytes::default()
            .u32(2)
            .u32(DATA + 16)
            .u32(10)
            .up_to(16)
            .text("not today!"),
        ..Filter::default()
    };
    std::fs::write(place.path().join("gate.wasm"), reject.build()).unwrap();
    let mut daemon = Daemon::start_in(place, &["--filter", "gate.wasm"]);
    let job = daemon.submit("[[task]]\ncommand = \"true\"\n");
    let view = daemon.until(&job, "Failed");
    let expected = "submission filter \"gate\" rejected the job: not today!";
    assert_eq!(view["error_message"], expected);
    let programs = daemon.json(&["param", "get", "SubmissionFilterProgram"]);
    assert!(programs.to_string().contains("gate"), "{programs}");

    // A filter that the parameter names and that is not there lets nothing pass.
    daemon.signal(rustix::process::Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    daemon.again(&[]);
    let job = daemon.submit("[[task]]\ncommand = \"true\"\n");
    let view = daemon.until(&job, "Failed");
    assert!(
        view["error_message"]
            .as_str()
            .is_some_and(|error| error.contains("\"gate\" is not there")),
        "{view}"
    );
    daemon.done(&["param", "set", "SubmissionFilterProgram", ""]);
    let job = daemon.submit("[[task]]\ncommand = \"true\"\n");
    daemon.until(&job, "Finished");
}

#[test]
fn a_filter_that_traps_holds_the_job() {
    let place = Place::new();
    let trap = Filter {
        submission: None,
        ..Filter::doing("unreachable")
    };
    std::fs::write(place.path().join("bad.wasm"), trap.build()).unwrap();
    let daemon = Daemon::start_in(place, &["--filter", "bad.wasm"]);
    let job = daemon.submit("[[task]]\ncommand = \"true\"\n");
    let held = |view: &Value| view["waiting"]["reason"] == 8;
    let view = wait_for("the job to be held", || {
        let view = daemon.json(&["job", "view", &job]);
        held(&view).then_some(view)
    });
    assert_eq!(view["state"], "Queued");
    let text = view["waiting"]["text"].as_str().unwrap_or_default();
    assert!(text.contains("unreachable"), "{view}");
    wait_for("the fault to be reported", || {
        daemon
            .place
            .read("log")
            .contains("plugin bad")
            .then_some(())
    });
    // Without the filter it starts as soon as it is let go.
    daemon.done(&["param", "set", "ActivationFilterProgram", ""]);
    daemon.done(&["job", "hold", &job, "--clear"]);
    daemon.until(&job, "Finished");
}

#[test]
fn what_filters_are_asked_and_what_they_said_is_seen() {
    let place = Place::new();
    let trap = Filter {
        submission: None,
        ..Filter::doing("unreachable")
    };
    std::fs::write(place.path().join("bad.wasm"), trap.build()).unwrap();
    let licences = ["--filter", "filter-licences", "--cores", "4"];
    let set = ["--filter-set", "filter-licences.licences=tool:1"];
    let bad = ["--filter", "bad.wasm"];
    let mut daemon = Daemon::start_in(place, &[&licences[..], &set, &bad].concat());
    let job = daemon.submit("licences = \"tool:1\"\n[[task]]\ncommand = \"true\"\n");
    let bad = wait_for("the bad filter to have failed", || {
        let view = daemon.json(&["filter", "view", "bad"]);
        (view["answers"]["fault"] == 1).then_some(view)
    });
    assert_eq!(bad["last_fault"]["kind"], "failed", "{bad}");
    assert_eq!(bad["last_fault"]["job"].to_string(), job);
    let text = bad["latest"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("unreachable"), "{bad}");
    assert_eq!(bad["latest"][0]["asked"], "activation");

    let list = daemon.json(&["filter", "list"]);
    let names: Vec<&Value> = list["filters"].as_array().unwrap().iter().collect();
    assert_eq!(
        names.iter().map(|f| &f["name"]).collect::<Vec<_>>(),
        ["bad", "filter-licences"]
    );
    let good = names[1];
    assert_eq!(good["asks"], serde_json::json!(["activation"]), "{good}");
    assert_eq!(good["everywhere"], good["asks"]);
    assert_eq!(good["settings"]["licences"], "tool:1");
    assert_eq!(good["answers"]["start"], 1, "{good}");
    let said = daemon.done(&["filter", "view", "filter-licences"]);
    for part in ["all jobs", "licences=tool:1", "start 1", "activation"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let rows = daemon.done(&["filter", "view", "filter-licences", "--format", "csv"]);
    assert!(rows.starts_with("at,job,asked,answer,ms,text\n"), "{rows}");
    assert!(
        rows.contains(&format!(",{job},activation,start,")),
        "{rows}"
    );
    daemon.refused(&["filter", "view", "gate"], &["no filter \"gate\""]);

    // Users learn what a filter said of their job from the job.
    for path in ["/filters", "/filters/bad"] {
        let head = "x-ms-as-user: ann\r\n";
        let (status, problem, _) = ask_with(daemon.place.path(), "GET", path, head, "").unwrap();
        let code = (status, problem["code"].as_str());
        assert_eq!(code, (403, Some("ForAdministrators")), "{problem}");
    }

    // Who is shown to it follows the cluster's parameters and the templates.
    daemon.done(&["param", "set", "ActivationFilterProgram", "bad"]);
    let template = "activation_filters = [\"filter-licences\"]\n";
    daemon.place.file("night.toml", template);
    daemon.done(&["template", "set", "Night", "night.toml"]);
    let view = daemon.json(&["filter", "view", "filter-licences"]);
    let whose = (&view["everywhere"], &view["templates"]);
    assert_eq!(
        whose,
        (&serde_json::json!([]), &serde_json::json!(["Night"]))
    );
    // What was said is not kept.
    daemon.signal(rustix::process::Signal::KILL);
    daemon.end();
    daemon.again(&["--filter", "filter-licences"]);
    let view = daemon.json(&["filter", "view", "filter-licences"]);
    assert_eq!(view["questions"], 0, "{view}");
}
