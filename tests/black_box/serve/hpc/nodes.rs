//! Nodes and node groups, as in 2019 and as in 2016.

use serde_json::{Value, json};

use super::{Hpc, column, header, value};

fn named(nodes: &Value) -> Vec<&str> {
    let nodes = nodes.as_array().expect("a list").iter();
    nodes.filter_map(|node| node["Name"].as_str()).collect()
}

#[test]
fn nodes_are_shown_and_chosen() {
    let hpc = Hpc::with_nodes();
    let node = hpc.get("/cluster/nodes/n1");
    assert_eq!(
        (&node["Cores"], &node["MemorySize"]),
        (&2.into(), &512.into())
    );
    assert_eq!(
        (&node["State"], &node["Health"]),
        (&"Online".into(), &"OK".into())
    );
    assert_eq!(node["Groups"], json!(["ComputeNodes"]));
    assert_eq!(
        (&node["Template"], &node["OnAzure"]),
        (&"".into(), &false.into())
    );
    for (query, expected) in [
        ("", &["n1", "n2"][..]),
        ("?names=N2,none", &["n2"]),
        ("?group=ComputeNodes", &["n1"]),
        ("?state=online&health=ok", &["n1", "n2"]),
        ("?state=Offline", &[]),
        ("?health=Error", &[]),
    ] {
        assert_eq!(
            named(&hpc.get(&format!("/cluster/nodes{query}"))),
            expected,
            "{query}"
        );
    }
    assert_eq!(
        hpc.get("/cluster/nodes/stats/state"),
        json!([{ "Name": "Online", "Value": 2 }])
    );
    assert_eq!(
        hpc.get("/cluster/nodes/stats/health"),
        json!([{ "Name": "OK", "Value": 2 }])
    );
}

