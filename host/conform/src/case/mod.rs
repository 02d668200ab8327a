//! A case: nodes, jobs and what happens when. Written and read as text, see `docs/conformance.md`.
//!
//! A case says what people and the cluster do, never what the policy does; `expect` says what must come of it. Jobs are numbered
//! from 1 in the order in which they come, as the kernel does it.

mod read;
mod write;

use std::collections::BTreeSet;

use jobyard_kernel::{GroupOp, Parameters, Span, Timestamp, Unit};

pub use read::BadCase;
pub(crate) use write::time;

use crate::Claim;

/// Nodes, jobs, and what happens when.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Case {
    /// One line.
    pub name: String,
    /// For policies that claim one of these; for all when empty.
    pub claims: BTreeSet<Claim>,
    /// In order.
    pub steps: Vec<Step>,
    /// What must come of it; nothing is expected when empty.
    pub expect: Vec<Expect>,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Time goes on to this; what follows happens then, and the policy is told of it in one call.
    At(Timestamp),
    /// What follows, up to the next time, happens while the policy decides what it was told before.
    Meanwhile,
    /// A node is added.
    Node(NodeLine),
    /// A job is added and submitted.
    Job(JobLine),
    /// Something happens to a job. What cannot happen to it just then does not.
    ToJob(u32, JobStep),
    /// Something happens to a node.
    ToNode(String, NodeStep),
    /// A cluster parameter is set: name and value.
    Parameter(String, String),
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLine {
    /// Its name.
    pub name: String,
    /// Cores.
    pub cores: u32,
    /// Sockets.
    pub sockets: u32,
    /// GPUs.
    pub gpus: u32,
    /// Groups that it is in.
    pub groups: Vec<String>,
}

/// A job: what it asks for, and how long its work really takes.
#[derive(Debug, Clone, PartialEq)]
pub struct JobLine {
    /// The least and the most, in `unit`.
    pub units: (u32, u32),
    /// What that counts.
    pub unit: Unit,
    /// So many tasks of one unit each; none: one task that takes all that the job is given at its start.
    pub tasks: Option<u32>,
    /// How long each task takes; none: until it is stopped.
    pub runs: Option<Span>,
    /// How long the job may run, and the estimate that the policy is told; none: not known.
    pub walltime: Option<Span>,
    /// 0 to 4000.
    pub priority: u32,
    /// No other job on its nodes.
    pub exclusive: bool,
    /// All on one node.
    pub single_node: bool,
    /// May be given more while it runs.
    pub can_grow: bool,
    /// May give back what is above its minimum.
    pub can_shrink: bool,
    /// May be preempted.
    pub can_preempt: bool,
    /// Only these nodes; any when empty.
    pub nodes: Vec<String>,
    /// Only nodes of these groups; of any when empty.
    pub groups: Vec<String>,
    /// How several groups are meant.
    pub group_op: GroupOp,
    /// Jobs that must have finished before.
    pub parents: Vec<u32>,
    /// How long it is held from the start; none: not.
    pub hold: Option<Span>,
    /// How long the preparation of each node takes; none: there is none.
    pub prepare: Option<Span>,
    /// How long the release of each node takes; none: there is none.
    pub release: Option<Span>,
}

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStep {
    /// It is canceled.
    Cancel,
    /// It is queued again.
    Requeue,
    /// It is held for so long.
    Hold(Span),
    /// Its hold is cleared.
    Release,
    /// It is taken out of the queue to be edited.
    Configure,
    /// It is submitted again.
    Submit,
    /// It gets another priority.
    Priority(u32),
    /// It gets another limit, or none.
    Walltime(Option<Span>),
}

/// What happens to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeStep {
    /// It takes no new jobs.
    Drain,
    /// It is taken offline.
    Offline,
    /// It takes jobs again.
    Online,
    /// Nobody hears of it.
    Lost,
    /// It is heard of again.
    Back,
    /// It is in these groups and no others.
    Groups(Vec<String>),
}

/// What must come of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// These jobs start at that time. Where a case expects any start, all are named: no job starts otherwise.
    Starts(Timestamp, Vec<u32>),
    /// What a job holds at that time, in its units, when all has been decided.
    Holds(Timestamp, u32, u32),
}

