//! The batch call for any transform that makes one event of a record.
//!
//! A transform provides a function of one record and a [`Partition`]. Both are type parameters, so that the
//! indirection costs nothing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

#[cfg(test)]
mod tests;

/// How many bytes a transform is expected to add to an event, for the first allocation.
const LIKELY_GAIN: usize = 128;

/// The partition of an event.
pub trait Partition {
    /// Appends a key that is unique for this partition.
    fn key(&self, key: &mut Vec<u8>);

    /// The columns: names and values, outermost first.
    fn columns(&self) -> Vec<(String, String)>;
}

/// The outcome of a batch: the lists of the contract's `outcome-batch` without the routes.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome<R> {
    /// The number of events of each record: one, or none if it was rejected.
    pub event_counts: Vec<u32>,
    /// The data of all events.
    pub data: Vec<u8>,
    /// One end offset in `data` for each event.
    pub data_ends: Vec<u32>,
    /// The distinct partitions.
    pub partitions: Vec<Vec<(String, String)>>,
    /// For each event, the index of its partition.
    pub partition_indexes: Vec<u32>,
    /// The index and the rejection of each record that was rejected.
    pub rejections: Vec<(u32, R)>,
}

/// Transforms the records whose ends in `data` are `ends`, in order.
///
/// `transform` appends the event of a record to the buffer, and leaves the buffer unchanged if it rejects
/// the record. An end that does not fit the data makes an empty record; the host does not send one.
pub fn transform_batch<'a, P: Partition, R>(
    data: &'a [u8],
    ends: &[u32],
    mut transform: impl FnMut(&'a [u8], &mut Vec<u8>) -> Result<P, R>,
) -> Outcome<R> {
    let mut outcome = Outcome::sized(data.len(), ends.len());
    let mut interner = Interner::default();
    let mut start = 0;
    for (record, &end) in (0..).zip(ends) {
        let end = end as usize;
        let bytes = data.get(start..end).unwrap_or_default();
        start = end;
        match transform(bytes, &mut outcome.data) {
            Ok(partition) => {
                outcome.event_counts.push(1);
                outcome.data_ends.push(offset(outcome.data.len()));
                let index = interner.index(&partition, &mut outcome.partitions);
                outcome.partition_indexes.push(index);
            }
            Err(rejection) => {
                outcome.event_counts.push(0);
                outcome.rejections.push((record, rejection));
            }
        }
    }
    outcome
}

impl<R> Outcome<R> {
    fn sized(bytes: usize, records: usize) -> Self {
        Self {
            event_counts: Vec::with_capacity(records),
            data: Vec::with_capacity(bytes + LIKELY_GAIN * records),
            data_ends: Vec::with_capacity(records),
            partitions: Vec::new(),
            partition_indexes: Vec::with_capacity(records),
            rejections: Vec::new(),
        }
    }
}

/// An offset of the contract. A component's memory ends where `u32` does.
#[inline(always)]
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Gives each partition of a batch its index, in the order of first use.
#[derive(Default)]
struct Interner {
    indexes: HashMap<Box<[u8]>, u32, BuildHasherDefault<WordHasher>>,
    key: Vec<u8>,
    last: Vec<u8>,
    last_index: u32,
}

impl Interner {
    /// Consecutive records often share a partition, so the last one is compared before the map is searched.
    #[inline]
    fn index<P: Partition>(&mut self, partition: &P, all: &mut Vec<Vec<(String, String)>>) -> u32 {
        self.key.clear();
        partition.key(&mut self.key);
        if !all.is_empty() && self.key == self.last {
            return self.last_index;
        }
        let index = match self.indexes.get(self.key.as_slice()) {
            Some(&index) => index,
            None => {
                let index = offset(all.len());
                all.push(partition.columns());
                self.indexes.insert(self.key.as_slice().into(), index);
                index
            }
        };
        std::mem::swap(&mut self.key, &mut self.last);
        self.last_index = index;
        index
    }
}

/// A fast hash for short texts. Deliberate collisions slow down one batch only, and a batch has few
/// records.
#[derive(Default)]
struct WordHasher(u64);

impl WordHasher {
    #[inline(always)]
    fn mix(&mut self, word: u64) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (self.0 ^ word).wrapping_mul(ODD);
        self.0 = mixed ^ mixed >> 32;
    }
}

impl Hasher for WordHasher {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let last = rest.iter().fold(0, |word, &b| word << 8 | u64::from(b));
        self.mix(last);
    }

    #[inline(always)]
    fn write_usize(&mut self, length: usize) {
        self.mix(length as u64);
    }

    /// The map takes its tag from the top bits.
    #[inline(always)]
    fn finish(&self) -> u64 {
        self.0.rotate_left(32) ^ self.0
    }
}
