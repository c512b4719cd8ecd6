//! Records packed into batches.

use super::{Position, Record, SequenceNumber, ShardId};
use crate::reason_code::ReasonCode;

/// Consecutive records of one shard for one call of the transform, packed as the contract's
/// `record-batch`.
#[derive(Clone, Debug)]
pub struct Batch {
    shard: ShardId,
    data: Vec<u8>,
    data_ends: Vec<u32>,
    partition_keys: String,
    partition_key_ends: Vec<u32>,
    positions: Vec<Position>,
    arrived_at: Vec<u64>,
    /// Records that have no decoded data, by their index, in order.
    undecoded: Vec<(u32, Undecoded)>,
    skipped: u64,
    misplaced_records: u64,
    redriven: Option<Redriven>,
}

/// What a batch of quarantined records that are redriven has besides. The transform sees their original shard and
/// positions. The ledger of the redrive has ordinals instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redriven {
    /// The shard of the redrive.
    pub shard: ShardId,
    /// The reason that the records were quarantined for.
    pub reason: ReasonCode,
    /// The ordinal of each record.
    ordinals: Vec<SequenceNumber>,
    /// Whether the batch begins its chunk.
    pub starts_chunk: bool,
}

/// Why a record of a batch is not transformed: its data is what the source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecoded {
    /// It holds no record, so it is dropped.
    Empty,
    /// It cannot be decoded, so it is quarantined: what is wrong with it, for people.
    Failed(String),
}

/// The most records of a batch: enough to make the cost of a new instance small (27 µs for 1,000
/// records), and few enough that batches spread over all cores.
pub const BATCH_MAX_RECORDS: usize = 1_000;

/// A batch closes at this many bytes, so that batches in flight stay small and a batch fits an
/// instance's memory several times.
pub const BATCH_MAX_BYTES: usize = 1 << 20;

impl Batch {
    /// An empty batch of `shard`.
    #[must_use]
    pub fn new(shard: ShardId) -> Self {
        Self {
            shard,
            data: Vec::new(),
            data_ends: Vec::new(),
            partition_keys: String::new(),
            partition_key_ends: Vec::new(),
            positions: Vec::new(),
            arrived_at: Vec::new(),
            undecoded: Vec::new(),
            skipped: 0,
            misplaced_records: 0,
            redriven: None,
        }
    }

    /// An empty batch of records of `shard` that were quarantined for `reason`, and that the redrive whose shard is
    /// `redrive` lands. Each record must be [numbered](Self::number).
    #[must_use]
    pub fn of_redrive(shard: ShardId, redrive: ShardId, reason: ReasonCode) -> Self {
        Self {
            redriven: Some(Redriven {
                shard: redrive,
                reason,
                ordinals: Vec::new(),
                starts_chunk: false,
            }),
            ..Self::new(shard)
        }
    }

