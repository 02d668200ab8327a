//! `GET /hpc/jobs`: jobs by owner and `$filter`, sorted by any property, some rows at a time.
//!
//! All jobs in memory, and of those that have left it the [`HISTORY_MAX`] that ended last.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use jobyard::JobId;
use jobyard::history::{Query as OfHistory, Summary};
use jobyard::kernel::{self, Job, JobState};

use super::answer::Answer;
use super::filter::JobFilter;
use super::job_properties::{JOB, JobOf, JobProperty, LISTED, changed};
use super::paging::{From, ROWS_MAX, Row, part};
use super::pairs::{Object, Pair};
use super::property::{find, pair, select};
use super::query::{Query, bad};
use super::value::Value;
use crate::Problem;
use crate::app::App;
use crate::caller::Caller;

/// Jobs that are listed of those that have left memory.
const HISTORY_MAX: usize = 10_000;
/// Jobs that a list may have.
const LISTED_MAX: usize = 1_000_000;
/// Jobs that are looked through at a time: others want to look too.
const LOOK_MAX: usize = 20_000;
/// Jobs whose properties are read at a time.
const SHOW_MAX: usize = 500;

/// What is asked of jobs, and what they are sorted by.
#[derive(Clone)]
struct Wanted {
    filter: JobFilter,
    owner: Option<String>,
    sorted_by: Option<&'static JobProperty>,
    caller: Caller,
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Answer, Problem> {
    if let Some(names) = query.names("nodeNames") {
        return on_nodes(&app, &caller, names).await;
    }
    let selected = select(JOB, query.names("properties"), Some(LISTED))?;
    let filter = query.text("$filter").unwrap_or_default();
    let wanted = Wanted {
        filter: JobFilter::parse(filter).map_err(|error| bad("$filter", error))?,
        owner: query.text("owner").map(String::from),
        // By id where there is no such property, as HPC Pack does.
        sorted_by: query.text("sortJobsBy").and_then(|name| find(JOB, name)),
        caller: caller.clone(),
    };
    let rows = rows(&app, &wanted).await?;
    let part = part(rows, query.flag("asc", true)?, query.from(), query.rows()?);
    let ids = part.rows.iter().filter_map(|row| row.id.first());
    let objects = show(
        &app,
        &caller,
        ids.map(|&id| JobId(id)).collect(),
        selected,
        true,
    )
    .await?;
    let answer = Answer::new("Object", objects);
    Ok(match query.from() {
        From::Row(_) => answer.counting(part.count),
        From::Start | From::Behind(_) => {
            let last = part.rows.last().filter(|_| part.more).cloned();
            answer.going_on_with(last.map(|row| query.cursor(row.key, row.id).text()))
        }
    })
}

/// All properties of the jobs that hold something of these nodes. Names of no node are left out.
async fn on_nodes(app: &App, caller: &Caller, names: Vec<String>) -> Result<Answer, Problem> {
    let look = move |state: &kernel::State, _: &_| {
        let nodes = names.iter().filter_map(|name| state.node_by_name(name));
        let jobs: BTreeSet<JobId> = nodes.flat_map(|node| node.jobs.iter().copied()).collect();
        jobs.into_iter().take(ROWS_MAX).collect()
    };
    let ids = app.engine.look(look).await?;
    let all = JOB.iter().collect();
    let objects = show(app, caller, ids, all, false).await?;
    Ok(Answer::new("Object", objects))
}

async fn rows(app: &App, wanted: &Wanted) -> Result<Vec<Row>, Problem> {
    let mut found: BTreeMap<JobId, Option<Value>> = BTreeMap::new();
    let mut before = Some(JobId(u32::MAX));
    while let Some(from) = before {
        let wanted = wanted.clone();
        let look = move |state: &kernel::State, _: &_| wanted.look(state, from);
        let (some, next) = app.engine.look(look).await?;
        found.extend(some);
        if found.len() > LISTED_MAX {
            let detail =
                format!("more than {LISTED_MAX} jobs fit: ask for fewer with $filter or owner");
            return Err(Problem::bad("TooManyJobs", detail));
        }
        before = next;
    }
    let (mut after, mut read) = (None, 0);
    while wanted.may_have_ended() && read < HISTORY_MAX {
        let query = OfHistory {
            after,
            limit: HISTORY_MAX - read,
            ..OfHistory::default()
        };
        let page = app.engine.history(query).await?;
        read += page.jobs.len();
        for job in page.jobs.iter().filter(|job| wanted.takes_ended(job)) {
            // One that left memory meanwhile is there already.
            found
                .entry(job.id)
                .or_insert_with(|| wanted.key_of_ended(job));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let row = |(id, key): (JobId, _)| Row {
        key,
        id: vec![id.0],
    };
    Ok(found.into_iter().map(row).collect())
}

impl Wanted {
    /// Those that fit of the jobs with lower ids, and where to go on.
    fn look(
        &self,
        state: &kernel::State,
        before: JobId,
    ) -> (Vec<(JobId, Option<Value>)>, Option<JobId>) {
        let (mut found, mut last) = (Vec::new(), before);
        for (count, job) in state.jobs_before(before).enumerate() {
            if count == LOOK_MAX {
                return (found, Some(last));
            }
            last = job.id;
            if self.takes(job) {
                let of = JobOf { state, job };
                let key = self
                    .sorted_by
                    .and_then(|property| value(&of, property, &self.caller));
                found.push((job.id, key));
            }
        }
        (found, None)
    }

    fn has(&self, state: JobState) -> bool {
        self.filter.states & state as u32 != 0
    }

    fn is_owner(&self, owner: &str) -> bool {
        let wanted = self.owner.as_ref();
        wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(owner))
    }

    fn takes(&self, job: &Job) -> bool {
        let changed_from = self.filter.changed_from;
        let group = self.filter.node_group.as_ref();
        self.has(job.state())
            && self.is_owner(&job.spec.owner)
            && changed_from.is_none_or(|from| changed(job) >= from)
            && group.is_none_or(|group| job.spec.node_groups.contains(group))
    }

    fn may_have_ended(&self) -> bool {
        let ended = [JobState::Finished, JobState::Failed, JobState::Canceled];
        // What node groups they asked for is not in the list of history.
        self.filter.node_group.is_none() && ended.into_iter().any(|state| self.has(state))
    }

    fn takes_ended(&self, job: &Summary) -> bool {
        let changed_from = self.filter.changed_from;
        self.has(job.state)
            && self.is_owner(&job.owner)
            && changed_from.is_none_or(|from| job.ended >= from)
    }

    /// What history's list has to sort by; none for other properties.
    fn key_of_ended(&self, job: &Summary) -> Option<Value> {
        let time = |at: kernel::Timestamp| Some(Value::Time(at));
        match self.sorted_by?.name {
            "Id" => Value::number(job.id.0),
            "Name" => Value::text(&job.name),
            "Owner" | "UserName" => Value::text(&job.owner),
            "Project" => Value::text(&job.project),
            "State" => Some(Value::Choice(job.state as u32, job.state.to_string())),
            "ExpandedPriority" => Value::number(job.priority),
            "CreateTime" => time(job.created),
            "SubmitTime" => time(job.submitted?),
            "StartTime" => time(job.started?),
            "EndTime" | "ChangeTime" => time(job.ended),
            _ => None,
        }
    }
}

/// What the caller may see of it.
fn value(of: &JobOf<'_>, property: &JobProperty, caller: &Caller) -> Option<Value> {
    (property.open || caller.sees(of.job))
        .then(|| (property.show)(of))
        .flatten()
}

/// The properties of a job, those without a value only where they were asked for by name.
pub(super) fn pairs(
    of: &JobOf<'_>,
    selected: &[&'static JobProperty],
    caller: &Caller,
    by_name: bool,
) -> Vec<Pair> {
    let pairs = selected.iter().filter_map(|property| {
        let value = value(of, property, caller);
        pair(property.name, value, by_name)
    });
    pairs.collect()
}

/// The properties of jobs, in this order. One that is forgotten meanwhile is left out.
async fn show(
    app: &App,
    caller: &Caller,
    ids: Vec<JobId>,
    selected: Vec<&'static JobProperty>,
    by_name: bool,
) -> Result<Vec<Object>, Problem> {
    let mut objects = Vec::with_capacity(ids.len());
    for some in ids.chunks(SHOW_MAX) {
        let (ids, caller, selected) = (some.to_vec(), caller.clone(), selected.clone());
        let all = (caller.clone(), selected.clone());
        let look = move |state: &kernel::State, _: &_| {
            let one = |&id: &JobId| {
                let job = state.job(id)?;
                Some(pairs(&JobOf { state, job }, &selected, &caller, by_name))
            };
            ids.iter().map(one).collect::<Vec<_>>()
        };
        for (&id, found) in some.iter().zip(app.engine.look(look).await?) {
            let properties = match found {
                Some(pairs) => pairs,
                None => {
                    let (caller, selected) = all.clone();
                    let read = move |state: &kernel::State, job: &Job| {
                        pairs(&JobOf { state, job }, &selected, &caller, by_name)
                    };
                    match app.job(id, read).await {
                        Ok(pairs) => pairs,
                        Err(problem) if problem.code == "UnknownJob" => continue,
                        Err(problem) => return Err(problem),
                    }
                }
            };
            objects.push(Object { properties });
        }
    }
    Ok(objects)
}
