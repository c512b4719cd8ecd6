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
    /// One word more than the window has, so that any two neighbours can be read.
    words: [u64; WORDS + 1],
    /// Whether any byte so far is not ASCII.
    high: bool,
}

impl Stops {
    #[inline(always)]
    pub(super) fn new(text: &[u8]) -> Self {
        let mut stops = Self {
            base: 0,
            words: [0; WORDS + 1],
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

    /// The first stop at `at` or behind it, the end of `text` if there is no other.
    #[inline(always)]
    pub(super) fn next(&mut self, text: &[u8], mut at: usize) -> usize {
        loop {
            let offset = at.wrapping_sub(self.base);
            if offset >= WINDOW {
                self.refill(text, at);
                continue;
            }
            let (word, bit) = (offset / BLOCK, offset % BLOCK);
            // The index is below `WORDS`: the mask tells the compiler so.
            let (here, behind) = (self.words[word % WORDS], self.words[word % WORDS + 1]);
            let marks = here >> bit | behind << 1 << (BLOCK - 1 - bit);
            if marks != 0 {
                return at + marks.trailing_zeros() as usize;
            }
            at = (at + BLOCK).min(self.base + WINDOW);
        }
    }

    #[inline(never)]
    fn refill(&mut self, text: &[u8], base: usize) {
        self.words = [0; WORDS + 1];
        self.fill(text, base);
    }

    /// Marks the window from `base` on, in which nothing is marked.
    #[inline(always)]
    fn fill(&mut self, text: &[u8], base: usize) {
        self.base = base;
        let rest = text.get(base..).unwrap_or_default();
        let (blocks, tail) = rest.as_chunks::<BLOCK>();
        for (word, block) in self.words.iter_mut().take(WORDS).zip(blocks) {
            let marks = Marks::of(block);
            *word = marks.stops;
            self.high |= marks.high;
        }
        if let Some(word) = self
            .words
            .get_mut(blocks.len())
            .filter(|_| blocks.len() < WORDS)
        {
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
