//! Memory and stacks of instances that have ended, kept for the next ones: what short work would else spend most of its time on is
//! mapping, faulting in and unmapping the same pages, while the other threads of the process wait for the address space.
//!
//! Not an allocator of instances: wasmtime's on-demand one makes them and asks here for their two large pieces. Called by the engine of
//! node-side components only (`host`).
//!
//! # Why not wasmtime's pooling allocator?
//! A pool has a fixed number of slots with the address space of the largest guest each, made when the engine is made, and refuses the
//! instance that is one too many. Here nothing is made before it is needed, ten thousand waiting instances have ten thousand mappings as
//! before, and no more than [`Spares::new`]'s `kept_max` of each kind are kept when they have ended.
//!
//! # What a guest finds in memory that was used before
//! Zeros: every page that was touched is cleared before the memory is handed out again, and which pages those are is asked of the kernel
//! (`/proc/self/pagemap`), which knows pages that were swapped out, too. Where it does not say, all pages are given back to the system. Stacks
//! are not cleared, as in wasmtime's own pool: compiled code never reads what it has not written.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use wasmtime::{LinearMemory, MemoryCreator, MemoryType, StackCreator, StackMemory};

use crate::limits::WORK_MEMORY_GROWTH_BYTES;
use crate::mapping::{Mapping, whole_pages};

/// A memory with more touched pages than this (1 MiB of 4 KiB each) is not kept: to clear it would cost more than to map another.
const TOUCHED_PAGES_MAX: usize = 256;
/// A memory that has become larger than this is not kept.
const KEPT_BYTES_MAX: usize = 4 << 20;
/// Bytes of one page's entry in `/proc/self/pagemap`.
const ENTRY_BYTES: usize = 8;
/// The page is in memory, or it is swapped out.
const ENTRY_TOUCHED: u64 = 0b11 << 62;

static PAGEMAP: LazyLock<Option<File>> = LazyLock::new(|| File::open("/proc/self/pagemap").ok());

/// What has been kept, of both kinds.
pub(crate) struct Spares {
    memories: Shelf,
    stacks: Shelf,
}

/// Mappings of one kind.
struct Shelf {
    kept: Mutex<Vec<Mapping>>,
    kept_max: usize,
}

/// A guest's memory.
struct GuestMemory {
    spares: Arc<Spares>,
    /// Usable from its beginning. None only while it is dropped.
    mapping: Option<Mapping>,
    /// What the guest has of it.
    bytes: usize,
    /// Bytes beyond the usable ones that stay unusable.
    guard: usize,
}

/// The stack of a guest's fiber.
struct GuestStack {
    spares: Arc<Spares>,
    /// Usable from its second page. None only while it is dropped.
    mapping: Option<Mapping>,
}

impl Spares {
    /// Keeps at most `kept_max` memories and as many stacks.
    pub(crate) fn new(kept_max: usize) -> Arc<Spares> {
        let shelf = || Shelf {
            kept: Mutex::default(),
            kept_max,
        };
        Arc::new(Spares {
            memories: shelf(),
            stacks: shelf(),
        })
    }
}

/// What wasmtime calls.
pub(crate) struct Creator(pub(crate) Arc<Spares>);

// SAFETY: every memory is a mapping of its own, zeroed, with the guard and the capacity that were asked for or more.
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved_size_in_bytes: Option<usize>,
        guard_size_in_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let capacity = reserved_size_in_bytes.unwrap_or(0).max(minimum);
        let make = || {
            let bytes = whole_pages(capacity)?.checked_add(guard_size_in_bytes)?;
            let mut mapping = match self.0.memories.take(bytes) {
                Some(spare) => spare,
                None => Mapping::new(bytes)?,
            };
            mapping.use_first(minimum)?;
            Some(GuestMemory {
                spares: self.0.clone(),
                mapping: Some(mapping),
                bytes: minimum,
                guard: guard_size_in_bytes,
            })
        };
        match make() {
            Some(memory) => Ok(Box::new(memory)),
            None => Err(format!("the system has no {capacity} bytes of memory")),
        }
    }
}

