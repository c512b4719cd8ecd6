//! An allocator for many small, short-lived values.
//!
//! Small blocks have a few sizes. A free block is kept in the list of its size, so that both ways take a few instructions.
//! Blocks are cut from chunks of the allocator of the SDK, which also has all larger blocks. Chunks are never given back:
//! the host drops an instance after a batch.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr::null_mut;

use sluice_transform::component::{ALLOCATOR, Allocator};

/// Sizes are multiples of this, which is also the alignment of small blocks.
const STEP_BYTES: usize = 16;
/// The number of sizes. Larger blocks are rare.
const SIZES: usize = 32;
/// So many blocks of the commonest size fit into a chunk that chunks cost nothing.
const CHUNK_BYTES: usize = 64 << 10;

/// The allocator of the component.
pub(crate) struct SizedBlocks {
    state: UnsafeCell<State>,
    large: Allocator,
}

struct State {
    /// The first free block of each size; each begins with the next one.
    free: [*mut u8; SIZES],
    /// What is left of the last chunk.
    next: *mut u8,
    rest: usize,
}

#[allow(unsafe_code, reason = "a component has one thread")]
// SAFETY: a component has one thread.
unsafe impl Sync for SizedBlocks {}

impl SizedBlocks {
    pub(crate) const fn new() -> Self {
        Self {
            state: UnsafeCell::new(State {
                free: [null_mut(); SIZES],
                next: null_mut(),
                rest: 0,
            }),
            large: ALLOCATOR,
        }
    }

    /// The place of a small size in the list of sizes.
    #[inline(always)]
    fn size(layout: Layout) -> Option<usize> {
        let size = layout.size().wrapping_sub(1) / STEP_BYTES;
        (size < SIZES && layout.align() <= STEP_BYTES).then_some(size)
    }

    /// Cuts a block from a chunk.
    #[cold]
    #[allow(unsafe_code, reason = "an allocator")]
    fn cut(&self, state: &mut State, bytes: usize) -> *mut u8 {
        if state.rest < bytes {
            let Ok(chunk) = Layout::from_size_align(CHUNK_BYTES, STEP_BYTES) else {
                return null_mut();
            };
            // SAFETY: the size is not zero.
            let start = unsafe { self.large.alloc(chunk) };
            if start.is_null() {
                return start;
            }
            state.next = start;
            state.rest = CHUNK_BYTES;
        }
        let block = state.next;
        state.next = block.wrapping_add(bytes);
        state.rest -= bytes;
        block
    }
}

#[allow(unsafe_code, reason = "an allocator")]
// SAFETY: a block is cut once, is in one list while it is free, and in none while it is used. All blocks of a list have its
// size or more. A layout tells for each block where it belongs.
unsafe impl GlobalAlloc for SizedBlocks {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(size) = Self::size(layout) else {
            // SAFETY: as for this function.
            return unsafe { self.large.alloc(layout) };
        };
        // SAFETY: a component has one thread, and nothing below calls this function.
        let state = unsafe { &mut *self.state.get() };
        let Some(first) = state.free.get_mut(size) else {
            return null_mut();
        };
        let block = *first;
        if block.is_null() {
            return self.cut(state, (size + 1) * STEP_BYTES);
        }
        // SAFETY: a free block begins with the pointer to the next one, and is aligned for it.
        *first = unsafe { block.cast::<*mut u8>().read() };
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(size) = Self::size(layout) else {
            // SAFETY: as for this function.
            return unsafe { self.large.dealloc(block, layout) };
        };
        // SAFETY: a component has one thread, and nothing below calls this function.
        let state = unsafe { &mut *self.state.get() };
        if let Some(first) = state.free.get_mut(size) {
            // SAFETY: the block is no longer used, and has room for a pointer.
            unsafe { block.cast::<*mut u8>().write(*first) };
            *first = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(bytes, layout.align()) else {
            return null_mut();
        };
        match (Self::size(layout), Self::size(new)) {
            (Some(old), Some(new)) if old == new => block,
            // SAFETY: as for this function.
            (None, None) => unsafe { self.large.realloc(block, layout, bytes) },
            _ => {
                // SAFETY: the old block is used until it is copied, and the new one is another one.
                unsafe {
                    let moved = self.alloc(new);
                    if !moved.is_null() {
                        moved.copy_from_nonoverlapping(block, layout.size().min(bytes));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
        }
    }
}
