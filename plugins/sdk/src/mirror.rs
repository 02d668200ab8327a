//! The cluster as the host told it: nodes, candidate sets, queued and running jobs.
//!
//! Takes `changes` and nothing else: what a policy proposed is not in here until the host says that it happened, since
//! the kernel may refuse it. A mirror that was given everything at once is equal in all that it gives out to one
//! that was told change by change: every order is by what the host sent, never by when. Used by `pass` and by policies.

use std::collections::{BTreeMap, HashMap};

use crate::{
    free::FreeNow,
    keys::{HashNumbers, key, ordered, queue_key},
    pack::Shape,
    policy::{
        CandidateSets, Changes, Instant, JOB_CAN_GROW, JOB_ENDING, JOB_QUEUED, JOB_RUNNING, JobId,
        Jobs, NODE_USABLE, NodeId, Nodes, SetId, Share, Span,
    },
};

pub use crate::queue::{Block, Entry, Order, Queue, queue_order};

/// A node as the host last described it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: NodeId,
    /// Whether it takes jobs.
    pub usable: bool,
    /// Cores that it has.
    pub cores: u32,
    /// Sockets that it has; at least 1.
    pub sockets: u32,
    /// GPUs that it has.
    pub gpus: u32,
    /// Cores that no job holds.
    pub free_cores: u32,
    /// GPUs that no job holds.
    pub free_gpus: u32,
}

/// A job as the host last described it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// `JOB_QUEUED`, `JOB_RUNNING` or `JOB_ENDING`.
    pub state: u8,
    /// Bits `JOB_…`.
    pub flags: u32,
    /// The highest goes first.
    pub priority: u32,
    /// Among equal priorities the smallest goes first.
    pub position: f64,
    /// When it started; 0 for a queued job.
    pub started: Instant,
    /// Its run-time limit, which is also the estimate; may be infinite.
    pub walltime: Span,
    /// What it asks for.
    pub shape: Shape,
    /// The least that it can start with, in units of its shape.
    pub min: u32,
    /// The most that it may hold, in units of its shape.
    pub max: u32,
    /// The most that it has use for now, in units of its shape; between `min` and `max`.
    pub demand: u32,
    /// The nodes that it may run on.
    pub set: SetId,
    /// What it holds.
    pub shares: Vec<Share>,
}

impl Job {
    /// When it is expected to give back what it holds: infinity when not known. A job that is ending is expected at once.
    pub fn expected_end(&self) -> Instant {
        if self.state == JOB_ENDING {
            0.0
        } else {
            self.started + self.walltime
        }
    }

    fn entry(&self, slot: u32) -> Entry {
        Entry {
            priority: self.priority,
            // No unit is less than a core.
            cores: self.min,
            position: self.position,
            walltime: self.walltime,
            slot,
        }
    }

    /// For the index `running`.
    fn end_key(&self) -> u128 {
        key(ordered(self.expected_end()), self.id)
    }

    /// For the index `hungry`.
    fn queue_key(&self) -> u128 {
        queue_key(self.priority, self.position, self.id)
    }
}

#[derive(Debug, Clone, Default)]
struct Set {
    ids: Vec<NodeId>,
    /// Positions in `Mirror::nodes` of those that are there, in the order of preference.
    positions: Vec<u32>,
}

/// The mirror.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// Ascending by id.
    nodes: Vec<Node>,
    /// Set 0: all positions of `nodes`.
    everywhere: Vec<u32>,
    sets: BTreeMap<SetId, Set>,
    /// Asked only, never walked: no order comes out of it.
    slots: HashMap<JobId, u32, HashNumbers>,
    /// `None` where a slot is vacant.
    jobs: Vec<Option<Job>>,
    vacant: Vec<u32>,
    queue: Queue,
    /// The same jobs by estimate; kept only for a policy that asked for it.
    shortest: Option<Queue>,
    /// Jobs that hold something, by expected end.
    running: BTreeMap<u128, u32>,
    /// Running jobs that may grow and have use for more than they hold.
    hungry: BTreeMap<u128, u32>,
    free: FreeNow,
}

