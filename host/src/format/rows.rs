//! The rows of an object, where they lie in the buffers of a chunk.

use sluice_engine::content_digest::{ContentDigest, ContentHasher};

/// A part of one of several buffers, by offsets in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSpan {
    /// The index of the buffer.
    pub buffer: u32,
    /// Where the part starts.
    pub start: u32,
    /// Where it ends, exclusive.
    pub end: u32,
}

impl ByteSpan {
    /// Its bytes.
    ///
    /// # Panics
    /// The buffers are not those that it was made for.
    #[must_use]
    pub fn of(self, buffers: &[Vec<u8>]) -> &[u8] {
        &buffers[self.buffer as usize][self.start as usize..self.end as usize]
    }
}

/// Rows are collected up to this many bytes before they are digested, because a call for each row takes longer
/// than to copy it. Fits the nearest cache of a core.
pub(super) const DIGESTED_BYTES: usize = 16 << 10;

/// The rows of an object in order, without copies: each is one JSON value on one line, an event or a
/// quarantined record.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    buffers: &'a [Vec<u8>],
    spans: &'a [ByteSpan],
}

impl<'a> Rows<'a> {
    /// The rows at `spans` of the buffers.
    #[must_use]
    pub fn new(buffers: &'a [Vec<u8>], spans: &'a [ByteSpan]) -> Self {
        Self { buffers, spans }
    }

    /// The number of rows.
    #[must_use]
    pub fn count(&self) -> usize {
        self.spans.len()
    }

    /// The bytes of all rows together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes = |span: &ByteSpan| u64::from(span.end - span.start);
        self.spans.iter().map(bytes).sum()
    }

    /// The digest of the rows as lines, each with its end.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        let mut hasher = ContentHasher::default();
        let mut part = Vec::with_capacity(DIGESTED_BYTES);
        for row in self.iter() {
            if part.len() + row.len() >= DIGESTED_BYTES {
                hasher.update(&part);
                part.clear();
            }
            part.extend_from_slice(row);
            part.push(b'\n');
        }
        hasher.update(&part);
        hasher.digest()
    }

    /// The bytes of each row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let buffers = self.buffers;
        self.spans.iter().map(move |span| span.of(buffers))
    }
}
