//! Changes written down row by row: for tests and benches, which make them by hand. The host sends columns.

use crate::policy::{Changes, Instant, JOB_QUEUED, JobId, NODE_USABLE, NodeId, SetId, Share, Span};

/// One row of `jobs`. Field by field documented in `wit/policy.wit`.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct JobRow {
    pub id: JobId,
    pub state: u8,
    pub flags: u32,
    pub priority: u32,
    pub position: f64,
    pub submitted: Instant,
    pub started: Instant,
    pub walltime: Span,
    pub unit: u8,
    pub min: u32,
    pub max: u32,
    pub demand: u32,
    pub candidates: SetId,
    pub shares: Vec<Share>,
}

impl JobRow {
    /// A queued job of normal priority, in the order of its number, that needs so many cores anywhere for so long.
    pub fn queued(id: JobId, cores: u32, walltime: Span) -> JobRow {
        JobRow {
            id,
            state: JOB_QUEUED,
            flags: 0,
            priority: 2000,
            position: f64::from(id),
            submitted: 0.0,
            started: 0.0,
            walltime,
            unit: 0,
            min: cores,
            max: cores,
            demand: cores,
            candidates: 0,
            shares: Vec::new(),
        }
    }
}

/// One row of `nodes`. Field by field documented in `wit/policy.wit`.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct NodeRow {
    pub id: NodeId,
    pub state: u8,
    pub cores: u32,
    pub free_cores: u32,
    pub sockets: u32,
    pub gpus: u32,
    pub free_gpus: u32,
    pub memory: f64,
}

impl NodeRow {
    /// An idle node of one socket without GPUs.
    pub fn idle(id: NodeId, cores: u32) -> NodeRow {
        NodeRow {
            id,
            state: NODE_USABLE,
            cores,
            free_cores: cores,
            sockets: 1,
            gpus: 0,
            free_gpus: 0,
            memory: 0.0,
        }
    }
}

impl Changes {
    /// Adds a row to `jobs`.
    pub fn push_job(&mut self, row: &JobRow) {
        let jobs = &mut self.jobs;
        jobs.id.push(row.id);
        jobs.state.push(row.state);
        jobs.flags.push(row.flags);
        jobs.priority.push(row.priority);
        jobs.position.push(row.position);
        jobs.submitted.push(row.submitted);
        jobs.started.push(row.started);
        jobs.walltime.push(row.walltime);
        jobs.unit.push(row.unit);
        jobs.min.push(row.min);
        jobs.max.push(row.max);
        jobs.demand.push(row.demand);
        jobs.candidates.push(row.candidates);
        jobs.share_count.push(row.shares.len() as u32);
        for share in &row.shares {
            jobs.share_node.push(share.node);
            jobs.share_cores.push(share.cores);
            jobs.share_gpus.push(share.gpus);
        }
    }

    /// Adds a row to `nodes`.
    pub fn push_node(&mut self, row: &NodeRow) {
        let nodes = &mut self.nodes;
        nodes.id.push(row.id);
        nodes.state.push(row.state);
        nodes.cores.push(row.cores);
        nodes.free_cores.push(row.free_cores);
        nodes.sockets.push(row.sockets);
        nodes.gpus.push(row.gpus);
        nodes.free_gpus.push(row.free_gpus);
        nodes.memory.push(row.memory);
    }

    /// Adds a row to `sets`.
    pub fn push_set(&mut self, id: SetId, nodes: &[NodeId]) {
        self.sets.id.push(id);
        self.sets.node_count.push(nodes.len() as u32);
        self.sets.node.extend_from_slice(nodes);
    }
}
