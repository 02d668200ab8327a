//! One pass: what is free as decisions are made, the decisions, and the parts of a policy that every policy shares.
//!
//! Begins from the mirror, which it does not change. Free cores only become fewer in a pass, so what did not fit
//! once does not fit later either, nor does anything larger of its kind: that is remembered instead of tried again.

use crate::{
    keys::ordered,
    mirror::{Entry, Job, Mirror, Node, Queue, Rank},
    pack::{Free, Shape, Unit},
    policy::{Decision, Instant, JobId, Placement, SetId, Share},
    required::{Tally, pack_with},
};

/// What this pass gives to a job, and when the job is expected to give it back.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// Expected end of the job.
    pub end: Instant,
    /// What the job counts.
    pub shape: Shape,
    /// What it was given in this pass.
    pub shares: Vec<Share>,
}

/// The smallest number of units that did not fit, by set and shape: sorted.
#[derive(Debug, Default)]
pub struct Misfits(Vec<(SetId, Shape, u32)>);

impl Misfits {
    /// Whether this job, or one that asked for no more of the same, did not fit before.
    pub fn knows(&self, job: &Job) -> bool {
        self.find(job).is_ok_and(|at| job.min >= self.0[at].2)
    }

    /// Remembers that this job did not fit. One that must have something of certain nodes says nothing of others.
    pub fn add(&mut self, job: &Job) {
        if job.required != 0 {
            return;
        }
        match self.find(job) {
            Ok(at) => self.0[at].2 = self.0[at].2.min(job.min),
            Err(at) => self.0.insert(at, (job.set, job.shape, job.min)),
        }
    }

    fn find(&self, job: &Job) -> Result<usize, usize> {
        let of = |(set, shape, _): &(SetId, Shape, u32)| (*set, *shape);
        self.0.binary_search_by_key(&(job.set, job.shape), of)
    }
}

/// One pass over a mirror.
#[derive(Debug)]
pub struct Pass<'a> {
    /// The cluster as it was when the pass began.
    pub mirror: &'a Mirror,
    /// The time of the pass.
    pub now: Instant,
    /// What is still free, beside `mirror.nodes()`.
    pub free: Vec<Free>,
    /// Sum of the cores of `free`.
    pub free_cores: u32,
    /// What this pass has given away.
    pub placed: Vec<Placed>,
    /// The plan so far.
    pub decisions: Vec<Decision>,
    /// Slots of queued jobs that the nodes that take jobs could not hold even if nothing else ran there: see
    /// [`Pass::start_in_order`].
    pub passed_over: Vec<u32>,
    /// Whether jobs start with their minimum even where they have use for more and there is room.
    pub least_only: bool,
    misfits: Misfits,
    /// Did not fit into idle nodes.
    impossible: Misfits,
    idle_cores: u32,
}

impl<'a> Pass<'a> {
    /// Begins a pass.
    pub fn new(mirror: &'a Mirror, now: Instant) -> Pass<'a> {
        let free = mirror.free();
        Pass {
            mirror,
            now,
            free: free.each().to_vec(),
            free_cores: free.cores(),
            placed: Vec::new(),
            decisions: Vec::new(),
            passed_over: Vec::new(),
            least_only: false,
            misfits: Misfits::default(),
            impossible: Misfits::default(),
            idle_cores: free.idle_cores(),
        }
    }

    /// Gives running jobs that may grow what they have use for, in the order of the queue. HPC Pack's queued mode does so
    /// before it starts anything.
    pub fn grow(&mut self) {
        self.grow_from(0);
    }

    /// The same, without jobs of a lower priority than the first that waits: where running jobs are preempted, what one gives
    /// back is not to be given to it again.
    pub fn grow_unless_waited_for(&mut self) {
        let waits = self.first_possible();
        self.grow_from(waits.map_or(0, |entry| entry.priority));
    }

    /// The first job of the queue that some open node could hold.
    pub(crate) fn first_possible(&mut self) -> Option<&'a Entry> {
        let mirror = self.mirror;
        let mut queue = mirror.queue().iter();
        queue.find(|entry| self.is_possible(mirror.job(entry.slot)))
    }

