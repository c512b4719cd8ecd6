//! Batch calls and calls per record: whole records in, events out. A record is scanned once, the transform gets its
//! members, and its edits are applied.

use json_scan::edit::{Edit, Object};
use json_scan::members::Members;
use json_scan::{Kind, SyntaxError};

use crate::Transform;
use crate::configured::Configured;
use crate::destinations::{Destination, Routes};
use crate::events::{Events, offset};
use crate::record::{MetadataLists, Record};
use crate::rejection::Rejection;
use crate::time::LastDay;

/// How many bytes a transform is expected to add to an event, for the first allocation.
const LIKELY_GAIN_BYTES: usize = 128;

/// Consecutive records of one shard: the contract's `record-batch`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordBatch<'a> {
    /// The data of all records, concatenated.
    pub data: &'a [u8],
    /// One end offset in `data` for each record. An end that does not fit the data makes an empty record; the host does
    /// not send one.
    pub data_ends: &'a [u32],
    /// The metadata of all records.
    pub metadata: MetadataLists<'a>,
}

impl<'a> RecordBatch<'a> {
    /// Records without metadata, whose ends in `data` are `data_ends`.
    #[must_use]
    pub fn new(data: &'a [u8], data_ends: &'a [u32]) -> Self {
        Self {
            data,
            data_ends,
            ..Self::default()
        }
    }
}

/// The outcome of a batch: the contract's `outcome-batch`.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The number of events of each record.
    pub event_counts: Vec<u32>,
    /// The data of all events, concatenated.
    pub data: Vec<u8>,
    /// One end offset in `data` for each event.
    pub data_ends: Vec<u32>,
    /// The distinct partitions of the events.
    pub partitions: Vec<Vec<(String, String)>>,
    /// For each event, the index of its partition.
    pub partition_indexes: Vec<u32>,
    /// For each event, where it goes.
    pub routes: Vec<Routes>,
    /// The index and the rejection of each rejected record, in ascending order.
    pub rejections: Vec<(u32, Rejection)>,
}

/// An event of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputEvent {
    /// One JSON value.
    pub data: Vec<u8>,
    /// Its partition and routes.
    pub destination: Destination,
}

/// Transforms a batch of records.
pub fn transform_batch<T: Transform>(
    configured: &Configured<T>,
    batch: &RecordBatch<'_>,
) -> Outcome {
    let records = batch.data_ends.len();
    let mut scan = RecordScan::new(configured, records);
    let mut data = Vec::with_capacity(batch.data.len() + LIKELY_GAIN_BYTES * records);
    let mut data_ends = Vec::with_capacity(records);
    let mut destination_indexes = Vec::with_capacity(records);
    let mut event_counts = Vec::with_capacity(records);
    let mut rejections = Vec::new();
    let mut start = 0;
    for (index, &end) in (0..).zip(batch.data_ends) {
        let end = end as usize;
        let text = batch.data.get(start..end).unwrap_or_default();
        start = end;
        match scan.transform(text, &batch.metadata, index as usize) {
            Ok(count) => {
                event_counts.push(count);
                for event in 0..count as usize {
                    scan.append_event(text, event, &mut data);
                    data_ends.push(offset(data.len()));
                }
                destination_indexes.extend_from_slice(&scan.events.destination_indexes);
            }
            Err(rejection) => {
                event_counts.push(0);
                rejections.push((index, rejection));
            }
        }
        scan.events.clear();
    }
    let destinations = scan.events.destinations.into_vec();
    let mut outcome = Outcome {
        event_counts,
        data,
        data_ends,
        partitions: Vec::new(),
        partition_indexes: Vec::new(),
        routes: Vec::new(),
        rejections,
    };
    outcome.set_destinations(destinations, destination_indexes);
    outcome
}

/// Transforms one record.
///
/// # Errors
/// Why the record is rejected.
pub fn transform_record<T: Transform>(
    configured: &Configured<T>,
    text: &[u8],
    metadata: &MetadataLists<'_>,
) -> Result<Vec<OutputEvent>, Rejection> {
    let mut scan = RecordScan::new(configured, 1);
    let count = scan.transform(text, metadata, 0)?;
    let event = |event| {
        let mut data = Vec::with_capacity(text.len() + LIKELY_GAIN_BYTES);
        scan.append_event(text, event, &mut data);
        let index = scan.events.destination_indexes.get(event)?;
        let destination = scan.events.destinations.get(*index)?.clone();
        Some(OutputEvent { data, destination })
    };
    Ok((0..count as usize).filter_map(event).collect())
}

impl Outcome {
    /// Sets the partition and the routes of each event, by the index of its destination. Destinations that differ in
    /// routes only share a partition.
    pub fn set_destinations(&mut self, destinations: Vec<Destination>, indexes: Vec<u32>) {
        let routes: Vec<_> = destinations.iter().map(|it| it.routes).collect();
        let route = |&index: &u32| routes.get(index as usize).copied();
        self.routes = indexes.iter().filter_map(route).collect();
        if routes.windows(2).all(|pair| pair[0] == pair[1]) {
            self.partitions = destinations.into_iter().map(|it| it.partition).collect();
            self.partition_indexes = indexes;
            return;
        }
        let mut partition_of = Vec::with_capacity(destinations.len());
        for destination in destinations {
            let mut known = self.partitions.iter();
            let known = known.position(|known| *known == destination.partition);
            partition_of.push(offset(known.unwrap_or(self.partitions.len())));
            if known.is_none() {
                self.partitions.push(destination.partition);
            }
        }
        let partition = |&index: &u32| partition_of.get(index as usize).copied();
        self.partition_indexes = indexes.iter().filter_map(partition).collect();
    }
}

