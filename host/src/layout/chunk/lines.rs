//! The positions of the lines of a chunk's objects.

use sluice_engine::record::{Position, Rid, ShardId};

use super::Chunk;
use crate::format::ByteSpan;
use crate::layout::quarantine::QuarantineHasher;

/// A record of a chunk: one that lines or messages were made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordRef {
    /// The index of its shard among those of the chunk.
    pub(super) shard: u32,
    /// Its position there.
    pub(super) position: Position,
}

/// The lines of one object.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) spans: Vec<ByteSpan>,
    /// The records of these lines, if the chunk keeps them.
    pub(super) records: Vec<RecordRef>,
    /// What is compared of quarantined records.
    pub(super) quarantined: Option<Box<QuarantineHasher>>,
}

impl Lines {
    pub(super) fn push(&mut self, span: ByteSpan, record: Option<RecordRef>) {
        self.spans.push(span);
        self.records.extend(record);
    }

    pub(super) fn append(&mut self, other: Self) {
        self.spans.extend(other.spans);
        self.records.extend(other.records);
    }
}

impl Chunk {
    /// The id of a record.
    #[must_use]
    pub fn rid(&self, record: RecordRef) -> Rid<'_> {
        Rid {
            shard: self.shard_of(record),
            position: record.position,
        }
    }

    /// The shard that a record came from.
    pub(super) fn shard_of(&self, record: RecordRef) -> &ShardId {
        let shard = self.shards.get(record.shard as usize);
        shard.unwrap_or(&self.rules.shard)
    }

    /// The index of a shard among those that records of the chunk came from: one, except in a redrive.
    pub(super) fn shard_index(&mut self, shard: &ShardId) -> u32 {
        if self.shards.last() != Some(shard) {
            self.shards.push(shard.clone());
        }
        super::index(self.shards.len() - 1)
    }
}
