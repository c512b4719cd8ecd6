//! Scans each record of a batch once: whether it is an object, which values the transform reads, and what edits need
//! to know about it.

use std::ops::Range;

use json_scan::Kind;
use json_scan::edit::{Object, put};
use json_scan::members::{Members, Outline, ReadMember, WrittenMember};

use super::Declared;
use super::metadata::PackedMetadata;
use crate::bindings::exports::sluice::transform::fields::FieldBatch;
use crate::limits::Limits;
use crate::outcome::Reason;
use crate::output_validation::{JsonChecker, too_large};
use crate::record::Batch;

/// How much longer an event is likely to become by each member that is set.
const LIKELY_GAIN_BYTES: usize = 40;

/// The records of a batch that a transform may see, and the reasons of the others.
pub(crate) struct ScannedBatch<'b> {
    batch: &'b Batch,
    declared: &'b Declared,
    objects: Vec<ScannedObject>,
    /// The records that are not in `objects`, in ascending order.
    rejected: Vec<(u32, Reason)>,
    /// The values of all objects, one after the other.
    values: Vec<u8>,
    /// The end of each value: for each object, one for each member that is read.
    ends: Vec<u32>,
    /// The indexes in `ends` of members that are repeated.
    repeated: Vec<u32>,
    /// The members of all objects that can be set or removed.
    written: Vec<WrittenMember>,
}

/// A record that is an object.
struct ScannedObject {
    /// Its number in the batch.
    record: u32,
    /// The length up to the end of its last value.
    end: u32,
    /// The number of its members.
    members: u32,
    /// The end of its part of `written`.
    written_end: u32,
    /// Whether it certainly keeps to the profile of JSON for the lake, and will after edits.
    certain: bool,
}

impl<'b> ScannedBatch<'b> {
    /// Scans all records.
    pub(crate) fn new(batch: &'b Batch, declared: &'b Declared, limits: &Limits) -> Self {
        let reads = declared.kinds_only.len();
        let mut scanned = Self {
            batch,
            declared,
            objects: Vec::with_capacity(batch.len()),
            rejected: Vec::new(),
            values: Vec::with_capacity(batch.data().len() / 2),
            ends: Vec::with_capacity(batch.len() * reads),
            repeated: Vec::new(),
            written: Vec::new(),
        };
        let mut checker = JsonChecker::new(limits.lake_json);
        let mut members = Members::default();
        for number in 0..offset(batch.len()) {
            let data = batch.record_data(number as usize);
            if data.len() > limits.record_bytes {
                let reason = too_large(data.len(), limits);
                scanned.rejected.push((number, reason));
                continue;
            }
            match checker.find_members(data, &declared.names, &mut members) {
                Ok((Kind::Object, certain)) => scanned.add(number, data, &members, certain),
                Ok((kind, _)) => scanned.rejected.push((number, not_an_object(kind))),
                Err(error) => {
                    let reason = Reason::rejected("invalid_json", error.to_string());
                    scanned.rejected.push((number, reason));
                }
            }
        }
        scanned
    }

    #[inline]
    fn add(&mut self, record: u32, data: &[u8], members: &Members, certain: bool) {
        let wanted = |read: &ReadMember, kind_only: bool| {
            let value = read.value().unwrap_or_default();
            let end = if kind_only {
                value.end.min(value.start + 1)
            } else {
                value.end
            };
            value.start..end
        };
        let reads = members.reads().iter().zip(&self.declared.kinds_only);
        let bytes = reads.clone().map(|(read, only)| wanted(read, *only).len());
        let mut end = self.values.len();
        self.values.resize(end + bytes.sum::<usize>(), 0);
        let mut out = &mut self.values[end..];
        for (read, kind_only) in reads {
            let value = &data[wanted(read, *kind_only)];
            put(value, &mut out);
            if read.repeated {
                self.repeated.push(offset(self.ends.len()));
            }
            end += value.len();
            self.ends.push(offset(end));
        }
        let Outline {
            end,
            count,
            written,
        } = members.outline();
        self.written.extend_from_slice(written);
        self.objects.push(ScannedObject {
            record,
            end: offset(end),
            members: offset(count),
            written_end: offset(self.written.len()),
            certain,
        });
    }

    /// The declaration that it was scanned for.
    pub(crate) fn declared(&self) -> &Declared {
        self.declared
    }

