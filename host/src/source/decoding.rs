//! Records that are encoded, or that hold several records: each is decoded and split.
//!
//! What is decoded is bounded before it is decoded: in bytes, by the ratio to the encoded bytes, and in records. These
//! bounds and the rules of the formats decide outcomes, so they belong to the format version of the ledger.

mod encoding;
mod split;

use sluice_engine::record::{Batch, Position, Record, SequenceNumber, Undecoded};

use self::encoding::decode;
pub use self::encoding::is_compressed;
use self::split::split;
use crate::ledger::decoding::RecordDecoding;

/// The data of a line of a file that is decoded: without white space at its end, unless it is compressed.
#[must_use]
pub fn data_of_line(line: &[u8], decoding: RecordDecoding) -> &[u8] {
    match is_compressed(line, decoding.encoding) {
        true => line,
        false => line.trim_ascii_end(),
    }
}

/// Decoded data without the UTF-8 byte order mark, which some producers write and no JSON parser reads.
fn without_mark(data: &[u8]) -> &[u8] {
    data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data)
}

/// Adds the records of one source record to a batch.
pub struct Decoder<'a> {
    batch: &'a mut Batch,
    decoding: RecordDecoding,
    sequence: SequenceNumber,
    arrived_at: u64,
    /// The place of the next record within the source record.
    next: u32,
}

impl<'a> Decoder<'a> {
    /// For the source record with this sequence number.
    #[must_use]
    pub fn new(
        batch: &'a mut Batch,
        decoding: RecordDecoding,
        sequence: SequenceNumber,
        arrived_at: u64,
    ) -> Self {
        Self {
            batch,
            decoding,
            sequence,
            arrived_at,
            next: 0,
        }
    }

    /// Counts the places within the source record from `place` on: other data of it was decoded before.
    #[must_use]
    pub fn from_place(self, place: u32) -> Self {
        Self {
            next: place,
            ..self
        }
    }

    /// The place of the next record within the source record.
    #[must_use]
    pub fn next_place(&self) -> u32 {
        self.next
    }

    /// Adds what `data` holds: a source record, or the record at place `sub` of an aggregate. Data that cannot be
    /// decoded, or that holds no record, is added as a record that says so.
    pub fn add(&mut self, data: &[u8], partition_key: &str, sub: Option<u32>) {
        // As long as each record of an aggregate holds one, they keep their places.
        self.next = self.next.max(sub.unwrap_or_default());
        if self.decoding.is_plain() {
            self.push(data, partition_key, sub);
            return;
        }
        match decode(data, self.decoding.encoding) {
            Ok(decoded) => match split(without_mark(&decoded), self.decoding.format) {
                Ok(records) if records.is_empty() => {
                    self.push_undecoded(data, partition_key, sub, Undecoded::Empty);
                }
                Ok(records) => {
                    for range in records {
                        let sub = self.place(sub, self.decoding.splits());
                        self.push(&without_mark(&decoded)[range], partition_key, sub);
                    }
                }
                Err(why) => {
                    self.push_undecoded(data, partition_key, sub, Undecoded::Failed(why));
                }
            },
            Err(why) => self.push_undecoded(data, partition_key, sub, Undecoded::Failed(why)),
        }
    }

    /// The place of the next record: within the source record, unless it is all of it.
    fn place(&mut self, sub: Option<u32>, is_a_part: bool) -> Option<u32> {
        (is_a_part || sub.is_some()).then(|| {
            let place = self.next;
            self.next += 1;
            place
        })
    }

    fn push(&mut self, data: &[u8], partition_key: &str, sub: Option<u32>) {
        self.batch.push(self.record(data, partition_key, sub));
    }

    fn push_undecoded(
        &mut self,
        data: &[u8],
        partition_key: &str,
        sub: Option<u32>,
        undecoded: Undecoded,
    ) {
        let sub = self.place(sub, false);
        let record = self.record(data, partition_key, sub);
        self.batch.push_undecoded(record, undecoded);
    }

    fn record<'r>(&self, data: &'r [u8], partition_key: &'r str, sub: Option<u32>) -> Record<'r> {
        Record {
            data,
            partition_key,
            position: Position {
                sequence: self.sequence,
                sub,
            },
            arrived_at: self.arrived_at,
        }
    }
}

#[cfg(test)]
mod tests;
