//! Nodes for a job: how much of it fits on a node, and which nodes it gets.
//!
//! Works on what is free as a pass sees it, not on the mirror's: earlier decisions of the same pass have taken theirs. Says
//! nothing about when. Used by `pass` and `shadow`.
//!
//! What a unit takes of a node:
//!
//! - cores: as many cores;
//! - sockets: the cores of as many whole sockets. What lies in which is not known, only how many are whole; the kernel
//!   gives cores of broken ones first, so it can be told how many a decision leaves;
//! - nodes: a node that is wholly idle, with all that it has;
//! - GPUs: as many GPUs, and a core for each. A GPU without a core is none.
//!
//! An exclusive job takes only nodes that are wholly idle, and all of each, whatever its unit.

use crate::{
    keys::{key, minor, sort},
    mirror::Node,
    policy::{JOB_EXCLUSIVE, JOB_SINGLE_NODE, Share},
};

/// What the numbers of a job count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Cores.
    Core,
    /// Sockets.
    Socket,
    /// Nodes.
    Node,
    /// GPUs.
    Gpu,
}

/// What a job asks for, apart from how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// What is counted.
    pub unit: Unit,
    /// No other job on its nodes.
    pub exclusive: bool,
    /// All on one node.
    pub single_node: bool,
}

/// What is free of one node. Nothing, where the node takes no jobs. A pass copies one for each node, so it is small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Free {
    /// Cores.
    pub cores: u32,
    /// GPUs; the mirror knows of no more than fit.
    pub gpus: u16,
    /// Whole sockets; of more than fit the rest counts as broken. On nodes of one socket not counted, and 0.
    sockets: u16,
}

impl Free {
    /// What the host said is free.
    pub fn of(node: &Node) -> Free {
        if node.usable {
            Free {
                cores: node.free_cores,
                gpus: few(node.free_gpus),
                sockets: few(node.free_sockets),
            }
        } else {
            Free::default()
        }
    }

    /// What would be free if nothing ran there.
    pub fn idle(node: &Node) -> Free {
        if node.usable {
            Free {
                cores: node.cores,
                gpus: few(node.gpus),
                sockets: few(sockets(node, node.cores)),
            }
        } else {
            Free::default()
        }
    }

    /// What is there of both: what is free at both of two times.
    pub(crate) fn least(self, other: Free) -> Free {
        Free {
            cores: self.cores.min(other.cores),
            gpus: self.gpus.min(other.gpus),
            sockets: self.sockets.min(other.sockets),
        }
    }

    /// What a job holds of a node, as something to take a part of.
    pub(crate) fn held(share: &Share) -> Free {
        Free {
            cores: share.cores,
            gpus: few(share.gpus),
            sockets: 0,
        }
    }

    /// Takes a share away that a job of that shape gets.
    pub fn take(&mut self, shape: Shape, share: &Share, node: &Node) {
        if node.sockets > 1 {
            let each = socket_cores(node);
            let whole = u32::from(self.sockets);
            let broken = match shape.unit {
                Unit::Socket => share.cores.div_ceil(each),
                // Those of broken sockets go first.
                Unit::Core | Unit::Node | Unit::Gpu => {
                    let loose = self.cores.saturating_sub(whole * each);
                    share.cores.saturating_sub(loose).div_ceil(each)
                }
            };
            self.sockets = few(whole.saturating_sub(broken));
        }
        self.cores = self.cores.saturating_sub(share.cores);
        self.gpus = self.gpus.saturating_sub(few(share.gpus));
    }

    /// Gives a share back that a job of that shape had; never more than the node has. Of sockets, those that are certain to be whole
    /// then: where a few cores come free nobody knows.
    pub fn give(&mut self, shape: Shape, share: &Share, node: &Node) {
        self.cores = self.cores.saturating_add(share.cores).min(node.cores);
        self.gpus = self
            .gpus
            .saturating_add(few(share.gpus))
            .min(few(node.gpus));
        if node.sockets > 1 {
            let own = match shape.unit {
                Unit::Socket => share.cores.div_ceil(socket_cores(node)),
                Unit::Core | Unit::Node | Unit::Gpu => 0,
            };
            let most = sockets(node, self.cores);
            let at_least = sockets(node, node.cores).saturating_sub(node.cores - self.cores);
            let whole = (u32::from(self.sockets) + own).max(at_least).min(most);
            self.sockets = few(whole);
        }
    }
}

