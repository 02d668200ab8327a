//! What is shown of a job: how far it is while it runs, the table when it has ended.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use comfy_table::{Cell, CellAlignment, Table};
use jobyard::kernel::{Event, Fact, Outcome, Span, TaskId, Then, Timestamp, Verdict};
use jobyard::{JobView, TaskView};
use serde::Serialize;

use crate::table::{self, exit_codes, instances};

/// Read off the events: counts as they stand, and when each task began and ended.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) total: u64,
    pub(crate) ended_instances: u64,
    pub(crate) running_instances: u64,
    pub(crate) failed_instances: u64,
    /// What the bar says before the counts.
    pub(crate) phase: &'static str,
    pub(crate) ended: bool,
    /// Whether the ending that it is in is its last: not when it is queued again.
    ends: bool,
    tasks: BTreeMap<TaskId, TaskTimes>,
    /// Tasks that the job's result depends on.
    ordinary: Vec<bool>,
    started: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct TaskTimes {
    begun: Option<Timestamp>,
    ended: Option<Timestamp>,
    begun_attempts: BTreeMap<(u32, u32), Timestamp>,
    busy: Span,
}

impl Times {
    pub(crate) fn note(&mut self, event: &Event) {
        let at = event.at;
        match &event.fact {
            Fact::JobAdded { tasks, .. } => {
                self.ordinary = tasks.iter().map(|t| t.kind.is_ordinary()).collect();
                let instances = tasks.iter().filter_map(|t| t.kind.instances());
                self.total = instances
                    .map(|(first, last)| u64::from(last - first) + 1)
                    .sum();
            }
            Fact::JobValidated { .. } => self.phase = "queued, ",
            Fact::JobStarted { .. } => {
                self.started.get_or_insert(at);
                self.phase = "";
            }
            Fact::Dispatched { works, .. } => {
                for execution in works.iter().map(|work| work.execution) {
                    let times = self.tasks.entry(execution.task).or_default();
                    times.begun.get_or_insert(at);
                    times
                        .begun_attempts
                        .insert((execution.instance, execution.attempt), at);
                    self.running_instances += u64::from(self.is_ordinary(execution.task));
                }
            }
            Fact::WorkEnded {
                execution, verdict, ..
            } => {
                let times = self.tasks.entry(execution.task).or_default();
                times.ended = Some(at);
                let begun = times
                    .begun_attempts
                    .remove(&(execution.instance, execution.attempt));
                times.busy.0 += begun.map_or(0, |begun| at.since(begun).0);
                if self.is_ordinary(execution.task) {
                    self.running_instances = self.running_instances.saturating_sub(1);
                    if let Verdict::Ended(outcome) = verdict {
                        self.ended_instances += 1;
                        self.failed_instances +=
                            u64::from(matches!(outcome, Outcome::Failed { .. }));
                    }
                }
            }
            Fact::JobEnding { closing, .. } => {
                self.phase = "ending, ";
                self.ends = closing.then != Then::Queued;
            }
            Fact::JobInvalid { .. } | Fact::JobRejected { .. } => self.ended = true,
            Fact::JobEnded { .. } => {
                self.ended = self.ends;
                self.ended_at = Some(at);
            }
            Fact::ParametersSet(_)
            | Fact::TemplateSet(_)
            | Fact::TemplateRemoved { .. }
            | Fact::NodeAdded { .. }
            | Fact::NodeStateChanged { .. }
            | Fact::NodeReachable { .. }
            | Fact::NodeGroupsSet { .. }
            | Fact::ParentFinished { .. }
            | Fact::ScreeningBegun { .. }
            | Fact::FilterPassed { .. }
            | Fact::RevertEnded { .. }
            | Fact::ActivationBegun { .. }
            | Fact::ActivationAsked { .. }
            | Fact::ActivationDeferred { .. }
            | Fact::ActivationDue { .. }
            | Fact::ActivationDropped { .. }
            | Fact::JobPreempted { .. }
            | Fact::JobConfigured { .. }
            | Fact::JobSubmitted { .. }
            | Fact::HoldSet { .. }
            | Fact::WaitExplained { .. }
            | Fact::Reserved { .. }
            | Fact::JobGrown { .. }
            | Fact::CoresReturned { .. }
            | Fact::ShareClosed { .. }
            | Fact::WorkStarted { .. }
            | Fact::StopRequested { .. }
            | Fact::InstancesCanceled { .. }
            | Fact::InstancesFailed { .. }
            | Fact::TaskRequested { .. }
            | Fact::TaskRequeued { .. }
            | Fact::SharesFreed { .. }
            | Fact::JobModified { .. }
            | Fact::MaximumChanged { .. }
            | Fact::JobDeleted { .. }
            | Fact::TasksAdded { .. }
            | Fact::TaskSubmitted { .. }
            | Fact::TaskConfigured { .. }
            | Fact::TaskModified { .. }
            | Fact::JobPurged { .. }
            | Fact::JobArchived { .. }
            | Fact::JobRecalled { .. }
            | Fact::HistoryPurged { .. }
            | Fact::PolicyStored(_)
            | Fact::PolicyActivated(_)
            | Fact::ShadowSet(_)
            | Fact::CanarySet(_)
            | Fact::PolicyPassed(_)
            | Fact::PolicyFaulted(_)
            | Fact::AnswerKept(_) => {}
        }
    }

