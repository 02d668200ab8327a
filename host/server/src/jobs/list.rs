//! A page of jobs: filtered, by id, from after the last page.

use axum::extract::State;
use jobyard::kernel::{Job, JobState};
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Jobs with higher ids only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    /// At most so many: 1 to [`PAGE_MAX`], by default [`PAGE_DEFAULT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Some jobs, by id, without their tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobView>,
    /// The `after` of the next page; none when this is the last.
    pub next: Option<u32>,
}

pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(query): Asked<ListQuery>,
) -> Result<axum::Json<JobPage>, Problem> {
    let limit = page_limit(query.limit)?;
    let filter = Filter::new(&query)?;
    let mut after = JobId(query.after.unwrap_or(0));
    let mut jobs = Vec::new();
    loop {
        let (filter, room) = (filter.clone(), limit - jobs.len());
        let look = move |state: &jobyard::kernel::State, _: &_| {
            let (mut found, mut last) = (Vec::new(), None);
            for (count, job) in state.jobs_after(after).enumerate() {
                if found.len() == room || count == LOOK_MAX {
                    return (found, last);
                }
                last = Some(job.id);
                if filter.takes(job) {
                    found.push(JobView::without_tasks(state, job));
                }
            }
            (found, None)
        };
        let (found, last) = app.engine.look(look).await?;
        jobs.extend(found.into_iter().map(|view| caller.limited(view)));
        match last {
            Some(last) if jobs.len() < limit => after = last,
            last => {
                let next = last.map(|id| id.0);
                return Ok(axum::Json(JobPage { jobs, next }));
            }
        }
    }
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

/// Every fine state.
const STATES: [JobState; 11] = [
    JobState::Configuring,
    JobState::Submitted,
    JobState::Validating,
    JobState::ExternalValidation,
    JobState::Queued,
    JobState::Running,
    JobState::Finishing,
    JobState::Finished,
    JobState::Failed,
    JobState::Canceled,
    JobState::Canceling,
];

#[derive(Debug, Clone)]
struct Filter {
    /// The flags of the fine states.
    states: u32,
    owner: Option<String>,
    name: Option<String>,
}

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
        Ok(Filter {
            states: fine & coarse,
            owner: query.owner.clone(),
            name: query.name.clone(),
        })
    }

    fn takes(&self, job: &Job) -> bool {
        let is = |wanted: &Option<String>, value: &String| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        self.states & job.state() as u32 != 0
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
        let meant = STATES.into_iter().filter(|&state| means(word, state));
        let meant = meant.fold(0, |flags, state| flags | state as u32);
        if meant == 0 {
            let names = match key {
                "status" => {
                    "NotSubmitted, Queued, Running, Finished, Failed, Cancelled, or 0 to 5".into()
                }
                _ => STATES.map(|state| state.to_string()).join(", "),
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
    fn unknown_states_are_named_with_the_known_ones() {
        let error = states(Some("Runing"), None).unwrap_err();
        assert!(error.contains("Runing") && error.contains("Canceling"));
        assert!(states(None, Some("6")).unwrap_err().contains("0 to 5"));
    }
}
