//! A cluster to test policies with: it sends changes as the host does, and checks and carries out plans as the kernel does.
//!
//! Not the kernel: no tasks, no queueing rules, no time of its own. A plan that the kernel would refuse in part panics here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    policy::{
        Changes, Decision, Instant, JOB_CAN_GROW, JOB_CAN_PREEMPT, JOB_EXCLUSIVE, JOB_QUEUED,
        JOB_RUNNING, JOB_SINGLE_NODE, JobId, NODE_GONE, NODE_USABLE, NodeId, Placement, Plan,
        Preemption, SetId, Share,
    },
    rows::{JobRow, NodeRow},
};

/// Nodes, sets and jobs, and what of it has not been sent yet.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    nodes: BTreeMap<NodeId, NodeRow>,
    sets: BTreeMap<SetId, Vec<NodeId>>,
    jobs: BTreeMap<JobId, JobRow>,
    changed_nodes: BTreeSet<NodeId>,
    changed_sets: BTreeSet<SetId>,
    changed_jobs: BTreeSet<JobId>,
    /// Of jobs that were sent before.
    changed_allocations: BTreeSet<JobId>,
    removed_jobs: BTreeSet<JobId>,
    removed_nodes: BTreeSet<NodeId>,
}

impl Cluster {
    /// A cluster of idle nodes, numbered from 0, with so many cores each.
    pub fn new(cores: &[u32]) -> Cluster {
        let mut cluster = Cluster::default();
        for (id, &cores) in (0..).zip(cores) {
            cluster.set_node(NodeRow::idle(id, cores));
        }
        cluster
    }

    /// Adds a node or changes one. What jobs hold of it stays taken.
    pub fn set_node(&mut self, mut row: NodeRow) {
        let held = |of: fn(&Share) -> u32| -> u32 {
            let jobs = self.jobs.values().flat_map(|job| &job.shares);
            jobs.filter(|share| share.node == row.id).map(of).sum()
        };
        (row.free_cores, row.free_gpus) = (
            row.cores - held(|share| share.cores),
            row.gpus - held(|share| share.gpus),
        );
        self.changed_nodes.insert(row.id);
        self.removed_nodes.remove(&row.id);
        self.nodes.insert(row.id, row);
    }

    /// Takes a node away that nothing runs on.
    pub fn remove_node(&mut self, id: NodeId) {
        assert!(
            self.jobs
                .values()
                .all(|job| job.shares.iter().all(|share| share.node != id))
        );
        self.nodes.remove(&id);
        self.changed_nodes.remove(&id);
        self.removed_nodes.insert(id);
    }

    /// Adds a candidate set or changes one.
    pub fn set_candidates(&mut self, id: SetId, nodes: &[NodeId]) {
        self.changed_sets.insert(id);
        self.sets.insert(id, nodes.to_vec());
    }

    /// Adds a job or changes one.
    pub fn set_job(&mut self, row: JobRow) {
        self.changed_jobs.insert(row.id);
        self.removed_jobs.remove(&row.id);
        self.jobs.insert(row.id, row);
    }

    /// Ends a job, queued or running.
    pub fn end(&mut self, id: JobId) {
        let Some(job) = self.jobs.remove(&id) else {
            panic!("no job {id}")
        };
        for share in &job.shares {
            if let Some(node) = self.nodes.get_mut(&share.node) {
                node.free_cores += share.cores;
                node.free_gpus += share.gpus;
                self.changed_nodes.insert(share.node);
            }
        }
        self.changed_jobs.remove(&id);
        self.changed_allocations.remove(&id);
        self.removed_jobs.insert(id);
    }

    /// The jobs as they are.
    pub fn jobs(&self) -> &BTreeMap<JobId, JobRow> {
        &self.jobs
    }

    /// The nodes as they are.
    pub fn nodes(&self) -> &BTreeMap<NodeId, NodeRow> {
        &self.nodes
    }

    /// What changed since this was last called.
    pub fn changes(&mut self) -> Changes {
        let mut changes = Changes {
            removed_jobs: std::mem::take(&mut self.removed_jobs).into_iter().collect(),
            nodes: std::mem::take(&mut self.removed_nodes)
                .into_iter()
                .map(|id| NodeRow {
                    state: NODE_GONE,
                    ..NodeRow::idle(id, 0)
                })
                .collect(),
            ..Changes::default()
        };
        for id in std::mem::take(&mut self.changed_nodes) {
            changes.nodes.push(self.nodes[&id]);
        }
        for id in std::mem::take(&mut self.changed_sets) {
            changes.push_set(id, &self.sets[&id]);
        }
        let described = std::mem::take(&mut self.changed_jobs);
        for id in &described {
            changes.push_job(&self.jobs[id]);
        }
        for id in std::mem::take(&mut self.changed_allocations) {
            if !described.contains(&id) {
                changes.push_allocation(&self.jobs[&id]);
            }
        }
        changes
    }

    /// Everything, as for a new instance.
    pub fn snapshot(&self) -> Changes {
        let mut changes = Changes::default();
        changes.nodes.extend(self.nodes.values());
        self.sets
            .iter()
            .for_each(|(&id, nodes)| changes.push_set(id, nodes));
        self.jobs.values().for_each(|row| changes.push_job(row));
        changes
    }

