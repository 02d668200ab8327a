//! The cluster as the host told it: nodes, candidate sets, queued and running jobs.
//!
//! Takes `changes` and nothing else: what a policy proposed is not in here until the host says that it happened, since
//! the kernel may refuse it. A mirror that was given everything at once is equal in all that it gives out to one
//! that was told change by change: every order is by what the host sent, never by when. Used by `pass` and by policies.

use std::collections::{BTreeMap, HashMap, btree_map};

use crate::{
    columns::{numbers, texts},
    free::FreeNow,
    keys::{HashNumbers, key, ordered, queue_key},
    pack::{Shape, sockets},
    packing::{COLUMN_GROUPS, Packing},
    policy::{
        self, Allocation, COLUMN_FREE_SOCKETS, COLUMN_LEAST, COLUMN_PART_OF, COLUMN_REQUIRED,
        CandidateSet, Changes, Instant, JOB_CAN_GROW, JOB_CAN_SHRINK, JOB_ENDING, JOB_QUEUED,
        JOB_RUNNING, JobId, NODE_GONE, NODE_USABLE, NodeId, SetId, Share, Span,
    },
};

pub use crate::queue::{Block, Entry, Order, Queue, Rank, queue_order};

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
    /// Sockets of which no job holds a core.
    pub free_sockets: u32,
    /// GPUs that no job holds.
    pub free_gpus: u32,
    /// Memory in MiB.
    pub memory: u32,
}

/// A job as the host last described it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// `JOB_QUEUED`, `JOB_RUNNING` or `JOB_ENDING`.
    pub state: u32,
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
    /// The nodes of which it must have something: see [`Mirror::required`].
    pub required: SetId,
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

    /// Its entry in a queue; `slot` is where the mirror keeps it.
    pub fn entry(&self, slot: u32) -> Entry {
        Entry {
            rank: (),
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
    /// What a job may choose between: the sets that are parts of this one, or this one itself.
    choices: Vec<SetId>,
    /// Of a part that a job must have something of: how many units.
    least: u32,
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
    /// How many of those have which priority; kept only for a policy that asked for it.
    ranks: Option<BTreeMap<u32, u32>>,
    /// Running jobs that may grow and have use for more than they hold.
    hungry: BTreeMap<u128, u32>,
    /// Running jobs that may shrink and hold more than they have use for.
    wasteful: BTreeMap<u128, u32>,
    free: FreeNow,
    packing: Packing,
    /// Beside `nodes`, where the packing has an order of nodes.
    node_ranks: Option<Vec<u32>>,
    /// As the host said, where it was asked.
    groups: BTreeMap<NodeId, String>,
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
            ranks: None,
            hungry: BTreeMap::new(),
            wasteful: BTreeMap::new(),
            free: FreeNow::default(),
            packing: Packing::default(),
            node_ranks: None,
            groups: BTreeMap::new(),
        }
    }
}

impl Mirror {
    /// Takes what changed: removed jobs, nodes, sets, jobs, allocations, in that order.
    ///
    /// # Panics
    /// When an allocation is of a job that was never described, or there are fewer shares than allocations say: the host
    /// broke the contract, and the trap says how.
    pub fn apply(&mut self, changes: &Changes) {
        for &id in &changes.removed_jobs {
            if let Some(slot) = self.slots.remove(&id) {
                self.take_out(slot);
                self.jobs[slot as usize] = None;
                self.vacant.push(slot);
            }
        }
        let mut nodes_moved = self.apply_nodes(
            &changes.nodes,
            numbers(&changes.columns, COLUMN_FREE_SOCKETS),
        );
        nodes_moved |= self.apply_groups(&changes.nodes, texts(&changes.columns, COLUMN_GROUPS));
        let columns = &changes.columns;
        self.apply_sets(
            &changes.sets,
            numbers(columns, COLUMN_PART_OF),
            numbers(columns, COLUMN_LEAST),
        );
        if nodes_moved {
            self.free.recount(&self.nodes);
            self.find_ranks();
        }
        if nodes_moved || !changes.sets.is_empty() {
            self.find_positions();
        }
        // On the first call: all that is queued goes into the queue at once.
        let first = self.jobs.is_empty();
        self.apply_jobs(&changes.jobs, numbers(columns, COLUMN_REQUIRED), first);
        self.apply_allocations(&changes.allocations, &changes.shares, first);
        if first {
            self.fill_queue();
        }
        if nodes_moved {
            // What a job holds in units depends on its nodes' sockets.
            self.find_hungry();
        }
    }

