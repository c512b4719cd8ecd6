//! Calls by fields: declared members in, edits out. They cost least.

use crate::Transform;
use crate::configured::Configured;
use crate::declaration::Declaration;
use crate::destinations::Destination;
use crate::events::Events;
use crate::record::{MetadataLists, Record};
use crate::rejection::Rejection;
use crate::time::LastDay;

/// How many bytes an edit is expected to have, for the first allocation.
const LIKELY_VALUE_BYTES: usize = 24;

/// The declared members of consecutive records: the contract's `field-batch`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FieldBatch<'a> {
    /// The number of records.
    pub records: u32,
    /// The JSON texts of all values, concatenated. Record `r` has the read `f` in item `r * reads + f`.
    pub values: &'a [u8],
    /// One end offset in `values` for each record and read.
    pub ends: &'a [u32],
    /// The items whose member the record has more than once, in ascending order.
    pub repeated: &'a [u32],
    /// The metadata of all records.
    pub metadata: MetadataLists<'a>,
}

/// The events of a batch as edits: the contract's `edit-batch`.
#[derive(Debug, PartialEq, Eq)]
pub struct EditBatch {
    /// The number of events of each record.
    pub event_counts: Vec<u32>,
    /// The values to set, concatenated. Event `e` has the write `w` in item `e * writes + w`.
    pub values: Vec<u8>,
    /// One end offset in `values` for each event and write.
    pub ends: Vec<u32>,
    /// The items whose member is removed, in ascending order.
    pub removed: Vec<u32>,
    /// The events that begin with `{}`, in ascending order.
    pub empty_events: Vec<u32>,
    /// The distinct destinations of the events.
    pub destinations: Vec<Destination>,
    /// For each event, the index of its destination.
    pub destination_indexes: Vec<u32>,
    /// The index and the rejection of each rejected record, in ascending order.
    pub rejections: Vec<(u32, Rejection)>,
}

/// Transforms a batch of records of which the declared members are given.
pub fn transform_fields<T: Transform>(
    configured: &Configured<T>,
    batch: &FieldBatch<'_>,
) -> EditBatch {
    let declaration = &configured.declaration;
    let records = batch.records as usize;
    let bytes = records * declaration.writes.len() * LIKELY_VALUE_BYTES;
    let mut events = Events::new(&declaration.writes, records, bytes);
    let mut event_counts = Vec::with_capacity(records);
    let mut rejections = Vec::new();
    let first_starts = first_starts(batch, declaration.reads.len());
    let mut cursor = Cursor {
        declaration,
        batch,
        first_starts: &first_starts,
        repeated: batch.repeated,
        last_day: &LastDay::default(),
    };
    for index in 0..batch.records {
        let record = cursor.record(index as usize);
        let mark = events.mark();
        match configured.rules.transform(&record, &mut events) {
            Ok(()) => event_counts.push(events.end_record(mark)),
            Err(rejection) => {
                events.roll_back(mark);
                event_counts.push(0);
                rejections.push((index, rejection));
            }
        }
    }
    EditBatch {
        event_counts,
        values: events.values,
        ends: events.ends,
        removed: events.removed,
        empty_events: events.empty_events,
        destinations: events.destinations.into_vec(),
        destination_indexes: events.destination_indexes,
        rejections,
    }
}

/// Where the values of the first record begin.
fn first_starts(batch: &FieldBatch<'_>, reads: usize) -> Vec<u32> {
    [0].iter().chain(batch.ends).take(reads).copied().collect()
}

/// Gives the records of a batch, in order.
struct Cursor<'a> {
    declaration: &'a Declaration,
    batch: &'a FieldBatch<'a>,
    first_starts: &'a [u32],
    /// The repeated items of the records that are left.
    repeated: &'a [u32],
    last_day: &'a LastDay,
}

impl<'a> Cursor<'a> {
    /// Each value begins where the one before it ends, which may be of the record before.
    #[inline(always)]
    fn record(&mut self, index: usize) -> Record<'a> {
        let batch = self.batch;
        let reads = self.declaration.reads.len();
        let first = index * reads;
        let ends = |from: usize| batch.ends.get(from..from + reads).unwrap_or_default();
        Record {
            reads: &self.declaration.reads,
            declared_metadata: self.declaration.metadata,
            text: batch.values,
            starts: first.checked_sub(1).map_or(self.first_starts, ends),
            ends: ends(first),
            repeated: split_items(&mut self.repeated, first + reads),
            // Offsets of the contract fit a `u32`, and an item has one.
            first_item: u32::try_from(first).unwrap_or(u32::MAX),
            last_day: self.last_day,
            metadata: &batch.metadata,
            index,
        }
    }
}

/// Takes the items before `end` from the front of `items`, which are in ascending order.
#[inline(always)]
fn split_items<'a>(items: &mut &'a [u32], end: usize) -> &'a [u32] {
    if items.first().is_none_or(|first| *first as usize >= end) {
        return &[];
    }
    let (taken, rest) = items.split_at(items.partition_point(|item| (*item as usize) < end));
    *items = rest;
    taken
}

#[cfg(test)]
mod tests;
