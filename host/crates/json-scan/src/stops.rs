//! Finds the end of a run of plain characters in a string, for many bytes at once.

use wide::u8x16;

#[cfg(target_arch = "x86_64")]
mod avx2;

/// Bytes that one instruction checks.
const LANES: usize = 16;
/// Bytes that share a word of marks.
const BLOCK: usize = 64;
/// Words of a window. Most events fit into one window.
const WORDS: usize = 8;
const WINDOW: usize = WORDS * BLOCK;

/// Marks quotes, backslashes, control characters and the end of a text: one bit for each byte of a
/// window that moves over the text. The marks are found ahead of the scan and without a branch, so
/// that the scan waits for no comparison.
pub(super) struct Stops {
    /// The start of the window.
    base: usize,
    words: [u64; WORDS],
    /// Whether any byte so far is not ASCII.
    high: bool,
    /// Whether all of the text is UTF-8, once that is known.
    utf8: Option<bool>,
}

/// The stops of a block that the scan has not reached yet. They stay in a register with the cursor,
/// so the next stop is known before the position of the cursor is.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    /// The start of the block.
    block: usize,
    marks: u64,
}

impl Ahead {
    /// The first stop; the end of the block if there is none.
    #[inline(always)]
    fn first(self) -> usize {
        self.block + self.marks.trailing_zeros() as usize
    }

    #[inline(always)]
    fn take_first(&mut self) {
        self.marks &= self.marks.wrapping_sub(1);
    }
}

impl Stops {
    #[inline(always)]
    pub(super) fn new(text: &[u8]) -> Self {
        let mut stops = Self {
            base: 0,
            words: [0; WORDS],
            high: false,
            utf8: None,
        };
        stops.fill(text, 0);
        stops
    }

    /// Whether a string up to the last stop can be other than UTF-8.
    #[inline(always)]
    pub(super) fn may_break_utf8(&mut self, text: &[u8]) -> bool {
        self.high && !self.is_utf8(text)
    }

    /// Whether all of `text` is UTF-8, which is checked once.
    #[inline(never)]
    fn is_utf8(&mut self, text: &[u8]) -> bool {
        *self
            .utf8
            .get_or_insert_with(|| simdutf8::basic::from_utf8(text).is_ok())
    }

    /// The stops ahead of a cursor at `at`, before any stop beyond it was taken.
    #[inline(always)]
    pub(super) fn ahead(&self, at: usize) -> Ahead {
        let offset = at.wrapping_sub(self.base);
        if offset >= WINDOW {
            let block = self.base + WINDOW - BLOCK;
            return Ahead { block, marks: 0 };
        }
        // The index is below `WORDS`: the mask tells the compiler so.
        let marks = self.words[offset / BLOCK % WORDS];
        let block = at - offset % BLOCK;
        Ahead { block, marks }
    }

    /// Takes the first stop at or after `at`, and all stops before it. If there is none, returns
    /// the end of `text`.
    #[inline(always)]
    pub(super) fn take(&mut self, text: &[u8], ahead: &mut Ahead, at: usize) -> usize {
        // Usually, this is the opening quote of a string, and the wanted stop comes right after it.
        if ahead.marks != 0 && ahead.first() < at {
            ahead.take_first();
        }
        loop {
            if ahead.marks == 0 {
                *ahead = self.next_block(text, ahead.block + BLOCK, at);
                continue;
            }
            let stop = ahead.first();
            ahead.take_first();
            if stop >= at {
                return stop;
            }
        }
    }

    /// The stops of `block`. If the window ends before it, the stops of the block that begins at
    /// `at`, if that is further.
    #[inline(always)]
    fn next_block(&mut self, text: &[u8], block: usize, at: usize) -> Ahead {
        let offset = block - self.base;
        if offset < WINDOW {
            let marks = self.words[offset / BLOCK % WORDS];
            return Ahead { block, marks };
        }
        let block = block.max(at);
        self.refill(text, block);
        let marks = self.words[0];
        Ahead { block, marks }
    }

    #[inline(never)]
    fn refill(&mut self, text: &[u8], base: usize) {
        self.words = [0; WORDS];
        self.fill(text, base);
    }

    /// Marks the window from `base` on, in which nothing is marked yet.
    #[inline(always)]
    fn fill(&mut self, text: &[u8], base: usize) {
        #[cfg(target_arch = "x86_64")]
        if avx2::is_supported() {
            avx2::fill(self, text, base);
            return;
        }
        self.fill_portably(text, base);
    }

    #[inline(always)]
    fn fill_portably(&mut self, text: &[u8], base: usize) {
        self.base = base;
        let rest = text.get(base..).unwrap_or_default();
        let (blocks, tail) = rest.as_chunks::<BLOCK>();
        for (word, block) in self.words.iter_mut().zip(blocks) {
            let marks = Marks::of(block);
            *word = marks.stops;
            self.high |= marks.high;
        }
        if let Some(word) = self.words.get_mut(blocks.len()) {
            let marks = Marks::of_tail(text, tail);
            *word = marks.stops | 1 << tail.len();
            self.high |= marks.high;
        }
    }
}

struct Marks {
    stops: u64,
    high: bool,
}

impl Marks {
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> Self {
        let (lanes, _none) = block.as_chunks::<LANES>();
        let mut marks = Self {
            stops: 0,
            high: false,
        };
        let mut all = u8x16::splat(0);
        for (index, lane) in lanes.iter().enumerate() {
            let lane = u8x16::new(*lane);
            let quote = lane.simd_eq(u8x16::splat(b'"'));
            let backslash = lane.simd_eq(u8x16::splat(b'\\'));
            let control = lane.simd_lt(u8x16::splat(0x20));
            let stops = (quote | backslash | control).to_bitmask();
            marks.stops |= u64::from(stops) << (LANES * index);
            all |= lane;
        }
        marks.high = all.to_bitmask() != 0;
        marks
    }

    /// The marks of the bytes after the last whole block. The block that ends with the text is
    /// checked instead, and the bytes before are shifted out.
    #[inline(always)]
    fn of_tail(text: &[u8], tail: &[u8]) -> Self {
        let Some(block) = text.last_chunk() else {
            return Self::of_short(tail);
        };
        let marks = Self::of(block);
        let stops = marks.stops >> 1 >> (BLOCK - 1 - tail.len());
        Self { stops, ..marks }
    }

    #[inline(never)]
    fn of_short(tail: &[u8]) -> Self {
        let mut block = [b' '; BLOCK];
        for (to, from) in block.iter_mut().zip(tail) {
            *to = *from;
        }
        Self::of(&block)
    }
}

#[cfg(test)]
mod tests;