    /// Keeps candidates in the order that a packing wants, from now on.
    pub fn set_packing(&mut self, packing: &Packing) {
        if self.packing != *packing {
            self.packing = packing.clone();
            self.find_ranks();
            self.find_positions();
        }
    }

    /// Which nodes jobs are put on.
    pub(crate) fn packing(&self) -> &Packing {
        &self.packing
    }

    /// Whether the packing has an order of nodes.
    pub(crate) fn has_ranks(&self) -> bool {
        self.node_ranks.is_some()
    }

    /// The rank of the node at a position, the lowest first; 0 where there is no order.
    pub(crate) fn rank(&self, at: u32) -> u32 {
        let ranks = self.node_ranks.as_ref();
        ranks.map_or(0, |ranks| ranks[at as usize])
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

    /// Keeps count of the priorities of running jobs, from now on, or no longer.
    pub fn keep_ranks(&mut self, keep: bool) {
        if keep == self.ranks.is_some() {
            return;
        }
        self.ranks = keep.then(|| {
            let mut ranks = BTreeMap::new();
            for job in self.running() {
                *ranks.entry(job.priority).or_default() += 1;
            }
            ranks
        });
    }

    /// Whether no running job has a lower priority than this; known only if [`Mirror::keep_ranks`] asked for it.
    pub fn none_ranks_below(&self, priority: u32) -> bool {
        let ranks = self.ranks.as_ref();
        ranks.is_some_and(|ranks| ranks.keys().next().is_none_or(|&lowest| lowest >= priority))
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

    /// The positions of a set's nodes, in the order that the packing wants, else in that in which the site prefers them; none if the
    /// set was never sent.
    pub fn candidates(&self, set: SetId) -> &[u32] {
        match set {
            0 => &self.everywhere,
            _ => self.sets.get(&set).map_or(&[], |set| &set.positions),
        }
    }

    /// The same, if all nodes of the set are there.
    pub(crate) fn all_candidates(&self, set: SetId) -> Option<&[u32]> {
        let set = self.sets.get(&set)?;
        (set.positions.len() == set.ids.len()).then_some(&set.positions)
    }

    /// Of a part that a job must have something of: how many units.
    pub(crate) fn least(&self, part: SetId) -> u32 {
        self.sets.get(&part).map_or(0, |set| set.least)
    }

    /// The sets that a job with these candidates may choose between, in the order in which they are to be tried: all of its
    /// nodes are in one of them. Mostly that is just its own.
    pub fn choices(&self, set: SetId) -> &[SetId] {
        match set {
            0 => &[0],
            _ => self.sets.get(&set).map_or(&[], |set| &set.choices),
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

    /// The slot of a job, if the mirror has it. It is the job's for as long as that is so.
    pub fn slot(&self, id: JobId) -> Option<u32> {
        self.slots.get(&id).copied()
    }

    /// A job by its number, if the mirror has it.
    pub fn find(&self, id: JobId) -> Option<&Job> {
        self.slot(id).map(|slot| self.job(slot))
    }

    /// Jobs that hold something, by expected end, then by number.
    pub fn running(&self) -> impl Iterator<Item = &Job> {
        self.running.values().map(|&slot| self.job(slot))
    }

    /// Running jobs that may grow and have use for more than they hold, in the order of the queue.
    pub fn hungry(&self) -> impl Iterator<Item = &Job> {
        self.hungry.values().map(|&slot| self.job(slot))
    }

    /// Running jobs that may shrink and hold more than they have use for, in the order of the queue.
    pub fn wasteful(&self) -> impl Iterator<Item = &Job> {
        self.wasteful.values().map(|&slot| self.job(slot))
    }

    /// What a job holds, in units of its shape.
    pub fn held(&self, job: &Job) -> u32 {
        job.shares.iter().fold(0u32, |held, share| {
            let node = self.position(share.node).map(|at| &self.nodes[at]);
            held.saturating_add(job.shape.units_of(share, node))
        })
    }

    /// Answers whether nodes came, went, or changed what they have.
    fn apply_nodes(&mut self, rows: &[policy::Node], free_sockets: Option<&[f64]>) -> bool {
        let mut moved = false;
        for (at, row) in rows.iter().enumerate() {
            if row.state == NODE_GONE {
                if let Some(at) = self.position(row.id) {
                    self.nodes.remove(at);
                    moved = true;
                }
                continue;
            }
            let mut node = Node {
                id: row.id,
                usable: row.state == NODE_USABLE,
                cores: row.cores,
                sockets: row.sockets.max(1),
                gpus: row.gpus,
                free_cores: row.free_cores.min(row.cores),
                free_sockets: 0,
                free_gpus: row.free_gpus.min(row.gpus),
                memory: row.memory,
            };
            if node.sockets > 1 {
                let most = sockets(&node, node.free_cores);
                let told = free_sockets.and_then(|column| column.get(at));
                node.free_sockets = told.map_or(most, |&told| most.min(told as u32));
            }
            match self.position(node.id) {
                Some(at) => {
                    let old = std::mem::replace(&mut self.nodes[at], node);
                    if !moved {
                        self.free.replace(at, &old, &node);
                    }
                    moved |= old.cores != node.cores
                        || old.sockets != node.sockets
                        || old.memory != node.memory;
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

    /// Answers whether nodes are in other groups than before.
    fn apply_groups(&mut self, rows: &[policy::Node], groups: Option<&[String]>) -> bool {
        let mut moved = false;
        for (row, groups) in rows.iter().zip(groups.unwrap_or_default()) {
            if row.state == NODE_GONE {
                self.groups.remove(&row.id);
            } else if self.groups.get(&row.id) != Some(groups) {
                self.groups.insert(row.id, groups.clone());
                moved = true;
            }
        }
        moved
    }

    fn find_ranks(&mut self) {
        self.node_ranks = self.packing.ranks(&self.nodes, &self.groups);
        self.everywhere = (0..self.nodes.len() as u32).collect();
        if let Some(ranks) = &self.node_ranks {
            self.everywhere.sort_by_key(|at| ranks[*at as usize]);
        }
    }

    fn apply_sets(
        &mut self,
        rows: &[CandidateSet],
        part_of: Option<&[f64]>,
        least: Option<&[f64]>,
    ) {
        for (at, CandidateSet { id, nodes }) in rows.iter().enumerate() {
            if nodes.is_empty() {
                self.sets.remove(id);
            } else {
                let set = Set {
                    ids: nodes.clone(),
                    positions: Vec::new(),
                    choices: vec![*id],
                    least: number_at(least, at),
                };
                self.sets.insert(*id, set);
            }
            // A whole comes before its parts.
            let whole: SetId = number_at(part_of, at);
            if whole != 0 {
                let set = self.sets.entry(whole).or_default();
                set.choices.retain(|&choice| choice != whole);
                set.choices.push(*id);
            }
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
            if let Some(ranks) = &self.node_ranks {
                set.positions.sort_by_key(|at| ranks[*at as usize]);
            }
        }
        self.sets = sets;
    }

    /// On the first call nothing goes into the queue: `fill_queue` does it.
    fn apply_jobs(&mut self, rows: &[policy::Job], required: Option<&[f64]>, first: bool) {
        if first {
            self.jobs.reserve(rows.len());
            self.slots.reserve(rows.len());
        }
        for (at, row) in rows.iter().enumerate() {
            let (min, max) = (row.min.max(1), row.max.max(row.min).max(1));
            let job = Job {
                id: row.id,
                state: JOB_QUEUED,
                flags: row.flags,
                priority: row.priority,
                position: row.position,
                started: 0.0,
                walltime: row.walltime,
                shape: Shape::new(row.unit, row.flags),
                min,
                max,
                demand: row.demand.clamp(min, max),
                set: row.candidates,
                required: number_at(required, at),
                shares: Vec::new(),
            };
            let known = self.slots.get(&row.id).copied();
            if let Some(slot) = known {
                self.take_out(slot);
            }
            let slot = known
                .or_else(|| self.vacant.pop())
                .unwrap_or(self.jobs.len() as u32);
            if known.is_none() {
                self.slots.insert(row.id, slot);
            }
            match self.jobs.get_mut(slot as usize) {
                Some(place) => *place = Some(job),
                None => self.jobs.push(Some(job)),
            }
            if !first {
                self.put_in(slot);
            }
        }
    }

    fn apply_allocations(&mut self, rows: &[Allocation], mut shares: &[Share], first: bool) {
        for row in rows {
            let Some((held, rest)) = shares.split_at_checked(row.share_count as usize) else {
                panic!("changes.shares is shorter than changes.allocations say");
            };
            shares = rest;
            let Some(&slot) = self.slots.get(&row.job) else {
                panic!("job {} has an allocation and was never described", row.job);
            };
            if !first {
                self.take_out(slot);
            }
            if let Some(job) = &mut self.jobs[slot as usize] {
                job.state = row.state;
                job.started = row.started;
                job.demand = row.demand.clamp(job.min, job.max);
                job.shares.clear();
                job.shares.extend_from_slice(held);
            }
            self.put_in(slot);
        }
    }

    fn fill_queue(&mut self) {
        let queued: Vec<Entry> = (0..)
            .zip(self.jobs.iter().flatten())
            .filter(|(_, job)| job.state == JOB_QUEUED)
            .map(|(slot, job)| job.entry(slot))
            .collect();
        self.queue.fill(&queued);
        if let Some(shortest) = &mut self.shortest {
            shortest.fill(&queued);
        }
    }

    /// Puts a job into its indexes.
    fn put_in(&mut self, slot: u32) {
        let Some(job) = &self.jobs[slot as usize] else {
            return;
        };
        if job.state == JOB_QUEUED {
            let entry = job.entry(slot);
            self.queue.insert(entry);
            if let Some(shortest) = &mut self.shortest {
                shortest.insert(entry);
            }
        } else {
            let hungry = self.is_hungry(job).then(|| job.queue_key());
            let wasteful = self.is_wasteful(job).then(|| job.queue_key());
            self.running.insert(job.end_key(), slot);
            if let Some(ranks) = &mut self.ranks {
                *ranks.entry(job.priority).or_default() += 1;
            }
            if let Some(key) = hungry {
                self.hungry.insert(key, slot);
            }
            if let Some(key) = wasteful {
                self.wasteful.insert(key, slot);
            }
        }
    }

    /// Takes a job out of its indexes.
    fn take_out(&mut self, slot: u32) {
        let Some(job) = &self.jobs[slot as usize] else {
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
            if let Some(ranks) = &mut self.ranks
                && let btree_map::Entry::Occupied(mut count) = ranks.entry(job.priority)
            {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
            if !self.hungry.is_empty() {
                self.hungry.remove(&job.queue_key());
            }
            if !self.wasteful.is_empty() {
                self.wasteful.remove(&job.queue_key());
            }
        }
    }

    fn is_hungry(&self, job: &Job) -> bool {
        job.state == JOB_RUNNING && job.flags & JOB_CAN_GROW != 0 && job.demand > self.held(job)
    }

    fn is_wasteful(&self, job: &Job) -> bool {
        job.state == JOB_RUNNING
            && job.flags & JOB_CAN_SHRINK != 0
            // Otherwise it cannot hold more than its minimum.
            && job.max > job.min
            && self.held(job) > job.demand
    }

    fn find_hungry(&mut self) {
        self.hungry.clear();
        self.wasteful.clear();
        for &slot in self.running.values() {
            let Some(job) = &self.jobs[slot as usize] else {
                continue;
            };
            if self.is_hungry(job) {
                self.hungry.insert(job.queue_key(), slot);
            }
            if self.is_wasteful(job) {
                self.wasteful.insert(job.queue_key(), slot);
            }
        }
    }
}

/// What a column of numbers says of a row; 0 where there is none.
fn number_at(column: Option<&[f64]>, at: usize) -> u32 {
    column
        .and_then(|column| column.get(at))
        .map_or(0, |&number| number as u32)
}

#[cfg(test)]
mod tests;
