//! What shows where things stand: the web page asks for it, and whoever else wants to.

use jobyard::policies::PolicyView;
use jobyard::sim::forecast::Outlook;

use super::operation::Operation;
use crate::job_events::{EventPage, EventsOfJob};
use crate::queue::{Part, PartQuery};
use crate::simulation::{BuiltinPolicies, NewSimulation, SimulationReport};
use crate::summary::Summary;
use crate::timeline::{PlanQuery, Timeline, TimelineQuery};

pub(super) fn operations() -> Vec<Operation> {
    let shown = |path, summary| Operation::new("overview", "get", path, summary);
    let tried = |method, path, summary| {
        let operation = Operation::new("policies", method, path, summary);
        operation.problem(403, &["ForAdministrators"])
    };
    vec![
        shown("/api/v1/summary", "The whole cluster in some numbers").answers::<Summary>(200),
        shown("/api/v1/queue", "A part of the queue, in its order")
            .query::<PartQuery>()
            .answers::<Part>(200),
        shown("/api/v1/running", "A part of the jobs that run")
            .query::<PartQuery>()
            .answers::<Part>(200),
        shown(
            "/api/v1/jobs/{id}/events",
            "What happened to a job, a page at a time",
        )
        .query::<EventsOfJob>()
        .answers::<EventPage>(200)
        .problem(404, &["UnknownJob"]),
        shown(
            "/api/v1/timeline",
            "Which jobs held what of the nodes lately",
        )
        .query::<TimelineQuery>()
        .answers::<Timeline>(200),
        shown(
            "/api/v1/plan",
            "Which jobs start next, under the policy in force",
        )
        .query::<PlanQuery>()
        .answers::<Outlook>(200)
        .problem(409, &["CannotSimulate"]),
        tried(
            "post",
            "/api/v1/simulation",
            "What would have happened under other policies",
        )
        .body::<NewSimulation>()
        .answers::<SimulationReport>(200)
        .problem(400, &["BadSimulation"])
        .problem(404, &["UnknownPolicy"])
        .problem(409, &["CannotSimulate", "PolicyRefused"]),
        tried(
            "get",
            "/api/v1/builtin-policies",
            "The policies that come with the program",
        )
        .answers::<BuiltinPolicies>(200),
        tried(
            "post",
            "/api/v1/builtin-policies/{name}",
            "Keeps one of them, to be put in force or tried",
        )
        .answers::<PolicyView>(201)
        .problem(404, &["UnknownPolicy"])
        .problem(409, &["PolicyRefused"]),
    ]
}