    fn is_ordinary(&self, task: TaskId) -> bool {
        self.ordinary
            .get(task.0 as usize - 1)
            .copied()
            .unwrap_or(true)
    }
}

/// The result of a run: a table for people, one JSON object for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    job: JobView,
    /// From its start to its end, in seconds.
    elapsed_s: Option<f64>,
    /// Beside each task: from its first start to its last end, and the sum over its instances, in seconds.
    task_times: Vec<TaskTime>,
    /// Where captured output is; none when there was none.
    output: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct TaskTime {
    id: u32,
    elapsed_s: Option<f64>,
    busy_s: f64,
}

impl Summary {
    pub(crate) fn new(job: JobView, times: &Times, folder: &Path) -> Summary {
        let task_time = |task: &TaskView| {
            let times = times.tasks.get(&TaskId(task.id));
            let both = times.and_then(|t| t.begun.zip(t.ended));
            TaskTime {
                id: task.id,
                elapsed_s: both.map(|(begun, ended)| ended.since(begun).as_secs_f64()),
                busy_s: times.map_or(0.0, |t| t.busy.as_secs_f64()),
            }
        };
        let output = folder.join("output");
        let written =
            |folder: &Path| std::fs::read_dir(folder).is_ok_and(|mut f| f.next().is_some());
        Summary {
            elapsed_s: times
                .started
                .zip(times.ended_at)
                .map(|(a, b)| b.since(a).as_secs_f64()),
            task_times: job.tasks.iter().map(task_time).collect(),
            output: written(&output).then_some(output),
            job,
        }
    }

    /// The first line of the table: what became of the job.
    pub(crate) fn line(&self) -> String {
        let JobView {
            id,
            name,
            state,
            error_message,
            allocation,
            ..
        } = &self.job;
        let name = if name.is_empty() {
            String::new()
        } else {
            format!(" {name}")
        };
        let elapsed = self
            .elapsed_s
            .map_or(String::new(), |s| format!(" after {}", time(s)));
        let error = if error_message.is_empty() {
            String::new()
        } else {
            format!(": {error_message}")
        };
        let held: String = allocation
            .iter()
            .map(|a| format!(" on {} cores {}", a.node, a.cores))
            .collect();
        format!("job {id}{name}: {state}{elapsed}{held}{error}")
    }
}

impl Summary {
    /// A row for each task.
    pub(crate) fn tasks(&self) -> Table {
        let mut table = table::new(&[
            "task",
            "name",
            "kind",
            "state",
            "instances",
            "exit codes",
            "time",
            "busy",
        ]);
        for (task, times) in self.job.tasks.iter().zip(&self.task_times) {
            table.add_row([
                Cell::new(task.id).set_alignment(CellAlignment::Right),
                Cell::new(&task.name),
                Cell::new(&task.kind),
                table::state(&task.state),
                Cell::new(instances(task)),
                Cell::new(exit_codes(task)),
                Cell::new(times.elapsed_s.map_or_else(|| "-".into(), time))
                    .set_alignment(CellAlignment::Right),
                Cell::new(time(times.busy_s)).set_alignment(CellAlignment::Right),
            ]);
        }
        table
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.line(), self.tasks())?;
        f.write_str(&table::endings(&self.job.tasks))?;
        match &self.output {
            Some(folder) => write!(f, "\noutput: {}", folder.display()),
            None => write!(f, "\noutput: none was captured"),
        }
    }
}

fn time(seconds: f64) -> String {
    Span((seconds * 1e6) as u64).to_string()
}
