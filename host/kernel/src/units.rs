//! What a job's unit comes to on a node: cores, whole sockets, whole nodes, GPUs.
//!
//! Counts and picks; gives nothing away. Used by validation, by the check of proposals, by dispatch and by the invariants.
//!
//! The cores of a node are spread evenly over its sockets, lowest ids first; where that does not come out even, the last socket
//! has fewer. A GPU is given with a core at least: nothing runs on a GPU alone.

use crate::{CoreSet, Grant, Job, JobShare, Node, NodeId, NodeSpec, State, Unit};

/// So many of what has this plural, which ends in an s: `1 core`, `2 cores`.
pub fn counted(count: u64, plural: &str) -> String {
    match count {
        1 => format!("1 {}", plural.trim_end_matches('s')),
        _ => format!("{count} {plural}"),
    }
}

impl Unit {
    /// As people say it of many: `cores`, `sockets`, `nodes`, `GPUs`.
    pub fn plural(self) -> &'static str {
        match self {
            Unit::Core => "cores",
            Unit::Socket => "sockets",
            Unit::Node => "nodes",
            Unit::Gpu => "GPUs",
        }
    }

    /// So many of them: `1 core`, `2 cores`.
    pub fn count(self, units: u32) -> String {
        counted(units.into(), self.plural())
    }

    /// Units of a node that is idle.
    pub fn of_node(self, spec: &NodeSpec) -> u32 {
        match self {
            Unit::Core => spec.cores,
            Unit::Socket => spec.cores.div_ceil(socket_cores(spec)),
            Unit::Node => 1,
            Unit::Gpu => spec.gpus.min(spec.cores),
        }
    }

    /// Whole units in a part of a node.
    pub fn within(self, spec: &NodeSpec, cores: &CoreSet, gpus: &CoreSet) -> u32 {
        match self {
            Unit::Core => cores.len(),
            Unit::Socket => whole_sockets(spec, cores),
            Unit::Node => u32::from(cores.len() == spec.cores),
            Unit::Gpu => gpus.len().min(cores.len()),
        }
    }
}

/// Cores of a socket; of the last one maybe fewer.
fn socket_cores(spec: &NodeSpec) -> u32 {
    spec.cores.div_ceil(spec.sockets.max(1)).max(1)
}

/// The sockets, by number, that lie wholly in a run of cores.
fn sockets_in(spec: &NodeSpec, (a, b): (u32, u32)) -> std::ops::Range<u32> {
    let each = socket_cores(spec);
    let first = a.div_ceil(each);
    let end = if b == spec.cores {
        spec.cores.div_ceil(each)
    } else {
        b / each
    };
    first..end.max(first)
}

fn whole_sockets(spec: &NodeSpec, cores: &CoreSet) -> u32 {
    let each = |run| sockets_in(spec, run).len() as u32;
    cores.runs().map(each).sum()
}

/// Takes the `count` lowest whole sockets out; all there are if there are fewer.
fn take_sockets(spec: &NodeSpec, cores: &mut CoreSet, count: u32) -> CoreSet {
    let each = socket_cores(spec);
    let sockets = cores.runs().flat_map(|run| sockets_in(spec, run));
    let mut taken = CoreSet::default();
    for socket in sockets.take(count as usize) {
        let first = socket * each;
        taken.put(&CoreSet::span(first, (first + each).min(spec.cores)));
    }
    cores.take(&taken);
    taken
}

/// Cores of an idle part, those of sockets that are in use already first: whole sockets stay whole for whom needs them.
fn cores_of(spec: &NodeSpec, cores: &CoreSet, count: u32) -> CoreSet {
    if spec.sockets <= 1 {
        return cores.lowest(count);
    }
    let mut rest = cores.clone();
    let whole = take_sockets(spec, &mut rest, u32::MAX);
    let mut taken = rest.lowest(count);
    taken.put(&whole.lowest(count - taken.len()));
    taken
}

/// So many cores and GPUs out of what is free there, as whole units; none where that cannot be. The caller knows that so many
/// are free.
pub(crate) fn pick(
    unit: Unit,
    (node, spec): (NodeId, &NodeSpec),
    (free, free_gpus): (&CoreSet, &CoreSet),
    (cores, gpus): (u32, u32),
) -> Option<Grant> {
    let picked = match unit {
        Unit::Core => cores_of(spec, free, cores),
        Unit::Socket => {
            let sockets = cores.div_ceil(socket_cores(spec));
            let picked = take_sockets(spec, &mut free.clone(), sockets);
            // Where the last socket has fewer cores, who only counts them cannot know how many it comes to.
            let enough = whole_sockets(spec, &picked) == sockets && picked.len() <= cores;
            let gpus = free_gpus.lowest(gpus);
            return enough.then_some(Grant {
                node,
                cores: picked,
                gpus,
            });
        }
        Unit::Node if cores == spec.cores => free.clone(),
        Unit::Node => return None,
        Unit::Gpu if gpus == 0 || cores < gpus => return None,
        Unit::Gpu => cores_of(spec, free, cores),
    };
    (picked.len() == cores).then(|| Grant {
        node,
        cores: picked,
        gpus: free_gpus.lowest(gpus),
    })
}

