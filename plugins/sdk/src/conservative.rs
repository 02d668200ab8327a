//! Conservative backfill: every job that waits has a reservation, given out in order, and a job starts early only where that
//! delays none of them.
//!
//! Mu'alem and Feitelson, "Utilization, predictability, workloads, and user runtime estimates in scheduling the IBM SP2 with
//! backfilling" (2001). Reservations are made anew in each pass, from what runs and from the order: so what ends early moves all of them
//! forward ("compression"), and a fresh instance decides as one that has seen everything. Where all jobs ask for cores that may
//! lie anywhere they are counted in one pool ([`crate::profile`]), else node by node (`timeline`). Decides when and where;
//! which order that is, what is said of it, growth and preemption are the policy's.

use std::collections::BTreeMap;

use crate::{
    keys::ordered,
    mirror::{Entry, Job, Rank},
    pack::Shape,
    pass::Pass,
    policy::{Instant, SetId, Share, Span},
    profile::Profile,
    timeline::Timeline,
};

/// A job that waits, and when it is expected to start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reserved {
    /// Where the mirror keeps the job.
    pub slot: u32,
    /// Not before now; infinity when nobody knows.
    pub at: Instant,
}

/// Looks at a node for a job in one pass at the most: that many take about 0.1 s, and a pass has a second.
pub const NODE_LOOKS_MAX: usize = 1_000_000;

/// Plans for jobs that wait, in the order given, and starts those whose turn is now, unless `starts` says that nothing may.
///
/// The first `depth` jobs get reservations, or all without a number; jobs behind them start where they delay none of these.
/// Jobs that no open node could hold get nothing and delay nobody: they are in `pass.passed_over` then. Answers what waits with a
/// reservation, in that order; where no end is known, only the first of those jobs.
///
/// The cost is about that of a search in a sorted list for each job that gets a reservation, and a look at each of the others while
/// cores are free. Counted by node, a look at each node for each job comes to it; so then no more jobs get a reservation than
/// [`NODE_LOOKS_MAX`] allows, but at least one.
pub fn conservative<'a, R: Rank + 'a>(
    pass: &mut Pass<'a>,
    order: impl IntoIterator<Item = &'a Entry<R>>,
    depth: Option<usize>,
    starts: bool,
) -> Vec<Reserved> {
    let mut order = order.into_iter();
    let mut first = Vec::new();
    while depth.is_none_or(|depth| first.len() < depth) {
        let Some(entry) = order.next() else { break };
        match pass.is_possible(pass.mirror.job(entry.slot)) {
            true => first.push(entry),
            false => pass.passed_over.push(entry.slot),
        }
    }
    let counts_nodes = |entry: &&Entry<R>| !in_one_pool(pass.mirror.job(entry.slot));
    let beyond = match first.iter().any(counts_nodes) {
        true => first.split_off(first.len().min(depth_by_node(pass.mirror.nodes().len()))),
        false => Vec::new(),
    };
    let jobs = first.iter().map(|entry| pass.mirror.job(entry.slot));
    let mut plan = Plan {
        room: Room::now(pass, jobs),
        known: Known::default(),
        unknown: false,
        starts,
    };
    let mut reserved = Vec::new();
    for entry in first {
        let first_unknown = !plan.unknown;
        match plan.reserve_or_start(pass, pass.mirror.job(entry.slot)) {
            Some(at) if at.is_finite() || first_unknown => reserved.push(Reserved {
                slot: entry.slot,
                at,
            }),
            Some(_) | None => {}
        }
    }
    for entry in beyond.into_iter().chain(order) {
        if pass.free_cores == 0 || !starts {
            break;
        }
        if entry.cores <= pass.free_cores {
            plan.start_now(pass, pass.mirror.job(entry.slot));
        }
    }
    reserved
}

/// Whether it only matters how many cores a job gets, not of which nodes.
fn in_one_pool(job: &Job) -> bool {
    job.shape.is_plain() && job.set == 0
}

fn depth_by_node(nodes: usize) -> usize {
    (NODE_LOOKS_MAX / nodes.max(1)).max(1)
}

/// What is planned so far.
struct Plan<'a> {
    room: Room<'a>,
    known: Known,
    /// A job waits of which nobody knows when it starts: what runs for ever could be in its way.
    unknown: bool,
    starts: bool,
}

impl<'a> Plan<'a> {
    /// Starts a job, or reserves for it and answers when it will start.
    fn reserve_or_start(&mut self, pass: &mut Pass<'a>, job: &Job) -> Option<Instant> {
        let known = self.known.not_before(job);
        let from = known.map_or(pass.now, |at| at.max(pass.now));
        let found = match self.unknown && job.walltime == Span::INFINITY {
            true => None,
            false => self.room.earliest(pass, job, from),
        };
        let Some((at, set)) = found else {
            self.unknown = true;
            return Some(Instant::INFINITY);
        };
        self.known.add(job, at);
        if at == pass.now && self.starts && self.start(pass, job) {
            return None;
        }
        self.room.reserve(pass, job, set, at);
        Some(at)
    }