    /// Cores that this pass has given to a running job.
    pub(crate) fn given_to(&self, id: JobId) -> u32 {
        let grown = self.decisions.iter().filter_map(|decision| match decision {
            Decision::Grow(placement) if placement.job == id => Some(&placement.shares),
            Decision::Start(_)
            | Decision::Grow(_)
            | Decision::Shrink(_)
            | Decision::Preempt(_)
            | Decision::Reserve(_)
            | Decision::Wait(_) => None,
        });
        grown.flatten().map(|share| share.cores).sum()
    }

    fn grow_from(&mut self, least_priority: u32) {
        let mirror = self.mirror;
        for job in mirror.hungry() {
            if self.free_cores == 0 || job.priority < least_priority {
                return;
            }
            let most = job.demand.saturating_sub(mirror.held(job));
            self.grow_by(job, most);
        }
    }

    /// Gives a running job up to so many units more of what is free, and answers how many.
    pub fn grow_by(&mut self, job: &Job, most: u32) -> u32 {
        let mirror = self.mirror;
        let mut choices = mirror.choices(job.set).iter();
        let Some(shares) = choices.find_map(|&set| self.more(job, set, most)) else {
            return 0;
        };
        self.give(job.expected_end(), job.shape, &shares);
        let units = shares.iter().map(|share| {
            let node = mirror.position(share.node).map(|at| &mirror.nodes()[at]);
            job.shape.units_of(share, node)
        });
        let units = units.sum();
        self.decisions.push(Decision::Grow(Placement {
            job: job.id,
            shares,
        }));
        units
    }

    /// Up to `most` units for a running job, out of the nodes of a set that has those that it holds.
    fn more(&self, job: &Job, set: SetId, most: u32) -> Option<Vec<Share>> {
        let mirror = self.mirror;
        if set != job.set {
            let own = mirror.candidates(set);
            let within = |share: &Share| {
                let at = mirror.position(share.node);
                at.is_some_and(|at| own.contains(&(at as u32)))
            };
            if !job.shares.iter().all(within) {
                return None;
            }
        }
        let own;
        let candidates = match job.shares.first() {
            Some(share) if job.shape.single_node => {
                // The set may be another by now.
                let is_in = |at: &u32| set == 0 || mirror.candidates(set).contains(at);
                own = (mirror.position(share.node).map(|at| at as u32)).filter(is_in);
                own.as_slice()
            }
            _ => candidates(mirror, set),
        };
        let nodes = mirror.nodes();
        if job.shape.exclusive {
            return whole_nodes(job.shape, most, candidates, nodes, &self.free);
        }
        let (candidates, free) = ((candidates, set != 0), (nodes, &self.free[..]));
        let rank = |at| mirror.rank(at);
        let packing = mirror.packing();
        (most > 0)
            .then(|| packing.place(job.shape, (1, most), candidates, free, rank))
            .flatten()
    }

    /// Takes back from running jobs what they have no use for: nodes that are more than enough, and part of a job's only node.
    /// Which of its cores are idle only the host knows, so where a job has several nodes, whole ones are returned.
    pub fn shrink(&mut self) {
        let mirror = self.mirror;
        for job in mirror.wasteful() {
            let mut over = mirror.held(job).saturating_sub(job.demand);
            let mut shares = Vec::new();
            if let ([share], false) = (
                &job.shares[..],
                job.shape.exclusive || job.shape.unit == Unit::Node,
            ) {
                let node = mirror.position(share.node).map(|at| &mirror.nodes()[at]);
                shares.extend(node.map(|node| job.shape.share(node, Free::held(share), over)));
            } else {
                let units = |share: &Share| {
                    let node = mirror.position(share.node).map(|at| &mirror.nodes()[at]);
                    job.shape.units_of(share, node)
                };
                let mut kept = self.needed(job);
                let mut smallest: Vec<&Share> = job.shares.iter().collect();
                smallest.sort_by_key(|share| (units(share), share.node));
                for share in smallest {
                    let (at, units) = (mirror.position(share.node), units(share));
                    let at = at.map_or(u32::MAX, |at| at as u32);
                    if units <= over && kept.spares(at, units) {
                        over -= units;
                        kept.change(at, units, 0);
                        shares.push(*share);
                    }
                }
            }
            if !shares.is_empty() {
                self.decisions.push(Decision::Shrink(Placement {
                    job: job.id,
                    shares,
                }));
            }
        }
    }

