//! What is not carried out is named, with a status and HPC Pack's fault.

use jobyard_tests::https::Answer;

use super::super::http::ask;
use super::super::https::{basic, daemon};
use super::{Hpc, JSON, pairs};

#[test]
fn what_cannot_be_read_is_named() {
    let hpc = Hpc::start();
    hpc.job("<Job><Tasks><Task CommandLine=\"true\"/></Tasks></Job>");
    let long = format!("GET /hpc/jobs?$filter={}", "x".repeat(3_000));
    let cases: &[(&str, &str, u16, &str, &str)] = &[
        ("GET /hpc/jobs?colour=red", "", 400, "BadQuery", "colour"),
        ("GET /hpc/jobs?asc=1&ASC=0", "", 400, "BadQuery", "twice"),
        (
            "GET /hpc/jobs?properties=Id,Colour",
            "",
            400,
            "UnknownProperty",
            "Colour",
        ),
        (
            "GET /hpc/jobs?$filter=Owner+eq+x",
            "",
            400,
            "BadQuery",
            "JobState",
        ),
        (&long, "", 400, "BadQuery", "at most 2048"),
        (
            "GET /hpc/jobs?rowsPerRead=10001",
            "",
            400,
            "BadQuery",
            "10000",
        ),
        ("GET /hpc/jobs?startRow=-1", "", 400, "BadQuery", "startRow"),
        ("GET /hpc/jobs?queryId=x", "", 400, "BadQuery", "queryId"),
        ("GET /hpc/jobs/x", "", 400, "BadId", "x"),
        ("GET /hpc/jobs/9", "", 404, "UnknownJob", "9"),
        ("GET /hpc/jobs/1/tasks/2", "", 404, "UnknownTask", "2"),
        ("PUT /hpc/jobs/1/tasks/2", "[]", 404, "UnknownTask", "2"),
        (
            "GET /hpc/jobs/1?properties=Colour",
            "",
            400,
            "UnknownProperty",
            "Colour",
        ),
        (
            "GET /hpc/jobs/1/tasks?expandParametric=x",
            "",
            400,
            "BadQuery",
            "neither true nor false",
        ),
        ("POST /hpc/jobs", "{}", 400, "BadJson", "list of properties"),
        (
            "POST /hpc/jobs",
            "[{\"Name\": \"State\", \"Value\": \"Running\"}]",
            400,
            "ReadOnlyProperty",
            "State",
        ),
        (
            "POST /hpc/jobs",
            "[{\"Name\": \"ServiceName\", \"Value\": \"x\"}]",
            501,
            "NotServed",
            "SOA",
        ),
        (
            "POST /hpc/jobs/1/cancel",
            "{\"message\": \"x\"}",
            400,
            "BadJson",
            "JSON string",
        ),
        ("POST /hpc/jobs/jobFile", "[]", 400, "BadJson", "job XML"),
        (
            "POST /hpc/jobs/jobFile",
            "\"<Job Colour='x'/>\"",
            422,
            "BadJobFile",
            "Colour",
        ),
        (
            "GET /hpc/cluster/nodes/none",
            "",
            404,
            "UnknownNode",
            "none",
        ),
        (
            "GET /hpc/cluster/metrics/history/Mood?fromTime=2020-01-01&toTime=2020-01-01",
            "",
            404,
            "UnknownMetric",
            "Mood",
        ),
        (
            "GET /hpc/cluster/metrics/history/HPCPoolUsage",
            "",
            400,
            "BadQuery",
            "fromTime",
        ),
        (
            "GET /hpc/cluster/nodes/metrics?metricNames=Mood",
            "",
            400,
            "BadQuery",
            "Mood",
        ),
        (
            "POST /hpc/cluster/nodeGroups",
            "{\"Name\": \"a,b\"}",
            400,
            "BadJson",
            "comma",
        ),
    ];
    for (line, body, status, code, words) in cases {
        let answer = ask(&hpc.0, line, JSON, body.as_bytes());
        assert_eq!(answer.status, *status, "{line}: {}", answer.body);
        let fault = answer.json();
        assert_eq!(fault["Values"][0]["Value"], *code, "{line}: {fault}");
        assert!(
            fault["Message"]
                .as_str()
                .is_some_and(|text| text.contains(words)),
            "{line}: {fault}"
        );
    }
    let xml = "content-type: application/xml\r\n";
    assert_eq!(ask(&hpc.0, "POST /hpc/jobs", xml, b"<x/>").status, 415);
    let message = serde_json::json!("x".repeat(321));
    let fault = hpc.post("/jobs/1/cancel", &message, 422);
    assert_eq!(fault["Code"], 0x8004_02D3_u32.cast_signed());
}

