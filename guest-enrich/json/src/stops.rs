//! Where a run of plain characters of a string ends, found for many bytes at once.

use wide::u8x16;

/// Bytes that one instruction looks at.
const LANES: usize = 16;
/// Bytes that share a word of marks.
const BLOCK: usize = 64;
/// Words of a window: most events fit into one.
const WORDS: usize = 8;
const WINDOW: usize = WORDS * BLOCK;

/// Marks quotes, backslashes, control characters and the end of a text, one bit for each byte of a
/// window that moves over it. They are found ahead of the walk and without a branch, so that a walk
/// waits for no comparison of its own.
pub(super) struct Stops {
    /// Where the window begins.
    base: usize,
    words: [u64; WORDS],
    /// Whether any byte so far is not ASCII.
    high: bool,
}

/// The stops of a block that a walk has not taken yet. It goes along with the cursor, in a register:
/// the next stop is known without waiting for where the cursor is.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    /// Where the block begins.
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
        };
        stops.fill(text, 0);
        stops
    }

    /// Whether a byte that is not ASCII has come up to the last stop, or may have.
    #[inline(always)]
    pub(super) fn seen_high(&self) -> bool {
        self.high
    }

    /// What is ahead of a cursor at `at`, which no stop was taken beyond.
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

    /// Takes the first stop at `at` or behind it, the end of `text` if there is no other, and those
    /// before it.
    #[inline(always)]
    pub(super) fn take(&mut self, text: &[u8], ahead: &mut Ahead, at: usize) -> usize {
        // As a rule this is the quote that opens a string, and the stop asked for comes right behind it.
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

    /// The stops of `block`; where the window ends before it, of the block that begins at `at` if that is
    /// further.
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

    /// Marks the window from `base` on, in which nothing is marked.
    #[inline(always)]
    fn fill(&mut self, text: &[u8], base: usize) {
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

    /// The marks of what a text has behind its last whole block. A block that ends where the text does
    /// is looked at instead, and what was seen before is shifted out.
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
