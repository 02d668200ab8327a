//! Memory of policies: whole in the address space, and there before it is touched.
//!
//! A policy that sees a cluster for the first time fills megabytes at once. Bringing them page by page, as they are touched, was a third
//! of the time of such a pass; here the system brings a growth as a whole, and in large pages where it can. Called by the engine of
//! policies only (`host`).

use rustix::mm::Advice;
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use crate::mapping::Mapping;

/// How large pages are aligned.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// A growth of more than this is not brought at once: a guest may ask for a hundred megabytes and never touch them.
const POPULATED_BYTES_MAX: usize = 2 * HUGE_PAGE_BYTES;

/// What is brought of the memory that a guest begins with.
const BEGINNING_BYTES: usize = 256 << 10;

/// What wasmtime calls.
pub(crate) struct Creator;

/// A policy's memory. It never moves.
struct PolicyMemory {
    mapping: Mapping,
    /// Where it begins in the mapping; unusable before.
    begin: usize,
    bytes: usize,
    /// What it may become.
    capacity: usize,
}

// SAFETY: every memory is a new mapping, so it is zeroed, and all of it beyond `bytes` stays unusable: that is the capacity
// that was asked for and the guard at least.
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
        let refused = || format!("the system has no {capacity} bytes of address space");
        let bytes = capacity
            .checked_add(guard_size_in_bytes)
            .and_then(|bytes| bytes.checked_add(2 * HUGE_PAGE_BYTES))
            .ok_or_else(refused)?;
        let mapping = Mapping::new(bytes).ok_or_else(refused)?;
        let first = mapping.base.as_ptr().addr();
        let mut memory = PolicyMemory {
            // At least a page before it is never usable.
            begin: (first + 1).next_multiple_of(HUGE_PAGE_BYTES) - first,
            mapping,
            bytes: 0,
            capacity,
        };
        memory.advise(0..capacity, Advice::LinuxHugepage);
        memory.use_first(minimum).ok_or_else(refused)?;
        // A guest begins with a stack, of which it uses the end, and its data.
        let used = minimum.saturating_sub(BEGINNING_BYTES)..minimum;
        memory.advise(used, Advice::LinuxPopulateWrite);
        Ok(Box::new(memory))
    }
}

impl PolicyMemory {
    /// Makes it that large, if it is smaller.
    fn use_first(&mut self, bytes: usize) -> Option<()> {
        if bytes > self.capacity {
            return None;
        }
        if bytes > self.bytes {
            let part = self.begin + self.bytes..self.begin + bytes;
            self.mapping.make_usable(part)?;
            self.bytes = bytes;
        }
        Some(())
    }

    /// Advice makes things faster, if the system takes it.
    fn advise(&self, part: std::ops::Range<usize>, advice: Advice) {
        // SAFETY: the part lies in this mapping, and neither advice changes what is in it.
        unsafe {
            let start = self.as_ptr().add(part.start);
            let _ = rustix::mm::madvise(start.cast(), part.len(), advice);
        }
    }
}

// SAFETY: the mapping is this memory's alone; its usable bytes are those that it says, from the same place on for ever.
unsafe impl LinearMemory for PolicyMemory {
    fn byte_size(&self) -> usize {
        self.bytes
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        let more = self.bytes..new_size.max(self.bytes);
        self.use_first(new_size).ok_or_else(|| {
            let text = format!("the system refuses to let a memory grow to {new_size} bytes");
            wasmtime::Error::msg(text)
        })?;
        // What is larger is large pages for the most part, as it is touched, if it is.
        if more.len() <= POPULATED_BYTES_MAX {
            self.advise(more, Advice::LinuxPopulateWrite);
        }
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.mapping.base.as_ptr().wrapping_add(self.begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 64 << 10;

    fn memory(minimum: usize, capacity: usize) -> Box<dyn LinearMemory> {
        let ty = MemoryType::new(1, None);
        let memory = Creator.new_memory(ty, minimum, None, Some(capacity), PAGE);
        memory.expect("address space")
    }

    fn bytes(memory: &mut dyn LinearMemory) -> &mut [u8] {
        // SAFETY: so many bytes are usable, and each test has its memories for itself.
        unsafe { std::slice::from_raw_parts_mut(memory.as_ptr(), memory.byte_size()) }
    }

    #[test]
    fn memory_grows_in_place_with_zeros_up_to_its_capacity() {
        let mut memory = memory(PAGE, 100 * PAGE);
        let place = memory.as_ptr().addr();
        assert_eq!(place % HUGE_PAGE_BYTES, 0);
        bytes(&mut *memory)[5] = 5;
        for pages in [2, 2, 40, 100] {
            memory.grow_to(pages * PAGE).expect("within its capacity");
        }
        memory.grow_to(101 * PAGE).expect_err("beyond it");
        assert_eq!(memory.as_ptr().addr(), place);
        let all = bytes(&mut *memory);
        assert_eq!((all.len(), all[5]), (100 * PAGE, 5));
        assert!(all[6..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn what_is_never_touched_of_a_large_memory_is_not_brought() {
        let resident = || {
            let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
            let nth = pages.split(' ').nth(1).expect("a second field");
            nth.parse::<usize>().expect("a number") * rustix::param::page_size()
        };
        let before = resident();
        let memory = memory(4096 * PAGE, 4096 * PAGE);
        assert_eq!(memory.byte_size(), 256 << 20);
        assert!(resident() < before + (128 << 20));
    }

    #[test]
    fn a_memory_may_be_empty() {
        let mut memory = memory(0, 0);
        assert_eq!((memory.byte_size(), memory.byte_capacity()), (0, 0));
        memory.grow_to(PAGE).expect_err("it has no capacity");
        assert!(bytes(&mut *memory).is_empty());
    }
}
