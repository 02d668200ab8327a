//! Which nodes a job gets of those that would do: the settings `packing` and `topology`, and what follows from them.
//!
//! How shares of given nodes come together is `pack`'s. The mirror keeps candidates in the order that is wanted here, so that a pass
//! does not have to sort them.

use std::collections::BTreeMap;

use crate::{
    mirror::Node,
    pack::{Choice, Free, Shape, pack},
    policy::{NodeId, Share, Traits},
    settings::refusal,
};

/// The column with the groups of nodes, by which `groups` goes.
pub const COLUMN_GROUPS: &str = "node.groups";

/// Which nodes are preferred.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Packing {
    /// As few as possible, the tightest that fits; of candidate nodes the first in the site's order that has room for all.
    #[default]
    Pack,
    /// As many as possible, evenly.
    Spread,
    /// Those with the least memory first: large ones are kept for jobs that need them.
    Memory,
    /// Those of these groups, one group after the other, and all of a job in one if possible; others last.
    Groups(Vec<String>),
}

impl Packing {
    /// The names of the settings.
    pub const SETTINGS: &[&str] = &["packing", "topology"];

    /// Puts the two settings together.
    ///
    /// # Errors
    /// A sentence for the admin that names the setting, the value and what would be right.
    pub fn read(packing: Option<&str>, topology: Option<&str>) -> Result<Packing, String> {
        let name = "packing";
        let packing = packing.unwrap_or("pack");
        match (packing, topology) {
            ("groups", Some(groups)) => {
                let groups: Vec<String> = groups
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .collect();
                match groups.iter().any(String::is_empty) {
                    true => {
                        let right = "names of node groups with commas between";
                        Err(refusal("topology", &groups.join(","), right))
                    }
                    false => Ok(Packing::Groups(groups)),
                }
            }
            ("groups", None) => {
                let right = "of use without `topology`: names of node groups with commas between";
                Err(refusal(name, packing, right))
            }
            ("pack" | "spread" | "memory", Some(groups)) => {
                let right = format!("of use with `packing` = `{packing}`, only with `groups`");
                Err(refusal("topology", groups, &right))
            }
            ("pack", None) => Ok(Packing::Pack),
            ("spread", None) => Ok(Packing::Spread),
            ("memory", None) => Ok(Packing::Memory),
            _ => Err(refusal(
                name,
                packing,
                "`pack`, `spread`, `memory` or `groups`",
            )),
        }
    }

    /// Adds what a policy has to be told of nodes for it.
    pub fn ask(&self, traits: &mut Traits) {
        if let Packing::Groups(_) = self {
            traits.push(("columns".to_owned(), COLUMN_GROUPS.to_owned()));
        }
    }

    /// Ranks of nodes, beside them: the lowest first. None where there is no such order.
    pub(crate) fn ranks(
        &self,
        nodes: &[Node],
        groups: &BTreeMap<NodeId, String>,
    ) -> Option<Vec<u32>> {
        match self {
            Packing::Pack | Packing::Spread => None,
            Packing::Memory => Some(nodes.iter().map(|node| node.memory).collect()),
            Packing::Groups(order) => {
                let rank = |node: &Node| {
                    let of_node = groups.get(&node.id).map_or("", String::as_str);
                    let is_in = |group: &String| of_node.split(',').any(|name| name == group);
                    order.iter().position(is_in).unwrap_or(order.len()) as u32
                };
                Some(nodes.iter().map(rank).collect())
            }
        }
    }

