//! All that the kernel knows, and the indices that follow from it. Written by `apply` alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::accounts::Accounts;
use crate::answers::Answers;
use crate::filter::{PassMark, Revert};
use crate::jobs::Jobs;
use crate::parents::Gone;
use crate::{
    Account, CoreSet, Execution, Job, JobId, KeptAnswer, NodeId, NodeSpec, Parameters, Phase,
    Policies, RequestKey, Run, Selector, SetId, Task, TaskKind, TaskSpec, Template, Timestamp,
    Watch,
};

/// Whether a node takes jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NodeState {
    /// Takes no jobs.
    Offline,
    /// Takes no new jobs; what runs there goes on.
    Draining,
    /// Takes jobs.
    Online,
}

/// A node of the pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name for ever.
    pub id: NodeId,
    /// As the site configured it.
    pub spec: NodeSpec,
    /// Whether it takes jobs, by the word of an administrator.
    pub state: NodeState,
    /// Nobody has heard of it for too long: it takes no jobs meanwhile. What runs there may go on.
    #[serde(default)]
    pub unreachable: bool,
    /// Cores that no job holds.
    pub free: CoreSet,
    /// GPUs that no job holds.
    pub free_gpus: CoreSet,
    /// Jobs that hold part of it.
    pub jobs: BTreeSet<JobId>,
    /// The exclusive job that holds it.
    pub exclusive: Option<JobId>,
}

impl Node {
    /// Whether it takes new jobs: it is online, and can be reached.
    pub fn takes_jobs(&self) -> bool {
        self.state == NodeState::Online && !self.unreachable
    }

    /// Cores that may be given out now.
    pub fn usable_cores(&self) -> u32 {
        if self.exclusive.is_some() {
            0
        } else {
            self.free.len()
        }
    }
}

/// A distinct set of nodes that jobs may run on, and how many jobs refer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateSet {
    /// What the jobs said: the rest follows from it and from the nodes that there are.
    pub selector: Arc<Selector>,
    /// In the order of preference.
    pub nodes: Vec<NodeId>,
    /// The same, ascending.
    pub(crate) sorted: Vec<NodeId>,
    pub(crate) users: u32,
    /// Goes up whenever `nodes` changes.
    pub(crate) version: u32,
}

impl CandidateSet {
    /// The set of a selector, of which no job knows yet.
    pub(crate) fn new(selector: Arc<Selector>, nodes: &BTreeMap<NodeId, Node>) -> Self {
        let mut set = CandidateSet {
            selector,
            nodes: Vec::new(),
            sorted: Vec::new(),
            users: 0,
            version: 0,
        };
        set.choose(nodes);
        set
    }

    /// Takes the nodes that there are now; whether that made a difference.
    pub(crate) fn choose(&mut self, nodes: &BTreeMap<NodeId, Node>) -> bool {
        let chosen = self.selector.nodes(nodes.values());
        if chosen == self.nodes {
            return false;
        }
        self.sorted.clone_from(&chosen);
        self.sorted.sort_unstable();
        self.nodes = chosen;
        self.version += 1;
        true
    }
}

/// Something that is due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// A job's run-time limit is over.
    JobRuntime(JobId),
    /// A task's run-time limit is over.
    TaskRuntime(Execution),
    /// A hold is over.
    Hold(JobId),
    /// Activation filters are asked about a job again, or may be.
    Activation(JobId),
    /// An ended job's time to live is over.
    Purge(JobId),
}

