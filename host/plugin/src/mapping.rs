//! A part of the address space that guests get memory or a stack from: reserved as a whole, made usable from its beginning.
//!
//! Knows nothing of wasmtime. Used by the creators of memory, [`crate::work::spare`] and [`crate::policy_memory`].

use std::ops::Range;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

/// A part of the address space, of which a part can be used. Unmapped when dropped.
pub(crate) struct Mapping {
    pub(crate) base: NonNull<u8>,
    pub(crate) bytes: usize,
    pub(crate) usable: Range<usize>,
}

// SAFETY: a mapping belongs to one owner, and is used through it only.
unsafe impl Send for Mapping {}
// SAFETY: through a shared reference nothing but its place can be seen.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Address space of which nothing can be used yet; `bytes` are whole pages.
    pub(crate) fn new(bytes: usize) -> Option<Mapping> {
        // SAFETY: an anonymous mapping at a place that the system chooses touches nothing that is there.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::empty(),
                MapFlags::PRIVATE,
            )
        };
        Some(Mapping {
            base: NonNull::new(base.ok()?.cast())?,
            bytes,
            usable: 0..0,
        })
    }

    /// Makes at least the first `bytes` usable.
    pub(crate) fn use_first(&mut self, bytes: usize) -> Option<()> {
        let end = whole_pages(bytes)?;
        if end > self.usable.end {
            self.make_usable(self.usable.end..end)?;
            self.usable.start = 0;
        }
        Some(())
    }

    /// Makes a part usable that follows what is, or the first.
    pub(crate) fn make_usable(&mut self, part: Range<usize>) -> Option<()> {
        assert!(
            part.end <= self.bytes,
            "{part:?} of a mapping of {}",
            self.bytes
        );
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the part lies in this mapping, where nobody relies on its being unusable.
        unsafe {
            let start = self.base.as_ptr().add(part.start);
            rustix::mm::mprotect(start.cast(), part.len(), access).ok()?;
        }
        self.usable = part;
        Some(())
    }

    /// Gives the usable pages back to the system, which makes new ones of zeros when they are needed.
    pub(crate) fn give_back(&mut self) -> bool {
        let (start, bytes) = (self.base.as_ptr(), self.usable.end);
        // SAFETY: nobody else has this mapping, and what is in it is not needed any more.
        unsafe { rustix::mm::madvise(start.cast(), bytes, Advice::LinuxDontNeed).is_ok() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's, and goes with it.
        let unmapped = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok());
    }
}

pub(crate) fn whole_pages(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(rustix::param::page_size())
}
