//! What events do to nodes: shares given and taken back, and the sets of candidate nodes.

use super::index_share;
use crate::{
    CandidateSet, CoreSet, Grant, JobError, JobId, JobKind, JobShare, NodeId, Phase, SetId,
    SharePhase, State,
};

impl State {
    pub(super) fn grant(&mut self, id: JobId, grants: &[Grant]) {
        for grant in grants {
            let node = self
                .nodes
                .get_mut(&grant.node)
                .expect("a granted node is there");
            let job = self.jobs.get_mut(&id).expect("the event's job is there");
            node.free.take(&grant.cores);
            node.free_gpus.take(&grant.gpus);
            // A command job is beside what the node is shared among.
            if job.spec.kind == JobKind::Batch {
                node.jobs.insert(id);
                if job.spec.exclusive {
                    node.exclusive = Some(id);
                }
            }
            let prepares = job.node_prepare.is_some();
            let share = job.shares.entry(grant.node).or_insert_with(|| JobShare {
                cores: CoreSet::default(),
                free: CoreSet::default(),
                gpus: CoreSet::default(),
                phase: if prepares {
                    SharePhase::Added
                } else {
                    SharePhase::Ready
                },
            });
            share.cores.put(&grant.cores);
            share.free.put(&grant.cores);
            share.gpus.put(&grant.gpus);
            index_share(job, grant.node);
        }
    }

    pub(super) fn cores_returned(&mut self, id: JobId, grant: &Grant) {
        let share = self.share_mut(id, grant.node);
        share.free.take(&grant.cores);
        share.cores.take(&grant.cores);
        share.gpus.take(&grant.gpus);
        index_share(self.job_mut(id), grant.node);
        let node = self.node_mut(grant.node);
        node.free.put(&grant.cores);
        node.free_gpus.put(&grant.gpus);
    }

    pub(super) fn free_share(&mut self, id: JobId, node: NodeId) {
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        let share = job.shares.remove(&node).expect("a freed share is there");
        assert_eq!(share.free, share.cores, "nothing runs on a freed share");
        index_share(job, node);
        let node = self
            .nodes
            .get_mut(&node)
            .expect("a freed share's node is there");
        if job.phase == Phase::Running {
            job.node_trouble.get_or_insert_with(|| JobError::NodesLost {
                node: node.spec.name.clone(),
            });
        }
        node.free.put(&share.cores);
        node.free_gpus.put(&share.gpus);
        node.jobs.remove(&id);
        node.exclusive = node.exclusive.filter(|&job| job != id);
    }

    pub(super) fn intern(&mut self, nodes: &[NodeId]) -> SetId {
        if let Some((&id, set)) = self.sets.iter_mut().find(|(_, set)| set.nodes == nodes) {
            set.users += 1;
            return id;
        }
        self.last_set += 1;
        let id = SetId(self.last_set);
        self.sets.insert(
            id,
            CandidateSet {
                nodes: nodes.to_vec(),
                users: 1,
            },
        );
        id
    }

    pub(super) fn drop_candidates(&mut self, id: JobId) {
        let set = std::mem::take(&mut self.job_mut(id).candidates);
        if let Some(entry) = self.sets.get_mut(&set) {
            entry.users -= 1;
            if entry.users == 0 {
                self.sets.remove(&set);
            }
        }
    }
}
