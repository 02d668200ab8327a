//! A job's life: created of properties or XML, changed, submitted, ended, queued again.

use serde_json::{Value, json};

use super::{Hpc, pairs, value};

#[test]
fn a_job_is_made_of_properties_and_tasks_and_runs() {
    let hpc = Hpc::start();
    let body = pairs(&[
        ("name", "by hand"),
        ("PRIORITY", "AboveNormal"),
        ("MinCores", "1"),
        ("MaxCores", "1"),
    ]);
    let id = hpc.post("/jobs", &body, 200);
    assert_eq!(id, 1);
    assert_eq!(hpc.property("/jobs/1", "State"), "Configuring");
    let task = pairs(&[("Name", "hello"), ("CommandLine", "echo Hello")]);
    assert_eq!(hpc.post("/jobs/1/tasks", &task, 200), 1);
    let task = pairs(&[
        ("CommandLine", "echo World; echo oops >&2"),
        ("WorkDirectory", "/"),
    ]);
    assert_eq!(hpc.post("/jobs/1/tasks", &task, 200), 2);
    // Credentials are taken, and mean nothing here; what else is said holds.
    let last = pairs(&[
        ("UserName", "HPC\\ann"),
        ("Password", "secret"),
        ("Project", "proof"),
    ]);
    hpc.post("/jobs/1/submit", &last, 204);
    hpc.until("/jobs/1", "Finished");
    let job = hpc.get("/jobs/1");
    for (name, expected) in [
        ("Id", "1"),
        ("Name", "by hand"),
        ("State", "Finished"),
        ("Priority", "AboveNormal"),
        ("ExpandedPriority", "3000"),
        ("Project", "proof"),
        ("JobTemplate", "Default"),
        ("UnitType", "Core"),
        ("MaxCores", "1"),
        ("AutoCalculateMax", "False"),
        ("RunUntilCanceled", "False"),
        ("TaskCount", "2"),
        ("FinishedTaskCount", "2"),
        ("Progress", "100"),
        ("ErrorCode", "0"),
    ] {
        assert_eq!(
            value(&job, name).as_deref(),
            Some(expected),
            "{name}: {job}"
        );
    }
    assert!(!job.to_string().contains("secret"));
    // As it says in `GET /cluster/info/dateTimeFormat`.
    let ended = value(&job, "EndTime").expect("it has ended");
    assert!(
        ended.ends_with('M') && ended.matches(['/', ':', ' ']).count() == 6,
        "{ended}"
    );
    // Without a value it is there only if it was asked for.
    assert_eq!(value(&job, "HoldUntil"), None);
    assert_eq!(hpc.property("/jobs/1", "HoldUntil"), "");
    assert_eq!(hpc.property("/jobs/1/tasks/1", "Output"), "Hello\n");
    assert_eq!(hpc.property("/jobs/1/tasks/2", "Output"), "World\noops\n");
}

#[test]
fn a_job_of_xml_keeps_what_the_xml_says() {
    let hpc = Hpc::start();
    let job = hpc.job(
        r#"<Job Name="SimpleJob" Priority="Lowest" RunUntilCanceled="True" MinCores="1" MaxCores="1" xmlns="http://schemas.microsoft.com/HPCS2008R2/scheduler/">
             <EnvironmentVariables><Variable><Name>A</Name><Value>1</Value></Variable></EnvironmentVariables>
             <Tasks><Task Name="t" CommandLine="echo Hello" MinCores="1" MaxCores="1"/></Tasks>
           </Job>"#,
    );
    assert_eq!(hpc.property(&job, "Priority"), "Lowest");
    assert_eq!(hpc.property(&job, "RunUntilCanceled"), "True");
    assert_eq!(
        hpc.get(&format!("{job}/envVariables")),
        pairs(&[("A", "1")])
    );
    assert_eq!(
        hpc.property(&format!("{job}/tasks/1"), "CommandLine"),
        "echo Hello"
    );
}

