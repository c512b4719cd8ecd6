//! Validates the output of a transform against the contract. The checks are the same for a batch and for a
//! single record, so that the outcome does not depend on how the transform is called.

use std::collections::HashMap;

use json_scan::edit::{Edit, Object};
use json_scan::members::MemberNames;

use super::bindings::exports::sluice::transform::{records, rules};
use super::limits::Limits;
use super::outcome::{Event, Fault, Quarantined, Reason, ResourceFault, Routes, Transformed};
use crate::partition::PartitionPath;

mod batch_call;
mod json;

pub use json::JsonChecker;

/// Why the events of a record are not accepted.
pub(crate) enum Violation {
    /// They violate the contract or a limit of the record.
    OfRecord(Reason),
    /// They do not fit their batch. In another batch they may, so this is a resource fault.
    OfBatch(Reason),
}

impl From<Reason> for Violation {
    fn from(reason: Reason) -> Self {
        Self::OfRecord(reason)
    }
}

/// How much an outcome has before a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    data: usize,
    events: usize,
    partitions: usize,
}

/// Validates the output for one batch, record by record, and collects the outcome.
pub(super) struct OutputValidator<'a> {
    limits: &'a Limits,
    /// The size limit of all events.
    output_bytes: usize,
    record: u32,
    transformed: Transformed,
    /// The index of each partition.
    known: HashMap<PartitionPath, u32>,
    /// The size of the names of partitions, in bytes.
    names: usize,
    json: JsonChecker,
}

impl<'a> OutputValidator<'a> {
    /// Creates a validator for one batch.
    #[must_use]
    pub(super) fn new(limits: &'a Limits, records: usize) -> Self {
        Self {
            limits,
            output_bytes: limits.output_of_batch(records),
            record: 0,
            transformed: Transformed::default(),
            known: HashMap::new(),
            names: 0,
            json: JsonChecker::new(limits.lake_json),
        }
    }

    /// Quarantines the next record.
    pub(super) fn reject(&mut self, reason: Reason) {
        self.transformed.quarantined.push(Quarantined {
            record: self.record,
            reason,
        });
        self.record += 1;
    }

    /// Quarantines the next record because of a fault that another run may not repeat.
    pub(super) fn reject_resource_fault(&mut self, fault: Fault, reason: Reason) {
        let record = self.record;
        self.transformed
            .resource_faults
            .push(ResourceFault { record, fault });
        self.reject(reason);
    }

    /// Adds the events of the next record; without events, the record is dropped.
    pub(super) fn events(&mut self, events: &[records::Event]) {
        if events.is_empty() {
            self.drop_record();
            return;
        }
        let mark = self.mark();
        match self.try_events(events) {
            Ok(()) => self.end_record(),
            Err(violation) => drop(self.roll_back(mark, violation)),
        }
    }