impl Default for Mirror {
    fn default() -> Mirror {
        Mirror {
            nodes: Vec::new(),
            everywhere: Vec::new(),
            sets: BTreeMap::new(),
            slots: HashMap::default(),
            jobs: Vec::new(),
            vacant: Vec::new(),
            queue: Queue::new(Order::Queue),
            shortest: None,
            running: BTreeMap::new(),
            hungry: BTreeMap::new(),
            free: FreeNow::default(),
        }
    }
}

impl Mirror {
    /// Takes what changed: removals, nodes, sets, jobs, in that order.
    ///
    /// # Panics
    /// When the columns of a table differ in length: the host broke the contract, and the trap says how.
    pub fn apply(&mut self, changes: &Changes) {
        for &id in &changes.removed_jobs {
            if let Some(slot) = self.slots.remove(&id) {
                self.take_out(slot);
                self.vacant.push(slot);
            }
        }
        let mut nodes_moved = false;
        for id in &changes.removed_nodes {
            if let Ok(at) = self.nodes.binary_search_by_key(id, |node| node.id) {
                self.nodes.remove(at);
                nodes_moved = true;
            }
        }
        for id in &changes.removed_sets {
            self.sets.remove(id);
        }
        nodes_moved |= self.apply_nodes(&changes.nodes);
        self.apply_sets(&changes.sets);
        if nodes_moved {
            self.free.recount(&self.nodes);
            self.everywhere = (0..self.nodes.len() as u32).collect();
        }
        if nodes_moved || !changes.sets.id.is_empty() {
            self.find_positions();
        }
        self.apply_jobs(&changes.jobs);
        if nodes_moved {
            // What a job holds in units depends on its nodes' sockets.
            self.find_hungry();
        }
    }

    /// Keeps the queue sorted by estimate too, from now on, or no longer.
    pub fn keep_shortest(&mut self, keep: bool) {
        if keep == self.shortest.is_some() {
            return;
        }
        self.shortest = keep.then(|| {
            let mut shortest = Queue::new(Order::Shortest);
            shortest.fill(&self.queue.iter().copied().collect::<Vec<_>>());
            shortest
        });
    }

    /// All nodes, ascending by id. A node's *position* is its index in here, until the next [`Mirror::apply`].
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The position of a node, if it is there.
    pub fn position(&self, id: NodeId) -> Option<usize> {
        // Node ids are mostly without gaps: look where it would then be.
        let first = self.nodes.first()?.id;
        let guess = id.wrapping_sub(first) as usize;
        match self.nodes.get(guess) {
            Some(node) if node.id == id => Some(guess),
            _ => self.nodes.binary_search_by_key(&id, |node| node.id).ok(),
        }
    }

    /// What the host last said is free.
    pub(crate) fn free(&self) -> &FreeNow {
        &self.free
    }

    /// Whether any node takes no jobs.
    pub fn any_node_closed(&self) -> bool {
        self.free.any_closed()
    }

    /// The positions of a set's nodes, in the order in which the site prefers them; none if the set was never sent.
    pub fn candidates(&self, set: SetId) -> &[u32] {
        match set {
            0 => &self.everywhere,
            _ => self.sets.get(&set).map_or(&[], |set| &set.positions),
        }
    }

    /// Queued jobs: priority first, then position.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Queued jobs by estimate, if [`Mirror::keep_shortest`] asked for it.
    pub fn shortest(&self) -> Option<&Queue> {
        self.shortest.as_ref()
    }

    /// A job by the slot of its [`Entry`].
    ///
    /// # Panics
    /// When nothing is in that slot: entries are good until the next [`Mirror::apply`].
    pub fn job(&self, slot: u32) -> &Job {
        match &self.jobs[slot as usize] {
            Some(job) => job,
            None => panic!("no job in slot {slot}"),
        }
    }

    /// A job by its number, if the mirror has it.
    pub fn find(&self, id: JobId) -> Option<&Job> {
        self.slots.get(&id).map(|&slot| self.job(slot))
    }

    /// Jobs that hold something, by expected end, then by number.
    pub fn running(&self) -> impl Iterator<Item = &Job> {
        self.running.values().map(|&slot| self.job(slot))
    }

    /// Running jobs that may grow and have use for more than they hold, in the order of the queue.
    pub fn hungry(&self) -> impl Iterator<Item = &Job> {
        self.hungry.values().map(|&slot| self.job(slot))
    }