/// Idle units of one node of a job, to put tasks on or to give back.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    node: NodeId,
    spec: &'a NodeSpec,
    unit: Unit,
    cores: CoreSet,
    gpus: CoreSet,
    /// Of a job that counts GPUs: cores that go with each of them.
    gpu_cores: u32,
    units: u32,
    /// No task runs on any of it.
    whole: bool,
}

impl<'a> Room<'a> {
    /// What of a share no task runs on.
    pub(crate) fn of_share(unit: Unit, node: &'a Node, share: &JobShare) -> Room<'a> {
        Room {
            node: node.id,
            spec: &node.spec,
            unit,
            cores: share.free.clone(),
            gpus: share.free_gpus.clone(),
            gpu_cores: share.cores.len() / share.gpus.len().max(1),
            units: unit.within(&node.spec, &share.free, &share.free_gpus),
            whole: share.free == share.cores,
        }
    }

    /// Whether no task runs on what the job has of the node, or was put there.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The node's name.
    pub(crate) fn name(&self) -> &str {
        &self.spec.name
    }

    /// Whether the node is in a group.
    pub(crate) fn is_in(&self, group: &String) -> bool {
        self.spec.groups.contains(group)
    }

    /// How many units are left.
    pub(crate) fn units(&self) -> u32 {
        self.units
    }

    /// Takes up to so many units.
    pub(crate) fn take(&mut self, units: u32) -> Grant {
        let units = units.min(self.units);
        self.whole &= units == 0;
        let none = CoreSet::default;
        let (cores, gpus) = match self.unit {
            Unit::Core => (self.cores.take_lowest(units), none()),
            Unit::Socket => (take_sockets(self.spec, &mut self.cores, units), none()),
            Unit::Node if units == 0 => (none(), none()),
            Unit::Node => (std::mem::take(&mut self.cores), none()),
            Unit::Gpu => {
                // Each GPU that stays keeps a core.
                let most = self.cores.len() - (self.units - units);
                let cores = units.saturating_mul(self.gpu_cores).clamp(units, most);
                (self.cores.take_lowest(cores), self.gpus.take_lowest(units))
            }
        };
        self.units -= units;
        Grant {
            node: self.node,
            cores,
            gpus,
        }
    }
}

impl State {
    /// What a job holds, in its units; nodes that are leaving it count too.
    pub fn units_held(&self, job: &Job) -> u32 {
        self.units_of(job, |_| true)
    }

    /// What a job holds and keeps, in its units: not the nodes that are leaving it.
    pub fn units_kept(&self, job: &Job) -> u32 {
        self.units_of(job, |share| !share.phase.is_leaving())
    }

    fn units_of(&self, job: &Job, counts: impl Fn(&JobShare) -> bool) -> u32 {
        let shares = job.shares.iter().filter(|(_, share)| counts(share));
        shares
            .map(|(node, share)| self.units_of_share(job, *node, share))
            .sum()
    }

    /// What a job holds of one node, in its units.
    pub(crate) fn units_of_share(&self, job: &Job, node: NodeId, share: &JobShare) -> u32 {
        let unit = job.spec.unit;
        match unit {
            Unit::Core => share.cores.len(),
            Unit::Socket | Unit::Node | Unit::Gpu => self
                .node(node)
                .map_or(0, |node| unit.within(&node.spec, &share.cores, &share.gpus)),
        }
    }

    /// How many units of a node are in what a job would be given.
    pub(crate) fn units_granted(&self, job: &Job, node: NodeId, grants: &[Grant]) -> u32 {
        let given = grants.iter().find(|grant| grant.node == node);
        given.map_or(0, |grant| {
            self.units_of_grants(job, std::slice::from_ref(grant))
        })
    }