    /// An empty batch of the same shard with the capacity of this one. The next batch is likely to be
    /// as large, and so does not grow step by step.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self {
            data: Vec::with_capacity(self.data.len()),
            data_ends: Vec::with_capacity(self.len()),
            partition_keys: String::with_capacity(self.partition_keys.len()),
            partition_key_ends: Vec::with_capacity(self.len()),
            positions: Vec::with_capacity(self.len()),
            arrived_at: Vec::with_capacity(self.len()),
            ..self.empty()
        }
    }

    /// An empty batch of the same shard and the same redrive.
    #[must_use]
    pub fn empty(&self) -> Self {
        let shard = self.shard.clone();
        match &self.redriven {
            None => Self::new(shard),
            Some(redriven) => {
                Self::of_redrive(shard, redriven.shard.clone(), redriven.reason.clone())
            }
        }
    }

    /// Gives the records that were appended since the last call this ordinal: a quarantined record can hold several
    /// when it is decoded. Nothing changes in a batch that is not of a redrive.
    pub fn number(&mut self, ordinal: SequenceNumber) {
        let records = self.len();
        if let Some(redriven) = &mut self.redriven {
            redriven.ordinals.resize(records, ordinal);
        }
    }

    /// Lets a batch of a redrive begin its chunk: an object before it could not be read, and a late claim of that one must not
    /// change what a repetition of a chunk reads.
    pub fn start_chunk(&mut self) {
        if let Some(redriven) = &mut self.redriven {
            redriven.starts_chunk = true;
        }
    }

    /// The redrive, if the records are redriven.
    #[must_use]
    pub fn redriven(&self) -> Option<&Redriven> {
        self.redriven.as_ref()
    }

    /// The shard in whose ledger and objects the records are: that of the redrive, or else their own.
    #[must_use]
    pub fn ledger_shard(&self) -> &ShardId {
        let redriven = self.redriven.as_ref();
        redriven.map_or(&self.shard, |redriven| &redriven.shard)
    }

    /// The sequence number that ledgers have for record `index`, which must be below [`len`](Self::len): its ordinal in
    /// a redrive, or else its own.
    #[must_use]
    pub fn ledger_sequence(&self, index: usize) -> SequenceNumber {
        match &self.redriven {
            Some(redriven) => redriven.ordinals[index],
            None => self.positions[index].sequence,
        }
    }

    /// The first and the last of these numbers; `None` for a batch without records.
    #[must_use]
    pub fn ledger_span(&self) -> Option<(SequenceNumber, SequenceNumber)> {
        let last = self.len().checked_sub(1)?;
        Some((self.ledger_sequence(0), self.ledger_sequence(last)))
    }

    /// Appends a record.
    ///
    /// # Panics
    /// If the batch exceeds 4 GiB. Sources prevent this: they limit a record and close a batch that
    /// is [full](Self::is_full).
    pub fn push(&mut self, record: Record<'_>) {
        self.data.extend_from_slice(record.data);
        self.data_ends.push(end_offset(self.data.len()));
        self.partition_keys.push_str(record.partition_key);
        self.partition_key_ends
            .push(end_offset(self.partition_keys.len()));
        self.positions.push(record.position);
        self.arrived_at.push(record.arrived_at);
    }

    /// Appends a record that is not transformed, with the data of the source.
    pub fn push_undecoded(&mut self, record: Record<'_>, why: Undecoded) {
        self.undecoded.push((end_offset(self.len()), why));
        self.push(record);
    }

    /// Appends record `index` of another batch, which must be below its [`len`](Self::len).
    pub fn copy(&mut self, from: &Self, index: usize) {
        let undecoded = from
            .undecoded
            .binary_search_by_key(&index, |(record, _)| *record as usize);
        match undecoded {
            Ok(at) => self.push_undecoded(from.record(index), from.undecoded[at].1.clone()),
            Err(_) => self.push(from.record(index)),
        }
        self.number(from.ledger_sequence(index));
    }

    /// The records that are not transformed, by their index, in order.
    #[must_use]
    pub fn undecoded(&self) -> &[(u32, Undecoded)] {
        &self.undecoded
    }

    /// The other records, with the index of each in this batch.
    pub(crate) fn decoded(&self) -> (Self, Vec<u32>) {
        let mut decoded = Self::new(self.shard.clone());
        let mut undecoded = self.undecoded.iter().map(|(index, _)| *index).peekable();
        let mut indexes = Vec::with_capacity(self.len() - self.undecoded.len());
        for (index, record) in (0..).zip(self.records()) {
            if undecoded.next_if_eq(&index).is_none() {
                decoded.push(record);
                indexes.push(index);
            }
        }
        (decoded, indexes)
    }

    /// Counts a line that holds no record (an empty line of a file).
    pub fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Counts misplaced records of an aggregate that were dropped.
    pub fn drop_misplaced(&mut self, records: u64) {
        self.misplaced_records += records;
    }

    /// Whether the batch should be closed before another record.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= BATCH_MAX_RECORDS || self.data.len() >= BATCH_MAX_BYTES
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether it holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The shard that all records came from.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.shard
    }

    /// Record `index`, which must be below [`len`](Self::len).
    #[must_use]
    pub fn record(&self, index: usize) -> Record<'_> {
        Record {
            data: &self.data[span(&self.data_ends, index)],
            partition_key: &self.partition_keys[span(&self.partition_key_ends, index)],
            position: self.positions[index],
            arrived_at: self.arrived_at[index],
        }
    }

    /// The bytes of record `index`, which must be below [`len`](Self::len).
    #[inline]
    #[must_use]
    pub fn record_data(&self, index: usize) -> &[u8] {
        &self.data[span(&self.data_ends, index)]
    }

    /// All records, in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.len()).map(|index| self.record(index))
    }

    /// The length of the largest record, bytes.
    #[must_use]
    pub fn largest(&self) -> usize {
        let starts = std::iter::once(&0).chain(&self.data_ends);
        let lengths = self
            .data_ends
            .iter()
            .zip(starts)
            .map(|(end, start)| end - start);
        lengths.max().unwrap_or(0) as usize
    }

    /// The bytes of all records.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The end of each record in [`data`](Self::data).
    #[must_use]
    pub fn data_ends(&self) -> &[u32] {
        &self.data_ends
    }

    /// The approximate memory of the batch, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let for_record = size_of::<Position>() + size_of::<u64>() + 2 * size_of::<u32>();
        (self.data.len() + self.partition_keys.len() + self.len() * for_record) as u64
    }

    /// All partition keys, one after the other.
    #[must_use]
    pub fn partition_keys(&self) -> &str {
        &self.partition_keys
    }

    /// The end of each key in [`partition_keys`](Self::partition_keys).
    #[must_use]
    pub fn partition_key_ends(&self) -> &[u32] {
        &self.partition_key_ends
    }

    /// The position of each record.
    #[must_use]
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// When each record arrived, milliseconds since the Unix epoch.
    #[must_use]
    pub fn arrived_at(&self) -> &[u64] {
        &self.arrived_at
    }

    /// The number of lines without a record.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The number of misplaced records that were dropped.
    #[must_use]
    pub fn misplaced_records(&self) -> u64 {
        self.misplaced_records
    }
}

