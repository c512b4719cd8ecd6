//! What is known of a chunk without its events.

use sluice_engine::record::SequenceNumber;

use crate::layout::archive::{ArchiveHeader, ArchiveKey};
use crate::layout::chunk::{Chunk, ChunkCounts};
use crate::layout::object_key::Origin;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;

/// What a manifest needs to know about its chunk, so that the events need not stay in memory for it.
#[derive(Clone, Debug)]
pub struct ChunkOutline {
    /// The origin of its objects.
    pub origin: Origin,
    /// Its settings.
    pub pins: Pins,
    /// Its records that have a resource fault.
    pub resource_faults: ResourceFaults,
    /// Its counts.
    pub counts: ChunkCounts,
    /// The number of messages that are sent for it.
    pub messages_sent: u64,
}

impl ChunkOutline {
    /// The header of its object in the archive. The chunk follows the record `after`.
    #[must_use]
    pub fn archive_header(&self, after: Option<SequenceNumber>) -> ArchiveHeader {
        let Origin { shard, range, .. } = self.origin.clone();
        let key = ArchiveKey {
            shard,
            first: range.first,
            last: range.last,
        };
        ArchiveHeader::new(key, after, range.count)
            .with_arrival(self.counts.arrived_at)
            .with_decoding(self.pins.decoding)
    }
}

impl Chunk {
    /// Returns what is known of it without its events.
    #[must_use]
    pub fn outline(&self) -> ChunkOutline {
        ChunkOutline {
            origin: self.origin(),
            pins: self.rules.pins.clone(),
            resource_faults: self.resource_faults.clone(),
            counts: self.counts.clone(),
            messages_sent: self.messages_sent(),
        }
    }
}
