//! The mirror that a policy keeps, as small as it can be: what a policy in any language would do with `changes`.

use std::collections::BTreeMap;

use jobyard_kernel::{Changes, JobId, Mirror, State};

/// What an instance knows after all that it was told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Known {
    jobs: BTreeMap<u32, String>,
    nodes: BTreeMap<u32, String>,
    sets: BTreeMap<u32, Vec<u32>>,
}

impl Known {
    /// Applies one call's changes in the order that the contract names: removals, nodes, sets, jobs.
    pub(crate) fn apply(&mut self, changes: &Changes) {
        for id in &changes.removed_jobs {
            self.jobs.remove(&id.0);
        }
        for id in &changes.removed_nodes {
            self.nodes.remove(&id.0);
        }
        for id in &changes.removed_sets {
            let was = self.sets.remove(&id.0);
            assert!(was.is_some(), "set {id} was removed and never told");
        }
        let n = &changes.nodes;
        for (row, id) in n.id.iter().enumerate() {
            let text = format!(
                "state {} cores {}/{} sockets {} gpus {}/{} memory {}",
                n.state[row],
                n.free_cores[row],
                n.cores[row],
                n.sockets[row],
                n.free_gpus[row],
                n.gpus[row],
                n.memory[row],
            );
            self.nodes.insert(id.0, text);
        }
        let mut flat = changes.sets.node.iter().map(|node| node.0);
        for (row, id) in changes.sets.id.iter().enumerate() {
            let count = changes.sets.node_count[row] as usize;
            self.sets.insert(id.0, flat.by_ref().take(count).collect());
        }
        assert_eq!(flat.next(), None, "no nodes are left over");
        self.apply_jobs(changes);
    }

    /// Whether it knows a job.
    pub(crate) fn has_job(&self, id: JobId) -> bool {
        self.jobs.contains_key(&id.0)
    }

    fn apply_jobs(&mut self, changes: &Changes) {
        let j = &changes.jobs;
        let mut share = 0;
        for (row, id) in j.id.iter().enumerate() {
            let count = j.share_count[row] as usize;
            let shares: Vec<String> = (share..share + count)
                .map(|i| {
                    format!(
                        "{}:{}+{}",
                        j.share_node[i], j.share_cores[i], j.share_gpus[i]
                    )
                })
                .collect();
            share += count;
            let set = j.candidates[row].0;
            assert!(
                set == 0 || self.sets.contains_key(&set),
                "job {id} refers to set {set}, which was not told"
            );
            let text = format!(
                "state {} flags {} priority {} position {} submitted {} started {} walltime {} \
                 unit {} min {} max {} demand {} set {set} shares {shares:?}",
                j.state[row],
                j.flags[row],
                j.priority[row],
                j.position[row],
                j.submitted[row],
                j.started[row],
                j.walltime[row],
                j.unit[row],
                j.min[row],
                j.max[row],
                j.demand[row],
            );
            self.jobs.insert(id.0, text);
        }
        assert_eq!(share, j.share_node.len(), "no shares are left over");
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
        for id in self.sets.keys() {
            assert!(live.contains(id), "set {id} has gone and is still known");
        }
    }
}
