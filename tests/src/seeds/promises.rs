//! What callers were told of their jobs and nodes, and what nodes said of their work, against the events that became of it. A job's
//! wishes are those of its caller where the answer came, else those of the event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jobyard_kernel::{
    Again, Command, Ending, Event, Execution, Fact, GroupOp, Job, JobId, JobKind, JobSpec, NodeId,
    NodeSpec, NodeState, Outcome, Phase, State, StopCause, TaskKind, TaskSpec, Then, Timestamp,
    Verdict,
};

type Check = Result<(), String>;

/// Remembers and compares.
#[derive(Debug, Default)]
pub(super) struct Promises {
    jobs: BTreeMap<JobId, Wishes>,
    nodes: BTreeMap<NodeId, NodeState>,
    /// Somebody asked for these to be finished, or for something of their tasks.
    touched: BTreeSet<JobId>,
    /// How attempts ended. The process of a node may have been killed and an attempt have begun again: then there are several.
    endings: BTreeMap<Execution, Vec<Ending>>,
    stops: BTreeMap<Execution, StopCause>,
    /// As history has them.
    archived: BTreeMap<JobId, Arc<Job>>,
}

/// What is asked for.
#[derive(Debug, Clone)]
struct Wishes {
    spec: JobSpec,
    serves: bool,
    release: bool,
    hold: Option<Timestamp>,
}

impl Wishes {
    fn of(spec: &JobSpec, tasks: &[Arc<TaskSpec>]) -> Self {
        let is = |kind| tasks.iter().any(|task| task.kind == kind);
        Wishes {
            spec: spec.clone(),
            serves: is(TaskKind::Service),
            release: is(TaskKind::NodeRelease),
            hold: spec.hold_until,
        }
    }
}

