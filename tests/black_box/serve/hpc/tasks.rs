//! Tasks and sub-tasks: shown, changed, told what to do, listed.

use serde_json::Value;

use super::{Hpc, column, header, pairs, value};

const WAIT: &str = "while ! test -e go; do sleep 0.02; done";

fn names(count: usize, first: usize) -> Vec<String> {
    (first..first + count).map(|n| format!("1.1.{n}")).collect()
}

#[test]
fn a_sweep_has_sub_tasks() {
    let hpc = Hpc::start();
    let job = hpc.run(
        r#"<Job><Tasks>
             <Task Name="sweep *" CommandLine="echo value *" Type="ParametricSweep" StartValue="10" EndValue="30" IncrementValue="2"/>
             <Task Name="last" CommandLine="exit 3"/>
           </Tasks></Job>"#,
    );
    hpc.until(&job, "Failed");
    let list = |query: &str| hpc.get(&format!("{job}/tasks?{query}"));
    // Ten rows unless the query says otherwise, sub-tasks in the place of their task.
    let first = hpc.ask("GET", &format!("{job}/tasks"), &Value::Null);
    let rows = first.json();
    assert_eq!(column(&rows, "TaskId"), names(10, 1));
    assert_eq!(column(&rows, "CommandLine")[1], "echo value 12");
    assert_eq!(column(&rows, "Name")[1], "sweep 12");
    assert_eq!(column(&rows, "ExitCode")[1], "0");
    assert_eq!(
        (
            column(&rows, "JobTaskId")[1].as_str(),
            column(&rows, "InstanceId")[1].as_str()
        ),
        ("1", "2")
    );
    assert_eq!(column(&rows, "ParentJobId")[1], "1");
    let id = header(&first, "x-ms-continuation-queryId").expect("there are more");
    let rest = hpc.ask("GET", &format!("{job}/tasks?queryId={id}"), &Value::Null);
    assert_eq!(column(&rest.json(), "TaskId"), ["1.1.11", "1.2"]);
    assert_eq!(header(&rest, "x-ms-continuation-queryId"), None);
    let masters = list("expandParametric=false");
    assert_eq!(column(&masters, "TaskId"), ["1.1", "1.2"]);
    assert_eq!(column(&masters, "CommandLine"), ["echo value *", "exit 3"]);
    assert_eq!(column(&masters, "State"), ["Finished", "Failed"]);
    for (query, expected) in [
        ("$filter=TaskState+eq+Failed", vec!["1.2"]),
        ("$filter=TaskStates+eq+Failed,Queued", vec!["1.2"]),
        (
            "$filter=TaskIds+eq+1+and+TaskInstanceIds+eq+2,11",
            vec!["1.1.2", "1.1.11"],
        ),
        ("$filter=ChangeTimeFrom+eq+2100-01-01", vec![]),
        ("startRow=10", vec!["1.1.11", "1.2"]),
        (
            "sortTasksBy=ExitCode&asc=false&rowsPerRead=1&properties=TaskId",
            vec!["1.2"],
        ),
        (
            "sortTasksBy=TaskId&asc=False&rowsPerRead=2",
            vec!["1.2", "1.1.11"],
        ),
    ] {
        assert_eq!(column(&list(query), "TaskId"), expected, "{query}");
    }
    let counted = hpc.ask(
        "GET",
        &format!("{job}/tasks?startRow=3&rowsPerRead=1"),
        &Value::Null,
    );
    assert_eq!(header(&counted, "x-ms-row-count"), Some("12"));
    // A sub-task by itself, also with what it wrote.
    let third = hpc.get(&format!("{job}/tasks/1/subtasks/3"));
    for (name, expected) in [
        ("TaskId", "1.1.3"),
        ("InstanceValue", "14"),
        ("Output", "value 14\n"),
        ("State", "Finished"),
        ("Type", "ParametricSweep"),
    ] {
        assert_eq!(
            value(&third, name).as_deref(),
            Some(expected),
            "{name}: {third}"
        );
    }
    assert_eq!(
        column(
            &list("properties=Output&$filter=TaskInstanceIds+eq+1"),
            "Output"
        ),
        ["value 10\n"]
    );
    assert_eq!(
        hpc.property(&format!("{job}/tasks/2"), "ErrorMessage"),
        "exit code 3"
    );
    for path in ["subtasks/12", "subtasks/0", "subtasks/x"] {
        let answer = hpc.ask("GET", &format!("{job}/tasks/1/{path}"), &Value::Null);
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.body
        );
    }
}

