//! Jobs and their tasks.

use jobyard::JobView;
use jobyard::policies::Explanation;
use serde_json::{Value, json};

use super::job_file;
use super::operation::Operation;
use crate::jobs::{
    AddQuery, Answers, FileQuery, Hold, JobPage, ListQuery, Order, Purge, WaitQuery, Words,
};
use crate::tasks::{AddTasksQuery, OutputQuery, TaskDetail, TaskPage, TaskQuery, TaskWords};

/// How a command about a job, or one of its tasks, may be refused.
const WRONG_STATE: &[&str] = &[
    "ExcludesTooMuch",
    "InvalidCancelJobState",
    "InvalidJobState",
    "InvalidModify",
    "InvalidTaskState",
    "JobDeletionForbidden",
    "NoIdsLeft",
    "NotRerunnable",
    "TaskAboveRunningJob",
    "TaskRule",
];
const UNUSABLE: &[&str] = &[
    "Invalid",
    "InvalidHold",
    "MessageTooLong",
    "NotForNodeTasks",
    "ServiceRule",
];

fn job(method: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation::new("jobs", method, path, summary)
}

fn task(method: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation::new("tasks", method, path, summary)
}

/// One that changes a job that there is.
fn acts(operation: Operation) -> Operation {
    operation
        .problem(403, &["ForAdministrators", "TemplateForbidden"])
        .problem(404, &["UnknownJob"])
        .problem(409, WRONG_STATE)
        .problem(422, UNUSABLE)
}

fn acts_on_task(operation: Operation) -> Operation {
    acts(operation).problem(404, &["UnknownTask", "UnknownInstance"])
}

fn looks(operation: Operation) -> Operation {
    operation.problem(404, &["UnknownJob"])
}

pub(super) fn operations() -> Vec<Operation> {
    let mut all = lists_and_adds();
    all.extend(verbs());
    all.extend(one_job());
    all.extend(tasks());
    all
}

fn lists_and_adds() -> Vec<Operation> {
    let one_or_more = json!({ "oneOf": [job_file::job(), {
        "type": "array", "items": job_file::job(), "maxItems": crate::jobs::JOBS_PER_CALL_MAX,
    }] });
    vec![
        job("get", "/api/v1/jobs", "A page of jobs, newest first")
            .query::<ListQuery>()
            .answers::<JobPage>(200),
        job("post", "/api/v1/jobs", "Adds what a job file asks for, or each job of a JSON list; submits it too where the query says so")
            .query::<AddQuery>()
            .keyed()
            .job_file(one_or_more)
            .answers::<Answers>(200)
            .header(200, "Idempotency-Replayed", REPLAYED)
            .answers::<JobView>(201)
            .header(201, "Location", "The job.")
            .header(201, "Idempotency-Replayed", REPLAYED)
            .problem(400, &["TooManyJobs"])
            .problem(403, &["MayNotAdd", "TemplateForbidden"])
            .problem(409, &["NoIdsLeft"])
            .problem(422, &["Invalid"]),
        job("post", "/api/v1/jobs/purge", "Forgets all jobs that ended before a time; for administrators")
            .body::<Purge>()
            .answers_nothing()
            .problem(403, &["ForAdministrators"]),
    ]
}

const REPLAYED: &str =
    "`true` where the request was carried out before, and this is what it was answered then.";

fn verbs() -> Vec<Operation> {
    let verbs = [
        (
            "/api/v1/jobs/submit",
            "/api/v1/jobs/{id}/submit",
            "Submits jobs that are being configured",
            "Submits a job that is being configured",
        ),
        (
            "/api/v1/jobs/cancel",
            "/api/v1/jobs/{id}/cancel",
            "Cancels jobs",
            "Cancels a job",
        ),
        (
            "/api/v1/jobs/finish",
            "/api/v1/jobs/{id}/finish",
            "Ends jobs as if they had finished",
            "Ends a job as if it had finished",
        ),
        (
            "/api/v1/jobs/requeue",
            "/api/v1/jobs/{id}/requeue",
            "Queues jobs again",
            "Queues a job again",
        ),
        (
            "/api/v1/jobs/configure",
            "/api/v1/jobs/{id}/configure",
            "Takes jobs back to be edited",
            "Takes a job back to be edited",
        ),
    ];
    let both = verbs.into_iter().map(|(many, one, of_many, of_one)| {
        let many = job("post", many, of_many)
            .keyed()
            .body::<Order>()
            .answers::<Answers>(200)
            .header(200, "Idempotency-Replayed", REPLAYED)
            .problem(400, &["TooManyJobs"]);
        let one = job("post", one, of_one).keyed().body::<Words>();
        let one = acts(one.answers::<JobView>(200)).header(200, "Idempotency-Replayed", REPLAYED);
        [many, one]
    });
    both.flatten().collect()
}

