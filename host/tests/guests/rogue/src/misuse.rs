//! What a transform must not do, whatever the interface.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::bindings::sluice::transform::log::{Level, log};

pub const MIB: usize = 1 << 20;

#[inline(never)]
pub fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    unreachable!("built for WebAssembly only");
}

pub fn log_and_trap() -> ! {
    for _ in 0..200 {
        log(Level::Error, "a last word");
    }
    trap()
}

/// Counts its calls. An instance keeps the count from one record to the next.
pub fn count() -> u32 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

pub fn run_forever() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Allocates memory until there is no more.
pub fn allocate() -> ! {
    loop {
        std::mem::forget(black_box(vec![1_u8; MIB]));
    }
}

/// Each call keeps something on the stack, so that the compiler cannot turn the recursion into a
/// loop.
#[inline(never)]
pub fn recurse(depth: u64) -> u64 {
    let kept = black_box([depth; 4]);
    if depth == u64::MAX {
        return 0;
    }
    black_box(recurse(black_box(depth + 1))) + kept[0]
}

/// A list that claims `bytes` bytes and begins near the end of the guest's memory.
pub fn claim(bytes: usize) -> Vec<u8> {
    let start = Box::leak(vec![b' '; 16].into_boxed_slice()).as_mut_ptr();
    // SAFETY: none, on purpose: the host must check the bounds of the list.
    unsafe { Vec::from_raw_parts(start, bytes, bytes) }
}