    /// What a job holds, in units of its shape.
    pub fn held(&self, job: &Job) -> u32 {
        job.shares.iter().fold(0u32, |held, share| {
            let node = self.position(share.node).map(|at| &self.nodes[at]);
            held.saturating_add(job.shape.units_of(share, node))
        })
    }

    /// Answers whether nodes came, went, or changed what they have.
    fn apply_nodes(&mut self, rows: &Nodes) -> bool {
        let n = rows.id.len();
        let columns = [
            ("state", rows.state.len()),
            ("cores", rows.cores.len()),
            ("free-cores", rows.free_cores.len()),
            ("sockets", rows.sockets.len()),
            ("gpus", rows.gpus.len()),
            ("free-gpus", rows.free_gpus.len()),
        ];
        check_columns("nodes", n, &columns);
        let mut moved = false;
        for row in 0..n {
            let node = Node {
                id: rows.id[row],
                usable: rows.state[row] == NODE_USABLE,
                cores: rows.cores[row],
                sockets: rows.sockets[row].max(1),
                gpus: rows.gpus[row],
                free_cores: rows.free_cores[row].min(rows.cores[row]),
                free_gpus: rows.free_gpus[row].min(rows.gpus[row]),
            };
            match self.position(node.id) {
                Some(at) => {
                    let old = std::mem::replace(&mut self.nodes[at], node);
                    if !moved {
                        self.free.replace(at, &old, &node);
                    }
                    moved |= old.cores != node.cores || old.sockets != node.sockets;
                }
                None => {
                    let at = self.nodes.partition_point(|other| other.id < node.id);
                    self.nodes.insert(at, node);
                    moved = true;
                }
            }
        }
        moved
    }

    fn apply_sets(&mut self, rows: &CandidateSets) {
        check_columns(
            "sets",
            rows.id.len(),
            &[("node-count", rows.node_count.len())],
        );
        let mut nodes = &rows.node[..];
        for (id, &count) in rows.id.iter().zip(&rows.node_count) {
            let Some((ids, rest)) = nodes.split_at_checked(count as usize) else {
                panic!("sets.node is shorter than sets.node-count says");
            };
            self.sets.insert(
                *id,
                Set {
                    ids: ids.to_vec(),
                    positions: Vec::new(),
                },
            );
            nodes = rest;
        }
    }

    fn find_positions(&mut self) {
        let mut sets = std::mem::take(&mut self.sets);
        let mut seen = vec![false; self.nodes.len()];
        for set in sets.values_mut() {
            set.positions.clear();
            for at in set.ids.iter().filter_map(|&id| self.position(id)) {
                if !std::mem::replace(&mut seen[at], true) {
                    set.positions.push(at as u32);
                }
            }
            for &at in &set.positions {
                seen[at as usize] = false;
            }
        }
        self.sets = sets;
    }

    fn apply_jobs(&mut self, rows: &Jobs) {
        let n = rows.id.len();
        let columns = [
            ("state", rows.state.len()),
            ("flags", rows.flags.len()),
            ("priority", rows.priority.len()),
            ("position", rows.position.len()),
            ("started", rows.started.len()),
            ("walltime", rows.walltime.len()),
            ("unit", rows.unit.len()),
            ("min", rows.min.len()),
            ("max", rows.max.len()),
            ("demand", rows.demand.len()),
            ("candidates", rows.candidates.len()),
            ("share-count", rows.share_count.len()),
        ];
        check_columns("jobs", n, &columns);
        // On the first call: all that is queued goes into the queue at once.
        let mut arrivals = self.jobs.is_empty().then(|| Vec::with_capacity(n));
        if arrivals.is_some() {
            self.jobs.reserve(n);
            self.slots.reserve(n);
        }
        let mut share = 0;
        for row in 0..n {
            let count = rows.share_count[row] as usize;
            let shares = (share..share + count)
                .map(|at| Share {
                    node: rows.share_node[at],
                    cores: rows.share_cores[at],
                    gpus: rows.share_gpus[at],
                })
                .collect();
            share += count;
            let (min, max) = (
                rows.min[row].max(1),
                rows.max[row].max(rows.min[row]).max(1),
            );
            let job = Job {
                id: rows.id[row],
                state: rows.state[row],
                flags: rows.flags[row],
                priority: rows.priority[row],
                position: rows.position[row],
                started: rows.started[row],
                walltime: rows.walltime[row],
                shape: Shape::new(rows.unit[row], rows.flags[row]),
                min,
                max,
                demand: rows.demand[row].clamp(min, max),
                set: rows.candidates[row],
                shares,
            };
            let slot = self.slots.get(&job.id).copied();
            if let Some(slot) = slot {
                self.take_out(slot);
            }
            let slot = slot
                .or_else(|| self.vacant.pop())
                .unwrap_or(self.jobs.len() as u32);
            self.slots.insert(job.id, slot);
            self.put_in(slot, &job, arrivals.as_mut());
            match self.jobs.get_mut(slot as usize) {
                Some(place) => *place = Some(job),
                None => self.jobs.push(Some(job)),
            }
        }
        if let Some(arrivals) = arrivals {
            self.queue.fill(&arrivals);
            if let Some(shortest) = &mut self.shortest {
                shortest.fill(&arrivals);
            }
        }
    }

