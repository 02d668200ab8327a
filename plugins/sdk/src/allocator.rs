//! The components' memory: free lists for small blocks in front of the standard library's allocator.
//!
//! Why an own one? A pass is told of a change in some thirty lists, each allocated by a call of the host into the
//! component and freed after it: the standard allocator for wasm is made for little code, not for speed, and was a
//! third of what a pass over a short queue costs. Every deallocation knows its size, so a block needs no header and a
//! list for each size is all there is to it.
//!
//! Only in components, which have one thread. What was a small block stays one of its size: memory follows the highest
//! use, and a component ends with its instance.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::UnsafeCell,
    ptr::null_mut,
};

/// Sizes are rounded up to multiples of this, which is also how blocks are aligned.
const STEP: usize = 16;
/// Larger blocks are the standard allocator's.
const SMALL_MAX: usize = 512;
/// Small blocks are cut from pieces of this size.
const PIECE: usize = 16 * 1024;

/// Bytes of a page of memory.
const PAGE: usize = 64 * 1024;
/// The host has large pages of this size for memory that grows by whole ones.
const LARGE_PAGE: usize = 2 * 1024 * 1024;
/// Memory from which on each growth is followed by another, and by how much at most.
const AHEAD_FROM: usize = LARGE_PAGE - 2 * PAGE;
const AHEAD_MAX: usize = 16 * LARGE_PAGE;

#[global_allocator]
static ALLOCATOR: FreeLists = FreeLists(UnsafeCell::new(Lists {
    free: [null_mut(); SMALL_MAX / STEP],
    piece: null_mut(),
    left: 0,
    bytes: 0,
}));

struct FreeLists(UnsafeCell<Lists>);

struct Lists {
    /// By size: the first free block, which begins with a pointer to the next.
    free: [*mut u8; SMALL_MAX / STEP],
    /// What is left of the piece that blocks are cut from.
    piece: *mut u8,
    left: usize,
    /// Bytes of memory when it last grew ahead.
    bytes: usize,
}

// SAFETY: wasm32-unknown-unknown components have one thread, so nothing is ever shared between two.
unsafe impl Sync for FreeLists {}

/// Index of the list of blocks for a layout; none for what is not small.
#[inline(always)]
fn class(layout: Layout) -> Option<usize> {
    let small = layout.size().wrapping_sub(1) < SMALL_MAX && layout.align() <= STEP;
    small.then(|| (layout.size() - 1) / STEP)
}

// SAFETY: a small block is cut once from a piece that System gave and that is never given back, is aligned to STEP since
// pieces and sizes are, and is on its free list exactly while nobody holds it. Others are System's from beginning to end:
// the layout that decides is the same in `alloc` and `dealloc`, and `realloc` keeps to one side.
unsafe impl GlobalAlloc for FreeLists {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            // SAFETY: the caller's promise is handed on.
            return unsafe { large(|| System.alloc(layout)) };
        };
        // SAFETY: one thread, and nothing below calls back into this allocator.
        let lists = unsafe { &mut *self.0.get() };
        let block = lists.free[class];
        if block.is_null() {
            return cut(lists, (class + 1) * STEP);
        }
        // SAFETY: a block on a free list begins with the pointer that `dealloc` wrote.
        lists.free[class] = unsafe { block.cast::<*mut u8>().read() };
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class(layout) else {
            // SAFETY: the caller's promise is handed on; System gave this block, as its layout says.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: one thread.
        let lists = unsafe { &mut *self.0.get() };
        // SAFETY: the block is at least STEP bytes, aligned, and nobody's from now on.
        unsafe { block.cast::<*mut u8>().write(lists.free[class]) };
        lists.free[class] = block;
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size is valid for the alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(wanted)) {
            // SAFETY: the caller's promise is handed on; System gave this block, as its layout says.
            (None, None) => unsafe { large(|| System.realloc(block, layout, size)) },
            (old, new) if old == new => block,
            _ => {
                // SAFETY: as for any caller.
                let moved = unsafe { self.alloc(wanted) };
                if !moved.is_null() {
                    // SAFETY: both are at least that long, and two blocks never overlap.
                    unsafe { block.copy_to_nonoverlapping(moved, layout.size().min(size)) };
                    // SAFETY: the caller gives the old block up.
                    unsafe { self.dealloc(block, layout) };
                }
                moved
            }
        }
    }
}

/// A large block. Memory grows ahead when it had to grow for it: the standard allocator asks for as little as will do, each growth is a
/// call of the host, and a part of a large page is none.
///
/// # Safety
/// As for what it calls.
#[inline]
unsafe fn large(allocate: impl FnOnce() -> *mut u8) -> *mut u8 {
    let block = allocate();
    // SAFETY: one thread, and the standard allocator does not call back into this one.
    let lists = unsafe { &mut *ALLOCATOR.0.get() };
    if memory_bytes() != lists.bytes && memory_bytes() >= AHEAD_FROM {
        grow_ahead(lists);
    }
    block
}

/// Makes room for what a guest that keeps a lot is going to keep: so that this is not part of what it is waited for.
pub fn make_room() {
    // SAFETY: one thread, and nothing below calls back into this allocator.
    let lists = unsafe { &mut *ALLOCATOR.0.get() };
    if memory_bytes() < LARGE_PAGE {
        grow_ahead(lists);
    }
}

fn memory_bytes() -> usize {
    core::arch::wasm32::memory_size(0) * PAGE
}

/// Grows by half as much again, up to whole large pages: by taking a block and giving it back to the standard allocator, which keeps
/// what it has.
#[cold]
#[inline(never)]
fn grow_ahead(lists: &mut Lists) {
    let bytes = memory_bytes();
    let wanted = (bytes + (bytes / 2).min(AHEAD_MAX)).max(2 * LARGE_PAGE);
    let ahead = wanted.next_multiple_of(LARGE_PAGE) - bytes;
    // With what the standard allocator keeps beside a block, it comes out even.
    if let Ok(layout) = Layout::from_size_align(ahead - PAGE / 2, STEP) {
        // SAFETY: the size is not zero; what was given is given back as it was. None is no harm: then memory is short.
        unsafe {
            let block = System.alloc(layout);
            if !block.is_null() {
                System.dealloc(block, layout);
            }
        }
    }
    lists.bytes = memory_bytes();
}

/// A new block, from a new piece if need be. The rest of an old piece is lost: less than a block.
#[cold]
#[inline(never)]
fn cut(lists: &mut Lists, size: usize) -> *mut u8 {
    if lists.left < size {
        let Ok(layout) = Layout::from_size_align(PIECE, STEP) else {
            return null_mut();
        };
        // SAFETY: the size is not zero.
        let piece = unsafe { System.alloc(layout) };
        if piece.is_null() {
            return null_mut();
        }
        (lists.piece, lists.left) = (piece, PIECE);
    }
    let block = lists.piece;
    // SAFETY: `left` bytes of the piece are left, which is at least the size.
    lists.piece = unsafe { block.add(size) };
    lists.left -= size;
    block
}
