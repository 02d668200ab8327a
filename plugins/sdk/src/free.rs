//! What is free on the nodes, kept up with them: a pass begins with a copy of it instead of a walk over all nodes.
//!
//! Used by `mirror`, which tells it of every change, and read by `pass`.

use crate::{mirror::Node, pack::Free};

/// What is free by the host's last word, node by node and in all.
#[derive(Debug, Clone, Default)]
pub(crate) struct FreeNow {
    /// Beside the mirror's nodes.
    each: Vec<Free>,
    /// Ascending: the positions of the nodes that have a free core.
    open: Vec<u32>,
    cores: u64,
    idle_cores: u64,
    closed: usize,
}

impl FreeNow {
    /// Takes all nodes: some came or went.
    pub(crate) fn recount(&mut self, nodes: &[Node]) {
        *self = FreeNow {
            each: nodes.iter().map(Free::of).collect(),
            ..FreeNow::default()
        };
        let open = (0..).zip(&self.each).filter(|(_, free)| free.cores > 0);
        self.open = open.map(|(at, _)| at).collect();
        nodes.iter().for_each(|node| self.add(node));
    }

    /// Takes note that the node at a position is not as it was.
    pub(crate) fn replace(&mut self, at: usize, old: &Node, new: &Node) {
        self.cores -= u64::from(Free::of(old).cores);
        self.idle_cores -= u64::from(Free::idle(old).cores);
        self.closed -= usize::from(!old.usable);
        self.add(new);
        self.each[at] = Free::of(new);
        match (
            self.open.binary_search(&(at as u32)),
            self.each[at].cores > 0,
        ) {
            (Ok(place), false) => {
                self.open.remove(place);
            }
            (Err(place), true) => self.open.insert(place, at as u32),
            (Ok(_), true) | (Err(_), false) => {}
        }
    }

    fn add(&mut self, node: &Node) {
        self.cores += u64::from(Free::of(node).cores);
        self.idle_cores += u64::from(Free::idle(node).cores);
        self.closed += usize::from(!node.usable);
    }

    /// What is free of each node, by position.
    pub(crate) fn each(&self) -> &[Free] {
        &self.each
    }

    /// The positions of the nodes that have a free core, ascending: no job can be given anything of the others.
    pub(crate) fn open(&self) -> &[u32] {
        &self.open
    }

    /// Free cores in all.
    pub(crate) fn cores(&self) -> u32 {
        u32::try_from(self.cores).unwrap_or(u32::MAX)
    }

    /// Cores that would be free if nothing ran.
    pub(crate) fn idle_cores(&self) -> u32 {
        u32::try_from(self.idle_cores).unwrap_or(u32::MAX)
    }

    /// Whether any node takes no jobs.
    pub(crate) fn any_closed(&self) -> bool {
        self.closed > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_by_one_is_as_all_at_once() {
        let node = |id: u32| Node {
            id,
            usable: !id.is_multiple_of(3),
            cores: 4 + id % 5,
            sockets: 1,
            gpus: id % 2,
            free_cores: id % 4,
            free_sockets: 0,
            free_gpus: 0,
            memory: 0,
        };
        let mut nodes: Vec<Node> = (0..30).map(node).collect();
        let mut kept = FreeNow::default();
        kept.recount(&nodes);
        for at in [3, 7, 29, 3, 0] {
            let new = node(at as u32 * 7 + 1);
            kept.replace(at, &nodes[at], &new);
            nodes[at] = new;
            let mut counted = FreeNow::default();
            counted.recount(&nodes);
            assert_eq!((kept.each(), kept.open()), (counted.each(), counted.open()));
            let all = |free: &FreeNow| (free.cores(), free.idle_cores(), free.closed);
            assert_eq!(all(&kept), all(&counted));
        }
        assert!(kept.any_closed());
    }
}
