//! Metrics: what jobyard counts, under HPC Pack's names.
//!
//! There is no history of metrics: `/metrics` is for those who keep one. Asked for a time that has the present in it, the present is answered.
//! How jobs ended is known of the past, and answered of the last 7 days.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use jobyard::history::Query as OfHistory;
use jobyard::kernel::{self, JobState, Node, NodeState, Timestamp};
use jobyard::rfc3339;
use serde::Serialize;

use super::answer::Answer;
use super::query::{Query, bad};
use crate::Problem;
use crate::app::App;
use crate::caller::Caller;

/// How far back jobs are counted.
const DAYS_US: u64 = 7 * 24 * 3_600 * 1_000_000;
/// How often a count is said.
const STEP_US: u64 = 3_600 * 1_000_000;
/// Jobs that are counted of those that have left memory.
const HISTORY_MAX: usize = 100_000;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    display_name: &'static str,
    description: &'static str,
}

/// Metrics of the cluster.
const DEFINITIONS: [Definition; 3] = [
    Definition {
        name: "HPCPoolUsage",
        display_name: "Cluster Pool Usage",
        description: "The number of cores that jobs hold",
    },
    Definition {
        name: "HPCSchedulerJobs",
        display_name: "Cluster Jobs",
        description: "The number of jobs that wait and that run",
    },
    Definition {
        name: "HPCSchedulerNodes",
        display_name: "Cluster Nodes",
        description: "The number of nodes by state",
    },
];

