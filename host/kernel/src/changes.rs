//! What a policy is sent and what it answers, in the shapes of `wit/policy.wit`.
//!
//! Plain data: the plugin crate lowers it into a component, the simulator and the benches hand it to native
//! code. Field by field the documentation is in the WIT; here is only what differs.

use serde::{Deserialize, Serialize};

use crate::{JobId, NodeId, SetId};

/// Whole microseconds since 1970-01-01T00:00:00Z in an `f64`; exact below 2^53.
pub type Instant = f64;
/// Whole microseconds in an `f64`; infinity when not known.
type Span = f64;

/// `job.flags`: no other job on its nodes.
pub const JOB_EXCLUSIVE: u32 = 1;
/// `job.flags`: may be given more while it runs.
pub const JOB_CAN_GROW: u32 = 2;
/// `job.flags`: what is above its minimum may be taken back.
pub const JOB_CAN_SHRINK: u32 = 4;
/// `job.flags`: may be preempted.
pub const JOB_CAN_PREEMPT: u32 = 8;
/// `job.flags`: all that it gets is on one node.
pub const JOB_SINGLE_NODE: u32 = 16;

/// `allocation.state`: holds shares, may get more.
pub const ALLOCATION_RUNNING: u32 = 1;
/// `allocation.state`: holds shares until it has ended.
pub const ALLOCATION_ENDING: u32 = 2;

/// `node.state`: takes jobs.
pub const NODE_USABLE: u32 = 0;
/// `node.state`: takes no new jobs.
pub const NODE_CLOSED: u32 = 1;
/// `node.state`: is to be forgotten.
pub const NODE_GONE: u32 = 2;

/// The column of candidate sets that says of which other set one is a part.
pub const COLUMN_PART_OF: &str = "set.part-of";
/// The column of jobs that says of which set one must have something.
pub const COLUMN_REQUIRED: &str = "job.required";
/// The column of candidate sets that says how many units of a part that is.
pub const COLUMN_LEAST: &str = "set.least";
/// The column of nodes that says how many whole sockets are free.
pub const COLUMN_FREE_SOCKETS: &str = "node.free-sockets";

/// What a job asks for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct JobRow {
    pub id: JobId,
    pub flags: u32,
    pub priority: u32,
    pub unit: u32,
    pub min: u32,
    pub max: u32,
    pub demand: u32,
    pub candidates: SetId,
    pub position: f64,
    pub submitted: Instant,
    pub walltime: Span,
}

/// Part of one node, by count: the kernel picks which cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct Share {
    pub node: NodeId,
    pub cores: u32,
    pub gpus: u32,
}

/// What a job holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct AllocationRow {
    pub job: JobId,
    pub state: u32,
    pub demand: u32,
    pub share_count: u32,
    pub started: Instant,
}

/// A node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct NodeRow {
    pub id: NodeId,
    pub state: u32,
    pub cores: u32,
    pub free_cores: u32,
    pub sockets: u32,
    pub gpus: u32,
    pub free_gpus: u32,
    pub memory: u32,
}

/// Nodes that jobs may run on, in the order of preference; none when the set is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct SetRow {
    pub id: SetId,
    pub nodes: Vec<NodeId>,
}

/// One more property of jobs or nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct Column {
    pub name: String,
    pub values: ColumnValues,
}

/// The entries of a column: one a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub enum ColumnValues {
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

/// What changed since the last pass of one policy instance; everything on its first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct Changes {
    pub removed_jobs: Vec<JobId>,
    pub nodes: Vec<NodeRow>,
    pub sets: Vec<SetRow>,
    pub jobs: Vec<JobRow>,
    pub allocations: Vec<AllocationRow>,
    pub shares: Vec<Share>,
    pub columns: Vec<Column>,
}

/// One proposal of a policy. Anything may be in it: a guest wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub enum Decision {
    Start {
        job: JobId,
        shares: Vec<Share>,
    },
    Grow {
        job: JobId,
        shares: Vec<Share>,
    },
    Shrink {
        job: JobId,
        shares: Vec<Share>,
    },
    Preempt {
        job: JobId,
        how: u32,
        cores: u32,
    },
    Reserve {
        job: JobId,
        at: Instant,
        shares: Vec<Share>,
    },
    Wait {
        job: JobId,
        reason: u32,
        text: String,
    },
}

/// A policy's answer to a pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct Plan {
    pub decisions: Vec<Decision>,
    pub wake_at: Option<Instant>,
}
