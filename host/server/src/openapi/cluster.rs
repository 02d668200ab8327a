//! Nodes, parameters, environment, templates, policies, filters, plugins, and what a watch over the daemon asks for.

use jobyard::conform::Report;
use jobyard::filter_log::FilterInFull;
use jobyard::plugins::{PluginView, SettingsCheck};
use jobyard::policies::{PolicyList, PolicyView, VerifyReport};
use jobyard::shadow::ShadowReport;
use serde_json::json;

use super::operation::Operation;
use crate::environment::Environment;
use crate::filters::FilterList;
use crate::nodes::{GroupList, NewGroups, NodeList, NodeView};
use crate::parameters::{NewValue, ParameterList, ParameterView};
use crate::plugins::{PluginList, PluginQuery, TrySettings};
use crate::policies::{Activate, Canary, NewPolicy, RollBack, Trial};
use crate::proof::{CheckPolicy, VerifyPasses};
use crate::templates::{TemplateList, TemplateView};

pub(super) fn operations() -> Vec<Operation> {
    let parts = [
        nodes(),
        settings(),
        templates(),
        policies(),
        seats(),
        filters(),
        plugins(),
        health(),
    ];
    parts.into_iter().flatten().collect()
}

/// For administrators.
fn administers(operation: Operation) -> Operation {
    operation.problem(403, &["ForAdministrators"])
}

fn nodes() -> Vec<Operation> {
    let node = |method, path, summary| Operation::new("nodes", method, path, summary);
    let mut all = vec![
        node("get", "/api/v1/nodes", "All nodes").answers::<NodeList>(200),
        node("get", "/api/v1/nodes/{name}", "A node")
            .answers::<NodeView>(200)
            .problem(404, &["UnknownNode"]),
        administers(node(
            "put",
            "/api/v1/nodes/{name}/groups",
            "The groups that a node is in",
        ))
        .body::<NewGroups>()
        .answers::<NodeView>(200)
        .problem(404, &["UnknownNode"])
        .problem(422, &["Invalid"]),
        node(
            "get",
            "/api/v1/node-groups",
            "The groups of nodes, with their nodes",
        )
        .answers::<GroupList>(200),
    ];
    let verbs = [
        ("/api/v1/nodes/{name}/online", "A node takes jobs again"),
        (
            "/api/v1/nodes/{name}/drain",
            "A node takes no new jobs; those that have it keep it",
        ),
        (
            "/api/v1/nodes/{name}/offline",
            "A node leaves its jobs too, when what runs on it has ended",
        ),
    ];
    all.extend(verbs.map(|(path, summary)| {
        administers(node("post", path, summary))
            .answers::<NodeView>(200)
            .problem(404, &["UnknownNode"])
    }));
    all
}

fn settings() -> Vec<Operation> {
    let parameter = |method, path, summary| {
        Operation::new("parameters", method, path, summary).problem(404, &["UnknownParameter"])
    };
    let variable = |method, path, summary| {
        let operation = Operation::new("environment", method, path, summary);
        administers(operation).problem(422, &["Invalid", "InvalidParameter"])
    };
    vec![
        Operation::new(
            "parameters",
            "get",
            "/api/v1/parameters",
            "The cluster's parameters",
        )
        .answers::<ParameterList>(200),
        parameter(
            "get",
            "/api/v1/parameters/{name}",
            "A parameter, by name in any case",
        )
        .answers::<ParameterView>(200),
        administers(parameter(
            "put",
            "/api/v1/parameters/{name}",
            "Sets a parameter",
        ))
        .body::<NewValue>()
        .answers::<ParameterView>(200)
        .problem(422, &["Invalid", "InvalidParameter"]),
        administers(parameter(
            "delete",
            "/api/v1/parameters/{name}",
            "Sets a parameter to its default",
        ))
        .answers::<ParameterView>(200)
        .problem(422, &["Invalid", "InvalidParameter"]),
        Operation::new(
            "environment",
            "get",
            "/api/v1/environment",
            "The cluster's environment, which every task gets",
        )
        .answers::<Environment>(200),
        variable("put", "/api/v1/environment/{name}", "Sets a variable")
            .body::<NewValue>()
            .answers::<Environment>(200),
        variable(
            "delete",
            "/api/v1/environment/{name}",
            "A variable is not set any more",
        )
        .answers::<Environment>(200),
    ]
}

fn templates() -> Vec<Operation> {
    let template = |method, path, summary| Operation::new("templates", method, path, summary);
    vec![
        template("get", "/api/v1/templates", "Job templates").answers::<TemplateList>(200),
        template(
            "get",
            "/api/v1/templates/{name}",
            "A job template, by name in any case",
        )
        .answers::<TemplateView>(200)
        .problem(404, &["UnknownTemplate"]),
        administers(template(
            "put",
            "/api/v1/templates/{name}",
            "Adds a job template, or replaces the one of that name",
        ))
        .body::<TemplateView>()
        .answers::<TemplateView>(200)
        .problem(422, &["BadTemplate", "Invalid"]),
        administers(template(
            "delete",
            "/api/v1/templates/{name}",
            "Takes a job template away that no job needs",
        ))
        .answers_nothing()
        .problem(404, &["UnknownTemplate"])
        .problem(409, &["TemplateStays"]),
    ]
}

