//! Any request to each route: an answer that is no fault of the server's, and a fault of HPC Pack's form where it is refused.

use std::sync::LazyLock;

use jobyard::Actor;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::documented::verb;
use super::seen::{Server, operator};
use super::table;
use crate::fuzz::cases::cases;

static SERVER: LazyLock<Server> = LazyLock::new(Server::new);

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]{0,6}",
        2 => ".{0,40}",
        1 => Just("x".repeat(3_000)),
        1 => Just("JobState eq Queued and ChangeTimeFrom eq 2020-01-01".to_string()),
        1 => Just("Id,State,Output".to_string()),
        1 => Just("true".to_string()),
        1 => Just("-1".to_string()),
        1 => Just("18446744073709551615".to_string()),
    ]
}

fn pair() -> impl Strategy<Value = Value> {
    let names = vec![
        "Name",
        "CommandLine",
        "MinCores",
        "UnitType",
        "Priority",
        "Runtime",
        "HoldUntil",
        "NodeGroups",
        "Type",
        "EndValue",
        "IsExclusive",
        "ParentJobIds",
        "Owner",
        "Progress",
        "Colour",
    ];
    (proptest::sample::select(names), text())
        .prop_map(|(name, value)| json!({ "Name": name, "Value": value }))
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::collection::vec(pair(), 0..4).prop_map(|pairs| json!(pairs).to_string()),
        2 => text().prop_map(|text| json!(text).to_string()),
        1 => text(),
        2 => Just(String::new()),
        1 => Just(json!("<Job><Tasks><Task CommandLine='true'/></Tasks></Job>").to_string()),
    ]
}

/// Any bytes, written so that they are part of an address.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A verb and a path with its query, of one of the routes.
fn line() -> impl Strategy<Value = String> {
    let part = prop_oneof![6 => (0..5_u32).prop_map(|id| id.to_string()), 1 => text()];
    let parts = proptest::collection::vec(part, 3);
    let values = proptest::collection::vec(proptest::option::weighted(0.3, text()), 9);
    (0..table().len(), parts, values).prop_map(|(at, parts, values)| {
        let table = table();
        let route = &table[at];
        let mut parts = parts.iter().map(|part| match part.is_empty() {
            true => "x".to_string(),
            false => escaped(part),
        });
        let filled = route
            .path
            .split('/')
            .map(|piece| match piece.starts_with('{') {
                true => parts.next().unwrap_or_default(),
                false => piece.to_string(),
            });
        let path: Vec<String> = filled.collect();
        let pairs = route.takes.iter().zip(values);
        let query = pairs.filter_map(|(name, value)| Some(format!("{name}={}", escaped(&value?))));
        let query: Vec<String> = query.collect();
        format!(
            "{} {}?{}",
            verb(route.verb),
            path.join("/"),
            query.join("&")
        )
    })
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_request(requests in proptest::collection::vec((line(), body(), any::<bool>()), 1..4)) {
        for (line, body, operates) in &requests {
            let by = if *operates { operator() } else { Actor::user("ann") };
            let (status, answer) = SERVER.ask(&by, line, body);
            // What HPC Pack has and jobyard has not is said to be so.
            prop_assert!(status < 500 || status == 501, "{line} {body}: {status} {answer}");
            if status >= 400 {
                let code = answer["Values"][0]["Value"].as_str();
                prop_assert!(code.is_some_and(|code| !code.is_empty()), "{line}: {status} {answer}");
                prop_assert!(answer["Message"].is_string(), "{line}: {answer}");
            }
        }
    }
}
