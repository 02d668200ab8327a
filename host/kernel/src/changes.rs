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

/// `jobs.flags`: no other job on its nodes.
pub const JOB_EXCLUSIVE: u32 = 1;
/// `jobs.flags`: may be given more while it runs.
pub const JOB_CAN_GROW: u32 = 2;
/// `jobs.flags`: what is above its minimum may be taken back.
pub const JOB_CAN_SHRINK: u32 = 4;
/// `jobs.flags`: may be preempted.
pub const JOB_CAN_PREEMPT: u32 = 8;
/// `jobs.flags`: all that it gets is on one node.
pub const JOB_SINGLE_NODE: u32 = 16;

/// `jobs.state`: free to start.
pub const JOB_QUEUED: u8 = 0;
/// `jobs.state`: holds shares, may get more.
pub const JOB_RUNNING: u8 = 1;
/// `jobs.state`: holds shares until it has ended.
pub const JOB_ENDING: u8 = 2;

/// `nodes.state`: takes jobs.
pub const NODE_USABLE: u8 = 0;
/// `nodes.state`: takes no new jobs.
pub const NODE_CLOSED: u8 = 1;

/// Jobs in columns: one entry a row in each, but for the flat `share_*`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct JobColumns {
    pub id: Vec<JobId>,
    pub state: Vec<u8>,
    pub flags: Vec<u32>,
    pub priority: Vec<u32>,
    pub position: Vec<f64>,
    pub submitted: Vec<Instant>,
    pub started: Vec<Instant>,
    pub walltime: Vec<Span>,
    pub unit: Vec<u8>,
    pub min: Vec<u32>,
    pub max: Vec<u32>,
    pub demand: Vec<u32>,
    pub candidates: Vec<SetId>,
    pub share_count: Vec<u32>,
    pub share_node: Vec<NodeId>,
    pub share_cores: Vec<u32>,
    pub share_gpus: Vec<u32>,
    pub numbers: Vec<(String, Vec<f64>)>,
    pub texts: Vec<(String, Vec<String>)>,
}

/// Nodes in columns: one entry a row in each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct NodeColumns {
    pub id: Vec<NodeId>,
    pub state: Vec<u8>,
    pub cores: Vec<u32>,
    pub free_cores: Vec<u32>,
    pub sockets: Vec<u32>,
    pub gpus: Vec<u32>,
    pub free_gpus: Vec<u32>,
    pub memory: Vec<f64>,
    pub numbers: Vec<(String, Vec<f64>)>,
    pub texts: Vec<(String, Vec<String>)>,
}

/// Candidate sets in columns: `node` is flat, in row order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct SetColumns {
    pub id: Vec<SetId>,
    pub node_count: Vec<u32>,
    pub node: Vec<NodeId>,
}

/// What changed since the last pass of one policy instance; everything on its first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct Changes {
    pub removed_jobs: Vec<JobId>,
    pub removed_nodes: Vec<NodeId>,
    pub removed_sets: Vec<SetId>,
    pub jobs: JobColumns,
    pub nodes: NodeColumns,
    pub sets: SetColumns,
}

/// Part of one node, by count: the kernel picks which cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct Share {
    pub node: NodeId,
    pub cores: u32,
    pub gpus: u32,
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