    /// Starts queued jobs in the order of the queue while they fit, and answers the first that does not: the head.
    ///
    /// Why are some passed over? A job that could not run even if the nodes that take jobs were idle waits for an
    /// admin, not for other jobs; a cluster must not stand still behind it. It is in `passed_over` then.
    pub fn start_in_order(&mut self) -> Option<&'a Entry> {
        self.start_in_order_of(self.mirror.queue())
    }

    /// The same in the order of another queue of the same jobs.
    pub fn start_in_order_of<'q, R: Rank>(&mut self, queue: &'q Queue<R>) -> Option<&'q Entry<R>> {
        let mirror = self.mirror;
        for entry in queue.iter() {
            let job = mirror.job(entry.slot);
            if let Some(shares) = self.fit(job, job.demand) {
                self.start(job, shares);
            } else if self.is_possible(job) {
                return Some(entry);
            } else {
                self.passed_over.push(entry.slot);
            }
        }
        None
    }

    /// Shares for a queued job out of what is free now: as much as fits, from its `min` to `most` units.
    pub fn fit(&mut self, job: &Job, most: u32) -> Option<Vec<Share>> {
        if self.free_cores < job.min {
            return None;
        }
        if !(is_plain(job) && job.set == 0) && self.misfits.knows(job) {
            return None;
        }
        let mirror = self.mirror;
        let amount = (job.min, self.most(job, most));
        let shares = mirror.choices(job.set).iter().find_map(|&set| {
            place(
                mirror,
                job,
                set,
                amount,
                (candidates(mirror, set), &self.free),
            )
        });
        if shares.is_none() {
            self.misfits.add(job);
        }
        shares
    }

    /// What a job that starts is given at the most, where it has use for that much.
    pub(crate) fn most(&self, job: &Job, use_for: u32) -> u32 {
        match self.least_only {
            true => job.min,
            false => use_for.max(job.min),
        }
    }

    /// Cores that would be free if nothing ran, of nodes that take jobs.
    pub fn idle_cores(&self) -> u32 {
        self.idle_cores
    }

    /// Starts a queued job on shares that [`Pass::fit`] gave.
    pub fn start(&mut self, job: &Job, shares: Vec<Share>) {
        self.give(self.now + job.walltime, job.shape, &shares);
        self.decisions.push(Decision::Start(Placement {
            job: job.id,
            shares,
        }));
    }

    /// Shares for a job out of what is said to be free of the nodes of a set, from the least to the most units.
    pub(crate) fn pack(
        &self,
        job: &Job,
        set: SetId,
        amount: (u32, u32),
        free: &[Free],
    ) -> Option<Vec<Share>> {
        let candidates = self.mirror.candidates(set);
        place(self.mirror, job, set, amount, (candidates, free))
    }

    /// When what is held comes back, and what: of running jobs and of those that this pass has placed, by expected end. Without
    /// those whose end nobody knows.
    pub(crate) fn ends(&self) -> Vec<(Instant, Shape, &[Share])> {
        let running = self.mirror.running();
        let running = running.map(|job| (job.expected_end(), job.shape, &job.shares[..]));
        let placed = self.placed.iter();
        let placed = placed.map(|placed| (placed.end, placed.shape, &placed.shares[..]));
        let mut ends: Vec<_> = running.chain(placed).collect();
        ends.sort_by_key(|(end, _, _)| ordered(*end));
        ends.truncate(ends.partition_point(|(end, _, _)| end.is_finite()));
        ends
    }

    /// Whether a job would fit if nothing else ran on the nodes that take jobs.
    pub fn is_possible(&mut self, job: &Job) -> bool {
        if job.min > self.idle_cores {
            return false;
        }
        if is_plain(job) && job.set == 0 {
            return true;
        }
        if self.impossible.knows(job) {
            return false;
        }
        let mirror = self.mirror;
        let mut choices = mirror.choices(job.set).iter();
        if choices.any(|&set| could_hold(mirror, set, job)) {
            return true;
        }
        self.impossible.add(job);
        false
    }

    /// What a running job holds of what it must have.
    fn needed(&self, job: &Job) -> Tally {
        if job.required == 0 {
            return Tally::default();
        }
        let (mirror, nodes) = (self.mirror, self.mirror.nodes());
        let held = |at: u32| {
            let node = &nodes[at as usize];
            let share = job.shares.iter().find(|share| share.node == node.id);
            share.map_or(0, |share| job.shape.units_of(share, Some(node)))
        };
        Tally::new(mirror.required(job.required).as_deref(), held)
    }

    fn give(&mut self, end: Instant, shape: Shape, shares: &[Share]) {
        for share in shares {
            if let Some(at) = self.mirror.position(share.node) {
                let before = self.free[at].cores;
                self.free[at].take(shape, share, &self.mirror.nodes()[at]);
                self.free_cores -= before - self.free[at].cores;
            }
        }
        self.placed.push(Placed {
            end,
            shape,
            shares: shares.to_vec(),
        });
    }
}

