//! What one policy instance has been told, and so what it is to be told next.
//!
//! Not part of the state: each instance (active, shadow, simulated) has its own. Feed it every event after `apply`; a new
//! one, or one after `forget`, tells everything.

use std::collections::BTreeSet;

use crate::{
    Changes, Event, Fact, JOB_CAN_GROW, JOB_CAN_PREEMPT, JOB_CAN_SHRINK, JOB_ENDING, JOB_EXCLUSIVE,
    JOB_QUEUED, JOB_RUNNING, JOB_SINGLE_NODE, Job, JobId, NODE_CLOSED, NODE_USABLE, Node, NodeId,
    NodeState, Phase, SetId, State,
};

/// Follows the events on behalf of one policy instance.
#[derive(Debug, Clone, Default)]
pub struct Mirror {
    /// Everything was told once; from then on only changes are.
    told: bool,
    jobs: Vec<JobId>,
    nodes: Vec<NodeId>,
    sets: BTreeSet<SetId>,
    /// Sets that had ever gone when `sets` was last compared with the state's.
    gone_sets: u32,
    /// Jobs that have just been queued, as long as nothing else has changed.
    arrivals: Vec<JobId>,
    other: bool,
}

impl Mirror {
    /// The mirror of an instance that has been told nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The instance is gone: the next one is told everything.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes note of an event that has been applied to `state`.
    pub fn note(&mut self, state: &State, event: &Event) {
        match &event.fact {
            Fact::ParametersSet(_)
            | Fact::JobAdded { .. }
            | Fact::JobSubmitted { .. }
            | Fact::JobInvalid { .. }
            | Fact::WaitExplained { .. }
            | Fact::Reserved { .. }
            | Fact::WorkStarted { .. }
            | Fact::StopRequested { .. }
            | Fact::TaskRequested { .. } => {}
            Fact::JobValidated { job, .. } => {
                self.arrivals.push(*job);
                self.jobs.push(*job);
            }
            Fact::NodeAdded { node, .. } | Fact::NodeStateChanged { node, .. } => self.node(*node),
            Fact::JobStarted { job, grants } | Fact::JobGrown { job, grants } => {
                self.job(*job);
                grants.iter().for_each(|grant| self.node(grant.node));
            }
            Fact::CoresReturned { job, grant } => {
                self.job(*job);
                self.node(grant.node);
            }
            Fact::SharesFreed { job, nodes } => {
                self.job(*job);
                nodes.iter().for_each(|&node| self.node(node));
            }
            Fact::JobConfigured { job }
            | Fact::HoldSet { job, .. }
            | Fact::ShareClosed { job, .. }
            | Fact::InstancesCanceled { job, .. }
            | Fact::InstancesFailed { job, .. }
            | Fact::TaskRequeued { job, .. }
            | Fact::JobEnding { job, .. }
            | Fact::JobEnded { job }
            | Fact::JobPurged { job } => self.job(*job),
            // Only a job's demand can change with its tasks; it matters to those that have less than their maximum.
            Fact::Dispatched { job, .. }
            | Fact::WorkEnded {
                execution: crate::Execution { job, .. },
                ..
            } => {
                if state.job(*job).is_some_and(|j| j.min < j.max) {
                    self.job(*job);
                }
            }
        }
    }

    fn job(&mut self, job: JobId) {
        self.jobs.push(job);
        self.other = true;
    }

    fn node(&mut self, node: NodeId) {
        self.nodes.push(node);
        self.other = true;
    }

    /// Whether anything was noted since the last `take`.
    pub fn has_changes(&self) -> bool {
        !self.told || !self.jobs.is_empty() || !self.nodes.is_empty()
    }

