//! Any request to each route, through the router as connections get it: an answer that is no fault of the server's.

use std::net::Ipv4Addr;
use std::sync::{LazyLock, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use jobyard::{Actor, Engine};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tower_service::Service;

use crate::app::{App, routes};
use crate::auth::{From, Shown};
use crate::caller::Caller;
use crate::openapi::document;
use cases::cases;

#[path = "../../../tests/fuzz.rs"]
pub(crate) mod cases;

/// An engine without a node: nothing that is asked for here may run. Whoever waits is answered at once.
pub(crate) fn server() -> &'static (Runtime, Router) {
    static SERVER: OnceLock<(Runtime, Router)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let runtime = Runtime::new().expect("a runtime");
        // It is there as long as the server, which is as long as the tests.
        let folder = tempfile::tempdir().expect("a folder").keep();
        let engine = runtime.block_on(Engine::builder().data(&folder).build());
        let (_, stopping) = watch::channel(true);
        let app = App {
            engine: engine.expect("an engine"),
            folder: folder.into(),
            local_nodes: ["n1".to_string()].into(),
            stopping,
            gate: crate::auth::gate_of_nobody(),
        };
        (runtime, routes(app))
    })
}

async fn ask(mut router: Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    let answer = router.call(request).await;
    let answer = answer.unwrap_or_else(|never| match never {});
    let status = answer.status();
    let body = answer.into_body().collect().await;
    (
        status,
        body.expect("an answer has an end").to_bytes().into(),
    )
}

/// Sends it as an administrator or a user, and looks at the answer.
fn check(request: &Asked) -> Result<(), TestCaseError> {
    let by = match request.administrator {
        true => Actor::administrator("root"),
        false => Actor::user("ann"),
    };
    let built = Request::builder()
        .method(request.method.clone())
        .uri(&request.uri)
        .header(header::CONTENT_TYPE, request.media_type)
        .extension(Caller(by))
        .extension(From(Ipv4Addr::LOCALHOST.into()))
        .extension(Shown::default())
        .body(Body::from(request.body.clone()));
    // What is no request at all does not come as far as the router.
    let Ok(built) = built else { return Ok(()) };
    let (runtime, router) = server();
    let (status, body) = runtime.block_on(ask(router.clone(), built));
    let text = String::from_utf8_lossy(&body);
    if status.is_client_error() || status.is_server_error() {
        let problem: Result<Value, _> = serde_json::from_slice(&body);
        let problem = problem.map_err(|error| TestCaseError::fail(format!("{status}: {error}")))?;
        let code = problem.get("code").and_then(Value::as_str);
        // What takes long is not begun by a daemon that is about to stop, as this one is; nothing else is to say so.
        let path = request.uri.split('?').next().unwrap_or_default();
        let takes_long = path.ends_with("/check") || path.ends_with("/verify");
        let is_stopping = takes_long && status == StatusCode::SERVICE_UNAVAILABLE;
        prop_assert!(
            !status.is_server_error() || (is_stopping && code == Some("Stopped")),
            "{}: {}",
            status,
            text
        );
        prop_assert!(
            code.is_some_and(|code| !code.is_empty()),
            "{}: {}",
            status,
            problem
        );
    }
    Ok(())
}

/// A request.
#[derive(Debug, Clone)]
struct Asked {
    method: Method,
    uri: String,
    media_type: &'static str,
    body: Vec<u8>,
    administrator: bool,
}

/// A method and a path below `/api/v1`, in which `#` is an id or a name.
type Route = (Method, String);

/// Every operation that is described, and a path that is none. Adding jobs comes more often, so that there are some to ask about.
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let document = document();
    let mut routes = vec![(Method::GET, "#".to_string())];
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        let Some(path) = path.strip_prefix("/api/v1/") else {
            continue;
        };
        let part = |part: &str| match part.starts_with('{') {
            true => "#".to_string(),
            false => part.to_string(),
        };
        let parts: Vec<String> = path.split('/').map(part).collect();
        for method in methods.as_object().into_iter().flatten().map(|(m, _)| m) {
            let method = Method::from_bytes(method.to_uppercase().as_bytes());
            routes.push((method.expect("a method"), parts.join("/")));
        }
    }
    let add = (Method::POST, "jobs".to_string());
    assert!(routes.contains(&add), "{routes:?}");
    routes.extend([add.clone(), add]);
    routes
});