/// As many as a byte pair holds.
fn few(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

impl Shape {
    /// From the columns `unit` and `flags`. A unit that this crate does not know is taken for nodes: the largest.
    pub fn new(unit: u32, flags: u32) -> Shape {
        let unit = match unit {
            0 => Unit::Core,
            1 => Unit::Socket,
            3 => Unit::Gpu,
            _ => Unit::Node,
        };
        Shape {
            unit,
            exclusive: flags & JOB_EXCLUSIVE != 0,
            single_node: flags & JOB_SINGLE_NODE != 0,
        }
    }

    /// Cores that lie wherever they like: whether such a job fits is a matter of their sum alone.
    pub fn is_plain(self) -> bool {
        self == Shape {
            unit: Unit::Core,
            exclusive: false,
            single_node: false,
        }
    }

    /// How many units fit on a node.
    #[inline]
    pub fn units_on(self, node: &Node, free: Free) -> u32 {
        if self.exclusive || self.unit == Unit::Node {
            if !is_idle(node, free) {
                return 0;
            }
            return match self.unit {
                Unit::Core => node.cores,
                Unit::Socket => sockets(node, node.cores),
                Unit::Node => 1,
                Unit::Gpu => node.gpus.min(node.cores),
            };
        }
        match self.unit {
            Unit::Core => free.cores,
            Unit::Socket if node.sockets > 1 => u32::from(free.sockets),
            Unit::Socket | Unit::Node => u32::from(is_idle(node, free)),
            Unit::Gpu => u32::from(free.gpus).min(free.cores),
        }
    }

    /// So many units of a node, which must fit there.
    pub fn share(self, node: &Node, free: Free, units: u32) -> Share {
        if self.exclusive || self.unit == Unit::Node {
            let gpus = match self.unit {
                Unit::Core | Unit::Socket | Unit::Node => node.gpus,
                Unit::Gpu => node.gpus.min(node.cores),
            };
            return Share {
                node: node.id,
                cores: node.cores,
                gpus,
            };
        }
        let (cores, gpus) = match self.unit {
            Unit::Core => (units, 0),
            Unit::Socket => (units.saturating_mul(socket_cores(node)).min(free.cores), 0),
            Unit::Node => (node.cores, node.gpus),
            Unit::Gpu => (units, units),
        };
        Share {
            node: node.id,
            cores,
            gpus,
        }
    }

    /// How many units a share is. Without the node (it is gone), sockets count as one.
    pub fn units_of(self, share: &Share, node: Option<&Node>) -> u32 {
        match self.unit {
            Unit::Core => share.cores,
            Unit::Socket => node.map_or(1, |node| share.cores.div_ceil(socket_cores(node))),
            Unit::Node => 1,
            Unit::Gpu => share.gpus.min(share.cores),
        }
    }
}

fn is_idle(node: &Node, free: Free) -> bool {
    node.cores > 0 && free.cores == node.cores && free.gpus == few(node.gpus)
}

/// Whole sockets in so many free cores of a node, if they lie as well as they can. The last of an idle node may be smaller than
/// the others.
pub(crate) fn sockets(node: &Node, free_cores: u32) -> u32 {
    if free_cores == node.cores {
        node.cores.div_ceil(socket_cores(node))
    } else {
        free_cores / socket_cores(node)
    }
}

fn socket_cores(node: &Node) -> u32 {
    node.cores.div_ceil(node.sockets).max(1)
}

/// Which of the nodes that would do are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// As few nodes as possible; the tightest one, if one is enough; among equals the first.
    Fewest,
    /// One node if one is enough, else the first ones that have something: the order is the site's wish.
    InOrder,
    /// As many nodes as possible, evenly.
    Spread,
}

