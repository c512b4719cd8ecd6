//! Packs records of Kinesis into batches: aggregates are unpacked, and a batch ends where a repeated
//! range ends.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use bytes::Bytes;
use sluice_engine::record::{Batch, Position, Record, SequenceNumber, ShardId};

use crate::ledger::Pending;
use crate::ledger::misplaced_records::MisplacedRecords;
use crate::source::aggregate::{Unpacked, belongs, unpack};

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

/// A range that was pinned and is read again. A batch ends at its last record.
#[derive(Clone, Copy, Debug)]
pub struct RepeatedRange {
    /// The last record.
    pub last: SequenceNumber,
    /// Whether its misplaced records were kept or dropped.
    pub misplaced_records: MisplacedRecords,
}

impl RepeatedRange {
    /// A pending range.
    #[must_use]
    pub fn of(pending: &Pending) -> Self {
        Self {
            last: pending.range.last,
            misplaced_records: pending.pins.misplaced_records,
        }
    }
}

/// How the records of a shard are packed.
#[derive(Clone, Debug)]
pub struct Packing {
    /// The shard's name in ledgers and objects.
    pub shard: ShardId,
    /// The range of hash keys of the shard.
    pub hash_keys: RangeInclusive<u128>,
    /// Whether to keep or drop misplaced records.
    pub misplaced_records: MisplacedRecords,
    /// The ranges that are read again, in order.
    pub repeated: VecDeque<RepeatedRange>,
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
        let repeated = &mut self.packing.repeated;
        while repeated
            .pop_front_if(|range| range.last < record.sequence)
            .is_some()
        {}
        self.take(record);
        let range = self.packing.repeated.front();
        if self.batch.is_full() || range.is_some_and(|range| range.last == record.sequence) {
            self.close_batch();
        }
    }

    /// Closes the open batch and returns all closed ones.
    pub fn batches(&mut self) -> VecDeque<Batch> {
        if !self.batch.is_empty() || self.batch.misplaced_records() > 0 {
            self.close_batch();
        }
        std::mem::take(&mut self.closed)
    }

    fn close_batch(&mut self) {
        let next = self.batch.successor();
        self.closed
            .push_back(std::mem::replace(&mut self.batch, next));
    }

    fn take(&mut self, record: &KinesisRecord) {
        let (sequence, arrived_at) = (record.sequence, record.arrived_at);
        let drops = self.misplaced_records(sequence) == MisplacedRecords::Drop;
        let batch = &mut self.batch;
        let mut push = |data: &[u8], partition_key: &str, sub| {
            batch.push(Record {
                data,
                partition_key,
                position: Position { sequence, sub },
                arrived_at,
            });
        };
        let records = match unpack(&record.data) {
            Unpacked::Plain => return push(&record.data, &record.partition_key, None),
            Unpacked::Records(records) => records,
        };
        let mut misplaced = 0;
        for (sub, record) in (0..).zip(&records) {
            if drops && !belongs(record, &self.packing.hash_keys) {
                misplaced += 1;
            } else {
                push(&record.data, &record.partition_key, Some(sub));
            }
        }
        batch.drop_misplaced(misplaced);
    }

    /// What to do with misplaced records of an aggregate: in a range that is read again, what was done
    /// before.
    fn misplaced_records(&self, sequence: SequenceNumber) -> MisplacedRecords {
        match self.packing.repeated.front() {
            Some(range) if sequence <= range.last => range.misplaced_records,
            _ => self.packing.misplaced_records,
        }
    }
}
