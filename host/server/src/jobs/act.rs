//! Submit, cancel, finish, requeue, configure: one job, or many with one answer each.

use axum::extract::State;
use axum::response::Response;
use jobyard::kernel::{self, Command, Event};
use jobyard::{Actor, EngineError, JobId, JobView, Manner};
use serde::{Deserialize, Serialize};

use super::add::check_count;
use crate::Problem;
use crate::app::App;
use crate::body::{JobPath, Json};
use crate::caller::Caller;
use crate::keys::{Done, Key, Told, carry_out};

/// Jobs in one call.
pub const JOBS_PER_CALL_MAX: usize = 10_000;

/// What may be said beside the job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Words {
    /// For cancel and finish: becomes the job's error message; at most 320 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// For cancel: no grace period, no node release.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// For cancel and finish: what runs may run to its end; nothing new starts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub graceful: bool,
}

/// The same for many jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Order {
    /// Which, in this order; at most [`JOBS_PER_CALL_MAX`].
    pub jobs: Vec<u32>,
    /// See [`Words::message`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// See [`Words::forced`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// See [`Words::graceful`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub graceful: bool,
}

/// What became of one of many: the job as it is now, or why not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Answer {
    /// The job's id; none where a job that was to be added has none.
    pub id: Option<u32>,
    /// The job, when it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobView>,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// One for each that was asked for, in the same order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Answers {
    /// The answers.
    pub answers: Vec<Answer>,
}

impl Answer {
    pub(crate) fn new(id: Option<u32>, result: Result<JobView, Problem>) -> Answer {
        let (job, problem) = match result {
            Ok(job) => (Some(job), None),
            Err(problem) => (None, Some(problem)),
        };
        Answer { id, job, problem }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Submit,
    Cancel,
    Finish,
    Requeue,
    Configure,
}

pub(crate) async fn one(
    act: Act,
    State(app): State<App>,
    caller: Caller,
    key: Key,
    JobPath(id): JobPath,
    Json(words): Json<Words>,
) -> Result<Response, Problem> {
    let command = command(act, &caller.0, id, &words)?;
    let looker = caller.clone();
    let answer = move |state: &kernel::State, mut done: Done| {
        let done = done.pop().unwrap_or(Err(EngineError::Stopped));
        acted(state, &looker, id, done).map(Told::ok)
    };
    carry_out(&app, &caller, key, &[id], vec![command], answer).await
}

pub(crate) async fn many(
    act: Act,
    State(app): State<App>,
    caller: Caller,
    key: Key,
    Json(order): Json<Order>,
) -> Result<Response, Problem> {
    check_count(order.jobs.len(), &key)?;
    let words = Words {
        message: order.message,
        forced: order.forced,
        graceful: order.graceful,
    };
    let jobs: Vec<JobId> = order.jobs.into_iter().map(JobId).collect();
    let commands = jobs.iter().map(|&id| command(act, &caller.0, id, &words));
    let commands = commands.collect::<Result<Vec<Command>, Problem>>()?;
    let (about, looker) = (jobs.clone(), caller.clone());
    let answer = move |state: &kernel::State, done: Done| {
        let answer = |(id, done): (JobId, _)| {
            let result = acted(state, &looker, id, done);
            Answer::new(Some(id.0), result)
        };
        let answers = jobs.into_iter().zip(done).map(answer).collect();
        Ok(Told::ok(Answers { answers }))
    };
    carry_out(&app, &caller, key, &about, commands, answer).await
}

/// A job as it is after that, as the caller may see it.
fn acted(
    state: &kernel::State,
    caller: &Caller,
    id: JobId,
    done: Result<Vec<Event>, EngineError>,
) -> Result<JobView, Problem> {
    done?;
    let job = state.job(id).ok_or_else(|| Problem::unknown_job(id))?;
    Ok(caller.limited(JobView::without_tasks(state, job)))
}

fn command(act: Act, by: &Actor, job: JobId, words: &Words) -> Result<Command, Problem> {
    let (by, message) = (by.clone(), words.message.clone());
    let ends = matches!(act, Act::Cancel | Act::Finish);
    let bad = |detail: &str| Err(Problem::bad("BadJson", detail));
    if !ends && (!message.is_empty() || words.graceful) {
        return bad("message and graceful go with cancel and finish only");
    }
    if words.forced && act != Act::Cancel {
        return bad("forced goes with cancel only");
    }
    let how = match (words.forced, words.graceful) {
        (true, true) => return bad("a cancel is forced or graceful, not both"),
        (true, false) => Manner::Forced,
        (false, true) => Manner::Graceful,
        (false, false) => Manner::Normal,
    };
    let graceful = words.graceful;
    Ok(match act {
        Act::Submit => Command::SubmitJob { by, job },
        Act::Cancel => Command::CancelJob {
            by,
            job,
            message,
            how,
        },
        Act::Finish => Command::FinishJob {
            by,
            job,
            message,
            graceful,
        },
        Act::Requeue => Command::RequeueJob { by, job },
        Act::Configure => Command::ConfigureJob { by, job },
    })
}
