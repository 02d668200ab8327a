//! What is asked of the daemon for one picture.

use jobyard::JobView;
use jobyard_server::jobs::PAGE_MAX;
use jobyard_server::nodes::{NodeList, NodeView};
use jobyard_server::queue::{Part, PartQuery};
use jobyard_server::summary::Summary;
use jobyard_server::tasks::{TaskPage, TaskQuery};

use crate::failure::Failure;
use crate::remote::{Client, job_show, show};

/// Tasks that a job in full shows.
const TASKS_MAX: u32 = 100;

/// Part of a list: so many jobs from a place on, at most.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Page {
    pub(crate) offset: usize,
    pub(crate) rows: u16,
}

/// What is to be asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) running: Page,
    pub(crate) queued: Page,
    /// The job that is shown in full.
    pub(crate) job: Option<u32>,
}

/// What the daemon said.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) numbers: Summary,
    pub(crate) nodes: Vec<NodeView>,
    /// Those that were added last first.
    pub(crate) running: Part,
    /// In the order of the queue.
    pub(crate) queued: Part,
    /// The job that is shown in full, as text.
    pub(crate) job: Option<String>,
}

/// Asks for all of it.
pub(crate) async fn ask(client: &Client, wanted: Wanted) -> Result<Seen, Failure> {
    let nodes: NodeList = show::read(client.get("/nodes", ()).await?)?;
    Ok(Seen {
        numbers: show::read(client.get("/summary", ()).await?)?,
        nodes: nodes.nodes,
        running: jobs(client, "/running", wanted.running).await?,
        queued: jobs(client, "/queue", wanted.queued).await?,
        job: match wanted.job {
            Some(id) => Some(in_full(client, id).await?),
            None => None,
        },
    })
}

/// A page of a list. One that has become so short that nothing of it is there is asked for its last page.
async fn jobs(client: &Client, path: &str, page: Page) -> Result<Part, Failure> {
    let limit = u32::from(page.rows).clamp(1, PAGE_MAX);
    let mut offset = u32::try_from(page.offset).unwrap_or(u32::MAX);
    loop {
        let query = PartQuery {
            offset: Some(offset),
            limit: Some(limit),
        };
        let part: Part = show::read(client.get(path, query).await?)?;
        if !part.jobs.is_empty() || offset == 0 {
            return Ok(part);
        }
        let last = part.total.saturating_sub(1) / u64::from(limit) * u64::from(limit);
        // It becomes less each time.
        offset = u32::try_from(last).unwrap_or(0).min(offset - 1);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_left_out_of_pictures() {
        let text = "a \u{1b}[38;5;14m Queued \u{1b}[39m b";
        assert_eq!(plain(text), "a  Queued  b");
        assert_eq!(plain("as it is"), "as it is");
    }
}
