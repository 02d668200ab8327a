//! What a job must have of certain nodes, because of its tasks: the columns `job.required` and `set.least` of `wit/policy.wit`.
//!
//! A job without such wishes, as most are, costs a comparison. Used by `pass` and `shadow`.

use crate::{
    mirror::{Mirror, Node},
    pack::{Free, Shape, Unit},
    policy::Share,
};

/// So many units at least of some nodes together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part<'a> {
    /// Positions in [`Mirror::nodes`].
    pub nodes: &'a [u32],
    /// Units.
    pub least: u32,
}

/// Shares as `place` gives them, so many of these candidates, with all that is required among them; where more than that is given, it is of
/// the same nodes first.
pub fn pack_with(
    required: &[Part<'_>],
    shape: Shape,
    (least, most): (u32, u32),
    candidates: &[u32],
    (nodes, free): (&[Node], &[Free]),
    place: impl Fn((u32, u32), &[u32]) -> Option<Vec<Share>>,
) -> Option<Vec<Share>> {
    let units_at = |at: u32| shape.units_on(&nodes[at as usize], free[at as usize]);
    if required.is_empty() {
        return place((least, most), candidates);
    }
    if shape.single_node {
        let has = |at: u32, part: &Part<'_>| part.nodes.contains(&at) && units_at(at) >= part.least;
        let all = |at: &u32| required.iter().all(|part| has(*at, part));
        let some: Vec<u32> = candidates.iter().copied().filter(all).collect();
        return place((least, most), &some);
    }
    let whole = shape.exclusive || shape.unit == Unit::Node;
    // Positions and units, in the order in which they were found.
    let mut given: Vec<(u32, u32)> = Vec::new();
    for part in required {
        let had = given.iter().filter(|(at, _)| part.nodes.contains(at));
        let had: u32 = had.map(|(_, units)| units).sum();
        let mut missing = part.least.saturating_sub(had);
        for &at in part.nodes {
            if missing == 0 {
                break;
            }
            if !candidates.contains(&at) {
                continue;
            }
            let place = given.iter().position(|(other, _)| *other == at);
            let here = place.map_or(0, |place| given[place].1);
            let room = units_at(at).saturating_sub(here);
            let units = if whole { room } else { room.min(missing) };
            match place {
                Some(place) => given[place].1 += units,
                None if units > 0 => given.push((at, units)),
                None => {}
            }
            missing = missing.saturating_sub(units);
        }
        if missing > 0 {
            return None;
        }
    }
    let mut got: u32 = given.iter().map(|(_, units)| units).sum();
    if got > most && !whole {
        return None;
    }
    for (at, units) in &mut given {
        let more = (units_at(*at) - *units).min(most.saturating_sub(got));
        *units += more;
        got += more;
    }
    let share =
        |&(at, units): &(u32, u32)| shape.share(&nodes[at as usize], free[at as usize], units);
    let mut shares: Vec<Share> = given.iter().map(share).collect();
    if got < most {
        let is_new = |at: &u32| given.iter().all(|(other, _)| other != at);
        let rest: Vec<u32> = candidates.iter().copied().filter(is_new).collect();
        let amount = (least.saturating_sub(got).max(1), most - got);
        match place(amount, &rest) {
            Some(more) => shares.extend(more),
            None if got < least => return None,
            None => {}
        }
    }
    Some(shares)
}

/// How much there is of each part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Vec<Count>);

#[derive(Debug, Clone)]
struct Count {
    nodes: Vec<u32>,
    least: u32,
    units: u32,
}

impl Tally {
    /// Of what a job must have; `units` says how many units a position counts for. What cannot be had is never met.
    pub(crate) fn new(required: Option<&[Part<'_>]>, units: impl Fn(u32) -> u32) -> Tally {
        let count = |part: &Part<'_>| Count {
            nodes: part.nodes.to_vec(),
            least: part.least,
            units: part.nodes.iter().map(|&at| units(at)).sum(),
        };
        let never = Count {
            nodes: Vec::new(),
            least: 1,
            units: 0,
        };
        Tally(required.map_or_else(|| vec![never], |parts| parts.iter().map(count).collect()))
    }

    /// A position counts for so many units now, and did for so many before.
    pub(crate) fn change(&mut self, at: u32, before: u32, after: u32) {
        for count in self.0.iter_mut().filter(|count| count.nodes.contains(&at)) {
            count.units = count.units - before + after;
        }
    }

    /// Whether there is enough of each.
    pub(crate) fn is_met(&self) -> bool {
        self.0.iter().all(|count| count.units >= count.least)
    }

    /// Whether it would be if a position counted for so many units less.
    pub(crate) fn spares(&self, at: u32, units: u32) -> bool {
        let mut about = self.0.iter().filter(|count| count.nodes.contains(&at));
        about.all(|count| count.units >= count.least.saturating_add(units))
    }
}

impl Mirror {
    /// What a job with this `required` must have; none if it cannot have it, since some of it is not there.
    pub fn required(&self, set: crate::policy::SetId) -> Option<Vec<Part<'_>>> {
        if set == 0 {
            return Some(Vec::new());
        }
        match self.choices(set) {
            [] => None,
            [own] if *own == set => {
                let nodes = self.all_candidates(set)?;
                let one = |at| Part {
                    nodes: std::slice::from_ref(at),
                    least: 1,
                };
                Some(nodes.iter().map(one).collect())
            }
            parts => {
                let part = |&part: &crate::policy::SetId| {
                    Some(Part {
                        nodes: Some(self.candidates(part)).filter(|nodes| !nodes.is_empty())?,
                        least: self.least(part),
                    })
                };
                parts.iter().map(part).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{Choice, pack};
    use crate::policy::Changes;
    use crate::rows::{JobRow, NodeRow};

    /// Nodes 10 to 13 of four cores with so many free.
    fn nodes(free: [u32; 4]) -> (Vec<Node>, Vec<Free>) {
        let node = |(id, free_cores)| Node {
            id,
            usable: true,
            cores: 4,
            sockets: 1,
            gpus: 0,
            memory: 0,
            free_cores,
            free_sockets: 0,
            free_gpus: 0,
        };
        let nodes: Vec<Node> = (10..).zip(free).map(node).collect();
        let free = nodes.iter().map(Free::of).collect();
        (nodes, free)
    }

    /// Required as (positions, least); least and most; what is free; what comes of it as (node, cores).
    type Row<'a> = (
        &'a [(&'a [u32], u32)],
        (u32, u32),
        [u32; 4],
        Option<&'a [(u32, u32)]>,
    );

    fn check(flags: u32, rows: &[Row<'_>]) {
        for (required, amount, free, expected) in rows {
            let (nodes, free) = nodes(*free);
            let parts = required.iter().copied();
            let required: Vec<Part<'_>> =
                parts.map(|(nodes, least)| Part { nodes, least }).collect();
            let shape = Shape::new(0, flags);
            let all = [0, 1, 2, 3];
            let both = (&nodes[..], &free[..]);
            let fewest =
                |amount, some: &[u32]| pack(shape, amount, some, both.0, both.1, Choice::Fewest);
            let got = pack_with(&required, shape, *amount, &all, both, fewest);
            let got = got.map(|shares| -> Vec<(u32, u32)> {
                shares
                    .iter()
                    .map(|share| (share.node, share.cores))
                    .collect()
            });
            assert_eq!(got.as_deref(), *expected, "{required:?} {amount:?}");
        }
    }

    #[test]
    fn what_is_required_comes_first() {
        check(
            0,
            &[
                (&[], (2, 2), [4, 2, 4, 4], Some(&[(11, 2)])),
                (&[(&[2], 1)], (1, 1), [4, 2, 4, 4], Some(&[(12, 1)])),
                (&[(&[2], 1)], (1, 1), [4, 4, 0, 4], None),
                (
                    &[(&[2], 1), (&[0], 1)],
                    (2, 2),
                    [4; 4],
                    Some(&[(12, 1), (10, 1)]),
                ),
                // More of the same nodes, then of others.
                (
                    &[(&[2], 1), (&[0], 1)],
                    (2, 5),
                    [4; 4],
                    Some(&[(12, 4), (10, 1)]),
                ),
                (
                    &[(&[2], 1)],
                    (6, 6),
                    [4, 2, 3, 4],
                    Some(&[(12, 3), (10, 3)]),
                ),
                (&[(&[2], 1)], (2, 9), [0, 0, 3, 0], Some(&[(12, 3)])),
                (&[(&[2], 1)], (4, 9), [0, 0, 3, 0], None),
                // Some of a group; a node in two groups counts for both.
                (
                    &[(&[1, 2], 5)],
                    (5, 5),
                    [4, 3, 4, 4],
                    Some(&[(11, 3), (12, 2)]),
                ),
                (&[(&[1, 2], 5)], (5, 5), [4, 2, 2, 4], None),
                (
                    &[(&[1, 2], 2), (&[1, 3], 3)],
                    (3, 3),
                    [4; 4],
                    Some(&[(11, 3)]),
                ),
                // More than it may have.
                (&[(&[0], 1), (&[1], 1)], (1, 1), [4; 4], None),
            ],
        );
    }

    #[test]
    fn on_one_node_and_on_whole_ones() {
        let (exclusive, single) = (1, 16);
        check(
            single,
            &[
                (&[(&[2], 1)], (3, 4), [4, 4, 3, 4], Some(&[(12, 3)])),
                (&[(&[2], 1)], (4, 4), [4, 4, 3, 4], None),
                (
                    &[(&[1, 2], 1), (&[2, 3], 1)],
                    (1, 1),
                    [4; 4],
                    Some(&[(12, 1)]),
                ),
            ],
        );
        check(
            exclusive,
            &[
                (&[(&[2], 1)], (5, 6), [4; 4], Some(&[(12, 4), (10, 4)])),
                (&[(&[2], 1)], (1, 1), [4; 4], Some(&[(12, 4)])),
                (&[(&[2], 1)], (1, 1), [4, 4, 3, 4], None),
            ],
        );
    }

    #[test]
    fn sets_become_parts() {
        let mut mirror = Mirror::default();
        let mut changes = Changes::default();
        for id in [10, 11, 12] {
            changes.nodes.push(NodeRow::idle(id, 4));
        }
        changes.push_set(1, &[12, 10]);
        changes.push_set(2, &[10, 11, 12]);
        changes.push_needed(8, 2, &[10, 11], 3);
        changes.push_needed(9, 2, &[12], 1);
        changes.push_set(3, &[10, 99]);
        changes.push_job(&JobRow {
            required: 1,
            ..JobRow::queued(5, 2, 1.0)
        });
        changes.push_job(&JobRow::queued(6, 2, 1.0));
        mirror.apply(&changes);
        let part = |nodes, least| Part { nodes, least };
        let job = |id| mirror.find(id).map(|job| job.required);
        assert_eq!((job(5), job(6)), (Some(1), Some(0)));
        assert_eq!(mirror.required(0), Some(Vec::new()));
        assert_eq!(mirror.required(1), Some(vec![part(&[2], 1), part(&[0], 1)]));
        let groups = vec![part(&[0, 1], 3), part(&[2], 1)];
        assert_eq!(mirror.required(2), Some(groups));
        assert_eq!(mirror.required(3), None, "a node is missing");
        assert_eq!(mirror.required(4), None, "never sent");
    }

    #[test]
    fn tallies_follow_changes() {
        let parts = [
            Part {
                nodes: &[0, 1],
                least: 3,
            },
            Part {
                nodes: &[1],
                least: 1,
            },
        ];
        let mut tally = Tally::new(Some(&parts), |at| at);
        assert!(!tally.is_met(), "one unit of the first");
        tally.change(0, 0, 2);
        assert!(tally.is_met() && tally.spares(2, 9));
        assert!(!tally.spares(0, 1));
        tally.change(0, 2, 4);
        assert!(tally.spares(0, 2) && !tally.spares(1, 1));
        assert!(!Tally::new(None, |_| 9).is_met());
        assert!(Tally::default().is_met());
    }
}