    /// Shares for a job as [`pack`] gives them, of these candidates. `ordered` says that the order of candidates was somebody's wish;
    /// `rank` is what [`Packing::ranks`] said of a position.
    pub(crate) fn place(
        &self,
        shape: Shape,
        (least, most): (u32, u32),
        (candidates, ordered): (&[u32], bool),
        (nodes, free): (&[Node], &[Free]),
        rank: impl Fn(u32) -> u32,
    ) -> Option<Vec<Share>> {
        let of = |candidates: &[u32], least, choice| {
            pack(shape, (least, most), candidates, nodes, free, choice)
        };
        match self {
            Packing::Pack if ordered => of(candidates, least, Choice::InOrder),
            Packing::Pack => of(candidates, least, Choice::Fewest),
            Packing::Spread => of(candidates, least, Choice::Spread),
            Packing::Memory => of(candidates, least, Choice::InOrder),
            Packing::Groups(_) => {
                let mut groups = candidates.chunk_by(|a, b| rank(*a) == rank(*b));
                groups
                    .find_map(|group| of(group, most, Choice::Fewest))
                    .or_else(|| of(candidates, least, Choice::InOrder))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mirror::Mirror,
        pass::Pass,
        policy::{Changes, Column, ColumnValues},
        rows::{JobRow, NodeRow},
    };

    #[test]
    fn settings_that_do_not_fit_are_named() {
        let groups = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned());
            Ok(Packing::Groups(names.collect()))
        };
        assert_eq!(Packing::read(None, None), Ok(Packing::Pack));
        assert_eq!(Packing::read(Some("memory"), None), Ok(Packing::Memory));
        assert_eq!(
            Packing::read(Some("groups"), Some("a, b")),
            groups(&["a", "b"])
        );
        for (packing, topology, said) in [
            (
                Some("tight"),
                None,
                "`pack`, `spread`, `memory` or `groups`",
            ),
            (Some("groups"), None, "`topology`"),
            (Some("groups"), Some("a,,b"), "`a,,b`"),
            (None, Some("a"), "only with `groups`"),
        ] {
            let error = Packing::read(packing, topology).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    /// Cores free, memory, groups of five nodes.
    const NODES: [(u32, u32, &str); 5] = [
        (4, 64, "east,all"),
        (4, 16, "west"),
        (3, 16, "east"),
        (2, 32, "west,all"),
        (4, 8, "all"),
    ];

    /// Where a job of so many cores is put, as (node, cores).
    fn placed(packing: &Packing, set: u32, cores: u32) -> Vec<(u32, u32)> {
        let mut changes = Changes::default();
        for (id, (free_cores, memory, _)) in (0..).zip(NODES) {
            changes.nodes.push(NodeRow {
                free_cores,
                memory,
                ..NodeRow::idle(id, 4)
            });
        }
        changes.columns.push(Column {
            name: COLUMN_GROUPS.to_owned(),
            values: ColumnValues::Texts(NODES.map(|(_, _, groups)| groups.to_owned()).to_vec()),
        });
        changes.push_set(1, &[3, 2, 1, 0]);
        changes.push_job(&JobRow {
            candidates: set,
            ..JobRow::queued(1, cores, 10.0)
        });
        let mut mirror = Mirror::default();
        mirror.set_packing(packing);
        mirror.apply(&changes);
        let mut pass = Pass::new(&mirror, 0.0);
        let shares = mirror.find(1).and_then(|job| pass.fit(job, cores));
        let pairs = |shares: Vec<Share>| shares.iter().map(|s| (s.node, s.cores)).collect();
        shares.map(pairs).unwrap_or_default()
    }

    #[test]
    fn where_jobs_are_put() {
        let groups = Packing::Groups(vec!["west".into(), "east".into()]);
        type Row<'a> = (&'a Packing, u32, u32, &'a [(u32, u32)]);
        let rows: &[Row<'_>] = &[
            (&Packing::Pack, 0, 2, &[(3, 2)]),
            (&Packing::Pack, 0, 6, &[(0, 4), (1, 2)]),
            (&Packing::Pack, 1, 3, &[(2, 3)]),
            (
                &Packing::Spread,
                0,
                5,
                &[(3, 1), (2, 1), (0, 1), (1, 1), (4, 1)],
            ),
            (&Packing::Spread, 1, 2, &[(1, 1), (0, 1)]),
            // 8, 16, 16, 32, 64.
            (&Packing::Memory, 0, 2, &[(4, 2)]),
            (&Packing::Memory, 0, 9, &[(4, 4), (1, 4), (2, 1)]),
            (&Packing::Memory, 1, 4, &[(1, 4)]),
            (&Packing::Memory, 1, 3, &[(2, 3)]),
            // West has 6 cores on nodes 1 and 3, east 7 on 0 and 2; node 4 is in neither.
            (&groups, 0, 2, &[(3, 2)]),
            (&groups, 0, 6, &[(1, 4), (3, 2)]),
            (&groups, 0, 7, &[(0, 4), (2, 3)]),
            (&groups, 0, 8, &[(1, 4), (3, 2), (0, 2)]),
            (&groups, 1, 5, &[(1, 4), (3, 1)]),
        ];
        for (i, (packing, set, cores, expected)) in rows.iter().enumerate() {
            assert_eq!(
                placed(packing, *set, *cores),
                *expected,
                "row {i}: {packing:?}"
            );
        }
    }

    /// The order follows the nodes and the settings.
    #[test]
    fn the_order_follows_what_changes() {
        let mut mirror = Mirror::default();
        mirror.set_packing(&Packing::Memory);
        let tell = |mirror: &mut Mirror, nodes: &[(u32, u32)]| {
            let mut changes = Changes::default();
            for &(id, memory) in nodes {
                changes.nodes.push(NodeRow {
                    memory,
                    ..NodeRow::idle(id, 4)
                });
            }
            mirror.apply(&changes);
        };
        tell(&mut mirror, &[(0, 30), (1, 20)]);
        assert_eq!(mirror.candidates(0), [1, 0]);
        tell(&mut mirror, &[(2, 10)]);
        assert_eq!(mirror.candidates(0), [2, 1, 0]);
        tell(&mut mirror, &[(0, 5)]);
        assert_eq!(mirror.candidates(0), [0, 2, 1]);
        mirror.set_packing(&Packing::Pack);
        assert_eq!(mirror.candidates(0), [0, 1, 2]);
    }
}