#[test]
fn xml_neither_grows_nor_reaches_files() {
    let hpc = Hpc::start();
    let mut bomb = String::from("<!DOCTYPE Job [<!ENTITY a0 \"ha\">");
    for n in 1..30 {
        bomb += &format!("<!ENTITY a{n} \"&a{0};&a{0};\">", n - 1);
    }
    let task = |name: &str| format!("<Tasks><Task Name=\"{name}\" CommandLine=\"true\"/></Tasks>");
    bomb += &format!("]><Job>{}</Job>", task("&a29;"));
    let file = "<!DOCTYPE Job [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>";
    let file = format!("{file}<Job>{}</Job>", task("&f;"));
    let deep = format!("{}{}", "<Job>".repeat(100_000), "</Job>".repeat(100_000));
    for xml in [bomb, file, deep] {
        let fault = hpc.post("/jobs/jobFile", &xml.clone().into(), 422);
        assert_eq!(fault["Values"][0]["Value"], "BadJobFile", "{fault}");
        assert!(!fault.to_string().contains("root:"), "{fault}");
    }
    // What is too long is not read to its end.
    let long = format!("\"{}\"", "x".repeat(33 << 20));
    let answer = ask(&hpc.0, "POST /hpc/jobs/jobFile", JSON, long.as_bytes());
    assert_eq!(answer.status, 413, "{}", answer.body);
    let many = vec![serde_json::json!({ "Name": "x" }); 1_001];
    hpc.post("/jobs", &many.into(), 400);
    // It is still there.
    hpc.post("/jobs", &pairs(&[]), 200);
}

#[test]
fn clients_come_over_https_with_basic_authentication() {
    let (_daemon, https) = daemon();
    for path in ["jobs", "cluster/version", "nodes", "cluster/nodeGroups"] {
        let line = format!("GET /hpc/{path}");
        let answer = https.ask(&line, "", "");
        assert_eq!(answer.status, 401, "{path}: {}", answer.body);
        assert!(answer.head.contains("Basic realm"), "{}", answer.head);
        assert_eq!(
            https.ask(&line, &basic("ann", "wrong"), "").status,
            401,
            "{path}"
        );
        assert_eq!(
            https.ask(&line, &basic("ann", "pw-ann"), "").status,
            200,
            "{path}"
        );
    }
    let roles = |name: &str| {
        let password = format!("pw-{name}");
        https
            .ask("GET /hpc/cluster/userRoles", &basic(name, &password), "")
            .json()
    };
    assert_eq!(roles("ann"), serde_json::json!(["User"]));
    assert!(roles("jo").to_string().contains("JobAdministrator"));
}

#[test]
fn somebody_is_asked_for_by_those_who_may() {
    let (_daemon, https) = daemon();
    let create = |by: &str, as_user: &str| -> Answer {
        let password = format!("pw-{by}");
        let headers = format!("{}x-ms-as-user: {as_user}\r\n", basic(by, &password));
        https.ask("POST /hpc/jobs", &headers, "[]")
    };
    let ann = basic("ann", "pw-ann");
    for by in ["root", "jo"] {
        let created = create(by, "ann");
        assert_eq!(created.status, 200, "{by}: {}", created.body);
        // It is ann's, and she may do with it what she likes.
        let line = format!("GET /hpc/jobs/{}?properties=Owner", created.body);
        assert_eq!(https.ask(&line, &ann, "").json()[0]["Value"], "ann");
        let line = format!("POST /hpc/jobs/{}/cancel", created.body);
        assert_eq!(https.ask(&line, &ann, "").status, 204);
    }
    for (by, as_user) in [("ann", "oscar"), ("oscar", "ann"), ("jo", "root")] {
        let refused = create(by, as_user);
        assert_eq!(refused.status, 403, "{by} as {as_user}: {}", refused.body);
    }
}
