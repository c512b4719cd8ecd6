//! What a transform wants to know about each record, packed for a call.

use std::borrow::Cow;

use crate::bindings::exports::sluice::transform::fields::Metadata;
use crate::record::{Batch, SequenceNumber};

/// The metadata of the records of a call; empty lists for what is not declared.
#[derive(Debug, Default)]
pub(super) struct PackedMetadata<'b> {
    pub(super) partition_keys: Cow<'b, str>,
    pub(super) partition_key_ends: Cow<'b, [u32]>,
    pub(super) sequence_numbers: String,
    pub(super) sequence_number_ends: Vec<u32>,
    pub(super) arrived_at: Cow<'b, [u64]>,
    pub(super) shard: &'b str,
}

impl<'b> PackedMetadata<'b> {
    /// Packs what `wanted` says about the records whose numbers in `batch` are `records`, in ascending order.
    pub(super) fn new(
        wanted: Metadata,
        batch: &'b Batch,
        records: impl ExactSizeIterator<Item = u32> + Clone,
    ) -> Self {
        let mut packed = Self::default();
        if wanted.contains(Metadata::SHARD) {
            packed.shard = batch.shard().as_str();
        }
        let is_whole = records.len() == batch.len();
        if wanted.contains(Metadata::PARTITION_KEY) {
            packed.set_partition_keys(batch, records.clone(), is_whole);
        }
        if wanted.contains(Metadata::ARRIVED_AT) {
            packed.arrived_at = if is_whole {
                batch.arrived_at().into()
            } else {
                let all = batch.arrived_at();
                records.clone().map(|record| all[record as usize]).collect()
            };
        }
        if wanted.contains(Metadata::SEQUENCE_NUMBER) {
            packed.set_sequence_numbers(batch, records);
        }
        packed
    }

    fn set_partition_keys(
        &mut self,
        batch: &'b Batch,
        records: impl Iterator<Item = u32>,
        is_whole: bool,
    ) {
        if is_whole {
            self.partition_keys = batch.partition_keys().into();
            self.partition_key_ends = batch.partition_key_ends().into();
            return;
        }
        let (mut keys, mut ends) = (String::new(), Vec::new());
        for record in records {
            keys.push_str(batch.record(record as usize).partition_key);
            ends.push(offset(keys.len()));
        }
        self.partition_keys = keys.into();
        self.partition_key_ends = ends.into();
    }

    fn set_sequence_numbers(&mut self, batch: &Batch, records: impl ExactSizeIterator<Item = u32>) {
        self.sequence_numbers
            .reserve(records.len() * SequenceNumber::MAX_DIGITS);
        for record in records {
            let position = batch.positions()[record as usize];
            position.sequence.push_to(&mut self.sequence_numbers);
            self.sequence_number_ends
                .push(offset(self.sequence_numbers.len()));
        }
    }
}

/// An offset in a batch, which is far smaller than 4 GiB.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
