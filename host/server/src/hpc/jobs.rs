//! One job: created of properties or of job XML, shown, changed, and told what to do.

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use jobyard::jobfile::{Format, JOB_FILE_BYTES_MAX, JobFile};
use jobyard::kernel::{self, Command, Job, Rejection};
use jobyard::{Actor, JobId, JobSpec, Manner};
use serde_json::Value as Json;

use super::answer::Answer;
use super::job_list::pairs;
use super::job_properties::{JOB, JobOf};
use super::pairs::{Message, Pair, Pairs};
use super::property::{Set, find, select, set};
use super::query::Query;
use crate::Problem;
use crate::app::App;
use crate::body::{Any, JobPath};
use crate::caller::Caller;
use crate::jobs::bad_file;

/// Bytes of a body with job XML in a JSON string, where line ends and quotes take two.
const JOB_TEXT_BYTES_MAX: usize = 2 * JOB_FILE_BYTES_MAX as usize;

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Pairs(pairs): Pairs,
) -> Result<Answer, Problem> {
    let mut spec = JobSpec::default();
    set(JOB, &mut spec, &pairs)?;
    let id = app.engine.add_job(&caller.0, spec, Vec::new()).await?;
    Ok(Answer::new("int", id.0))
}

/// The XML is in a JSON string, since that is what HPC Pack's interface takes.
pub(super) async fn create_of_xml(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Answer, Problem> {
    let Any(body) = Any::<JOB_TEXT_BYTES_MAX>::from_request(request, &()).await?;
    let Json::String(text) = body else {
        return Err(Problem::bad(
            "BadJson",
            "the body is no JSON string with job XML in it",
        ));
    };
    // A large file takes its time: not on the threads that serve.
    let parse = move || JobFile::parse("the job", &text, Format::HpcXml);
    let parsed = tokio::task::spawn_blocking(parse).await;
    let parsed = parsed.map_err(|_| Problem::failed("the job could not be read"))?;
    let file = parsed.map_err(|error| bad_file(error.to_string()))?;
    let id = app.engine.add_job(&caller.0, file.spec, file.tasks).await?;
    Ok(Answer::new("int", id.0))
}

pub(super) async fn view(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    query: Query,
) -> Result<Answer, Problem> {
    let names = query.names("properties");
    let by_name = names.is_some();
    let selected = select(JOB, names, None)?;
    let read = move |state: &kernel::State, job: &Job| {
        pairs(&JobOf { state, job }, &selected, &caller, by_name)
    };
    Ok(Answer::new("Property", app.job(id, read).await?))
}

pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    Pairs(pairs): Pairs,
) -> Result<StatusCode, Problem> {
    modify(&app, &caller, id, move |spec| set(JOB, spec, &pairs)).await
}

