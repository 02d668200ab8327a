//! Changes written down row by row: for tests and benches, which make them by hand.

pub use crate::policy::Node as NodeRow;
use crate::policy::{
    Allocation, COLUMN_FREE_SOCKETS, COLUMN_LEAST, COLUMN_PART_OF, COLUMN_REQUIRED, CandidateSet,
    Changes, Column, ColumnValues, Instant, JOB_QUEUED, Job, JobId, NODE_USABLE, NodeId, SetId,
    Share, Span,
};

/// A job and what it holds. Field by field documented in `wit/policy.wit`.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "documented once, in wit/policy.wit")]
pub struct JobRow {
    pub id: JobId,
    pub state: u32,
    pub flags: u32,
    pub priority: u32,
    pub position: f64,
    pub submitted: Instant,
    pub started: Instant,
    pub walltime: Span,
    pub unit: u32,
    pub min: u32,
    pub max: u32,
    pub demand: u32,
    pub candidates: SetId,
    pub required: SetId,
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
            required: 0,
            shares: Vec::new(),
        }
    }
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
            memory: 0,
        }
    }
}

impl Changes {
    /// Describes a job, and its allocation unless it is queued.
    pub fn push_job(&mut self, row: &JobRow) {
        self.jobs.push(Job {
            id: row.id,
            flags: row.flags,
            priority: row.priority,
            unit: row.unit,
            min: row.min,
            max: row.max,
            demand: row.demand,
            candidates: row.candidates,
            position: row.position,
            submitted: row.submitted,
            walltime: row.walltime,
        });
        if row.required != 0 || self.columns.iter().any(|c| c.name == COLUMN_REQUIRED) {
            let rows = self.jobs.len();
            self.number(COLUMN_REQUIRED, rows, f64::from(row.required));
        }
        if row.state != JOB_QUEUED {
            self.push_allocation(row);
        }
    }

    /// Says what a job holds that was described before.
    pub fn push_allocation(&mut self, row: &JobRow) {
        self.allocations.push(Allocation {
            job: row.id,
            state: row.state,
            demand: row.demand,
            share_count: row.shares.len() as u32,
            started: row.started,
        });
        self.shares.extend_from_slice(&row.shares);
    }

    /// Adds a candidate set.
    pub fn push_set(&mut self, id: SetId, nodes: &[NodeId]) {
        self.push_needed(id, 0, nodes, 0);
    }

    /// Adds a set that is part of one that was added before.
    pub fn push_part(&mut self, id: SetId, whole: SetId, nodes: &[NodeId]) {
        self.push_needed(id, whole, nodes, 0);
    }

    /// Adds such a part of which jobs must have so many units.
    pub fn push_needed(&mut self, id: SetId, whole: SetId, nodes: &[NodeId], least: u32) {
        let nodes = nodes.to_vec();
        self.sets.push(CandidateSet { id, nodes });
        self.number(COLUMN_PART_OF, self.sets.len(), f64::from(whole));
        self.number(COLUMN_LEAST, self.sets.len(), f64::from(least));
    }

    /// Adds a node, and how many of its sockets are free.
    pub fn push_node(&mut self, row: NodeRow, free_sockets: u32) {
        self.nodes.push(row);
        self.number(
            COLUMN_FREE_SOCKETS,
            self.nodes.len(),
            f64::from(free_sockets),
        );
    }

    /// Says a number of the last of so many rows.
    fn number(&mut self, name: &str, rows: usize, number: f64) {
        let values = match self.columns.iter().position(|column| column.name == name) {
            Some(at) => &mut self.columns[at].values,
            None => {
                self.columns.push(Column {
                    name: name.to_owned(),
                    values: ColumnValues::Numbers(vec![0.0; rows - 1]),
                });
                let last = self.columns.len() - 1;
                &mut self.columns[last].values
            }
        };
        if let ColumnValues::Numbers(numbers) = values {
            numbers.push(number);
        }
    }
}