#[test]
fn nodes_go_offline_and_come_back_and_the_log_says_so() {
    let hpc = Hpc::with_nodes();
    assert_eq!(hpc.get("/cluster/operations"), json!([]));
    let operate = |operation: &str, status| {
        hpc.post(
            &format!("/cluster/nodes/n2/operations/{operation}"),
            &Value::Null,
            status,
        )
    };
    operate("takeOffline", 202);
    assert_eq!(hpc.get("/cluster/nodes/n2")["State"], "Offline");
    let stats = json!([{ "Name": "Offline", "Value": 1 }, { "Name": "Online", "Value": 1 }]);
    assert_eq!(hpc.get("/cluster/nodes/stats/state"), stats);
    operate("BringOnline", 202);
    assert_eq!(hpc.get("/cluster/nodes/n2")["State"], "Online");
    // Machines are not jobyard's.
    let refused = operate("reboot", 501);
    assert!(
        refused["Message"]
            .as_str()
            .is_some_and(|text| text.contains("machines")),
        "{refused}"
    );
    operate("paint", 400);
    let log = hpc.get("/cluster/operations");
    assert_eq!(
        log[0]["Name"], "Bring node online",
        "the latest first: {log}"
    );
    assert_eq!(
        (&log[1]["Node"], &log[1]["State"]),
        (&"n2".into(), &"Committed".into())
    );
    assert_eq!(log[1]["Entries"], json!([]));
    let count = |query: &str| {
        hpc.get(&format!("/cluster/operations?{query}"))
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(count("limit=1"), Some(1));
    assert_eq!(count("nodeNames=n1,n3"), Some(0));
    assert_eq!(
        count("fromTime=2020-01-01T00:00:00Z&toTime=2100-01-01T00:00:00Z"),
        Some(2)
    );
    assert_eq!(count("fromTime=2100-01-01"), Some(0));
    let detail = hpc.get("/cluster/operations?withDetail=true");
    assert!(
        detail[0]["Entries"][0]["Message"]
            .as_str()
            .is_some_and(|text| text.contains("n2"))
    );
    let first =
        hpc.get("/cluster/operations/first?nodeNames=n2&fromTime=2020-01-01&toTime=2100-01-01");
    assert_eq!(first["Name"], "Take node offline");
    let id = first["Id"].as_str().expect("an id");
    assert_eq!(hpc.get(&format!("/cluster/operations/{id}")), first);
    hpc.does(
        "GET",
        "/cluster/operations/first?toTime=2020-01-01",
        &Value::Null,
        404,
    );
    hpc.does("GET", "/cluster/operations/7", &Value::Null, 404);
}

#[test]
fn node_groups_are_made_filled_and_deleted() {
    let mut hpc = Hpc::with_nodes();
    let group = json!({ "Name": "New Group", "Description": "fresh" });
    let made = hpc.post("/cluster/nodeGroups", &group, 200);
    assert_eq!(
        made,
        json!({ "Name": "New Group", "Description": "fresh", "Managed": false })
    );
    hpc.post("/cluster/nodeGroups", &group, 409);
    assert_eq!(
        named(&hpc.get("/cluster/nodeGroups")),
        ["ComputeNodes", "New Group"]
    );
    let place = "/cluster/nodeGroups/New%20Group";
    let nodes = format!("{place}/nodes");
    assert_eq!(hpc.get(&nodes), json!([]));
    let add = json!({ "GroupName": "New Group", "Operation": "Add", "NodeNames": ["n2", "n1"] });
    assert_eq!(hpc.does("PATCH", &nodes, &add, 200), json!(["n1", "n2"]));
    let remove = json!({ "operation": "remove", "nodeNames": ["n1"] });
    assert_eq!(hpc.does("PATCH", &nodes, &remove, 200), json!(["n2"]));
    // A job can ask for it.
    let job = hpc.run("<Job NodeGroups=\"New Group\" NodeGroupOp=\"Uniform\"><Tasks><Task CommandLine=\"echo $CCP_NODES\"/></Tasks></Job>");
    hpc.until(&job, "Finished");
    assert_eq!(
        hpc.property(&format!("{job}/tasks/1"), "Output"),
        "1 n2 1\n"
    );
    let update = json!({ "Name": "Old Group", "Description": "stale" });
    assert_eq!(hpc.does("PUT", place, &update, 200)["Description"], "stale");
    hpc.does("GET", place, &Value::Null, 404);
    let place = "/cluster/nodeGroups/Old%20Group";
    assert_eq!(hpc.get(place)["Description"], "stale");
    assert_eq!(hpc.get(&format!("{place}/nodes")), json!(["n2"]));
    // What is said of groups outlives the daemon.
    hpc.0.signal(rustix::process::Signal::TERM);
    hpc.0.end();
    hpc.0.again(&["--config", "jobyard.toml"]);
    assert_eq!(hpc.get(place)["Description"], "stale");
    hpc.does("DELETE", place, &Value::Null, 204);
    hpc.does("GET", place, &Value::Null, 404);
    assert_eq!(hpc.get("/cluster/nodes/n2")["Groups"], json!([]));
    let nobody = json!({ "Operation": "add", "NodeNames": ["n9"] });
    hpc.does(
        "PATCH",
        "/cluster/nodeGroups/ComputeNodes/nodes",
        &nobody,
        404,
    );
}

#[test]
fn nodes_are_property_pairs_to_clients_of_2016() {
    let hpc = Hpc::with_nodes();
    let list = |query: &str| hpc.ask("GET", &format!("/nodes?{query}"), &Value::Null);
    let all = list("$filter=NodeState+eq+Online&properties=id,name&rowsPerRead=1");
    let rows = all.json();
    assert_eq!(column(&rows, "Name"), ["n1"]);
    assert_eq!(rows[0]["Properties"].as_array().map(Vec::len), Some(2));
    let id = header(&all, "x-ms-continuation-queryId").expect("there is one more");
    let rest = list(&format!("queryId={id}"));
    assert_eq!(column(&rest.json(), "Name"), ["n2"]);
    assert_eq!(header(&rest, "x-ms-continuation-queryId"), None);
    let counted = list("startRow=1&sortNodesBy=NumberOfCores&asc=false");
    assert_eq!(column(&counted.json(), "Name"), ["n2"]);
    assert_eq!(header(&counted, "x-ms-row-count"), Some("2"));
    assert_eq!(
        column(&list("$filter=NodeState+eq+Offline").json(), "Name"),
        Vec::<String>::new()
    );
    let node = hpc.get("/nodes/n1");
    assert_eq!(value(&node, "State").as_deref(), Some("Online"));
    assert_eq!(value(&node, "NumberOfCores").as_deref(), Some("2"));
    hpc.does("GET", "/nodes/n9", &Value::Null, 404);
    assert_eq!(column(&hpc.get("/nodes/groups"), "Name"), ["ComputeNodes"]);
    assert_eq!(hpc.get("/nodes/groups/ComputeNodes"), json!(["n1"]));
}
