//! `jobyard job`.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use jobyard::JobView;
use jobyard_server::jobs::{self, Answers, JobPage, ListQuery, Order, PAGE_MAX, WaitQuery};
use jobyard_server::tasks::{OutputQuery, Stream, TaskPage, TaskQuery};
use serde::Serialize;
use serde_json::{Value, json};

use super::args::{
    Export, FileFormat, Form, Hold, Id, JobVerb, List, Many, Modify, New, One, Output, Purge,
    Submit, Wait,
};
use super::job_file::NewJob;
use super::{Client, client, job_show, policy, show, task};
use crate::args::Common;
use crate::failure::Failure;

/// A job that could never run: HPC Pack's numbers of validation errors, one of which the daemon gives it.
const INVALID: std::ops::Range<u32> = 0x8004_05E8..0x8004_09D0;
/// Those of them that are said of a job which a submission filter turned away: it was good, and has failed.
const TURNED_AWAY: [u32; 4] = [0x8004_0642, 0x8004_0643, 0x8004_0654, 0x8004_0655];
/// How long one request waits for a job.
const WAIT_SECONDS: u64 = 300;
/// The exit code when a wait was over before the job.
const NOT_ENDED: u8 = 3;
/// States of jobs that have not ended.
const LIVE: &str =
    "Configuring,Submitted,Validating,ExternalValidation,Queued,Running,Finishing,Canceling";

/// What a verb does.
pub(crate) fn run(
    verb: JobVerb,
    common: &Common,
) -> impl AsyncFnOnce(Client) -> Result<ExitCode, Failure> {
    async move |client| {
        let client = &client;
        match verb {
            JobVerb::Submit(args) => submit(client, *args).await,
            JobVerb::New(args) => new(client, *args).await,
            JobVerb::Add(args) => task::add(client, *args).await,
            JobVerb::Explain(args) => {
                policy::explain(client, args, common).await?;
                Ok(ExitCode::SUCCESS)
            }
            JobVerb::List(args) => list(client, args).await,
            JobVerb::View(args) => view(client, args).await,
            JobVerb::Wait(args) => wait(client, args).await,
            JobVerb::Cancel(args) => {
                let order = Order {
                    message: args.message,
                    forced: args.force,
                    graceful: args.graceful,
                    ..Order::default()
                };
                many(client, "cancel", args.jobs, order).await
            }
            JobVerb::Finish(args) => {
                let order = Order {
                    message: args.message,
                    graceful: args.graceful,
                    ..Order::default()
                };
                many(client, "finish", args.jobs, order).await
            }
            JobVerb::Requeue(jobs) => many(client, "requeue", jobs, Order::default()).await,
            JobVerb::Configure(jobs) => many(client, "configure", jobs, Order::default()).await,
            JobVerb::Modify(args) => modify(client, *args).await,
            JobVerb::Hold(args) => hold(client, args).await,
            JobVerb::Release(args) => release(client, args).await,
            JobVerb::Export(args) => export(client, args).await,
            JobVerb::Purge(args) => purge(client, args).await,
            JobVerb::Clone(args) => {
                let answer = client
                    .post_once(&format!("/jobs/{}/clone", args.id), ())
                    .await?;
                one(answer, args.show.form())
            }
            JobVerb::Delete(args) => {
                for id in args.ids {
                    client.delete(&format!("/jobs/{id}")).await?;
                }
                Ok(ExitCode::SUCCESS)
            }
            JobVerb::Output(args) => output(client, args).await,
        }
    }
}

async fn submit(client: &Client, args: Submit) -> Result<ExitCode, Failure> {
    let (ids, show) = (args.ids, args.show);
    if !ids.is_empty() {
        return many(client, "submit", Many { ids, show }, Order::default()).await;
    }
    send(client, &NewJob::read(&args.job, true)?, show.form()).await
}

async fn new(client: &Client, args: New) -> Result<ExitCode, Failure> {
    let form = args.show.form();
    send(client, &NewJob::read(&args.job, false)?, form).await
}

async fn send(client: &Client, job: &NewJob, form: Form) -> Result<ExitCode, Failure> {
    let (media_type, text) = (job.text.media_type(), job.text.text.clone());
    let answer = client.post_text("/jobs", &job.query, media_type, text);
    let answer = answer.await?;
    if answer.get("answers").is_some() {
        return answers(answer, form);
    }
    let added: JobView = show::read(answer.clone())?;
    let invalid = |code: u32| INVALID.contains(&code) && !TURNED_AWAY.contains(&code);
    if added.error_code.is_some_and(invalid) {
        let file = job.query.file.as_deref().unwrap_or("the job");
        let (id, why) = (added.id, &added.error_message);
        return Err(Failure::input(format!(
            "{file}: job {id} was refused: {why}"
        )));
    }
    one(answer, form)
}

fn one(answer: Value, form: Form) -> Result<ExitCode, Failure> {
    show::answer(form, answer, |job: JobView| job_show::one(&job))?;
    Ok(ExitCode::SUCCESS)
}