    /// How much the outcome has before a record.
    #[inline]
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            data: self.transformed.data.len(),
            events: self.transformed.events.len(),
            partitions: self.transformed.partitions.len(),
        }
    }

    /// Quarantines the next record, and removes what it has added after `mark`. Returns the number of partitions
    /// that are left.
    #[cold]
    pub(crate) fn roll_back(&mut self, mark: Mark, violation: Violation) -> u32 {
        self.transformed.data.truncate(mark.data);
        self.transformed.events.truncate(mark.events);
        self.forget_partitions(mark.partitions);
        match violation {
            Violation::OfRecord(reason) => self.reject(reason),
            Violation::OfBatch(reason) => {
                self.reject_resource_fault(Fault::InvalidOutput, reason);
            }
        }
        offset(mark.partitions)
    }

    /// Ends the next record, whose events have been added.
    #[inline]
    pub(crate) fn end_record(&mut self) {
        self.record += 1;
    }

    /// Drops the next record.
    #[inline]
    pub(crate) fn drop_record(&mut self) {
        self.transformed.dropped += 1;
        self.record += 1;
    }

    /// The number of the next record in its batch.
    #[inline]
    pub(crate) fn next_record(&self) -> u32 {
        self.record
    }

    fn try_events(&mut self, events: &[records::Event]) -> Result<(), Violation> {
        let total = events.iter().map(|event| event.data.len()).sum();
        self.check_record(total)?;
        self.check_room(total, events.len())?;
        events.iter().try_for_each(|event| self.event(event))
    }

    fn event(&mut self, event: &records::Event) -> Result<(), Violation> {
        let routes = check_routes(event.routes)?;
        let path = check_partition(&event.partition)?;
        self.json.check(&event.data, routes)?;
        let partition = self.intern(path)?;
        let start = self.transformed.data.len();
        self.transformed.data.extend_from_slice(&event.data);
        flatten_lines(self.data_from(start));
        self.push_event(start, partition, routes);
        Ok(())
    }

    /// The length of the data of all events so far.
    #[inline]
    pub(crate) fn data_len(&self) -> usize {
        self.transformed.data.len()
    }

    /// The data of events from an offset on.
    #[inline]
    pub(crate) fn data_from(&mut self, start: usize) -> &mut [u8] {
        &mut self.transformed.data[start..]
    }

    /// Has memory for events of `bytes` in total.
    pub(crate) fn reserve(&mut self, events: usize, bytes: usize) {
        self.transformed.events.reserve(events);
        self.transformed.data.reserve(bytes);
    }

    /// Appends an object with its edits to the data, and returns where it begins.
    #[inline]
    pub(crate) fn append_event<'v>(
        &mut self,
        object: &Object<'_>,
        names: &MemberNames,
        edit: impl Fn(usize) -> Edit<'v>,
    ) -> usize {
        let start = self.transformed.data.len();
        object.append_edited(names, edit, &mut self.transformed.data);
        start
    }

    /// Whether a record with one event of `bytes` fits its limit and its batch.
    #[inline]
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        bytes <= self.limits.output_bytes && self.has_room(bytes, 1)
    }

    /// The most events that a batch has room for.
    pub(crate) fn events_max(&self) -> usize {
        self.output_bytes / Event::OVERHEAD_BYTES
    }

    /// Adds a record with one event of `bytes`, which `write` writes.
    #[inline]
    pub(crate) fn add_event(
        &mut self,
        bytes: usize,
        partition: u32,
        routes: Routes,
        write: impl FnOnce(&mut [u8]),
    ) {
        let start = self.transformed.data.len();
        self.transformed.data.resize(start + bytes, 0);
        write(&mut self.transformed.data[start..]);
        self.push_event(start, partition, routes);
        self.end_record();
    }

    /// Adds an event whose data begins at `start` and ends where the data does.
    #[inline]
    pub(crate) fn push_event(&mut self, start: usize, partition: u32, routes: Routes) {
        self.transformed.events.push(Event {
            record: self.record,
            start: offset(start),
            end: offset(self.transformed.data.len()),
            partition,
            routes,
        });
    }

    /// Checks the event whose data begins at `start`.
    #[cold]
    pub(crate) fn check_event(&mut self, start: usize, routes: Routes) -> Result<(), Reason> {
        self.json.check(&self.transformed.data[start..], routes)
    }

    /// Checks the value that a member gets. Returns whether an event that keeps to the profile certainly does so
    /// with it.
    #[inline]
    pub(crate) fn check_member(&mut self, name: &str, value: &[u8]) -> Result<bool, Reason> {
        self.json
            .check_member(value)
            .or_else(|error| invalid(format!("member {name:?}: not one JSON value: {error}")))
    }

    /// The index of a partition, which is added if it is new.
    #[inline]
    pub(crate) fn intern(&mut self, path: PartitionPath) -> Result<u32, Violation> {
        if let Some(index) = self.known.get(&path) {
            return Ok(*index);
        }
        let bytes = 2 * path.as_str().len();
        self.check_room(bytes, 0)?;
        self.names += bytes;
        let index = offset(self.transformed.partitions.len());
        self.transformed.partitions.push(path.clone());
        self.known.insert(path, index);
        Ok(index)
    }

    /// Removes the partitions of a record that is rejected.
    fn forget_partitions(&mut self, mark: usize) {
        for path in self.transformed.partitions.drain(mark..) {
            self.names -= 2 * path.as_str().len();
            self.known.remove(&path);
        }
    }

    #[inline]
    pub(crate) fn check_record(&self, bytes: usize) -> Result<(), Reason> {
        let limit = self.limits.output_bytes;
        if bytes > limit {
            return invalid(format!(
                "{bytes} bytes of events, limits.output_bytes is {limit}"
            ));
        }
        Ok(())
    }

    #[inline]
    fn has_room(&self, bytes: usize, events: usize) -> bool {
        let overhead = (self.transformed.events.len() + events) * Event::OVERHEAD_BYTES;
        self.transformed.data.len() + bytes + overhead + self.names <= self.output_bytes
    }

    /// Checks that `events` more events of `bytes` in total do not exceed the size limit.
    #[inline]
    pub(crate) fn check_room(&self, bytes: usize, events: usize) -> Result<(), Violation> {
        if !self.has_room(bytes, events) {
            let limit = self.output_bytes;
            let why = format!(
                "the events of this batch would take more than {limit} bytes, {} for each besides its JSON",
                Event::OVERHEAD_BYTES
            );
            let reason = Reason::fault(Fault::InvalidOutput, why);
            return Err(Violation::OfBatch(reason));
        }
        Ok(())
    }

    /// The outcome of the batch.
    #[must_use]
    pub(super) fn finish(self) -> Transformed {
        self.transformed
    }
}

pub(crate) fn check_routes(routes: rules::Routes) -> Result<Routes, Reason> {
    if routes == rules::Routes::empty() {
        return invalid("an event without a route; to drop a record return no events".into());
    }
    Ok(routes.into())
}

impl From<rules::Routes> for Routes {
    #[inline]
    fn from(routes: rules::Routes) -> Self {
        Self {
            lake: routes.contains(rules::Routes::LAKE),
            bus: routes.contains(rules::Routes::BUS),
        }
    }
}

pub(crate) fn check_partition(pairs: &[(String, String)]) -> Result<PartitionPath, Reason> {
    PartitionPath::from_pairs(pairs).or_else(|error| invalid(error.to_string()))
}

/// Replaces line breaks by spaces, because an event must be one line. In JSON, a line break can only be
/// between tokens, where a space is equivalent.
pub(crate) fn flatten_lines(data: &mut [u8]) {
    if has_breaks(data) {
        for byte in data {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

fn has_breaks(data: &[u8]) -> bool {
    memchr::memchr2(b'\n', b'\r', data).is_some()
}

pub(crate) fn invalid<T>(message: String) -> Result<T, Reason> {
    Err(Reason::fault(Fault::InvalidOutput, message))
}

/// Offsets and indexes within a batch, whose data is limited to far less than 4 GiB.
pub(crate) fn offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Why a record is not given to a transform.
pub(crate) fn too_large(bytes: usize, limits: &Limits) -> Reason {
    let limit = limits.record_bytes;
    let message = format!("the record has {bytes} bytes, limits.record_bytes is {limit}");
    Reason::fault(Fault::RecordTooLarge, message)
}
