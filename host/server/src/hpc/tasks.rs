//! One task or sub-task of a job: added, shown, changed, and told what to do.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use jobyard::kernel::{self, Command, Job, Rejection, Task};
use jobyard::{JobId, TaskId, TaskSpec};

use super::answer::Answer;
use super::jobs::{is_custom, is_variable, merge, named};
use super::pairs::{Message, Pairs};
use super::property::{select, set};
use super::query::Query;
use super::task_list::show;
use super::task_properties::{Draft, TASK};
use crate::Problem;
use crate::app::App;
use crate::body::{JobPath, TaskPath};
use crate::caller::Caller;

/// The task in the path, and its instance where the path has one.
pub(super) struct Which {
    job: JobId,
    task: TaskId,
    instance: Option<u32>,
}

impl<S: Send + Sync> FromRequestParts<S> for Which {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Which, Problem> {
        let TaskPath(job, task) = TaskPath::from_request_parts(parts, state).await?;
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|error| Problem::bad("BadPath", error.body_text()))?;
        let found = params.iter().find(|(key, _)| *key == "subtask");
        let number = |(_, text): (_, &str)| {
            let number = text.parse().ok().filter(|&number: &u32| number > 0);
            let bad = || format!("{text:?} is not a sub-task id: ids are whole numbers from 1");
            number.ok_or_else(|| Problem::bad("BadId", bad()))
        };
        let instance = found.map(number).transpose()?;
        Ok(Which {
            job,
            task,
            instance,
        })
    }
}

/// In a job that is in the queue or runs it is submitted at once: this interface has no other way to say so.
pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
    Pairs(pairs): Pairs,
) -> Result<Answer, Problem> {
    let unit = app.job(job, |_, job| job.spec.unit).await?;
    let mut draft = Draft {
        spec: TaskSpec::default(),
        unit,
    };
    set(TASK, &mut draft, &pairs)?;
    let ids = app
        .engine
        .add_tasks(&caller.0, job, vec![draft.spec], true)
        .await?;
    Ok(Answer::new("int", ids.first().map_or(0, |id| id.0)))
}

pub(super) async fn view(
    State(app): State<App>,
    caller: Caller,
    which: Which,
    query: Query,
) -> Result<Answer, Problem> {
    let names = query.names("properties");
    let by_name = names.is_some();
    let selected = select(TASK, names, None)?;
    let Which {
        job,
        task,
        instance,
    } = which;
    let shown = show(
        &app,
        &caller,
        job,
        vec![(task, instance)],
        &selected,
        by_name,
    )
    .await?;
    let properties = shown.into_iter().next();
    properties
        .map(|pairs| Answer::new("Property", pairs))
        .ok_or_else(|| which.unknown())
}

impl Which {
    fn unknown(&self) -> Problem {
        let (job, task) = (self.job, self.task);
        match self.instance {
            None => Problem::unknown_task(job, task),
            Some(instance) => Rejection::UnknownInstance {
                job,
                task,
                instance,
            }
            .into(),
        }
    }
}

/// A task while it is configured. Sub-tasks have no properties of their own.
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    which: Which,
    Pairs(pairs): Pairs,
) -> Result<StatusCode, Problem> {
    if which.instance.is_some() && !pairs.is_empty() {
        let looker = caller.clone();
        let (task, instance) = (which.task, which.instance);
        let is_there = move |_: &_, job: &Job| {
            looker.may_look_at(job, "the tasks")?;
            let has = |task: &Task| instance.is_some_and(|instance| task.has(instance));
            Ok::<_, Problem>(job.task(task).is_some_and(has))
        };
        if !app.job(which.job, is_there).await?? {
            return Err(which.unknown());
        }
        let detail = format!(
            "the sub-tasks of task {0}.{1} have its properties: set them at /hpc/jobs/{0}/tasks/{1}",
            which.job, which.task
        );
        return Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotServed",
            detail,
        ));
    }
    let set = move |spec: &mut TaskSpec, unit| {
        let mut draft = Draft {
            spec: spec.clone(),
            unit,
        };
        set(TASK, &mut draft, &pairs)?;
        *spec = draft.spec;
        Ok(())
    };
    modify(&app, &caller, &which, set).await
}

