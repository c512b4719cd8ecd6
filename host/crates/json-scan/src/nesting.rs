//! The stack of open objects and arrays: one bit each.

/// An open object.
pub(super) const OBJECT: bool = true;
/// An open array.
pub(super) const ARRAY: bool = false;

/// Holds the innermost levels in one word, and moves a word to the heap for every 64 levels, so
/// that an ordinary text needs no allocation.
#[derive(Default)]
pub(super) struct Nesting {
    word: u64,
    used: u32,
    outer: Vec<u64>,
}

impl Nesting {
    #[inline(always)]
    pub(super) fn push(&mut self, kind: bool) {
        if self.used == u64::BITS {
            self.outer.push(self.word);
            self.used = 0;
        }
        self.word = self.word << 1 | u64::from(kind);
        self.used += 1;
    }

    #[inline(always)]
    pub(super) fn pop(&mut self) {
        self.word >>= 1;
        self.used = self.used.saturating_sub(1);
        if self.used == 0
            && let Some(word) = self.outer.pop()
        {
            self.word = word;
            self.used = u64::BITS;
        }
    }

    #[inline(always)]
    pub(super) fn innermost(&self) -> Option<bool> {
        (self.used != 0).then_some(self.word & 1 == 1)
    }
}
