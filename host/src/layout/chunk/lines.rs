//! The positions of the lines of a chunk's objects.

use crate::engine::record::Position;

/// The position of a line in the buffers of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) buffer: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// The lines of one object.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) pieces: Vec<Piece>,
    /// The records of these lines, if the chunk keeps them.
    pub(super) positions: Vec<Position>,
    pub(super) bytes: u64,
}

impl Lines {
    pub(super) fn push(&mut self, piece: Piece, position: Option<Position>) {
        self.bytes += u64::from(piece.end - piece.start) + 1;
        self.pieces.push(piece);
        self.positions.extend(position);
    }

    pub(super) fn append(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.pieces.extend(other.pieces);
        self.positions.extend(other.positions);
    }
}