#[test]
fn a_task_is_changed_while_it_is_configured() {
    let hpc = Hpc::start();
    let job = hpc.job("<Job><Tasks><Task Name=\"a\" CommandLine=\"echo $who\"/><Task CommandLine=\"echo $who\"/></Tasks></Job>");
    let task = format!("{job}/tasks/1");
    hpc.does(
        "PUT",
        &task,
        &pairs(&[("name", "Updated"), ("IsRerunnable", "false")]),
        204,
    );
    assert_eq!(hpc.property(&task, "Name"), "Updated");
    assert_eq!(hpc.property(&task, "IsRerunnable"), "False");
    assert_eq!(hpc.property(&task, "CommandLine"), "echo $who");
    hpc.post(
        &format!("{task}/envVariables"),
        &pairs(&[("who", "me")]),
        204,
    );
    assert_eq!(
        hpc.get(&format!("{task}/envVariables?names=who")),
        pairs(&[("who", "me")])
    );
    assert_eq!(hpc.get(&format!("{job}/tasks/2/envVariables")), pairs(&[]));
    hpc.post(&format!("{job}/submit"), &Value::Null, 204);
    hpc.until(&job, "Finished");
    assert_eq!(hpc.property(&task, "Output"), "me\n");
    assert_eq!(hpc.property(&format!("{job}/tasks/2"), "Output"), "\n");
    let late = hpc.does("PUT", &task, &pairs(&[("Name", "late")]), 409);
    assert!(
        late["Message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
}

#[test]
fn a_task_of_a_running_job_is_ended_and_queued_again() {
    let hpc = Hpc::start();
    let xml = format!(
        "<Job RunUntilCanceled=\"true\" MinCores=\"1\" MaxCores=\"1\"><Tasks><Task CommandLine=\"{WAIT}\"/></Tasks></Job>"
    );
    let job = hpc.run(&xml);
    let task = format!("{job}/tasks/1");
    hpc.until(&task, "Running");
    hpc.post(
        &format!("{task}/cancel?forced=true"),
        &"Canceled by test!".into(),
        204,
    );
    hpc.until(&task, "Failed");
    let error = hpc.property(&task, "ErrorMessage");
    assert!(error.contains("Canceled by test!"), "{error}");
    hpc.post(&format!("{task}/requeue"), &"once more".into(), 204);
    hpc.until(&task, "Running");
    hpc.post(&format!("{task}/finish"), &"Finished by test!".into(), 204);
    hpc.until(&task, "Finished");
    assert_eq!(hpc.property(&task, "ErrorMessage"), "Finished by test!");
    // One more, which runs at once.
    assert_eq!(
        hpc.post(
            &format!("{job}/tasks"),
            &pairs(&[("CommandLine", "echo late")]),
            200
        ),
        2
    );
    hpc.until(&format!("{job}/tasks/2"), "Finished");
    hpc.post(&format!("{job}/cancel"), &Value::Null, 204);
    hpc.until(&job, "Canceled");
}

#[test]
fn a_sub_task_is_ended_and_queued_again() {
    let hpc = Hpc::start();
    let xml = format!(
        "<Job RunUntilCanceled=\"true\" MinCores=\"1\" MaxCores=\"1\"><Tasks><Task CommandLine=\"{WAIT}\" Type=\"ParametricSweep\" StartValue=\"1\" EndValue=\"3\"/></Tasks></Job>"
    );
    let job = hpc.run(&xml);
    let sub = |n: u32| format!("{job}/tasks/1/subtasks/{n}");
    hpc.until(&sub(1), "Running");
    hpc.post(&format!("{}/cancel?forced=true", sub(1)), &"no".into(), 204);
    hpc.until(&sub(1), "Failed");
    assert_eq!(
        hpc.property(&sub(1), "ErrorMessage"),
        "canceled while it ran: no"
    );
    hpc.until(&sub(2), "Running");
    hpc.post(&format!("{}/requeue", sub(1)), &Value::Null, 204);
    hpc.post(&format!("{}/finish", sub(2)), &"yes".into(), 204);
    hpc.until(&sub(2), "Finished");
    // The one that was queued again has its turn.
    hpc.until(&sub(1), "Running");
    assert_eq!(hpc.property(&sub(1), "RequeueCount"), "1");
    // Sub-tasks have no properties of their own.
    hpc.does("PUT", &sub(3), &pairs(&[]), 409);
    let refused = hpc.does("PUT", &sub(3), &pairs(&[("Name", "x")]), 501);
    assert!(
        refused["Message"]
            .as_str()
            .is_some_and(|text| text.contains("/tasks/1")),
        "{refused}"
    );
    hpc.post(&format!("{job}/cancel?forced=true"), &Value::Null, 204);
    hpc.until(&job, "Canceled");
}

#[test]
fn a_task_keeps_custom_properties() {
    let hpc = Hpc::start();
    let job = hpc.job(
        r#"<Job><Tasks><Task CommandLine="echo $myvar">
             <CustomProperties><Term><Name>Kind</Name><Value>x</Value></Term></CustomProperties>
           </Task></Tasks></Job>"#,
    );
    let custom = format!("{job}/tasks/1/customProperties");
    assert_eq!(hpc.get(&custom), pairs(&[("Kind", "x")]));
    hpc.post(&custom, &pairs(&[("KIND", "y"), ("myvar", "My Var")]), 204);
    assert_eq!(
        hpc.get(&format!("{custom}?names=kind,none")),
        pairs(&[("Kind", "y"), ("none", "")])
    );
    // They are not variables.
    hpc.post(&format!("{job}/submit"), &Value::Null, 204);
    hpc.until(&job, "Finished");
    assert_eq!(hpc.property(&format!("{job}/tasks/1"), "Output"), "\n");
    // An export has them too.
    let file = hpc.0.done(&["job", "export", "1"]);
    assert!(
        file.contains("custom_properties") && file.contains("My Var"),
        "{file}"
    );
    hpc.does(
        "GET",
        &format!("{job}/tasks/2/customProperties"),
        &Value::Null,
        404,
    );
}