#[test]
fn a_job_is_changed_and_what_may_not_change_stays() {
    let hpc = Hpc::start();
    let job = hpc.run(&hpc.waiting(""));
    hpc.until(&job, "Running");
    // The keys of pairs in any case too.
    let change =
        json!([{ "name": "NAME", "value": "Updated" }, { "name": "Priority", "value": "Highest" }]);
    hpc.does("PUT", &job, &change, 204);
    assert_eq!(hpc.property(&job, "Name"), "Updated");
    assert_eq!(hpc.property(&job, "ExpandedPriority"), "4000");
    let refused = hpc.does("PUT", &job, &pairs(&[("MaxCores", "2")]), 409);
    assert_eq!(refused["Values"][0]["Value"], "InvalidModify");
    let custom = pairs(&[("Site", "north"), ("empty", "")]);
    hpc.post(&format!("{job}/customProperties"), &custom, 204);
    hpc.post(
        &format!("{job}/customProperties"),
        &pairs(&[("SITE", "south")]),
        204,
    );
    let custom = format!("{job}/customProperties");
    assert_eq!(hpc.get(&custom), pairs(&[("Site", "south"), ("empty", "")]));
    assert_eq!(
        hpc.get(&format!("{custom}?Names=site,none")),
        pairs(&[("Site", "south"), ("none", "")])
    );
    hpc.0.place.file("go", "");
    hpc.until(&job, "Finished");
    assert_eq!(
        hpc.does("PUT", &job, &pairs(&[("Name", "late")]), 409)["Values"][0]["Value"],
        "InvalidModify"
    );
}

#[test]
fn the_environment_of_a_job_reaches_its_tasks() {
    let hpc = Hpc::start();
    let job = hpc.job("<Job><Tasks><Task CommandLine=\"echo $myvar\"/></Tasks></Job>");
    let set = pairs(&[("myvar", "My Var"), ("other", "x")]);
    hpc.post(&format!("{job}/envVariables"), &set, 204);
    hpc.post(&format!("{job}/submit"), &Value::Null, 204);
    hpc.until(&job, "Finished");
    let one = hpc.get(&format!("{job}/envVariables?names=myvar"));
    assert_eq!(one, pairs(&[("myvar", "My Var")]));
    assert_eq!(hpc.get(&format!("{job}/envVariables")), set);
    assert_eq!(
        hpc.property(&format!("{job}/tasks/1"), "Output"),
        "My Var\n"
    );
}

#[test]
fn a_job_is_canceled_with_words_and_queued_again() {
    let hpc = Hpc::start();
    let job = hpc.run(&hpc.waiting(""));
    hpc.until(&job, "Running");
    hpc.post(&format!("{job}/cancel"), &"Canceled by test.".into(), 204);
    hpc.until(&job, "Canceled");
    assert_eq!(hpc.property(&job, "ErrorMessage"), "Canceled by test.");
    let again = hpc.post(&format!("{job}/cancel"), &Value::Null, 409);
    assert_eq!(again["Code"], 0x8004_0208_u32.cast_signed());
    hpc.post(&format!("{job}/requeue"), &Value::Null, 204);
    hpc.until(&job, "Running");
    assert_eq!(hpc.property(&job, "RequeueCount"), "1");
    hpc.post(&format!("{job}/finish"), &"enough".into(), 204);
    hpc.until(&job, "Finished");
}

#[test]
fn a_forced_cancel_waits_for_nothing() {
    let hpc = Hpc::start();
    // It does not end by itself when it is asked to.
    let job = hpc.run("<Job><Tasks><Task CommandLine=\"trap '' INT TERM; while true; do sleep 0.02; done\"/></Tasks></Job>");
    hpc.until(&job, "Running");
    hpc.until(&format!("{job}/tasks/1"), "Running");
    let asked = std::time::Instant::now();
    hpc.post(&format!("{job}/cancel?FORCED=True"), &"now".into(), 204);
    hpc.until(&job, "Canceled");
    // The grace period is 15 s.
    assert!(asked.elapsed().as_secs() < 14, "{:?}", asked.elapsed());
}
