//! How the program's memory is shared among its threads.

/// Has threads share as many heaps as there are processors. glibc gives each of the first threads one of its own, up to
/// eight for each processor, and what is free in one is of no use to the others: a batch, with a thread for each download,
/// would keep several times what it needs.
pub fn share_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let heaps = libc::c_int::try_from(processors.max(2)).unwrap_or(libc::c_int::MAX);
        // SAFETY: mallopt takes two numbers and changes nothing but a setting of the allocator, which is allowed at any time. If
        // it refuses the setting, which it says in the result, everything goes on as before.
        #[allow(unsafe_code, reason = "the standard library has no way to say this")]
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, heaps)
        };
    }
}

/// Gives the system back what is free in the heaps, between one step of a batch and the next: what the first has left
/// free lies in pieces between what is kept, and the second would ask for more.
pub fn release_free() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim takes a number and returns unused pages, which is allowed at any time and changes no allocation.
    #[allow(unsafe_code, reason = "the standard library has no way to say this")]
    unsafe {
        libc::malloc_trim(0)
    };
}