fn one_job() -> Vec<Operation> {
    let text = json!({ "type": "string" });
    vec![
        looks(job("get", "/api/v1/jobs/{id}", "A job, without its tasks").answers::<JobView>(200)),
        acts(job("patch", "/api/v1/jobs/{id}", "Changes what a job asks for: keys of a job file that are to be otherwise, null for what it would be anyway")
            .changes(job_file::job_changes())
            .answers::<JobView>(200)),
        acts(job("delete", "/api/v1/jobs/{id}", "Takes a job away that was never submitted").answers_nothing()),
        looks(job("get", "/api/v1/jobs/{id}/explain", "Where a job stands, when it starts, and what would make it start sooner: some are simulated")
            .answers::<Explanation>(200)
            .problem(409, &["CannotSimulate", "PolicyRefused"])),
        looks(job("get", "/api/v1/jobs/{id}/file", "The job with its tasks, as a job file")
            .query::<FileQuery>()
            .answers_with(200, &["application/json", "application/toml", "application/xml"], json!(true))
            .problem(422, &["NotWritable"])),
        acts(job("post", "/api/v1/jobs/{id}/purge", "Forgets an ended job before its time; for administrators").answers_nothing()),
        acts(job("post", "/api/v1/jobs/{id}/clone", "Adds a copy of a job, for whoever asks")
            .keyed()
            .answers::<JobView>(201)
            .header(201, "Location", "The copy.")
            .header(201, "Idempotency-Replayed", REPLAYED)),
        acts(job("put", "/api/v1/jobs/{id}/hold", "Lets a job start no earlier than a time")
            .body::<Hold>()
            .answers::<JobView>(200)),
        acts(job("delete", "/api/v1/jobs/{id}/hold", "Lets a job start again").answers::<JobView>(200)),
        looks(job("get", "/api/v1/jobs/{id}/wait", "Answers when the job has ended or the time is over: its state says which")
            .query::<WaitQuery>()
            .answers::<JobView>(200)),
        looks(Operation::new("events", "get", "/api/v1/events", "What happens, as server-sent events: each `data` is a `Happened`")
            .query::<crate::events::EventsQuery>()
            .parameter(last_event_id())
            .answers_with(200, &["text/event-stream"], text)
            .problem(410, &["EventsGone"])),
    ]
}

fn last_event_id() -> Value {
    json!({
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The last event that the client got: it is given those behind it. Counts before `after`.",
        "schema": { "type": "integer", "minimum": 0 },
    })
}

fn tasks() -> Vec<Operation> {
    let mut all = vec![
        looks(
            task(
                "get",
                "/api/v1/jobs/{id}/tasks",
                "A page of a job's tasks, by id",
            )
            .query::<TaskQuery>()
            .answers::<TaskPage>(200),
        ),
        acts(
            task(
                "post",
                "/api/v1/jobs/{id}/tasks",
                "Adds tasks to a job that has not finished: a job file with nothing but tasks",
            )
            .query::<AddTasksQuery>()
            .keyed()
            .job_file(job_file::tasks())
            .answers::<TaskPage>(201)
            .header(201, "Idempotency-Replayed", REPLAYED),
        ),
        looks(
            task(
                "get",
                "/api/v1/jobs/{id}/tasks/{task}",
                "A task, and what of it runs",
            )
            .answers::<TaskDetail>(200)
            .problem(404, &["UnknownTask"]),
        ),
        acts_on_task(
            task(
                "patch",
                "/api/v1/jobs/{id}/tasks/{task}",
                "Changes a task that is being configured: keys of a task that are to be otherwise",
            )
            .changes(job_file::task_changes())
            .answers::<TaskDetail>(200),
        ),
        looks(
            task(
                "get",
                "/api/v1/jobs/{id}/tasks/{task}/output",
                "What a task wrote, as it is, also while it runs",
            )
            .query::<OutputQuery>()
            .answers_with(200, &["application/octet-stream"], json!(true))
            .problem(404, &["UnknownTask", "UnknownInstance"])
            .problem(409, &["OutputElsewhere"]),
        ),
    ];
    let verbs = [
        (
            "/api/v1/jobs/{id}/tasks/{task}/cancel",
            "Cancels a task, or an instance of it",
        ),
        (
            "/api/v1/jobs/{id}/tasks/{task}/finish",
            "Ends a task, or an instance of it, as if it had finished",
        ),
        (
            "/api/v1/jobs/{id}/tasks/{task}/requeue",
            "Runs a task, or an instance of it, again",
        ),
        (
            "/api/v1/jobs/{id}/tasks/{task}/submit",
            "Submits a task that is being configured",
        ),
        (
            "/api/v1/jobs/{id}/tasks/{task}/configure",
            "Takes a task back to be edited",
        ),
        (
            "/api/v1/jobs/{id}/tasks/{task}/conclude",
            "Lets a service start no more instances",
        ),
    ];
    all.extend(verbs.into_iter().map(|(path, summary)| {
        let verb = task("post", path, summary).keyed().body::<TaskWords>();
        acts_on_task(verb.answers::<TaskDetail>(200)).header(200, "Idempotency-Replayed", REPLAYED)
    }));
    all
}
