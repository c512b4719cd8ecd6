//! Packs the records of an archive into batches. Where a batch ends depends on the records alone, not on the objects that
//! they are in: so a release makes the same objects of them however they were archived.

use sluice_engine::record::{Batch, Bound, Bounds, Record, SequenceNumber, ShardId, Undecoded};

use super::chain::Start;
use crate::layout::archive::{ArchivedRecord, NotDecoded};
use crate::source::decoding::Decoder;
use crate::source::unpacking::Unpackings;

/// What is wrong with data that stays as it was archived.
const NOT_DECODED: &str =
    "its data could not be decoded when the record was archived, and this run decodes none";

/// What became of a record.
#[derive(Debug)]
pub(super) enum Packed {
    /// It was packed, or comes before the part that is read. A batch that was complete before it comes with it.
    Taken(Option<Box<Batch>>),
    /// It comes after the part that is read, so no later record is needed.
    Behind,
}

/// Packs records into batches, in order.
pub(super) struct Packer {
    unpackings: Unpackings,
    start: Start,
    bounds: Bounds,
    batch: Batch,
    /// The last record that was packed.
    last: Option<SequenceNumber>,
    /// The place that is free within the source record of the last one.
    next_sub: u32,
    has_skipped: bool,
}

impl Packer {
    /// A packer without records.
    pub(super) fn new(
        shard: ShardId,
        unpackings: Unpackings,
        start: Start,
        bounds: Bounds,
    ) -> Self {
        Self {
            unpackings,
            start,
            bounds,
            batch: Batch::new(shard),
            last: None,
            next_sub: 0,
            has_skipped: false,
        }
    }

    /// Whether there were records before the part that is read.
    pub(super) fn has_skipped(&self) -> bool {
        self.has_skipped
    }

    /// Adds the next record. A batch is complete when a record of another sequence number comes, since all records of a
    /// record of the source are in one batch. `is_raw` says that nothing was decoded when the record was archived.
    ///
    /// # Errors
    /// The part of the archive is given by times, and the record has none.
    pub(super) fn push(
        &mut self,
        record: &ArchivedRecord<'_>,
        is_raw: bool,
    ) -> Result<Packed, &'static str> {
        let sequence = record.position.sequence;
        if self.needs_time() && record.arrived_at == 0 {
            return Err(
                "its records have no times of arrival; give --shard, and numbers as --from and --to",
            );
        }
        if self.bounds.is_after(sequence, record.arrived_at) {
            return Ok(Packed::Behind);
        }
        if self.comes_before(record) {
            self.has_skipped = true;
            return Ok(Packed::Taken(None));
        }
        let complete = match self.last {
            Some(last) if last != sequence => self.complete(last).map(Box::new),
            _ => None,
        };
        self.add(record, is_raw);
        self.last = Some(sequence);
        Ok(Packed::Taken(complete))
    }

    /// The rest, at the end of the archive or of the part that is read.
    pub(super) fn end(&mut self) -> Option<Batch> {
        (!self.batch.is_empty()).then(|| self.take())
    }

    fn needs_time(&self) -> bool {
        let is_moment = |bound| matches!(bound, Some(Bound::Moment(_)));
        matches!(self.start, Start::At(_)) || is_moment(self.bounds.to)
    }

    fn comes_before(&mut self, record: &ArchivedRecord<'_>) -> bool {
        let Start::At(moment) = self.start else {
            return self.start.is_after(record.position.sequence);
        };
        let is_earlier = i64::try_from(record.arrived_at).is_ok_and(|arrived| arrived < moment);
        if !is_earlier {
            // All later records are read, as those of a stream are.
            self.start = Start::Oldest;
        }
        is_earlier
    }

    /// The batch that ends with the record `last`, if it is full or ends a range that is read again.
    fn complete(&mut self, last: SequenceNumber) -> Option<Batch> {
        self.next_sub = 0;
        let is_complete = self.batch.is_full() || self.unpackings.end_with(last);
        is_complete.then(|| self.take())
    }

    fn take(&mut self) -> Batch {
        let next = self.batch.successor();
        std::mem::replace(&mut self.batch, next)
    }

    /// Adds a record. If one before it of the same source record is decoded now, and was not when it was archived, its place
    /// can be taken: then it gets the next one, as when the source is read again.
    fn add(&mut self, record: &ArchivedRecord<'_>, is_raw: bool) {
        let mut placed = record.record();
        let sub = placed.position.sub.map(|sub| sub.max(self.next_sub));
        placed.position.sub = sub;
        match record.undecoded {
            None if !is_raw => self.batch.push(placed),
            undecoded => self.decode(placed, undecoded),
        }
        let last = self.batch.positions().last().and_then(|last| last.sub);
        self.next_sub = last.map_or(0, |sub| sub.saturating_add(1));
    }

    /// Adds a record with data as the source has it, which is decoded now if it is to be.
    fn decode(&mut self, record: Record<'_>, undecoded: Option<NotDecoded>) {
        let sequence = record.position.sequence;
        let decoding = self.unpackings.of(sequence).decoding;
        if !decoding.is_plain() {
            let mut decoder = Decoder::new(&mut self.batch, decoding, sequence, record.arrived_at);
            decoder.add(record.data, record.partition_key, record.position.sub);
            return;
        }
        let why = match undecoded {
            None => return self.batch.push(record),
            Some(NotDecoded::Empty) => Undecoded::Empty,
            Some(NotDecoded::Failed) => Undecoded::Failed(NOT_DECODED.into()),
        };
        self.batch.push_undecoded(record, why);
    }
}