/// Metrics of nodes that HPC Pack has. Of these only the last is measured here.
const OF_NODES: [&str; 5] = [
    "HPCCpuUsage",
    "HPCMemoryPaging",
    "HPCDiskThroughput",
    "HPCNetwork",
    "HPCCoresInUse",
];

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    metric_name: String,
    from_time: String,
    to_time: String,
    instances: Vec<Instance>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Instance {
    instance_name: &'static str,
    values: Vec<Sample>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Sample {
    key: String,
    value: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct OfNode {
    node_name: String,
    metrics: BTreeMap<&'static str, u32>,
}

pub(super) async fn definitions(_: Caller) -> Answer {
    Answer::new("MetricDefinition", &DEFINITIONS)
}

pub(super) async fn history(
    State(app): State<App>,
    _: Caller,
    Path(name): Path<String>,
    query: Query,
) -> Result<Answer, Problem> {
    let time = |name| {
        query
            .time(name)?
            .ok_or_else(|| bad(name, "is not there, and must be"))
    };
    let (from, to) = (time("fromTime")?, time("toTime")?);
    let known = DEFINITIONS
        .iter()
        .find(|metric| metric.name.eq_ignore_ascii_case(&name));
    let Some(metric) = known.map(|metric| metric.name) else {
        let detail = format!("there is no metric {name:?}; see /hpc/cluster/metrics/definitions");
        return Err(Problem::new(StatusCode::NOT_FOUND, "UnknownMetric", detail));
    };
    let now = now();
    let is_now = (from..=to).contains(&now);
    let counted = app
        .engine
        .look(move |state, _| count(metric, state))
        .await?;
    let instance = |(instance_name, value)| Instance {
        instance_name,
        values: is_now
            .then(|| Sample {
                key: rfc3339(now),
                value,
            })
            .into_iter()
            .collect(),
    };
    let data = Data {
        metric_name: metric.into(),
        from_time: rfc3339(from),
        to_time: rfc3339(to),
        instances: counted.into_iter().map(instance).collect(),
    };
    Ok(Answer::new("MetricData", data))
}

fn now() -> Timestamp {
    let now = jiff::Timestamp::now().as_microsecond();
    Timestamp(u64::try_from(now).unwrap_or_default())
}

fn count(metric: &str, state: &kernel::State) -> Vec<(&'static str, u64)> {
    let nodes = |is: fn(&Node) -> bool| state.nodes().filter(|node| is(node)).count() as u64;
    match metric {
        "HPCPoolUsage" => {
            let cores =
                |count: fn(&Node) -> u32| state.nodes().map(|node| u64::from(count(node))).sum();
            vec![
                ("Cores in use", cores(cores_in_use)),
                ("Cores", cores(|node| node.spec.cores)),
            ]
        }
        "HPCSchedulerJobs" => {
            let running: std::collections::BTreeSet<_> =
                state.nodes().flat_map(|node| &node.jobs).collect();
            vec![
                ("Queued jobs", state.queue_length() as u64),
                ("Running jobs", running.len() as u64),
            ]
        }
        _ => vec![
            (
                "Online nodes",
                nodes(|node| node.state == NodeState::Online),
            ),
            (
                "Draining nodes",
                nodes(|node| node.state == NodeState::Draining),
            ),
            (
                "Offline nodes",
                nodes(|node| node.state == NodeState::Offline),
            ),
            ("Unreachable nodes", nodes(|node| node.unreachable)),
        ],
    }
}

fn cores_in_use(node: &Node) -> u32 {
    node.spec.cores - node.free.len().min(node.spec.cores)
}

/// How many jobs had ended in each way since 7 days ago, at each hour in which one did.
pub(super) async fn of_jobs(State(app): State<App>, _: Caller) -> Result<Answer, Problem> {
    let to = now();
    let from = Timestamp(to.0.saturating_sub(DAYS_US));
    let look = move |state: &kernel::State, _: &_| {
        let ended = state.jobs().filter(|job| job.state().is_ended());
        let ends = ended.filter_map(|job| Some((job.id, job.state(), job.times.ended?)));
        ends.filter(|(_, _, at)| *at >= from).collect::<Vec<_>>()
    };
    let mut ends = app.engine.look(look).await?;
    let live: std::collections::BTreeSet<_> = ends.iter().map(|(id, _, _)| *id).collect();
    let (mut after, mut read) = (None, 0);
    while read < HISTORY_MAX {
        let query = OfHistory {
            ended_from: Some(from),
            after,
            ..OfHistory::default()
        };
        let page = app.engine.history(query).await?;
        read += page.jobs.len();
        let gone = page.jobs.iter().filter(|job| !live.contains(&job.id));
        ends.extend(gone.map(|job| (job.id, job.state, job.ended)));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let instance = |(instance_name, state)| Instance {
        instance_name,
        values: grown(
            ends.iter()
                .filter(|(_, s, _)| *s == state)
                .map(|(_, _, at)| *at),
        ),
    };
    let states = [
        ("Number of finished jobs", JobState::Finished),
        ("Number of failed jobs", JobState::Failed),
        ("Number of canceled jobs", JobState::Canceled),
    ];
    let data = Data {
        metric_name: "Jobs".into(),
        from_time: rfc3339(from),
        to_time: rfc3339(to),
        instances: states.map(instance).into(),
    };
    Ok(Answer::new("MetricData", data))
}

/// How many there were by the end of each hour that had one.
fn grown(times: impl Iterator<Item = Timestamp>) -> Vec<Sample> {
    let mut hours: BTreeMap<u64, u64> = BTreeMap::new();
    times.for_each(|at| *hours.entry(at.0 / STEP_US).or_default() += 1);
    let mut sum = 0;
    let sample = |(hour, count)| {
        sum += count;
        let key = rfc3339(Timestamp((hour + 1) * STEP_US));
        Sample { key, value: sum }
    };
    hours.into_iter().map(sample).collect()
}

pub(super) async fn of_nodes(
    State(app): State<App>,
    _: Caller,
    query: Query,
) -> Result<Answer, Problem> {
    let names = query.names("metricNames");
    let names = names.ok_or_else(|| bad("metricNames", "is not there, and must be"))?;
    let known = |name: &String| {
        OF_NODES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let what = format!("{name:?} is none of {}", OF_NODES.join(", "));
        return Err(bad("metricNames", what));
    }
    let cores = names
        .iter()
        .any(|name| name.eq_ignore_ascii_case("HPCCoresInUse"));
    let look = move |state: &kernel::State, _: &_| {
        let of = |node: &Node| OfNode {
            node_name: node.spec.name.clone(),
            metrics: match cores && !node.unreachable {
                true => BTreeMap::from([("HpcCoresInUse", cores_in_use(node))]),
                false => BTreeMap::new(),
            },
        };
        state.nodes().map(of).collect::<Vec<_>>()
    };
    Ok(Answer::new("NodeMetric", app.engine.look(look).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_summed_by_hour() {
        let times = [1, 2, STEP_US, 3 * STEP_US].map(Timestamp);
        let samples = grown(times.into_iter());
        let values: Vec<_> = samples.iter().map(|s| (s.key.as_str(), s.value)).collect();
        let expected = [
            ("1970-01-01T01:00:00Z", 2),
            ("1970-01-01T02:00:00Z", 3),
            ("1970-01-01T04:00:00Z", 4),
        ];
        assert_eq!(values, expected);
    }
}
