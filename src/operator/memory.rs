//! Less memory for the same work, by how the C library's allocator is set.
//!
//! By itself glibc keeps a pool for each thread, and gives a pool's free memory back only from its end. Thousands of objects that
//! come and go on every thread leave each of them full of holes: at 1,000 TuningJobs most of the process was that. One pool for
//! all threads, and large pieces straight from the kernel and back, cost an operator nothing that can be measured.

/// Sets the allocator; to be called before there is a second thread.
pub fn be_frugal() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Bytes; glibc raises this limit by itself as long as nobody sets it.
        const LARGE: i32 = 128 * 1024;
        for (what, value) in [
            (libc::M_ARENA_MAX, 1),
            (libc::M_MMAP_THRESHOLD, LARGE),
            (libc::M_TRIM_THRESHOLD, LARGE),
        ] {
            // SAFETY: mallopt takes two numbers, and what it does not know it refuses.
            unsafe { libc::mallopt(what, value) };
        }
    }
}

/// Gives the holes back to the kernel in which nothing is any more; takes milliseconds.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim takes a number and looks at nothing but its own free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
