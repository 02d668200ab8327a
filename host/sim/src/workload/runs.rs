//! What the events say of runs of jobs and the jobs themselves do not: with how much each started, and when it came into the queue.

use std::collections::BTreeMap;

use jobyard_kernel::{Event, Fact, Grant, JobId, NodeId, NodeSpec, State, Timestamp, Unit};

/// Followed from event to event; the last run of each job counts.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    nodes: BTreeMap<NodeId, NodeSpec>,
    jobs: BTreeMap<JobId, Seen>,
}

/// What was seen of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// When it came into the queue last: submitted, or back from a run.
    queued: Option<Timestamp>,
    /// The same of its last run.
    pub(super) queued_for_run: Option<Timestamp>,
    /// With what that run started.
    pub(super) given: Option<Given>,
    /// It was given more or gave something back meanwhile.
    pub(super) resized: bool,
}

/// What a job started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Given {
    pub(super) cores: u32,
    sockets: u32,
    nodes: u32,
    gpus: u32,
}

impl Given {
    pub(super) fn units(self, unit: Unit) -> u32 {
        match unit {
            Unit::Core => self.cores,
            Unit::Socket => self.sockets,
            Unit::Node => self.nodes,
            Unit::Gpu => self.gpus,
        }
    }
}

impl Runs {
    /// Nothing seen yet; the nodes are those of this state.
    pub fn new(state: &State) -> Runs {
        let nodes = state.nodes().map(|node| (node.id, node.spec.clone()));
        Runs {
            nodes: nodes.collect(),
            jobs: BTreeMap::new(),
        }
    }

    /// Takes note of an event; they must come in order.
    pub fn note(&mut self, event: &Event) {
        if let Fact::JobSubmitted { job, .. } = &event.fact {
            self.job(*job).queued = Some(event.at);
        } else if let Fact::JobStarted { job, grants } = &event.fact {
            let given = self.given(grants);
            let seen = self.job(*job);
            (seen.given, seen.resized) = (Some(given), false);
            seen.queued_for_run = seen.queued;
        } else if let Fact::JobGrown { job, .. } | Fact::CoresReturned { job, .. } = &event.fact {
            self.job(*job).resized = true;
        } else if let Fact::JobEnded { job } = &event.fact {
            // For good, or back into the queue: then this is when its next wait began.
            self.job(*job).queued = Some(event.at);
        } else if let Fact::NodeAdded { node, spec } = &event.fact {
            self.nodes.insert(*node, spec.clone());
        }
    }

    pub(super) fn of(&self, job: JobId) -> Seen {
        self.jobs.get(&job).copied().unwrap_or_default()
    }

    fn job(&mut self, job: JobId) -> &mut Seen {
        self.jobs.entry(job).or_default()
    }

    fn given(&self, grants: &[Grant]) -> Given {
        let mut given = Given::default();
        for grant in grants {
            given.cores += grant.cores.len();
            if let Some(spec) = self.nodes.get(&grant.node) {
                let within = |unit: Unit| unit.within(spec, &grant.cores, &grant.gpus);
                given.sockets += within(Unit::Socket);
                given.nodes += within(Unit::Node);
                given.gpus += within(Unit::Gpu);
            }
        }
        given
    }
}