/// The whole state: jobs, nodes, parameters, counters, and derived indices.
///
/// The same events give an equal state, on any machine, live or in replay.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    pub(crate) parameters: Parameters,
    pub(crate) jobs: Jobs,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    pub(crate) sets: BTreeMap<SetId, CandidateSet>,
    /// Derived: `sets` by what they were made from.
    #[serde(default)]
    pub(crate) set_of: BTreeMap<Arc<Selector>, SetId>,
    /// How jobs ended that are no longer there.
    #[serde(default)]
    pub(crate) gone: Gone,
    /// What owners have used for their projects.
    #[serde(default)]
    pub(crate) accounts: Accounts,
    /// By name in lower case.
    pub(crate) templates: BTreeMap<String, Arc<Template>>,
    pub(crate) last_job: u32,
    pub(crate) last_node: u32,
    pub(crate) last_set: u32,
    /// Positions at the end of the queue count up from 1, those at its front down from −1.
    pub(crate) last_back: i64,
    pub(crate) last_front: i64,
    /// Derived: queued jobs in queue order.
    pub(crate) queue: BTreeSet<QueueKey>,
    /// Derived: queued jobs by the parents that they wait for.
    #[serde(default)]
    pub(crate) children: BTreeMap<JobId, BTreeSet<JobId>>,
    /// Derived: queued jobs that the policy has reserved for, in queue order.
    pub(crate) reserved: BTreeSet<QueueKey>,
    /// Derived: attempts of which a node has yet to confirm the start, or to report the end after a stop.
    pub(crate) owed: BTreeSet<Execution>,
    /// Questions to filters count up from 1.
    #[serde(default)]
    pub(crate) last_question: u64,
    /// The scheduling pass that asked activation filters last.
    #[serde(default)]
    pub(crate) pass: PassMark,
    /// What filters are to take back, by question.
    #[serde(default)]
    pub(crate) reverts: BTreeMap<u64, Revert>,
    /// Derived: open questions to filters, and the jobs that they are about.
    #[serde(default)]
    pub(crate) questions: BTreeMap<u64, JobId>,
    /// Derived: queued jobs that keep others of their priority and below from starting, in queue order.
    #[serde(default)]
    pub(crate) blockers: BTreeSet<QueueKey>,
    /// The policies' part of it.
    #[serde(default)]
    pub(crate) policies: Policies,
    /// What requests with a key were answered.
    #[serde(default)]
    pub(crate) answers: Answers,
    /// Derived: what is due when.
    pub(crate) timers: BTreeSet<(Timestamp, Timer)>,
}

/// Where a job stands: priority descending, then position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueKey {
    below_top: u32,
    position: i64,
    /// The job.
    pub job: JobId,
}

impl QueueKey {
    /// The key of a job.
    pub fn of(job: &Job) -> Self {
        QueueKey {
            below_top: crate::limits::PRIORITY_MAX.saturating_sub(job.spec.priority),
            position: job.position,
            job: job.id,
        }
    }

    /// Whether its priority is that of the other, or above.
    pub(crate) fn is_as_high_as(&self, other: &QueueKey) -> bool {
        self.below_top <= other.below_top
    }

    /// Whether both have the same priority.
    pub fn same_priority(&self, other: &QueueKey) -> bool {
        self.below_top == other.below_top
    }
}

impl State {
    /// No jobs, no nodes, default parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cluster's parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// A job by id.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    /// All jobs, by id.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    /// Jobs with an id above this one, by id: to go through many of them in steps.
    pub fn jobs_after(&self, id: JobId) -> impl Iterator<Item = &Job> {
        self.jobs.after(id)
    }

    /// Jobs with an id below this one, the highest first.
    pub fn jobs_before(&self, id: JobId) -> impl Iterator<Item = &Job> {
        self.jobs.before(id)
    }

    /// How many jobs there are.
    pub fn job_count(&self) -> usize {
        self.jobs.len()
    }

    /// Queued jobs in queue order, held ones too.
    pub fn queue(&self) -> impl Iterator<Item = &Job> {
        self.queue.iter().filter_map(|key| self.jobs.get(&key.job))
    }

    /// How many jobs are in the queue.
    pub fn queue_length(&self) -> usize {
        self.queue.len()
    }

    /// A node by id.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// A node by name.
    pub fn node_by_name(&self, name: &str) -> Option<&Node> {
        self.nodes.values().find(|n| n.spec.name == name)
    }