impl NodeLine {
    /// One socket, no GPUs, no groups.
    pub fn new(name: impl Into<String>, cores: u32) -> Self {
        NodeLine {
            name: name.into(),
            cores,
            sockets: 1,
            gpus: 0,
            groups: Vec::new(),
        }
    }
}

impl JobLine {
    /// So many cores of any node for a minute, as its limit says.
    pub fn new(cores: u32) -> Self {
        JobLine {
            units: (cores, cores),
            unit: Unit::Core,
            tasks: None,
            runs: Some(Span::from_secs(60)),
            walltime: Some(Span::from_secs(60)),
            priority: 2_000,
            exclusive: false,
            single_node: false,
            can_grow: true,
            can_shrink: true,
            can_preempt: true,
            nodes: Vec::new(),
            groups: Vec::new(),
            group_op: GroupOp::Intersect,
            parents: Vec::new(),
            hold: None,
            prepare: None,
            release: None,
        }
    }

    /// Whether it asks for a fixed number of cores, wherever they are.
    pub fn is_plain(&self) -> bool {
        self.unit == Unit::Core
            && self.units.0 == self.units.1
            && !self.exclusive
            && !self.single_node
            && self.nodes.is_empty()
            && self.groups.is_empty()
    }
}

impl Case {
    /// The jobs, in order: the first has number 1.
    pub fn jobs(&self) -> impl Iterator<Item = &JobLine> {
        self.steps.iter().filter_map(|step| match step {
            Step::Job(job) => Some(job),
            Step::At(_)
            | Step::Meanwhile
            | Step::Node(_)
            | Step::ToJob(..)
            | Step::ToNode(..)
            | Step::Parameter(..) => None,
        })
    }

    /// The nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeLine> {
        self.steps.iter().filter_map(|step| match step {
            Step::Node(node) => Some(node),
            Step::At(_)
            | Step::Meanwhile
            | Step::Job(_)
            | Step::ToJob(..)
            | Step::ToNode(..)
            | Step::Parameter(..) => None,
        })
    }

    /// Whether nothing but nodes and jobs comes, and time.
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::At(_) | Step::Node(_) | Step::Job(_) => true,
            Step::Meanwhile | Step::ToJob(..) | Step::ToNode(..) | Step::Parameter(..) => false,
        })
    }

    /// Leaves steps out: those that are left name jobs by their new numbers, and what names a job or node that is no
    /// longer there is left out too. The expectations go.
    pub(crate) fn without(&self, drop: impl Fn(usize) -> bool) -> Case {
        let mut numbers: Vec<Option<u32>> = Vec::new();
        let mut left = 0;
        let mut names = BTreeSet::new();
        let mut steps = Vec::new();
        let renumber = |numbers: &[Option<u32>], job: u32| {
            let index = (job as usize).checked_sub(1)?;
            numbers.get(index).copied().flatten()
        };
        for (index, step) in self.steps.iter().enumerate() {
            let gone = drop(index);
            match step {
                Step::Job(job) => {
                    left += u32::from(!gone);
                    let mut job = job.clone();
                    job.parents = (job.parents.iter())
                        .filter_map(|&parent| renumber(&numbers, parent))
                        .collect();
                    numbers.push((!gone).then_some(left));
                    if !gone {
                        steps.push(Step::Job(job));
                    }
                }
                _ if gone => {}
                Step::Node(node) => {
                    names.insert(node.name.clone());
                    steps.push(step.clone());
                }
                Step::ToJob(job, what) => {
                    steps.extend(renumber(&numbers, *job).map(|job| Step::ToJob(job, *what)));
                }
                Step::ToNode(name, _) if !names.contains(name) => {}
                Step::At(_) | Step::Meanwhile | Step::ToNode(..) | Step::Parameter(..) => {
                    steps.push(step.clone());
                }
            }
        }
        Case {
            steps,
            expect: Vec::new(),
            ..self.clone()
        }
    }
}

/// The parameters that a cluster has before a case says otherwise: ended jobs stay, so that they can be queued again.
pub(crate) fn parameters() -> Parameters {
    Parameters {
        ttl_completed_jobs: Span::from_secs(366 * 86_400),
        ..Parameters::default()
    }
}