    /// Units that a job could be given of a node now; 0 where another job's wishes keep it away.
    pub fn free_units(&self, job: &Job, node: &Node) -> u32 {
        let others = node.jobs.iter().any(|&other| other != job.id);
        let closed = node.exclusive.is_some_and(|other| other != job.id);
        if closed || (job.spec.exclusive && others) {
            return 0;
        }
        job.spec
            .unit
            .within(&node.spec, &node.free, &node.free_gpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(cores: u32, sockets: u32, gpus: u32) -> NodeSpec {
        NodeSpec {
            name: "n".into(),
            cores,
            sockets,
            gpus,
            memory_mb: 0,
            groups: Vec::new(),
        }
    }

    fn set(runs: &[(u32, u32)]) -> CoreSet {
        CoreSet::from(runs.to_vec())
    }

    /// Cores and sockets, free runs, whole sockets.
    type Row<'a> = ((u32, u32), &'a [(u32, u32)], u32);

    #[test]
    fn sockets_count_where_they_are_whole() {
        let rows: &[Row<'_>] = &[
            ((8, 2), &[(0, 8)], 2),
            ((8, 2), &[(1, 8)], 1),
            ((8, 2), &[(1, 7)], 0),
            ((8, 2), &[(0, 3), (5, 8)], 0),
            ((8, 4), &[(0, 3), (4, 8)], 3),
            ((9, 4), &[(0, 9)], 3),
            ((10, 4), &[(3, 10)], 3),
            ((10, 4), &[(9, 10)], 1),
            ((1, 1), &[], 0),
        ];
        for &((cores, sockets), runs, whole) in rows {
            let spec = spec(cores, sockets, 0);
            assert_eq!(whole_sockets(&spec, &set(runs)), whole, "{cores}/{sockets}");
        }
        let all = spec(10, 4, 0);
        assert_eq!(Unit::Socket.of_node(&all), 4);
    }

    #[test]
    fn cores_are_taken_from_broken_sockets_first() {
        let spec = spec(8, 2, 0);
        let free = set(&[(1, 8)]);
        assert_eq!(cores_of(&spec, &free, 2), set(&[(1, 3)]));
        assert_eq!(cores_of(&spec, &free, 5), set(&[(1, 6)]));
    }

    #[test]
    fn picks_are_whole_units() {
        let picked = |unit, spec: &NodeSpec, free: &CoreSet, wanted: (u32, u32)| {
            let gpus = CoreSet::first_n(spec.gpus);
            pick(unit, (NodeId(1), spec), (free, &gpus), wanted)
                .map(|grant| (grant.cores, grant.gpus))
        };
        let node = spec(8, 2, 2);
        let (all, none) = (CoreSet::first_n(8), CoreSet::default());
        let sockets = |free: &CoreSet, cores| picked(Unit::Socket, &node, free, (cores, 0));
        assert_eq!(sockets(&all, 4), Some((set(&[(0, 4)]), none.clone())));
        assert_eq!(sockets(&set(&[(1, 8)]), 4), Some((set(&[(4, 8)]), none)));
        assert_eq!(sockets(&all, 5), None, "a socket and a core");
        assert_eq!(sockets(&set(&[(2, 6)]), 4), None, "of two sockets");
        // Sockets of 3, 3, 3 and 1 cores: the second and the last are whole.
        let uneven = spec(10, 4, 0);
        let free = set(&[(1, 6), (9, 10)]);
        let picked_uneven = |cores| picked(Unit::Socket, &uneven, &free, (cores, 0));
        let two = Some((set(&[(3, 6), (9, 10)]), CoreSet::default()));
        assert_eq!(picked_uneven(6), two, "two sockets, as large as they are");
        assert_eq!(picked_uneven(4), two);
        assert_eq!(picked_uneven(7), None, "three");
        assert_eq!(picked(Unit::Node, &node, &all, (7, 0)), None);
        assert!(picked(Unit::Node, &node, &all, (8, 2)).is_some());
        assert_eq!(picked(Unit::Gpu, &node, &all, (4, 0)), None);
        assert_eq!(picked(Unit::Gpu, &node, &all, (1, 2)), None);
        assert!(picked(Unit::Gpu, &node, &all, (2, 2)).is_some());
    }

    #[test]
    fn each_gpu_keeps_a_core() {
        let node = spec(8, 1, 3);
        let mut room = Room {
            node: NodeId(1),
            spec: &node,
            unit: Unit::Gpu,
            cores: CoreSet::first_n(5),
            gpus: CoreSet::first_n(3),
            gpu_cores: 2,
            units: 3,
            whole: true,
        };
        let taken: Vec<u32> = (0..4).map(|_| room.take(1).cores.len()).collect();
        assert_eq!(taken, [2, 2, 1, 0]);
    }
}
