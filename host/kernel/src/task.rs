//! The state of a task and of its instances.
//!
//! A sweep is not a million structs: queued instances are ranges, ended ones are ranges by outcome, and only those that
//! run, or were tried more than once, have an entry of their own.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::{SERVICE_INSTANCES_MAX, UNITS_MAX};
use crate::{FewMap, Grant, RangeSet, Span, TaskKind, TaskSpec, Timestamp};

/// A task's or an instance's state, with HPC Pack's names and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u32)]
#[expect(missing_docs, reason = "as for JobState")]
pub enum TaskState {
    Configuring = 1,
    Submitted = 2,
    Validating = 4,
    Queued = 8,
    /// Sent to the node, which has not confirmed it yet.
    Dispatching = 16,
    Running = 32,
    Finishing = 64,
    Finished = 128,
    Failed = 256,
    Canceled = 512,
    Canceling = 1024,
}

impl TaskState {
    /// Every one.
    pub const ALL: [TaskState; 11] = [
        TaskState::Configuring,
        TaskState::Submitted,
        TaskState::Validating,
        TaskState::Queued,
        TaskState::Dispatching,
        TaskState::Running,
        TaskState::Finishing,
        TaskState::Finished,
        TaskState::Failed,
        TaskState::Canceled,
        TaskState::Canceling,
    ];
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TaskState::Configuring => "Configuring",
            TaskState::Submitted => "Submitted",
            TaskState::Validating => "Validating",
            TaskState::Queued => "Queued",
            TaskState::Dispatching => "Dispatching",
            TaskState::Running => "Running",
            TaskState::Finishing => "Finishing",
            TaskState::Finished => "Finished",
            TaskState::Failed => "Failed",
            TaskState::Canceled => "Canceled",
            TaskState::Canceling => "Canceling",
        })
    }
}

/// How an instance ended for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// With an exit code that means success, or because somebody finished it.
    Finished {
        /// The exit code, where it left one.
        code: Option<i32>,
    },
    /// It ran, and failed.
    Failed {
        /// Why.
        cause: FailureCause,
        /// The exit code, where it left one.
        code: Option<i32>,
    },
    /// It did not run, or not to an end.
    Canceled {
        /// Why: decides whether a requeue of the job runs it again.
        cause: CancelCause,
    },
}

/// Why an instance failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailureCause {
    /// Its exit code does not mean success.
    ExitCode,
    /// It could not be started or was lost, as often as the system tries.
    System,
    /// It ran longer than its limit.
    RuntimeExpired,
    /// Somebody canceled it while it ran.
    Canceled,
    /// Its job was canceled while it ran.
    JobCanceled,
    /// Its job ran longer than its limit.
    JobRuntimeExpired,
    /// Its job failed while it ran.
    JobFailed,
    /// It was preempted and may not be run again.
    Preempted,
    /// Its job may not use its node any more, and it may not be run again.
    NodeNotUsable,
    /// A task that it depends on failed or was canceled (`FailDependentTasks`).
    DependencyFailed,
    /// Its job was refused by validation.
    JobInvalid,
}

/// Why an instance was canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CancelCause {
    /// By itself, before it ran: stays canceled when the job is queued again.
    Explicit,
    /// With its job.
    JobCanceled,
    /// Its job was finished before it ran.
    JobFinished,
    /// Its job failed before it ran.
    JobFailed,
    /// Its service was concluded.
    ServiceConcluded,
    /// An instance of a service that could not go on: a new one takes its place.
    Replaced,
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureCause::ExitCode => "exit code",
            FailureCause::System => "system error",
            FailureCause::RuntimeExpired => "ran longer than its limit",
            FailureCause::Canceled => "canceled while it ran",
            FailureCause::JobCanceled => "its job was canceled",
            FailureCause::JobRuntimeExpired => "its job ran longer than its limit",
            FailureCause::JobFailed => "its job failed",
            FailureCause::Preempted => "preempted, and not rerunnable",
            FailureCause::NodeNotUsable => {
                "its job may not use its node any more, and it is not rerunnable"
            }
            FailureCause::DependencyFailed => "a task that it depends on failed or was canceled",
            FailureCause::JobInvalid => "its job was refused",
        })
    }
}

/// Why a running instance is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StopCause {
    /// Somebody canceled the task.
    TaskCanceled,
    /// Somebody finished the task.
    TaskFinished,
    /// Somebody queued the task again.
    TaskRequeued,
    /// The task ran longer than its limit.
    RuntimeExpired,
    /// The job was canceled.
    JobCanceled,
    /// The job was finished.
    JobFinished,
    /// The job ran longer than its limit.
    JobRuntimeExpired,
    /// The job failed.
    JobFailed,
    /// The job was queued again.
    JobRequeued,
    /// The job was preempted.
    Preempted,
    /// The job lost its nodes, or none could be prepared.
    SystemError,
    /// The service was concluded, and its instances with it.
    ServiceConcluded,
    /// The job may not use the node any more: it was excluded, or left a group.
    NodeNotUsable,
}