pub(super) async fn custom_properties(
    State(app): State<App>,
    caller: Caller,
    which: Which,
    query: Query,
) -> Result<Answer, Problem> {
    let names = query.names("names");
    let (id, unknown) = (which.task, which.unknown());
    let read = move |_: &_, job: &Job| {
        caller.may_look_at(job, "the custom properties")?;
        let task = job.task(id).ok_or_else(|| unknown.clone())?;
        let known = &task.spec.custom_properties;
        Ok::<_, Problem>(named(known, names.as_deref(), is_custom))
    };
    Ok(Answer::new("Property", app.job(which.job, read).await??))
}

pub(super) async fn set_custom_properties(
    State(app): State<App>,
    caller: Caller,
    which: Which,
    Pairs(pairs): Pairs,
) -> Result<StatusCode, Problem> {
    let set = move |spec: &mut TaskSpec, _| {
        merge(&mut spec.custom_properties, &pairs, is_custom);
        Ok(())
    };
    modify(&app, &caller, &which, set).await
}

pub(super) async fn environment(
    State(app): State<App>,
    caller: Caller,
    which: Which,
    query: Query,
) -> Result<Answer, Problem> {
    let names = query.names("names");
    let (id, unknown) = (which.task, which.unknown());
    let read = move |_: &_, job: &Job| {
        caller.may_look_at(job, "the environment")?;
        let task = job.task(id).ok_or_else(|| unknown.clone())?;
        Ok::<_, Problem>(named(&task.spec.environment, names.as_deref(), is_variable))
    };
    Ok(Answer::new("Property", app.job(which.job, read).await??))
}

pub(super) async fn set_environment(
    State(app): State<App>,
    caller: Caller,
    which: Which,
    Pairs(pairs): Pairs,
) -> Result<StatusCode, Problem> {
    let set = move |spec: &mut TaskSpec, _| {
        merge(&mut spec.environment, &pairs, is_variable);
        Ok(())
    };
    modify(&app, &caller, &which, set).await
}

pub(super) async fn cancel(
    State(app): State<App>,
    Caller(by): Caller,
    Which {
        job,
        task,
        instance,
    }: Which,
    query: Query,
    Message(message): Message,
) -> Result<StatusCode, Problem> {
    let forced = query.flag("forced", false)?;
    let cancel = Command::CancelTask {
        by,
        job,
        task,
        instance,
        message,
        forced,
    };
    app.engine.command(cancel).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn finish(
    State(app): State<App>,
    Caller(by): Caller,
    Which {
        job,
        task,
        instance,
    }: Which,
    Message(message): Message,
) -> Result<StatusCode, Problem> {
    let finish = Command::FinishTask {
        by,
        job,
        task,
        instance,
        message,
    };
    app.engine.command(finish).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The kernel has no place for what is said with it.
pub(super) async fn requeue(
    State(app): State<App>,
    Caller(by): Caller,
    Which {
        job,
        task,
        instance,
    }: Which,
    Message(_): Message,
) -> Result<StatusCode, Problem> {
    let requeue = Command::RequeueTask {
        by,
        job,
        task,
        instance,
    };
    app.engine.command(requeue).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes what the task asks for. What may change when is the kernel's rule.
async fn modify(
    app: &App,
    caller: &Caller,
    which: &Which,
    change: impl Fn(&mut TaskSpec, kernel::Unit) -> Result<(), Problem> + Clone + Send + Sync + 'static,
) -> Result<StatusCode, Problem> {
    let (id, task) = (which.job, which.task);
    // First by itself, for what is wrong with the values, as for jobs.
    let unknown = which.unknown();
    let read = move |_: &_, job: &Job| {
        let spec = job.task(task).map(|task| (*task.spec).clone());
        Ok::<_, Problem>((spec.ok_or_else(|| unknown.clone())?, job.spec.unit))
    };
    let (mut spec, unit) = app.job(id, read).await??;
    change(&mut spec, unit)?;
    let by = caller.0.clone();
    let make = move |state: &kernel::State| {
        let job = state.job(id).ok_or(Rejection::UnknownJob(id))?;
        let unknown = Rejection::UnknownTask { job: id, task };
        let mut spec = job.task(task).ok_or(unknown)?.spec.clone();
        let meanwhile = Rejection::InvalidModify {
            job: id,
            property: "unit",
            state: job.state(),
            hint: "; it was changed meanwhile",
        };
        change(Arc::make_mut(&mut spec), job.spec.unit).map_err(|_| meanwhile)?;
        let by = by.clone();
        Ok(Command::ModifyTask {
            by,
            job: id,
            task,
            spec,
        })
    };
    app.engine.command_of(make).await?;
    Ok(StatusCode::NO_CONTENT)
}
