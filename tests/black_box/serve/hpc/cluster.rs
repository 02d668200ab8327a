//! What is of the cluster as a whole, and in which language it is answered.

use jobyard_tests::wait_for;
use serde_json::Value;

use super::super::http::ask;
use super::Hpc;

#[test]
fn the_cluster_says_what_it_is() {
    let hpc = Hpc::start();
    let version = hpc.get("/cluster/version");
    let parts = version.as_str().expect("a text").split('.');
    assert_eq!(parts.filter(|part| part.parse::<u32>().is_ok()).count(), 4);
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    assert_eq!(hpc.get("/cluster/activeHeadNode"), name.trim());
    assert_eq!(
        hpc.get("/cluster/info/dateTimeFormat"),
        "M/d/yyyy h:mm:ss tt"
    );
    // Whoever runs the daemon.
    assert_eq!(
        hpc.get("/cluster/userRoles"),
        serde_json::json!(["Administrator"])
    );
    assert_eq!(hpc.get("/jobs/templates"), serde_json::json!(["Default"]));
    let put = "PUT /api/v1/templates/gpu";
    let json = "content-type: application/json\r\n";
    assert_eq!(ask(&hpc.0, put, json, b"{}").status, 200);
    assert_eq!(
        hpc.get("/jobs/templates"),
        serde_json::json!(["Default", "gpu"])
    );
}

#[test]
fn answers_and_faults_are_json_or_xml_as_the_client_accepts() {
    let hpc = Hpc::start();
    let job = hpc.job("<Job Name=\"a&lt;b\"><Tasks><Task CommandLine=\"true\"/></Tasks></Job>");
    let xml = "accept: application/xml\r\n";
    let get = |path: &str, head: &str| ask(&hpc.0, &format!("GET /hpc{path}"), head, b"");
    let answer = get(&format!("{job}?properties=Name"), xml);
    assert!(
        answer.head.contains("content-type: application/xml"),
        "{}",
        answer.head
    );
    let expected = "<Property><Name>Name</Name><Value>a&lt;b</Value></Property></ArrayOfProperty>";
    assert!(answer.body.ends_with(expected), "{}", answer.body);
    let list = get("/jobs?api-version=2012-11-01&Render=RestPropRender", xml);
    assert!(
        list.body.contains("<ArrayOfObject")
            && list.body.contains("<Object><Properties><Property>"),
        "{}",
        list.body
    );
    let version = get("/cluster/version", xml).body;
    assert!(version.contains("<string xmlns"), "{version}");
    // The fault is HPC Pack's, with its number, in both languages.
    let fault = get("/jobs/99", "");
    assert_eq!(fault.status, 404);
    let json = fault.json();
    assert_eq!(json["Code"], 0x8004_0206_u32.cast_signed(), "{json}");
    assert!(
        json["Message"]
            .as_str()
            .is_some_and(|text| text.contains("99"))
    );
    assert_eq!(json["Values"][0]["Value"], "UnknownJob");
    let fault = get("/jobs/99", xml);
    assert_eq!(fault.status, 404);
    assert!(
        fault.body.contains("<HpcWebServiceFault")
            && fault.body.contains("<Code>-2147220986</Code>"),
        "{}",
        fault.body
    );
    for (line, status) in [("GET /hpc/colours", 404), ("PATCH /hpc/jobs", 405)] {
        let fault = ask(&hpc.0, line, xml, b"");
        assert_eq!(fault.status, status, "{line}");
        assert!(
            fault.body.contains("<HpcWebServiceFault"),
            "{line}: {}",
            fault.body
        );
    }
}

#[test]
fn metrics_are_those_of_now_and_of_how_jobs_ended() {
    let hpc = Hpc::start();
    let definitions = hpc.get("/cluster/metrics/definitions");
    assert_eq!(definitions[0]["Name"], "HPCPoolUsage");
    let done = hpc.run("<Job><Tasks><Task CommandLine=\"true\"/></Tasks></Job>");
    hpc.until(&done, "Finished");
    let runs = hpc.run(
        "<Job><Tasks><Task CommandLine=\"while ! test -e go; do sleep 0.02; done\"/></Tasks></Job>",
    );
    hpc.until(&runs, "Running");
    let counted = |metric: &str, to: &str| {
        let path =
            format!("/cluster/metrics/history/{metric}?fromTime=2020-01-01T00:00:00Z&toTime={to}");
        hpc.get(&path)
    };
    let usage = counted("HPCPoolUsage", "2100-01-01T00:00:00Z");
    assert_eq!(usage["Instances"][0]["Values"][0]["Value"], 1, "{usage}");
    let jobs = counted("hpcschedulerjobs", "2100-01-01T00:00:00Z");
    assert_eq!(jobs["MetricName"], "HPCSchedulerJobs");
    assert_eq!(jobs["Instances"][1]["InstanceName"], "Running jobs");
    assert_eq!(jobs["Instances"][1]["Values"][0]["Value"], 1, "{jobs}");
    let nodes = counted("HPCSchedulerNodes", "2100-01-01T00:00:00Z");
    assert_eq!(nodes["Instances"][0]["Values"][0]["Value"], 1, "{nodes}");
    // The past is not kept.
    let past = counted("HPCPoolUsage", "2020-01-02T00:00:00Z");
    assert_eq!(past["Instances"][0]["Values"], serde_json::json!([]));
    let of_nodes = hpc.get("/cluster/nodes/metrics?metricNames=HPCCpuUsage,HPCCoresInUse");
    assert_eq!(
        of_nodes[0]["Metrics"],
        serde_json::json!({ "HpcCoresInUse": 1 })
    );
    hpc.post(&format!("{runs}/cancel?forced=true"), &Value::Null, 204);
    hpc.until(&runs, "Canceled");
    wait_for("both ends to be counted", || {
        let ended = hpc.get("/cluster/metrics/jobs");
        let count = |at: usize| ended["Instances"][at]["Values"][0]["Value"].as_u64();
        (count(0) == Some(1) && count(1).is_none() && count(2) == Some(1)).then_some(())
    });
}
