//! The records of an object of quarantine, as batches.

use sluice_engine::outcome::Fault;
use sluice_engine::record::{Batch, Position, SequenceNumber, ShardId};

use crate::layout::quarantine::QuarantinedRecord;
use crate::ledger::decoding::RecordDecoding;
use crate::redrive::{RedriveId, RedriveObject};
use crate::source::decoding::Decoder;
use crate::source::unpacking::Unpackings;

/// The records of an object of quarantine, in the order of its lines. Those that could not be decoded are decoded anew, the
/// others are as the transform saw them.
///
/// A batch has records of one original shard. All records of one original record of the source are in one batch, because
/// they are numbered together when they are decoded.
pub struct ObjectRecords<'a> {
    redrive: ShardId,
    object: &'a RedriveObject,
    unpackings: &'a Unpackings,
    lines: Vec<u8>,
    /// The end of the lines that were read.
    at: usize,
    /// The ordinal of the first line.
    first: u64,
    /// The ordinal of the next line.
    ordinal: u64,
    /// The line behind the batch that was returned last.
    next: Option<LineRecord>,
}

/// A record of a line.
struct LineRecord {
    ordinal: SequenceNumber,
    shard: ShardId,
    position: Position,
    partition_key: String,
    arrived_at: u64,
    data: Vec<u8>,
}

impl<'a> ObjectRecords<'a> {
    /// The records of an object with these lines. The first line has the ordinal `first` in the redrive.
    #[must_use]
    pub fn new(
        redrive: &RedriveId,
        object: &'a RedriveObject,
        first: u64,
        lines: Vec<u8>,
        unpackings: &'a Unpackings,
    ) -> Self {
        Self {
            redrive: redrive.shard().clone(),
            object,
            unpackings,
            lines,
            at: 0,
            first,
            ordinal: first,
            next: None,
        }
    }

    /// Skips the lines before an ordinal, which are committed.
    pub fn skip_before(&mut self, ordinal: u64) {
        while self.ordinal < ordinal && self.next_line().is_some() {
            self.ordinal += 1;
        }
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with a line.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, String> {
        let mut next = match self.next.take() {
            Some(next) => Some(next),
            None => self.read()?,
        };
        let Some(first) = &next else {
            return Ok(None);
        };
        let reason = self.object.reason.clone();
        let mut batch = Batch::of_redrive(first.shard.clone(), self.redrive.clone(), reason);
        let mut places = Places::default();
        while let Some(record) = next.take() {
            let is_full = batch.is_full() || self.ends_range(&batch);
            let goes_on = places.goes_on(&record);
            if *batch.shard() != record.shard || (is_full && !goes_on) {
                self.next = Some(record);
                break;
            }
            self.add(&mut batch, &record, &mut places);
            next = self.read()?;
        }
        Ok(Some(batch))
    }

    /// Whether a range that is read again ends with a batch.
    fn ends_range(&self, batch: &Batch) -> bool {
        let last = batch.ledger_span();
        last.is_some_and(|(_, last)| self.unpackings.end_with(last))
    }

    /// Adds the records of a line.
    fn add(&self, batch: &mut Batch, record: &LineRecord, places: &mut Places) {
        let is_encoded = self.object.reason == Fault::Undecodable.code();
        let decoding = match is_encoded {
            true => self.unpackings.of(record.ordinal).decoding,
            false => RecordDecoding::default(),
        };
        let Position { sequence, sub } = record.position;
        let decoder = Decoder::new(batch, decoding, sequence, record.arrived_at);
        let mut decoder = decoder.from_place(places.next_of(record));
        decoder.add(&record.data, &record.partition_key, sub);
        places.next = decoder.next_place();
        batch.number(record.ordinal);
    }

    /// Reads the next line.
    fn read(&mut self) -> Result<Option<LineRecord>, String> {
        let number = self.ordinal - self.first + 1;
        let Some((from, to)) = self.next_line() else {
            return Ok(None);
        };
        let wrong = || format!("line {number} is not a quarantined record");
        let read = QuarantinedRecord::parse(&self.lines[from..to]).ok_or_else(wrong)?;
        let (shard, position) = read.origin().ok_or_else(wrong)?;
        let data = read.data().ok_or_else(wrong)?.into_owned();
        if read.reason != self.object.reason.as_str() {
            return Err(format!("line {number} has another reason, {}", read.reason));
        }
        let record = LineRecord {
            ordinal: self.ordinal.into(),
            shard,
            position,
            partition_key: read.partition_key.into_owned(),
            arrived_at: read.arrived_at,
            data,
        };
        self.ordinal += 1;
        Ok(Some(record))
    }

    /// Moves behind the next line, and returns where it begins and ends.
    fn next_line(&mut self) -> Option<(usize, usize)> {
        let from = self.at;
        let rest = self.lines.get(from..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        self.at = from + length;
        Some((from, self.at))
    }
}

/// The places of the records that one record of the source is decoded to.
#[derive(Default)]
struct Places {
    sequence: Option<SequenceNumber>,
    next: u32,
}

impl Places {
    /// Whether a record comes from the same record of the source as the one before. All records of a batch are of one
    /// shard.
    fn goes_on(&self, record: &LineRecord) -> bool {
        self.sequence == Some(record.position.sequence)
    }

    /// The least place of the records of a line.
    fn next_of(&mut self, record: &LineRecord) -> u32 {
        if !self.goes_on(record) {
            *self = Self {
                sequence: Some(record.position.sequence),
                next: 0,
            };
        }
        self.next
    }
}
