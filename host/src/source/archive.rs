//! An archive as a source: the records that a run has kept, as its rules saw them.
//!
//! An archive has a folder a shard and an object a chunk ([`layout::archive`](crate::layout::archive)). Each folder is a
//! shard with the same name and the same positions, so the same release makes the same events of it.
//!
//! ```text
//! listing ─▶ chain (which objects, and do they follow each other) ─▶ search (for a time) ─▶ object (is it whole) ─▶ packer
//! ─▶ batches
//! ```
//!
//! An archive does not say which shards of a stream came from which, so shards are read side by side: records of a
//! partition key whose shard was split or merged can land before those of the parent. In the lake, where queries sort,
//! this makes no difference. On a bus, the order of such a key is that of its shards only.

mod chain;
mod listing;
mod object;
mod packer;
mod reader;
mod search;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sluice_engine::record::{Bound, Bounds, ShardId};
use sluice_storage::object_store::ObjectStore;

use self::chain::{Start, wanted_objects};
pub use self::listing::{ArchiveListing, ObjectRange};
pub use self::object::check_object;
use self::packer::Packer;
use self::reader::Reader;
use crate::source::batch_channel::batch_channel;
use crate::source::budget::Budget;
use crate::source::unpacking::{RepeatedRange, Unpackings};
use crate::source::{ResumePoint, ShardBatches, Source, SourceError};

/// Batches that are read ahead of the transform.
const BATCHES_AHEAD: usize = 4;

/// A shard of an archive, which is read to its end.
pub struct ArchiveShard {
    /// The archive.
    pub store: Arc<dyn ObjectStore>,
    /// The name of the shard.
    pub shard: ShardId,
    /// Its objects, in order.
    pub objects: Vec<ObjectRange>,
    /// How records are decoded that were not decoded when they were archived.
    pub unpackings: Unpackings,
    /// The memory for reading.
    pub budget: Budget,
    /// A larger object is an error.
    pub object_max_bytes: usize,
}

impl Source for ArchiveShard {
    fn read(mut self, from: &ResumePoint) -> Result<ShardBatches, SourceError> {
        let pending = from.pending.iter();
        self.unpackings
            .repeated
            .extend(pending.map(RepeatedRange::of));
        self.warn_of_end(from.bounds);
        let start = Start::of(from);
        let (sender, receiver) = batch_channel(BATCHES_AHEAD, &self.budget);
        let reader = Reader {
            objects: wanted_objects(&self.objects, start, from.bounds),
            packer: Packer::new(self.shard.clone(), self.unpackings, start, from.bounds),
            store: self.store,
            shard: self.shard,
            budget: self.budget,
            object_max_bytes: self.object_max_bytes,
            start,
            sender,
        };
        Ok(ShardBatches::read_by(tokio::spawn(reader.run()), receiver))
    }
}

impl ArchiveShard {
    /// Warns if the archive ends before the part that is read.
    fn warn_of_end(&self, bounds: Bounds) {
        let newest = self.objects.iter().map(|object| object.last).max();
        if let (Some(Bound::Sequence(to)), Some(last)) = (bounds.to, newest)
            && last < to
        {
            tracing::warn!(
                shard = %self.shard,
                %last,
                %to,
                "the archive ends with this record, before the part that is replayed does: if there are later records, they are not \
                 in the archive"
            );
        }
    }
}
