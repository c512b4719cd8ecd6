//! Packs records of Kinesis into batches: aggregates are unpacked, and a batch ends where a repeated
//! range ends.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use bytes::Bytes;
use sluice_engine::record::{Batch, SequenceNumber, ShardId};

use crate::ledger::misplaced_records::MisplacedRecords;
use crate::source::aggregate::{Unpacked, belongs, unpack};
use crate::source::decoding::Decoder;
use crate::source::unpacking::Unpackings;

/// One record as Kinesis has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KinesisRecord {
    /// Its sequence number.
    pub sequence: SequenceNumber,
    /// When it arrived in Kinesis, milliseconds since the Unix epoch.
    pub arrived_at: u64,
    /// Its partition key.
    pub partition_key: String,
    /// Its data, which may be an aggregate.
    pub data: Bytes,
}

/// How the records of a shard are packed.
#[derive(Clone, Debug)]
pub struct Packing {
    /// The shard's name in ledgers and objects.
    pub shard: ShardId,
    /// The range of hash keys of the shard.
    pub hash_keys: RangeInclusive<u128>,
    /// How its records are unpacked.
    pub unpackings: Unpackings,
}

/// Packs records into batches, in order.
#[derive(Debug)]
pub struct Packer {
    packing: Packing,
    batch: Batch,
    closed: VecDeque<Batch>,
}

impl Packer {
    /// A packer without records.
    #[must_use]
    pub fn new(packing: Packing) -> Self {
        Self {
            batch: Batch::new(packing.shard.clone()),
            closed: VecDeque::new(),
            packing,
        }
    }

    /// Adds the next record.
    pub fn push(&mut self, record: &KinesisRecord) {
        self.take(record);
        let ends_range = self.packing.unpackings.end_with(record.sequence);
        if self.batch.is_full() || ends_range {
            self.close_batch();
        }
    }

    /// Closes the open batch and returns all closed ones.
    pub fn batches(&mut self) -> VecDeque<Batch> {
        if !self.batch.is_empty() || self.batch.misplaced_records() > 0 {
            self.close_batch();
        }
        self.closed()
    }

    /// Returns the closed batches.
    pub fn closed(&mut self) -> VecDeque<Batch> {
        std::mem::take(&mut self.closed)
    }

    /// The memory of the closed batches, bytes.
    #[must_use]
    pub fn closed_bytes(&self) -> u64 {
        self.closed.iter().map(Batch::bytes).sum()
    }

    fn close_batch(&mut self) {
        let next = self.batch.successor();
        self.closed
            .push_back(std::mem::replace(&mut self.batch, next));
    }

    fn take(&mut self, record: &KinesisRecord) {
        let unpacking = self.packing.unpackings.of(record.sequence);
        let drops = unpacking.misplaced_records == MisplacedRecords::Drop;
        let (sequence, arrived_at) = (record.sequence, record.arrived_at);
        let batch = &mut self.batch;
        let mut decoder = Decoder::new(batch, unpacking.decoding, sequence, arrived_at);
        let records = match unpack(&record.data) {
            Unpacked::Plain => return decoder.add(&record.data, &record.partition_key, None),
            Unpacked::Records(records) => records,
        };
        let mut misplaced = 0;
        for (sub, record) in (0..).zip(&records) {
            if drops && !belongs(record, &self.packing.hash_keys) {
                misplaced += 1;
            } else {
                decoder.add(&record.data, &record.partition_key, Some(sub));
            }
        }
        self.batch.drop_misplaced(misplaced);
    }
}