    /// Whether all that is new are jobs that do not fit into the cores that are free: then a policy with the trait
    /// `arrivals` = `fitting` need not be asked.
    pub fn only_arrivals_that_do_not_fit(&self, state: &State) -> bool {
        if self.other || !self.told {
            return false;
        }
        let free: u64 = state
            .nodes()
            .filter(|n| is_usable(n))
            .map(|n| u64::from(n.usable_cores()))
            .sum();
        let min = |id: &JobId| state.job(*id).map_or(0, |job| u64::from(job.min));
        self.arrivals.iter().all(|job| min(job) > free)
    }

    /// What the instance does not know yet. Afterwards it is held to know it.
    pub fn take(&mut self, state: &State) -> Changes {
        let mut changes = Changes::default();
        if !self.told {
            self.forget();
            self.told = true;
            self.gone_sets = state.gone_sets();
            state.nodes().for_each(|node| push_node(&mut changes, node));
            for job in state.jobs() {
                self.tell_job(state, job, &mut changes);
            }
            return changes;
        }
        let mut nodes = std::mem::take(&mut self.nodes);
        nodes.sort_unstable();
        nodes.dedup();
        for id in nodes.drain(..) {
            match state.node(id) {
                Some(node) => push_node(&mut changes, node),
                None => changes.removed_nodes.push(id),
            }
        }
        self.nodes = nodes;
        let mut jobs = std::mem::take(&mut self.jobs);
        jobs.sort_unstable();
        jobs.dedup();
        for id in jobs.drain(..) {
            match state.job(id).filter(|job| is_visible(job)) {
                Some(job) => self.tell_job(state, job, &mut changes),
                None => changes.removed_jobs.push(id),
            }
        }
        self.jobs = jobs;
        self.arrivals.clear();
        self.other = false;
        let gone_sets = state.gone_sets();
        if std::mem::replace(&mut self.gone_sets, gone_sets) != gone_sets {
            changes.removed_sets = self
                .sets
                .iter()
                .copied()
                .filter(|id| !state.sets.contains_key(id))
                .collect();
            self.sets.retain(|id| state.sets.contains_key(id));
        }
        changes
    }

    fn tell_job(&mut self, state: &State, job: &Job, changes: &mut Changes) {
        if !is_visible(job) {
            return;
        }
        if job.candidates != SetId(0)
            && self.sets.insert(job.candidates)
            && let Some(set) = state.sets.get(&job.candidates)
        {
            changes.sets.id.push(job.candidates);
            changes.sets.node_count.push(set.nodes.len() as u32);
            changes.sets.node.extend_from_slice(&set.nodes);
        }
        push_job(changes, job);
    }
}

fn is_usable(node: &Node) -> bool {
    node.state == NodeState::Online
}

/// Whether a policy is to know the job: it could start, or holds nodes.
fn is_visible(job: &Job) -> bool {
    match job.phase {
        Phase::Queued => !job.is_held(),
        Phase::Running | Phase::Ending(_) => !job.shares.is_empty(),
        Phase::Configuring | Phase::Submitted | Phase::Ended(_) => false,
    }
}

fn push_node(changes: &mut Changes, node: &Node) {
    let columns = &mut changes.nodes;
    columns.id.push(node.id);
    columns.state.push(if is_usable(node) {
        NODE_USABLE
    } else {
        NODE_CLOSED
    });
    columns.cores.push(node.spec.cores);
    columns.free_cores.push(node.usable_cores());
    columns.sockets.push(node.spec.sockets);
    columns.gpus.push(node.spec.gpus);
    columns.free_gpus.push(if node.exclusive.is_some() {
        0
    } else {
        node.free_gpus.len()
    });
    columns.memory.push(node.spec.memory_mb as f64);
}

