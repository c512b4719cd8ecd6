//! Packed messages: many events of one partition in one message. Which events a message holds follows from the chunk, from
//! what it pins and from whether the bus keeps an order, so that a repetition makes the same messages. So do the constants and
//! rules here: to change one, raise the version of the ledger.

use std::collections::HashMap;
use std::io::{self, Write};

use super::{Chunk, Message};

/// What a packed message has at most besides its events, the partition, its event type and the ids of its first and last record,
/// bytes: the names of its members and attributes, the release and the count.
const FIXED_BYTES: usize = 512;

/// What the entry of an event has at most besides its body and the id of its record, bytes.
const ENTRY_BYTES: usize = 48;

/// The most that a packed message has besides the body of its only event, bytes: a partition of 624 bytes in its body and in
/// an attribute, in which some characters can take twice the space, and three ids of up to 200 bytes.
pub const PACK_OVERHEAD_BYTES: usize = 6 << 10;

/// A message of a chunk whose messages are packed: indexes of its [messages](Chunk::messages).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pack {
    /// The events of one partition, in record order; at least one.
    Events(Vec<u32>),
    /// An event that fits no message.
    TooLarge(u32),
}

/// A packed message that takes more events.
struct OpenPack {
    /// Its index among the packs.
    index: usize,
    partition: u32,
    /// Its size without the id of its last record.
    bytes: usize,
}

/// Divides the messages of a chunk into packs.
struct Packer<'a> {
    chunk: &'a Chunk,
    /// The largest message, bytes.
    limit: usize,
    /// Whether the bus keeps the order of messages within a group.
    keeps_order: bool,
    packs: Vec<Pack>,
}

impl Packer<'_> {
    /// Adds a message to the open pack, or to a new one. Returns the pack that is open then. What fits no pack stands alone:
    /// in order, later messages must not come before it, so it closes the open pack.
    fn add(&mut self, number: u32, mut open: Option<OpenPack>) -> Option<OpenPack> {
        let reference = &self.chunk.messages[number as usize];
        let message = self.chunk.message_of(reference);
        let (rid, partition) = (message.rid().to_string().len(), reference.partition);
        let entry = ENTRY_BYTES + rid + escaped_bytes(message.body);
        if let Some(pack) = &mut open
            && pack.partition == partition
            && pack.bytes + entry + rid <= self.limit
            && let Pack::Events(events) = &mut self.packs[pack.index]
        {
            events.push(number);
            pack.bytes += entry;
            return open;
        }
        let fixed = FIXED_BYTES + 3 * escaped_bytes(message.partition.as_bytes());
        let bytes = fixed + rid + entry;
        if bytes + rid > self.limit {
            self.packs.push(Pack::TooLarge(number));
            return open.filter(|_| !self.keeps_order);
        }
        self.packs.push(Pack::Events(vec![number]));
        Some(OpenPack {
            index: self.packs.len() - 1,
            partition,
            bytes,
        })
    }
}

impl Chunk {
    /// Its messages, packed, in the order of their first events. If the bus keeps the order of messages within a group, a
    /// pack has events of one group only, which follow each other in it. Otherwise, an event that fits no pack does not
    /// divide the others.
    #[must_use]
    pub fn packs(&self, keeps_order: bool) -> Vec<Pack> {
        let mut packer = Packer {
            chunk: self,
            limit: self.rules.pins.pack_bytes.unwrap_or(usize::MAX),
            keeps_order,
            packs: Vec::new(),
        };
        let mut open: HashMap<(&[u8], u32), Option<OpenPack>> = HashMap::new();
        for (number, message) in (0..).zip(&self.messages) {
            let group = match (keeps_order, self.bytes(message.key)) {
                (false, _) => (&[][..], message.partition),
                (true, []) => (&[][..], message.record.shard),
                (true, key) => (key, u32::MAX),
            };
            let of_group = open.entry(group).or_default();
            *of_group = packer.add(number, of_group.take());
        }
        packer.packs
    }

    /// Writes a packed message:
    /// `{"partition":…,"release":…,"count":…,"first":…,"last":…,"events":[{"rid":…,"event":…,"body":…},…]}`.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn write_pack(&self, events: &[u32], out: &mut dyn Write) -> io::Result<()> {
        let message = |number: &u32| self.message(*number as usize);
        let (Some(first), Some(last)) = (
            events.first().and_then(message),
            events.last().and_then(message),
        ) else {
            return Ok(());
        };
        let partition = serde_json::to_string(first.partition)?;
        let (release, count) = (self.release, events.len());
        write!(
            out,
            r#"{{"partition":{partition},"release":"{release}","count":{count},"first":"{}","last":"{}","events":["#,
            first.rid(),
            last.rid()
        )?;
        for (index, message) in events.iter().filter_map(message).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let Message { event, body, .. } = message;
            write!(
                out,
                r#"{comma}{{"rid":"{}","event":{event},"body":"#,
                message.rid()
            )?;
            out.write_all(body)?;
            out.write_all(b"}")?;
        }
        out.write_all(b"]}")
    }
}

/// The size of JSON in a message: SQS rejects U+FFFE and U+FFFF, which are escaped with twice as many bytes.
pub(super) fn escaped_bytes(json: &[u8]) -> usize {
    let is_rejected = |at: usize| matches!(json.get(at..at + 3), Some([_, 0xbf, 0xbe | 0xbf]));
    let escapes = memchr::memchr_iter(0xef, json).filter(|at| is_rejected(*at));
    json.len() + 3 * escapes.count()
}

#[cfg(test)]
mod tests;