    /// Puts a job into its indexes; a queued one only onto the list of arrivals, if there is one.
    fn put_in(&mut self, slot: u32, job: &Job, arrivals: Option<&mut Vec<Entry>>) {
        if job.state == JOB_QUEUED {
            let entry = job.entry(slot);
            if let Some(arrivals) = arrivals {
                arrivals.push(entry);
            } else {
                self.queue.insert(entry);
                if let Some(shortest) = &mut self.shortest {
                    shortest.insert(entry);
                }
            }
        } else {
            self.running.insert(job.end_key(), slot);
            if self.is_hungry(job) {
                self.hungry.insert(job.queue_key(), slot);
            }
        }
    }

    fn take_out(&mut self, slot: u32) {
        let Some(job) = self.jobs[slot as usize].take() else {
            return;
        };
        if job.state == JOB_QUEUED {
            let entry = job.entry(slot);
            self.queue.remove(&entry);
            if let Some(shortest) = &mut self.shortest {
                shortest.remove(&entry);
            }
        } else {
            self.running.remove(&job.end_key());
            if !self.hungry.is_empty() {
                self.hungry.remove(&job.queue_key());
            }
        }
    }

    fn is_hungry(&self, job: &Job) -> bool {
        job.state == JOB_RUNNING && job.flags & JOB_CAN_GROW != 0 && job.demand > self.held(job)
    }

    fn find_hungry(&mut self) {
        self.hungry.clear();
        for &slot in self.running.values() {
            if let Some(job) = &self.jobs[slot as usize]
                && self.is_hungry(job)
            {
                self.hungry.insert(job.queue_key(), slot);
            }
        }
    }
}

