//! The reservation of the first job that cannot start: when it will (the *shadow time*), and what others may take of the
//! nodes beyond that time without making it late.
//!
//! Running jobs are taken to end when they are expected to. The count is by node wherever it matters (candidate
//! sets, whole nodes, sockets, GPUs, single-node jobs), so the time is exact for what the mirror knows. One thing is not
//! looked for: a backfilled job is put where `pack` would put it, and if it is in the head's way there, it is refused, even if
//! another place would have done.

use crate::{
    keys::{key, minor, ordered, sort},
    mirror::{Job, Mirror, Node},
    pack::{Free, Shape},
    pass::{Pass, Placed},
    policy::{Instant, SetId, Share},
    required::Tally,
};

/// A reservation without nodes: EASY promises a time, not a place.
#[derive(Debug)]
pub struct Shadow<'a> {
    /// When the job can start, not before now; infinity when nobody knows.
    pub at: Instant,
    rooms: Rooms<'a>,
}

impl<'a> Shadow<'a> {
    /// Finds the shadow time of a job that does not fit now: the earliest expected end of running jobs at which it
    /// does. All jobs that are expected to end at that same time are gone by then.
    pub fn find(pass: &Pass<'a>, head: &Job) -> Shadow<'a> {
        let mut rooms = Rooms::now(pass, head);
        let placed = by_end(&pass.placed);
        let mut placed = placed
            .iter()
            .map(|key| &pass.placed[minor(*key) as usize])
            .peekable();
        let mut running = pass.mirror.running().peekable();
        let mut at = pass.now;
        loop {
            let started_first = match (running.peek(), placed.peek()) {
                (Some(job), Some(placed)) => placed.end < job.expected_end(),
                (running, _) => running.is_none(),
            };
            let (end, shape, shares) = if started_first {
                let Some(placed) = placed.peek() else { break };
                (placed.end, placed.shape, &placed.shares)
            } else {
                let Some(job) = running.peek() else { break };
                (job.expected_end(), job.shape, &job.shares)
            };
            // What should have ended may do so any moment.
            let end = end.max(pass.now);
            if end > at && rooms.suffices() {
                break;
            }
            at = end;
            rooms.give(shape, shares);
            if started_first {
                placed.next().map(drop)
            } else {
                running.next().map(drop)
            };
        }
        if !rooms.suffices() {
            at = Instant::INFINITY;
        }
        Shadow { at, rooms }
    }

    /// The cores that others may take beyond the shadow time (*extra*), where that is all there is to it: the job
    /// may run on any node, and needs cores only.
    pub fn extra(&self) -> Option<u32> {
        match &self.rooms.0[..] {
            [
                Room::Sum {
                    within: None,
                    cores,
                    least,
                    ..
                },
            ] => Some(cores.saturating_sub(*least)),
            _ => None,
        }
    }

    /// Takes shares for a job that will run beyond the shadow time, if that leaves enough for the one that waits; else nothing
    /// changes and the answer is no.
    pub fn take(&mut self, shape: Shape, shares: &[Share]) -> bool {
        self.rooms.take(shape, shares)
    }
}

/// What is free for the head: of each set that it may choose, and one of them is enough.
#[derive(Debug)]
struct Rooms<'a>(Vec<Room<'a>>);

impl<'a> Rooms<'a> {
    fn now(pass: &Pass<'a>, head: &Job) -> Rooms<'a> {
        let choices = pass.mirror.choices(head.set).iter();
        Rooms(choices.map(|&set| Room::now(pass, head, set)).collect())
    }

    fn suffices(&self) -> bool {
        self.0.iter().any(Room::suffices)
    }

    fn give(&mut self, shape: Shape, shares: &[Share]) {
        self.0.iter_mut().for_each(|room| room.give(shape, shares));
    }

    /// Takes shares where that leaves enough, else nothing.
    fn take(&mut self, shape: Shape, shares: &[Share]) -> bool {
        let mut taken: Vec<Taken> = Vec::with_capacity(self.0.len());
        taken.extend(self.0.iter_mut().map(|room| room.take(shape, shares)));
        let suffices = self.suffices();
        if !suffices {
            for (room, taken) in self.0.iter_mut().zip(taken) {
                room.put_back(taken);
            }
        }
        suffices
    }
}

/// Keys of what was placed, by expected end.
fn by_end(placed: &[Placed]) -> Vec<u128> {
    let mut keys: Vec<u128> = (0..)
        .zip(placed)
        .map(|(index, placed)| key(ordered(placed.end), index))
        .collect();
    sort(&mut keys);
    keys
}

/// What is free for the head at some time.
#[derive(Debug)]
pub(crate) enum Room<'a> {
    /// Only the sum matters.
    Sum {
        mirror: &'a Mirror,
        /// The head's candidates, by position; none: all.
        within: Option<Vec<bool>>,
        cores: u32,
        least: u32,
    },
    /// What is on which node matters.
    ByNode {
        mirror: &'a Mirror,
        within: Option<Vec<bool>>,
        free: Vec<Free>,
        shape: Shape,
        /// Sum over the nodes, in units of the shape.
        units: u32,
        /// Nodes that have `least` units.
        large_enough: u32,
        least: u32,
        /// What there is of the nodes that it must have something of.
        required: Tally,
    },
}

