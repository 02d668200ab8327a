//! Who sees what through `/hpc`: through the router, as users who are not the owner.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use jobyard::{Actor, Engine, JobSpec, Role, Roles, TaskSpec};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tower_service::Service;

use crate::app::{App, routes};
use crate::caller::Caller;

/// An engine without a node, with a job of ann's. Each test that changes something has one of its own.
pub(super) struct Server(Runtime, Router);

impl Server {
    pub(super) fn new() -> Server {
        let runtime = Runtime::new().expect("a runtime");
        let engine = runtime.block_on(async {
            let engine = Engine::builder().build().await.expect("an engine");
            let spec = JobSpec {
                name: "mine".into(),
                email: "ann@example.org".into(),
                custom_properties: vec![("secret".into(), "x".into())],
                ..JobSpec::default()
            };
            let task = TaskSpec {
                command_line: "echo secret".into(),
                ..TaskSpec::default()
            };
            let job = engine.add_job(&Actor::user("ann"), spec, vec![task]).await;
            job.expect("a job");
            engine
        });
        let (_, stopping) = watch::channel(true);
        let app = App {
            engine,
            folder: std::path::Path::new("nowhere").into(),
            local_nodes: [].into(),
            stopping,
            gate: crate::auth::gate_of_nobody(),
        };
        Server(runtime, routes(app))
    }

    pub(super) fn ask(&self, by: &Actor, line: &str, body: &str) -> (u16, Value) {
        let (verb, path) = line.split_once(' ').expect("a verb and a path");
        let request = Request::builder()
            .method(verb)
            .uri(format!("/hpc{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .extension(Caller(by.clone()))
            .body(Body::from(body.to_string()));
        let Server(runtime, router) = self;
        runtime.block_on(async {
            let answer = router.clone().call(request.expect("a request")).await;
            let answer = answer.unwrap_or_else(|never| match never {});
            let status = answer.status().as_u16();
            let body = answer
                .into_body()
                .collect()
                .await
                .expect("an answer has an end");
            let json = serde_json::from_slice(&body.to_bytes());
            (status, json.unwrap_or_default())
        })
    }
}

/// Of the server of these tests, on which nothing changes.
fn ask(by: &Actor, line: &str, body: &str) -> (u16, Value) {
    static SERVER: LazyLock<Server> = LazyLock::new(Server::new);
    SERVER.ask(by, line, body)
}

pub(super) fn operator() -> Actor {
    let operates = Roles::from(Role::User).with(Role::JobOperator);
    Actor::new("olga", operates)
}

#[test]
fn others_see_of_a_job_what_a_list_shows_and_no_more() {
    let (ann, bob) = (Actor::user("ann"), Actor::user("bob"));
    let line = "GET /jobs/1?properties=Name,Owner,State,EmailAddress,NodeGroups";
    for (who, email) in [
        (&ann, "ann@example.org"),
        (&operator(), "ann@example.org"),
        (&bob, ""),
    ] {
        let (status, job) = ask(who, line, "");
        assert_eq!(status, 200);
        let values: Vec<_> = (0..4).map(|at| job[at]["Value"].as_str()).collect();
        assert_eq!(
            values,
            [Some("mine"), Some("ann"), Some("Configuring"), Some(email)],
            "{}",
            who.name
        );
    }
    let (_, listed) = ask(&bob, "GET /jobs?properties=Id,EmailAddress", "");
    assert_eq!(listed[0]["Properties"][1]["Value"], "");
    for path in [
        "tasks",
        "tasks/1",
        "tasks/1/envVariables",
        "tasks/1/customProperties",
        "envVariables",
        "customProperties",
    ] {
        let line = format!("GET /jobs/1/{path}");
        let (status, fault) = ask(&bob, &line, "");
        assert_eq!(status, 403, "{line}: {fault}");
        assert_eq!(fault["Code"], 0x8004_020B_u32.cast_signed());
        assert_eq!(ask(&ann, &line, "").0, 200, "{line}");
        assert_eq!(ask(&operator(), &line, "").0, 200, "{line}");
    }
}

#[test]
fn what_only_some_may_do_is_refused_to_others() {
    let bob = Actor::user("bob");
    for (line, body) in [
        ("PUT /jobs/1", r#"[{"Name": "Name", "Value": "bobs"}]"#),
        ("POST /jobs/1/submit", ""),
        ("POST /jobs/1/cancel", ""),
        (
            "POST /jobs/1/tasks",
            r#"[{"Name": "CommandLine", "Value": "true"}]"#,
        ),
        ("POST /jobs", r#"[{"Name": "Owner", "Value": "ann"}]"#),
        (
            "POST /jobs/1/customProperties",
            r#"[{"Name": "a", "Value": "b"}]"#,
        ),
        (
            "PUT /jobs/1/tasks/1",
            r#"[{"Name": "Name", "Value": "bobs"}]"#,
        ),
        ("POST /cluster/nodeGroups", r#"{"Name": "x"}"#),
        ("DELETE /cluster/nodeGroups/x", ""),
        ("POST /cluster/nodes/n1/operations/reboot", ""),
        ("GET /cluster/operations", ""),
    ] {
        let (status, fault) = ask(&bob, line, body);
        assert_eq!(status, 403, "{line}: {fault}");
        assert_eq!(
            fault["Code"],
            0x8004_020B_u32.cast_signed(),
            "{line}: {fault}"
        );
    }
}