    /// Starts a job that has no reservation, if that delays none.
    fn start_now(&mut self, pass: &mut Pass<'a>, job: &Job) {
        let known = self.known.not_before(job);
        let is_late = known.is_some_and(|at| at > pass.now);
        if is_late || (self.unknown && job.walltime == Span::INFINITY) {
            return;
        }
        if !self.start(pass, job) {
            self.known.add(job, pass.now.next_up());
        }
    }

    fn start(&mut self, pass: &mut Pass<'a>, job: &Job) -> bool {
        let Some(shares) = self.room.fit_now(pass, job) else {
            return false;
        };
        self.room.take(job.shape, &shares, pass.now, job.walltime);
        pass.start(job, shares);
        true
    }
}

/// What is free over time.
enum Room<'a> {
    Pool(Profile),
    Nodes(Timeline<'a>),
}

impl<'a> Room<'a> {
    /// As it is now, and will be by the expected ends of what runs.
    fn now<'b>(pass: &Pass<'a>, mut jobs: impl Iterator<Item = &'b Job>) -> Room<'a> {
        if !jobs.all(in_one_pool) {
            return Room::Nodes(Timeline::new(pass));
        }
        let mirror = pass.mirror;
        let counts = |share: &&Share| {
            let at = mirror.position(share.node);
            at.is_some_and(|at| mirror.nodes()[at].usable)
        };
        let all_count = !mirror.any_node_closed();
        let ends = pass.ends().into_iter().map(|(end, _, shares)| {
            let shares = shares.iter().filter(|share| all_count || counts(share));
            (
                end,
                shares.fold(0, |sum: u32, share| sum.saturating_add(share.cores)),
            )
        });
        Room::Pool(Profile::new(pass.now, pass.free_cores, ends))
    }

    /// When a job finds its minimum for all of its run time, and of which of the sets that it may choose.
    fn earliest(&self, pass: &Pass<'a>, job: &Job, from: Instant) -> Option<(Instant, SetId)> {
        match self {
            Room::Pool(profile) => {
                let at = profile.earliest(job.min, job.walltime, from)?;
                Some((at, job.set))
            }
            Room::Nodes(timeline) => {
                let choices = pass.mirror.choices(job.set).iter();
                let starts = choices.filter_map(|&set| {
                    let at = timeline.earliest(job, set, from)?;
                    Some((at, set))
                });
                // The first of those that are as early.
                starts.reduce(|best, next| if next.0 < best.0 { next } else { best })
            }
        }
    }

    /// Shares for a job to start with now: as much as is free now and stays so while it runs.
    fn fit_now(&self, pass: &mut Pass<'a>, job: &Job) -> Option<Vec<Share>> {
        match self {
            Room::Pool(profile) => {
                let free = profile.least_free(pass.now, job.walltime);
                if free < job.min {
                    return None;
                }
                if job.shape.is_plain() {
                    return pass.fit(job, job.demand.min(free));
                }
                // Other units have more than a core: all that it has use for, or else the least.
                [job.demand, job.min].into_iter().find_map(|most| {
                    let shares = pass.fit(job, most)?;
                    (cores(&shares) <= free).then_some(shares)
                })
            }
            Room::Nodes(timeline) => {
                if pass.free_cores < job.min {
                    return None;
                }
                let mut choices = pass.mirror.choices(job.set).iter();
                choices.find_map(|&set| {
                    let mut free = timeline.free_of(set, pass.now, job.walltime);
                    for (free, now) in free.iter_mut().zip(&pass.free) {
                        // What is overdue counts as free by then, and is not yet.
                        *free = free.least(*now);
                    }
                    pass.pack(job, set, (job.min, pass.most(job, job.demand)), &free)
                })
            }
        }
    }

    fn reserve(&mut self, pass: &Pass<'a>, job: &Job, set: SetId, at: Instant) {
        match self {
            Room::Pool(profile) => profile.reserve(job.min, at, job.walltime),
            Room::Nodes(timeline) => {
                let free = timeline.free_of(set, at, job.walltime);
                if let Some(shares) = pass.pack(job, set, (job.min, job.min), &free) {
                    timeline.reserve(job.shape, &shares, at, job.walltime);
                }
            }
        }
    }

    fn take(&mut self, shape: Shape, shares: &[Share], at: Instant, span: Span) {
        match self {
            Room::Pool(profile) => profile.reserve(cores(shares), at, span),
            Room::Nodes(timeline) => timeline.reserve(shape, shares, at, span),
        }
    }
}

fn cores(shares: &[Share]) -> u32 {
    let each = shares.iter().map(|share| share.cores);
    each.fold(0, u32::saturating_add)
}

