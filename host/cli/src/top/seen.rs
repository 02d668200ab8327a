//! What is asked of the daemon for one picture.

use jobyard::JobView;
use jobyard_server::jobs::{JobPage, ListQuery, PAGE_MAX};
use jobyard_server::nodes::{NodeList, NodeView};
use jobyard_server::tasks::{TaskPage, TaskQuery};

use crate::failure::Failure;
use crate::remote::{Client, job_show, show};

/// States of jobs that have begun and not ended.
const RUNNING: &str = "Running,Finishing,Canceling";
/// States of jobs that wait.
const QUEUED: &str = "Queued,Submitted,Validating,ExternalValidation";
/// Tasks that a job in full shows.
const TASKS_MAX: u32 = 100;

/// Part of a list: so many jobs from a place on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) after: Option<String>,
    pub(crate) rows: u16,
}

/// What is to be asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) running: Page,
    pub(crate) queued: Page,
    /// The job that is shown in full.
    pub(crate) job: Option<u32>,
}

/// What the daemon said.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) numbers: Numbers,
    pub(crate) nodes: Vec<NodeView>,
    pub(crate) running: Jobs,
    pub(crate) queued: Jobs,
    /// The job that is shown in full, as text.
    pub(crate) job: Option<String>,
}

/// A page of a list.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    pub(crate) jobs: Vec<JobView>,
    /// Where the next one begins.
    pub(crate) next: Option<String>,
}

/// Numbers of the whole.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) policy: String,
    pub(crate) queued: u64,
    pub(crate) finished: u64,
    pub(crate) failed: u64,
    pub(crate) canceled: u64,
}

/// Asks for all of it.
pub(crate) async fn ask(client: &Client, wanted: Wanted) -> Result<Seen, Failure> {
    let metrics = client.text("/metrics").await?;
    let nodes: NodeList = show::read(client.get("/nodes", ()).await?)?;
    Ok(Seen {
        numbers: numbers(&metrics),
        nodes: nodes.nodes,
        running: jobs(client, RUNNING, wanted.running).await?,
        queued: jobs(client, QUEUED, wanted.queued).await?,
        job: match wanted.job {
            Some(id) => Some(in_full(client, id).await?),
            None => None,
        },
    })
}

async fn jobs(client: &Client, states: &str, page: Page) -> Result<Jobs, Failure> {
    let query = ListQuery {
        state: Some(states.into()),
        after: page.after,
        limit: Some(u32::from(page.rows).clamp(1, PAGE_MAX)),
        ..ListQuery::default()
    };
    let page: JobPage = show::read(client.get("/jobs", query).await?)?;
    Ok(Jobs {
        jobs: page.jobs,
        next: page.next,
    })
}

/// A job with its first tasks; what of it is refused is said in its place.
async fn in_full(client: &Client, id: u32) -> Result<String, Failure> {
    let job = match client.get(&format!("/jobs/{id}"), ()).await {
        Err(Failure::Input(refused)) => return Ok(refused),
        job => job?,
    };
    let mut job: JobView = show::read(job)?;
    let query = TaskQuery {
        limit: Some(TASKS_MAX),
        ..TaskQuery::default()
    };
    let tasks = client.get(&format!("/jobs/{id}/tasks"), query).await;
    let mut more = false;
    // Of others' jobs the tasks are not shown.
    if let Ok(page) = tasks {
        let page: TaskPage = show::read(page)?;
        more = page.next.is_some();
        job.tasks = page.tasks;
    }
    Ok(plain(&job_show::view(&job, more).text))
}

/// Without the colours that tables have on terminals: here they are written into a picture.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest));
    std::iter::once(first).chain(rest).collect()
}

/// Out of the lines of OpenMetrics. What is not there is zero.
fn numbers(metrics: &str) -> Numbers {
    let value = |name: &str| {
        let mut lines = metrics.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = found.and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
        value.unwrap_or_default() as u64
    };
    let ended = |state: &str| value(&format!("jobyard_jobs_ended_total{{state=\"{state}\"}}"));
    let policy = metrics.lines().find_map(|line| {
        let labels = line.strip_prefix("jobyard_build_info{")?;
        let (_, rest) = labels.split_once("policy=\"")?;
        Some(rest.split_once('"')?.0.to_string())
    });
    Numbers {
        policy: policy.unwrap_or_default(),
        queued: value("jobyard_jobs_queued"),
        finished: ended("Finished"),
        failed: ended("Failed"),
        canceled: ended("Canceled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_left_out_of_pictures() {
        let text = "a \u{1b}[38;5;14m Queued \u{1b}[39m b";
        assert_eq!(plain(text), "a  Queued  b");
        assert_eq!(plain("as it is"), "as it is");
    }

    #[test]
    fn numbers_are_read_out_of_metrics() {
        let metrics = "# TYPE jobyard_build info\n\
            jobyard_build_info{version=\"0.1.0\",policy=\"backfill\"} 1\n\
            jobyard_jobs_queued 12\n\
            jobyard_jobs_queued_other 5\n\
            jobyard_jobs_ended_total{state=\"Finished\"} 3\n\
            jobyard_jobs_ended_total{state=\"Failed\"} 1\n# EOF\n";
        let expected = Numbers {
            policy: "backfill".into(),
            queued: 12,
            finished: 3,
            failed: 1,
            canceled: 0,
        };
        assert_eq!(numbers(metrics), expected);
        assert_eq!(numbers(""), Numbers::default());
    }
}
