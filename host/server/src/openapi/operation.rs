//! One operation of the document, put together by the tables in `jobs.rs`, `cluster.rs` and `people.rs`.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

use crate::Problem;

/// Schemas by name, as they are come across.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

const PROBLEM: &str = "application/problem+json";

/// What can be asked at a path with a method, and what is answered.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    tag: &'static str,
    summary: &'static str,
    security: bool,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
    /// By status.
    problems: Vec<(StatusCode, Vec<&'static str>)>,
    pub(super) schemas: Schemas,
}

impl Operation {
    /// An operation for those who show who they are; its path parameters are known by their names.
    pub(super) fn new(
        tag: &'static str,
        method: &'static str,
        path: &'static str,
        summary: &'static str,
    ) -> Operation {
        let operation = Operation::open(tag, method, path, summary)
            .problem(400, &["BadHeader", "BadQuery"])
            .problem(401, &["NotAuthenticated"])
            .problem(403, &["PermissionDenied"])
            .problem(429, &["TooManyRequests"])
            .problem(500, &["Failed"])
            .problem(503, &["JournalFailed", "Stopped"]);
        let operation = Operation {
            security: true,
            ..operation
        };
        match method {
            "get" => operation,
            _ => operation.problem(403, &["OtherSite", "ReadOnlyToken"]),
        }
    }

    /// An operation for everybody who can connect.
    pub(super) fn open(
        tag: &'static str,
        method: &'static str,
        path: &'static str,
        summary: &'static str,
    ) -> Operation {
        let mut operation = Operation {
            method,
            path,
            tag,
            summary,
            security: false,
            parameters: Vec::new(),
            body: None,
            responses: Map::new(),
            problems: Vec::new(),
            schemas: Vec::new(),
        };
        let names = path
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'));
        for (name, _) in names {
            operation = match name {
                "name" => operation.problem(400, &["BadPath"]),
                _ => operation.problem(400, &["BadId", "BadPath"]),
            };
            operation.parameters.push(path_parameter(name));
        }
        operation
    }

