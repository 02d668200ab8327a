//! The mirror that a policy keeps, as small as it can be: what a policy in any language would do with `changes`.

use std::collections::BTreeMap;

use jobyard_kernel::{Changes, JobId, JobRow, Mirror, NODE_GONE, State};

/// What an instance knows after all that it was told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Known {
    jobs: BTreeMap<u32, (JobRow, String)>,
    nodes: BTreeMap<u32, String>,
    sets: BTreeMap<u32, Vec<u32>>,
}

impl Known {
    /// Applies one call's changes in the order that the contract names: removed jobs, nodes, sets, jobs, allocations.
    pub(crate) fn apply(&mut self, changes: &Changes) {
        for id in &changes.removed_jobs {
            self.jobs.remove(&id.0);
        }
        for node in &changes.nodes {
            if node.state == NODE_GONE {
                self.nodes.remove(&node.id.0);
            } else {
                self.nodes.insert(node.id.0, format!("{node:?}"));
            }
        }
        for set in &changes.sets {
            // An empty one is of no use just now, or for ever.
            let nodes = set.nodes.iter().map(|node| node.0).collect();
            self.sets.insert(set.id.0, nodes);
        }
        for job in &changes.jobs {
            let (id, set) = (job.id, job.candidates);
            assert!(
                set.0 == 0 || self.sets.contains_key(&set.0),
                "job {id} refers to set {set}, which was not told"
            );
            self.jobs.insert(id.0, (*job, "queued".to_owned()));
        }
        let mut shares = &changes.shares[..];
        for given in &changes.allocations {
            let (held, rest) = shares.split_at(given.share_count as usize);
            shares = rest;
            let Some((job, holds)) = self.jobs.get_mut(&given.job.0) else {
                panic!("job {} holds something and was never described", given.job);
            };
            job.demand = given.demand;
            *holds = format!("state {} since {}: {held:?}", given.state, given.started);
        }
        assert!(shares.is_empty(), "no shares are left over");
    }

    /// Whether it knows a job.
    pub(crate) fn has_job(&self, id: JobId) -> bool {
        self.jobs.contains_key(&id.0)
    }

    /// That it knows what a new instance would be told, and no set that has gone.
    pub(crate) fn check(&self, state: &State) {
        let mut fresh = Known::default();
        fresh.apply(&Mirror::new().take(state));
        assert_eq!(self.jobs, fresh.jobs, "jobs as told and as they are");
        assert_eq!(self.nodes, fresh.nodes, "nodes as told and as they are");
        for (id, nodes) in &fresh.sets {
            assert_eq!(self.sets.get(id), Some(nodes), "set {id}");
        }
        let live: Vec<u32> = state.sets().map(|(id, _)| id.0).collect();
        for (id, nodes) in &self.sets {
            let gone = nodes.is_empty() && !live.contains(id);
            assert!(
                gone || live.contains(id),
                "set {id} has gone and is still known"
            );
        }
    }
}