    /// All nodes, by id.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// What owners have used for their projects, and hold; those that used next to nothing are not among them.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter()
    }

    /// Whether both are the same in everything but what was not counted from the first version on: what accounts have used, and what canaries
    /// did. A state that goes on from a snapshot which was written before has it from there on, not from its first event on.
    pub fn is_same_but_for_counts(&self, other: &State) -> bool {
        let without = |state: &State| {
            let mut state = state.clone();
            state.policies.canary_watch = Watch::default();
            state.accounts = Accounts::default();
            let counted = state.jobs.values().filter(|job| job.account.is_some());
            for id in counted.map(|job| job.id).collect::<Vec<_>>() {
                state.jobs.get_mut(&id).expect("it was found").account = None;
            }
            state
        };
        self == other || without(self) == without(other)
    }

    /// What somebody was answered to the request of that key, if it is still known.
    pub fn kept_answer(
        &self,
        by: &str,
        key: &RequestKey,
        now: Timestamp,
    ) -> Option<&Arc<KeptAnswer>> {
        self.answers.find(by, key, now)
    }

    /// Candidate sets that jobs refer to.
    pub fn sets(&self) -> impl Iterator<Item = (SetId, &CandidateSet)> {
        self.sets.iter().map(|(&id, set)| (id, set))
    }

    /// How many candidate sets have come and gone: their ids count up from 1.
    pub(crate) fn gone_sets(&self) -> u32 {
        self.last_set - self.sets.len() as u32
    }

    /// Whether a job that starts now starts before one that is ahead of it in the queue and has a promise of when it will start.
    pub(crate) fn is_ahead_of_a_promise(&self, job: &Job) -> bool {
        let own = QueueKey::of(job);
        self.reserved.first().is_some_and(|first| *first < own)
    }

    /// Whether a job may run on a node.
    pub fn is_candidate(&self, job: &Job, node: NodeId) -> bool {
        job.candidates == SetId(0)
            || self
                .sets
                .get(&job.candidates)
                .is_some_and(|set| set.sorted.binary_search(&node).is_ok())
    }

    /// The next thing that is due without any command: send a `Tick` then.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// Attempts of which the nodes owe an answer: after a restart, send [`State::message`] for each again.
    pub fn owed(&self) -> impl Iterator<Item = Execution> + '_ {
        self.owed.iter().copied()
    }

    /// The running attempt of an instance, if this is the current one.
    pub fn run(&self, execution: Execution) -> Option<(&Job, &Task, &Run)> {
        let job = self.jobs.get(&execution.job)?;
        let task = job.task(execution.task)?;
        let run = task.runs.get(&execution.instance)?;
        (run.attempt == execution.attempt).then_some((job, task, run))
    }

    /// The derived indices, made from scratch: what `apply` keeps must equal it.
    pub fn derive_owed(&self) -> BTreeSet<Execution> {
        let mut owed = BTreeSet::new();
        for job in self.jobs.values() {
            for (index, task) in job.tasks.iter().enumerate() {
                for (&instance, run) in &task.runs {
                    if run.started.is_none() || run.stop.is_some() {
                        owed.insert(Execution {
                            job: job.id,
                            task: crate::TaskId(index as u32 + 1),
                            instance,
                            attempt: run.attempt,
                        });
                    }
                }
            }
        }
        owed
    }

    /// See [`State::derive_owed`].
    pub fn derive_timers(&self) -> BTreeSet<(Timestamp, Timer)> {
        let mut timers = BTreeSet::new();
        for job in self.jobs.values() {
            timers.extend(job_timers(job, &self.parameters));
            for (index, task) in job.tasks.iter().enumerate() {
                for (&instance, run) in &task.runs {
                    let execution = Execution {
                        job: job.id,
                        task: crate::TaskId(index as u32 + 1),
                        instance,
                        attempt: run.attempt,
                    };
                    timers.extend(run_timer(execution, &task.spec, run));
                }
            }
        }
        timers
    }
}

/// The timers that a job has in its present phase.
pub(crate) fn job_timers(
    job: &Job,
    parameters: &Parameters,
) -> impl Iterator<Item = (Timestamp, Timer)> + use<> {
    let hold = || job.hold_until.map(|at| (at, Timer::Hold(job.id)));
    let (limit, hold, other) = match &job.phase {
        Phase::Running => (job_runtime(job), hold(), activation(job)),
        Phase::Queued => (None, hold(), activation(job)),
        Phase::Ended(_) => {
            let ended = job.times.ended;
            let gone = ended.map(|at| at + parameters.ttl_completed_jobs);
            (None, None, gone.map(|at| (at, Timer::Purge(job.id))))
        }
        // Ended gracefully: the limit holds for what may still run.
        Phase::Ending(closing) if closing.grace.is_none() => (job_runtime(job), None, None),
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Ending(_) => (None, None, None),
    };
    limit.into_iter().chain(hold).chain(other)
}

fn activation(job: &Job) -> Option<(Timestamp, Timer)> {
    let due = job.activation.as_ref()?.due()?;
    Some((due, Timer::Activation(job.id)))
}

fn job_runtime(job: &Job) -> Option<(Timestamp, Timer)> {
    let (started, limit) = (job.times.started?, job.spec.runtime?);
    Some((started + limit, Timer::JobRuntime(job.id)))
}

/// The run-time limit of an attempt: from its start, until it is stopped.
pub(crate) fn run_timer(
    execution: Execution,
    spec: &TaskSpec,
    run: &Run,
) -> Option<(Timestamp, Timer)> {
    match (run.started, spec.runtime, &run.stop, spec.kind) {
        (
            Some(started),
            Some(limit),
            None,
            TaskKind::Basic | TaskKind::Sweep { .. } | TaskKind::Service | TaskKind::NodePrepare,
        ) => Some((started + limit, Timer::TaskRuntime(execution))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_from_before_something_was_counted_is_the_same_but_for_that() {
        let older = State::new();
        let mut newer = State::new();
        newer.policies.canary_watch.passes = 1;
        assert_ne!(older, newer);
        assert!(newer.is_same_but_for_counts(&older));
        newer.policies.watch.passes = 1;
        assert!(!newer.is_same_but_for_counts(&older));
    }
}