impl Promises {
    /// A caller asks for this; whether an answer comes is not known yet.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "few commands end a service, or let tasks end as if they had finished"
    )]
    pub(super) fn asked(&mut self, command: &Command) {
        match command {
            Command::FinishJob { job, .. }
            | Command::FinishTask { job, .. }
            | Command::CancelTask { job, .. }
            | Command::ConcludeService { job, .. } => {
                self.touched.insert(*job);
            }
            _ => {}
        }
    }

    /// A caller was answered. `later`: durable events after those of the answer.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "other commands promise nothing that is looked at here"
    )]
    pub(super) fn answered(&mut self, command: &Command, events: &[Event], later: &[Event]) {
        let changed = |is: &dyn Fn(&Fact) -> bool| later.iter().any(|event| is(&event.fact));
        match command {
            Command::AddJob { spec, tasks, .. } | Command::QueueJob { spec, tasks, .. } => {
                let job = events.iter().find_map(|event| event.fact.job());
                if let Some(wishes) = job.and_then(|job| self.jobs.get_mut(&job)) {
                    let asked = Wishes::of(spec, tasks);
                    // A template may have added one.
                    wishes.release |= asked.release;
                    wishes.serves = asked.serves;
                    let modified =
                        |fact: &Fact| fact.job() == job && matches!(fact, Fact::JobModified { .. });
                    if !changed(&modified) {
                        wishes.spec = asked.spec;
                    }
                }
            }
            Command::ModifyJob { job, spec, .. } => {
                let modified = |fact: &Fact| {
                    fact.job() == Some(*job) && matches!(fact, Fact::JobModified { .. })
                };
                if !changed(&modified)
                    && let Some(wishes) = self.jobs.get_mut(job)
                {
                    wishes.spec = (**spec).clone();
                }
            }
            Command::HoldJob { job, until, .. } => {
                let held = |fact: &Fact| {
                    fact.job() == Some(*job)
                        && matches!(fact, Fact::HoldSet { .. } | Fact::JobModified { .. })
                };
                if !changed(&held)
                    && let Some(wishes) = self.jobs.get_mut(job)
                {
                    wishes.hold = *until;
                }
            }
            Command::SetNodeState { node, state, .. } => {
                let moved = |fact: &Fact| matches!(fact, Fact::NodeStateChanged { node: other, .. } if other == node);
                if !changed(&moved) {
                    self.nodes.insert(*node, *state);
                }
            }
            _ => {}
        }
    }

    /// A node's process knows an attempt to have ended, or was killed with it.
    pub(super) fn ended(&mut self, execution: Execution, ending: Ending) {
        self.endings.entry(execution).or_default().push(ending);
    }

    /// Whether a node, or somebody for it, has said that an attempt has ended.
    pub(super) fn has_ended(&self, execution: Execution) -> bool {
        self.endings.contains_key(&execution)
    }

    /// Whether a node that leaves a job is to be released.
    pub(super) fn wants_release(&self, job: JobId) -> bool {
        self.jobs.get(&job).is_some_and(|wishes| wishes.release)
    }

    /// An event is durable; `state` is as it was before.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "other facts promise nothing and keep nothing that is looked at here"
    )]
    pub(super) fn durable(&mut self, state: &State, event: &Event) -> Check {
        match &event.fact {
            Fact::JobAdded { job, spec, tasks } => {
                self.jobs.insert(*job, Wishes::of(spec, tasks));
            }
            Fact::TasksAdded { job, tasks, .. } => {
                if let Some(wishes) = self.jobs.get_mut(job) {
                    let added = Wishes::of(&wishes.spec, tasks);
                    wishes.release |= added.release;
                    wishes.serves |= added.serves;
                }
            }
            Fact::JobModified { job, spec } => {
                if let Some(wishes) = self.jobs.get_mut(job) {
                    if wishes.spec.hold_until != spec.hold_until {
                        wishes.hold = spec.hold_until;
                    }
                    wishes.spec = (**spec).clone();
                }
            }
            Fact::HoldSet { job, until, .. } => {
                if let Some(wishes) = self.jobs.get_mut(job) {
                    wishes.hold = *until;
                }
            }
            Fact::NodeStateChanged { node, state } => {
                self.nodes.insert(*node, *state);
            }
            Fact::JobStarted { job, grants } => {
                self.starts(state, *job, event.at)?;
                for grant in grants {
                    self.granted(state, *job, grant.node)?;
                }
            }
            Fact::JobGrown { job, grants } => {
                for grant in grants {
                    self.granted(state, *job, grant.node)?;
                }
            }
            Fact::JobEnding { job, closing, .. } => {
                let serves = self.jobs.get(job).is_some_and(|wishes| wishes.serves);
                if serves && closing.then == Then::Finished && !self.touched.contains(job) {
                    return Err(format!(
                        "job {job} has a service and finished by itself: {event:?}"
                    ));
                }
            }
            Fact::StopRequested {
                executions, cause, ..
            } => {
                let stops = executions.iter().map(|&execution| (execution, *cause));
                self.stops.extend(stops);
            }
            Fact::WorkEnded {
                execution,
                verdict,
                code,
                ..
            } => self.verdict(state, *execution, *verdict, *code)?,
            Fact::JobArchived { job } => {
                self.archived.insert(job.id, job.clone());
            }
            Fact::JobRecalled { job } => {
                let kept = self.archived.remove(&job.id);
                if kept.as_ref() != Some(job) {
                    return Err(format!("history gave job {} back as another", job.id));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn starts(&self, state: &State, job: JobId, at: Timestamp) -> Check {
        let Some(wishes) = self.jobs.get(&job) else {
            return Err(format!("job {job} starts and was never added"));
        };
        let parents = wishes.spec.parent_jobs.iter();
        let mut open = parents.filter(|&&p| state.ended_as(p) != Some(Then::Finished));
        if let Some(parent) = open.next() {
            return Err(format!(
                "job {job} starts before its parent {parent} has finished"
            ));
        }
        match wishes.hold {
            Some(until) if until > at => Err(format!(
                "job {job} starts at {at:?} although it is held until {until:?}"
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn granted(&self, state: &State, job: JobId, id: NodeId) -> Check {
        let (Some(wishes), Some(node)) = (self.jobs.get(&job), state.node(id)) else {
            return Err(format!("job {job} is given node {id}: one was never added"));
        };
        let usable = self.nodes.get(&id).is_none_or(|&s| s == NodeState::Online);
        if !usable && wishes.spec.kind == JobKind::Batch {
            return Err(format!("job {job} is given node {id}, which takes no jobs"));
        }
        match may_have(&wishes.spec, &node.spec) {
            true => Ok(()),
            false => Err(format!(
                "job {job} is given node {id}, which it did not want: {:?}",
                node.spec
            )),
        }
    }

    fn verdict(
        &self,
        state: &State,
        execution: Execution,
        verdict: Verdict,
        code: Option<i32>,
    ) -> Check {
        let endings = self.endings.get(&execution).map_or(&[][..], Vec::as_slice);
        let ending = endings.iter().find(|ending| code_of(ending) == code);
        let Some(ending) = ending else {
            return Err(format!(
                "{execution} ended with {code:?}, and its node said {endings:?}"
            ));
        };
        let Some((job, task, _)) = state.run(execution) else {
            return Err(format!("{execution} ended and did not run"));
        };
        let ordinary = matches!(task.spec.kind, TaskKind::Basic | TaskKind::Sweep { .. });
        let finished = matches!(verdict, Verdict::Ended(Outcome::Finished { .. }));
        if matches!(ending, Ending::Exited { code: 0 }) && !finished {
            return Err(format!("{execution} exited with 0 and is {verdict:?}"));
        }
        let stop = self.stops.get(&execution);
        let asked = matches!(stop, Some(StopCause::TaskFinished | StopCause::JobFinished));
        if !matches!(ending, Ending::Exited { code: 0 }) && finished && !asked {
            return Err(format!(
                "{execution} ended by {ending:?} and is {verdict:?}"
            ));
        }
        let again = ordinary
            && task.spec.rerunnable
            && job.phase == Phase::Running
            && stop == Some(&StopCause::Preempted)
            && matches!(ending, Ending::Stopped { .. });
        match again && verdict != Verdict::Again(Again::Preemption) {
            true => Err(format!("{execution} was preempted and is {verdict:?}")),
            false => Ok(()),
        }
    }
}

fn code_of(ending: &Ending) -> Option<i32> {
    match ending {
        Ending::Exited { code } => Some(*code),
        Ending::Stopped { code } => *code,
        Ending::Failed { .. } | Ending::Lost => None,
    }
}

/// Whether a job would have that node, by its own words.
fn may_have(spec: &JobSpec, node: &NodeSpec) -> bool {
    let named = |names: &[String]| names.contains(&node.name);
    let in_group = |group: &String| node.groups.contains(group);
    let groups = &spec.node_groups;
    let grouped = groups.is_empty()
        || match spec.node_group_op {
            GroupOp::Intersect => groups.iter().all(in_group),
            GroupOp::Uniform | GroupOp::Union => groups.iter().any(in_group),
        };
    grouped
        && (spec.requested_nodes.is_empty() || named(&spec.requested_nodes))
        && !named(&spec.excluded_nodes)
        && spec
            .memory_mb_min
            .is_none_or(|least| node.memory_mb >= least)
        && spec
            .cores_per_node_max
            .is_none_or(|most| node.cores <= most)
}