// SAFETY: every stack is a mapping of its own, page aligned, with an unusable page below.
unsafe impl StackCreator for Creator {
    fn new_stack(
        &self,
        size: usize,
        zeroed: bool,
    ) -> Result<Box<dyn StackMemory>, wasmtime::Error> {
        let make = || {
            let page = rustix::param::page_size();
            let bytes = whole_pages(size.max(page))?.checked_add(page)?;
            let spare = self.0.stacks.take(bytes).filter(|_| !zeroed);
            let mapping = match spare {
                Some(spare) => spare,
                None => {
                    let mut mapping = Mapping::new(bytes)?;
                    mapping.make_usable(page..bytes)?;
                    mapping
                }
            };
            Some(GuestStack {
                spares: self.0.clone(),
                mapping: Some(mapping),
            })
        };
        match make() {
            Some(stack) => Ok(Box::new(stack)),
            None => Err(wasmtime::Error::msg(format!(
                "the system has no {size} bytes for a stack"
            ))),
        }
    }
}

// SAFETY: the mapping is this memory's alone, and never smaller or elsewhere than it says.
unsafe impl LinearMemory for GuestMemory {
    fn byte_size(&self) -> usize {
        self.bytes
    }

    fn byte_capacity(&self) -> usize {
        self.mapping().bytes - self.guard
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        let refused = || {
            wasmtime::Error::msg(format!(
                "the system refuses to let a memory grow to {new_size} bytes"
            ))
        };
        if new_size > self.byte_capacity() {
            let ahead = usize::try_from(WORK_MEMORY_GROWTH_BYTES).unwrap_or(0);
            let moved = self.moved(new_size, ahead).ok_or_else(refused)?;
            self.mapping = Some(moved);
        }
        if let Some(mapping) = &mut self.mapping {
            mapping.use_first(new_size).ok_or_else(refused)?;
        }
        self.bytes = new_size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.mapping().base.as_ptr()
    }
}

impl GuestMemory {
    fn mapping(&self) -> &Mapping {
        self.mapping.as_ref().expect("taken only by `drop`")
    }

    /// A larger mapping with the same contents, and room `ahead`.
    fn moved(&self, bytes: usize, ahead: usize) -> Option<Mapping> {
        let capacity = whole_pages(bytes.checked_add(ahead)?)?;
        let mut larger = Mapping::new(capacity.checked_add(self.guard)?)?;
        larger.use_first(bytes)?;
        // SAFETY: `self.bytes` bytes are usable in both, and they are two mappings.
        unsafe {
            self.as_ptr()
                .copy_to_nonoverlapping(larger.base.as_ptr(), self.bytes);
        }
        Some(larger)
    }
}

impl Drop for GuestMemory {
    fn drop(&mut self) {
        if let Some(mut mapping) = self.mapping.take()
            && mapping.usable.end <= KEPT_BYTES_MAX
            && mapping.clear()
        {
            self.spares.memories.put(mapping);
        }
    }
}

// SAFETY: the mapping is this stack's alone; its first page is never usable.
unsafe impl StackMemory for GuestStack {
    fn top(&self) -> *mut u8 {
        let mapping = self.mapping();
        mapping.base.as_ptr().wrapping_add(mapping.bytes)
    }

    fn range(&self) -> Range<usize> {
        let mapping = self.mapping();
        let base = mapping.base.as_ptr().addr();
        base + mapping.usable.start..base + mapping.usable.end
    }

    fn guard_range(&self) -> Range<*mut u8> {
        let mapping = self.mapping();
        let base = mapping.base.as_ptr();
        base..base.wrapping_add(mapping.usable.start)
    }
}

impl GuestStack {
    fn mapping(&self) -> &Mapping {
        self.mapping.as_ref().expect("taken only by `drop`")
    }
}

impl Drop for GuestStack {
    fn drop(&mut self) {
        if let Some(mapping) = self.mapping.take() {
            self.spares.stacks.put(mapping);
        }
    }
}

impl Shelf {
    /// One of exactly this size.
    fn take(&self, bytes: usize) -> Option<Mapping> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = kept.iter().rposition(|mapping| mapping.bytes == bytes)?;
        Some(kept.swap_remove(fits))
    }

    fn put(&self, mapping: Mapping) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < self.kept_max {
            kept.push(mapping);
        }
    }
}

impl Mapping {
    /// Makes all of it zero. False when it is not worth keeping.
    fn clear(&mut self) -> bool {
        match self.touched_pages() {
            Some(pages) if pages.len() > TOUCHED_PAGES_MAX => false,
            Some(pages) => {
                let page = rustix::param::page_size();
                for nth in pages {
                    // SAFETY: the page is one of the usable ones, and nobody else has this mapping.
                    unsafe { self.base.as_ptr().add(nth * page).write_bytes(0, page) };
                }
                true
            }
            None => self.give_back(),
        }
    }