    /// A guess of the size of the events, bytes.
    pub(crate) fn likely_output_bytes(&self) -> usize {
        let gain = LIKELY_GAIN_BYTES * self.declared.writes.len();
        self.batch.data().len() + gain * self.len()
    }

    /// How many records the batch has.
    pub(crate) fn records(&self) -> usize {
        self.batch.len()
    }

    /// The number of records that a transform may see.
    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    /// Why a transform must not see a record; `None` if it may.
    pub(crate) fn rejection_of(&self, record: u32) -> Option<&Reason> {
        let found = self.rejected.binary_search_by_key(&record, |it| it.0);
        Some(&self.rejected[found.ok()?].1)
    }

    /// The number in the batch of the record of an object.
    pub(crate) fn record(&self, object: usize) -> u32 {
        self.objects[object].record
    }

    /// The number of the object that is this record; `None` if it was rejected.
    pub(crate) fn object_of(&self, record: u32) -> Option<usize> {
        let found = self
            .objects
            .binary_search_by_key(&record, |object| object.record);
        found.ok()
    }

    /// Whether the object certainly keeps to the profile, and will after edits.
    #[inline]
    pub(crate) fn is_certain(&self, object: usize) -> bool {
        self.objects[object].certain
    }

    /// What edits need of an object.
    #[inline]
    pub(crate) fn object(&self, object: usize) -> Object<'_> {
        let found = &self.objects[object];
        let written_start = object
            .checked_sub(1)
            .map_or(0, |before| self.objects[before].written_end);
        let written = written_start as usize..found.written_end as usize;
        Object {
            text: self.batch.record_data(found.record as usize),
            outline: Outline {
                end: found.end as usize,
                count: found.members as usize,
                written: &self.written[written],
            },
        }
    }

    /// Calls `call` with the batch of these objects.
    pub(crate) fn with_fields<R>(
        &self,
        objects: Range<usize>,
        call: impl FnOnce(FieldBatch<'_>) -> R,
    ) -> R {
        let numbers = self.objects[objects.clone()]
            .iter()
            .map(|object| object.record);
        let metadata = PackedMetadata::new(self.declared.metadata, self.batch, numbers);
        let part = self.select(objects.clone());
        call(FieldBatch {
            records: offset(objects.len()),
            values: part.values,
            ends: part.ends.as_deref().unwrap_or(&self.ends),
            repeated: part.repeated.as_deref().unwrap_or(&self.repeated),
            partition_keys: &metadata.partition_keys,
            partition_key_ends: &metadata.partition_key_ends,
            sequence_numbers: &metadata.sequence_numbers,
            sequence_number_ends: &metadata.sequence_number_ends,
            arrived_at: &metadata.arrived_at,
            shard: metadata.shard,
        })
    }

    /// Selects the values of some objects. Offsets are counted from the first of them.
    fn select(&self, objects: Range<usize>) -> Part<'_> {
        let reads = self.declared.kinds_only.len();
        if objects == (0..self.len()) {
            return Part {
                values: &self.values,
                ends: None,
                repeated: None,
            };
        }
        let items = objects.start * reads..objects.end * reads;
        let start = match items.start {
            0 => 0,
            first => self.ends[first - 1],
        };
        let ends = self.ends[items.clone()].iter().map(|end| end - start);
        let ends: Vec<u32> = ends.collect();
        let length = ends.last().copied().unwrap_or(0);
        let before = |end: usize| self.repeated.partition_point(|item| (*item as usize) < end);
        let repeated = &self.repeated[before(items.start)..before(items.end)];
        let repeated = repeated.iter().map(|item| *item as usize);
        Part {
            values: &self.values[start as usize..(start + length) as usize],
            ends: Some(ends),
            repeated: Some(repeated.map(|item| offset(item - items.start)).collect()),
        }
    }
}

/// The values of some objects. `None` stands for the lists of all objects.
struct Part<'s> {
    values: &'s [u8],
    ends: Option<Vec<u32>>,
    repeated: Option<Vec<u32>>,
}

#[cold]
fn not_an_object(kind: Kind) -> Reason {
    let message = format!("expected a JSON object, found {}", kind.text());
    Reason::rejected("not_an_object", message)
}

/// An offset in a batch, which is far smaller than 4 GiB.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
