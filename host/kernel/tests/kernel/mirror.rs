//! The mirror that a policy keeps, as small as it can be: what a policy in any language would do with `changes`.

use std::collections::BTreeMap;

use jobyard_kernel::{
    COLUMN_FREE_SOCKETS, COLUMN_PART_OF, Changes, ColumnValues, JobId, JobRow, Mirror, NODE_GONE,
    State,
};

/// What an instance knows after all that it was told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Known {
    jobs: BTreeMap<u32, (JobRow, String)>,
    nodes: BTreeMap<u32, String>,
    sets: BTreeMap<u32, Vec<u32>>,
    /// Of sets that have them: their parts, in order.
    parts: BTreeMap<u32, Vec<u32>>,
    /// Free sockets, where they were told.
    sockets: BTreeMap<u32, f64>,
}

impl Known {
    /// Applies one call's changes in the order that the contract names: removed jobs, nodes, sets, jobs, allocations.
    pub(crate) fn apply(&mut self, changes: &Changes) {
        for id in &changes.removed_jobs {
            self.jobs.remove(&id.0);
        }
        let column = |name: &str, rows: usize| {
            let column = changes.columns.iter().find(|c| c.name == name)?;
            let ColumnValues::Numbers(numbers) = &column.values else {
                panic!("{name} is no column of numbers")
            };
            assert_eq!(numbers.len(), rows, "{name} has an entry for each row");
            Some(numbers)
        };
        let sockets = column(COLUMN_FREE_SOCKETS, changes.nodes.len());
        for (at, node) in changes.nodes.iter().enumerate() {
            if let Some(sockets) = sockets {
                self.sockets.insert(node.id.0, sockets[at]);
            }
            if node.state == NODE_GONE {
                self.nodes.remove(&node.id.0);
            } else {
                self.nodes.insert(node.id.0, format!("{node:?}"));
            }
        }
        let part_of = column(COLUMN_PART_OF, changes.sets.len());
        for (at, set) in changes.sets.iter().enumerate() {
            let whole = part_of.map_or(0.0, |column| column[at]);
            assert!(
                whole == 0.0 || self.sets.contains_key(&(whole as u32)),
                "set {} is part of one that was not told",
                set.id
            );
            match whole as u32 {
                0 => drop(self.parts.remove(&set.id.0)),
                whole => self.parts.entry(whole).or_default().push(set.id.0),
            }
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
        // Parts have numbers of the instance's own.
        let own = |id: u32| state.sets().any(|(set, _)| set.0 == id);
        for (id, nodes) in fresh.sets.iter().filter(|(id, _)| own(**id)) {
            assert_eq!(self.sets.get(id), Some(nodes), "set {id}");
        }
        let nodes_of = |known: &Known, parts: &[u32]| -> Vec<Vec<u32>> {
            parts.iter().map(|part| known.sets[part].clone()).collect()
        };
        for (id, parts) in &fresh.parts {
            let told = self.parts.get(id).map(|parts| nodes_of(self, parts));
            assert_eq!(told, Some(nodes_of(&fresh, parts)), "parts of set {id}");
        }
        for (node, free) in &fresh.sockets {
            assert_eq!(self.sockets.get(node), Some(free), "sockets of node {node}");
        }
        let mut live: Vec<u32> = state.sets().map(|(id, _)| id.0).collect();
        let parts = live.iter().filter_map(|id| self.parts.get(id)).flatten();
        let parts: Vec<u32> = parts.copied().collect();
        live.extend(parts);
        for (id, nodes) in &self.sets {
            let gone = nodes.is_empty() && !live.contains(id);
            assert!(
                gone || live.contains(id),
                "set {id} has gone and is still known"
            );
        }
    }
}