/// An instance that was sent to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// From 1.
    pub attempt: u32,
    /// What it runs on; the first node does the work.
    pub places: Vec<Grant>,
    /// When it was sent.
    pub dispatched: Timestamp,
    /// When the node said that it started.
    pub started: Option<Timestamp>,
    /// That it is to end.
    pub stop: Option<Stop>,
}

/// A request to end a running instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Why; decides what the instance becomes.
    pub cause: StopCause,
    /// Between the request and the kill.
    pub grace: Span,
}

/// What is remembered of an instance's earlier attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tries {
    /// Attempts so far.
    pub attempts: u32,
    /// Of those, ended by a bad exit code and tried again.
    pub after_failure: u32,
    /// Of those, ended by an error of the system and tried again.
    pub after_system_error: u32,
    /// The exit code of the last attempt.
    pub exit_code: Option<i32>,
}

/// A task and its instances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// As its user asked for it.
    pub spec: Arc<TaskSpec>,
    /// Instances that are to run.
    pub queued: RangeSet,
    /// Instances at a node.
    pub runs: FewMap<u32, Run>,
    /// Instances that have ended, by how.
    pub outcomes: FewMap<Outcome, RangeSet>,
    /// Of instances that were tried before: those that are queued again, run, or ended not at the first try.
    pub tries: FewMap<u32, Tries>,
    /// The last error that a node reported for an instance of this task.
    pub last_error: Option<String>,
    /// Being configured by itself, in a job that is in the queue or runs: it runs only when it is submitted.
    pub draft: bool,
    /// What the one said who canceled or finished it, or an instance of it, last.
    pub message: Option<String>,
    /// The whole of it was canceled, and nothing of it has been queued again since: the master of a sweep is Canceled then,
    /// whatever its instances are.
    pub canceled: bool,
    /// Derived: groups of tasks that this one waits for, of which some have not ended.
    pub(crate) waiting_for: u32,
    /// Derived: a task that this one depends on failed or was canceled.
    pub(crate) parent_failed: bool,
    /// Derived: the group that it belongs to, where its job has dependencies and it has a name.
    pub(crate) group: Option<u32>,
    /// Instances made so far: for node tasks, which get one a node.
    pub(crate) made: u32,
}

impl Task {
    /// A task of which nothing has run.
    pub fn new(spec: Arc<TaskSpec>) -> Self {
        let mut task = Task {
            spec,
            queued: RangeSet::new(),
            runs: FewMap::new(),
            outcomes: FewMap::new(),
            tries: FewMap::new(),
            last_error: None,
            draft: false,
            message: None,
            canceled: false,
            waiting_for: 0,
            parent_failed: false,
            group: None,
            made: 0,
        };
        if let Some((first, last)) = task.spec.kind.instances() {
            task.queued = RangeSet::span(first, last);
            task.made = last;
        }
        task.make_next();
        task
    }

    /// A service always has one instance queued, the next to be started; without one it is concluded.
    pub(crate) fn make_next(&mut self) -> bool {
        let service = self.spec.kind == TaskKind::Service;
        let makes = service && self.queued.is_empty() && self.made < SERVICE_INSTANCES_MAX;
        if makes {
            self.made += 1;
            self.queued.insert(self.made);
        }
        makes
    }

    /// Units that its queued instances could use at once. A service could use any number.
    pub(crate) fn queued_units(&self) -> u64 {
        match self.spec.kind {
            TaskKind::Service if !self.queued.is_empty() => u64::from(UNITS_MAX),
            TaskKind::Basic
            | TaskKind::Sweep { .. }
            | TaskKind::Service
            | TaskKind::NodePrepare
            | TaskKind::NodeRelease => self.queued.len() * u64::from(self.spec.max),
        }
    }

    /// Whether every instance has ended for good.
    pub fn is_ended(&self) -> bool {
        self.queued.is_empty() && self.runs.is_empty()
    }

    /// How an instance ended, if it has.
    pub fn outcome(&self, instance: u32) -> Option<Outcome> {
        self.outcomes
            .iter()
            .find(|(_, set)| set.contains(instance))
            .map(|(&o, _)| o)
    }

    /// Whether any instance of it was ever sent to a node.
    pub fn has_run(&self) -> bool {
        !self.runs.is_empty() || !self.tries.is_empty() || self.outcomes.keys().any(|o| o.ran())
    }

    /// Whether there is such an instance.
    pub fn has(&self, instance: u32) -> bool {
        self.queued.contains(instance)
            || self.runs.contains_key(&instance)
            || self.outcome(instance).is_some()
    }