    fn schema<T: ToSchema>(&mut self) -> Value {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into(), T::schema()));
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }

    pub(super) fn parameter(mut self, parameter: Value) -> Operation {
        self.parameters.push(parameter);
        self
    }

    /// What may stand in its query; anything else is 400 `BadQuery`.
    pub(super) fn query<Q: IntoParams>(mut self) -> Operation {
        let parameters = Q::into_params(|| None);
        let parameters = parameters.into_iter().map(|parameter| json!(parameter));
        self.parameters.extend(parameters);
        self
    }

    /// A body of JSON; without one it is what it is with `{}`.
    pub(super) fn body<T: ToSchema>(mut self) -> Operation {
        let schema = self.schema::<T>();
        self.body = Some(json!({ "content": { "application/json": { "schema": schema } } }));
        self.reads(&["BadJson"])
    }

    /// A job file, or the part of one, in any of its languages.
    pub(super) fn job_file(mut self, json: Value) -> Operation {
        let text = |what: &str| json!({ "schema": { "type": "string", "description": what } });
        self.body = Some(json!({ "required": true, "content": {
            "application/json": { "schema": json },
            "application/toml": text("the same keys in TOML"),
            "application/xml": text("a job file of HPC Pack, in its namespace"),
        } }));
        self.reads(&[]).problem(422, &["BadJobFile"])
    }

    /// Changes of a job or a task: keys of a job file in JSON.
    pub(super) fn changes(mut self, json: Value) -> Operation {
        let content = json!({ "application/json": { "schema": json } });
        self.body = Some(json!({ "required": true, "content": content }));
        self.reads(&[]).problem(422, &["BadJobFile"])
    }

    fn reads(self, codes: &[&'static str]) -> Operation {
        self.problem(400, &["BadBody"])
            .problem(400, codes)
            .problem(408, &["BodyTooSlow"])
            .problem(413, &["BodyTooLarge"])
            .problem(415, &["UnsupportedMediaType"])
    }

    /// It takes an `Idempotency-Key`.
    pub(super) fn keyed(self) -> Operation {
        self.parameter(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "What the client calls this request, which it may send again: the same with the same key is carried out once.",
            "schema": { "type": "string", "pattern": "^[!-~]{1,255}$", "maxLength": 255 },
        }))
        .problem(400, &["BadBody"])
        .problem(408, &["BodyTooSlow"])
        .problem(413, &["BodyTooLarge"])
        .problem(422, &["IdempotencyKeyReused"])
    }

    /// It is answered with JSON.
    pub(super) fn answers<T: ToSchema>(mut self, status: u16) -> Operation {
        let schema = self.schema::<T>();
        let content = json!({ "application/json": { "schema": schema } });
        self.answer(status, json!({ "content": content }))
    }

    /// It is answered with a body of another kind.
    pub(super) fn answers_with(self, status: u16, types: &[&str], schema: Value) -> Operation {
        let content = types
            .iter()
            .map(|&kind| (kind.to_string(), json!({ "schema": schema })));
        let content: Map<String, Value> = content.collect();
        self.answer(status, json!({ "content": content }))
    }

    /// It is answered without a body.
    pub(super) fn answers_nothing(self) -> Operation {
        self.answer(204, json!({}))
    }

    /// The answer has one more header.
    pub(super) fn header(mut self, status: u16, name: &str, description: &str) -> Operation {
        let header = json!({ "description": description, "schema": { "type": "string" } });
        self.responses[&status.to_string()]["headers"][name] = header;
        self
    }

    fn answer(mut self, status: u16, mut response: Value) -> Operation {
        let reason = StatusCode::from_u16(status).ok();
        let reason = reason.and_then(|status| status.canonical_reason());
        response["description"] = reason.unwrap_or_default().into();
        self.responses.insert(status.to_string(), response);
        self
    }

    /// It may be refused so, with one of these codes.
    pub(super) fn problem(mut self, status: u16, codes: &[&'static str]) -> Operation {
        if codes.is_empty() {
            return self;
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let known = self.problems.iter_mut().find(|(known, _)| *known == status);
        match known {
            Some((_, known)) => known.extend(codes),
            None => self.problems.push((status, codes.to_vec())),
        }
        self
    }

    /// As the document has it.
    pub(super) fn value(&mut self) -> Value {
        let problem = self.schema::<Problem>();
        for (status, codes) in &mut self.problems {
            codes.sort_unstable();
            codes.dedup();
            let properties =
                json!({ "code": { "enum": codes }, "status": { "const": status.as_u16() } });
            let schema =
                json!({ "allOf": [problem, { "type": "object", "properties": properties }] });
            let mut response = json!({
                "description": format!("{}: {}", status.canonical_reason().unwrap_or_default(), codes.join(", ")),
                "content": { PROBLEM: { "schema": schema } },
            });
            let header =
                |what: &str| json!({ "description": what, "schema": { "type": "string" } });
            if *status == StatusCode::UNAUTHORIZED {
                response["headers"]["WWW-Authenticate"] = header("What can be shown.");
            }
            if *status == StatusCode::TOO_MANY_REQUESTS {
                response["headers"]["Retry-After"] = header("Seconds to wait.");
            }
            self.responses.insert(status.as_u16().to_string(), response);
        }
        let mut value = json!({
            "tags": [self.tag],
            "summary": self.summary,
            "operationId": operation_id(self.method, self.path),
            "parameters": self.parameters,
            "responses": self.responses,
        });
        if let Some(body) = &self.body {
            value["requestBody"] = body.clone();
        }
        if !self.security {
            value["security"] = json!([]);
        }
        value
    }
}

/// `post_jobs_id_submit`.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/api/v1");
    let words = path
        .split(['/', '{', '}', '.'])
        .filter(|word| !word.is_empty());
    words.fold(method.to_string(), |id, word| id + "_" + word)
}

fn path_parameter(name: &str) -> Value {
    let (description, schema) = match name {
        "id" => (
            "The job.",
            json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        ),
        "task" => (
            "The task, from 1.",
            json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        ),
        "token" => (
            "The token's number.",
            json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX }),
        ),
        _ => ("The name.", json!({ "type": "string", "minLength": 1 })),
    };
    json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
}