    /// Carries out a plan, and answers which jobs it started, in its order.
    ///
    /// # Panics
    /// When the kernel would refuse one of the decisions.
    pub fn carry_out(&mut self, now: Instant, plan: &Plan) -> Vec<JobId> {
        let mut started = Vec::new();
        for decision in &plan.decisions {
            match decision {
                Decision::Start(placement) => {
                    self.give(now, placement, JOB_QUEUED);
                    started.push(placement.job);
                }
                Decision::Grow(placement) => self.give(now, placement, JOB_RUNNING),
                Decision::Reserve(reservation) => {
                    assert!(
                        reservation.at >= now,
                        "a reservation in the past: {reservation:?}"
                    );
                    assert_eq!(
                        self.jobs[&reservation.job].state, JOB_QUEUED,
                        "{reservation:?}"
                    );
                }
                Decision::Wait(waiting) => {
                    assert_eq!(self.jobs[&waiting.job].state, JOB_QUEUED, "{waiting:?}");
                }
                Decision::Shrink(placement) => {
                    for share in &placement.shares {
                        self.take_back(placement.job, share);
                    }
                }
                Decision::Preempt(preemption) => self.preempt(preemption),
            }
        }
        started
    }

    /// As if tasks had ended just where it is wanted.
    fn preempt(&mut self, preemption: &Preemption) {
        let Some(job) = self.jobs.get(&preemption.job).cloned() else {
            panic!("no job: {preemption:?}")
        };
        assert_eq!(job.state, JOB_RUNNING, "{preemption:?}");
        assert!(job.flags & JOB_CAN_PREEMPT != 0, "{preemption:?}");
        if preemption.how == 1 {
            self.end(job.id);
            self.set_job(JobRow {
                state: JOB_QUEUED,
                started: 0.0,
                shares: Vec::new(),
                ..job
            });
            return;
        }
        let held: u32 = job.shares.iter().map(|share| share.cores).sum();
        assert!(preemption.cores > 0, "{preemption:?}");
        assert!(held - preemption.cores >= job.min, "{preemption:?}");
        let mut left = preemption.cores;
        for share in job.shares.iter().rev() {
            let cores = share.cores.min(left);
            left -= cores;
            let part = Share {
                cores,
                gpus: 0,
                ..*share
            };
            self.take_back(job.id, &part);
        }
    }

    fn take_back(&mut self, id: JobId, share: &Share) {
        let (Some(job), Some(node)) = (self.jobs.get_mut(&id), self.nodes.get_mut(&share.node))
        else {
            panic!("no job {id}, or no such node: {share:?}")
        };
        let Some(held) = job.shares.iter_mut().find(|held| held.node == share.node) else {
            panic!("job {id} does not hold {share:?}")
        };
        held.cores -= share.cores;
        held.gpus -= share.gpus;
        node.free_cores += share.cores;
        node.free_gpus += share.gpus;
        job.shares.retain(|share| share.cores > 0);
        self.changed_nodes.insert(share.node);
        self.changed_jobs.insert(id);
    }

    fn give(&mut self, now: Instant, placement: &Placement, state: u32) {
        let Some(job) = self.jobs.get_mut(&placement.job) else {
            panic!("no job: {placement:?}")
        };
        assert_eq!(job.state, state, "{placement:?}");
        assert!(
            state == JOB_QUEUED || job.flags & JOB_CAN_GROW != 0,
            "may not grow: {placement:?}"
        );
        assert!(!placement.shares.is_empty(), "{placement:?}");
        let whole = job.flags & JOB_EXCLUSIVE != 0 || job.unit == 2;
        let mut seen = BTreeSet::new();
        for share in &placement.shares {
            assert!(seen.insert(share.node), "a node twice: {placement:?}");
            assert!(share.cores > 0, "{placement:?}");
            let Some(node) = self.nodes.get_mut(&share.node) else {
                panic!("no node: {placement:?}");
            };
            assert_eq!(node.state, NODE_USABLE, "{placement:?}");
            assert!(
                node.free_cores >= share.cores,
                "cores taken: {placement:?} {node:?}"
            );
            assert!(
                node.free_gpus >= share.gpus,
                "GPUs taken: {placement:?} {node:?}"
            );
            assert!(
                !whole || share.cores == node.cores,
                "not the whole node: {placement:?}"
            );
            assert!(
                !whole || node.free_cores == node.cores,
                "not idle: {placement:?}"
            );
            if let Some(set) = self.sets.get(&job.candidates) {
                assert!(set.contains(&share.node), "not a candidate: {placement:?}");
            }
            node.free_cores -= share.cores;
            node.free_gpus -= share.gpus;
            self.changed_nodes.insert(share.node);
            match job.shares.iter_mut().find(|held| held.node == share.node) {
                Some(held) => {
                    held.cores += share.cores;
                    held.gpus += share.gpus;
                }
                None => job.shares.push(*share),
            }
        }
        assert!(
            job.flags & JOB_SINGLE_NODE == 0 || job.shares.len() == 1,
            "{placement:?}"
        );
        let units: u32 = job
            .shares
            .iter()
            .map(|share| match job.unit {
                0 => share.cores,
                1 => {
                    share.cores / (self.nodes[&share.node].cores / self.nodes[&share.node].sockets)
                }
                2 => 1,
                _ => share.gpus,
            })
            .sum();
        assert!(units >= job.min, "too little: {placement:?}");
        // Whole nodes may be more than was asked for, but no node beyond the one that reaches it.
        let over = units.saturating_sub(job.max);
        let last = placement.shares.last().map_or(0, |share| share.cores);
        assert!(
            over == 0 || (whole && over < last),
            "too much: {placement:?}"
        );
        for node in self.sets.get(&job.required).into_iter().flatten() {
            let has = placement.shares.iter().any(|share| share.node == *node);
            assert!(
                has || state == JOB_RUNNING,
                "{node} is required: {placement:?}"
            );
        }
        if state == JOB_QUEUED {
            job.state = JOB_RUNNING;
            job.started = now;
        }
        self.changed_allocations.insert(job.id);
    }
}
