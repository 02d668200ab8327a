//! A job as people and programs see it: plain data, ready for JSON.

use jiff::Timestamp as Rfc3339;
use jobyard_journal::history::Summary;
use jobyard_kernel::{
    DEFAULT_TEMPLATE, Job, JobId, Phase, State, Task, TaskId, TaskKind, TaskState, Timestamp, Unit,
};
use serde::{Deserialize, Serialize};

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobView {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: String,
    /// The fine state.
    pub state: String,
    /// The coarse state: 0 not submitted, 1 queued, 2 running, 3 finished, 4 failed, 5 cancelled.
    pub status: u32,
    /// The job template that it was made from.
    #[serde(default)]
    pub template: String,
    /// What the work is for.
    #[serde(default)]
    pub project: String,
    /// The resource pool that it draws on, as its template says; empty for the default one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pool: String,
    /// 0 to 4000.
    pub priority: u32,
    /// What its minimum and maximum count: `core`, `socket`, `node` or `gpu`; empty where that is not known.
    #[serde(default)]
    pub unit: String,
    /// Cores, or what else it counts, that it starts with at least; 0 where that is not known.
    pub min_cores: u32,
    /// Cores, or what else it counts, that it is given at most; 0 where that is not known.
    pub max_cores: u32,
    /// What it holds, by node.
    pub allocation: Vec<AllocationView>,
    /// When it was added.
    pub created: Option<String>,
    /// When it was submitted last.
    pub submitted: Option<String>,
    /// When it started last.
    pub started: Option<String>,
    /// When it ended last.
    pub ended: Option<String>,
    /// Held until.
    pub hold_until: Option<String>,
    /// What went wrong, or what the one who ended it said; empty if there is nothing.
    pub error_message: String,
    /// HPC Pack's number for the error, where there is one.
    pub error_code: Option<u32>,
    /// Why it waits, while it is queued.
    pub waiting: Option<WaitingView>,
    /// When the policy expects it to start.
    pub expected_start: Option<String>,
    /// How often it was queued again.
    pub requeue_count: u32,
    /// Percent done: the share of instances that have ended, or what somebody said.
    #[serde(default)]
    pub progress: u32,
    /// What somebody said of its progress.
    #[serde(default)]
    pub progress_message: String,
    /// Whether, and to whom, its start is told.
    #[serde(default)]
    pub notify_on_start: bool,
    /// Likewise its end.
    #[serde(default)]
    pub notify_on_completion: bool,
    /// To whom.
    #[serde(default)]
    pub email: String,
    /// Instances of its tasks by state.
    pub counts: CountsView,
    /// Its tasks; not there where they were not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskView>,
}

/// What a job holds of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AllocationView {
    /// The node's name.
    pub node: String,
    /// Core ids, as `0-3,7`.
    pub cores: String,
}

/// Why a job waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WaitingView {
    /// The code: see `jobyard_kernel::waiting`.
    pub reason: u32,
    /// For people.
    pub text: String,
}

/// Instances by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[expect(missing_docs, reason = "the names are the states")]
pub struct CountsView {
    /// Of tasks that are being configured by themselves, in a job that is in the queue or runs.
    #[serde(default)]
    pub configuring: u64,
    pub queued: u64,
    pub running: u64,
    pub finished: u64,
    pub failed: u64,
    pub canceled: u64,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskView {
    /// Its id in the job.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// `basic`, `sweep`, `node-prepare` or `node-release`.
    pub kind: String,
    /// The fine state; of a sweep the state of the whole.
    pub state: String,
    /// Its instances by state.
    pub counts: CountsView,
    /// How its instances ended, as ranges.
    pub outcomes: Vec<OutcomeView>,
    /// The last error that a node reported.
    pub last_error: Option<String>,
    /// What the one said who canceled or finished it, or an instance of it, last.
    #[serde(default)]
    pub message: Option<String>,
    /// The command line as it was given.
    pub command_line: String,
}

/// Instances that ended alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutcomeView {
    /// Finished, Failed or Canceled.
    pub state: String,
    /// The exit code, where there was one.
    pub exit_code: Option<i32>,
    /// In words.
    pub text: String,
    /// Which instances, as `1-5,7`; `0` for a basic task.
    pub instances: String,
}

impl JobView {
    /// A job as it stands in the state, with its tasks.
    pub fn of(state: &State, id: JobId) -> Option<JobView> {
        state.job(id).map(|job| JobView::of_job(state, job))
    }

    /// A job that need not be live, such as one of history.
    pub fn of_job(state: &State, job: &Job) -> JobView {
        let all = job.tasks.iter().enumerate();
        let tasks = all.map(|(index, task)| TaskView::new(job, index, task));
        JobView {
            tasks: tasks.collect(),
            ..JobView::without_tasks(state, job)
        }
    }