fn policies() -> Vec<Operation> {
    let policy = |method, path, summary| Operation::new("policies", method, path, summary);
    vec![
        policy(
            "get",
            "/api/v1/policies",
            "Components, what is in force, shadowed, tried, and the activations so far",
        )
        .answers::<PolicyList>(200),
        administers(policy("post", "/api/v1/policies", "Keeps a component"))
            .body::<NewPolicy>()
            .answers::<PolicyView>(201)
            .problem(400, &["BadComponent"])
            .problem(409, &["PolicyRefused"])
            .problem(422, &["PolicyTooLong"]),
        administers(policy(
            "get",
            "/api/v1/policies/{name}",
            "A component, by name, digest or the beginning of one",
        ))
        .answers::<PolicyView>(200)
        .problem(404, &["UnknownPolicy"]),
        administers(policy(
            "get",
            "/api/v1/policies/{name}/component",
            "The bytes of a component",
        ))
        .answers_with(200, &["application/octet-stream"], json!(true))
        .problem(404, &["UnknownPolicy"]),
        administers(policy(
            "post",
            "/api/v1/policies/{name}/activate",
            "Puts a component in force, when it has got through a first pass",
        ))
        .body::<Activate>()
        .answers::<PolicyList>(200)
        .problem(404, &["UnknownPolicy"])
        .problem(409, &["PolicyRefused"])
        .problem(422, &["MessageTooLong", "PolicyTooLong"]),
        administers(policy(
            "post",
            "/api/v1/policies/{name}/check",
            "Runs the conformance kit on a component, or a built-in policy",
        ))
        .body::<CheckPolicy>()
        .answers::<Report>(200)
        .problem(400, &["BadCheck"])
        .problem(404, &["UnknownPolicy"])
        .problem(409, &["CannotCheck", "CannotSimulate", "PolicyRefused"])
        .problem(429, &["Busy"]),
    ]
}

fn seats() -> Vec<Operation> {
    let seat = |method, path, summary| {
        let operation = Operation::new("policies", method, path, summary);
        administers(operation).problem(422, &["MessageTooLong", "PolicyTooLong"])
    };
    vec![
        seat(
            "post",
            "/api/v1/policy/rollback",
            "Puts back what was in force before",
        )
        .body::<RollBack>()
        .answers::<PolicyList>(200)
        .problem(404, &["UnknownActivation", "UnknownPolicy"])
        .problem(409, &["PolicyRefused"]),
        seat(
            "get",
            "/api/v1/policy/shadow",
            "What the shadow would have done",
        )
        .answers::<ShadowReport>(200),
        seat(
            "put",
            "/api/v1/policy/shadow",
            "Asks a component beside the one in force, and does not heed it",
        )
        .body::<Trial>()
        .answers::<PolicyList>(200)
        .problem(404, &["UnknownPolicy"])
        .problem(409, &["PolicyRefused"]),
        seat("delete", "/api/v1/policy/shadow", "Ends the shadow").answers::<PolicyList>(200),
        seat(
            "put",
            "/api/v1/policy/canary",
            "Lets a component decide for some of the nodes",
        )
        .body::<Canary>()
        .answers::<PolicyList>(200)
        .problem(400, &["BadPart"])
        .problem(404, &["UnknownPolicy"])
        .problem(409, &["PolicyRefused"])
        .problem(422, &["NoSuchPart"]),
        seat("delete", "/api/v1/policy/canary", "Ends the canary").answers::<PolicyList>(200),
        seat(
            "post",
            "/api/v1/policy/verify",
            "Runs passes of the journal again, and compares what comes out",
        )
        .body::<VerifyPasses>()
        .answers::<VerifyReport>(200)
        .problem(400, &["BadBound"])
        .problem(409, &["CannotVerify"])
        .problem(429, &["Busy"]),
    ]
}

fn filters() -> Vec<Operation> {
    let filter = |path, summary| administers(Operation::new("filters", "get", path, summary));
    vec![
        filter("/api/v1/filters", "The job filters that there are").answers::<FilterList>(200),
        filter(
            "/api/v1/filters/{name}",
            "A job filter, with what it said lately",
        )
        .answers::<FilterInFull>(200)
        .problem(404, &["UnknownFilter"]),
    ]
}

fn plugins() -> Vec<Operation> {
    let plugin =
        |method, path, summary| administers(Operation::new("plugins", method, path, summary));
    vec![
        plugin("get", "/api/v1/plugins", "The components that there are")
            .query::<PluginQuery>()
            .answers::<PluginList>(200),
        plugin(
            "get",
            "/api/v1/plugins/{name}",
            "A component, by name, digest or the beginning of one",
        )
        .answers::<PluginView>(200)
        .problem(404, &["UnknownPlugin"]),
        plugin(
            "post",
            "/api/v1/plugins/{name}/check",
            "Whether a component takes settings",
        )
        .body::<TrySettings>()
        .answers::<SettingsCheck>(200)
        .problem(404, &["UnknownPlugin", "UnknownPolicy"]),
    ]
}

fn health() -> Vec<Operation> {
    let open = |path, summary| Operation::open("health", "get", path, summary);
    let text = json!({ "type": "string" });
    let plain = &["text/plain"];
    vec![
        open("/livez", "Whether requests are answered at all").answers_with(
            200,
            plain,
            text.clone(),
        ),
        open(
            "/readyz",
            "Whether the engine answers within two seconds, and the daemon is not about to stop",
        )
        .answers_with(200, plain, text.clone())
        .problem(503, &["NotReady"]),
        open(
            "/metrics",
            "Numbers in the OpenMetrics text format, which Prometheus reads",
        )
        .answers_with(200, &["application/openmetrics-text"], text)
        .problem(503, &["JournalFailed", "Stopped"]),
        open("/api/v1/openapi.json", "This document").answers_with(
            200,
            &["application/json"],
            json!({ "type": "object" }),
        ),
    ]
}