    /// Which of the usable pages were ever touched since they were mapped; none when the system does not say.
    fn touched_pages(&self) -> Option<Vec<usize>> {
        let page = rustix::param::page_size();
        let mut entries = vec![0; self.usable.end / page * ENTRY_BYTES];
        let first = self.base.as_ptr().addr() / page * ENTRY_BYTES;
        let pagemap = PAGEMAP.as_ref()?;
        pagemap.read_exact_at(&mut entries, first as u64).ok()?;
        let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
        let touched = |entry: &[u8; ENTRY_BYTES]| u64::from_ne_bytes(*entry) & ENTRY_TOUCHED != 0;
        let pages = entries.iter().enumerate();
        Some(
            pages
                .filter(|(_, entry)| touched(entry))
                .map(|(nth, _)| nth)
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 64 << 10;

    fn memory(spares: &Arc<Spares>, pages: usize) -> Box<dyn LinearMemory> {
        let ty = MemoryType::new(1, None);
        Creator(spares.clone())
            .new_memory(ty, pages * PAGE, None, Some(16 * PAGE), 0)
            .unwrap()
    }

    fn bytes(memory: &mut dyn LinearMemory) -> &mut [u8] {
        // SAFETY: so many bytes are usable, and each test has its memories for itself.
        unsafe { std::slice::from_raw_parts_mut(memory.as_ptr(), memory.byte_size()) }
    }

    fn kept(shelf: &Shelf) -> usize {
        shelf.kept.lock().unwrap().len()
    }

    #[test]
    fn memory_that_was_used_before_is_zero() {
        let spares = Spares::new(1);
        let mut first = memory(&spares, 8);
        let place = first.as_ptr().addr();
        bytes(&mut *first)[3] = 1;
        bytes(&mut *first)[5 * PAGE..5 * PAGE + 9000].fill(7);
        *bytes(&mut *first).last_mut().unwrap() = 9;
        drop(first);
        let mut second = memory(&spares, 1);
        assert_eq!(second.as_ptr().addr(), place, "it is the same");
        assert_eq!(second.byte_size(), PAGE);
        second.grow_to(16 * PAGE).unwrap();
        assert_eq!(second.as_ptr().addr(), place);
        assert!(bytes(&mut *second).iter().all(|&byte| byte == 0));
    }

    #[test]
    fn without_a_pagemap_memory_is_zero_too() {
        let mut mapping = Mapping::new(4 * PAGE).unwrap();
        mapping.use_first(PAGE).unwrap();
        // SAFETY: the first page is usable.
        unsafe { mapping.base.as_ptr().write(1) };
        assert!(mapping.give_back());
        // SAFETY: as above.
        assert_eq!(unsafe { mapping.base.as_ptr().read() }, 0);
    }

    #[test]
    fn memory_that_outgrows_its_place_moves_with_what_is_in_it() {
        let spares = Spares::new(1);
        let mut memory = memory(&spares, 1);
        bytes(&mut *memory)[5] = 5;
        assert_eq!(memory.byte_capacity(), 16 * PAGE);
        memory.grow_to(100 * PAGE).unwrap();
        assert!(memory.byte_capacity() >= 100 * PAGE);
        let all = bytes(&mut *memory);
        assert_eq!((all.len(), all[5]), (100 * PAGE, 5));
        assert!(all[PAGE..].iter().all(|&byte| byte == 0));
        memory.grow_to(usize::MAX / 2).unwrap_err();
        assert_eq!(bytes(&mut *memory)[5], 5);
        drop(memory);
        assert_eq!(kept(&spares.memories), 0, "too large to be kept");
    }

    #[test]
    fn few_are_kept_and_only_small_ones() {
        let spares = Spares::new(2);
        let many: Vec<_> = (0..5).map(|_| memory(&spares, 1)).collect();
        drop(many);
        assert_eq!(kept(&spares.memories), 2);
        let mut full = memory(&spares, 17);
        bytes(&mut *full).fill(1);
        drop(full);
        assert_eq!(kept(&spares.memories), 2, "much of it was touched");
        let creator = Creator(spares.clone());
        let stacks: Vec<_> = (0..5)
            .map(|_| creator.new_stack(100_000, false).unwrap())
            .collect();
        for stack in &stacks {
            assert_eq!(stack.top().addr(), stack.range().end);
            assert_eq!(stack.guard_range().end.addr(), stack.range().start);
            assert!(stack.range().len() >= 100_000);
        }
        drop(stacks);
        assert_eq!(kept(&spares.stacks), 2);
    }
}
