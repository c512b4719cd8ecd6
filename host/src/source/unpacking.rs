//! How the records of a source are unpacked: by the settings, and in ranges that are read again, as they were before.

use sluice_engine::record::SequenceNumber;

use crate::ledger::Pending;
use crate::ledger::decoding::RecordDecoding;
use crate::ledger::misplaced_records::MisplacedRecords;
use crate::ledger::pins::Pins;

/// What decides which records a record of the source holds. A chunk pins it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacking {
    /// Whether to keep or drop misplaced records of aggregates.
    pub misplaced_records: MisplacedRecords,
    /// How data is decoded and split.
    pub decoding: RecordDecoding,
}

impl Unpacking {
    /// As a chunk was pinned.
    #[must_use]
    pub fn of(pins: &Pins) -> Self {
        Self {
            misplaced_records: pins.misplaced_records,
            decoding: pins.decoding,
        }
    }
}

/// A range that was pinned and is read again. A batch ends at its last record.
#[derive(Clone, Copy, Debug)]
pub struct RepeatedRange {
    /// The last record.
    pub last: SequenceNumber,
    /// How its records were unpacked.
    pub unpacking: Unpacking,
}

impl RepeatedRange {
    /// A pending range.
    #[must_use]
    pub fn of(pending: &Pending) -> Self {
        Self {
            last: pending.range.last,
            unpacking: Unpacking::of(&pending.pins),
        }
    }
}

/// How the records of a shard are unpacked.
#[derive(Clone, Debug, Default)]
pub struct Unpackings {
    /// By the settings.
    pub new: Unpacking,
    /// The ranges that are read again, in order.
    pub repeated: Vec<RepeatedRange>,
}

impl Unpackings {
    /// How a record is unpacked: in a range that is read again, as it was before.
    #[must_use]
    pub fn of(&self, sequence: SequenceNumber) -> Unpacking {
        self.range(sequence)
            .map_or(self.new, |range| range.unpacking)
    }

    /// Whether a range that is read again ends with this record.
    #[must_use]
    pub fn end_with(&self, sequence: SequenceNumber) -> bool {
        self.range(sequence)
            .is_some_and(|range| range.last == sequence)
    }

    /// The range that a record is in. Ranges have no gaps, so only their ends count.
    fn range(&self, sequence: SequenceNumber) -> Option<&RepeatedRange> {
        let at = self.repeated.partition_point(|range| range.last < sequence);
        self.repeated.get(at)
    }
}