async fn hold(client: &Client, args: Hold) -> Result<ExitCode, Failure> {
    let path = format!("/jobs/{}/hold", args.job.id);
    let answer = match args.until {
        Some(until) => client.put(&path, jobs::Hold { until }).await?,
        None => client.delete(&path).await?,
    };
    one(answer, args.job.show.form())
}

async fn modify(client: &Client, args: Modify) -> Result<ExitCode, Failure> {
    let mut keys = args.options.keys();
    for property in &args.unset {
        let property = property.replace('-', "_");
        match property.split_once('.') {
            Some((table @ ("environment" | "custom_properties"), name)) => {
                let table = keys.entry(table).or_insert_with(|| json!({}));
                table[name] = Value::Null;
            }
            Some(_) | None => {
                keys.insert(property, Value::Null);
            }
        }
    }
    if keys.is_empty() {
        let text = "say what is to change, as --priority 3000: see `jobyard job modify --help`";
        return Err(Failure::Input(text.into()));
    }
    let answer = client
        .patch(&format!("/jobs/{}", args.job.id), keys)
        .await?;
    one(answer, args.job.show.form())
}

/// One after the other; the first that is refused ends it.
async fn release(client: &Client, args: Many) -> Result<ExitCode, Failure> {
    let mut released = Vec::new();
    for id in &args.ids {
        released.push(client.delete(&format!("/jobs/{id}/hold")).await?);
    }
    jobs(released, args.show.form())
}