    /// A job, which need not be live either, without its tasks: for lists, and for jobs of very many.
    pub fn without_tasks(state: &State, job: &Job) -> JobView {
        let id = job.id;
        let time = |at: Option<Timestamp>| at.map(rfc3339);
        let node = |id| {
            state
                .node(id)
                .map_or_else(|| format!("{id}"), |n| n.spec.name.clone())
        };
        let waiting = state.why_waiting(id);
        JobView {
            id: id.0,
            name: job.spec.name.clone(),
            owner: job.spec.owner.clone(),
            state: job.state().to_string(),
            status: job.status() as u32,
            template: match job.spec.template.as_str() {
                "" => DEFAULT_TEMPLATE.into(),
                name => name.into(),
            },
            project: job.spec.project.clone(),
            pool: job.spec.pool.clone(),
            priority: job.spec.priority,
            unit: match job.spec.unit {
                Unit::Core => "core",
                Unit::Socket => "socket",
                Unit::Node => "node",
                Unit::Gpu => "gpu",
            }
            .into(),
            // Before it is validated, what it asks for itself.
            min_cores: if job.max == 0 {
                job.spec.min.unwrap_or(0)
            } else {
                job.min
            },
            max_cores: if job.max == 0 {
                job.spec.max.unwrap_or(0)
            } else {
                job.max
            },
            allocation: job
                .shares
                .iter()
                .map(|(&id, share)| AllocationView {
                    node: node(id),
                    cores: share.cores.to_string(),
                })
                .collect(),
            created: Some(rfc3339(job.times.created)),
            submitted: time(job.times.submitted),
            started: time(job.times.started),
            ended: time(job.times.ended),
            hold_until: time(job.hold_until),
            error_message: job.error_message(),
            error_code: job.error.as_deref().map(jobyard_kernel::JobError::code),
            waiting: waiting.map(|w| WaitingView {
                reason: w.reason,
                text: w.text,
            }),
            expected_start: job.reservation.as_ref().map(|r| rfc3339(r.at)),
            requeue_count: job.requeue_count,
            progress: job.progress(),
            progress_message: job.spec.progress_message.clone(),
            notify_on_start: job.spec.notify_on_start,
            notify_on_completion: job.spec.notify_on_completion,
            email: job.spec.email.clone(),
            counts: CountsView {
                configuring: job.counts.configuring,
                queued: job.counts.queued,
                running: job.counts.running,
                finished: job.counts.finished,
                failed: job.counts.failed,
                canceled: job.counts.canceled,
            },
            tasks: Vec::new(),
        }
    }
}

impl JobView {
    /// A job of history as a list of them shows it: not what it ran on, nor what it counts.
    pub fn of_summary(job: &Summary) -> JobView {
        let time = |at: Option<Timestamp>| at.map(rfc3339);
        let [finished, failed, canceled] = job.instances;
        JobView {
            id: job.id.0,
            name: job.name.clone(),
            owner: job.owner.clone(),
            state: job.state.to_string(),
            status: job.state.status() as u32,
            template: String::new(),
            project: job.project.clone(),
            pool: String::new(),
            priority: job.priority,
            unit: String::new(),
            min_cores: 0,
            max_cores: 0,
            allocation: Vec::new(),
            created: Some(rfc3339(job.created)),
            submitted: time(job.submitted),
            started: time(job.started),
            ended: Some(rfc3339(job.ended)),
            hold_until: None,
            error_message: job.error.clone(),
            error_code: job.error_code,
            waiting: None,
            expected_start: None,
            requeue_count: job.requeues,
            progress: 100,
            progress_message: String::new(),
            notify_on_start: false,
            notify_on_completion: false,
            email: String::new(),
            counts: CountsView {
                configuring: 0,
                queued: 0,
                running: 0,
                finished,
                failed,
                canceled,
            },
            tasks: Vec::new(),
        }
    }
}

impl TaskView {
    /// A task as it stands in its job.
    pub fn of(job: &Job, id: TaskId) -> Option<TaskView> {
        let task = job.task(id)?;
        Some(TaskView::new(job, id.0 as usize - 1, task))
    }

    fn new(job: &Job, index: usize, task: &Task) -> TaskView {
        let configuring = job.phase == Phase::Configuring;
        TaskView {
            id: index as u32 + 1,
            name: task.spec.name.clone(),
            kind: match task.spec.kind {
                TaskKind::Basic => "basic",
                TaskKind::Sweep { .. } => "sweep",
                TaskKind::Service => "service",
                TaskKind::NodePrepare => "node-prepare",
                TaskKind::NodeRelease => "node-release",
            }
            .into(),
            state: task.state(configuring).to_string(),
            counts: CountsView {
                configuring: if task.draft { task.queued.len() } else { 0 },
                queued: if task.draft { 0 } else { task.queued.len() },
                running: task.runs.len() as u64,
                finished: task.ended_in(TaskState::Finished),
                failed: task.ended_in(TaskState::Failed),
                canceled: task.ended_in(TaskState::Canceled),
            },
            outcomes: task
                .outcomes
                .iter()
                .map(|(outcome, instances)| OutcomeView {
                    state: outcome.state().to_string(),
                    exit_code: outcome.exit_code(),
                    text: outcome.to_string(),
                    instances: instances.to_string(),
                })
                .collect(),
            last_error: task.last_error.clone(),
            message: task.message.clone(),
            command_line: task.spec.command_line.clone(),
        }
    }
}

/// A time as the outside has it: RFC 3339 in UTC.
pub fn rfc3339(at: Timestamp) -> String {
    match Rfc3339::from_microsecond(at.0 as i64) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{} microseconds since 1970", at.0),
    }
}