/// Names that bodies and queries have, and one that none has.
const KEYS: &[&str] = &[
    "jobs",
    "message",
    "forced",
    "graceful",
    "until",
    "seconds",
    "value",
    "submit",
    "after",
    "limit",
    "owner",
    "state",
    "status",
    "name",
    "file",
    "instance",
    "attempt",
    "stream",
    "follow",
    "folder",
    "task",
    "command",
    "cores",
    "priority",
    "environment",
    "offset",
    "policies",
    "from",
    "colour",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]{0,6}",
        1 => ".{0,40}",
        1 => Just("x".repeat(2_000)),
        1 => Just("../../etc/passwd".to_string()),
        1 => Just("TaskRetryCount".to_string()),
        1 => Just("2031-05-04T20:30:00Z".to_string()),
        1 => Just("+999999999-01-01T00:00:00Z".to_string()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..20u32).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            object(inner),
        ]
    })
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let key = proptest::sample::select(KEYS).prop_map(String::from);
    let entries = proptest::collection::vec((key, value), 0..5);
    entries.prop_map(|entries| Value::Object(Map::from_iter(entries)))
}

/// A job that could be, so that there are some to ask about.
fn job() -> impl Strategy<Value = Value> {
    ("[a-z]{0,5}", 0..5_000u32, "[a-z ]{1,9}", any::<bool>()).prop_map(
        |(name, priority, command, open)| {
            let task = json!([{ "command": command }, { "command": command, "sweep": "1-9" }]);
            json!({ "name": name, "priority": priority, "run_until_canceled": open, "cores": 1, "task": task })
        },
    )
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => object(value()).prop_map(|value| value.to_string().into_bytes()),
        2 => job().prop_map(|value| value.to_string().into_bytes()),
        1 => value().prop_map(|value| value.to_string().into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..200),
        2 => Just(Vec::new()),
    ]
}

/// Any bytes, written so that they are part of an address.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// An address in the place of `route`.
fn uri(route: String) -> impl Strategy<Value = String> {
    let name = prop_oneof![
        6 => (0..12u32).prop_map(|id| id.to_string()),
        2 => text().prop_map(|text| escaped(&text)),
        1 => any::<u64>().prop_map(|id| id.to_string()),
        1 => Just("%FF%FE".to_string()),
        1 => Just("-1".to_string()),
    ];
    let pair = (proptest::sample::select(KEYS), text());
    let query = prop_oneof![3 => Just(Vec::new()), 1 => proptest::collection::vec(pair, 0..3)];
    let names = proptest::collection::vec(name, 2);
    (names, query).prop_map(move |(names, query)| {
        let fill = |path: String, name: &String| path.replacen('#', name, 1);
        let path = names.iter().fold(route.clone(), fill);
        let query = query
            .iter()
            .map(|(key, text)| format!("{key}={}", escaped(text)));
        let query: Vec<String> = query.collect();
        format!("/api/v1/{path}?{}", query.join("&"))
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let methods = vec![
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
    ];
    let other = proptest::option::weighted(0.1, proptest::sample::select(methods));
    let media_type = prop_oneof![
        8 => Just("application/json"),
        1 => proptest::sample::select(vec!["application/toml", "application/xml", "text/plain", ""]),
    ];
    let route = proptest::sample::select(ROUTES.as_slice());
    let route = route.prop_flat_map(|(method, route)| (Just(method), uri(route)));
    (route, other, media_type, body(), any::<bool>()).prop_map(
        |((method, uri), other, media_type, body, administrator)| Asked {
            method: other.unwrap_or(method),
            uri,
            media_type,
            body,
            administrator,
        },
    )
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_request(requests in proptest::collection::vec(asked(), 1..4)) {
        for request in &requests {
            check(request)?;
        }
    }
}
