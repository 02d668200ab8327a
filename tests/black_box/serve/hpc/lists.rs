//! Lists of jobs: filtered, sorted, some rows at a time.

use serde_json::Value;

use super::{Hpc, column, header, pairs};

/// Fifty jobs: every fifth is named `n0`, and so on; priorities go down; the last ten are canceled.
fn fifty() -> Hpc {
    let hpc = Hpc::start();
    for n in 1..=50 {
        let name = format!("n{}", n % 5);
        let priority = (4_000 - n * 10).to_string();
        let job = pairs(&[("Name", &name), ("ExpandedPriority", &priority)]);
        assert_eq!(hpc.post("/jobs", &job, 200), n);
    }
    for n in 41..=50 {
        hpc.post(&format!("/jobs/{n}/cancel"), &Value::Null, 204);
    }
    hpc
}

fn ids(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|n| n.to_string()).collect()
}

#[test]
fn jobs_are_read_some_rows_at_a_time() {
    let hpc = fifty();
    // Ten rows, with these properties, by id, unless the query says otherwise.
    let first = hpc.get("/jobs");
    assert_eq!(column(&first, "Id"), ids(1..=10));
    let names = first[0]["Properties"]
        .as_array()
        .expect("properties")
        .iter();
    let names: Vec<_> = names.filter_map(|pair| pair["Name"].as_str()).collect();
    assert_eq!(names, ["Id", "Owner", "Name", "State", "Priority"]);
    for (query, expected) in [
        ("startRow=0&rowsPerRead=3", ids(1..=3)),
        ("StartRow=48&RowsPerRead=5", ids(49..=50)),
        ("startRow=50", vec![]),
        ("startRow=0&rowsPerRead=3&asc=False", ids([50, 49, 48])),
        ("startRow=7&rowsPerRead=0", ids([8])),
    ] {
        let answer = hpc.ask("GET", &format!("/jobs?{query}"), &Value::Null);
        assert_eq!(column(&answer.json(), "Id"), expected, "{query}");
        assert_eq!(header(&answer, "x-ms-row-count"), Some("50"), "{query}");
        assert_eq!(
            header(&answer, "x-ms-continuation-queryId"),
            None,
            "{query}"
        );
    }
}

#[test]
fn a_continuation_goes_through_all_of_a_list_and_forgets_nothing() {
    let hpc = fifty();
    let mut seen = Vec::new();
    let mut path = "/jobs?rowsPerRead=7&properties=Id,Name&$filter=JobState%20eq%20Configuring&sortJobsBy=name&asc=false".to_string();
    loop {
        let answer = hpc.ask("GET", &path, &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(header(&answer, "x-ms-row-count"), None);
        let rows = answer.json();
        assert!(column(&rows, "Id").len() <= 7);
        seen.extend(column(&rows, "Name").into_iter().zip(column(&rows, "Id")));
        match header(&answer, "x-ms-continuation-queryId") {
            // The id says what was asked; a client may repeat it or not.
            Some(id) => path = format!("/jobs?queryId={id}&rowsPerRead=7"),
            None => break,
        }
        // One that was listed goes, and others come.
        if seen.len() == 7 {
            hpc.post("/jobs/39/cancel", &Value::Null, 204);
            hpc.post("/jobs", &pairs(&[("Name", "n9")]), 200);
        }
    }
    let mut expected: Vec<(String, u32)> = (1..=40).map(|n| (format!("n{}", n % 5), n)).collect();
    expected.sort_by(|a, b| b.cmp(a));
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(name, n)| (name, n.to_string()))
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn jobs_are_chosen_by_filter_and_owner_and_sorted_by_any_property() {
    let hpc = fifty();
    let owner = hpc.property("/jobs/1", "Owner");
    hpc.does(
        "PUT",
        "/jobs/3",
        &pairs(&[("NodeGroups", "New Group,x")]),
        204,
    );
    let all = "rowsPerRead=100&properties=id";
    let tomorrow = "ChangeTimeFrom%20eq%202100-01-01";
    let today = "changetimefrom+eq+1/1/2020%2010:00:00%20PM";
    for (query, expected) in [
        ("$filter=JobState+eq+Canceled".to_string(), ids(41..=50)),
        (
            "$filter=jobstate%20EQ%20configuring,CANCELED".into(),
            ids(1..=50),
        ),
        (
            "$FILTER=JobState+eq+512+and+JobState+eq+Canceled".into(),
            ids(41..=50),
        ),
        (format!("$filter={tomorrow}"), vec![]),
        (
            format!("$filter={today}%20and%20JobState+eq+Canceled"),
            ids(41..=50),
        ),
        ("$filter=NodeGroup+eq+New+Group".into(), ids([3])),
        (format!("owner={}", owner.to_uppercase()), ids(1..=50)),
        ("owner=nobody-else".into(), vec![]),
        ("sortJobsBy=ExpandedPriority".into(), ids((1..=50).rev())),
        ("sortJobsBy=expandedpriority&asc=false".into(), ids(1..=50)),
        // One that is no property: by id.
        ("sortJobsBy=Colour".into(), ids(1..=50)),
    ] {
        assert_eq!(
            column(&hpc.get(&format!("/jobs?{all}&{query}")), "Id"),
            expected,
            "{query}"
        );
    }
    let by_state = hpc.get("/jobs?rowsPerRead=100&properties=State,Id&sortJobsBy=State");
    assert_eq!(
        column(&by_state, "State")[39..41],
        ["Configuring", "Canceled"]
    );
}

#[test]
fn jobs_are_listed_by_the_nodes_that_they_run_on() {
    let hpc = Hpc::with_nodes();
    let on = |node: &str| hpc.run(&hpc.waiting(&format!("RequestedNodes=\"{node}\"")));
    let (first, second) = (on("n1"), on("n2"));
    hpc.until(&first, "Running");
    hpc.until(&second, "Running");
    let on_n2 = hpc.get("/jobs?nodeNames=n2,none&rowsPerRead=1&$filter=nonsense");
    assert_eq!(column(&on_n2, "Id"), ["2"]);
    assert_eq!(column(&on_n2, "AllocatedNodes"), ["n2"]);
    assert_eq!(column(&hpc.get("/jobs?nodeNames=n1,n2"), "Id"), ["1", "2"]);
    let of_job = hpc.get("/cluster/nodes?jobs=2,77");
    assert_eq!(of_job.as_array().map(Vec::len), Some(1));
    assert_eq!(of_job[0]["Name"], "n2");
    hpc.0.place.file("go", "");
    hpc.until(&first, "Finished");
    hpc.until(&second, "Finished");
}