fn check_columns(table: &str, rows: usize, columns: &[(&str, usize)]) {
    for (column, len) in columns {
        assert!(
            *len == rows,
            "{table}.{column} has {len} entries for {rows} rows"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{JobRow, NodeRow};

    fn ids<'a>(jobs: impl Iterator<Item = &'a Job>) -> Vec<u32> {
        jobs.map(|job| job.id).collect()
    }

    fn queued(mirror: &Mirror) -> Vec<u32> {
        ids(mirror.queue().iter().map(|entry| mirror.job(entry.slot)))
    }

    fn running(id: u32, walltime: f64, cores: u32) -> JobRow {
        let shares = vec![Share {
            node: 5,
            cores,
            gpus: 0,
        }];
        JobRow {
            state: JOB_RUNNING,
            started: 100.0,
            shares,
            ..JobRow::queued(id, 1, walltime)
        }
    }

    #[test]
    fn keeps_the_queue_in_order_and_running_jobs_by_expected_end() {
        let mut mirror = Mirror::default();
        let mut changes = Changes::default();
        changes.push_node(&NodeRow::idle(5, 8));
        for (id, priority, position) in [(1, 2000, 1.0), (2, 3000, 2.0), (3, 2000, 0.5)] {
            changes.push_job(&JobRow {
                priority,
                position,
                ..JobRow::queued(id, 1, 10.0)
            });
        }
        changes.push_job(&running(4, f64::INFINITY, 1));
        changes.push_job(&running(6, 50.0, 1));
        changes.push_job(&running(5, 50.0, 1));
        changes.push_job(&JobRow {
            state: JOB_ENDING,
            ..running(7, 900.0, 1)
        });
        mirror.apply(&changes);
        assert_eq!(queued(&mirror), [2, 3, 1]);
        assert_eq!(ids(mirror.running()), [7, 5, 6, 4]);

        // A row replaces all of a job; removals come first, also of jobs that were never seen.
        let mut changes = Changes {
            removed_jobs: vec![2, 7, 99],
            ..Changes::default()
        };
        changes.push_job(&JobRow {
            priority: 4000,
            ..JobRow::queued(1, 1, 10.0)
        });
        changes.push_job(&running(3, 10.0, 2));
        mirror.apply(&changes);
        assert_eq!(queued(&mirror), [1]);
        assert_eq!(ids(mirror.running()), [3, 5, 6, 4]);
        assert_eq!(mirror.find(2), None);
        assert_eq!(mirror.find(3).map(|job| mirror.held(job)), Some(2));
    }

    #[test]
    fn knows_who_could_grow() {
        let mut mirror = Mirror::default();
        let mut changes = Changes::default();
        changes.push_node(&NodeRow {
            sockets: 2,
            ..NodeRow::idle(5, 8)
        });
        let growing = |id, row| JobRow {
            flags: JOB_CAN_GROW,
            max: 4,
            demand: 4,
            id,
            ..row
        };
        changes.push_job(&growing(1, running(1, 50.0, 2)));
        changes.push_job(&JobRow {
            priority: 3000,
            ..growing(2, running(2, 50.0, 1))
        });
        changes.push_job(&growing(3, running(3, 50.0, 4))); // has what it needs
        changes.push_job(&JobRow {
            flags: 0,
            ..growing(4, running(4, 50.0, 1))
        });
        changes.push_job(&JobRow {
            state: JOB_ENDING,
            ..growing(5, running(5, 50.0, 1))
        });
        // Two sockets of four cores; with four sockets it would hold four.
        changes.push_job(&JobRow {
            unit: 1,
            ..growing(6, running(6, 50.0, 8))
        });
        mirror.apply(&changes);
        assert_eq!(ids(mirror.hungry()), [2, 1, 6]);

        let mut changes = Changes::default();
        changes.push_node(&NodeRow {
            sockets: 4,
            ..NodeRow::idle(5, 8)
        });
        mirror.apply(&changes);
        assert_eq!(ids(mirror.hungry()), [2, 1]);
    }

    #[test]
    fn candidate_sets_follow_their_nodes() {
        let mut mirror = Mirror::default();
        let mut changes = Changes::default();
        for id in [3, 5, 9] {
            changes.push_node(&NodeRow::idle(id, 8));
        }
        changes.push_set(1, &[9, 4, 3, 9]); // 4 is not there yet, 9 is named twice
        mirror.apply(&changes);
        let nodes = |mirror: &Mirror, set| -> Vec<u32> {
            mirror
                .candidates(set)
                .iter()
                .map(|&at| mirror.nodes()[at as usize].id)
                .collect()
        };
        assert_eq!(nodes(&mirror, 0), [3, 5, 9]);
        assert_eq!(nodes(&mirror, 1), [9, 3]);
        assert!(nodes(&mirror, 2).is_empty());

        let mut changes = Changes {
            removed_nodes: vec![3],
            ..Changes::default()
        };
        changes.push_node(&NodeRow::idle(4, 8));
        mirror.apply(&changes);
        assert_eq!(nodes(&mirror, 0), [4, 5, 9]);
        assert_eq!(nodes(&mirror, 1), [9, 4]);
        assert_eq!(
            [3, 4, 5, 9].map(|id| mirror.position(id)),
            [None, Some(0), Some(1), Some(2)]
        );

        mirror.apply(&Changes {
            removed_sets: vec![1],
            ..Changes::default()
        });
        assert!(nodes(&mirror, 1).is_empty());
    }

    #[test]
    #[should_panic(expected = "jobs.priority has 0 entries for 1 rows")]
    fn columns_that_do_not_fit_together_are_named() {
        let mut changes = Changes::default();
        changes.push_job(&JobRow::queued(1, 1, 1.0));
        changes.jobs.priority.clear();
        Mirror::default().apply(&changes);
    }
}