/// What is reused from one record to the next: the members of the record that was scanned last, and its events.
struct RecordScan<'c, T> {
    configured: &'c Configured<T>,
    members: Members,
    starts: Vec<u32>,
    ends: Vec<u32>,
    repeated: Vec<u32>,
    last_day: LastDay,
    events: Events,
}

impl<'c, T: Transform> RecordScan<'c, T> {
    fn new(configured: &'c Configured<T>, records: usize) -> Self {
        Self {
            configured,
            members: Members::default(),
            starts: Vec::new(),
            ends: Vec::new(),
            repeated: Vec::new(),
            last_day: LastDay::default(),
            events: Events::new(
                &configured.declaration.writes,
                records.min(1),
                LIKELY_GAIN_BYTES,
            ),
        }
    }

    /// Scans and transforms a record. Returns the number of its events. A record that is rejected leaves no events.
    /// Both kinds of calls share this code, because it is large.
    #[inline(never)]
    fn transform(
        &mut self,
        text: &[u8],
        metadata: &MetadataLists<'_>,
        index: usize,
    ) -> Result<u32, Rejection> {
        match self.members.find(text, self.configured.names()) {
            Ok(Kind::Object) => {}
            Ok(kind) => return Err(Rejection::not_an_object(kind)),
            Err(error) => return Err(Rejection::invalid_json(error)),
        }
        self.set_items();
        let record = Record {
            reads: &self.configured.declaration.reads,
            declared_metadata: self.configured.declaration.metadata,
            text,
            starts: &self.starts,
            ends: &self.ends,
            repeated: &self.repeated,
            first_item: 0,
            last_day: &self.last_day,
            metadata,
            index,
        };
        let mark = self.events.mark();
        let outcome = self.configured.rules.transform(&record, &mut self.events);
        let outcome = outcome
            .and_then(|()| self.check_values())
            .and_then(|()| self.check_cuts(text));
        if let Err(rejection) = outcome {
            self.events.roll_back(mark);
            return Err(rejection);
        }
        Ok(self.events.end_record(mark))
    }

    /// Checks that the edits of the record are not too much work, as the host does.
    #[inline(always)]
    fn check_cuts(&self, text: &[u8]) -> Result<(), Rejection> {
        let outline = self.members.outline();
        if outline.written.is_empty() {
            return Ok(());
        }
        // A record that is dropped has no edits.
        let events = self.events.destination_indexes.len();
        let checked = match events {
            0 => Ok(()),
            _ => Object { text, outline }.check_cuts(events),
        };
        checked.map_err(|why| Rejection::new("invalid_output", why))
    }

    /// Sets the ranges of the values that are read. If only the kind of a member is declared, it is the first byte, as
    /// in a call by fields.
    #[inline(always)]
    fn set_items(&mut self) {
        self.starts.clear();
        self.ends.clear();
        self.repeated.clear();
        let reads = self.configured.declaration.reads.iter();
        for (read, member) in reads.zip(self.members.reads()) {
            let value = member.value().unwrap_or_default();
            let end = if read.wants_value() {
                value.end
            } else {
                value.end.min(value.start + 1)
            };
            self.starts.push(offset(value.start));
            self.ends.push(offset(end));
            if member.repeated {
                self.repeated.push(read.number());
            }
        }
    }

    /// Checks the values that can be other than JSON, in the order of the events and of the writes.
    #[inline(always)]
    fn check_values(&mut self) -> Result<(), Rejection> {
        if self.events.unchecked.is_empty() {
            return Ok(());
        }
        self.check_unchecked()
    }

    #[cold]
    fn check_unchecked(&mut self) -> Result<(), Rejection> {
        let writes = &self.configured.declaration.writes;
        for &item in &self.events.unchecked {
            let value = self.events.value(item as usize);
            // An item that was removed afterwards is empty.
            if value.is_empty() {
                continue;
            }
            if let Err(error) = json_scan::check(value) {
                let write = writes.get(item as usize % writes.len());
                return Err(invalid_output(
                    write.map_or("", |write| write.name()),
                    error,
                ));
            }
        }
        Ok(())
    }

    /// Appends an event of the record that was transformed last.
    #[inline(never)]
    fn append_event(&self, text: &[u8], event: usize, out: &mut Vec<u8>) {
        let events = &self.events;
        let first = event * self.configured.declaration.writes.len();
        let edit = |write: usize| {
            let item = first + write;
            let value = events.value(item);
            if !value.is_empty() {
                Edit::Set(value)
            } else if !events.removed.is_empty()
                && events.removed.binary_search(&offset(item)).is_ok()
            {
                Edit::Remove
            } else {
                Edit::Keep
            }
        };
        let outline = self.members.outline();
        let is_empty = events.empty_events.binary_search(&offset(event)).is_ok();
        let object = if is_empty {
            Object::EMPTY
        } else {
            Object { text, outline }
        };
        object.append_edited(self.configured.names(), edit, out);
    }
}

#[cold]
fn invalid_output(name: &str, error: SyntaxError) -> Rejection {
    let message = format!("member {name:?}: not one JSON value: {error}");
    Rejection::new("invalid_output", message)
}

#[cfg(test)]
mod tests;
