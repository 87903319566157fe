//! A lack of memory in Rust's own code, as the sentence and the exit code that a lack of memory in libtorch has. Without this the
//! program would abort.

use super::Failure;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where Kubernetes reads why.
static MESSAGE: OnceLock<PathBuf> = OnceLock::new();

/// The system's allocator, which ends the program where there is nothing left to give.
#[derive(Debug)]
pub struct Allocator;

/// Has the sentence written to `path` too.
pub(super) fn tell(path: PathBuf) {
    // Whoever comes second has the same path.
    let _ = MESSAGE.set(path);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        there(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        there(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        there(unsafe { System.realloc(place, layout, size) }, size)
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(place, layout) }
    }
}

fn there(place: *mut u8, size: usize) -> *mut u8 {
    if place.is_null() {
        end(size);
    }
    place
}

/// Says it in a buffer of its own, since there is no memory.
#[cold]
fn end(size: usize) -> ! {
    static ENDS: AtomicBool = AtomicBool::new(false);
    if !ENDS.swap(true, Ordering::SeqCst) {
        let mut text = [0; 256];
        let mut rest = &mut text[..];
        let cure = Failure::MORE_MEMORY;
        let _ = writeln!(rest, "bert-trainer: {cure} ({size} bytes were asked for)");
        let n = 256 - rest.len();
        let _ = std::io::stderr().write_all(&text[..n]);
        if let Some(path) = MESSAGE.get() {
            let _ = std::fs::write(path, &text["bert-trainer: ".len()..n]);
        }
    }
    signal_hook::low_level::exit(Failure::NO_MEMORY.into());
}
