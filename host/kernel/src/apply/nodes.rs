//! What events do to nodes: shares given and taken back, and the sets of candidate nodes.

use std::sync::Arc;

use super::accounts::{cores_given_back, cores_taken};
use super::index_share;
use crate::needs::needed_by;
use crate::{
    CandidateSet, CoreSet, GivingBack, Grant, Job, JobError, JobId, JobKind, JobShare, NodeId,
    Phase, Selector, SetId, SharePhase, State, Then, Timestamp,
};

impl State {
    pub(super) fn grant(&mut self, at: Timestamp, id: JobId, grants: &[Grant]) {
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        for grant in grants {
            let node = self
                .nodes
                .get_mut(&grant.node)
                .expect("a granted node is there");
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
            let share = job.shares.get_or_insert_with(grant.node, || JobShare {
                cores: CoreSet::default(),
                free: CoreSet::default(),
                gpus: CoreSet::default(),
                free_gpus: CoreSet::default(),
                phase: if prepares {
                    SharePhase::Added
                } else {
                    SharePhase::Ready
                },
            });
            share.cores.put(&grant.cores);
            share.free.put(&grant.cores);
            share.gpus.put(&grant.gpus);
            share.free_gpus.put(&grant.gpus);
            index_share(job, grant.node);
        }
        let half_life = self.parameters.fair_share_half_life;
        cores_taken(&mut self.accounts, job, grants, at, half_life);
    }

    pub(super) fn cores_returned(&mut self, at: Timestamp, id: JobId, grant: &Grant) {
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        given_back(job, grant.cores.len());
        let share = job.shares.get_mut(&grant.node);
        let share = share.expect("the event's share is there");
        share.free.take(&grant.cores);
        share.cores.take(&grant.cores);
        share.gpus.take(&grant.gpus);
        share.free_gpus.take(&grant.gpus);
        index_share(job, grant.node);
        let half_life = self.parameters.fair_share_half_life;
        let (accounts, cores) = (&mut self.accounts, grant.cores.len());
        cores_given_back(accounts, job, cores, at, half_life);
        let node = self.node_mut(grant.node);
        node.free.put(&grant.cores);
        node.free_gpus.put(&grant.gpus);
    }

    pub(super) fn free_share(&mut self, at: Timestamp, id: JobId, node: NodeId) {
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        let share = job.shares.remove(&node).expect("a freed share is there");
        assert_eq!(share.free, share.cores, "nothing runs on a freed share");
        let stayed = share.phase == SharePhase::Ready;
        let comes_back = job.withholds(node);
        index_share(job, node);
        let node = self
            .nodes
            .get_mut(&node)
            .expect("a freed share's node is there");
        if matches!(job.phase, Phase::Running) {
            job.node_trouble.get_or_insert_with(|| {
                let node = node.spec.name.clone();
                Box::new(JobError::NodesLost { node })
            });
        }
        node.free.put(&share.cores);
        node.free_gpus.put(&share.gpus);
        if !comes_back {
            node.jobs.remove(&id);
            node.exclusive = node.exclusive.filter(|&job| job != id);
        }
        let half_life = self.parameters.fair_share_half_life;
        let (accounts, cores) = (&mut self.accounts, share.cores.len());
        cores_given_back(accounts, job, cores, at, half_life);
        if stayed {
            given_back(job, cores);
        }
    }

    /// Gives a job the set of what it says of nodes, and that of what its tasks need of certain ones.
    pub(super) fn choose_candidates(&mut self, id: JobId) {
        self.drop_candidates(id);
        let spec = &self.jobs[&id].spec;
        if !Selector::is_not_needed(spec) {
            let set = self.use_set(Selector::of(spec));
            self.job_mut(id).candidates = set;
        }
        self.choose_required(id);
    }

    /// Its tasks may need something else of certain nodes than before.
    pub(super) fn choose_required(&mut self, id: JobId) {
        let (job, none) = (&self.jobs[&id], SetId(0));
        let chooses = match &job.phase {
            Phase::Queued | Phase::Running => true,
            Phase::Ending(closing) => closing.then == Then::Queued,
            // A job that is validated chooses before it is queued.
            Phase::Submitted | Phase::Validating | Phase::External(_) => true,
            Phase::Configuring | Phase::Ended(_) => false,
        };
        let needed = if chooses { needed_by(job) } else { None };
        if needed.is_none() && job.required == none {
            return;
        }
        let before = std::mem::take(&mut self.job_mut(id).required);
        let set = needed.map_or(none, |selector| self.use_set(selector));
        self.job_mut(id).required = set;
        self.leave_set(before);
    }

    /// Queued instances of a task will not run: maybe nothing else needs what it needed.
    pub(super) fn needs_less(&mut self, id: JobId) {
        if self.jobs[&id].required != SetId(0) {
            self.choose_required(id);
        }
    }

    /// The set of a selector, for one more user.
    fn use_set(&mut self, selector: Selector) -> SetId {
        let set = match self.set_of.get(&selector) {
            Some(&set) => set,
            None => {
                self.last_set += 1;
                let (set, selector) = (SetId(self.last_set), Arc::new(selector));
                let chosen = CandidateSet::new(selector.clone(), &self.nodes);
                self.sets.insert(set, chosen);
                self.set_of.insert(selector, set);
                set
            }
        };
        let users = self.sets.get_mut(&set).map(|set| &mut set.users);
        *users.expect("an indexed set is there") += 1;
        set
    }

    /// A node has come, or its groups are others: every set takes what it allows now.
    pub(super) fn choose_candidates_again(&mut self) {
        for set in self.sets.values_mut() {
            set.choose(&self.nodes);
        }
        self.choose_part();
    }

    pub(super) fn drop_candidates(&mut self, id: JobId) {
        let job = &self.jobs[&id];
        if job.candidates == SetId(0) && job.required == SetId(0) {
            return;
        }
        let job = self.job_mut(id);
        let sets = [&mut job.candidates, &mut job.required].map(std::mem::take);
        sets.into_iter().for_each(|set| self.leave_set(set));
    }

    /// A set has one user less.
    fn leave_set(&mut self, set: SetId) {
        if let Some(entry) = self.sets.get_mut(&set) {
            entry.users -= 1;
            if entry.users == 0 {
                let gone = self.sets.remove(&set);
                gone.map(|gone| self.set_of.remove(&gone.selector));
            }
        }
    }
}

/// A job has given cores back: that many fewer are owed.
pub(super) fn given_back(job: &mut Job, cores: u32) {
    let left = job.giving_back.map(|giving| GivingBack {
        cores: giving.cores.saturating_sub(cores),
        ..giving
    });
    job.giving_back = left.filter(|giving| giving.cores > 0);
}