/// Jobs on a line each, or all in one list.
fn jobs(jobs: Vec<Value>, form: Form) -> Result<ExitCode, Failure> {
    if form == Form::Table {
        for job in jobs {
            show::line(&job_show::line(&show::read(job)?))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let all = json!({ "jobs": jobs, "next": null });
    show::answer(form, all, |page: JobPage| job_show::list(&page.jobs))?;
    Ok(ExitCode::SUCCESS)
}

async fn export(client: &Client, args: Export) -> Result<ExitCode, Failure> {
    let format = match args.format {
        FileFormat::Toml => "toml",
        FileFormat::Json => "json",
        FileFormat::Xml => "xml",
    };
    let query = jobs::FileQuery {
        format: Some(format.into()),
    };
    let path = format!("/jobs/{}/file", args.id);
    copy(client, &path, query).await?;
    Ok(ExitCode::SUCCESS)
}

/// One after the other; the first that is refused ends it.
async fn purge(client: &Client, args: Purge) -> Result<ExitCode, Failure> {
    for id in args.ids {
        client.post(&format!("/jobs/{id}/purge"), ()).await?;
    }
    if let Some(ended_before) = args.ended_before {
        let purge = jobs::Purge { ended_before };
        client.post("/jobs/purge", purge).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, args: List) -> Result<ExitCode, Failure> {
    let only_live = !args.all && args.ended_before.is_none();
    let state = args.state.or_else(|| only_live.then(|| LIVE.into()));
    let mut query = ListQuery {
        state,
        owner: args.owner,
        name: args.name,
        since: args.since,
        ended_before: args.ended_before,
        ..ListQuery::default()
    };
    let limit = args.limit.unwrap_or(u32::MAX) as usize;
    let mut jobs: Vec<Value> = Vec::new();
    // One that left memory between two pages comes twice.
    let mut seen = BTreeSet::new();
    loop {
        query.limit = Some((limit - jobs.len()).min(PAGE_MAX as usize) as u32);
        let mut page = client.get("/jobs", &query).await?;
        if let Some(Value::Array(some)) = page.get_mut("jobs").map(Value::take) {
            jobs.extend(
                some.into_iter()
                    .filter(|job| seen.insert(job["id"].as_u64())),
            );
        }
        query.after = page.get("next").and_then(Value::as_str).map(Into::into);
        if query.after.is_none() || jobs.len() >= limit {
            break;
        }
    }
    let all = json!({ "jobs": jobs, "next": query.after });
    show::answer(args.show.form(), all, |page: JobPage| {
        job_show::list(&page.jobs)
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn view(client: &Client, args: One) -> Result<ExitCode, Failure> {
    let id = args.id;
    let mut job = client.get(&format!("/jobs/{id}"), ()).await?;
    let tasks = first_tasks(client, id).await;
    match (tasks, &mut job) {
        (Ok(page), Value::Object(job)) => {
            job.insert(
                "tasks".into(),
                page.get("tasks").cloned().unwrap_or_default(),
            );
            job.insert("more_tasks".into(), (!page["next"].is_null()).into());
        }
        // Of others' jobs the tasks are not shown.
        (Err(Failure::Input(_)) | Ok(_), _) => {}
        (Err(failure), _) => return Err(failure),
    }
    let more = job.get("more_tasks") == Some(&Value::Bool(true));
    show::answer(args.show.form(), job, |job: JobView| {
        job_show::view(&job, more)
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn first_tasks(client: &Client, job: u32) -> Result<Value, Failure> {
    let query = TaskQuery {
        limit: Some(PAGE_MAX),
        ..TaskQuery::default()
    };
    client.get(&format!("/jobs/{job}/tasks"), query).await
}

async fn wait(client: &Client, args: Wait) -> Result<ExitCode, Failure> {
    let until = args.timeout.map(|timeout| Instant::now() + timeout);
    let (mut ended, mut views) = (Vec::new(), Vec::new());
    for id in args.jobs.ids {
        let answer = wait_for(client, id, until).await?;
        let job: JobView = show::read(answer.clone())?;
        ended.push((is_ended(&job), job.status == 3));
        match args.jobs.show.form() {
            Form::Table => show::line(&job_show::line(&job))?,
            Form::Json | Form::Csv | Form::Ids => views.push(answer),
        }
    }
    if !views.is_empty() {
        jobs(views, args.jobs.show.form())?;
    }
    Ok(match () {
        () if ended.iter().all(|&(_, finished)| finished) => ExitCode::SUCCESS,
        () if ended.iter().all(|&(ended, _)| ended) => ExitCode::FAILURE,
        () => ExitCode::from(NOT_ENDED),
    })
}

/// The job when it has ended or the time is over.
async fn wait_for(client: &Client, id: u32, until: Option<Instant>) -> Result<Value, Failure> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let seconds = left.map_or(WAIT_SECONDS, |left| {
            left.as_secs_f64().ceil().min(WAIT_SECONDS as f64) as u64
        });
        let query = WaitQuery {
            seconds: Some(seconds),
        };
        let path = format!("/jobs/{id}/wait");
        let asked = client.get(&path, query);
        let answer = match left {
            // A request waits whole seconds; we may have less.
            Some(left) if left > Duration::ZERO => tokio::time::timeout(left, asked).await,
            Some(_) | None => Ok(asked.await),
        };
        match answer {
            Err(_) => return client.get(&format!("/jobs/{id}"), ()).await,
            Ok(answer) => {
                let answer = answer?;
                let over = until.is_some_and(|until| Instant::now() >= until);
                if over || is_ended(&show::read(answer.clone())?) {
                    return Ok(answer);
                }
            }
        }
    }
}

fn is_ended(job: &JobView) -> bool {
    job.status >= 3
}

/// The same for many jobs; exit code 2 if one of them was refused.
async fn many(client: &Client, verb: &str, jobs: Many, order: Order) -> Result<ExitCode, Failure> {
    let order = Order {
        jobs: jobs.ids,
        ..order
    };
    let answer = client.post_once(&format!("/jobs/{verb}"), order).await?;
    answers(answer, jobs.show.form())
}

fn answers(answer: Value, form: Form) -> Result<ExitCode, Failure> {
    let all: Answers = show::read(answer.clone())?;
    if form == Form::Json {
        show::answer(form, answer, |_: Value| String::new())?;
    }
    let mut code = ExitCode::SUCCESS;
    if form == Form::Csv || form == Form::Ids {
        let done = all.answers.iter().filter_map(|a| a.job.as_ref());
        let done: Vec<Value> = done.map(|job| json!(job)).collect();
        jobs(done, form)?;
    }
    for answer in all.answers {
        if let Some(job) = answer.job.filter(|_| form == Form::Table) {
            show::line(&job_show::line(&job))?;
        }
        if let Some(problem) = answer.problem {
            let failure = client::failure(&problem);
            code = ExitCode::from(failure.exit_code());
            eprintln!("jobyard: {failure}");
        }
    }
    Ok(code)
}

async fn output(client: &Client, args: Output) -> Result<ExitCode, Failure> {
    let tasks = match args.id.task {
        Some(task) => vec![task],
        None => all_tasks(client, args.id.job).await?,
    };
    let query = OutputQuery {
        stream: match args.stderr {
            true => Stream::Err,
            false => Stream::Out,
        },
        instance: args.id.instance,
        attempt: args.attempt,
        follow: args.follow,
    };
    for task in tasks {
        let Id { job, .. } = args.id;
        let path = format!("/jobs/{job}/tasks/{task}/output");
        copy(client, &path, &query).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an answer as it comes.
async fn copy(client: &Client, path: &str, query: impl Serialize) -> Result<(), Failure> {
    let mut body = client.stream(path, query).await?.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame.map_err(Failure::work)?.into_data() {
            show::bytes(&bytes)?;
        }
    }
    Ok(())
}

async fn all_tasks(client: &Client, job: u32) -> Result<Vec<u32>, Failure> {
    let (mut ids, mut query) = (Vec::new(), TaskQuery::default());
    query.limit = Some(PAGE_MAX);
    loop {
        let page = client.get(&format!("/jobs/{job}/tasks"), &query).await?;
        let page: TaskPage = show::read(page)?;
        ids.extend(page.tasks.iter().map(|task| task.id));
        query.after = page.next;
        if query.after.is_none() {
            return Ok(ids);
        }
    }
}
