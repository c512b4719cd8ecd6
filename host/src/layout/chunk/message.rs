//! The messages of a chunk.

use sluice_engine::partition::PartitionPath;
use sluice_engine::record::{Position, Rid, ShardId};

use super::{Chunk, RecordRef};
use crate::format::ByteSpan;
use crate::layout::Destination;
use crate::ledger::messages::Messages;

/// Where a message lies in the buffers of its chunk.
#[derive(Debug)]
pub(super) struct MessageRef {
    pub(super) record: RecordRef,
    pub(super) event: u32,
    pub(super) partition: u32,
    pub(super) key: ByteSpan,
    pub(super) span: ByteSpan,
}

/// One message for the bus.
#[derive(Debug)]
pub struct Message<'a> {
    /// The record of the event.
    pub record: RecordRef,
    /// The shard that the record of the event came from.
    pub shard: &'a ShardId,
    /// The position of the record there.
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
    /// The id of the record.
    #[must_use]
    pub fn rid(&self) -> Rid<'_> {
        Rid {
            shard: self.shard,
            position: self.position,
        }
    }

    /// The object that has the event, if it was routed to the lake.
    #[must_use]
    pub fn destination(&self) -> Destination {
        Destination::Lake(self.path.clone())
    }
}

impl Chunk {
    /// The number of events that are sent for it, or of objects that messages are about.
    #[must_use]
    pub fn messages_sent(&self) -> u64 {
        match self.rules.pins.messages {
            None => 0,
            Some(Messages::Events | Messages::Packed) => self.messages.len() as u64,
            Some(Messages::Objects) => self.lake_partitions as u64,
        }
    }

    /// Its messages, in record order.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = Message<'_>> {
        self.messages.iter().map(|message| self.message_of(message))
    }

    /// Message `index` of [`messages`](Self::messages); `None` after the last one.
    #[must_use]
    pub fn message(&self, index: usize) -> Option<Message<'_>> {
        self.messages
            .get(index)
            .map(|message| self.message_of(message))
    }

    pub(super) fn message_of(&self, message: &MessageRef) -> Message<'_> {
        let path = &self.message_partitions[message.partition as usize];
        Message {
            record: message.record,
            shard: self.shard_of(message.record),
            position: message.record.position,
            event: message.event,
            partition: path.as_str(),
            partition_key: std::str::from_utf8(self.bytes(message.key)).unwrap_or_default(),
            body: self.bytes(message.span),
            path,
            span: message.span,
        }
    }

    /// The line of a message's event in its object, from 0; `None` if it is in no object.
    #[must_use]
    pub fn line_of(&self, message: &Message<'_>) -> Option<usize> {
        let lines = self.destinations.get(&message.destination())?;
        lines.spans.iter().position(|span| *span == message.span)
    }

    pub(super) fn bytes(&self, span: ByteSpan) -> &[u8] {
        span.of(&self.buffers)
    }
}
