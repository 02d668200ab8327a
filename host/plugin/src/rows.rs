//! Rows on their way into a guest, written the way it will read them.
//!
//! The generated types would do, but for two things. They lower a record field by field, each with its own look at
//! the memory: 50 ns a job. Rows here are put together first and written many at once: 5 ns. And they ask the guest's allocator
//! for room for each list, also for an empty one. Most lists of a pass are empty. Used by `changes`.

use std::mem::MaybeUninit;

use jobyard_kernel::{AllocationRow, JobId, JobRow, NodeRow, Share};
use wasmtime::ValRaw;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext,
};
use wasmtime::component::{ComponentType, Lower};

/// A row of numbers: in memory it is its fields in their order, little-endian, without gaps.
pub(crate) trait Row: Send + Sync {
    /// The type by the component model's rules.
    type Wire: ComponentType;

    /// Writes rows, one after the other; there is room for them at `address`.
    fn write<U>(rows: &[Self], context: &mut LowerContext<'_, U>, address: usize)
    where
        Self: Sized;
}

/// So many rows are written at a time: each time asks where the memory is and how large.
const BATCH: usize = 16;

/// A list of rows.
pub(crate) struct Rows<R>(pub(crate) Vec<R>);

impl<R: Row> Rows<R> {
    /// Writes the rows where the guest's allocator says: their address and number.
    ///
    /// An empty list asks for nothing; its address is aligned and not null. Guests get the same from Rust's own allocator for
    /// nothing, and no guest reads from or frees an address that it was given with a length of 0.
    fn put<U>(&self, context: &mut LowerContext<'_, U>) -> wasmtime::Result<(usize, usize)> {
        let (size, rows) = (R::Wire::SIZE32, &self.0);
        if rows.is_empty() {
            return Ok((R::Wire::ALIGN32 as usize, 0));
        }
        let bytes = size
            .checked_mul(rows.len())
            .ok_or_else(|| wasmtime::Error::msg("a list is longer than any memory"))?;
        let address = context.realloc(0, 0, R::Wire::ALIGN32, bytes)?;
        R::write(rows, context, address);
        Ok((address, rows.len()))
    }
}

// SAFETY: all of it is what a list of the wire type says of itself.
unsafe impl<R: Row> ComponentType for Rows<R> {
    type Lower = <[R::Wire] as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <[R::Wire] as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <[R::Wire] as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: a list is lowered to its address and its length, in this order, flat or in memory; `realloc` answers an aligned
// place for all of the rows within the memory, and `get` checks bounds.
unsafe impl<R: Row> Lower for Rows<R> {
    fn linear_lower_to_flat<U>(
        &self,
        context: &mut LowerContext<'_, U>,
        _ty: InterfaceType,
        place: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        let (address, length) = self.put(context)?;
        place.write([ValRaw::i64(address as i64), ValRaw::i64(length as i64)]);
        Ok(())
    }

    fn linear_lower_to_memory<U>(
        &self,
        context: &mut LowerContext<'_, U>,
        _ty: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        let (address, length) = self.put(context)?;
        *context.get(offset) = (address as u32).to_le_bytes();
        *context.get(offset + 4) = (length as u32).to_le_bytes();
        Ok(())
    }
}

/// A row's type on the wire, and how it is written: each field with its name in the WIT and its value.
macro_rules! row {
    ($row:ident as $wire:ident: $($field:ident $name:literal $type:ty = $value:expr),+ $(,)?) => {
        #[derive(ComponentType)]
        #[component(record)]
        #[expect(dead_code, reason = "a type to check components against; rows are never made into it")]
        pub(crate) struct $wire {
            $(#[component(name = $name)] $field: $type,)+
        }

        impl Row for $row {
            type Wire = $wire;

            fn write<U>(rows: &[Self], context: &mut LowerContext<'_, U>, address: usize) {
                const SIZE: usize = 0 $(+ size_of::<$type>())+;
                const { assert!(SIZE == $wire::SIZE32, "fields leave gaps") };
                let put = |row: &Self, mut rest: &mut [u8]| {
                    $(
                        let value: $type = $value(row);
                        let (place, others) = rest.split_at_mut(size_of::<$type>());
                        place.copy_from_slice(&value.to_le_bytes());
                        rest = others;
                    )+
                    debug_assert!(rest.is_empty());
                };
                let (batches, last) = rows.as_chunks::<BATCH>();
                let mut at = address;
                for batch in batches {
                    let places: &mut [u8; BATCH * SIZE] = context.get(at);
                    let (places, _) = places.as_chunks_mut::<SIZE>();
                    batch.iter().zip(places).for_each(|(row, place)| put(row, place));
                    at += BATCH * SIZE;
                }
                for row in last {
                    put(row, context.get::<SIZE>(at));
                    at += SIZE;
                }
            }
        }
    };
}

row!(JobRow as WireJob:
    id "id" u32 = |row: &Self| row.id.0,
    flags "flags" u32 = |row: &Self| row.flags,
    priority "priority" u32 = |row: &Self| row.priority,
    unit "unit" u32 = |row: &Self| row.unit,
    min "min" u32 = |row: &Self| row.min,
    max "max" u32 = |row: &Self| row.max,
    demand "demand" u32 = |row: &Self| row.demand,
    candidates "candidates" u32 = |row: &Self| row.candidates.0,
    position "position" f64 = |row: &Self| row.position,
    submitted "submitted" f64 = |row: &Self| row.submitted,
    walltime "walltime" f64 = |row: &Self| row.walltime,
);

row!(AllocationRow as WireAllocation:
    job "job" u32 = |row: &Self| row.job.0,
    state "state" u32 = |row: &Self| row.state,
    demand "demand" u32 = |row: &Self| row.demand,
    share_count "share-count" u32 = |row: &Self| row.share_count,
    started "started" f64 = |row: &Self| row.started,
);

row!(NodeRow as WireNode:
    id "id" u32 = |row: &Self| row.id.0,
    state "state" u32 = |row: &Self| row.state,
    cores "cores" u32 = |row: &Self| row.cores,
    free_cores "free-cores" u32 = |row: &Self| row.free_cores,
    sockets "sockets" u32 = |row: &Self| row.sockets,
    gpus "gpus" u32 = |row: &Self| row.gpus,
    free_gpus "free-gpus" u32 = |row: &Self| row.free_gpus,
    memory "memory" u32 = |row: &Self| row.memory,
);

row!(Share as WireShare:
    node "node" u32 = |row: &Self| row.node.0,
    cores "cores" u32 = |row: &Self| row.cores,
    gpus "gpus" u32 = |row: &Self| row.gpus,
);

impl Row for JobId {
    type Wire = u32;

    fn write<U>(rows: &[Self], context: &mut LowerContext<'_, U>, address: usize) {
        for (at, JobId(id)) in (address..).step_by(4).zip(rows) {
            *context.get(at) = id.to_le_bytes();
        }
    }
}
