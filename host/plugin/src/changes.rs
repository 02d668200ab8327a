//! The argument of `schedule`: the kernel's changes, taken over without a copy.

use std::mem::MaybeUninit;

use jobyard_kernel::{
    AllocationRow, Changes, Column, ColumnValues, JobId, JobRow, NodeId, NodeRow, SetRow, Share,
};
use wasmtime::ValRaw;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext,
};
use wasmtime::component::{ComponentType, Lower};

use crate::rows::Rows;

/// `changes` of `wit/policy.wit`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct LoweredChanges {
    #[component(name = "removed-jobs")]
    removed_jobs: Rows<JobId>,
    nodes: Rows<NodeRow>,
    sets: Seldom<LoweredSet>,
    jobs: Rows<JobRow>,
    allocations: Rows<AllocationRow>,
    shares: Rows<Share>,
    columns: Seldom<LoweredColumn>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct LoweredSet {
    id: u32,
    nodes: Vec<u32>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct LoweredColumn {
    name: String,
    values: LoweredValues,
}

#[derive(ComponentType, Lower)]
#[component(variant)]
pub(crate) enum LoweredValues {
    #[component(name = "numbers")]
    Numbers(Vec<f64>),
    #[component(name = "texts")]
    Texts(Vec<String>),
}

impl From<Changes> for LoweredChanges {
    fn from(changes: Changes) -> Self {
        let Changes {
            removed_jobs,
            nodes,
            sets,
            jobs,
            allocations,
            shares,
            columns,
        } = changes;
        Self {
            removed_jobs: Rows(removed_jobs),
            nodes: Rows(nodes),
            sets: Seldom(sets.into_iter().map(set).collect()),
            jobs: Rows(jobs),
            allocations: Rows(allocations),
            shares: Rows(shares),
            columns: Seldom(columns.into_iter().map(column).collect()),
        }
    }
}

fn set(SetRow { id, nodes }: SetRow) -> LoweredSet {
    LoweredSet {
        id: id.0,
        nodes: nodes.into_iter().map(|NodeId(id)| id).collect(),
    }
}

fn column(Column { name, values }: Column) -> LoweredColumn {
    let values = match values {
        ColumnValues::Numbers(numbers) => LoweredValues::Numbers(numbers),
        ColumnValues::Texts(texts) => LoweredValues::Texts(texts),
    };
    LoweredColumn { name, values }
}

/// A list that is nearly always empty, and then costs nothing; otherwise it is lowered as any other.
pub(crate) struct Seldom<T>(Vec<T>);

// SAFETY: all of it is what `[T]` says of itself.
unsafe impl<T: ComponentType> ComponentType for Seldom<T> {
    type Lower = <[T] as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <[T] as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <[T] as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: as `[T]` does it, and an empty one as `Rows` does.
unsafe impl<T: Lower> Lower for Seldom<T> {
    fn linear_lower_to_flat<U>(
        &self,
        context: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        place: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        if self.0.is_empty() {
            place.write([ValRaw::i64(T::ALIGN32.into()), ValRaw::i64(0)]);
            return Ok(());
        }
        self.0.as_slice().linear_lower_to_flat(context, ty, place)
    }

    fn linear_lower_to_memory<U>(
        &self,
        context: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        self.0
            .as_slice()
            .linear_lower_to_memory(context, ty, offset)
    }
}
