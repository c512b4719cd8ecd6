//! The positions of the lines of a chunk's objects.

use sluice_engine::record::Position;

use crate::format::ByteSpan;
use crate::layout::quarantine::QuarantineHasher;

/// The lines of one object.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) spans: Vec<ByteSpan>,
    /// The records of these lines, if the chunk keeps them.
    pub(super) positions: Vec<Position>,
    /// What is compared of quarantined records.
    pub(super) quarantined: Option<Box<QuarantineHasher>>,
}

impl Lines {
    pub(super) fn push(&mut self, span: ByteSpan, position: Option<Position>) {
        self.spans.push(span);
        self.positions.extend(position);
    }

    pub(super) fn append(&mut self, other: Self) {
        self.spans.extend(other.spans);
        self.positions.extend(other.positions);
    }
}
