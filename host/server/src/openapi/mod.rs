//! `GET /api/v1/openapi.json`: the interface in OpenAPI 3.1, for generators of clients and for tests.
//!
//! What a request or an answer looks like comes from its type (`utoipa`); which operations there are, and with which codes they may be
//! refused, stands in the tables here, one file for some resources. That these are the routes that there are is tested below; that answers are as they say,
//! against a real daemon by `tests/openapi/run.sh`.

mod cluster;
mod job_file;
mod jobs;
mod operation;
mod page;
mod people;

use std::sync::LazyLock;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::app::App;
use crate::events::Happened;
use operation::{Operation, Schemas};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/openapi.json", get(answer))
}

async fn answer() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// All of them, resource by resource.
fn all() -> [Vec<Operation>; 4] {
    [
        jobs::operations(),
        cluster::operations(),
        page::operations(),
        people::operations(),
    ]
}

/// The interface in OpenAPI 3.1.
pub fn document() -> Value {
    let operations = all();
    let mut schemas: Schemas = vec![(Happened::name().into(), Happened::schema())];
    let mut paths = Map::new();
    for mut operation in operations.into_iter().flatten() {
        let value = operation.value();
        schemas.append(&mut operation.schemas);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = value;
    }
    let schemas = schemas
        .into_iter()
        .map(|(name, schema)| (name, json!(schema)));
    let schemas: Map<String, Value> = schemas.collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "jobyard",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }, { "basic": [] }, { "cookie": [] }],
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": {
            "basic": { "type": "http", "scheme": "basic" },
            "bearer": { "type": "http", "scheme": "bearer" },
            "cookie": { "type": "apiKey", "in": "cookie", "name": "__Host-jobyard" },
        } },
    })
}

const DESCRIPTION: &str = "\
A job scheduler. Times are RFC 3339 in UTC. Whatever is not carried out is answered with a problem (RFC 9457) whose `code` does not change \
from version to version. Unknown keys, in a query or a body, are refused. On the daemon's own socket nothing needs to be shown: the system says who asks. \
Administrators may ask for another user, with that user's roles, by the header `x-ms-as-user`. \
A POST that takes an `Idempotency-Key` may be sent again with it: it is carried out once, and answered as the first time, also after a crash; the \
answer is kept for a day.";

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use axum::body::Body;
    use axum::http::{Request, header};
    use jobyard::Actor;
    use tower_service::Service;

    use super::*;
    use crate::caller::Caller;
    use crate::fuzz::server;

    fn described() -> BTreeMap<String, BTreeSet<String>> {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let methods = |value: &Value| value.as_object().unwrap().keys().cloned().collect();
        let paths = paths
            .iter()
            .map(|(path, value)| (path.clone(), methods(value)));
        paths.collect()
    }

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let (runtime, router) = server();
        // A router is printed with its paths.
        let printed = format!("{router:?}");
        let routed = printed.split('"').filter(|text| text.starts_with('/'));
        // What is nowhere has a place too; the page is no part of the interface, and HPC Pack's has a table of its own.
        let is_one = |path: &&str| {
            let others = ["/assets/", "/hpc"];
            *path != "/"
                && !path.contains("{*")
                && !others.iter().any(|other| path.starts_with(other))
        };
        let routed: BTreeSet<&str> = routed.filter(is_one).collect();
        let described = described();
        let paths: BTreeSet<&str> = described.keys().map(String::as_str).collect();
        assert_eq!(routed, paths);

        for (path, methods) in &described {
            let part = |part| match str::starts_with(part, "{") {
                true => "1",
                false => part,
            };
            let at: Vec<&str> = path.split('/').map(part).collect();
            let request = Request::builder().method("BREW").uri(at.join("/"));
            let request = request.extension(Caller(Actor::administrator("root")));
            let request = request.body(Body::empty()).unwrap();
            let answer = runtime.block_on(router.clone().call(request)).unwrap();
            assert_eq!(answer.status(), 405, "{path}");
            let allowed = answer.headers()[header::ALLOW]
                .to_str()
                .unwrap()
                .to_lowercase();
            let allowed = allowed.split(',').map(str::trim).map(String::from);
            let allowed: BTreeSet<String> = allowed.filter(|method| method != "head").collect();
            assert_eq!(&allowed, methods, "{path}");
        }
    }

    #[test]
    fn a_name_is_that_of_one_schema_and_each_that_is_referred_to_is_there() {
        let operations = all();
        let mut known: BTreeMap<String, Value> = BTreeMap::new();
        for mut operation in operations.into_iter().flatten() {
            operation.value();
            for (name, schema) in operation.schemas {
                let schema = json!(schema);
                let before = known.insert(name.clone(), schema.clone());
                assert!(before.is_none_or(|before| before == schema), "{name}");
            }
        }
        let text = document().to_string();
        for rest in text.split("#/components/schemas/").skip(1) {
            let name = rest.split('"').next().unwrap_or_default();
            assert!(known.contains_key(name) || name == "Happened", "{name}");
        }
    }
}
