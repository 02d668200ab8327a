//! A page of jobs, live ones and those of history, newest first: filtered, from after the last page.
//!
//! Live jobs come by id, the one that was added last first; then history, the one that ended last first. A job that leaves memory between
//! two pages may come twice; none is left out.

use axum::extract::State;
use jobyard::history::{Place, Query};
use jobyard::jobfile::parse_hold_until;
use jobyard::kernel::{Job, JobState, Timestamp};
use jobyard::{JobId, JobView};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::Asked;
use crate::caller::Caller;

/// Jobs of a page where the query does not say.
pub const PAGE_DEFAULT: u32 = 100;
/// Jobs of a page at most.
pub const PAGE_MAX: u32 = 1_000;
/// Jobs that are looked through at a time: others want to look too.
const LOOK_MAX: usize = 20_000;

/// The query of `GET /jobs`. Filters that are not given let everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct ListQuery {
    /// Fine states, as `Queued,Running`; any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Coarse states by number or name, as `1,2` or `Queued,Running`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The job's name, all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Jobs that were added, submitted, started or ended at this time or later, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Jobs that ended before this time, RFC 3339; with `since`, that ended from then up to here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_before: Option<String>,
    /// Only what comes after this place: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many: 1 to [`PAGE_MAX`], by default [`PAGE_DEFAULT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Some jobs, newest first, without their tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobPage {
    /// The jobs. Of those of history only what a list shows.
    pub jobs: Vec<JobView>,
    /// The `after` of the next page; none when this is the last.
    pub next: Option<String>,
}

/// How far the pages have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cursor {
    /// Live jobs with lower ids come next.
    Live(JobId),
    /// History comes next: behind this place, or from its begin.
    History(Option<Place>),
}

impl Cursor {
    fn read(text: &str) -> Option<Cursor> {
        let place = |text: &str| {
            let (ended, job) = text.split_once('.')?;
            Some(Place {
                ended: Timestamp(ended.parse().ok()?),
                job: JobId(job.parse().ok()?),
            })
        };
        match text.strip_prefix("ended") {
            Some("") => Some(Cursor::History(None)),
            Some(rest) => place(rest.strip_prefix('.')?).map(|at| Cursor::History(Some(at))),
            None => text.parse().ok().map(|id| Cursor::Live(JobId(id))),
        }
    }

    fn text(self) -> String {
        match self {
            Cursor::Live(id) => id.to_string(),
            Cursor::History(None) => "ended".into(),
            Cursor::History(Some(Place { ended, job })) => format!("ended.{}.{job}", ended.0),
        }
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(query): Asked<ListQuery>,
) -> Result<axum::Json<JobPage>, Problem> {
    let limit = page_limit(query.limit)?;
    let filter = Filter::new(&query)?;
    let mut at = match &query.after {
        None => Cursor::Live(JobId(u32::MAX)),
        Some(text) => Cursor::read(text).ok_or_else(|| {
            let detail = format!("after: {text:?} is not the `next` of a page");
            Problem::bad("BadQuery", detail)
        })?,
    };
    let mut jobs = Vec::new();
    loop {
        let room = limit - jobs.len();
        let (found, next) = match at {
            Cursor::Live(before) => live(&app, &filter, before, room).await?,
            Cursor::History(after) => history(&app, &filter, after, room).await?,
        };
        jobs.extend(found.into_iter().map(|view| caller.limited(view)));
        match next {
            Some(next) if jobs.len() < limit => at = next,
            next => {
                let next = next.map(Cursor::text);
                return Ok(axum::Json(JobPage { jobs, next }));
            }
        }
    }
}

type Found = (Vec<JobView>, Option<Cursor>);

async fn live(app: &App, filter: &Filter, before: JobId, room: usize) -> Result<Found, Problem> {
    let filter = filter.clone();
    let look = move |state: &jobyard::kernel::State, _: &_| {
        let (mut found, mut last) = (Vec::new(), before);
        for (count, job) in state.jobs_before(before).enumerate() {
            if found.len() == room || count == LOOK_MAX {
                return (found, Some(Cursor::Live(last)));
            }
            last = job.id;
            if filter.takes(job) {
                found.push(JobView::without_tasks(state, job));
            }
        }
        let next = filter.may_have_ended().then_some(Cursor::History(None));
        (found, next)
    };
    Ok(app.engine.look(look).await?)
}

async fn history(
    app: &App,
    filter: &Filter,
    after: Option<Place>,
    room: usize,
) -> Result<Found, Problem> {
    let page = app.engine.history(filter.of_history(after, room)).await?;
    let fitting = page.jobs.iter().filter(|job| filter.has(job.state));
    let found = fitting.map(JobView::of_summary).collect();
    Ok((found, page.next.map(|place| Cursor::History(Some(place)))))
}

/// The length of a page from what a query says.
pub(crate) fn page_limit(asked: Option<u32>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(PAGE_DEFAULT);
    match (1..=PAGE_MAX).contains(&limit) {
        true => Ok(limit as usize),
        false => Err(Problem::bad(
            "BadQuery",
            format!("limit: {limit} is not from 1 to {PAGE_MAX}"),
        )),
    }
}

#[derive(Debug, Clone)]
struct Filter {
    /// The flags of the fine states.
    states: u32,
    owner: Option<String>,
    name: Option<String>,
    since: Option<Timestamp>,
    ended_before: Option<Timestamp>,
}

/// The states of jobs that history has.
const ENDED: [JobState; 3] = [JobState::Finished, JobState::Failed, JobState::Canceled];

impl Filter {
    fn new(query: &ListQuery) -> Result<Filter, Problem> {
        let is = |text: &str, name: String| name.eq_ignore_ascii_case(text);
        let fine = chosen(&query.state, "state", |text, state| {
            is(text, state.to_string())
        })?;
        let coarse = chosen(&query.status, "status", |text, state| {
            let status = state.status();
            is(text, format!("{status:?}")) || text == (status as u32).to_string()
        })?;
        let time = |key: &str, text: &Option<String>| {
            let time = text.as_deref().map(parse_hold_until).transpose();
            time.map_err(|error| Problem::bad("BadQuery", format!("{key}: {error}")))
        };
        Ok(Filter {
            since: time("since", &query.since)?,
            ended_before: time("ended_before", &query.ended_before)?,
            states: fine & coarse,
            owner: query.owner.clone(),
            name: query.name.clone(),
        })
    }