/// Sets what is to be otherwise and submits it.
pub(super) async fn submit(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
    Pairs(pairs): Pairs,
) -> Result<StatusCode, Problem> {
    let means = |pair: &Pair| {
        let property = find(JOB, &pair.name);
        !property.is_some_and(|property| matches!(property.set, Set::Ignored))
    };
    let pairs: Vec<Pair> = pairs.into_iter().filter(means).collect();
    if !pairs.is_empty() {
        modify(&app, &caller, job, move |spec| set(JOB, spec, &pairs)).await?;
    }
    app.engine.submit_job(&caller.0, job).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn cancel(
    State(app): State<App>,
    Caller(by): Caller,
    JobPath(job): JobPath,
    query: Query,
    Message(message): Message,
) -> Result<StatusCode, Problem> {
    let how = match query.flag("forced", false)? {
        true => Manner::Forced,
        false => Manner::Normal,
    };
    let cancel = Command::CancelJob {
        by,
        job,
        message,
        how,
    };
    app.engine.command(cancel).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn finish(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
    Message(message): Message,
) -> Result<StatusCode, Problem> {
    app.engine.finish_job(&caller.0, job, &message).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn requeue(
    State(app): State<App>,
    caller: Caller,
    JobPath(job): JobPath,
) -> Result<StatusCode, Problem> {
    app.engine.requeue_job(&caller.0, job).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn custom_properties(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    query: Query,
) -> Result<Answer, Problem> {
    let names = query.names("names");
    let read = move |_: &_, job: &Job| {
        caller.may_look_at(job, "the custom properties")?;
        Ok::<_, Problem>(named(
            &job.spec.custom_properties,
            names.as_deref(),
            is_custom,
        ))
    };
    Ok(Answer::new("Property", app.job(id, read).await??))
}

pub(super) async fn set_custom_properties(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    Pairs(pairs): Pairs,
) -> Result<StatusCode, Problem> {
    let merge = move |spec: &mut JobSpec| {
        merge(&mut spec.custom_properties, &pairs, is_custom);
        Ok(())
    };
    modify(&app, &caller, id, merge).await
}

pub(super) async fn environment(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    query: Query,
) -> Result<Answer, Problem> {
    let names = query.names("names");
    let read = move |_: &_, job: &Job| {
        caller.may_look_at(job, "the environment")?;
        Ok::<_, Problem>(named(&job.spec.environment, names.as_deref(), is_variable))
    };
    Ok(Answer::new("Property", app.job(id, read).await??))
}

pub(super) async fn set_environment(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    Pairs(pairs): Pairs,
) -> Result<StatusCode, Problem> {
    let merge = move |spec: &mut JobSpec| {
        merge(&mut spec.environment, &pairs, is_variable);
        Ok(())
    };
    modify(&app, &caller, id, merge).await
}

/// Names of custom properties are told apart without regard to case.
pub(super) fn is_custom(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Names of environment variables are what they are.
pub(super) fn is_variable(one: &str, other: &str) -> bool {
    one == other
}

/// All of them, or those of these names; one that is not there is empty.
pub(super) fn named(
    known: &[(String, String)],
    names: Option<&[String]>,
    is: fn(&str, &str) -> bool,
) -> Vec<Pair> {
    let Some(names) = names else {
        return known
            .iter()
            .map(|(name, value)| Pair::new(name, value.as_str()))
            .collect();
    };
    let one = |name: &String| match known.iter().find(|(other, _)| is(other, name)) {
        Some((name, value)) => Pair::new(name, value.as_str()),
        None => Pair::new(name, ""),
    };
    names.iter().map(one).collect()
}

/// Sets those that are there, and adds the others.
pub(super) fn merge(known: &mut Vec<(String, String)>, new: &[Pair], is: fn(&str, &str) -> bool) {
    for Pair { name, value } in new {
        match known.iter_mut().find(|(other, _)| is(other, name)) {
            Some((_, old)) => old.clone_from(value),
            None => known.push((name.clone(), value.clone())),
        }
    }
}

/// Changes what the job asks for. What may change when is the kernel's rule.
async fn modify(
    app: &App,
    caller: &Caller,
    id: JobId,
    change: impl Fn(&mut JobSpec) -> Result<(), Problem> + Clone + Send + Sync + 'static,
) -> Result<StatusCode, Problem> {
    // First by itself, for what is wrong with the values; the job that is changed then is the one of that moment.
    let mut spec = app.job(id, |_, job| (*job.spec).clone()).await?;
    change(&mut spec)?;
    let by = caller.0.clone();
    let make = move |state: &kernel::State| command(state, by.clone(), id, &change);
    app.engine.command_of(make).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn command(
    state: &kernel::State,
    by: Actor,
    id: JobId,
    change: &impl Fn(&mut JobSpec) -> Result<(), Problem>,
) -> Result<Command, Rejection> {
    let job = state.job(id).ok_or(Rejection::UnknownJob(id))?;
    let mut spec = job.spec.clone();
    let meanwhile = Rejection::InvalidModify {
        job: id,
        property: "unit",
        state: job.state(),
        hint: "; it was changed meanwhile",
    };
    change(Arc::make_mut(&mut spec)).map_err(|_| meanwhile)?;
    Ok(Command::ModifyJob { by, job: id, spec })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_set_over_those_that_are_there() {
        let mut known = vec![("A".to_string(), "1".to_string())];
        let new = [Pair::new("a", "2"), Pair::new("b", "3")];
        merge(&mut known, &new, is_custom);
        assert_eq!(known, [("A".into(), "2".into()), ("b".into(), "3".into())]);
        merge(&mut known, &new, is_variable);
        assert_eq!(known.len(), 3);
        let names = ["B".to_string(), "c".to_string()];
        assert_eq!(
            named(&known, Some(&names), is_custom),
            [Pair::new("b", "3"), Pair::new("c", "")]
        );
        assert_eq!(named(&known, None, is_custom).len(), 3);
    }
}
