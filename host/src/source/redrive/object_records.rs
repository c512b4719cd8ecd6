//! The records of an object of quarantine, as batches.

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
        let decoding = match self.object.is_undecoded {
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

#[cfg(test)]
mod tests {
    use sluice_engine::content_digest::ContentDigest;
    use sluice_engine::digest::Digest;
    use sluice_engine::outcome::{Fault, Reason, ReasonCode};
    use sluice_engine::record::Record;

    use super::*;
    use crate::layout::quarantine::push_line;
    use crate::ledger::decoding::RecordFormat;
    use crate::source::unpacking::Unpacking;

    /// An object with records of these shards and positions, all with the same data.
    fn object(reason: Reason, records: &[(&str, &str)], data: &[u8]) -> (RedriveObject, Vec<u8>) {
        let mut lines = Vec::new();
        for (shard, position) in records {
            let record = Record {
                data,
                partition_key: "key",
                position: position.parse().unwrap(),
                arrived_at: 17,
            };
            let shard = ShardId::new(shard).unwrap();
            push_line(&mut lines, &shard, &record, &reason, Digest::of(b"r"));
            lines.push(b'\n');
        }
        let is_undecoded = reason.code == Fault::Undecodable.code();
        let object = RedriveObject {
            key: "key".into(),
            shard: ShardId::new("redrive-0").unwrap(),
            reason: reason.code,
            release: Digest::of(b"r"),
            records: records.len() as u64,
            bytes: 0,
            digest: ContentDigest::of(b""),
            is_undecoded,
        };
        (object, lines)
    }

    /// The shard, the ordinals and the positions of each batch, of which those before an ordinal are skipped.
    fn batches(
        (object, lines): (RedriveObject, Vec<u8>),
        unpackings: &Unpackings,
        skipped: u64,
    ) -> Vec<(String, [u64; 2], Vec<String>)> {
        let redrive = "r1".parse().unwrap();
        let mut records = ObjectRecords::new(&redrive, &object, 100, lines, unpackings);
        records.skip_before(skipped);
        let mut batches = Vec::new();
        while let Some(batch) = records.next_batch().unwrap() {
            assert_eq!(batch.ledger_shard().as_str(), "redrive-r1");
            assert!(batch.records().all(|record| record.partition_key == "key"));
            assert!(batch.records().all(|record| record.arrived_at == 17));
            let (first, last) = batch.ledger_span().unwrap();
            let ordinals = [first, last].map(|ordinal| ordinal.as_offset().unwrap());
            let positions = batch.positions().iter().map(ToString::to_string);
            batches.push((batch.shard().to_string(), ordinals, positions.collect()));
        }
        batches
    }

    fn rejected() -> Reason {
        Reason::rejected("missing_field", "why".into())
    }

    #[test]
    fn a_batch_has_records_of_one_shard_of_the_source() {
        let records = [("a", "5:1"), ("a", "5:2"), ("b", "1"), ("a", "9")];
        let all = batches(
            object(rejected(), &records, b"{}"),
            &Unpackings::default(),
            0,
        );
        let expected = [
            ("a", [100, 101], vec!["5:1", "5:2"]),
            ("b", [102, 102], vec!["1"]),
            ("a", [103, 103], vec!["9"]),
        ];
        let expected = expected.map(|(shard, ordinals, positions)| {
            let positions = positions.into_iter().map(ToOwned::to_owned).collect();
            (shard.to_owned(), ordinals, positions)
        });
        assert_eq!(all, expected);
        let rest = batches(
            object(rejected(), &records, b"{}"),
            &Unpackings::default(),
            102,
        );
        assert_eq!(rest, expected[1..]);
    }

    #[test]
    fn a_record_that_holds_several_gives_each_a_place_and_all_the_same_ordinal() {
        let unpackings = Unpackings {
            new: Unpacking {
                decoding: RecordDecoding {
                    format: RecordFormat::Lines,
                    ..RecordDecoding::default()
                },
                ..Unpacking::default()
            },
            repeated: Vec::new(),
        };
        let reason = || Reason::fault(Fault::Undecodable, "why");
        let records = [("a", "5:0"), ("a", "5:1"), ("a", "9")];
        let all = batches(object(reason(), &records, b"{}\n{}"), &unpackings, 0);
        let positions = ["5:0", "5:1", "5:2", "5:3", "9:0", "9:1"].map(str::to_owned);
        assert_eq!(all, [("a".to_owned(), [100, 102], positions.to_vec())]);
        // Others have been decoded.
        let all = batches(object(rejected(), &records, b"{}\n{}"), &unpackings, 0);
        assert_eq!(all[0].2, ["5:0", "5:1", "9"]);
    }

    #[test]
    fn a_full_batch_ends_with_all_records_of_its_last_source_record() {
        let mut records = vec![("a", "1"); 999];
        records.extend(vec![("a", "2:0"); 5]);
        records.push(("a", "3"));
        let all = batches(
            object(rejected(), &records, b"{}"),
            &Unpackings::default(),
            0,
        );
        let ordinals: Vec<_> = all.iter().map(|(_, ordinals, _)| *ordinals).collect();
        assert_eq!(ordinals, [[100, 1_103], [1_104, 1_104]]);
    }

    #[test]
    fn a_line_of_another_reason_is_refused() {
        let (mut object, lines) = object(rejected(), &[("a", "1")], b"{}");
        object.reason = ReasonCode::new("trap").unwrap();
        let (redrive, unpackings) = ("r1".parse().unwrap(), Unpackings::default());
        let mut records = ObjectRecords::new(&redrive, &object, 0, lines, &unpackings);
        let error = records.next_batch().unwrap_err();
        assert!(error.contains("line 1 has another reason"), "{error}");
    }
}
