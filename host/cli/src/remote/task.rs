//! `jobyard task`.

use std::process::ExitCode;

use comfy_table::{Cell, CellAlignment};
use jobyard::{JobView, TaskView};
use jobyard_server::jobs::PAGE_MAX;
use jobyard_server::tasks::{TaskDetail, TaskPage, TaskQuery, TaskWords};
use serde_json::{Value, json};

use super::args::{AddTasks, Id, ModifyTask, One, OneTask, TaskVerb};
use super::job_file::NewTasks;
use super::show::Shown;
use super::{Client, job_file, job_show, show};
use crate::failure::Failure;
use crate::table;

/// What a verb does.
pub(crate) fn run(verb: TaskVerb) -> impl AsyncFnOnce(Client) -> Result<ExitCode, Failure> {
    async move |client| {
        let client = &client;
        match verb {
            TaskVerb::List(args) => list(client, args).await,
            TaskVerb::View(args) => view(client, args).await,
            TaskVerb::Cancel(args) => {
                let words = TaskWords {
                    message: args.message,
                    forced: args.force,
                    ..TaskWords::default()
                };
                act(client, "cancel", args.task, words).await
            }
            TaskVerb::Add(args) => add(client, *args).await,
            TaskVerb::Modify(args) => modify(client, *args).await,
            TaskVerb::Submit(args) => act(client, "submit", args, TaskWords::default()).await,
            TaskVerb::Configure(args) => act(client, "configure", args, TaskWords::default()).await,
            TaskVerb::Conclude(args) => {
                let words = TaskWords {
                    stop: args.stop,
                    ..TaskWords::default()
                };
                act(client, "conclude", args.task, words).await
            }
            TaskVerb::Finish(args) => act(client, "finish", args, TaskWords::default()).await,
            TaskVerb::Requeue(args) => act(client, "requeue", args, TaskWords::default()).await,
        }
    }
}

/// `jobyard task add`, `jobyard job add`.
pub(crate) async fn add(client: &Client, args: AddTasks) -> Result<ExitCode, Failure> {
    let new = NewTasks::read(&args, &unit(client, args.id).await?)?;
    let path = format!("/jobs/{}/tasks", args.id);
    let (media_type, text) = (new.text.media_type(), new.text.text);
    let answer = client
        .post_text(&path, &new.query, media_type, text)
        .await?;
    show::answer(args.show.form(), answer, |page: TaskPage| {
        let line = |task: &TaskView| format!("task {}.{}: {}", args.id, task.id, task.state);
        let lines: Vec<String> = page.tasks.iter().map(line).collect();
        job_show::tasks(args.id, &page.tasks).saying(lines.join("\n"))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What the tasks of a job count, by the key of job files.
async fn unit(client: &Client, job: u32) -> Result<String, Failure> {
    let job: JobView = show::read(client.get(&format!("/jobs/{job}"), ()).await?)?;
    Ok(format!("{}s", job.unit))
}

async fn modify(client: &Client, args: ModifyTask) -> Result<ExitCode, Failure> {
    let (id, form) = (args.task.id, args.task.show.form());
    let mut keys = args.options.keys(&unit(client, id.job).await?);
    if !args.command.is_empty() {
        keys.insert("command".into(), job_file::line(&args.command)?.into());
    }
    if let Some(chdir) = &args.chdir {
        let folder = job_file::folder(Some(chdir))?;
        keys.insert("working_folder".into(), folder.into());
    }
    let unset = args
        .unset
        .iter()
        .map(|key| (key.replace('-', "_"), Value::Null));
    keys.extend(unset);
    if keys.is_empty() {
        let text = "say what is to change, as --task-runtime 2h: see `jobyard task modify --help`";
        return Err(Failure::Input(text.into()));
    }
    let answer = client.patch(&path(id)?, keys).await?;
    show::answer(form, answer, |task| one(id, task))?;
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, args: One) -> Result<ExitCode, Failure> {
    let mut query = TaskQuery {
        limit: Some(PAGE_MAX),
        after: None,
    };
    let mut tasks: Vec<Value> = Vec::new();
    loop {
        let path = format!("/jobs/{}/tasks", args.id);
        let mut page = client.get(&path, &query).await?;
        if let Some(Value::Array(some)) = page.get_mut("tasks").map(Value::take) {
            tasks.extend(some);
        }
        query.after = page.get("next").and_then(Value::as_u64).map(|id| id as u32);
        if query.after.is_none() {
            break;
        }
    }
    let all = json!({ "tasks": tasks, "next": null });
    show::answer(args.show.form(), all, |page: TaskPage| {
        job_show::tasks(args.id, &page.tasks)
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn view(client: &Client, args: OneTask) -> Result<ExitCode, Failure> {
    let answer = client.get(&path(args.id)?, ()).await?;
    show::answer(args.show.form(), answer, |task| detail(args.id, task))?;
    Ok(ExitCode::SUCCESS)
}

async fn act(
    client: &Client,
    verb: &str,
    args: OneTask,
    words: TaskWords,
) -> Result<ExitCode, Failure> {
    let words = TaskWords {
        instance: args.id.instance,
        ..words
    };
    let path = format!("{}/{verb}", path(args.id)?);
    let answer = client.post_once(&path, words).await?;
    show::answer(args.show.form(), answer, |task| one(args.id, task))?;
    Ok(ExitCode::SUCCESS)
}

fn path(id: Id) -> Result<String, Failure> {
    match id.task {
        Some(task) => Ok(format!("/jobs/{}/tasks/{task}", id.job)),
        None => Err(Failure::Input(format!(
            "{} is a job: a task of it is {}.TASK, see `jobyard task list {}`",
            id.job, id.job, id.job
        ))),
    }
}

/// A task on one line, or as a row.
fn one(id: Id, detail: TaskDetail) -> Shown {
    let text = line(id, &detail);
    job_show::tasks(id.job, &[detail.task]).saying(text)
}

fn line(id: Id, detail: &TaskDetail) -> String {
    let (task, job) = (&detail.task, id.job);
    let name = job_show::spaced(&task.name);
    format!("task {job}.{}{name}: {}", task.id, task.state)
}

fn detail(id: Id, detail: TaskDetail) -> Shown {
    let mut text = line(id, &detail);
    let runs = &detail.runs;
    let tasks = [detail.task];
    text.push_str(&format!("\ncommand: {}\n", tasks[0].command_line));
    let shown = job_show::tasks(id.job, &tasks);
    text.push_str(&shown.text);
    if runs.is_empty() {
        return shown.saying(text);
    }
    let mut table = table::new(&["instance", "attempt", "state", "on", "since"]);
    for run in runs {
        let on = |place: &jobyard::AllocationView| format!("{} cores {}", place.node, place.cores);
        let on: Vec<String> = run.places.iter().map(on).collect();
        let since = run.started.clone().or(Some(run.dispatched.clone()));
        table.add_row([
            Cell::new(run.instance).set_alignment(CellAlignment::Right),
            Cell::new(run.attempt).set_alignment(CellAlignment::Right),
            table::state(&run.state),
            Cell::new(on.join(", ")),
            Cell::new(show::time(&since)),
        ]);
    }
    text.push_str(&format!("\n\n{table}"));
    shown.saying(text)
}