fn push_job(changes: &mut Changes, job: &Job) {
    let columns = &mut changes.jobs;
    let bit = |is: bool, bit: u32| if is { bit } else { 0 };
    let spec = &job.spec;
    columns.id.push(job.id);
    columns.state.push(match job.phase {
        Phase::Running if !job.is_held() => JOB_RUNNING,
        Phase::Running | Phase::Ending(_) => JOB_ENDING,
        Phase::Configuring | Phase::Submitted | Phase::Queued | Phase::Ended(_) => JOB_QUEUED,
    });
    columns.flags.push(
        bit(spec.exclusive, JOB_EXCLUSIVE)
            | bit(spec.can_grow, JOB_CAN_GROW)
            | bit(spec.can_shrink, JOB_CAN_SHRINK)
            | bit(spec.can_preempt, JOB_CAN_PREEMPT)
            | bit(spec.single_node, JOB_SINGLE_NODE),
    );
    columns.priority.push(spec.priority);
    columns.position.push(job.position as f64);
    columns
        .submitted
        .push(job.times.submitted.unwrap_or_default().as_instant());
    columns
        .started
        .push(job.times.started.map_or(0.0, |at| at.as_instant()));
    columns
        .walltime
        .push(spec.runtime.map_or(f64::INFINITY, |limit| limit.0 as f64));
    columns.unit.push(spec.unit as u8);
    columns.min.push(job.min);
    columns.max.push(job.max);
    columns.demand.push(job.demand());
    columns.candidates.push(job.candidates);
    columns.share_count.push(job.shares.len() as u32);
    for (&node, share) in &job.shares {
        columns.share_node.push(node);
        columns.share_cores.push(share.cores.len());
        columns.share_gpus.push(share.gpus.len());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Actor, Command, JobSpec, NodeSpec, Timestamp, step};

    fn act(state: &mut State, mirror: &mut Mirror, command: Command) {
        let mut events = Vec::new();
        step(state, &command, Timestamp(0), &mut events).expect("a good command");
        events.iter().for_each(|event| mirror.note(state, event));
    }

    /// A job that keeps what it is given.
    fn submit(state: &mut State, mirror: &mut Mirror, min: u32) {
        let by = Actor::administrator("root");
        let spec = Arc::new(JobSpec {
            min: Some(min),
            max: Some(min),
            run_until_canceled: true,
            ..JobSpec::default()
        });
        let tasks = Vec::new();
        let add = Command::AddJob {
            by: by.clone(),
            spec,
            tasks,
        };
        act(state, mirror, add);
        let job = JobId(state.last_job);
        act(state, mirror, Command::SubmitJob { by, job });
    }

    #[test]
    fn arrivals_that_do_not_fit_are_told_apart() {
        let (mut state, mut mirror) = (State::new(), Mirror::new());
        for (name, online) in [("n1", true), ("n2", false)] {
            let spec = NodeSpec {
                name: name.into(),
                cores: 2,
                sockets: 1,
                gpus: 0,
                memory_mb: 0,
            };
            act(&mut state, &mut mirror, Command::AddNode(spec));
            let (node, now) = (NodeId(state.last_node), NodeState::Draining);
            if !online {
                act(
                    &mut state,
                    &mut mirror,
                    Command::SetNodeState {
                        by: Actor::administrator("root"),
                        node,
                        state: now,
                    },
                );
            }
        }
        submit(&mut state, &mut mirror, 3);
        assert!(
            !mirror.only_arrivals_that_do_not_fit(&state),
            "not told yet"
        );
        mirror.take(&state);
        submit(&mut state, &mut mirror, 3);
        submit(&mut state, &mut mirror, 4);
        assert!(mirror.only_arrivals_that_do_not_fit(&state), "two are free");
        submit(&mut state, &mut mirror, 2);
        assert!(
            !mirror.only_arrivals_that_do_not_fit(&state),
            "this one fits"
        );
        mirror.take(&state);
        submit(&mut state, &mut mirror, 3);
        assert!(
            mirror.only_arrivals_that_do_not_fit(&state),
            "only the new one counts"
        );
        let (node, now) = (NodeId(2), NodeState::Online);
        act(
            &mut state,
            &mut mirror,
            Command::SetNodeState {
                by: Actor::administrator("root"),
                node,
                state: now,
            },
        );
        assert!(
            !mirror.only_arrivals_that_do_not_fit(&state),
            "a node came back"
        );
    }
}