/// Shares for a job of some candidates of a set, with all among them that it must have.
fn place(
    mirror: &Mirror,
    job: &Job,
    set: SetId,
    amount: (u32, u32),
    (candidates, free): (&[u32], &[Free]),
) -> Option<Vec<Share>> {
    let required = mirror.required(job.required)?;
    let nodes = (mirror.nodes(), free);
    let rank = |at| mirror.rank(at);
    let place = |amount, candidates: &[u32]| {
        let candidates = (candidates, set != 0);
        let packing = mirror.packing();
        packing.place(job.shape, amount, candidates, nodes, rank)
    };
    pack_with(&required, job.shape, amount, candidates, nodes, place)
}

/// Cores anywhere will do.
fn is_plain(job: &Job) -> bool {
    job.shape.is_plain() && job.required == 0
}

/// Whether the nodes of a set would have room for a job if nothing ran there.
fn could_hold(mirror: &Mirror, set: SetId, job: &Job) -> bool {
    let nodes = mirror.nodes();
    if job.required != 0 {
        let idle: Vec<Free> = nodes.iter().map(Free::idle).collect();
        let (own, amount) = (mirror.candidates(set), (job.min, job.min));
        let shares = place(mirror, job, set, amount, (own, &idle));
        return shares.is_some();
    }
    let mut total = 0u32;
    for &at in mirror.candidates(set) {
        let node = &nodes[at as usize];
        let units = job.shape.units_on(node, Free::idle(node));
        total = if job.shape.single_node {
            total.max(units)
        } else {
            total.saturating_add(units)
        };
        if total >= job.min {
            return true;
        }
    }
    false
}

/// Idle nodes for an exclusive job to grow onto: all of each, and no more than `most` units together. At its start such a job
/// may be given more than it asked for, since a node is not divided for it; to grow it must not.
fn whole_nodes(
    shape: Shape,
    most: u32,
    candidates: &[u32],
    nodes: &[Node],
    free: &[Free],
) -> Option<Vec<Share>> {
    let mut left = most;
    let mut shares = Vec::new();
    for &at in candidates {
        let (node, free) = (&nodes[at as usize], free[at as usize]);
        let units = shape.units_on(node, free);
        if units > 0 && units <= left {
            shares.push(shape.share(node, free, units));
            left -= units;
        }
    }
    (!shares.is_empty()).then_some(shares)
}

/// Where a job may find something free in this pass.
fn candidates(mirror: &Mirror, set: SetId) -> &[u32] {
    match set {
        // On a busy cluster these are few of all nodes. What a pass fills stays among them.
        0 if !mirror.has_ranks() => mirror.free().open(),
        _ => mirror.candidates(set),
    }
}