fn end_offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or_else(|_| panic!("a batch of {length} bytes is over 4 GiB"))
}

/// The bytes of item `index` in a packed list: from the end of the item before it to its own end.
#[must_use]
pub fn span(ends: &[u32], index: usize) -> std::ops::Range<usize> {
    let start = if index == 0 { 0 } else { ends[index - 1] };
    start as usize..ends[index] as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sequence: u64) -> Record<'static> {
        Record {
            data: b"{}",
            partition_key: "",
            position: SequenceNumber::from(sequence).into(),
            arrived_at: 0,
        }
    }

    #[test]
    fn the_ledger_of_a_redrive_has_ordinals_and_the_transform_sees_where_records_came_from() {
        let shard = |name| ShardId::new(name).unwrap();
        let reason = ReasonCode::new("missing_field").unwrap();
        let mut batch = Batch::of_redrive(shard("events"), shard("redrive-1"), reason);
        assert_eq!(batch.ledger_span(), None);
        batch.push(record(500));
        batch.number(7.into());
        batch.push(record(400));
        batch.push(record(400));
        batch.number(8.into());
        assert_eq!(batch.ledger_span(), Some((7.into(), 8.into())));
        assert_eq!(batch.ledger_sequence(1), 8.into());
        assert_eq!(batch.shard(), &shard("events"));
        assert_eq!(batch.ledger_shard(), &shard("redrive-1"));
        assert_eq!(batch.positions()[0].sequence, 500.into());
        let mut copy = batch.empty();
        copy.copy(&batch, 2);
        assert_eq!(copy.ledger_span(), Some((8.into(), 8.into())));
        assert_eq!(copy.redriven().unwrap().reason.as_str(), "missing_field");
    }

    #[test]
    fn the_ledger_of_another_shard_has_the_numbers_of_its_records() {
        let mut batch = Batch::new(ShardId::new("events").unwrap());
        batch.push(record(3));
        batch.number(9.into());
        batch.push(record(5));
        assert_eq!(batch.ledger_span(), Some((3.into(), 5.into())));
        assert_eq!(batch.ledger_shard(), batch.shard());
        assert_eq!(batch.redriven(), None);
    }
}
