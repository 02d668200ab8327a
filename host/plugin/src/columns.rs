//! The argument of `schedule` on its way into a guest: the kernel's columns, taken over without a copy.
//!
//! The generated types would do, but for one thing. A pass after a small change sends 35 lists, most of them
//! empty, and asks the guest's allocator for each: an empty pass took 1.75 µs that way, and takes 0.7 µs now that
//! it is not asked when there is nothing to put down and that the record is written as a whole.

use std::mem::MaybeUninit;

use jobyard_kernel::{Changes, JobColumns, JobId, NodeColumns, NodeId, SetColumns, SetId};
use wasmtime::ValRaw;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext,
};
use wasmtime::component::{ComponentType, Lower};

/// A list that has the type of any other.
pub(crate) struct Column<T>(Vec<T>);

/// `changes` of `wit/policy.wit`.
#[derive(ComponentType)]
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

#[derive(ComponentType)]
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

#[derive(ComponentType)]
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

#[derive(ComponentType)]
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

// SAFETY: all of it is what `[T]` says of itself.
unsafe impl<T: ComponentType> ComponentType for Column<T> {
    type Lower = <[T] as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <[T] as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <[T] as ComponentType>::typecheck(ty, types)
    }
}

/// Lists in all.
const LISTS: usize = 35;
/// Bytes of one list in a record: address and length.
const PAIR: usize = 8;
const _: () = assert!(LoweredChanges::SIZE32 == LISTS * PAIR);

// SAFETY: in memory the record is nothing but its lists, each as the pair of numbers that the ABI has for it, in the order of
// the WIT, without gaps (checked above); `get` checks that the place is in bounds. As flat values it is never asked
// for: 70 are more than the ABI passes that way.
unsafe impl Lower for LoweredChanges {
    fn linear_lower_to_flat<U>(
        &self,
        _context: &mut LowerContext<'_, U>,
        _ty: InterfaceType,
        _place: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        Err(wasmtime::Error::msg("`changes` are passed in memory"))
    }

    fn linear_lower_to_memory<U>(
        &self,
        context: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        let mut pairs = Pairs {
            context,
            bytes: [0; _],
            filled: 0,
        };
        let Self {
            removed_jobs,
            removed_nodes,
            removed_sets,
            jobs,
            nodes,
            sets,
        } = self;
        pairs.put(ty, 0, removed_jobs)?;
        pairs.put(ty, 1, removed_nodes)?;
        pairs.put(ty, 2, removed_sets)?;
        jobs.put(&mut pairs, ty, 3)?;
        nodes.put(&mut pairs, ty, 4)?;
        sets.put(&mut pairs, ty, 5)?;
        let Pairs { bytes, filled, .. } = pairs;
        assert_eq!(filled, bytes.len(), "a list was forgotten");
        *context.get(offset) = bytes;
        Ok(())
    }
}

/// The record on its way.
struct Pairs<'a, 'b, U: 'static> {
    context: &'a mut LowerContext<'b, U>,
    bytes: [u8; LISTS * PAIR],
    filled: usize,
}

impl<U> Pairs<'_, '_, U> {
    /// The type of a field of a record type.
    fn field(&self, ty: InterfaceType, field: usize) -> wasmtime::Result<InterfaceType> {
        let InterfaceType::Record(record) = ty else {
            return Err(wasmtime::Error::msg("`changes` holds records of lists"));
        };
        let fields = &self.context.types[record].fields;
        let missing = || wasmtime::Error::msg("`changes` has fewer fields than it was checked for");
        fields.get(field).map(|field| field.ty).ok_or_else(missing)
    }

    /// Puts the next list down: its elements where the guest's allocator says, its pair into the record.
    ///
    /// An empty one asks for nothing; its address is aligned and not null. Guests get the same from Rust's own allocator for
    /// nothing, and no guest reads from or frees an address that it was given with a length of 0.
    fn put<T: Lower>(
        &mut self,
        record: InterfaceType,
        field: usize,
        list: &Column<T>,
    ) -> wasmtime::Result<()> {
        let (address, length) = if list.0.is_empty() {
            (T::ALIGN32, 0)
        } else {
            let ty = self.field(record, field)?;
            let mut flat = MaybeUninit::<[ValRaw; 2]>::uninit();
            list.0
                .as_slice()
                .linear_lower_to_flat(self.context, ty, &mut flat)?;
            // SAFETY: lowering that succeeded wrote both.
            let [address, length] = unsafe { flat.assume_init() };
            (address.get_u32(), length.get_u32())
        };
        let pair = u64::from(length) << 32 | u64::from(address);
        self.bytes[self.filled..][..PAIR].copy_from_slice(&pair.to_le_bytes());
        self.filled += PAIR;
        Ok(())
    }
}

/// Puts the lists of a record of lists down, in the order of the WIT.
macro_rules! put_all {
    ($record:ident: $($field:ident)*) => {
        impl $record {
            fn put<U>(
                &self,
                pairs: &mut Pairs<'_, '_, U>,
                changes: InterfaceType,
                field: usize,
            ) -> wasmtime::Result<()> {
                let Self { $($field),* } = self;
                let ty = pairs.field(changes, field)?;
                let mut place = 0..;
                $(pairs.put(ty, place.next().unwrap_or_default(), $field)?;)*
                Ok(())
            }
        }
    };
}

put_all!(LoweredJobs: id state flags priority position submitted started walltime unit min max demand candidates
    share_count share_node share_cores share_gpus numbers texts);
put_all!(LoweredNodes: id state cores free_cores sockets gpus free_gpus memory numbers texts);
put_all!(LoweredSets: id node_count node);
