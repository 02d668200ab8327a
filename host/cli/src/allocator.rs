//! The allocator of the program. The kernel makes and drops many small things: this one does it in half the time of the C library's.

use std::ffi::c_long;

use libmimalloc_sys::{mi_option_set, mi_option_t};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// For how long free memory is kept before it goes back to the system, in milliseconds.
///
/// Work comes in bursts. With mimalloc's 10 ms the memory of one is gone before the next, and to get it again costs more than
/// what is done with it: a quarter of the processor time of durable submits from 64 callers.
const KEPT_MS: c_long = 10_000;

/// `mi_option_purge_delay`, for which the bindings have no name.
const PURGE_DELAY: mi_option_t = 15;

/// To be called first.
pub(crate) fn keep_free_memory() {
    // SAFETY: sets a number; the option is one of mimalloc's, and any thread may set it at any time.
    unsafe { mi_option_set(PURGE_DELAY, KEPT_MS) };
}