/// Shares for a job: as many units as fit, from `least` to `most`; nothing if `least` do not fit.
///
/// `candidates` are positions in `nodes` in the order of preference; `free` lies beside `nodes`. Exclusive jobs may get more
/// than `most` units, since they take whole nodes, but no node beyond the one that reaches it.
pub fn pack(
    shape: Shape,
    (least, most): (u32, u32),
    candidates: &[u32],
    nodes: &[Node],
    free: &[Free],
    choice: Choice,
) -> Option<Vec<Share>> {
    let units_at = |at: u32| shape.units_on(&nodes[at as usize], free[at as usize]);
    let share_at = |at: u32, units: u32| shape.share(&nodes[at as usize], free[at as usize], units);

    if let Some((at, units)) = one_node(shape, (least, most), candidates, units_at, choice) {
        return Some(vec![share_at(at, units)]);
    }
    if shape.single_node {
        return None;
    }

    // Keys: the most or the fewest units first, where that is the choice; then the order of preference.
    let mut room = Vec::new();
    let mut total = 0u32;
    for (place, &at) in (0..).zip(candidates) {
        let units = units_at(at);
        if units > 0 {
            total = total.saturating_add(units);
            room.push(match choice {
                Choice::Fewest => key(u64::from(u32::MAX - units), place),
                Choice::InOrder => key(0, place),
                Choice::Spread => key(u64::from(units), place),
            });
        }
    }
    if total < least {
        return None;
    }
    if choice != Choice::InOrder {
        sort(&mut room);
    }
    let mut left = total.min(most);
    let mut shares = Vec::new();
    for (done, key) in room.iter().enumerate() {
        let at = candidates[minor(*key) as usize];
        let units = units_at(at);
        let take = match choice {
            Choice::Fewest | Choice::InOrder => units.min(left),
            Choice::Spread => units.min(left / (room.len() - done) as u32),
        };
        if take > 0 {
            shares.push(share_at(at, take));
            // Exclusive jobs take all that the node has.
            left = left.saturating_sub(if shape.exclusive { units } else { take });
        }
        if left == 0 {
            break;
        }
    }
    Some(shares)
}