impl<'a> Room<'a> {
    /// What is free for a job now of the nodes of one set.
    pub(crate) fn now(pass: &Pass<'a>, head: &Job, set: SetId) -> Room<'a> {
        let mirror = pass.mirror;
        let required = mirror.required(head.required);
        let parts = required.as_deref().unwrap_or_default();
        let alone = head.shape.single_node && !parts.is_empty();
        let within = (set != 0 || alone).then(|| {
            let mut within = vec![false; mirror.nodes().len()];
            for &at in mirror.candidates(set) {
                let in_all = || parts.iter().all(|part| part.nodes.contains(&at));
                within[at as usize] = !alone || in_all();
            }
            within
        });
        let least = head.min;
        if head.shape.is_plain() && head.required == 0 {
            let cores = match &within {
                None => pass.free_cores,
                Some(within) => {
                    let free = pass.free.iter().zip(within).filter(|(_, within)| **within);
                    free.fold(0u32, |sum, (free, _)| sum.saturating_add(free.cores))
                }
            };
            return Room::Sum {
                mirror,
                within,
                cores,
                least,
            };
        }
        let (mut units, mut large_enough) = (0u32, 0);
        for (at, (node, free)) in mirror.nodes().iter().zip(&pass.free).enumerate() {
            if is_within(within.as_deref(), at) {
                let here = head.shape.units_on(node, *free);
                units = units.saturating_add(here);
                large_enough += u32::from(here >= least);
            }
        }
        let (shape, free) = (head.shape, pass.free.clone());
        let required = Tally::new(required.as_deref(), |at| {
            let at = at as usize;
            match is_within(within.as_deref(), at) {
                true => shape.units_on(&mirror.nodes()[at], free[at]),
                false => 0,
            }
        });
        Room::ByNode {
            mirror,
            within,
            free,
            shape,
            units,
            large_enough,
            least,
            required,
        }
    }

    /// The cores that are missing, where their number is all that matters.
    pub(crate) fn missing_cores(&self) -> Option<u32> {
        match self {
            Room::Sum { cores, least, .. } => Some(least.saturating_sub(*cores)),
            Room::ByNode { .. } => None,
        }
    }

    /// Whether a share would be of use if it became free.
    pub(crate) fn counts(&self, share: &Share) -> bool {
        match self {
            Room::Sum { mirror, within, .. } | Room::ByNode { mirror, within, .. } => {
                counts(mirror, within.as_deref(), share).is_some()
            }
        }
    }

    pub(crate) fn suffices(&self) -> bool {
        match self {
            Room::Sum { cores, least, .. } => cores >= least,
            Room::ByNode { required, .. } if !required.is_met() => false,
            Room::ByNode {
                shape,
                large_enough,
                ..
            } if shape.single_node => *large_enough > 0,
            Room::ByNode { units, least, .. } => units >= least,
        }
    }

    /// What a job of that shape gives back.
    pub(crate) fn give(&mut self, shape: Shape, shares: &[Share]) {
        self.change(
            shares,
            |cores, share| cores.saturating_add(share.cores),
            |free, share, node| free.give(shape, share, node),
        );
    }

    /// What a job of that shape takes, and how to undo it.
    pub(crate) fn take(&mut self, shape: Shape, shares: &[Share]) -> Taken {
        self.change(
            shares,
            |cores, share| cores.saturating_sub(share.cores),
            |free, share, node| free.take(shape, share, node),
        )
    }

    /// Undoes the last take.
    pub(crate) fn put_back(&mut self, taken: Taken) {
        match self {
            Room::Sum { cores, .. } => *cores = taken.cores,
            Room::ByNode { .. } => {
                for (at, free) in taken.nodes.into_iter().rev() {
                    self.set(at, free);
                }
            }
        }
    }

    fn change(
        &mut self,
        shares: &[Share],
        sum: impl Fn(u32, &Share) -> u32,
        on_node: impl Fn(&mut Free, &Share, &Node),
    ) -> Taken {
        let mut before = Taken::default();
        match self {
            Room::Sum {
                mirror,
                within,
                cores,
                ..
            } => {
                before.cores = *cores;
                let all_count = within.is_none() && !mirror.any_node_closed();
                for share in shares {
                    if all_count || counts(mirror, within.as_deref(), share).is_some() {
                        *cores = sum(*cores, share);
                    }
                }
            }
            Room::ByNode { .. } => {
                for share in shares {
                    let Room::ByNode {
                        mirror,
                        within,
                        free,
                        ..
                    } = self
                    else {
                        break;
                    };
                    let Some(at) = counts(mirror, within.as_deref(), share) else {
                        continue;
                    };
                    let mut now = free[at];
                    before.nodes.push((at, now));
                    on_node(&mut now, share, &mirror.nodes()[at]);
                    self.set(at, now);
                }
            }
        }
        before
    }

    /// Says what is free of one node.
    fn set(&mut self, at: usize, now: Free) {
        if let Room::ByNode {
            mirror,
            free,
            shape,
            units,
            large_enough,
            least,
            required,
            ..
        } = self
        {
            let node = &mirror.nodes()[at];
            let before = shape.units_on(node, free[at]);
            let after = shape.units_on(node, now);
            free[at] = now;
            *units = *units - before + after;
            *large_enough -= u32::from(before >= *least);
            *large_enough += u32::from(after >= *least);
            required.change(at as u32, before, after);
        }
    }
}

/// What a room was before something was taken of it.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    cores: u32,
    nodes: Vec<(usize, Free)>,
}

/// The position of a share's node, if it takes jobs and is one of the head's candidates.
fn counts(mirror: &Mirror, within: Option<&[bool]>, share: &Share) -> Option<usize> {
    let at = mirror.position(share.node)?;
    (mirror.nodes()[at].usable && is_within(within, at)).then_some(at)
}

fn is_within(within: Option<&[bool]>, at: usize) -> bool {
    within.is_none_or(|within| within[at])
}
