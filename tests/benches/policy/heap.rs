//! Makes the native allocator as poor as that of a new process: what it keeps for later goes back to the system.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> i32;
    }
    // SAFETY: glibc has this function, with these types; it may be called at any time and touches only free memory.
    unsafe { malloc_trim(0) };
}

/// Other allocators cannot be asked: there a first pass of native code finds memory that is warm.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}
