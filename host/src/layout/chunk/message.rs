//! The messages of a chunk.

use sluice_engine::partition::PartitionPath;
use sluice_engine::record::Position;

use crate::format::ByteSpan;
use crate::layout::Destination;

/// Where a message lies in the buffers of its chunk.
#[derive(Debug)]
pub(super) struct MessageRef {
    pub(super) position: Position,
    pub(super) event: u32,
    pub(super) partition: u32,
    pub(super) key: ByteSpan,
    pub(super) span: ByteSpan,
}

/// One message for the bus.
#[derive(Debug)]
pub struct Message<'a> {
    /// The record of the event.
    pub position: Position,
    /// The index of the event among those of its record.
    pub event: u32,
    /// The partition of the event.
    pub partition: &'a str,
    /// The partition key of the record; empty for a file.
    pub partition_key: &'a str,
    /// The event's JSON.
    pub body: &'a [u8],
    pub(super) path: &'a PartitionPath,
    pub(super) span: ByteSpan,
}

impl Message<'_> {
    /// The object that has the event, if it was routed to the lake.
    #[must_use]
    pub fn destination(&self) -> Destination {
        Destination::Lake(self.path.clone())
    }
}