    fn has(&self, state: JobState) -> bool {
        self.states & state as u32 != 0
    }

    fn may_have_ended(&self) -> bool {
        ENDED.into_iter().any(|state| self.has(state))
    }

    fn of_history(&self, after: Option<Place>, limit: usize) -> Query {
        let mut states = ENDED.into_iter().filter(|&state| self.has(state));
        Query {
            owner: self.owner.clone(),
            name: self.name.clone(),
            // One of them is looked up; of two the rest is left out later.
            state: states.next().filter(|_| states.next().is_none()),
            ended_from: self.since,
            ended_before: self.ended_before,
            after,
            limit,
        }
    }

    fn takes(&self, job: &Job) -> bool {
        let is = |wanted: &Option<String>, value: &String| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        let times = &job.times;
        let times = [
            Some(times.created),
            times.submitted,
            times.started,
            times.ended,
        ];
        self.has(job.state())
            && self
                .since
                .is_none_or(|since| times.into_iter().flatten().any(|at| at >= since))
            && self
                .ended_before
                .is_none_or(|before| job.times.ended.is_some_and(|ended| ended < before))
            && is(&self.owner, &job.spec.owner)
            && is(&self.name, &job.spec.name)
    }
}

/// The flags of the states that a list of words means; all when there is none.
fn chosen(
    words: &Option<String>,
    key: &str,
    means: impl Fn(&str, JobState) -> bool,
) -> Result<u32, Problem> {
    let Some(words) = words else {
        return Ok(u32::MAX);
    };
    let mut flags = 0;
    for word in words.split(',').map(str::trim) {
        let meant = JobState::ALL
            .into_iter()
            .filter(|&state| means(word, state));
        let meant = meant.fold(0, |flags, state| flags | state as u32);
        if meant == 0 {
            let names = match key {
                "status" => {
                    "NotSubmitted, Queued, Running, Finished, Failed, Cancelled, or 0 to 5".into()
                }
                _ => JobState::ALL.map(|state| state.to_string()).join(", "),
            };
            let detail = format!("{key}: {word:?} is none of {names}");
            return Err(Problem::bad("BadQuery", detail));
        }
        flags |= meant;
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(state: Option<&str>, status: Option<&str>) -> Result<u32, String> {
        let query = ListQuery {
            state: state.map(Into::into),
            status: status.map(Into::into),
            ..ListQuery::default()
        };
        Filter::new(&query)
            .map(|f| f.states)
            .map_err(|p| p.to_string())
    }

    #[test]
    fn states_combine_as_flags() {
        assert_eq!(states(Some("queued, RUNNING"), None), Ok(0x30));
        assert_eq!(states(None, Some("2")), Ok(0x20 | 0x40 | 0x400));
        assert_eq!(states(None, Some("Cancelled")), Ok(0x200));
        assert_eq!(states(Some("Running"), Some("3")), Ok(0));
        assert_eq!(states(None, None), Ok(u32::MAX));
    }

    #[test]
    fn cursors_read_back() {
        let place = Place {
            ended: Timestamp(7),
            job: JobId(3),
        };
        for cursor in [
            Cursor::Live(JobId(12)),
            Cursor::History(None),
            Cursor::History(Some(place)),
        ] {
            assert_eq!(Cursor::read(&cursor.text()), Some(cursor));
        }
        for bad in ["", "ended.", "ended.1", "endedx", "-1", "1.2"] {
            assert_eq!(Cursor::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn unknown_states_are_named_with_the_known_ones() {
        let error = states(Some("Runing"), None).unwrap_err();
        assert!(error.contains("Runing") && error.contains("Canceling"));
        assert!(states(None, Some("6")).unwrap_err().contains("0 to 5"));
    }
}