/// One node for all of it, if there is one, and how many units of it.
fn one_node(
    shape: Shape,
    (least, most): (u32, u32),
    candidates: &[u32],
    units_at: impl Fn(u32) -> u32,
    choice: Choice,
) -> Option<(u32, u32)> {
    if choice == Choice::Spread && !shape.single_node {
        return None;
    }
    // The tightest that has room for `most`; for a job that must be on one node, else the roomiest.
    let mut best: Option<(u32, u32)> = None;
    for &at in candidates {
        let units = units_at(at);
        let better = match best {
            _ if units < least || (units < most && !shape.single_node) => false,
            None => true,
            Some((_, so_far)) if units < most => so_far < most && units > so_far,
            Some((_, so_far)) => so_far < most || (units < so_far && choice == Choice::Fewest),
        };
        if better {
            best = Some((at, units));
            if units == most || (units > most && choice != Choice::Fewest) {
                break;
            }
        }
    }
    best.map(|(at, units)| (at, units.min(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (cores, sockets, GPUs, free cores, free GPUs); a sixth node that is closed is at the end.
    const NODES: [(u32, u32, u32, u32, u32); 5] = [
        (8, 2, 0, 8, 0),
        (8, 2, 0, 5, 0),
        (8, 2, 2, 3, 1),
        (16, 4, 4, 16, 4),
        (4, 1, 0, 0, 0),
    ];

    fn nodes() -> Vec<Node> {
        let mut nodes: Vec<Node> = (10..)
            .zip(NODES)
            .map(|(id, (cores, sockets, gpus, free_cores, free_gpus))| Node {
                id,
                usable: true,
                cores,
                sockets,
                gpus,
                free_cores,
                free_sockets: free_cores / (cores / sockets),
                free_gpus,
                memory: 0,
            })
            .collect();
        nodes.push(Node {
            id: 15,
            usable: false,
            ..nodes[3]
        });
        nodes
    }

    /// Shares as (node, cores, GPUs).
    fn packed(
        unit: u32,
        flags: u32,
        amount: (u32, u32),
        candidates: &[u32],
        choice: Choice,
    ) -> Option<Vec<(u32, u32, u32)>> {
        let nodes = nodes();
        let free: Vec<Free> = nodes.iter().map(Free::of).collect();
        let shares = pack(
            Shape::new(unit, flags),
            amount,
            candidates,
            &nodes,
            &free,
            choice,
        )?;
        Some(
            shares
                .iter()
                .map(|share| (share.node, share.cores, share.gpus))
                .collect(),
        )
    }

    /// Least and most, candidates, choice; what comes of it.
    type Row<'a> = ((u32, u32), &'a [u32], Choice, Option<&'a [(u32, u32, u32)]>);

    #[test]
    fn cores() {
        use Choice::{Fewest, InOrder, Spread};
        let all: &[u32] = &[0, 1, 2, 3, 4, 5];
        let rows: &[Row<'_>] = &[
            // One node is enough: the tightest, the first of equals; or the first in the site's order.
            ((1, 1), all, Fewest, Some(&[(12, 1, 0)])),
            ((4, 4), all, Fewest, Some(&[(11, 4, 0)])),
            ((6, 6), all, Fewest, Some(&[(10, 6, 0)])),
            ((4, 4), &[3, 1, 0], InOrder, Some(&[(13, 4, 0)])),
            ((6, 6), &[1, 0, 3], InOrder, Some(&[(10, 6, 0)])),
            // More than one: the largest first; or in order.
            ((20, 20), all, Fewest, Some(&[(13, 16, 0), (10, 4, 0)])),
            (
                (20, 20),
                &[1, 2, 3],
                InOrder,
                Some(&[(11, 5, 0), (12, 3, 0), (13, 12, 0)]),
            ),
            // As much as fits, up to the most; nothing below the least.
            ((20, 99), &[0, 3], Fewest, Some(&[(13, 16, 0), (10, 8, 0)])),
            ((25, 99), &[0, 3], Fewest, None),
            ((1, 10), &[1, 2], Fewest, Some(&[(11, 5, 0), (12, 3, 0)])),
            // Evenly; small nodes give what they have.
            (
                (6, 6),
                &[0, 1, 3],
                Spread,
                Some(&[(11, 2, 0), (10, 2, 0), (13, 2, 0)]),
            ),
            (
                (16, 16),
                &[0, 2, 3],
                Spread,
                Some(&[(12, 3, 0), (10, 6, 0), (13, 7, 0)]),
            ),
            ((2, 2), &[0, 1, 3], Spread, Some(&[(10, 1, 0), (13, 1, 0)])),
            ((1, 1), &[4, 5], Fewest, None),
            ((1, 1), &[], Fewest, None),
        ];
        for (i, (amount, candidates, choice, expected)) in rows.iter().enumerate() {
            let shares = packed(0, 0, *amount, candidates, *choice);
            assert_eq!(shares.as_deref(), *expected, "row {i}");
        }
    }

    #[test]
    fn on_a_single_node() {
        let all: &[u32] = &[0, 1, 2, 3, 4, 5];
        let single = |amount| packed(0, JOB_SINGLE_NODE, amount, all, Choice::Fewest);
        assert_eq!(single((4, 4)), Some(vec![(11, 4, 0)]));
        assert_eq!(single((4, 7)), Some(vec![(10, 7, 0)]));
        // No node has the most: the roomiest.
        assert_eq!(single((4, 40)), Some(vec![(13, 16, 0)]));
        assert_eq!(single((17, 40)), None);
    }

    #[test]
    fn whole_nodes() {
        let all: &[u32] = &[0, 1, 2, 3, 4, 5];
        let exclusive = |amount| packed(0, JOB_EXCLUSIVE, amount, all, Choice::Fewest);
        // Idle ones only, and all of each.
        assert_eq!(exclusive((3, 3)), Some(vec![(10, 8, 0)]));
        assert_eq!(exclusive((9, 9)), Some(vec![(13, 16, 4)]));
        assert_eq!(exclusive((17, 17)), Some(vec![(13, 16, 4), (10, 8, 0)]));
        assert_eq!(exclusive((25, 25)), None);
        let whole = |amount| packed(2, 0, amount, all, Choice::Fewest);
        assert_eq!(whole((1, 1)), Some(vec![(10, 8, 0)]));
        assert_eq!(whole((2, 9)), Some(vec![(10, 8, 0), (13, 16, 4)]));
        assert_eq!(whole((3, 9)), None);
        let one = packed(2, JOB_SINGLE_NODE, (1, 5), all, Choice::Fewest);
        assert_eq!(one, Some(vec![(10, 8, 0)]));
    }

    #[test]
    fn sockets_and_gpus() {
        let all: &[u32] = &[0, 1, 2, 3, 4, 5];
        let sockets = |amount| packed(1, 0, amount, all, Choice::Fewest);
        // Four cores a socket: 2, 1, 0 and 4 of them are free.
        assert_eq!(sockets((1, 1)), Some(vec![(11, 4, 0)]));
        assert_eq!(sockets((3, 3)), Some(vec![(13, 12, 0)]));
        assert_eq!(
            sockets((7, 9)),
            Some(vec![(13, 16, 0), (10, 8, 0), (11, 4, 0)])
        );
        assert_eq!(sockets((8, 9)), None);
        let gpus = |amount| packed(3, 0, amount, all, Choice::Fewest);
        assert_eq!(gpus((1, 1)), Some(vec![(12, 1, 1)]));
        assert_eq!(gpus((2, 5)), Some(vec![(13, 4, 4), (12, 1, 1)]));
        assert_eq!(gpus((6, 6)), None);
    }

    /// Sockets of 4 cores: what is left of them when cores go and come.
    #[test]
    fn whole_sockets_are_kept_count_of() {
        let node = Node {
            free_cores: 11,
            free_sockets: 1,
            ..nodes()[3]
        };
        let (core, socket) = (Shape::new(0, 0), Shape::new(1, 0));
        let share = |cores| Share {
            node: node.id,
            cores,
            gpus: 0,
        };
        let mut free = Free::of(&node);
        assert_eq!(socket.units_on(&node, free), 1);
        // Seven cores lie in broken sockets: they go first.
        free.take(core, &share(7), &node);
        assert_eq!(socket.units_on(&node, free), 1);
        let before = free;
        free.take(core, &share(1), &node);
        assert_eq!(socket.units_on(&node, free), 0);
        free = before;
        free.take(socket, &share(4), &node);
        assert_eq!((free.cores, socket.units_on(&node, free)), (0, 0));
        // A socket comes back as one; of single cores nobody knows where, until all of the node is free.
        free.give(socket, &share(4), &node);
        assert_eq!(socket.units_on(&node, free), 1);
        free.give(core, &share(10), &node);
        assert_eq!((free.cores, socket.units_on(&node, free)), (14, 2));
        free.give(core, &share(2), &node);
        assert_eq!(socket.units_on(&node, free), 4);
    }

    /// What was packed is what was asked for, whatever is free.
    #[test]
    fn shares_add_up() {
        for seed in 0..500u32 {
            let random = |n: u32| seed.wrapping_mul(2654435761).rotate_left(n * 5) >> 8;
            let nodes: Vec<Node> = (0..6)
                .map(|id| {
                    let cores = 1 + random(id) % 9;
                    let free_cores = random(id + 6) % (cores + 1);
                    let (sockets, gpus, free_gpus) = (1, 0, 0);
                    Node {
                        id,
                        usable: true,
                        cores,
                        sockets,
                        gpus,
                        free_cores,
                        free_sockets: 0,
                        free_gpus,
                        memory: 0,
                    }
                })
                .collect();
            let free: Vec<Free> = nodes.iter().map(Free::of).collect();
            let total: u32 = free.iter().map(|free| free.cores).sum();
            let (least, most) = (1 + random(3) % 20, 1 + random(3) % 20 + random(4) % 10);
            for choice in [Choice::Fewest, Choice::InOrder, Choice::Spread] {
                let shape = Shape::new(0, 0);
                let shares = pack(
                    shape,
                    (least, most),
                    &[0, 1, 2, 3, 4, 5],
                    &nodes,
                    &free,
                    choice,
                );
                let Some(shares) = shares else {
                    assert!(total < least, "seed {seed} {choice:?}");
                    continue;
                };
                let sum: u32 = shares.iter().map(|share| share.cores).sum();
                assert_eq!(sum, total.min(most), "seed {seed} {choice:?}");
                for share in &shares {
                    assert!(share.cores > 0 && share.cores <= free[share.node as usize].cores);
                }
            }
        }
    }
}
