//! Records of Kinesis, however they came, packed into batches: aggregates taken apart, a batch's end
//! where a range ends that is read again.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::ledger::Pending;
use crate::record::{Batch, Position, Record, SequenceNumber, ShardId};
use crate::source::aggregate::{Outsiders, Unpacked, belongs, unpack};

/// One record as Kinesis has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KinesisRecord {
    /// Its sequence number.
    pub sequence: SequenceNumber,
    /// When Kinesis took it, milliseconds since the Unix epoch.
    pub arrived_at: u64,
    /// Its partition key.
    pub partition_key: String,
    /// Its data, which may be an aggregate.
    pub data: Bytes,
}

/// A range that is read again, up to its last record, where a batch ends.
#[derive(Clone, Copy, Debug)]
pub struct Again {
    /// The last record.
    pub last: SequenceNumber,
    /// What became of records of aggregates that belong to other shards.
    pub outsiders: Outsiders,
}

impl Again {
    /// The range that is pending.
    #[must_use]
    pub fn of(pending: &Pending) -> Self {
        Self {
            last: pending.range.last,
            outsiders: pending.outsiders,
        }
    }
}

/// How the records of a shard are packed.
#[derive(Clone, Debug)]
pub struct Packing {
    /// The shard as ledgers and objects know it.
    pub shard: ShardId,
    /// The hash keys that the shard takes.
    pub hash_keys: RangeInclusive<u128>,
    /// What becomes of records of aggregates that belong to other shards.
    pub outsiders: Outsiders,
    /// A range that is read again.
    pub again: Option<Again>,
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

    /// Takes the next record.
    pub fn push(&mut self, record: &KinesisRecord) {
        self.take(record);
        let again = self.packing.again;
        if self.batch.is_full() || again.is_some_and(|again| again.last == record.sequence) {
            self.close_batch();
        }
    }

    /// Closes the batch that is open and gives all that are closed.
    pub fn batches(&mut self) -> VecDeque<Batch> {
        if !self.batch.is_empty() || self.batch.outsiders() > 0 {
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
        let drops = self.outsiders(sequence) == Outsiders::Drop;
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
        let mut outsiders = 0;
        for (sub, record) in (0..).zip(&records) {
            if drops && !belongs(record, &self.packing.hash_keys) {
                outsiders += 1;
            } else {
                push(&record.data, &record.partition_key, Some(sub));
            }
        }
        batch.drop_outsiders(outsiders);
    }

    /// What is to become of outsiders in the record: in a range that is read again, what became of
    /// them before.
    fn outsiders(&self, sequence: SequenceNumber) -> Outsiders {
        match self.packing.again {
            Some(again) if sequence <= again.last => again.outsiders,
            _ => self.packing.outsiders,
        }
    }
}