/// What was found in this pass. Room only becomes less in a pass: a job that asks for as much or more, for as long or longer, starts
/// no earlier.
#[derive(Default)]
struct Known {
    /// By exactly what was asked for: many jobs are alike.
    alike: BTreeMap<(SetId, Shape, u32, u64), Instant>,
    /// By about as much.
    smaller: BTreeMap<(SetId, Shape), Frontier>,
}

impl Known {
    fn key(job: &Job) -> (SetId, Shape, u32, u64) {
        (job.set, job.shape, job.min, ordered(job.walltime))
    }

    fn not_before(&self, job: &Job) -> Option<Instant> {
        let alike = self.alike.get(&Known::key(job)).copied();
        let smaller = self.smaller.get(&(job.set, job.shape));
        let smaller = smaller.map(|frontier| frontier.not_before(job.min, job.walltime));
        alike.into_iter().chain(smaller).reduce(Instant::max)
    }

    fn add(&mut self, job: &Job, at: Instant) {
        self.alike.insert(Known::key(job), at);
        let smaller = self.smaller.entry((job.set, job.shape)).or_default();
        smaller.add(job.min, job.walltime, at);
    }
}

/// The latest start of all jobs that were no larger and no longer, both to half a power of two: the largest of a corner of a
/// table, kept as a binary indexed tree.
struct Frontier(Vec<[Instant; Frontier::SPANS]>);

impl Default for Frontier {
    fn default() -> Frontier {
        Frontier(vec![[0.0; Frontier::SPANS]; Frontier::SIZES])
    }
}

impl Frontier {
    const SIZES: usize = 66;
    const SPANS: usize = 110;

    /// Half powers of two up to a number: how many it has behind it, and how many it takes to reach it.
    fn halves(number: f64, end: usize) -> (usize, usize) {
        let whole = number.max(1.0).to_bits() >> 52 & 0x7ff;
        let power = whole as usize - 1023;
        let scale = f64::from_bits(whole << 52);
        let (below, exact) = match number.max(1.0) / scale {
            part if part >= 1.5 => (2 * power + 1, part == 1.5),
            part => (2 * power, part == 1.0),
        };
        let above = if exact { below } else { below + 1 };
        (below.min(end - 1), above.min(end - 1))
    }

    fn not_before(&self, size: u32, span: Span) -> Instant {
        let (size, _) = Frontier::halves(f64::from(size), Frontier::SIZES);
        let (span, _) = Frontier::halves(span.min(1e18), Frontier::SPANS);
        let mut latest: Instant = 0.0;
        let mut x = size + 1;
        while x > 0 {
            let mut y = span + 1;
            while y > 0 {
                latest = latest.max(self.0[x - 1][y - 1]);
                y &= y - 1;
            }
            x &= x - 1;
        }
        latest
    }

    fn add(&mut self, size: u32, span: Span, at: Instant) {
        let (_, size) = Frontier::halves(f64::from(size), Frontier::SIZES);
        let (_, span) = Frontier::halves(span.min(1e18), Frontier::SPANS);
        let mut x = size + 1;
        while x <= Frontier::SIZES {
            let mut y = span + 1;
            while y <= Frontier::SPANS {
                let latest = &mut self.0[x - 1][y - 1];
                *latest = latest.max(at);
                y += y & y.wrapping_neg();
            }
            x += x & x.wrapping_neg();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::Random;

    #[test]
    fn by_node_a_large_cluster_plans_for_fewer_jobs() {
        let depths = [0, 1, 1_000, 10_000, 5_000_000].map(depth_by_node);
        assert_eq!(depths, [1_000_000, 1_000_000, 1_000, 100, 1]);
    }

    /// Of all that were added that are no larger and no longer, never later than the latest; and that one where sizes are exact.
    #[test]
    fn the_frontier_is_that_of_smaller_jobs() {
        let mut random = Random(4);
        let mut frontier = Frontier::default();
        let mut added: Vec<(u32, f64, f64)> = Vec::new();
        for step in 0..2_000 {
            let exact = random.one_in(2);
            let (size, span) = match exact {
                true => (1 << random.below(9), (1u64 << random.below(40)) as f64),
                false => (1 + random.below(300), f64::from(1 + random.below(1 << 30))),
            };
            let span = if random.one_in(20) {
                Span::INFINITY
            } else {
                span
            };
            let smaller = added.iter().filter(|(a, b, _)| *a <= size && *b <= span);
            let latest = smaller.map(|(_, _, at)| *at).fold(0.0, f64::max);
            let found = frontier.not_before(size, span);
            assert!(found <= latest, "step {step}: {size} for {span}");
            let exactly = added
                .iter()
                .filter(|(a, b, _)| *a * 2 <= size && *b * 2.0 <= span);
            let at_least = exactly.map(|(_, _, at)| *at).fold(0.0, f64::max);
            assert!(
                found >= at_least || span > 1e15,
                "step {step}: {size} for {span}"
            );
            let at = f64::from(random.below(1_000_000));
            frontier.add(size, span, at);
            added.push((size, span, at));
        }
    }
}