    /// The state of one instance, as users see it. `configuring`: its job is not submitted.
    pub fn instance_state(&self, instance: u32, configuring: bool) -> Option<TaskState> {
        if let Some(run) = self.runs.get(&instance) {
            return Some(match (&run.stop, run.started) {
                (Some(stop), _) if stop.cause == StopCause::TaskFinished => TaskState::Finishing,
                (Some(_), _) => TaskState::Canceling,
                (None, Some(_)) => TaskState::Running,
                (None, None) => TaskState::Dispatching,
            });
        }
        if self.queued.contains(instance) {
            return Some(if configuring || self.draft {
                TaskState::Configuring
            } else {
                TaskState::Queued
            });
        }
        self.outcome(instance).map(Outcome::state)
    }

    /// The state of the whole: of the one instance, or of a sweep's master.
    pub fn state(&self, configuring: bool) -> TaskState {
        let any = |state| self.outcomes.keys().any(|o| o.state() == state);
        let sweep = self.made > 0;
        if let Some(&one) = self.runs.keys().next() {
            return match self.instance_state(one, false) {
                Some(state) if !sweep => state,
                _ if self.canceled => TaskState::Canceling,
                _ => TaskState::Running,
            };
        }
        match () {
            () if !self.queued.is_empty() && (configuring || self.draft) => TaskState::Configuring,
            () if !self.queued.is_empty() => TaskState::Queued,
            () if sweep && self.canceled => TaskState::Canceled,
            () if any(TaskState::Failed) => TaskState::Failed,
            () if any(TaskState::Canceled) => TaskState::Canceled,
            () => TaskState::Finished,
        }
    }

    /// How many instances ended in this state.
    pub fn ended_in(&self, state: TaskState) -> u64 {
        self.outcomes
            .iter()
            .filter(|(o, _)| o.state() == state)
            .map(|(_, set)| set.len())
            .sum()
    }

    pub(crate) fn conclude(&mut self, instance: u32, outcome: Outcome) {
        let set = self.outcomes.get_or_insert_with(outcome, RangeSet::new);
        set.insert(instance);
    }
}

impl AsRef<TaskSpec> for Task {
    fn as_ref(&self) -> &TaskSpec {
        &self.spec
    }
}

impl Outcome {
    /// Finished, Failed or Canceled.
    pub fn state(self) -> TaskState {
        match self {
            Outcome::Finished { .. } => TaskState::Finished,
            Outcome::Failed { .. } => TaskState::Failed,
            Outcome::Canceled { .. } => TaskState::Canceled,
        }
    }

    /// The exit code, where there was one.
    pub fn exit_code(self) -> Option<i32> {
        match self {
            Outcome::Finished { code } | Outcome::Failed { code, .. } => code,
            Outcome::Canceled { .. } => None,
        }
    }

    /// Whether the instance was sent to a node before it ended so.
    pub fn ran(self) -> bool {
        match self {
            Outcome::Canceled { .. } => false,
            Outcome::Failed {
                cause: FailureCause::DependencyFailed | FailureCause::JobInvalid,
                ..
            } => false,
            Outcome::Failed { .. } | Outcome::Finished { .. } => true,
        }
    }

    /// Whether the instance runs again when its job is queued again: everything but what is finished and what was
    /// canceled by itself before it ran.
    pub fn reruns(self) -> bool {
        match self {
            Outcome::Finished { .. }
            | Outcome::Canceled {
                cause: CancelCause::Explicit | CancelCause::ServiceConcluded | CancelCause::Replaced,
            } => false,
            Outcome::Failed { .. } | Outcome::Canceled { .. } => true,
        }
    }
}

/// In words: `exit code 3`, `ran longer than its limit`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Finished { .. } => write!(f, "finished"),
            Outcome::Failed {
                cause: FailureCause::ExitCode,
                code: Some(code),
            } => {
                write!(f, "exit code {code}")
            }
            Outcome::Failed { cause, .. } => cause.fmt(f),
            Outcome::Canceled {
                cause: CancelCause::Explicit,
            } => write!(f, "canceled"),
            Outcome::Canceled {
                cause: CancelCause::JobCanceled,
            } => write!(f, "its job was canceled"),
            Outcome::Canceled {
                cause: CancelCause::JobFinished,
            } => write!(f, "its job was finished"),
            Outcome::Canceled {
                cause: CancelCause::JobFailed,
            } => write!(f, "its job failed"),
            Outcome::Canceled {
                cause: CancelCause::ServiceConcluded,
            } => write!(f, "its service was concluded"),
            Outcome::Canceled {
                cause: CancelCause::Replaced,
            } => write!(f, "replaced by another instance"),
        }
    }
}
