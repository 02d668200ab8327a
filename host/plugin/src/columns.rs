//! The argument of `schedule` on its way into a guest: the kernel's columns, taken over without a copy.
//!
//! The generated types would do, but for one thing. A pass after a small change sends 35 lists, most of them
//! empty, and asks the guest's allocator for each: an empty pass took 1.75 µs that way, and 0.75 µs since [`Column`] does
//! not ask when there is nothing to put down.

use std::mem::MaybeUninit;

use jobyard_kernel::{Changes, JobColumns, JobId, NodeColumns, NodeId, SetColumns, SetId};
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext,
};
use wasmtime::component::{ComponentType, Lower};

/// A list that is lowered like any other, but that costs the guest no allocation when it is empty.
pub(crate) struct Column<T>(Vec<T>);

/// `changes` of `wit/policy.wit`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct LoweredChanges {
    #[component(name = "removed-jobs")]
    removed_jobs: Column<u32>,
    #[component(name = "removed-nodes")]
    removed_nodes: Column<u32>,
    #[component(name = "removed-sets")]
    removed_sets: Column<u32>,
    jobs: LoweredJobs,
    nodes: LoweredNodes,
    sets: LoweredSets,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct LoweredJobs {
    id: Column<u32>,
    state: Column<u8>,
    flags: Column<u32>,
    priority: Column<u32>,
    position: Column<f64>,
    submitted: Column<f64>,
    started: Column<f64>,
    walltime: Column<f64>,
    unit: Column<u8>,
    min: Column<u32>,
    max: Column<u32>,
    demand: Column<u32>,
    candidates: Column<u32>,
    #[component(name = "share-count")]
    share_count: Column<u32>,
    #[component(name = "share-node")]
    share_node: Column<u32>,
    #[component(name = "share-cores")]
    share_cores: Column<u32>,
    #[component(name = "share-gpus")]
    share_gpus: Column<u32>,
    numbers: Column<(String, Vec<f64>)>,
    texts: Column<(String, Vec<String>)>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct LoweredNodes {
    id: Column<u32>,
    state: Column<u8>,
    cores: Column<u32>,
    #[component(name = "free-cores")]
    free_cores: Column<u32>,
    sockets: Column<u32>,
    gpus: Column<u32>,
    #[component(name = "free-gpus")]
    free_gpus: Column<u32>,
    memory: Column<f64>,
    numbers: Column<(String, Vec<f64>)>,
    texts: Column<(String, Vec<String>)>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct LoweredSets {
    id: Column<u32>,
    #[component(name = "node-count")]
    node_count: Column<u32>,
    node: Column<u32>,
}

impl From<Changes> for LoweredChanges {
    fn from(changes: Changes) -> Self {
        let Changes {
            removed_jobs,
            removed_nodes,
            removed_sets,
            jobs,
            nodes,
            sets,
        } = changes;
        Self {
            removed_jobs: job_ids(removed_jobs),
            removed_nodes: node_ids(removed_nodes),
            removed_sets: set_ids(removed_sets),
            jobs: jobs.into(),
            nodes: nodes.into(),
            sets: sets.into(),
        }
    }
}

impl From<JobColumns> for LoweredJobs {
    fn from(jobs: JobColumns) -> Self {
        Self {
            id: job_ids(jobs.id),
            state: Column(jobs.state),
            flags: Column(jobs.flags),
            priority: Column(jobs.priority),
            position: Column(jobs.position),
            submitted: Column(jobs.submitted),
            started: Column(jobs.started),
            walltime: Column(jobs.walltime),
            unit: Column(jobs.unit),
            min: Column(jobs.min),
            max: Column(jobs.max),
            demand: Column(jobs.demand),
            candidates: set_ids(jobs.candidates),
            share_count: Column(jobs.share_count),
            share_node: node_ids(jobs.share_node),
            share_cores: Column(jobs.share_cores),
            share_gpus: Column(jobs.share_gpus),
            numbers: Column(jobs.numbers),
            texts: Column(jobs.texts),
        }
    }
}

impl From<NodeColumns> for LoweredNodes {
    fn from(nodes: NodeColumns) -> Self {
        Self {
            id: node_ids(nodes.id),
            state: Column(nodes.state),
            cores: Column(nodes.cores),
            free_cores: Column(nodes.free_cores),
            sockets: Column(nodes.sockets),
            gpus: Column(nodes.gpus),
            free_gpus: Column(nodes.free_gpus),
            memory: Column(nodes.memory),
            numbers: Column(nodes.numbers),
            texts: Column(nodes.texts),
        }
    }
}

impl From<SetColumns> for LoweredSets {
    fn from(sets: SetColumns) -> Self {
        Self {
            id: set_ids(sets.id),
            node_count: Column(sets.node_count),
            node: node_ids(sets.node),
        }
    }
}

// An id is a number in a coat: collecting a vector of one into a vector of the other reuses the allocation.

fn job_ids(ids: Vec<JobId>) -> Column<u32> {
    Column(ids.into_iter().map(|JobId(id)| id).collect())
}

fn node_ids(ids: Vec<NodeId>) -> Column<u32> {
    Column(ids.into_iter().map(|NodeId(id)| id).collect())
}

fn set_ids(ids: Vec<SetId>) -> Column<u32> {
    Column(ids.into_iter().map(|SetId(id)| id).collect())
}

// SAFETY: all of it is what `[T]` says of itself, and `Column` is lowered as `[T]` is.
unsafe impl<T: ComponentType> ComponentType for Column<T> {
    type Lower = <[T] as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <[T] as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <[T] as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: `[T]` does the lowering, but for an empty list in memory, which is written as the pair that the
// ABI has in its place, both little-endian: an address that is aligned and not null, and a length of 0. `get` checks that
// the place is in bounds. Guests get the same address from
// Rust's own allocator for nothing, and no guest reads from or frees an address that it was given with a length of 0.
unsafe impl<T: Lower> Lower for Column<T> {
    fn linear_lower_to_flat<U>(
        &self,
        context: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        place: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        self.0.as_slice().linear_lower_to_flat(context, ty, place)
    }

    fn linear_lower_to_memory<U>(
        &self,
        context: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        if !self.0.is_empty() {
            return self
                .0
                .as_slice()
                .linear_lower_to_memory(context, ty, offset);
        }
        let pair = u64::from(T::ALIGN32); // the length is the upper half
        *context.get(offset) = pair.to_le_bytes();
        Ok(())
    }
}
